/* direct.c: convolutions over few channels, without columns. */
#include "math/direct.h"

#include <stdbool.h>
#include <string.h>

#include "math/vector.h"
#include "math/whole.h"

/* PIXELS × VECTORS or TAPS × VECTORS sums at a time: enough to hide the latency of a multiply-add,
 * and few enough for registers. With two vectors each number loaded from the image is used twice,
 * so that loads keep up even where one register could hold both. */
enum {
    PIXELS = 8,
    TAPS = 8,
    VECTORS = 2,
    NEIGHBOURS = 7, /* divides the common widths 28, 14 and 7 */
    MOST_KERNEL = 5,
    CHUNK = 64
};
_Static_assert(MOTE_DIRECT_TAPS % TAPS == 0, "taps come in blocks");

typedef mote_real vector __attribute__((vector_size(32)));

enum {
    LANES = sizeof(vector) / sizeof(mote_real)
};
_Static_assert(NEIGHBOURS <= MOTE_PATCH_OVER, "the last of a row would reach too far");
_Static_assert(MOTE_LANES == VECTORS * LANES, "weights come in blocks of so many filters");

/* The offset of each number of a window from its first; after the last, 0 up to a multiple of
 * TAPS. */
static size_t list_offsets(const mote_window *w, const mote_patch *patch, size_t *offsets) {
    size_t count = 0;
    for (size_t row = 0; row < w->kernel; row++) {
        for (size_t column = 0; column < w->kernel; column++) {
            for (size_t channel = 0; channel < w->channels; channel++) {
                offsets[count++] = mote_tap_offset(w, patch, row, column) + channel;
            }
        }
    }
    for (size_t i = count; i % TAPS != 0; i++) {
        offsets[i] = 0;
    }
    return count;
}

/* Lists where the next `most` pixels are, or the `left` that remain and then the first again;
 * returns how many there are without repeats. */
MOTE_INLINE size_t list_pixels(mote_cursor *c, const mote_real *numbers, size_t most, size_t left,
                               const mote_real **at) {
    size_t count = most < left ? most : left;
    at[0] = numbers + c->offset;
    mote_cursor_advance(c);
    for (size_t p = 1; p < most; p++) {
        at[p] = at[0];
        if (p < count) {
            at[p] = numbers + c->offset;
            mote_cursor_advance(c);
        }
    }
    return count;
}

/* Writes one block of filters of `count` pixels. Where a pixel has fewer filters than there are
 * lanes, this may overrun into the pixels that follow, which are written in turn. */
MOTE_INLINE void store_sums(size_t vectors, vector (*sum)[VECTORS], size_t count, size_t filters,
                            size_t left, mote_real *y, const mote_real *end) {
    for (size_t p = 0; p < count; p++, y += filters) {
        bool whole =
            left >= vectors * LANES || (left == filters && (size_t)(end - y) >= vectors * LANES);
        if (whole) {
            memcpy(y, sum[p], vectors * sizeof(vector));
        } else {
            memcpy(y, sum[p], left * sizeof *y);
        }
    }
}

/* Computes one block of filters for PIXELS pixels. */
MOTE_INLINE void sum_taps(size_t vectors, size_t taps, const size_t *offsets,
                          const mote_real *const *at, const mote_real *weights,
                          size_t weight_stride, const mote_real *bias, vector (*sum)[VECTORS]) {
    for (size_t p = 0; p < PIXELS; p++) {
        memcpy(sum[p], bias, vectors * sizeof(vector));
    }
    for (size_t t = 0; t < taps; t++, weights += weight_stride) {
        vector weight[VECTORS];
        memcpy(weight, weights, vectors * sizeof(vector));
        for (size_t p = 0; p < PIXELS; p++) {
            mote_real number = at[p][offsets[t]];
            for (size_t v = 0; v < vectors; v++) {
                sum[p][v] += number * weight[v];
            }
        }
    }
}

/* NEIGHBOURS pixels of a row, for images of one channel: where the compiler knows the kernel, they
 * share the numbers that they see. Otherwise loading would take longer than multiplying by so few
 * filters. */
MOTE_INLINE void sum_neighbours(size_t kernel, const mote_real *at, size_t row_length,
                                const mote_real *weights, size_t weight_stride,
                                const mote_real *bias, vector (*sum)[VECTORS]) {
    for (size_t p = 0; p < NEIGHBOURS; p++) {
        memcpy(&sum[p][0], bias, sizeof(vector));
    }
    for (size_t row = 0; row < kernel; row++, at += row_length) {
        vector weight[MOST_KERNEL];
        for (size_t t = 0; t < kernel; t++, weights += weight_stride) {
            memcpy(&weight[t], weights, sizeof(vector));
        }
        for (size_t p = 0; p < NEIGHBOURS; p++) {
            for (size_t t = 0; t < kernel; t++) {
                sum[p][0] += at[p + t] * weight[t];
            }
        }
    }
}

/* Shared by the functions that go over all filters. */
typedef struct product {
    const mote_window *window;
    const mote_patch *patch;
    const mote_real *numbers, *weights, *bias;
    size_t weight_stride, filters;
} product;

