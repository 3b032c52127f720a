/* snapshot.h: a copy of everything that training changes, from a moment when all of it was finite.
 *
 * A non-finite gradient is noticed too late: weights are updated while the backward pass is still
 * working on the layers below, so it has already corrupted some, and nothing shows it before the
 * next loss, or even before the end of the epoch. Checking each update would slow down every step.
 * Instead, a copy from a few seconds ago is kept. Replaying the steps since then, to the same bits,
 * finds the one that went wrong along with the state before it.
 */
#ifndef MOTE_TRAIN_SNAPSHOT_H
#define MOTE_TRAIN_SNAPSHOT_H

#include "train/trainer.h"

/* Takes memory from the arena. */
void mote_snapshot_carve(mote_trainer *trainer, mote_arena *arena);

/* Saves the current state, which must be finite. */
void mote_snapshot_take(mote_trainer *trainer);

/* Takes a new snapshot if the last is so old that the cost does not matter. Returns false, changing
 * nothing, if it finds weights that are not finite. Call it between steps with the current time by
 * mote_clock. */
bool mote_snapshot_refresh(mote_trainer *trainer, double time);

/* Restores everything from the last snapshot. */
void mote_snapshot_restore(mote_trainer *trainer);

/* The same, then replays steps until `steps` are done. Stops short only if a step that succeeded
 * now fails: a layer is then not deterministic. */
void mote_snapshot_replay(mote_trainer *trainer, uint64_t steps);

/* Whether all of the model's parameters are finite, including its buffers, and the optimizer's
 * states, which would corrupt weights later. */
bool mote_weights_finite(const mote_trainer *trainer);
bool mote_all_finite(size_t count, const mote_real *numbers);

#endif
