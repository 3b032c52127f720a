/* epochs.c: the training loop: steps, epochs, and what the listener is told about them. */
#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "train/average.h"
#include "train/diagnosis.h"
#include "train/norms.h"
#include "train/notices.h"
#include "train/snapshot.h"
#include "train/step.h"
#include "train/stopping.h"
#include "train/trainer.h"

/* ---- events ---- */

static mote_metrics means(const mote_trainer *trainer, uint64_t samples, double loss,
                          uint64_t correct) {
    bool classes = trainer->model->output->classes > 0;
    return (mote_metrics){.samples = samples,
                          .loss = samples ? loss / (double)samples : (double)NAN,
                          .accuracy =
                              samples && classes ? (double)correct / (double)samples : (double)NAN};
}

/* Figures that there are none of yet. */
static mote_metrics or_unknown(mote_metrics metrics) {
    return metrics.samples ? metrics : (mote_metrics){.loss = (double)NAN, .accuracy = (double)NAN};
}

static double speed(uint64_t samples, double seconds) {
    return seconds > 0 ? (double)samples / seconds : 0;
}

static mote_metrics training_metrics(const mote_trainer *trainer) {
    const mote_position *p = &trainer->position;
    return means(trainer, p->epoch_samples, p->epoch_loss, p->epoch_correct);
}

static double training_speed(const mote_trainer *trainer) {
    const mote_position *p = &trainer->position;
    return speed(p->epoch_samples, p->epoch_seconds);
}

/* If the last step ended an interval, keeps it for the event that follows and begins the next one,
 * before anything is saved. */
static void look_for_interval(mote_trainer *trainer) {
    mote_position *p = &trainer->position;
    size_t every = trainer->options.metrics.every_steps;
    trainer->interval = (mote_interval){0};
    if (every > 0 && p->step % every == 0) {
        trainer->interval = (mote_interval){
            .steps = p->interval_steps,
            .train = means(trainer, p->interval_samples, p->interval_loss, p->interval_correct),
            .samples_per_second = speed(p->interval_samples, p->interval_seconds)};
        p->interval_steps = p->interval_samples = p->interval_correct = 0;
        p->interval_loss = p->interval_seconds = 0;
    }
}

/* Whether an event between two epochs belongs to the one that has ended. */
static bool looks_back(mote_event_kind kind) {
    return kind != MOTE_EVENT_STARTED && kind != MOTE_EVENT_DIVERGED;
}

mote_event mote_trainer_event(mote_trainer *trainer, mote_event_kind kind) {
    const mote_position *p = &trainer->position;
    bool over = p->epoch > 0 && p->epoch_step == 0 && (p->finished || looks_back(kind));
    bool within = !over && !p->finished;
    bool interval = kind == MOTE_EVENT_STEP && trainer->interval.steps > 0;
    bool norms = (interval || kind == MOTE_EVENT_EPOCH) && mote_norms_known(trainer);
    return (mote_event){
        .kind = kind,
        .trainer = trainer,
        .epoch = (size_t)p->epoch + !over,
        .epochs =
            (size_t)((trainer->total_steps + trainer->epoch_steps - 1) / trainer->epoch_steps),
        .step = p->step,
        .total_steps = trainer->total_steps,
        .epoch_step = over ? trainer->epoch_steps : (size_t)p->epoch_step,
        .epoch_steps = trainer->epoch_steps,
        .learning_rate = trainer->learning_rate,
        .seconds = p->seconds,
        .samples_per_second = within ? training_speed(trainer) : trainer->epoch_speed,
        .train = within ? training_metrics(trainer) : or_unknown(trainer->epoch_metrics),
        .validation = or_unknown(trainer->validation),
        .best_validation = or_unknown((mote_metrics){.samples = p->has_best ? p->best_samples : 0,
                                                     .loss = p->best_loss,
                                                     .accuracy = p->best_accuracy}),
        .notice = trainer->notices.text,
        .ending = (mote_ending)p->ending,
        .interval = interval ? &trainer->interval : NULL,
        .norms = norms ? trainer->norms : NULL,
        .norm_count = norms ? trainer->norm_count : 0,
    };
}

