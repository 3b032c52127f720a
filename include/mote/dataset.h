/* dataset.h: samples and their targets.
 *
 * A data set holds up to three parts: training, validation (taken from the training samples) and
 * test. Samples stay as they came, 8-bit or float, and become a float batch as they are gathered.
 */
#ifndef MOTE_DATASET_H
#define MOTE_DATASET_H

#include <stdint.h>

#include "mote/preprocessing.h"
#include "mote/status.h"
#include "mote/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_dataset mote_dataset;

/* A view of samples: exactly one of `bytes` and `numbers`, exactly one of `labels` and `values` is
 * not NULL. */
typedef struct mote_samples {
    size_t count;
    mote_shape shape;         /* of one sample */
    const uint8_t *bytes;     /* [count × shape] */
    const mote_real *numbers; /* [count × shape] */
    const uint32_t *labels;   /* [count]: class numbers from 0 */
    const mote_real *values;  /* [count × value_width]: numbers to predict */
    size_t value_width;
} mote_samples;

typedef enum mote_part_name {
    MOTE_TRAINING,
    MOTE_VALIDATION,
    MOTE_TEST,
    MOTE_PART_COUNT,
} mote_part_name;

/* Some of the samples, by number. */
typedef struct mote_part {
    const mote_samples *samples;
    const uint32_t *indexes; /* [count] */
    size_t count;            /* 0: there is no such part */
} mote_part;

/* A data set over arrays that the caller keeps alive and unchanged. `test` may be NULL. `json`
 * holds the keys that all formats share, such as {"normalize": "standard", "validation_fraction":
 * 0.1}, or is NULL for their defaults. `seed` decides the split. NULL on failure. */
mote_dataset *mote_dataset_from_arrays(const mote_samples *train, const mote_samples *test,
                                       const char *json, uint64_t seed, mote_error *error);
void mote_dataset_destroy(mote_dataset *dataset);

mote_shape mote_dataset_shape(const mote_dataset *dataset);
mote_part mote_dataset_part(const mote_dataset *dataset, mote_part_name name);

/* How many classes the labels tell apart; 0 where there are values instead of labels. */
size_t mote_dataset_classes(const mote_dataset *dataset);

/* The name of a class; its number in digits where the format has no names. */
const char *mote_dataset_class_name(const mote_dataset *dataset, size_t class_number);

/* What a sample of each class weighs in the training loss, which is Σ w l / Σ w over a batch, as in
 * PyTorch's CrossEntropyLoss(weight): [classes], or NULL where all weigh the same. Evaluation
 * weighs nothing. */
const mote_real *mote_dataset_class_weights(const mote_dataset *dataset);

/* How a sample is made from a file, as JSON: mote_model_set_input. NULL for arrays. */
const char *mote_dataset_input(const mote_dataset *dataset);

/* How training normalises; its statistics are those of the training part. */
const mote_preprocessing *mote_dataset_preprocessing(const mote_dataset *dataset);

#ifdef __cplusplus
}
#endif

#endif
