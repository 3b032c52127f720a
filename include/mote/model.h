/* model.h: a sequence of layers and an output.
 *
 *     mote_error error = {0};
 *     mote_model *model = mote_model_load("model.safetensors", &error);
 *     mote_model_predict(model, 1, x, probabilities, &error);
 *     mote_model_destroy(model);
 *
 * Only one thread at a time may use a model; different models are independent. Calls that return a
 * status fail with MOTE_INVALID if the model is NULL, and so does mote_trainer_create, so a series
 * of calls may be checked once at its end.
 */
#ifndef MOTE_MODEL_H
#define MOTE_MODEL_H

#include <stdint.h>

#include "mote/layer.h"
#include "mote/output.h"
#include "mote/pool.h"
#include "mote/preprocessing.h"
#include "mote/status.h"
#include "mote/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_model mote_model;

/* Creates a model without layers for samples of that shape (rank 1 to 3). NULL on failure; owned by
 * the caller. */
mote_model *mote_model_create(mote_shape input_shape, mote_error *error);
void mote_model_destroy(mote_model *model);

/* Appends a layer. `json` holds the same keys as in a config: mote_model_add(model, "dense",
 * "{\"units\": 128}", &error). NULL: no keys. MOTE_INVALID if the type or a key is wrong, the layer
 * rejects its input, or the model has its output. */
mote_status mote_model_add(mote_model *model, const char *type, const char *json,
                           mote_error *error);

/* Sets the output that follows the last layer. No layer can be added afterwards. MOTE_INVALID as
 * for mote_model_add. */
mote_status mote_model_set_output(mote_model *model, const char *type, const char *json,
                                  mote_error *error);

/* Draws the initial parameters of a model that has its output. The same seed gives the same
 * parameters. */
mote_status mote_model_initialize(mote_model *model, uint64_t seed, mote_error *error);

mote_shape mote_model_input_shape(const mote_model *model);
size_t mote_model_classes(const mote_model *model);          /* 0: predicts numbers */
size_t mote_model_prediction_width(const mote_model *model); /* numbers per row of a prediction */
size_t mote_model_parameter_count(const mote_model *model);  /* trainable numbers */
size_t mote_model_layer_count(const mote_model *model);
const mote_layer *mote_model_layer(const mote_model *model, size_t index); /* NULL past the last */
const mote_output *mote_model_output(const mote_model *model);             /* NULL: none yet */

/* A view of a parameter by its name in files, such as "layers.1.weight"; data is NULL if there is
 * no such parameter, or before the model has its output. */
mote_tensor mote_model_parameter(const mote_model *model, const char *name);

/* The name of a class: the one set, or its number in digits; "" past the last. Valid until the
 * names change. Setting copies the names. */
const char *mote_model_class_name(const mote_model *model, size_t class_number);
mote_status mote_model_set_class_names(mote_model *model, const char *const *names, size_t count,
                                       mote_error *error);

/* How to make a sample from a file, as JSON: {"format": "images", "resize": "fit", "channels": 3}.
 * NULL: unknown. Setting copies the text; MOTE_INVALID if it has no "format". */
const char *mote_model_input(const mote_model *model);
mote_status mote_model_set_input(mote_model *model, const char *json, mote_error *error);

/* What was done to the training samples and must be done to samples before prediction. Setting
 * copies it; MOTE_INVALID if its groups are not those of the model's samples, or a mean or
 * deviation is not finite. */
const mote_preprocessing *mote_model_preprocessing(const mote_model *model);
mote_status mote_model_set_preprocessing(mote_model *model, const mote_preprocessing *preprocessing,
                                         mote_error *error);

/* From now on, distributes work to the pool's threads; NULL: one thread. The pool must outlive its
 * use. */
void mote_model_set_pool(mote_model *model, mote_pool *pool);

/* Computes prediction [rows × prediction width], probabilities or numbers, from x [rows × input
 * shape], preprocessed. Allocates memory only in the first call and when `rows` is larger than
 * before. Models with conv2d need 1 MB of stack. */
mote_status mote_model_predict(mote_model *model, size_t rows, const mote_real *x,
                               mote_real *prediction, mote_error *error);

/* Reads or writes a model, including its input, preprocessing and class names, as a safetensors
 * file. Loading returns NULL on failure; the model is owned by the caller. Saving replaces an
 * existing file only once the new one is complete. */
mote_model *mote_model_load(const char *path, mote_error *error);
mote_status mote_model_save(const mote_model *model, const char *path, mote_error *error);

/* Sets all parameters and buffers of a model that has its output, by name, from a safetensors file:
 * another model's, a checkpoint (mote_trainer_save), or one written by PyTorch. Not while the model
 * is being trained. MOTE_FILE if the file cannot be read; MOTE_DATA if it is damaged, or a
 * parameter is missing or has another shape; the model is then unchanged. */
mote_status mote_model_read_parameters(mote_model *model, const char *path, mote_error *error);

#ifdef __cplusplus
}
#endif

#endif
