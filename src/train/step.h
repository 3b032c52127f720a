/* step.h: one step of training.
 */
#ifndef MOTE_TRAIN_STEP_H
#define MOTE_TRAIN_STEP_H

#include "train/trainer.h"

/* Gathers the batch of the next step that follows the first `done` of its samples into
 * trainer->batch, augmented. Returns its number of rows. Nothing else changes, so another call
 * gives the same. */
size_t mote_trainer_gather(mote_trainer *trainer, size_t done);

/* The samples of a step: a range of the epoch's order. */
typedef struct mote_step_samples {
    size_t begin, count;
    double weight; /* Σ of their classes' weights, which the loss is divided by */
} mote_step_samples;

/* Those of the next step. */
mote_step_samples mote_trainer_next_samples(mote_trainer *trainer);

/* The learning rate of the next step. */
double mote_trainer_next_rate(const mote_trainer *trainer);

/* The targets of the gathered batch. */
mote_targets mote_trainer_targets(const mote_trainer *trainer);

/* The unweighted loss of a single row of that batch. `z` holds the logits of all rows. */
double mote_trainer_row_loss(const mote_trainer *trainer, const mote_real *z, size_t row);

/* Runs the next step of the epoch. Fails with MOTE_DIVERGED if the loss, or with clip_gradient_norm
 * the norm of the gradient, is not finite: weights and position are then unchanged, though buffers
 * may not be. */
mote_status mote_trainer_step(mote_trainer *trainer, mote_error *error);

/* Passes the validation figures after an epoch, if there is a validation part, to the schedule,
 * unless the epoch was cut short. */
void mote_trainer_tell_schedule(mote_trainer *trainer);

#endif
