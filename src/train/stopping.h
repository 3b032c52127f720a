/* stopping.h: when training ends before its last step.
 */
#ifndef MOTE_TRAIN_STOPPING_H
#define MOTE_TRAIN_STOPPING_H

#include "train/trainer.h"

/* Fails where what training is to wait for can never be told. */
mote_status mote_stopping_check(const mote_trainer *trainer, mote_error *error);

/* Whether the time is over, or all steps are done. */
bool mote_stopping_now(const mote_trainer *trainer);

/* When a run begins, or is gone on with: whether fewer steps are wanted than are done. What is saved
 * before that does not know of it, so that with more of them the epoch goes on. */
void mote_stopping_begin(mote_trainer *trainer);

/* Takes in what validation came to after an epoch, and decides whether that was the last one. */
void mote_stopping_observe(mote_trainer *trainer);

/* Whether a run that ended at that position would end there with the trainer's settings, too. */
bool mote_stopping_holds(const mote_trainer *trainer, const mote_position *position);

/* As result.json has it: "steps", "patience". */
const char *mote_ending_name(mote_ending ending);

#endif
