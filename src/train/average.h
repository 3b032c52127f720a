/* average.h: the moving average of the weights, where train.weight_average asks for one.
 *
 * After step n, counted from 0,
 *
 *     average ← d × average + (1 − d) × weight,  d = min(decay, (1 + n) / (10 + n))
 *
 * starting from the initial weights: d grows, so that the poor early weights do not hold the
 * average back (as in TensorFlow's ExponentialMovingAverage with num_updates). Buffers such as
 * running means are averaged the same way, since they belong to the weights of their time.
 */
#ifndef MOTE_TRAIN_AVERAGE_H
#define MOTE_TRAIN_AVERAGE_H

#include "train/trainer.h"

/* Takes memory from the arena, if an average is wanted. */
void mote_average_carve(const mote_trainer *trainer, mote_arena *arena);

/* Prepares the next step; the first step also initializes the average. */
void mote_average_begin_step(mote_trainer *trainer);

/* Moves the average of a slice of a parameter towards its values. */
void mote_average_slice(const mote_trainer *trainer, const mote_parameter *parameter, size_t begin,
                        size_t count);

/* The same for all buffers, which have no gradients and so no slices. */
void mote_average_buffers(const mote_trainer *trainer);

/* Puts the averages into the model in place of the weights, or puts the weights back. Swaps the
 * numbers, not the pointers, which plugins' layers and views of parameters (mote_model_parameter)
 * may have kept. */
void mote_average_show(mote_trainer *trainer, bool shown);

/* A parameter's weights, and its average or NULL, regardless of which of them the model holds. */
mote_real *mote_average_weights(const mote_trainer *trainer, const mote_parameter *parameter);
mote_real *mote_average_averages(const mote_trainer *trainer, const mote_parameter *parameter);

#endif
