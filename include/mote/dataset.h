/* dataset.h: samples and their targets.
 *
 * A data set holds up to three parts: training, validation (taken from the training samples) and
 * test. Samples are stored as they came, 8-bit or float, and converted to float as they are
 * gathered into a batch.
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

/* A view of samples. Exactly one of `bytes` and `numbers`, and exactly one of `labels` and
 * `values`, is not NULL. */
typedef struct mote_samples {
    size_t count;
    mote_shape shape;         /* of one sample */
    const uint8_t *bytes;     /* [count × shape] */
    const mote_real *numbers; /* [count × shape] */
    const uint32_t *labels;   /* [count]: class numbers from 0 */
    const mote_real *values;  /* [count × value_width]: numbers, or distributions over classes */
    size_t value_width;       /* 0 with labels */
} mote_samples;

typedef enum mote_part_name {
    MOTE_TRAINING,
    MOTE_VALIDATION,
    MOTE_TEST,
    MOTE_PART_COUNT,
} mote_part_name;

/* A subset of the samples. */
typedef struct mote_part {
    const mote_samples *samples;
    const uint32_t *indexes; /* [count], into the samples */
    size_t count;            /* 0: there is no such part */
} mote_part;

/* Creates a data set over arrays that the caller must keep alive and unchanged; the two structs
 * themselves are copied. `test` may be NULL. `json` holds the keys common to all formats, for
 * example {"normalize": "standard", "validation_fraction": 0.1}; NULL: defaults. `seed` determines
 * the split. NULL on failure: MOTE_INVALID for wrong settings or arrays, MOTE_DATA for samples that
 * do not fit together or, with "standard", training samples that are not finite. */
mote_dataset *mote_dataset_from_arrays(const mote_samples *train, const mote_samples *test,
                                       const char *json, uint64_t seed, mote_error *error);
void mote_dataset_destroy(mote_dataset *dataset);

mote_shape mote_dataset_shape(const mote_dataset *dataset);
mote_part mote_dataset_part(const mote_dataset *dataset, mote_part_name name);

/* The number of classes; 0 if there are values instead of labels. */
size_t mote_dataset_classes(const mote_dataset *dataset);

/* The name of a class, or its number in digits if the format has no names; "" past the last. */
const char *mote_dataset_class_name(const mote_dataset *dataset, size_t class_number);

/* The weight w [classes] of each class's samples in the training loss, which is Σ w l / Σ w over
 * the samples of a step, as in PyTorch's CrossEntropyLoss(weight). NULL: all equal. Evaluation
 * ignores weights. */
const mote_real *mote_dataset_class_weights(const mote_dataset *dataset);

/* How to make a sample from a file, as JSON (see mote_model_set_input). NULL for arrays. */
const char *mote_dataset_input(const mote_dataset *dataset);

/* How samples are normalised, with the statistics of the training part. */
const mote_preprocessing *mote_dataset_preprocessing(const mote_dataset *dataset);

#ifdef __cplusplus
}
#endif

#endif
