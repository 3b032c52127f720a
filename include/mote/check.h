/* check.h: tests for your own layers, outputs and optimizers: one call runs everything that mote's
 * own must pass.
 *
 *     mote_error error = {0};
 *     if (mote_layer_check(&mote_layer_swish_beta, "{\"per_channel\": true}",
 *                          mote_shape_image(3, 5, 4), &error) != MOTE_OK) {
 *         return complain(error.message);
 *     }
 *
 * Each call registers the class if necessary and stops at the first failure: with MOTE_DATA and a
 * message that says what was expected and found, or with MOTE_INVALID and the class's own message
 * if the class rejects the settings or the shape. Make one call for each combination of settings
 * and shape that matters; small shapes, of a few dozen numbers, take milliseconds.
 *
 * Gradients are compared with finite differences in float, which reveal errors of one per cent and
 * more. Races on memory that is not mote's, such as static arrays, are found only by chance: use
 * the compiler's thread sanitizer for those.
 */
#ifndef MOTE_CHECK_H
#define MOTE_CHECK_H

#include "mote/layer.h"
#include "mote/optimizer.h"
#include "mote/output.h"
#include "mote/status.h"
#include "mote/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Checks a layer with the settings `json` (NULL: none) on samples of the given shape, with inputs
 * between -2 and 2:
 *
 * - shapes: output and parameters make sense, and any other input shape is accepted, or rejected
 *   with a message;
 * - passes: nothing depends on earlier contents of memory or on an earlier pass, no trained
 *   parameter changes, and nothing is written just before or past y and dx, or past scratch memory,
 *   parameters and their gradients;
 * - gradients: dx and each parameter's gradient are the derivatives of what the forward pass
 *   computes, with batches of 1, 2, 5 and many; they are added to what is there, or handed over
 *   exactly once, and are the same when dx is not needed;
 * - threads: no two tiles of an operation write to the same place, and 1, 2 and 3 threads, and
 *   tiles in any order, give the same bits;
 * - evaluation: draws no random numbers, changes nothing that is saved, treats each sample
 *   independently, and propagates NaN;
 * - neighbours: between two activations, which mote may fuse into the layer, it computes the same;
 * - files: saved and loaded after some steps, it has the same settings, predicts the same bits and
 *   continues training to the same bits. */
mote_status mote_layer_check(const mote_layer_class *kind, const char *json, mote_shape shape,
                             mote_error *error);

/* Checks an output with the settings `json` (NULL: none) on `width` numbers per sample:
 *
 * - widths: any other width is accepted, or rejected with a message;
 * - gradients: dz is the derivative of the loss, with each kind of target, and rows are
 *   independent; the loss is the same when no gradient is needed, and is added to what the score
 *   holds;
 * - targets: a label gives the same as the one-hot distribution;
 * - predictions: probabilities, if the class says so, the largest of which is what `correct`
 *   counts, and nothing is written past the last row;
 * - extremes: a finite row has a finite loss and gradient, however large its numbers are, and NaN
 *   in a row makes its loss NaN;
 * - threads: the same bits with 1, 2 and 3 threads and any order of tiles;
 * - files: saved and loaded, it has the same settings and gives the same bits. */
mote_status mote_output_check(const mote_output_class *kind, const char *json, size_t width,
                              mote_error *error);

/* Checks an optimizer with the settings `json` (NULL: none), whose learning rate must be high
 * enough to make progress within a hundred steps:
 *
 * - states: no more than MOTE_MAX_STATES, each with a name of its own;
 * - slices: a parameter updated in one piece and in many comes out the same, up to rounding;
 * - standstill: at a learning rate of 0, and if gradients have always been 0, weights do not
 *   change;
 * - decay: weight_decay has no effect on slices without `decay`;
 * - training: the loss of a small network falls;
 * - threads: the same bits with 1, 2 and 3 threads;
 * - resuming: stopped, saved and restored into another trainer, it continues to the same bits. */
mote_status mote_optimizer_check(const mote_optimizer_class *kind, const char *json,
                                 mote_error *error);

#ifdef __cplusplus
}
#endif

#endif
