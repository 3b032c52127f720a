/* jump.h: finding the step that made weights large, among those that led to non-finite numbers.
 *
 * By the time a number overflows it is often too late: a single outlier, or one step that was too
 * long, left weights behind that were still finite, but useless for any later batch. The report on
 * that batch then names samples that are not to blame.
 */
#ifndef MOTE_TRAIN_JUMP_H
#define MOTE_TRAIN_JUMP_H

#include "train/trainer.h"

/* Replays the steps since the last snapshot up to the trainer's position, where it is left with the
 * same bits. Returns false if no step made the largest weight a hundred times larger, and large, or
 * when out of memory; otherwise `jump` describes the first that did. Its samples are in
 * trainer->order, for as long as the epoch goes on. Steps before the epoch or the snapshot are not
 * searched. */
bool mote_jump_find(mote_trainer *trainer, mote_jump *jump);

/* The magnitude of the largest weight, which must all be finite. Sets *parameter to the name of its
 * parameter, unless all weights are 0. */
double mote_largest_weight(const mote_model *model, const char **parameter);

#endif
