/* runs.c: the backward pass of convolutions where much of dy is 0. */
#include "math/runs.h"

#include <string.h>

#include "math/vector.h"
#include "math/whole.h"

/* Half an AVX-512 register: two of these are as fast as one of full width, and runs are short. */
typedef mote_real vector __attribute__((vector_size(32)));

/* A block is some rows of the window and some vectors of each: as many sums as fit in registers.
 * Its size is written as constants at each call, so that the compiler knows it. */
enum {
    LANES = sizeof(vector) / sizeof(mote_real),
    MOST_ROWS = 5,
    MOST_VECTORS = 4
};
_Static_assert(LANES <= MOTE_PATCH_OVER, "the last vector would reach too far");

static size_t vectors_per_run(const mote_window *w) {
    return mote_ceiling_divide(w->kernel * w->channels, LANES);
}

size_t mote_run_stride(const mote_window *w) {
    return vectors_per_run(w) * LANES;
}

/* Load and store a block of sums, which stays in registers in between. */
MOTE_INLINE void load_sums(size_t rows, size_t vectors, const mote_real *from, size_t row_length,
                           vector (*sum)[MOST_VECTORS]) {
    for (size_t row = 0; row < rows; row++, from += row_length) {
        for (size_t v = 0; v < vectors; v++) {
            memcpy(&sum[row][v], from + v * LANES, sizeof(vector));
        }
    }
}

MOTE_INLINE void store_sums(size_t rows, size_t vectors, vector (*sum)[MOST_VECTORS], mote_real *to,
                            size_t row_length) {
    for (size_t row = 0; row < rows; row++, to += row_length) {
        for (size_t v = 0; v < vectors; v++) {
            memcpy(to + v * LANES, &sum[row][v], sizeof(vector));
        }
    }
}

/* ---- dw ---- */

/* The pooled numbers of one filter, and what they are multiplied by. */
typedef struct terms {
    size_t count, stride; /* how many, and how far apart in `from` and dy */
    const uint32_t *from, *offsets;
    const mote_real *dy, *numbers;
    size_t row_length;
} terms;

/* The offset of the first number that each pixel of y sees. */
MOTE_INLINE void list_offsets(const mote_window *w, const mote_patch *patch, uint32_t *offsets) {
    uint32_t step = (uint32_t)(w->stride * w->channels);
    for (size_t row = 0; row < w->output_height; row++) {
        uint32_t first = (uint32_t)(row * patch->width) * step;
        for (size_t column = 0; column < w->output_width; column++) {
            *offsets++ = first + (uint32_t)column * step;
        }
    }
}

/* A block of dw += the sum of the terms. */
MOTE_INLINE void add_terms(size_t rows, size_t vectors, const terms *t, size_t first, mote_real *dw,
                           size_t run_stride) {
    vector sum[MOST_ROWS][MOST_VECTORS];
    load_sums(rows, vectors, dw, run_stride, sum);
    const mote_real *numbers = t->numbers + first;
    for (size_t i = 0; i < t->count * t->stride; i += t->stride) {
        const mote_real *at = numbers + t->offsets[t->from[i]];
        for (size_t row = 0; row < rows; row++, at += t->row_length) {
            for (size_t v = 0; v < vectors; v++) {
                vector seen;
                memcpy(&seen, at + v * LANES, sizeof seen);
                sum[row][v] += t->dy[i] * seen;
            }
        }
    }
    store_sums(rows, vectors, sum, dw, run_stride);
}

MOTE_INLINE void add_terms_to_rows(size_t rows, size_t run_stride, const terms *t, size_t first,
                                   mote_real *dw) {
    size_t begin = 0;
    for (; begin + 4 * LANES <= run_stride; begin += 4 * LANES) {
        add_terms(rows, 4, t, first + begin, dw + begin, run_stride);
    }
    for (; begin + 2 * LANES <= run_stride; begin += 2 * LANES) {
        add_terms(rows, 2, t, first + begin, dw + begin, run_stride);
    }
    for (; begin < run_stride; begin += LANES) {
        add_terms(rows, 1, t, first + begin, dw + begin, run_stride);
    }
}

MOTE_MULTIVERSION
void mote_runs_gradient(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                        const uint32_t *from, const mote_real *dy, size_t count, size_t filters,
                        size_t begin, size_t end, mote_real *dw) {
    uint32_t offsets[MOTE_PATCH_CAPACITY];
    list_offsets(w, patch, offsets);
    size_t run_stride = vectors_per_run(w) * LANES;
    for (size_t filter = begin; filter < end; filter++) {
        const terms t = {.count = count,
                         .stride = filters,
                         .from = from + filter,
                         .offsets = offsets,
                         .dy = dy + filter,
                         .numbers = numbers,
                         .row_length = patch->width * w->channels};
        mote_real *sums = dw + filter * w->kernel * run_stride;
        size_t row = 0;
        for (; row + 5 <= w->kernel; row += 5) {
            add_terms_to_rows(5, run_stride, &t, row * t.row_length, sums + row * run_stride);
        }
        for (; row + 3 <= w->kernel; row += 3) {
            add_terms_to_rows(3, run_stride, &t, row * t.row_length, sums + row * run_stride);
        }
        for (; row < w->kernel; row++) {
            add_terms_to_rows(1, run_stride, &t, row * t.row_length, sums + row * run_stride);
        }
    }
}

