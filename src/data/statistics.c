/* statistics.c: what normalisation needs to know about the training samples. */
#include "data/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "data/image.h"

/* Samples between two progress reports. */
enum {
    PROGRESS_STEP = 4096
};

static bool go_on(const mote_loading *loading, size_t done, size_t total) {
    return done % PROGRESS_STEP != 0 || mote_load_progress(loading, "measuring", done, total);
}

/* Exact sums of bytes and of their squares; 32 bits hold those of a run of this length. */
enum {
    BYTE_RUN = 65536
};

typedef struct byte_sums {
    uint64_t sum, squares;
} byte_sums;

static void add_bytes(size_t count, const uint8_t *bytes, byte_sums *sums) {
    for (size_t done = 0; done < count; done += BYTE_RUN) {
        size_t run = count - done < BYTE_RUN ? count - done : BYTE_RUN;
        uint32_t sum = 0, squares = 0;
        for (size_t i = 0; i < run; i++) {
            uint32_t byte = bytes[done + i];
            sum += byte;
            squares += byte * byte;
        }
        sums->sum += sum;
        sums->squares += squares;
    }
}

static mote_status measure_bytes(const mote_part *part, size_t groups, const mote_loading *loading,
                                 double *mean, double *deviation, mote_error *error) {
    size_t width = mote_shape_count(part->samples->shape), stride = width / groups;
    byte_sums *sums = calloc(groups, sizeof *sums);
    if (!sums) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for the means of %zu columns", groups);
    }
    for (size_t i = 0; i < part->count; i++) {
        if (!go_on(loading, i, part->count)) {
            free(sums);
            return mote_load_stopped(error);
        }
        const uint8_t *sample = part->samples->bytes + part->indexes[i] * width;
        for (size_t g = 0; g < groups; g++) {
            add_bytes(stride, sample + g * stride, &sums[g]);
        }
    }
    double n = (double)part->count * (double)stride;
    for (size_t g = 0; g < groups; g++) {
        double average = (double)sums[g].sum / n;
        double variance = (double)sums[g].squares / n - average * average;
        mean[g] = average / 255;
        deviation[g] = sqrt(variance > 0 ? variance : 0) / 255;
    }
    free(sums);
    return MOTE_OK;
}

/* Fails if a number leaves its group without a finite mean. */
static mote_status check_means(const mote_part *part, size_t groups, const double *mean,
                               mote_error *error) {
    size_t width = mote_shape_count(part->samples->shape);
    bool finite = true;
    for (size_t g = 0; g < groups; g++) {
        finite = finite && isfinite(mean[g]);
    }
    for (size_t i = 0; !finite && i < part->count; i++) {
        const mote_real *sample = part->samples->numbers + part->indexes[i] * width;
        for (size_t k = 0; k < width; k++) {
            if (!isfinite(sample[k])) {
                return mote_fail(error, MOTE_DATA,
                                 "number %zu of training sample %u (both counted from 0) is %s, so "
                                 "there is no mean to normalize by; correct the sample, or leave "
                                 "it out",
                                 k, part->indexes[i], isnan(sample[k]) ? "NaN" : "infinite");
            }
        }
    }
    return MOTE_OK;
}

/* First the means, then the deviations from them. Both are computed relative to the first sample,
 * so that a value that is the same in all samples is exactly its own mean, with deviation 0. */
static mote_status measure_numbers(const mote_part *part, size_t groups,
                                   const mote_loading *loading, double *mean, double *deviation,
                                   mote_error *error) {
    size_t width = mote_shape_count(part->samples->shape), stride = width / groups;
    const mote_real *first = part->samples->numbers + part->indexes[0] * width;
    double n = (double)part->count * (double)stride;
    for (size_t round = 0; round < 2; round++) {
        double *sums = round ? deviation : mean;
        for (size_t i = 0; i < part->count; i++) {
            if (!go_on(loading, round * part->count + i, 2 * part->count)) {
                return mote_load_stopped(error);
            }
            const mote_real *sample = part->samples->numbers + part->indexes[i] * width;
            for (size_t k = 0; k < width; k++) {
                size_t g = k / stride;
                double x = (double)sample[k] - (double)first[g * stride];
                sums[g] += round ? (x - mean[g]) * (x - mean[g]) : x;
            }
        }
        for (size_t g = 0; g < groups; g++) {
            sums[g] = round ? sqrt(sums[g] / n) : sums[g] / n;
        }
        if (check_means(part, groups, mean, error) != MOTE_OK) {
            return MOTE_DATA;
        }
    }
    for (size_t g = 0; g < groups; g++) {
        mean[g] += (double)first[g * stride];
    }
    return MOTE_OK;
}

/* Enough samples to tell figure from ground. */
enum {
    GROUND_SAMPLES = 2000
};

static void measure_ground(const mote_part *part, mote_preprocessing *p) {
    if (!part->samples->bytes || part->samples->shape.rank != 3) {
        return;
    }
    size_t samples = part->count < GROUND_SAMPLES ? part->count : GROUND_SAMPLES;
    mote_ground ground =
        mote_image_ground(part->samples->shape, part->samples->bytes, part->indexes, samples);
    p->pixel_mean = ground.pixel_mean;
    p->edge_mean = ground.edge_mean;
}

mote_status mote_measure(const mote_part *part, mote_normalization normalize,
                         const mote_loading *loading, mote_preprocessing *preprocessing,
                         mote_error *error) {
    bool bytes = part->samples->bytes != NULL;
    size_t groups = mote_preprocessing_groups(part->samples->shape);
    double *mean = calloc(2 * groups, sizeof *mean);
    if (!mean) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for the means of %zu columns", groups);
    }
    mote_status status = MOTE_OK;
    if (normalize == MOTE_NORMALIZE_STANDARD) {
        status = (bytes ? measure_bytes : measure_numbers)(part, groups, loading, mean,
                                                           mean + groups, error);
    }
    if (status == MOTE_OK) {
        status = mote_preprocessing_create(preprocessing, normalize, bytes, groups, mean,
                                           mean + groups, error);
    }
    free(mean);
    if (status == MOTE_OK) {
        measure_ground(part, preprocessing);
    }
    return status;
}
