/* snapshot.h: a copy of all that training changes, from a moment when all of it was finite.
 *
 * What went wrong shows only later: a gradient that is not finite spoils weights while the backward
 * pass is still at work on layers below, and the next loss, or none before the end of the epoch,
 * tells of it. To look at each update would slow every step down. Instead a copy is kept that is a
 * few seconds old at most, and the steps since then are gone over again: to the same bits, so that
 * the one that went wrong is found, with the state from before it.
 */
#ifndef MOTE_TRAIN_SNAPSHOT_H
#define MOTE_TRAIN_SNAPSHOT_H

#include "train/trainer.h"

/* Takes the memory. */
void mote_snapshot_carve(mote_trainer *trainer, mote_arena *arena);

/* Keeps what is there now, which has to be finite. */
void mote_snapshot_take(mote_trainer *trainer);

/* Does so where the last one is old enough for its cost not to be felt. False, and nothing is
 * changed, where what is there is not finite then. To be called between steps with the time it is,
 * as mote_clock tells it. */
bool mote_snapshot_refresh(mote_trainer *trainer, double time);

/* Puts everything back to the last snapshot. */
void mote_snapshot_restore(mote_trainer *trainer);

/* Whether all numbers are finite: of the model's parameters, with or without its buffers. */
bool mote_weights_finite(const mote_trainer *trainer, bool buffers);
bool mote_all_finite(size_t count, const mote_real *numbers);

#endif
