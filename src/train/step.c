/* step.c: one step of training: batches forward and backward, and the update of the weights. */
#include "train/step.h"

#include <math.h>
#include <string.h>

#include "data/dataset.h"
#include "train/average.h"
#include "train/norms.h"
#include "train/update.h"

static mote_progress progress_of(const mote_trainer *trainer) {
    return (mote_progress){.step = trainer->position.step,
                           .total_steps = trainer->total_steps,
                           .steps_per_epoch = trainer->epoch_steps,
                           .state = trainer->position.schedule_state};
}

double mote_trainer_next_rate(const mote_trainer *trainer) {
    return trainer->options.optimizer->learning_rate *
           mote_schedule_factor(trainer->options.schedule, progress_of(trainer));
}

void mote_trainer_tell_schedule(mote_trainer *trainer) {
    bool whole = trainer->position.epoch_step == trainer->epoch_steps;
    if (whole && trainer->validation.samples > 0) { /* else the epoch may yet continue */
        mote_schedule_observe(trainer->options.schedule, progress_of(trainer),
                              trainer->validation.loss, trainer->validation.accuracy,
                              trainer->position.schedule_state);
    }
}

static mote_status fail_diverged(const mote_trainer *trainer, const char *what, double found,
                                 mote_error *error) {
    const mote_position *p = &trainer->position;
    return mote_fail(error, MOTE_DIVERGED,
                     "%s became %s in epoch %llu, step %llu, at a learning rate of %g; try a lower "
                     "one, a warm-up, or another normalization of the data",
                     what, isnan(found) ? "NaN" : "infinite", (unsigned long long)p->epoch + 1,
                     (unsigned long long)p->step + 1, trainer->learning_rate);
}

/* ---- samples ---- */

/* The order depends on seed and epoch alone, so a resumed run gets the same one. */
static void order_samples(mote_trainer *trainer) {
    if (trainer->ordered == trainer->position.epoch + 1) {
        return;
    }
    trainer->ordered = trainer->position.epoch + 1;
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_TRAINING);
    memcpy(trainer->order, part.indexes, part.count * sizeof *part.indexes);
    if (trainer->options.shuffle) {
        mote_random random =
            mote_random_create(trainer->seed, MOTE_RANDOM_SHUFFLE, trainer->position.epoch);
        mote_random_shuffle(&random, trainer->order, part.count);
    }
}

/* Where the next step begins in the order. */
static size_t begin_of_step(const mote_trainer *trainer) {
    size_t steps = trainer->repeats_step ? 0 : (size_t)trainer->position.epoch_step;
    return steps * mote_trainer_step_samples(trainer);
}

size_t mote_trainer_gather(mote_trainer *trainer, size_t done) {
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_TRAINING);
    order_samples(trainer);
    size_t begin = begin_of_step(trainer) + done, left = part.count - begin;
    size_t count = left < trainer->options.batch_size ? left : trainer->options.batch_size;
    const mote_batch *batch = &trainer->batch;
    mote_gather_augmented(part.samples, &trainer->model->preprocessing, trainer->augmenter,
                          trainer->position.epoch, trainer->pool, trainer->order + begin, count,
                          batch->x, batch->labels, batch->values);
    return count;
}

/* ---- a step ---- */

/* The weight covers all batches of the step and is needed before the first: each one's gradients
 * are divided by it. */
mote_step_samples mote_trainer_next_samples(mote_trainer *trainer) {
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_TRAINING);
    const mote_real *class_weights = mote_dataset_class_weights(trainer->dataset);
    order_samples(trainer);
    size_t begin = begin_of_step(trainer), left = part.count - begin;
    size_t most = mote_trainer_step_samples(trainer), count = left < most ? left : most;
    mote_step_samples samples = {
        .begin = begin, .count = count, .weight = class_weights ? 0 : (double)count};
    for (size_t i = begin; class_weights && i < begin + count; i++) {
        samples.weight += (double)class_weights[part.samples->labels[trainer->order[i]]];
    }
    return samples;
}

mote_targets mote_trainer_targets(const mote_trainer *trainer) {
    const mote_batch *batch = &trainer->batch;
    bool labels = mote_dataset_part(trainer->dataset, MOTE_TRAINING).samples->labels;
    return (mote_targets){.labels = labels ? batch->labels : NULL,
                          .values = labels ? NULL : batch->values};
}

double mote_trainer_row_loss(const mote_trainer *trainer, const mote_real *z, size_t row) {
    const mote_output *output = trainer->model->output;
    size_t width = output->width, target_width = output->classes ? output->classes : width;
    mote_targets all = mote_trainer_targets(trainer);
    mote_targets one = {.labels = all.labels ? all.labels + row : NULL,
                        .values = all.values ? all.values + row * target_width : NULL};
    mote_score score = {0};
    output->kind->score(output, 1, z + row * width, one, 0, NULL, &score);
    return score.loss;
}

