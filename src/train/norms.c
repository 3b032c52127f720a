/* norms.c: the Euclidean norms of weights and gradients. */
#include "train/norms.h"

#include <math.h>
#include <string.h>

#include "train/update.h"

void mote_norms_carve(mote_trainer *trainer, mote_arena *arena) {
    if (!trainer->options.metrics.norms) {
        return;
    }
    const mote_model *model = trainer->model;
    trainer->norms = mote_arena_take(arena, model->parameter_count, sizeof *trainer->norms);
    trainer->norm_count = 0;
    trainer->norms_step = UINT64_MAX;
    for (size_t i = 0; i < model->parameter_count; i++) {
        if (trainer->norms && !model->parameters[i].parameter->buffer) {
            trainer->norms[trainer->norm_count++].parameter = model->parameters[i].name;
        }
    }
}

bool mote_norms_due(const mote_trainer *trainer) {
    const mote_position *p = &trainer->position;
    const mote_metrics_options *options = &trainer->options.metrics;
    uint64_t next = p->step + 1;
    bool ends_epoch = p->epoch_step + 1 == trainer->epoch_steps || next == trainer->total_steps;
    return options->norms &&
           (ends_epoch || (options->every_steps > 0 && next % options->every_steps == 0));
}

void mote_norms_keep_slice(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                           size_t count, const mote_real *gradient) {
    mote_real *kept = parameter->gradient + begin;
    if (kept != gradient) {
        memcpy(kept, gradient, count * sizeof *kept);
    }
    mote_update_slice(pass, parameter, begin, count, gradient);
}

/* A parameter's tiles are consecutive, and parameters are in the order of the model. */
static double norm_of_next(const mote_trainer *trainer, size_t *tile) {
    const mote_parameter *parameter = trainer->tiles[*tile].parameter;
    double sum = 0;
    for (; *tile < trainer->tile_count && trainer->tiles[*tile].parameter == parameter; ++*tile) {
        sum += trainer->squares[*tile];
    }
    return sqrt(sum);
}

void mote_norms_of_gradients(mote_trainer *trainer) {
    mote_update_square(trainer, MOTE_SQUARE_GRADIENTS);
    for (size_t i = 0, tile = 0; i < trainer->norm_count; i++) {
        trainer->norms[i].gradient = norm_of_next(trainer, &tile);
    }
}

void mote_norms_of_weights(mote_trainer *trainer) {
    mote_update_square(trainer, MOTE_SQUARE_WEIGHTS);
    for (size_t i = 0, tile = 0; i < trainer->norm_count; i++) {
        trainer->norms[i].weight = norm_of_next(trainer, &tile);
    }
    trainer->norms_step = trainer->position.step;
}

void mote_norms_complete(mote_trainer *trainer) {
    if (trainer->options.metrics.norms && !mote_norms_known(trainer)) {
        mote_norms_of_weights(trainer);
        for (size_t i = 0; i < trainer->norm_count; i++) {
            trainer->norms[i].gradient = (double)NAN;
        }
    }
}

bool mote_norms_known(const mote_trainer *trainer) {
    return trainer->options.metrics.norms && trainer->norms_step == trainer->position.step;
}
