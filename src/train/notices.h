/* notices.h: warnings that do not end a run, each given once, as MOTE_EVENT_NOTICE.
 */
#ifndef MOTE_TRAIN_NOTICES_H
#define MOTE_TRAIN_NOTICES_H

#include "train/trainer.h"

/* Takes the memory. */
void mote_notices_carve(mote_trainer *trainer, mote_arena *arena);

/* At the start: a validation part that is too small to mean anything. */
void mote_notices_start(mote_trainer *trainer);

/* After a step with its mean loss: a loss that does not fall. */
void mote_notices_step(mote_trainer *trainer, double loss);

/* After an epoch: units that are dead, and, once there was time to learn, accuracy at chance. */
void mote_notices_epoch(mote_trainer *trainer);

#endif
