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

/* Indexed by value, NULL-terminated. */
extern const char *const mote_normalization_names[];

/* x = (raw / full_scale − mean_g) / deviation_g, where g is the channel of an image or the column
 * of a vector, and full_scale is 1, or 255 for 8-bit samples unless `normalize` is `none`. So with
 * `none` 8-bit samples stay 0 ... 255, and with `unit` they become 0 ... 1. {0} changes nothing. */
typedef struct mote_preprocessing {
    mote_normalization normalize;
    bool bytes;        /* made for 8-bit samples */
    size_t groups;     /* channels or columns; 1 unless normalize is MOTE_NORMALIZE_STANDARD */
    double *mean;      /* [groups], of raw / full_scale */
    double *deviation; /* [groups] */
    mote_real *scale;  /* [groups]: x = scale_g × (raw − center_g) + offset_g */
    mote_real *center; /* [groups]; 0 for bytes */
    mote_real *offset; /* [groups] */

    /* For 8-bit images, on a scale of 0 ... 1: the mean of all pixels and of those on the edge.
     * They distinguish light drawings on a dark ground from dark ones on a light ground. */
    double pixel_mean, edge_mean;
} mote_preprocessing;

/* Fills in *preprocessing, which then owns copies of the arrays, until mote_preprocessing_free.
 * `mean` and `deviation` [groups] are used for MOTE_NORMALIZE_STANDARD only and ignored otherwise;
 * a deviation of 0, that of a constant column, counts as 1. MOTE_MEMORY on failure. */
mote_status mote_preprocessing_create(mote_preprocessing *preprocessing,
                                      mote_normalization normalize, bool bytes, size_t groups,
                                      const double *mean, const double *deviation,
                                      mote_error *error);
void mote_preprocessing_free(mote_preprocessing *preprocessing);

/* The number of groups in samples of that shape: channels of an image, columns of a vector; else
 * 1. */
size_t mote_preprocessing_groups(mote_shape shape);

/* Converts sample [count] to what the model sees, x [count]. */
void mote_preprocess_bytes(const mote_preprocessing *preprocessing, size_t count,
                           const uint8_t *sample, mote_real *x);
void mote_preprocess_numbers(const mote_preprocessing *preprocessing, size_t count,
                             const mote_real *sample, mote_real *x);

#ifdef __cplusplus
}
#endif

#endif
