/* update.h: from gradients to weights.
 *
 * Usually a slice of weights is updated as soon as its gradient is complete (mote_update_slice, as
 * the pass's `ready`). If the norm of the whole gradient matters, or several batches make up one
 * step, gradients are accumulated first (mote_update_clear, then passes without `ready`), and a
 * second pass over all weights updates them (mote_update_all), in tiles that depend on the model
 * alone.
 */
#ifndef MOTE_TRAIN_UPDATE_H
#define MOTE_TRAIN_UPDATE_H

#include "train/trainer.h"

/* Whether gradients have to be accumulated first. */
bool mote_update_waits(const mote_trainer *trainer);

/* Takes memory for the tiles and lists them, if updates wait or norms are wanted. */
void mote_update_carve(mote_trainer *trainer, mote_arena *arena);

/* Updates a slice of a parameter. The pass's ready_context is the trainer. */
void mote_update_slice(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                       size_t count, const mote_real *gradient);

/* Sets all gradients to 0. */
void mote_update_clear(const mote_trainer *trainer);

typedef enum mote_squared {
    MOTE_SQUARE_GRADIENTS,
    MOTE_SQUARE_WEIGHTS
} mote_squared;

/* Puts each tile's sum of squares into trainer->squares [tiles], in double precision and a fixed
 * order, so that it is the same for any number of threads. */
void mote_update_square(mote_trainer *trainer, mote_squared squared);

/* The Euclidean norm of all gradients together. */
double mote_update_norm(mote_trainer *trainer);

/* Updates all weights from the gradients times `factor`. */
void mote_update_all(const mote_trainer *trainer, double factor);

#endif
