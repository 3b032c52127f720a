/* diagnosis.h: locating the first non-finite number.
 */
#ifndef MOTE_TRAIN_DIAGNOSIS_H
#define MOTE_TRAIN_DIAGNOSIS_H

#include "train/trainer.h"

/* Call it when the loss or the gradient of a step, or a weight, is not finite, with an `error` that
 * says so. Finds the step that caused it, by replaying the steps since the last snapshot if weights
 * are corrupted, and the layer and samples in that step, by running it layer by layer. Replaces the
 * error's message with the report and tells the listener (MOTE_EVENT_DIVERGED). The trainer's
 * position is left before that step; it can no longer be used for training. */
void mote_diagnose_step(mote_trainer *trainer, mote_error *error);

/* The same when the weights are finite but the loss on the validation part is not. */
void mote_diagnose_validation(mote_trainer *trainer, mote_error *error);

#endif
