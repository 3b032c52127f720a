/* snapshot.h: a copy of all that training changes, from a moment when all of it was finite.
 *
 * A gradient that is not finite is noticed too late: by then it has spoilt weights, since they are
 * updated while the backward pass is still at work on the layers below, and only the next loss
 * shows it, or nothing before the end of the epoch. Checking each update would slow down every
 * step. Instead a copy of a few seconds ago is kept. The steps since then are repeated from it, to
 * the same bits, so that the one that went wrong is found along with the state before it.
 */
#ifndef MOTE_TRAIN_SNAPSHOT_H
#define MOTE_TRAIN_SNAPSHOT_H

#include "train/trainer.h"

/* Takes the memory. */
void mote_snapshot_carve(mote_trainer *trainer, mote_arena *arena);

/* Keeps what is there now, which has to be finite. */
void mote_snapshot_take(mote_trainer *trainer);

/* Takes a new one where the last is so old that the cost does not matter. Returns false, with
 * nothing changed, where it finds weights that are not finite. To be called between steps with the
 * current time, as of mote_clock. */
bool mote_snapshot_refresh(mote_trainer *trainer, double time);

/* Puts everything back to the last snapshot. */
void mote_snapshot_restore(mote_trainer *trainer);

/* The same, and goes on from there to where so many steps are done. It stops short of that only
 * where a step that went well now fails: a layer then does not do the same twice. */
void mote_snapshot_replay(mote_trainer *trainer, uint64_t steps);

/* Whether all of the model's parameters are finite, with its buffers and what the optimizer keeps,
 * which is going to spoil weights. */
bool mote_weights_finite(const mote_trainer *trainer);
bool mote_all_finite(size_t count, const mote_real *numbers);

#endif
