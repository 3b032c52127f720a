/* update.c: from gradients to weights. */
#include "train/update.h"

#include <string.h>

#include "math/vector.h"
#include "train/average.h"

/* A tile's weights, gradient and states stay in a core's cache while it is worked on. */
enum {
    WEIGHTS_PER_TILE = 8192,
    LANES = 16
};

bool mote_update_waits(const mote_trainer *trainer) {
    return trainer->options.accumulate > 1 || trainer->options.clip_gradient_norm > 0;
}

/* ---- one slice ---- */

static void update(const mote_trainer *trainer, const mote_parameter *parameter, size_t begin,
                   size_t count, const mote_real *gradient) {
    const mote_optimizer *optimizer = trainer->options.optimizer;
    mote_slice slice = {.count = count,
                        .weights = parameter->value + begin,
                        .gradient = gradient,
                        .decay = parameter->decay || optimizer->decay_all};
    for (size_t i = 0; i < MOTE_MAX_STATES && parameter->states[i]; i++) {
        slice.states[i] = parameter->states[i] + begin;
    }
    optimizer->kind->update(optimizer, &trainer->step, &slice);
    mote_average_slice(trainer, parameter, begin, count);
}

void mote_update_slice(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                       size_t count, const mote_real *gradient) {
    update(pass->ready_context, parameter, begin, count, gradient);
}

/* ---- tiles ---- */

static size_t count_tiles(const mote_model *model) {
    size_t count = 0;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        count += parameter->buffer ? 0 : (parameter->count - 1) / WEIGHTS_PER_TILE + 1;
    }
    return count;
}

static void list_tiles(const mote_model *model, mote_weight_tile *tile) {
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        size_t end = parameter->buffer ? 0 : parameter->count;
        for (size_t begin = 0; begin < end; begin += WEIGHTS_PER_TILE, tile++) {
            size_t left = end - begin;
            *tile = (mote_weight_tile){.parameter = parameter,
                                       .begin = begin,
                                       .count = left < WEIGHTS_PER_TILE ? left : WEIGHTS_PER_TILE};
        }
    }
}

void mote_update_carve(mote_trainer *trainer, mote_arena *arena) {
    if (!mote_update_waits(trainer) && !trainer->options.metrics.norms) {
        return;
    }
    trainer->tile_count = count_tiles(trainer->model);
    trainer->tiles = mote_arena_take(arena, trainer->tile_count, sizeof *trainer->tiles);
    trainer->squares = mote_arena_take(arena, trainer->tile_count, sizeof *trainer->squares);
    if (trainer->tiles) {
        list_tiles(trainer->model, trainer->tiles);
    }
}

/* ---- everything at once ---- */

static void clear_tile(void *context, size_t index) {
    const mote_weight_tile *tile = (const mote_weight_tile *)context + index;
    mote_real *gradient = tile->parameter->gradient + tile->begin;
    memset(gradient, 0, tile->count * sizeof *gradient);
}

void mote_update_clear(const mote_trainer *trainer) {
    mote_pool_run(trainer->pool, trainer->tile_count, clear_tile, trainer->tiles);
}

/* In double precision, where no square of a float overflows. */
MOTE_MULTIVERSION
static double sum_squares(size_t count, const mote_real *numbers) {
    double lanes[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            double number = (double)numbers[i + k];
            lanes[k] += number * number;
        }
    }
    for (; i < count; i++) {
        sum += (double)numbers[i] * (double)numbers[i];
    }
    for (size_t k = 0; k < LANES; k++) {
        sum += lanes[k];
    }
    return sum;
}

static void square_gradients(void *context, size_t index) {
    const mote_trainer *trainer = context;
    const mote_weight_tile *tile = &trainer->tiles[index];
    trainer->squares[index] = sum_squares(tile->count, tile->parameter->gradient + tile->begin);
}

static void square_weights(void *context, size_t index) {
    const mote_trainer *trainer = context;
    const mote_weight_tile *tile = &trainer->tiles[index];
    trainer->squares[index] = sum_squares(tile->count, tile->parameter->value + tile->begin);
}

void mote_update_square(mote_trainer *trainer, mote_squared squared) {
    mote_pool_run(trainer->pool, trainer->tile_count,
                  squared == MOTE_SQUARE_GRADIENTS ? square_gradients : square_weights, trainer);
}

double mote_update_norm(mote_trainer *trainer) {
    mote_update_square(trainer, MOTE_SQUARE_GRADIENTS);
    double sum = 0;
    for (size_t i = 0; i < trainer->tile_count; i++) { /* always in this order, for the same sum */
        sum += trainer->squares[i];
    }
    return sqrt(sum);
}

typedef struct update_job {
    const mote_trainer *trainer;
    mote_real factor;
} update_job;

MOTE_MULTIVERSION
static void scale(size_t count, mote_real factor, mote_real *numbers) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] *= factor;
    }
}

static void update_tile(void *context, size_t index) {
    const update_job *job = context;
    const mote_weight_tile *tile = &job->trainer->tiles[index];
    mote_real *gradient = tile->parameter->gradient + tile->begin;
    if (job->factor < 1) {
        scale(tile->count, job->factor, gradient);
    }
    update(job->trainer, tile->parameter, tile->begin, tile->count, gradient);
}

void mote_update_all(const mote_trainer *trainer, double factor) {
    update_job job = {.trainer = trainer, .factor = (mote_real)factor};
    mote_pool_run(trainer->pool, trainer->tile_count, update_tile, &job);
}
