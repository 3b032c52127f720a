/* notices.h: warnings that do not end a run, each given once, as MOTE_EVENT_NOTICE.
 */
#ifndef MOTE_TRAIN_NOTICES_H
#define MOTE_TRAIN_NOTICES_H

#include "train/trainer.h"

/* Takes memory from the arena. */
void mote_notices_carve(mote_trainer *trainer, mote_arena *arena);

/* At the start: warns of a validation part that is too small to mean anything, of a warm-up longer
 * than training, and of large targets. */
void mote_notices_start(mote_trainer *trainer);

/* Whether most of the numbers to predict are so large that training suffers: an outlier alone does
 * not count. Sets *largest to the largest magnitude. */
bool mote_targets_are_large(const mote_trainer *trainer, double *largest);

/* After a step with the mean loss `loss`: warns if the loss does not fall. */
void mote_notices_step(mote_trainer *trainer, double loss);

/* After an epoch: warns of dead units and, once there has been time to learn, of accuracy at chance
 * level. */
void mote_notices_epoch(mote_trainer *trainer);

#endif