/* Runs the next batch of a step, after `done` samples: forward and, if the loss is finite,
 * backward, with gradients times `scale`. Returns its number of samples. */
static size_t run_batch(mote_trainer *trainer, size_t done, mote_real scale, mote_score *score) {
    mote_model *model = trainer->model;
    bool waits = mote_update_waits(trainer), norms = mote_norms_due(trainer);
    size_t count = mote_trainer_gather(trainer, done);
    mote_pass pass = {.pool = trainer->pool,
                      .batch = count,
                      .training = true,
                      .random = &trainer->position.layers_random,
                      .ready = waits   ? NULL
                               : norms ? mote_norms_keep_slice
                                       : mote_update_slice,
                      .ready_context = trainer};
    const mote_real *z = mote_model_forward(model, &pass, trainer->batch.x);
    *score = mote_model_score_weighted(model, &pass, z, mote_trainer_targets(trainer),
                                       mote_dataset_class_weights(trainer->dataset), scale);
    if (isfinite(score->loss)) {
        mote_model_backward(model, &pass);
    }
    return count;
}

/* Runs the batches of a step, whose gradients add up to that of the mean over all its samples. */
static mote_status run_batches(mote_trainer *trainer, mote_step_samples samples, mote_score *sum,
                               mote_error *error) {
    mote_real scale = (mote_real)(1 / samples.weight);
    for (size_t done = 0; done < samples.count;) {
        mote_score score;
        done += run_batch(trainer, done, scale, &score);
        if (!isfinite(score.loss)) {
            return fail_diverged(trainer, "the loss", score.loss, error);
        }
        sum->loss += score.loss;
        sum->correct += score.correct;
    }
    return MOTE_OK;
}

/* The factor that limits the norm to clip_gradient_norm: min(1, most / (norm + 10⁻⁶)), as in
 * PyTorch (Pascanu et al., "On the difficulty of training recurrent neural networks", 2013). */
static mote_status clip(mote_trainer *trainer, double *factor, mote_error *error) {
    double most = trainer->options.clip_gradient_norm;
    *factor = 1;
    if (most > 0) {
        double norm = mote_update_norm(trainer);
        if (!isfinite(norm)) {
            return fail_diverged(trainer, "the norm of the gradient", norm, error);
        }
        *factor = fmin(1, most / (norm + 1e-6));
    }
    return MOTE_OK;
}

/* Called when all gradients are complete, and the weights already updated unless updates wait. */
static mote_status finish_gradients(mote_trainer *trainer, mote_error *error) {
    bool waits = mote_update_waits(trainer);
    double factor = 1;
    mote_status status = waits ? clip(trainer, &factor, error) : MOTE_OK;
    if (status == MOTE_OK && mote_norms_due(trainer)) {
        mote_norms_of_gradients(trainer);
    }
    if (status == MOTE_OK && waits) {
        mote_update_all(trainer, factor);
    }
    return status;
}

/* Adds the step and its figures to the position. */
static void count_step(mote_trainer *trainer, const mote_step_samples *samples,
                       const mote_score *sum) {
    mote_position *p = &trainer->position;
    double loss = sum->loss * ((double)samples->count / samples->weight);
    p->step++;
    p->learning_rate = trainer->learning_rate;
    p->epoch_step++;
    p->epoch_samples += samples->count;
    p->epoch_loss += loss;
    p->epoch_correct += sum->correct;
    if (trainer->options.metrics.every_steps > 0) {
        p->interval_steps++;
        p->interval_samples += samples->count;
        p->interval_loss += loss;
        p->interval_correct += sum->correct;
    }
}

mote_status mote_trainer_step(mote_trainer *trainer, mote_error *error) {
    mote_position *p = &trainer->position;
    mote_step_samples samples = mote_trainer_next_samples(trainer);
    mote_random before = p->layers_random;
    bool norms = mote_norms_due(trainer);
    trainer->learning_rate = mote_trainer_next_rate(trainer);
    trainer->step =
        mote_step_create(trainer->options.optimizer, trainer->learning_rate, p->step + 1);
    mote_average_begin_step(trainer);
    if (mote_update_waits(trainer)) {
        mote_update_clear(trainer);
    }
    mote_score sum = {0};
    mote_status status = run_batches(trainer, samples, &sum, error);
    if (status == MOTE_OK) {
        status = finish_gradients(trainer, error);
    }
    if (status != MOTE_OK) {
        p->layers_random = before;
        return status;
    }
    mote_average_buffers(trainer);
    count_step(trainer, &samples, &sum);
    if (norms) {
        mote_norms_of_weights(trainer);
    }
    return MOTE_OK;
}
