/* depthwise.c: convolutions with one filter per channel. */
#include "math/depthwise.h"

#include <string.h>

#include "math/vector.h"

static inline void add_product(size_t count, const mote_real *a, const mote_real *b,
                               mote_real *sum) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += a[i] * b[i];
    }
}

MOTE_MULTIVERSION
void mote_depthwise_forward(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                            const mote_real *weights, mote_real *y) {
    mote_cursor c = mote_cursor_at(w, patch, patch->begin);
    for (size_t pixel = patch->begin; pixel < patch->end;
         pixel++, y += w->channels, mote_cursor_advance(&c)) {
        const mote_real *at = numbers + c.offset;
        const mote_real *weight = weights;
        memset(y, 0, w->channels * sizeof *y);
        for (size_t row = 0; row < w->kernel; row++) {
            for (size_t column = 0; column < w->kernel; column++, weight += w->channels) {
                add_product(w->channels, at + mote_tap_offset(w, patch, row, column), weight, y);
            }
        }
    }
}

MOTE_MULTIVERSION
void mote_depthwise_backward(const mote_window *w, const mote_patch *patch, const mote_real *dy,
                             const mote_real *weights, mote_real *numbers) {
    mote_cursor c = mote_cursor_at(w, patch, patch->begin);
    for (size_t pixel = patch->begin; pixel < patch->end;
         pixel++, dy += w->channels, mote_cursor_advance(&c)) {
        mote_real *at = numbers + c.offset;
        const mote_real *weight = weights;
        for (size_t row = 0; row < w->kernel; row++) {
            for (size_t column = 0; column < w->kernel; column++, weight += w->channels) {
                add_product(w->channels, dy, weight, at + mote_tap_offset(w, patch, row, column));
            }
        }
    }
}

MOTE_MULTIVERSION
void mote_depthwise_gradient(const mote_window *w, const mote_patch *patch,
                             const mote_real *numbers, const mote_real *dy, mote_real *dw) {
    mote_cursor c = mote_cursor_at(w, patch, patch->begin);
    for (size_t pixel = patch->begin; pixel < patch->end;
         pixel++, dy += w->channels, mote_cursor_advance(&c)) {
        const mote_real *at = numbers + c.offset;
        mote_real *weight = dw;
        for (size_t row = 0; row < w->kernel; row++) {
            for (size_t column = 0; column < w->kernel; column++, weight += w->channels) {
                add_product(w->channels, dy, at + mote_tap_offset(w, patch, row, column), weight);
            }
        }
    }
}
