/* mote.h: the tour. Include this one header to have all of mote.
 *
 * mote trains small neural networks. It has few concepts, one header each:
 *
 *     status.h         how calls report failure: a status, and an error that the caller owns
 *     tensor.h         shapes, and views of numbers
 *     random.h         random numbers with explicit state
 *     pool.h           threads that share out the tiles of one operation
 *     kernels.h        matrix products and vector functions
 *     field.h          tables of settings: the one way in which anything is configured
 *     layer.h          what a layer is, for those who write one
 *     output.h         what closes a model: loss, gradient, prediction
 *     optimizer.h      how weights follow gradients, and the learning rate follows time
 *     preprocessing.h  from the numbers in a file to those that a model sees
 *     augmentation.h   what changes training samples, for those who write one
 *     dataset.h        samples and targets
 *     model.h          a sequence of layers and an output; prediction; model files
 *     trainer.h        training and evaluation; checkpoints
 *     plugin.h         layers, outputs and the like of your own from a shared object
 *     check.h          tests of those: all that mote's own have to pass, in one call
 *
 * To predict with a trained model, read model.h; to train in a program, examples/xor.c,
 * examples/long_run.c and trainer.h; to add a layer, layer.h and examples/new_layer, or within
 * mote's source tree src/layers/tanh.c or src/layers/dense.c.
 *
 * Conventions that hold everywhere:
 *
 * - Ownership shows in names. What a _create, _load, _open or _from_... call returns is the
 *   caller's, to be given to the matching _destroy, which takes NULL too. Pointers in structs and
 *   returned by other calls are views that own nothing. Arguments are not kept beyond the call,
 *   except where the header says so.
 * - A call that can fail takes a mote_error last, which may be NULL; the first failure stays in it.
 *   The library never prints and never ends the program. Asserts are for programmers' mistakes.
 * - Pointers must not be NULL unless a comment says that they may.
 * - Numbers are float (mote_real), arrays row-major, sizes size_t, text UTF-8. Comments give the
 *   shape of every array: x [rows × columns].
 * - JSON arguments hold the same keys as a config file, NULL meaning none.
 * - From its first step on, training allocates no memory; nor does prediction after its first call.
 * - There is no global state but OpenBLAS's settings (see mote_blas_prepare) and the lists of
 *   classes, to which classes of your own can be added before they are used (mote_layer_register).
 *   Different models may be used by different threads; one model, trainer or pool by one thread at
 *   a time.
 */
#ifndef MOTE_MOTE_H
#define MOTE_MOTE_H

#include "mote/augmentation.h"
#include "mote/check.h"
#include "mote/dataset.h"
#include "mote/field.h"
#include "mote/kernels.h"
#include "mote/layer.h"
#include "mote/model.h"
#include "mote/optimizer.h"
#include "mote/output.h"
#include "mote/plugin.h"
#include "mote/pool.h"
#include "mote/preprocessing.h"
#include "mote/random.h"
#include "mote/status.h"
#include "mote/tensor.h"
#include "mote/trainer.h"
#include "mote/version.h"

#endif
