/* stopping.h: when training ends before its last step.
 */
#ifndef MOTE_TRAIN_STOPPING_H
#define MOTE_TRAIN_STOPPING_H

#include "train/trainer.h"

/* Fails where target_accuracy or early_stopping depend on a figure that training never has, for
 * want of a validation part or of classes. */
mote_status mote_stopping_check(const mote_trainer *trainer, mote_error *error);

/* Whether the time is over, or all steps are done. */
bool mote_stopping_now(const mote_trainer *trainer);

/* To be called when a run begins or is resumed: it ends at once where no more steps are wanted than
 * are done. This is not found out earlier, when a checkpoint may still be written: a run resumed
 * from that with more steps is to go on with the epoch. */
void mote_stopping_begin(mote_trainer *trainer);

/* Decides after the validation of an epoch whether that was the last one. */
void mote_stopping_observe(mote_trainer *trainer);

/* Whether a run that ended at a position also ends there by this trainer's settings, which may be
 * others. */
bool mote_stopping_holds(const mote_trainer *trainer, const mote_position *position);

/* As result.json has it: "steps", "patience". */
const char *mote_ending_name(mote_ending ending);

#endif
