/* step.c: one step of training: a batch forward and backward, and the weights' update. */
#include "train/step.h"

#include <math.h>
#include <string.h>

#include "data/dataset.h"

/* ---- the batch ---- */

/* The order follows from seed and epoch alone, so a resumed run finds it again. */
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

size_t mote_trainer_gather(mote_trainer *trainer) {
    const mote_position *p = &trainer->position;
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_TRAINING);
    order_samples(trainer);
    size_t begin = (size_t)p->epoch_step * trainer->options.batch_size;
    size_t left = part.count - begin;
    size_t count = left < trainer->options.batch_size ? left : trainer->options.batch_size;
    const mote_batch *batch = &trainer->batch;
    mote_gather_augmented(part.samples, &trainer->model->preprocessing, trainer->augmenter,
                          p->epoch, trainer->pool, trainer->order + begin, count, batch->x,
                          batch->labels, batch->values);
    return count;
}

/* Σ w of the labels' classes, which the loss is divided by. */
static double weight_of_batch(const mote_real *class_weights, size_t count,
                              const uint32_t *labels) {
    double weight = class_weights ? 0 : (double)count;
    for (size_t i = 0; class_weights && i < count; i++) {
        weight += (double)class_weights[labels[i]];
    }
    return weight;
}

/* ---- the step ---- */

static void update_slice(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                         size_t count, const mote_real *gradient) {
    const mote_trainer *trainer = pass->ready_context;
    const mote_optimizer *optimizer = trainer->options.optimizer;
    mote_slice slice = {.count = count,
                        .weights = parameter->value + begin,
                        .gradient = gradient,
                        .decay = parameter->decay || optimizer->decay_all};
    for (size_t i = 0; i < MOTE_MAX_STATES && parameter->states[i]; i++) {
        slice.states[i] = parameter->states[i] + begin;
    }
    optimizer->kind->update(optimizer, &trainer->step, &slice);
}

static mote_progress progress_of(const mote_trainer *trainer) {
    return (mote_progress){.step = trainer->position.step,
                           .total_steps = trainer->total_steps,
                           .steps_per_epoch = trainer->epoch_steps,
                           .state = trainer->position.schedule_state};
}

static double learning_rate_of_step(const mote_trainer *trainer) {
    return trainer->options.optimizer->learning_rate *
           mote_schedule_factor(trainer->options.schedule, progress_of(trainer));
}

void mote_trainer_tell_schedule(mote_trainer *trainer) {
    if (trainer->validation.samples > 0) {
        mote_schedule_observe(trainer->options.schedule, progress_of(trainer),
                              trainer->validation.loss, trainer->validation.accuracy,
                              trainer->position.schedule_state);
    }
}

static mote_status fail_diverged(const mote_trainer *trainer, double loss, mote_error *error) {
    const mote_position *p = &trainer->position;
    return mote_fail(error, MOTE_DIVERGED,
                     "the loss became %s in epoch %llu, step %llu, at a learning rate of %g; try a "
                     "lower one, a warm-up, or another normalization of the data",
                     isnan(loss) ? "NaN" : "infinite", (unsigned long long)p->epoch + 1,
                     (unsigned long long)p->epoch_step + 1, trainer->learning_rate);
}

mote_status mote_trainer_step(mote_trainer *trainer, mote_error *error) {
    mote_position *p = &trainer->position;
    mote_model *model = trainer->model;
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_TRAINING);
    const mote_batch *batch = &trainer->batch;
    size_t count = mote_trainer_gather(trainer);

    trainer->learning_rate = learning_rate_of_step(trainer);
    trainer->step =
        mote_step_create(trainer->options.optimizer, trainer->learning_rate, p->step + 1);
    mote_pass pass = {.pool = trainer->pool,
                      .batch = count,
                      .training = true,
                      .random = &p->layers_random,
                      .ready = update_slice,
                      .ready_context = trainer};
    const mote_real *z = mote_model_forward(model, &pass, batch->x);
    mote_targets targets = {.labels = part.samples->labels ? batch->labels : NULL,
                            .values = part.samples->labels ? NULL : batch->values};
    const mote_real *class_weights = mote_dataset_class_weights(trainer->dataset);
    double weight = weight_of_batch(class_weights, count, batch->labels);
    mote_score score =
        mote_model_score_weighted(model, &pass, z, targets, class_weights, (mote_real)(1 / weight));
    if (!isfinite(score.loss)) {
        return fail_diverged(trainer, score.loss, error);
    }
    mote_model_backward(model, &pass);
    p->step++;
    p->epoch_step++;
    p->epoch_samples += count;
    p->epoch_loss += score.loss * ((double)count / weight);
    p->epoch_correct += score.correct;
    return MOTE_OK;
}
