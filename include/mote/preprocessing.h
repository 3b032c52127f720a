/* preprocessing.h: from the numbers in a file to the numbers that a model sees.
 */
#ifndef MOTE_PREPROCESSING_H
#define MOTE_PREPROCESSING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mote/status.h"
#include "mote/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MOTE_NORMALIZATIONS(X)                                                                     \
    X(NONE, "none")                                                                                \
    X(UNIT, "unit")                                                                                \
    X(STANDARD, "standard")

typedef enum mote_normalization {
#define X(name, text) MOTE_NORMALIZE_##name,
    MOTE_NORMALIZATIONS(X)
#undef X
} mote_normalization;

/* Each at its value, ended by NULL. */
extern const char *const mote_normalization_names[];

/* x = (raw / full_scale − mean_g) / deviation_g, where g is the channel of an image or the column
 * of a vector, and full_scale is 255 for 8-bit samples, else 1. With `none` 8-bit samples stay 0
 * ... 255, with `unit` they become 0 ... 1. {0} changes nothing. */
typedef struct mote_preprocessing {
    mote_normalization normalize;
    bool bytes;        /* made for 8-bit samples */
    size_t groups;     /* channels or columns; 1 unless normalize is MOTE_NORMALIZE_STANDARD */
    double *mean;      /* [groups], of raw / full_scale */
    double *deviation; /* [groups] */
    mote_real *scale;  /* [groups]: x = scale_g × (raw − center_g) + offset_g */
    mote_real *center; /* [groups]; 0 for bytes */
    mote_real *offset; /* [groups] */

    /* Of 8-bit images, on a scale of 0 ... 1: the mean of all pixels and of those on the edge.
     * They tell light drawings on a dark ground from dark ones on a light ground. */
    double pixel_mean, edge_mean;
} mote_preprocessing;

/* Fills *preprocessing, which then owns copies of the arrays. `mean` and `deviation` [groups] are
 * those of MOTE_NORMALIZE_STANDARD and ignored otherwise; a deviation of 0, as of a column that
 * never changes, counts as 1. */
mote_status mote_preprocessing_create(mote_preprocessing *preprocessing,
                                      mote_normalization normalize, bool bytes, size_t groups,
                                      const double *mean, const double *deviation,
                                      mote_error *error);
void mote_preprocessing_free(mote_preprocessing *preprocessing);

/* How many groups samples of that shape have: channels of an image, columns of a vector. */
size_t mote_preprocessing_groups(mote_shape shape);

/* Brings a sample of `count` numbers to what the model sees. */
void mote_preprocess_bytes(const mote_preprocessing *preprocessing, size_t count,
                           const uint8_t *sample, mote_real *x);
void mote_preprocess_numbers(const mote_preprocessing *preprocessing, size_t count,
                             const mote_real *sample, mote_real *x);

#ifdef __cplusplus
}
#endif

#endif
