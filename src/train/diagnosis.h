/* diagnosis.h: where a number first was not finite.
 */
#ifndef MOTE_TRAIN_DIAGNOSIS_H
#define MOTE_TRAIN_DIAGNOSIS_H

#include "train/trainer.h"

/* Called with `error` telling that a step found its loss or gradient not finite, or that weights
 * are: finds the step that did it, going over the steps since the last snapshot again where weights
 * are spoilt, and in that one the layer and the samples, running layer after layer. Puts the report
 * into the error in place of what it said, and tells the listener (MOTE_EVENT_DIVERGED). The
 * trainer then stands before the step, and is of no further use for training. */
void mote_diagnose_step(mote_trainer *trainer, mote_error *error);

/* The same where weights are finite, but the loss on the validation part is not. */
void mote_diagnose_validation(mote_trainer *trainer, mote_error *error);

#endif
