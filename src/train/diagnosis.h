/* diagnosis.h: where a number first was not finite.
 */
#ifndef MOTE_TRAIN_DIAGNOSIS_H
#define MOTE_TRAIN_DIAGNOSIS_H

#include "train/trainer.h"

/* To be called when the loss or the gradient of a step, or a weight, is not finite, with an `error`
 * that says so. Finds the step that caused it, by repeating the steps since the last snapshot where
 * weights are spoilt, and in that step the layer and the samples, by running layer after layer.
 * Replaces the error's message by the report and tells the listener (MOTE_EVENT_DIVERGED). The
 * trainer is left before that step and cannot be used for training any more. */
void mote_diagnose_step(mote_trainer *trainer, mote_error *error);

/* The same where weights are finite, but the loss on the validation part is not. */
void mote_diagnose_validation(mote_trainer *trainer, mote_error *error);

#endif
