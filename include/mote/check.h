/* check.h: tests of a layer, an output or an optimizer of your own: one call each runs what mote's
 * own have to pass.
 *
 *     mote_error error = {0};
 *     if (mote_layer_check(&mote_layer_swish_beta, "{\"per_channel\": true}",
 *                          mote_shape_image(3, 5, 4), &error) != MOTE_OK) {
 *         return complain(error.message);
 *     }
 *
 * Each registers the class if that has not been done, and stops at the first failure: with
 * MOTE_DATA and a message that says what was expected and found, or with MOTE_INVALID and the
 * class's own message where the class refuses the settings or the shape. Call it for each
 * combination of settings and shape that matters; small shapes, of some tens of numbers, take
 * milliseconds.
 *
 * Gradients are compared with finite differences of floats, which reveal errors of one per cent and
 * more. Races on memory that is not mote's, such as static arrays, are found only by chance: for
 * those use the compiler's thread sanitizer.
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

/* A layer with the settings `json` (NULL: none) on samples of the shape, with inputs between -2 and
 * 2:
 *
 * - shapes: output and parameters make sense, and any other shape of input is taken, or refused
 *   with a message;
 * - passes: nothing depends on what was in memory before, or on an earlier pass, no parameter that
 *   is trained changes, and nothing is written just before or past y and dx, or past scratch
 *   memory, parameters and their gradients;
 * - gradients: dx and each parameter's are the derivatives of what the forward pass computes, with
 *   batches of 1, 2, 5 and many; they are added to what is there, or handed over once, and are the
 *   same where dx is not wanted;
 * - threads: no two tiles of an operation write the same place, and 1, 2 and 3 threads, and tiles
 *   in any order, give the same bits;
 * - evaluation: draws no random numbers, changes nothing that is saved, takes each sample by
 *   itself, and passes NaN on;
 * - neighbours: between two activations, whose work mote may leave to the layer, it computes the
 *   same;
 * - files: saved and loaded after some steps, it has the same settings, predicts the same bits and
 *   trains on to the same bits. */
mote_status mote_layer_check(const mote_layer_class *kind, const char *json, mote_shape shape,
                             mote_error *error);

/* An output with the settings `json` (NULL: none) on `width` numbers a sample:
 *
 * - widths: any other width is taken, or refused with a message;
 * - gradients: dz is the derivative of the loss, with each kind of target, and each row's by
 *   itself; the loss is the same where no gradient is wanted, and added to what the score holds;
 * - targets: a label is the same as a distribution that is all in one place;
 * - predictions: probabilities, if it says so, of which the largest is what `correct` counts, and
 *   nothing past the last row;
 * - extremes: a finite row has a finite loss and gradient, however large its numbers are, and NaN
 *   in a row makes its loss NaN;
 * - threads: the same bits with 1, 2 and 3 threads and any order of tiles;
 * - files: saved and loaded, it has the same settings and gives the same bits. */
mote_status mote_output_check(const mote_output_class *kind, const char *json, size_t width,
                              mote_error *error);

/* An optimizer with the settings `json` (NULL: none), among them a learning rate with which it gets
 * somewhere within a hundred steps:
 *
 * - states: as many as it has names for;
 * - slices: parameters in one piece and in many come out the same, but for rounding;
 * - standstill: at a learning rate of 0, and where gradients have always been 0, weights stay;
 * - decay: weight_decay has no effect on slices that are not to decay;
 * - training: the loss of a small network falls;
 * - threads: the same bits with 1, 2 and 3 threads;
 * - resuming: stopped, saved and restored into another trainer, it goes on to the same bits. */
mote_status mote_optimizer_check(const mote_optimizer_class *kind, const char *json,
                                 mote_error *error);

#ifdef __cplusplus
}
#endif

#endif