bool mote_trainer_tell(mote_trainer *trainer, mote_event_kind kind) {
    if (!trainer->listener) {
        return true;
    }
    mote_event event = mote_trainer_event(trainer, kind);
    bool go_on = trainer->listener(trainer->listener_context, &event);
    trainer->stops = trainer->stops || !go_on;
    return !trainer->stops;
}

/* ---- epochs ---- */

static void keep_best(mote_trainer *trainer) {
    const mote_model *model = trainer->model;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        memcpy(trainer->best[i], parameter->value, parameter->count * sizeof *parameter->value);
    }
}

/* Swaps the numbers, not the pointers, as in mote_average_show. */
static void show_best(mote_trainer *trainer, bool shown) {
    const mote_model *model = trainer->model;
    for (size_t i = 0; trainer->shows_best != shown && i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        for (size_t k = 0; k < parameter->count; k++) {
            mote_real number = parameter->value[k];
            parameter->value[k] = trainer->best[i][k];
            trainer->best[i][k] = number;
        }
    }
    trainer->shows_best = shown;
}

void mote_trainer_show_weights(mote_trainer *trainer) {
    show_best(trainer, false);
    mote_average_show(trainer, false);
}

/* The higher accuracy is better; if equal, or without classes, the lower loss. */
static bool is_better(const mote_metrics *metrics, const mote_position *position) {
    if (!position->has_best) {
        return true;
    }
    if (isfinite(metrics->accuracy) && metrics->accuracy != position->best_accuracy) {
        return metrics->accuracy > position->best_accuracy;
    }
    return metrics->loss < position->best_loss;
}

/* Evaluates the validation part, if there is one. */
static mote_status validate(mote_trainer *trainer, mote_error *error) {
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_VALIDATION);
    if (part.count == 0) {
        return MOTE_OK;
    }
    trainer->validation =
        mote_measure_part(trainer->model, &trainer->model->preprocessing, trainer->pool, &part,
                          &trainer->batch, trainer->batch_rows);
    if (!isfinite(trainer->validation.loss)) {
        mote_fail(error, MOTE_DIVERGED,
                  "the validation loss is not finite after epoch %llu, at a learning rate of %g; "
                  "try a lower one, a warm-up, or another normalization of the data",
                  (unsigned long long)trainer->position.epoch + 1, trainer->learning_rate);
        mote_diagnose_validation(trainer, error);
        return MOTE_DIVERGED;
    }
    return MOTE_OK;
}

/* Adds the time since `clock` to the run's, sets the clock to now, and returns that time. */
static double count_time(mote_trainer *trainer, double *clock) {
    double now = mote_clock(), passed = now - *clock;
    trainer->position.seconds += passed;
    *clock = now;
    return passed;
}

/* Keeps the best weights and tells the listener; false if it wants to stop. */
static bool finish_epoch(mote_trainer *trainer, double *clock) {
    mote_position *p = &trainer->position;
    bool improved = trainer->validation.samples > 0 && is_better(&trainer->validation, p);
    if (improved) {
        p->has_best = true;
        p->best_loss = trainer->validation.loss;
        p->best_accuracy = trainer->validation.accuracy;
        p->best_samples = trainer->validation.samples;
        keep_best(trainer);
    }
    trainer->epoch_metrics = training_metrics(trainer);
    trainer->epoch_speed = training_speed(trainer);
    if (p->epoch_step == trainer->epoch_steps) { /* else it continues if there are more steps */
        p->epoch++;
        p->epoch_step = p->epoch_samples = p->epoch_correct = 0;
        p->epoch_loss = p->epoch_seconds = 0;
    }
    count_time(trainer, clock);
    mote_stopping_observe(trainer);
    mote_trainer_tell(trainer, MOTE_EVENT_EPOCH);
    mote_notices_epoch(trainer);
    if (improved) {
        mote_trainer_tell(trainer, MOTE_EVENT_IMPROVED);
    }
    return !trainer->stops;
}

