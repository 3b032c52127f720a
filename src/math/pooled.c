/* pooled.c: the gradient of a convolution whose output is max-pooled. */
#include "math/pooled.h"

#include <string.h>

#include "math/vector.h"

/* Half of what AVX-512 holds: two of these are as fast as one, and runs are short. */
typedef mote_real vector __attribute__((vector_size(32)));

enum {
    LANES = sizeof(vector) / sizeof(mote_real),
    MOST_ROWS = 5, /* of the window, and vectors of a row, that are summed up at a time */
    MOST_VECTORS = 2
};

static size_t vectors_per_row(const mote_window *w) {
    return (w->kernel * w->channels + LANES - 1) / LANES;
}

size_t mote_pooled_row_stride(const mote_window *w) {
    return vectors_per_row(w) * LANES;
}

/* Where each pixel of y finds its first number. */
static inline void list_offsets(const mote_window *w, const mote_patch *patch, uint32_t *offsets) {
    uint32_t step = (uint32_t)(w->stride * w->channels);
    for (size_t row = 0; row < w->output_height; row++) {
        uint32_t first = (uint32_t)(row * patch->width) * step;
        for (size_t column = 0; column < w->output_width; column++) {
            *offsets++ = first + (uint32_t)column * step;
        }
    }
}

/* The pooled numbers of one filter, and what they are multiplied with. */
typedef struct terms {
    size_t count, stride; /* how many, and how far apart in `from` and dy */
    const uint32_t *from, *offsets;
    const mote_real *dy, *numbers;
    size_t row_length;
} terms;

/* dw += their sum, for some of the window: rows × vectors. */
static inline void add_terms(size_t rows, size_t vectors, const terms *t, size_t first,
                             mote_real *dw, size_t row_stride) {
    vector sum[MOST_ROWS][MOST_VECTORS];
    for (size_t row = 0; row < rows; row++) {
        memcpy(sum[row], dw + row * row_stride, vectors * sizeof(vector));
    }
    const mote_real *numbers = t->numbers + first;
    for (size_t i = 0; i < t->count * t->stride; i += t->stride) {
        const mote_real *at = numbers + t->offsets[t->from[i]];
        for (size_t row = 0; row < rows; row++) {
            vector seen[MOST_VECTORS];
            memcpy(seen, at + row * t->row_length, vectors * sizeof(vector));
            for (size_t v = 0; v < vectors; v++) {
                sum[row][v] += t->dy[i] * seen[v];
            }
        }
    }
    for (size_t row = 0; row < rows; row++) {
        memcpy(dw + row * row_stride, sum[row], vectors * sizeof(vector));
    }
}

/* For some rows of the window. */
static inline void add_rows(size_t rows, size_t vectors, const terms *t, size_t first,
                            mote_real *dw, size_t row_stride) {
    size_t v = 0;
    for (; v + MOST_VECTORS <= vectors; v += MOST_VECTORS) {
        add_terms(rows, MOST_VECTORS, t, first + v * LANES, dw + v * LANES, row_stride);
    }
    if (v < vectors) {
        add_terms(rows, 1, t, first + v * LANES, dw + v * LANES, row_stride);
    }
}

MOTE_MULTIVERSION
void mote_pooled_gradient(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                          const uint32_t *from, const mote_real *dy, size_t count, size_t filters,
                          size_t begin, size_t end, mote_real *dw) {
    uint32_t offsets[MOTE_PATCH_CAPACITY];
    list_offsets(w, patch, offsets);
    size_t vectors = vectors_per_row(w), row_stride = vectors * LANES;
    for (size_t filter = begin; filter < end; filter++) {
        terms t = {.count = count,
                   .stride = filters,
                   .from = from + filter,
                   .offsets = offsets,
                   .dy = dy + filter,
                   .numbers = numbers,
                   .row_length = patch->width * w->channels};
        for (size_t row = 0; row < w->kernel;) {
            size_t left = w->kernel - row, first = row * t.row_length;
            mote_real *sum = dw + (filter * w->kernel + row) * row_stride;
            if (left >= 5) {
                add_rows(5, vectors, &t, first, sum, row_stride);
                row += 5;
            } else if (left >= 3) {
                add_rows(3, vectors, &t, first, sum, row_stride);
                row += 3;
            } else {
                add_rows(1, vectors, &t, first, sum, row_stride);
                row++;
            }
        }
    }
}
