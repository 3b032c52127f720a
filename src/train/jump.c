/* jump.c: finding the step that made weights large. */
#include "train/jump.h"

#include <math.h>
#include <stdlib.h>

#include "train/snapshot.h"
#include "train/step.h"

/* No useful step makes the largest of all weights this much larger, unless the weights start close
 * to 0: then they count as if they were of ordinary size. */
static const double LEAST_GROWTH = 100, ORDINARY = 0.1;

double mote_largest_weight(const mote_model *model, const char **parameter) {
    double largest = 0;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *p = model->parameters[i].parameter;
        for (size_t k = 0; k < p->count && !p->buffer; k++) {
            double weight = fabs((double)p->value[k]);
            if (weight > largest) {
                largest = weight;
                *parameter = model->parameters[i].name;
            }
        }
    }
    return largest;
}

/* Runs steps until `steps` are done or one is a jump. */
static bool find_step(mote_trainer *trainer, uint64_t steps, mote_jump *jump) {
    *jump = (mote_jump){0};
    jump->after = mote_largest_weight(trainer->model, &jump->parameter);
    while (trainer->position.step < steps && mote_trainer_step(trainer, NULL) == MOTE_OK) {
        jump->before = jump->after;
        jump->after = mote_largest_weight(trainer->model, &jump->parameter);
        if (jump->after > LEAST_GROWTH * fmax(jump->before, ORDINARY)) {
            jump->step = trainer->position.step;
            return true;
        }
    }
    return false;
}

/* ---- its samples ---- */

/* Computes the losses [samples of the step] of the next step's samples. */
static void measure_samples(mote_trainer *trainer, size_t count, double *losses) {
    mote_random random = trainer->position.layers_random;
    for (size_t done = 0; done < count;) {
        size_t rows = mote_trainer_gather(trainer, done);
        mote_pass pass = {
            .pool = trainer->pool, .batch = rows, .training = true, .random = &random};
        const mote_real *z = mote_model_forward(trainer->model, &pass, trainer->batch.x);
        for (size_t i = 0; i < rows; i++) {
            losses[done + i] = mote_trainer_row_loss(trainer, z, i);
        }
        done += rows;
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Finds the worst and the median loss; sorts the losses. */
static void judge_losses(size_t count, double *losses, mote_jump *jump) {
    size_t worst = 0;
    for (size_t i = 0; i < count; i++) {
        worst = losses[i] > losses[worst] ? i : worst;
    }
    jump->worst_sample = jump->samples[worst];
    jump->worst_loss = losses[worst];
    qsort(losses, count, sizeof *losses, compare);
    jump->median_loss = losses[count / 2];
}

bool mote_jump_find(mote_trainer *trainer, mote_jump *jump) {
    mote_position now = trainer->position;
    mote_snapshot_restore(trainer);
    bool found = find_step(trainer, now.step, jump);
    if (found) {
        mote_snapshot_replay(trainer, jump->step - 1);
        mote_step_samples samples = mote_trainer_next_samples(trainer);
        double *losses = malloc(samples.count * sizeof *losses);
        jump->samples = trainer->order + samples.begin;
        jump->sample_count = samples.count;
        if (losses) {
            measure_samples(trainer, samples.count, losses);
            judge_losses(samples.count, losses, jump);
        }
        found = losses != NULL;
        free(losses);
        mote_snapshot_replay(trainer, now.step);
    }
    trainer->position = now;
    return found;
}
