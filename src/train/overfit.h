/* overfit.h: the first check of a new network or layer: overfitting a single batch.
 */
#ifndef MOTE_TRAIN_OVERFIT_H
#define MOTE_TRAIN_OVERFIT_H

#include "train/trainer.h"

enum {
    MOTE_OVERFIT_NAMES = 4
};

/* The progress so far. The loss has vanished when it is at most a fiftieth of the first loss. For
 * models that predict numbers, it must also be at most a fiftieth of the loss of predicting their
 * mean for each sample, which a bias alone can reach. */
typedef struct mote_overfit {
    size_t samples; /* in the batch */
    uint64_t steps, limit;
    double first_loss, loss; /* before the first and the last step */
    double compared;         /* the loss that `vanished` is relative to */
    double half_loss;        /* before the step at half the limit, once that is done */
    double accuracy;         /* likewise; NAN without classes */
    bool vanished;

    /* How many parameters had an all-zero gradient both before the first step and after the last,
     * and the names of the first few, which the model owns. */
    size_t stuck_count;
    const char *stuck[MOTE_OVERFIT_NAMES];
} mote_overfit;

/* Called after each step; returns false to stop, which gives MOTE_INTERRUPTED. */
typedef bool (*mote_overfit_listener)(void *context, const mote_overfit *so_far);

/* Trains on the samples of the first step alone, at the optimizer's learning rate without a
 * schedule, until the loss vanishes, but for at most max_steps steps (5000 if that is 0). The
 * trainer cannot be used for anything else afterwards. */
mote_status mote_overfit_run(mote_trainer *trainer, mote_overfit_listener listener, void *context,
                             mote_overfit *result, mote_error *error);

#endif
