/* stopping.h: when training ends before its last step.
 */
#ifndef MOTE_TRAIN_STOPPING_H
#define MOTE_TRAIN_STOPPING_H

#include "train/trainer.h"

/* Fails if target_accuracy or early_stopping depend on a figure that training never has, for lack
 * of a validation part or of classes. */
mote_status mote_stopping_check(const mote_trainer *trainer, mote_error *error);

/* Whether the time is up or all steps are done. */
bool mote_stopping_now(const mote_trainer *trainer);

/* Call it when a run begins or is resumed: ends it at once if no more steps are wanted than are
 * done. This must not be decided earlier, while a checkpoint may still be written: a run resumed
 * from that with more steps has to continue the epoch. */
void mote_stopping_begin(mote_trainer *trainer);

/* Decides after the validation of an epoch whether it was the last one. */
void mote_stopping_observe(mote_trainer *trainer);

/* Whether a run that ended at `position` also ends there under this trainer's settings, which may
 * differ. */
bool mote_stopping_holds(const mote_trainer *trainer, const mote_position *position);

/* The name in result.json: "steps", "patience". */
const char *mote_ending_name(mote_ending ending);

#endif
