/* mote.h: the tour. Include this one header to get all of mote.
 *
 * mote trains small neural networks. It has few concepts, one header each:
 *
 *     status.h         how calls report failure: a status, and an error that the caller owns
 *     tensor.h         shapes, and views of numbers
 *     random.h         random numbers with explicit state
 *     pool.h           threads that share the tiles of one operation
 *     kernels.h        matrix products and vector functions
 *     field.h          tables of settings: the one way to configure anything
 *     layer.h          the interface for writing a layer
 *     output.h         the end of a model: loss, gradient, prediction
 *     optimizer.h      weight updates and learning-rate schedules
 *     preprocessing.h  from the numbers in a file to those that a model sees
 *     augmentation.h   the interface for writing an augmentation of training samples
 *     dataset.h        samples and targets
 *     model.h          a sequence of layers and an output; prediction; model files
 *     trainer.h        training and evaluation; checkpoints
 *     plugin.h         your own layers, outputs, optimizers ... from a shared object
 *     check.h          tests for them: everything that mote's own must pass, in one call
 *
 * To predict with a trained model, read model.h; to train in a program, examples/xor.c,
 * examples/long_run.c and trainer.h; to add a layer, layer.h and examples/new_layer, or within
 * mote's source tree src/layers/tanh.c or src/layers/dense.c.
 *
 * Conventions that hold everywhere:
 *
 * - Names show ownership. What a _create, _load, _open or _from_... call returns is owned by the
 *   caller, who passes it to the matching _destroy, which also accepts NULL. Pointers in structs
 *   and those returned by other calls are views that own nothing. Arguments are not kept beyond the
 *   call unless the header says so.
 * - A call that can fail takes a mote_error last, which may be NULL; the first failure stays in it.
 *   The library never prints and never exits. Asserts catch programming errors only.
 * - Pointers must not be NULL unless a comment says that they may be.
 * - Numbers are float (mote_real), arrays row-major, sizes size_t, text UTF-8. Comments give the
 *   shape of every array: x [rows × columns].
 * - JSON arguments hold the same keys as a config file; NULL means none.
 * - Training allocates no memory once the first step has begun, nor does prediction after its first
 *   call unless `rows` grows.
 * - The only global state is OpenBLAS's settings (see mote_blas_prepare) and the lists of classes,
 *   to which your own classes can be added before they are used (mote_layer_register). Different
 *   threads may use different models; only one thread at a time may use the same model, trainer or
 *   pool.
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
