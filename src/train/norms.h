/* norms.h: the Euclidean norms of weights and gradients, where train.metrics asks for them.
 *
 * Usually a gradient is gone once its slices have been handed over. In a step whose norms are
 * wanted, each slice is also kept in parameter->gradient. Delaying the updates until the whole
 * gradient is there is no alternative: that splits the matrix products differently, which with some
 * BLAS kernels changes the last bits of the weights.
 */
#ifndef MOTE_TRAIN_NORMS_H
#define MOTE_TRAIN_NORMS_H

#include "train/trainer.h"

/* Takes memory from the arena, if norms are wanted. */
void mote_norms_carve(mote_trainer *trainer, mote_arena *arena);

/* Whether the norms of the next step are wanted: of each that is followed by a line of
 * metrics.jsonl. */
bool mote_norms_due(const mote_trainer *trainer);

/* The pass's `ready` in such a step: keeps a slice of a gradient and updates its weights. The
 * pass's ready_context is the trainer. */
void mote_norms_keep_slice(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                           size_t count, const mote_real *gradient);

/* Call it when all gradients of a step are complete but not yet clipped. */
void mote_norms_of_gradients(mote_trainer *trainer);

/* Call it when the weights have been updated and position.step counts the step. */
void mote_norms_of_weights(mote_trainer *trainer);

/* Call it at the end of an epoch. If its last step was not known beforehand to be the last,
 * computes the norms of the weights and sets those of the gradients to NaN. */
void mote_norms_complete(mote_trainer *trainer);

/* Whether the norms of the last step are known. */
bool mote_norms_known(const mote_trainer *trainer);

#endif