MOTE_INLINE void forward_neighbours(size_t kernel, const product *f, mote_real *y) {
    size_t columns = mote_patch_columns(f->window, f->patch);
    const mote_real *end = y + (f->patch->end - f->patch->begin) * f->filters;
    for (const mote_real *row = f->numbers; y < end; row += f->patch->width) {
        for (size_t column = 0; column < columns; column += NEIGHBOURS) {
            size_t left = columns - column, count = left < NEIGHBOURS ? left : NEIGHBOURS;
            vector sum[NEIGHBOURS][VECTORS];
            sum_neighbours(kernel, row + column, f->patch->width, f->weights, f->weight_stride,
                           f->bias, sum);
            store_sums(1, sum, count, f->filters, f->filters, y, end);
            y += count * f->filters;
        }
    }
}

MOTE_MULTIVERSION
static void forward_by_3(const product *f, mote_real *y) {
    forward_neighbours(3, f, y);
}

MOTE_MULTIVERSION
static void forward_by_5(const product *f, mote_real *y) {
    forward_neighbours(5, f, y);
}

MOTE_MULTIVERSION
static void forward_any(const product *f, mote_real *y) {
    size_t offsets[MOTE_DIRECT_TAPS];
    size_t taps = list_offsets(f->window, f->patch, offsets);
    mote_cursor c = mote_cursor_at(f->window, f->patch, f->patch->begin);
    size_t filters = f->filters, pixels = f->patch->end - f->patch->begin;
    const mote_real *end = y + pixels * filters;
    for (size_t pixel = 0; pixel < pixels; pixel += PIXELS, y += PIXELS * filters) {
        const mote_real *at[PIXELS];
        size_t count = list_pixels(&c, f->numbers, PIXELS, pixels - pixel, at);
        for (size_t filter = 0; filter < filters; filter += MOTE_LANES) {
            vector sum[PIXELS][VECTORS];
            size_t left = filters - filter;
            const mote_real *weights = f->weights + filter, *bias = f->bias + filter;
            if (left > LANES) {
                sum_taps(2, taps, offsets, at, weights, f->weight_stride, bias, sum);
                store_sums(2, sum, count, filters, left, y + filter, end);
            } else {
                sum_taps(1, taps, offsets, at, weights, f->weight_stride, bias, sum);
                store_sums(1, sum, count, filters, left, y + filter, end);
            }
        }
    }
}

void mote_direct_forward(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                         const mote_real *weights, size_t weight_stride, const mote_real *bias,
                         size_t filters, mote_real *y) {
    const product f = {.window = w,
                       .patch = patch,
                       .numbers = numbers,
                       .weights = weights,
                       .bias = bias,
                       .weight_stride = weight_stride,
                       .filters = filters};
    bool neighbours = w->channels == 1 && w->stride == 1 && w->dilation == 1 && filters <= LANES;
    if (neighbours && w->kernel == 3) {
        forward_by_3(&f, y);
    } else if (neighbours && w->kernel == 5) {
        forward_by_5(&f, y);
    } else {
        forward_any(&f, y);
    }
}

size_t mote_direct_rows(size_t taps) {
    return mote_ceiling_divide(taps, TAPS) * TAPS;
}

/* dw [TAPS × weight_stride] += Σ over pixels of at[p][offsets] × dy[p], for one block of
 * filters. */
MOTE_INLINE void sum_pixels(size_t vectors, size_t count, const size_t *offsets,
                            const mote_real *const *at, const mote_real *dy, size_t dy_stride,
                            mote_real *dw, size_t weight_stride) {
    vector sum[TAPS][VECTORS];
    for (size_t t = 0; t < TAPS; t++) {
        memcpy(sum[t], dw + t * weight_stride, vectors * sizeof(vector));
    }
    for (size_t p = 0; p < count; p++, dy += dy_stride) {
        vector d[VECTORS];
        memcpy(d, dy, vectors * sizeof(vector));
        for (size_t t = 0; t < TAPS; t++) {
            mote_real number = at[p][offsets[t]];
            for (size_t v = 0; v < vectors; v++) {
                sum[t][v] += number * d[v];
            }
        }
    }
    for (size_t t = 0; t < TAPS; t++) {
        memcpy(dw + t * weight_stride, sum[t], vectors * sizeof(vector));
    }
}

MOTE_MULTIVERSION
void mote_direct_gradient(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                          const mote_real *dy, size_t filters, mote_real *dw,
                          size_t weight_stride) {
    size_t offsets[MOTE_DIRECT_TAPS];
    size_t taps = list_offsets(w, patch, offsets);
    mote_cursor c = mote_cursor_at(w, patch, patch->begin);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel += CHUNK, dy += CHUNK * filters) {
        const mote_real *at[CHUNK];
        mote_real copy[CHUNK][MOTE_LANES];
        size_t count = list_pixels(&c, numbers, CHUNK, patch->end - pixel, at);
        for (size_t filter = 0; filter < filters; filter += MOTE_LANES) {
            size_t left = filters - filter;
            const mote_real *rows = dy + filter;
            size_t rows_stride = filters;
            if (left < MOTE_LANES) { /* the lanes beyond are summed too, but never read */
                for (size_t p = 0; p < count; p++) {
                    memcpy(copy[p], rows + p * filters, left * sizeof *rows);
                }
                rows = copy[0];
                rows_stride = MOTE_LANES;
            }
            for (size_t t = 0; t < taps; t += TAPS) {
                mote_real *block = dw + t * weight_stride + filter;
                if (left > LANES) {
                    sum_pixels(2, count, offsets + t, at, rows, rows_stride, block, weight_stride);
                } else {
                    sum_pixels(1, count, offsets + t, at, rows, rows_stride, block, weight_stride);
                }
            }
        }
    }
}
