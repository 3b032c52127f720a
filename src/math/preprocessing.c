/* preprocessing.c: from the numbers in a file to the numbers that a model sees. */
#include "mote/preprocessing.h"

#include <stdlib.h>
#include <string.h>

#include "math/vector.h"

const char *const mote_normalization_names[] = {
#define X(name, text) [MOTE_NORMALIZE_##name] = text,
    MOTE_NORMALIZATIONS(X)
#undef X
        NULL};

void mote_preprocessing_free(mote_preprocessing *preprocessing) {
    free(preprocessing->mean);
    free(preprocessing->deviation);
    free(preprocessing->scale);
    free(preprocessing->center);
    free(preprocessing->offset);
    *preprocessing = (mote_preprocessing){0};
}

size_t mote_preprocessing_groups(mote_shape shape) {
    return shape.rank == 1 || shape.rank == 3 ? shape.dims[0] : 1;
}

/* From mean and deviation to the coefficients that are applied. Numbers may lie close together, far
 * from 0: most of the mean is subtracted before anything can round, and the rest afterwards. */
static void derive_affine(mote_preprocessing *p) {
    double unit = p->normalize != MOTE_NORMALIZE_NONE && p->bytes ? 1.0 / 255.0 : 1.0;
    for (size_t g = 0; g < p->groups; g++) {
        p->scale[g] = (mote_real)(unit / p->deviation[g]);
        p->center[g] = p->bytes ? 0 : (mote_real)p->mean[g];
        p->offset[g] = (mote_real)(((double)p->center[g] - p->mean[g]) / p->deviation[g]);
    }
}

mote_status mote_preprocessing_create(mote_preprocessing *preprocessing,
                                      mote_normalization normalize, bool bytes, size_t groups,
                                      const double *mean, const double *deviation,
                                      mote_error *error) {
    bool standard = normalize == MOTE_NORMALIZE_STANDARD;
    groups = standard ? groups : 1;
    mote_preprocessing p = {.normalize = normalize,
                            .bytes = bytes,
                            .groups = groups,
                            .mean = calloc(groups, sizeof *p.mean),
                            .deviation = calloc(groups, sizeof *p.deviation),
                            .scale = calloc(groups, sizeof *p.scale),
                            .center = calloc(groups, sizeof *p.center),
                            .offset = calloc(groups, sizeof *p.offset)};
    if (!p.mean || !p.deviation || !p.scale || !p.center || !p.offset) {
        mote_preprocessing_free(&p);
        return mote_fail(error, MOTE_MEMORY, "out of memory for the means of %zu columns", groups);
    }
    for (size_t g = 0; g < groups; g++) {
        p.mean[g] = standard ? mean[g] : 0;
        p.deviation[g] = standard && deviation[g] > 0 ? deviation[g] : 1;
    }
    derive_affine(&p);
    *preprocessing = p;
    return MOTE_OK;
}

MOTE_MULTIVERSION
static void convert_bytes(size_t count, mote_real scale, mote_real offset, const uint8_t *sample,
                          mote_real *x) {
    for (size_t i = 0; i < count; i++) {
        x[i] = (mote_real)sample[i] * scale + offset;
    }
}

MOTE_MULTIVERSION
static void convert_byte_columns(size_t count, const mote_real *scale, const mote_real *offset,
                                 const uint8_t *sample, mote_real *x) {
    for (size_t i = 0; i < count; i++) {
        x[i] = (mote_real)sample[i] * scale[i] + offset[i];
    }
}

void mote_preprocess_bytes(const mote_preprocessing *preprocessing, size_t count,
                           const uint8_t *sample, mote_real *x) {
    const mote_preprocessing *p = preprocessing;
    if (p->groups <= 1) {
        convert_bytes(count, p->groups ? *p->scale : 1, p->groups ? *p->offset : 0, sample, x);
    } else if (p->groups == count) {
        convert_byte_columns(count, p->scale, p->offset, sample, x);
    } else {
        size_t stride = count / p->groups;
        for (size_t g = 0; g < p->groups; g++) {
            convert_bytes(stride, p->scale[g], p->offset[g], sample + g * stride, x + g * stride);
        }
    }
}

MOTE_MULTIVERSION
static void convert_numbers(size_t count, mote_real scale, mote_real center, mote_real offset,
                            const mote_real *sample, mote_real *x) {
    for (size_t i = 0; i < count; i++) {
        x[i] = (sample[i] - center) * scale + offset;
    }
}

MOTE_MULTIVERSION
static void convert_columns(size_t count, const mote_real *scale, const mote_real *center,
                            const mote_real *offset, const mote_real *sample, mote_real *x) {
    for (size_t i = 0; i < count; i++) {
        x[i] = (sample[i] - center[i]) * scale[i] + offset[i];
    }
}

void mote_preprocess_numbers(const mote_preprocessing *preprocessing, size_t count,
                             const mote_real *sample, mote_real *x) {
    const mote_preprocessing *p = preprocessing;
    if (p->groups == 0) {
        memcpy(x, sample, count * sizeof *x);
    } else if (p->groups == count) {
        convert_columns(count, p->scale, p->center, p->offset, sample, x);
    } else {
        size_t stride = count / p->groups;
        for (size_t g = 0; g < p->groups; g++) {
            convert_numbers(stride, p->scale[g], p->center[g], p->offset[g], sample + g * stride,
                            x + g * stride);
        }
    }
}
