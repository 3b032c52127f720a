/* norms.h: the Euclidean norms of weights and gradients, where train.metrics asks for them.
 *
 * Usually a gradient is gone once its slices have been handed over. In a step whose norms are
 * wanted each slice is also kept, in parameter->gradient. Letting the updates wait for the whole
 * gradient is no alternative: that splits the matrix products in another way, which with some BLAS
 * kernels changes the last bits of the weights.
 */
#ifndef MOTE_TRAIN_NORMS_H
#define MOTE_TRAIN_NORMS_H

#include "train/trainer.h"

/* Takes the memory, if norms are wanted. */
void mote_norms_carve(mote_trainer *trainer, mote_arena *arena);

/* Whether norms of the coming step are wanted: of each that a line of metrics.jsonl follows. */
bool mote_norms_due(const mote_trainer *trainer);

/* Keeps a slice of a gradient and updates its weights, as the pass's `ready` in such a step. The
 * pass's context is the trainer. */
void mote_norms_keep_slice(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                           size_t count, const mote_real *gradient);

/* To be called when all gradients of a step are complete and not clipped yet. */
void mote_norms_of_gradients(mote_trainer *trainer);

/* To be called when the weights have been updated and position.step counts the step. */
void mote_norms_of_weights(mote_trainer *trainer);

/* To be called at the end of an epoch. Where its last step was not known beforehand to be the last,
 * takes the norms of the weights, and NaN for those of the gradients. */
void mote_norms_complete(mote_trainer *trainer);

/* Whether the norms of the last step are known. */
bool mote_norms_known(const mote_trainer *trainer);

#endif