/* ---- dx ---- */

/* What carries dy back to the numbers of a patch. */
typedef struct flow {
    const mote_real *dy, *weights;
    mote_real *numbers;
    size_t filters, filter_stride, run_stride; /* strides of the weights */
    size_t rows, columns;                      /* pixels of dy */
    size_t row_length, row_step, column_step;  /* of the numbers, and from pixel to pixel of dy */
} flow;

/* What one filter adds to a pixel. */
typedef struct share {
    mote_real dy;
    uint32_t weights; /* offset of the filter's weights */
} share;

MOTE_INLINE size_t list_shares(const flow *f, const mote_real *dy, share *shares) {
    size_t count = 0;
    for (size_t filter = 0; filter < f->filters; filter++) {
        shares[count].dy = dy[filter];
        shares[count].weights = (uint32_t)(filter * f->filter_stride);
        count += dy[filter] != 0;
    }
    return count;
}

/* One block of the window of one pixel. */
MOTE_INLINE void add_shares(size_t rows, size_t vectors, const flow *f, const share *shares,
                            size_t count, const mote_real *weights, mote_real *at) {
    vector sum[MOST_ROWS][MOST_VECTORS];
    load_sums(rows, vectors, at, f->row_length, sum);
    for (size_t i = 0; i < count; i++) {
        const mote_real *of_row = weights + shares[i].weights;
        for (size_t row = 0; row < rows; row++, of_row += f->run_stride) {
            for (size_t v = 0; v < vectors; v++) {
                vector weight;
                memcpy(&weight, of_row + v * LANES, sizeof weight);
                sum[row][v] += shares[i].dy * weight;
            }
        }
    }
    store_sums(rows, vectors, sum, at, f->row_length);
}

/* One block of the windows of all pixels, down the columns: what one pixel stores, the next loads
 * in the same vectors, without waiting for it to reach the cache. */
MOTE_INLINE void add_flow(size_t rows, size_t vectors, const flow *f, size_t first,
                          size_t first_weight) {
    for (size_t column = 0; column < f->columns; column++) {
        for (size_t row = 0; row < f->rows; row++) {
            share shares[MOTE_RUN_FILTERS];
            size_t count = list_shares(f, f->dy + (row * f->columns + column) * f->filters, shares);
            add_shares(rows, vectors, f, shares, count, f->weights + first_weight,
                       f->numbers + first + row * f->row_step + column * f->column_step);
        }
    }
}

MOTE_INLINE void add_flow_to_rows(size_t rows, const flow *f, size_t row) {
    size_t begin = 0, first = row * f->row_length, weight = row * f->run_stride;
    for (; begin + 4 * LANES <= f->run_stride; begin += 4 * LANES) {
        add_flow(rows, 4, f, first + begin, weight + begin);
    }
    for (; begin + 2 * LANES <= f->run_stride; begin += 2 * LANES) {
        add_flow(rows, 2, f, first + begin, weight + begin);
    }
    for (; begin < f->run_stride; begin += LANES) {
        add_flow(rows, 1, f, first + begin, weight + begin);
    }
}

MOTE_MULTIVERSION
void mote_runs_backward(const mote_window *w, const mote_patch *patch, const mote_real *dy,
                        const mote_real *weights, size_t filters, mote_real *numbers) {
    size_t run_stride = vectors_per_run(w) * LANES, row_length = patch->width * w->channels;
    size_t pixels = patch->end - patch->begin;
    size_t columns = mote_patch_columns(w, patch);
    const flow f = {.dy = dy,
                    .weights = weights,
                    .numbers = numbers,
                    .filters = filters,
                    .filter_stride = w->kernel * run_stride,
                    .run_stride = run_stride,
                    .rows = pixels / columns,
                    .columns = columns,
                    .row_length = row_length,
                    .row_step = w->stride * row_length,
                    .column_step = w->stride * w->channels};
    size_t row = 0;
    for (; row + 5 <= w->kernel; row += 5) {
        add_flow_to_rows(5, &f, row);
    }
    for (; row + 3 <= w->kernel; row += 3) {
        add_flow_to_rows(3, &f, row);
    }
    for (; row < w->kernel; row++) {
        add_flow_to_rows(1, &f, row);
    }
}
