/* overfit.h: the first check of a new network or layer: one batch, learnt by heart.
 */
#ifndef MOTE_TRAIN_OVERFIT_H
#define MOTE_TRAIN_OVERFIT_H

#include "train/trainer.h"

enum {
    MOTE_OVERFIT_NAMES = 4
};

/* How it went. The loss has vanished where it is a fiftieth of what it was at first or, where
 * numbers are predicted, of what their mean as the answer to each sample comes to, if that is less:
 * so far a bias gets alone. */
typedef struct mote_overfit {
    size_t samples; /* in the batch */
    uint64_t steps, limit;
    double first_loss, loss; /* before the first and the last step */
    double compared;         /* the loss that `vanished` goes by */
    double half_loss;        /* before the step at half of the limit, once that is done */
    double accuracy;         /* as the loss; NAN without classes */
    bool vanished;

    /* How many parameters had a gradient of nothing but zeros, before the first step as after the
     * last, and names of the first ones, which the model owns. */
    size_t stuck_count;
    const char *stuck[MOTE_OVERFIT_NAMES];
} mote_overfit;

/* Called after each step; returns false to stop, which gives MOTE_INTERRUPTED. */
typedef bool (*mote_overfit_listener)(void *context, const mote_overfit *so_far);

/* Trains on the first step's samples alone, at the optimizer's learning rate without the schedule,
 * until the loss vanishes, or for as many steps as max_steps says, 5000 where it says none. The
 * trainer is of no use for anything else after that. */
mote_status mote_overfit_run(mote_trainer *trainer, mote_overfit_listener listener, void *context,
                             mote_overfit *result, mote_error *error);

#endif
