/* direct.c: convolutions of few channels, without columns. */
#include "math/direct.h"

#include <string.h>

#include "math/vector.h"

enum {
    PIXELS = 8, /* sums at a time: enough to hide how long a multiply-add takes */
    TAPS = 8,
    CHUNK = 64
};
_Static_assert(MOTE_DIRECT_TAPS % TAPS == 0, "taps come in blocks");

/* Held in one register with AVX-512, in two or four otherwise. */
typedef mote_real lanes __attribute__((vector_size(64)));

/* How far from a pixel's first number each number of its window is; beyond the last, 0. */
static size_t list_offsets(const mote_window *w, const mote_patch *patch, size_t *offsets) {
    size_t count = 0;
    for (size_t row = 0; row < w->kernel; row++) {
        for (size_t column = 0; column < w->kernel; column++) {
            for (size_t channel = 0; channel < w->channels; channel++) {
                offsets[count++] = mote_tap_offset(w, patch, row, column) + channel;
            }
        }
    }
    for (size_t i = count; i < MOTE_DIRECT_TAPS; i++) {
        offsets[i] = 0;
    }
    return count;
}

/* The places of the next pixels, up to `most` of the `left` ones; returns how many. */
static size_t list_pixels(mote_cursor *c, const mote_real *numbers, size_t most, size_t left,
                          const mote_real **at) {
    size_t count = most < left ? most : left;
    for (size_t p = 0; p < count; p++, mote_cursor_advance(c)) {
        at[p] = numbers + c->offset;
    }
    return count;
}

/* Whole lanes where there are so many numbers left: a copy of a size that is known is one move. */
static inline void copy_lanes(size_t left, const mote_real *from, mote_real *to) {
    if (left >= MOTE_LANES) {
        memcpy(to, from, sizeof(lanes));
    } else {
        memcpy(to, from, left * sizeof *to);
    }
}

MOTE_MULTIVERSION
static void direct_block(size_t taps, const size_t *offsets, const mote_real *const *at,
                         const mote_real *weights, size_t weight_stride, const mote_real *bias,
                         mote_real (*sums)[MOTE_LANES]) {
    lanes sum[PIXELS];
    for (size_t p = 0; p < PIXELS; p++) {
        memcpy(&sum[p], bias, sizeof *sum);
    }
    for (size_t t = 0; t < taps; t++) {
        lanes weight;
        memcpy(&weight, weights + t * weight_stride, sizeof weight);
        for (size_t p = 0; p < PIXELS; p++) {
            sum[p] += at[p][offsets[t]] * weight;
        }
    }
    memcpy(sums, sum, sizeof sum);
}

void mote_direct_forward(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                         const mote_real *weights, size_t weight_stride, const mote_real *bias,
                         size_t filters, mote_real *y) {
    size_t offsets[MOTE_DIRECT_TAPS];
    size_t taps = list_offsets(w, patch, offsets);
    mote_cursor c = mote_cursor_at(w, patch, patch->begin);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel += PIXELS) {
        const mote_real *at[PIXELS];
        size_t count = list_pixels(&c, numbers, PIXELS, patch->end - pixel, at);
        for (size_t p = count; p < PIXELS; p++) {
            at[p] = at[0]; /* for nothing, but in bounds */
        }
        for (size_t filter = 0; filter < filters; filter += MOTE_LANES) {
            mote_real sums[PIXELS][MOTE_LANES];
            direct_block(taps, offsets, at, weights + filter, weight_stride, bias + filter, sums);
            for (size_t p = 0; p < count; p++) {
                copy_lanes(filters - filter, sums[p], y + p * filters + filter);
            }
        }
        y += PIXELS * filters;
    }
}

/* dw [TAPS × weight_stride] += Σ over pixels of at[p][offsets] × dy[p]. */
MOTE_MULTIVERSION
static void direct_gradient_block(size_t count, const size_t *offsets, const mote_real *const *at,
                                  const mote_real (*dy)[MOTE_LANES], mote_real *dw,
                                  size_t weight_stride) {
    lanes sum[TAPS];
    for (size_t t = 0; t < TAPS; t++) {
        memcpy(&sum[t], dw + t * weight_stride, sizeof *sum);
    }
    for (size_t p = 0; p < count; p++) {
        lanes d;
        memcpy(&d, dy[p], sizeof d);
        for (size_t t = 0; t < TAPS; t++) {
            sum[t] += at[p][offsets[t]] * d;
        }
    }
    for (size_t t = 0; t < TAPS; t++) {
        memcpy(dw + t * weight_stride, &sum[t], sizeof *sum);
    }
}

void mote_direct_gradient(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                          const mote_real *dy, size_t filters, mote_real *dw,
                          size_t weight_stride) {
    size_t offsets[MOTE_DIRECT_TAPS];
    size_t taps = list_offsets(w, patch, offsets);
    mote_cursor c = mote_cursor_at(w, patch, patch->begin);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel += CHUNK, dy += CHUNK * filters) {
        const mote_real *at[CHUNK];
        mote_real rows[CHUNK][MOTE_LANES] = {{0}};
        size_t count = list_pixels(&c, numbers, CHUNK, patch->end - pixel, at);
        for (size_t filter = 0; filter < filters; filter += MOTE_LANES) {
            for (size_t p = 0; p < count; p++) {
                copy_lanes(filters - filter, dy + p * filters + filter, rows[p]);
            }
            for (size_t t = 0; t < taps; t += TAPS) {
                direct_gradient_block(count, offsets + t, at, (const mote_real(*)[MOTE_LANES])rows,
                                      dw + t * weight_stride + filter, weight_stride);
            }
        }
    }
}
