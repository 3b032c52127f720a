/* pooling.h (internal): shared by the pooling layers: their settings, where their windows lie, and
 * the mean over a window.
 */
#ifndef MOTE_LAYERS_POOLING_H
#define MOTE_LAYERS_POOLING_H

#include "math/vector.h"
#include "mote/layer.h"

/* The windows along one side of an image. Each contains a place of the image, not only padding. */
typedef struct mote_pooling_side {
    size_t in, out; /* places of the image, windows */
    size_t size, stride, padding;
} mote_pooling_side;

typedef struct mote_pooling_windows {
    size_t channels;
    mote_pooling_side rows, columns;
} mote_pooling_windows;

/* begin ... end - 1 */
typedef struct mote_pooling_span {
    size_t begin, end;
} mote_pooling_span;

/* The places of the image that a window contains. */
static inline mote_pooling_span mote_pooling_places(const mote_pooling_side *side, size_t window) {
    size_t begin = window * side->stride, end = begin + side->size - side->padding;
    return (mote_pooling_span){.begin = begin > side->padding ? begin - side->padding : 0,
                               .end = end < side->in ? end : side->in};
}

/* ---- pixels ----
 *
 * Channels of a pixel are processed MOTE_LANES at a time, a number known to the compiler. Where
 * fewer are left, the other lanes overrun into the pixels that follow, which are overwritten in
 * turn. So pixels are written in order, and the last rows of an image, with too little after them,
 * process only the channels that are left. */

/* Whether a row of pixels may overrun, given how many numbers follow what it reads and writes. */
static inline bool mote_pooling_may_overrun(size_t channels, size_t after_read,
                                            size_t after_written) {
    size_t over = (MOTE_LANES - channels % MOTE_LANES) % MOTE_LANES;
    return after_read >= over && after_written >= over;
}

/* How many numbers to process from channel `begin` on. */
static inline size_t mote_pooling_lanes(bool overrun, size_t channels, size_t begin) {
    size_t left = channels - begin;
    return overrun || left > MOTE_LANES ? MOTE_LANES : left;
}

/* ---- layers ---- */

/* Runs task(context, 0 ... batch − 1), one call per image, in tiles of a few images of `count`
 * numbers each. */
void mote_pooling_run(mote_pool *pool, size_t batch, size_t count, mote_task task, void *context);

/* The first member of the struct of a layer whose windows have settings. */
typedef struct mote_pooling {
    mote_layer base;
    size_t size, stride, padding;
    mote_pooling_windows windows; /* set by mote_pooling_build */
} mote_pooling;

extern const mote_field mote_pooling_fields[];

/* Sets the windows and the output shape from the input shape and the fields. */
mote_status mote_pooling_build(mote_pooling *pooling, mote_error *error);

/* ---- means ---- */

/* y = the sum of each window / its size, padding included. */
void mote_pooling_mean(const mote_layer *layer, const mote_pooling_windows *windows,
                       const mote_pass *pass, const mote_real *x, mote_real *y);

/* dx = the sum of dy / the windows' size, over the windows that contain the pixel. */
void mote_pooling_mean_backward(const mote_layer *layer, const mote_pooling_windows *windows,
                                const mote_pass *pass, const mote_real *x, const mote_real *dy,
                                mote_real *dx);

#endif
