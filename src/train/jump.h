/* jump.h: the step that made weights large, of those that led to numbers that are not finite.
 *
 * When a number overflows it is often too late: one sample like no other, or one step that was too
 * long, left weights behind that were finite still, but no good for any further batch. The report
 * of that batch then names samples that are not to blame.
 */
#ifndef MOTE_TRAIN_JUMP_H
#define MOTE_TRAIN_JUMP_H

#include "train/trainer.h"

/* Goes over the steps since the last snapshot again, up to where the trainer stands, where it is
 * left to the same bits. False: no step made the largest weight a hundred times larger, and large;
 * else `jump` tells of the first that did. The samples are in trainer->order, for as long as the
 * epoch goes on. Steps before the epoch, or before the snapshot, are not looked at. */
bool mote_jump_find(mote_trainer *trainer, mote_jump *jump);

#endif
