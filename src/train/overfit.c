/* overfit.c: one batch, learnt by heart. */
#include "train/overfit.h"

#include <math.h>

#include "train/diagnosis.h"
#include "train/snapshot.h"
#include "train/step.h"

enum {
    MOST_STEPS = 5000
};

static const double VANISHED = 0.02; /* of the first loss */

/* Adds a step's figures, which the trainer has added to those of the epoch. */
static void add_step(const mote_trainer *trainer, const mote_position *before,
                     mote_overfit *result) {
    const mote_position *p = &trainer->position;
    double samples = (double)(p->epoch_samples - before->epoch_samples);
    bool classes = trainer->model->output->classes > 0;
    result->samples = (size_t)samples;
    result->loss = (p->epoch_loss - before->epoch_loss) / samples;
    result->accuracy =
        classes ? (double)(p->epoch_correct - before->epoch_correct) / samples : (double)NAN;
    if (result->steps == 0) {
        result->first_loss = result->loss;
    }
    result->steps++;
    result->vanished = result->loss <= VANISHED * result->first_loss;
}

static mote_status run_steps(mote_trainer *trainer, mote_overfit_listener listener, void *context,
                             mote_overfit *result, mote_error *error) {
    while (!result->vanished && result->steps < result->limit) {
        mote_position before = trainer->position;
        mote_status status = mote_trainer_step(trainer, error);
        if (status != MOTE_OK) {
            mote_diagnose_step(trainer, error);
            return status;
        }
        add_step(trainer, &before, result);
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
    mote_status status = run_steps(trainer, listener, context, result, error);
    trainer->options.schedule = schedule;
    return status;
}
