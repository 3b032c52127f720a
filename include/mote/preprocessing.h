/* preprocessing.h: from the numbers in a file to the numbers that a model sees.
 */
#ifndef MOTE_PREPROCESSING_H
#define MOTE_PREPROCESSING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mote/status.h"
#include "mote/tensor.h"

#define MOTE_NORMALIZATIONS(X)                                                                     \
    X(NONE, "none")                                                                                \
    X(UNIT, "unit")                                                                                \
    X(STANDARD, "standard")

typedef enum mote_normalization {
#define X(name, text) MOTE_NORMALIZE_##name,
    MOTE_NORMALIZATIONS(X)
#undef X
} mote_normalization;

/* x = (raw / full_scale − mean_c) / deviation_c, where c is the channel of an image or the column
 * of a vector, and full_scale is 255 for 8-bit samples, else 1. Part of a model, which owns the
 * arrays. With `none` 8-bit samples stay 0 ... 255; with `unit` they become 0 ... 1. */
typedef struct mote_preprocessing {
    mote_normalization normalize;
    bool bytes;       /* trained on 8-bit samples */
    size_t groups;    /* channels or columns; 0 unless normalize is MOTE_NORMALIZE_STANDARD */
    double *mean;     /* [groups] */
    double *deviation; /* [groups] */

    /* Of 8-bit images, on a scale of 0 ... 1: the mean of all pixels and of those on the edge.
     * They tell light drawings on a dark ground from dark ones on a light ground. */
    double pixel_mean, edge_mean;
} mote_preprocessing;

/* What a value of group `group` is multiplied with, and what is then added. */
void mote_preprocessing_affine(const mote_preprocessing *preprocessing, size_t group,
                               mote_real *scale, mote_real *offset);

/* Brings `rows` samples of that shape to what the model sees: x [rows × shape]. */
void mote_preprocess_bytes(const mote_preprocessing *preprocessing, mote_shape shape, size_t rows,
                           const uint8_t *samples, mote_real *x);
void mote_preprocess_numbers(const mote_preprocessing *preprocessing, mote_shape shape,
                             size_t rows, const mote_real *samples, mote_real *x);

#endif
