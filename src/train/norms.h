/* norms.h: the Euclidean norms of weights and gradients, where train.metrics asks for them.
 *
 * Mostly a gradient is gone once its slices have been handed over. In a step whose norms are wanted
 * each slice is also kept, in parameter->gradient. To let the updates wait for the whole gradient
 * would not do: the products behind it are then cut up otherwise, which with some kernels of BLAS
 * changes the last bits of weights.
 */
#ifndef MOTE_TRAIN_NORMS_H
#define MOTE_TRAIN_NORMS_H

#include "train/trainer.h"

/* Takes the memory, if norms are wanted. */
void mote_norms_carve(mote_trainer *trainer, mote_arena *arena);

/* Whether they are wanted of the step to come: of each that a line of metrics.jsonl follows. */
bool mote_norms_due(const mote_trainer *trainer);

/* Keeps a slice of a gradient and updates its weights, as the pass's `ready` in such a step. The
 * pass's context is the trainer. */
void mote_norms_keep_slice(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                           size_t count, const mote_real *gradient);

/* To be called when all gradients are there, whole and as the batches gave them; and then, when the
 * weights have been updated and position.step tells of that. */
void mote_norms_of_gradients(mote_trainer *trainer);
void mote_norms_of_weights(mote_trainer *trainer);

/* At the end of an epoch: where nobody knew that its last step would be that, those of the weights,
 * and NaN for gradients. */
void mote_norms_complete(mote_trainer *trainer);

/* Whether they are known, of the last step. */
bool mote_norms_known(const mote_trainer *trainer);

#endif
