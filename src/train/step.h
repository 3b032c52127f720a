/* step.h: one step of training.
 */
#ifndef MOTE_TRAIN_STEP_H
#define MOTE_TRAIN_STEP_H

#include "train/trainer.h"

/* Gathers a batch of the next step into trainer->batch, augmented: the one that follows `done` of
 * its samples. Returns its rows. Nothing else changes, so a further call gives the same. */
size_t mote_trainer_gather(mote_trainer *trainer, size_t done);

/* The samples of a step: a run of the epoch's order. */
typedef struct mote_step_samples {
    size_t begin, count;
    double weight; /* Σ w of their labels' classes, which the loss is divided by */
} mote_step_samples;

/* Those of the next step. */
mote_step_samples mote_trainer_next_samples(mote_trainer *trainer);

/* The learning rate of the next step. */
double mote_trainer_next_rate(const mote_trainer *trainer);

/* What the batch that was gathered should come out as. */
mote_targets mote_trainer_targets(const mote_trainer *trainer);

/* The loss of a single row of it, unweighted. `z` are the logits of all rows. */
double mote_trainer_row_loss(const mote_trainer *trainer, const mote_real *z, size_t row);

/* Runs the next step of the epoch. MOTE_DIVERGED where the loss, or with clip_gradient_norm the
 * norm of the gradient, is not finite: weights and position are then unchanged, though buffers
 * may not be. */
mote_status mote_trainer_step(mote_trainer *trainer, mote_error *error);

/* Tells the schedule what the validation part, if there is one, came to after an epoch, unless that
 * was cut short. */
void mote_trainer_tell_schedule(mote_trainer *trainer);

#endif
