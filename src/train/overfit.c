/* overfit.c: overfitting a single batch. */
#include "train/overfit.h"

#include <math.h>
#include <stdlib.h>

#include "model/model.h"
#include "train/diagnosis.h"
#include "train/snapshot.h"
#include "train/step.h"

enum {
    MOST_STEPS = 5000
};

static const double VANISHED = 0.02; /* of the loss that it is compared with */

/* The loss of predicting the targets' mean for each of the `rows` samples in trainer->batch. */
static mote_status measure_means(const mote_trainer *trainer, size_t rows, double *loss,
                                 mote_error *error) {
    const mote_output *output = trainer->model->output;
    mote_targets targets = mote_trainer_targets(trainer);
    mote_real *z = calloc(rows * output->width, sizeof *z);
    if (!z) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for %zu answers", rows);
    }
    for (size_t k = 0; k < output->width; k++) {
        double sum = 0;
        for (size_t i = 0; i < rows; i++) {
            sum += (double)targets.values[i * output->width + k];
        }
        for (size_t i = 0; i < rows; i++) {
            z[i * output->width + k] = (mote_real)(sum / (double)rows);
        }
    }
    mote_score score = {0};
    output->kind->score(output, rows, z, targets, 0, NULL, &score);
    free(z);
    *loss = score.loss / (double)rows;
    return MOTE_OK;
}

/* Chooses, after the first step, the loss to compare with. Of a step of several batches, the
 * trainer holds the last. */
static mote_status choose_compared(const mote_trainer *trainer, mote_overfit *result,
                                   mote_error *error) {
    result->compared = result->first_loss;
    if (trainer->model->output->classes > 0) {
        return MOTE_OK;
    }
    size_t rows = (result->samples - 1) % trainer->options.batch_size + 1;
    double means = 0;
    mote_status status = measure_means(trainer, rows, &means, error);
    if (status == MOTE_OK && means > 0) {
        result->compared = fmin(result->compared, means);
    }
    return status;
}

/* Resets the epoch's figures, so that they are those of the next step alone: after an enormous
 * loss, a sum over all steps would hide it. */
static void begin_step(mote_position *p) {
    p->epoch_samples = p->epoch_correct = 0;
    p->epoch_loss = 0;
}

/* Adds a step's figures. */
static mote_status add_step(const mote_trainer *trainer, mote_overfit *result, mote_error *error) {
    const mote_position *p = &trainer->position;
    double samples = (double)p->epoch_samples;
    bool classes = trainer->model->output->classes > 0;
    result->samples = (size_t)samples;
    result->loss = p->epoch_loss / samples;
    result->accuracy = classes ? (double)p->epoch_correct / samples : (double)NAN;
    mote_status status = MOTE_OK;
    if (result->steps == 0) {
        result->first_loss = result->loss;
        status = choose_compared(trainer, result, error);
    }
    result->steps++;
    if (result->steps == result->limit / 2) {
        result->half_loss = result->loss;
    }
    result->vanished = result->loss <= VANISHED * result->compared;
    return status;
}

/* ---- parameters that get no gradient ---- */

typedef struct probe {
    const mote_model *model;
    bool *moves; /* [parameters of the model]: some entry of its gradient is not 0 */
} probe;

static void look_at_slice(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                          size_t count, const mote_real *gradient) {
    (void)begin;
    const probe *p = pass->ready_context;
    bool moves = false;
    for (size_t i = 0; i < count && !moves; i++) {
        moves = gradient[i] != 0;
    }
    for (size_t i = 0; i < p->model->parameter_count; i++) {
        if (p->model->parameters[i].parameter == parameter) {
            p->moves[i] = p->moves[i] || moves;
        }
    }
}

/* Runs the batches of the step forward and backward on one thread, without updates. */
static void look_at_gradients(mote_trainer *trainer, const probe *p) {
    mote_model *model = trainer->model;
    mote_step_samples samples = mote_trainer_next_samples(trainer);
    mote_random random = trainer->position.layers_random;
    for (size_t done = 0; done < samples.count;) {
        size_t rows = mote_trainer_gather(trainer, done);
        mote_pass pass = {.batch = rows,
                          .training = true,
                          .random = &random,
                          .ready = look_at_slice,
                          .ready_context = p};
        const mote_real *z = mote_model_forward(model, &pass, trainer->batch.x);
        mote_model_score_weighted(model, &pass, z, mote_trainer_targets(trainer),
                                  mote_dataset_class_weights(trainer->dataset),
                                  (mote_real)(1 / samples.weight));
        mote_model_backward(model, &pass);
        done += rows;
    }
}

static void list_stuck(const probe *p, mote_overfit *result) {
    for (size_t i = 0; i < p->model->parameter_count; i++) {
        if (!p->model->parameters[i].parameter->buffer && !p->moves[i]) {
            if (result->stuck_count < MOTE_OVERFIT_NAMES) {
                result->stuck[result->stuck_count] = p->model->parameters[i].name;
            }
            result->stuck_count++;
        }
    }
}

/* ---- steps ---- */

static mote_status run_steps(mote_trainer *trainer, mote_overfit_listener listener, void *context,
                             mote_overfit *result, mote_error *error) {
    while (!result->vanished && result->steps < result->limit) {
        begin_step(&trainer->position);
        mote_status status = mote_trainer_step(trainer, error);
        if (status != MOTE_OK) {
            mote_diagnose_step(trainer, error);
            return status;
        }
        status = add_step(trainer, result, error);
        if (status != MOTE_OK) {
            return status;
        }
        if (!listener(context, result)) {
            return mote_fail(error, MOTE_INTERRUPTED, "stopped after step %llu",
                             (unsigned long long)result->steps);
        }
    }
    return MOTE_OK;
}

mote_status mote_overfit_run(mote_trainer *trainer, mote_overfit_listener listener, void *context,
                             mote_overfit *result, mote_error *error) {
    size_t most = trainer->options.max_steps;
    *result = (mote_overfit){.limit = most > 0 ? most : MOST_STEPS};
    mote_schedule *schedule = trainer->options.schedule;
    mote_schedule constant = {.kind = mote_schedule_class_find("constant")};
    trainer->options.schedule = &constant;
    trainer->repeats_step = true;
    trainer->epoch_steps = result->limit;
    trainer->total_steps = result->limit;
    mote_snapshot_take(trainer);
    probe p = {.model = trainer->model};
    p.moves = calloc(trainer->model->parameter_count + 1, sizeof *p.moves);
    mote_status status = MOTE_OK;
    if (p.moves) {
        look_at_gradients(trainer, &p);
        mote_snapshot_restore(trainer); /* buffers such as running means */
        status = run_steps(trainer, listener, context, result, error);
    } else {
        status = mote_fail(error, MOTE_MEMORY, "out of memory");
    }
    if (status == MOTE_OK) {
        look_at_gradients(trainer, &p);
        list_stuck(&p, result);
    }
    free(p.moves);
    trainer->options.schedule = schedule;
    return status;
}