static mote_status fail_weights(mote_trainer *trainer, mote_error *error) {
    mote_fail(error, MOTE_DIVERGED,
              "a weight is not finite in epoch %llu, after step %llu, at a learning rate of %g; "
              "try a lower one, a warm-up, or another normalization of the data",
              (unsigned long long)trainer->position.epoch + 1,
              (unsigned long long)trainer->position.step, trainer->learning_rate);
    mote_diagnose_step(trainer, error);
    return MOTE_DIVERGED;
}

/* Validates, keeps the best weights and tells the listener, with the averages of the weights in the
 * model if there are any. */
static mote_status end_epoch(mote_trainer *trainer, double *clock, mote_error *error) {
    mote_norms_complete(trainer);
    mote_average_show(trainer, true);
    mote_status status = validate(trainer, error);
    if (status == MOTE_OK) {
        mote_trainer_tell_schedule(trainer);
        bool go_on = finish_epoch(trainer, clock);
        status = go_on || trainer->position.finished ? MOTE_OK : MOTE_INTERRUPTED;
    }
    mote_average_show(trainer, false);
    return status;
}

/* Runs a step, tells the listener, and checks from time to time whether the weights are finite. */
static mote_status run_step(mote_trainer *trainer, double *clock, mote_error *error) {
    mote_position *p = &trainer->position;
    double loss = p->epoch_loss, samples = (double)p->epoch_samples;
    mote_status status = mote_trainer_step(trainer, error);
    double passed = count_time(trainer, clock);
    p->epoch_seconds += passed;
    p->interval_seconds += trainer->options.metrics.every_steps ? passed : 0;
    if (status != MOTE_OK) {
        mote_diagnose_step(trainer, error);
        return status;
    }
    look_for_interval(trainer);
    mote_notices_step(trainer, (p->epoch_loss - loss) / ((double)p->epoch_samples - samples));
    if (!mote_trainer_tell(trainer, MOTE_EVENT_STEP)) {
        return MOTE_INTERRUPTED;
    }
    return mote_snapshot_refresh(trainer, *clock) ? MOTE_OK : fail_weights(trainer, error);
}

/* Runs steps to the end of the epoch or of training, at least one unless the epoch has begun. */
static mote_status run_epoch(mote_trainer *trainer, double *clock, mote_error *error) {
    const mote_position *p = &trainer->position;
    count_time(trainer, clock); /* the time before, such as for saving, is not the epoch's */
    mote_status status = MOTE_OK;
    while (status == MOTE_OK && p->epoch_step < trainer->epoch_steps &&
           (p->epoch_step == 0 || !mote_stopping_now(trainer))) {
        status = run_step(trainer, clock, error);
    }
    if (status != MOTE_OK) {
        return status;
    }
    if (!mote_weights_finite(trainer)) { /* no loss follows the last update */
        return fail_weights(trainer, error);
    }
    status = end_epoch(trainer, clock, error);
    mote_snapshot_take(trainer);
    return status;
}

mote_status mote_trainer_run(mote_trainer *trainer, mote_error *error) {
    if (!trainer) {
        return mote_trainer_fail_missing(error);
    }
    mote_position *p = &trainer->position;
    double clock = mote_clock();
    trainer->stops = false;
    mote_trainer_show_weights(trainer);
    mote_trainer_tell(trainer, MOTE_EVENT_STARTED);
    mote_notices_start(trainer);
    mote_status status = trainer->stops ? MOTE_INTERRUPTED : MOTE_OK;
    mote_snapshot_take(trainer);
    if (status == MOTE_OK) {
        mote_stopping_begin(trainer);
    }
    while (status == MOTE_OK && !p->finished) {
        status = run_epoch(trainer, &clock, error);
    }
    if (status == MOTE_OK && p->has_best) {
        show_best(trainer, true);
    } else if (status == MOTE_OK) {
        mote_average_show(trainer, true);
    }
    mote_trainer_tell(trainer, MOTE_EVENT_STOPPED);
    return status == MOTE_INTERRUPTED
               ? mote_fail(error, status, "training was stopped after step %llu of %llu",
                           (unsigned long long)p->step, (unsigned long long)trainer->total_steps)
               : status;
}
