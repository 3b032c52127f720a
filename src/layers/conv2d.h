/* conv2d.h (internal): a convolution, and the interface of the ways to compute it.
 *
 * Each way is a file of its own, conv2d_*.c, which can be read without the others and ends in a
 * record of functions. conv2d.c picks one when the layer is built, and calls it.
 */
#ifndef MOTE_LAYERS_CONV2D_H
#define MOTE_LAYERS_CONV2D_H

#include "math/convolution.h"
#include "math/winograd.h"
#include "mote/layer.h"

typedef struct mote_conv2d_way mote_conv2d_way;

typedef struct mote_conv2d {
    mote_layer base;
    size_t filters, kernel, stride, padding, dilation, groups;
    bool bias;
    mote_initializer initializer, bias_initializer;
    mote_parameter weight_parameter, bias_parameter;

    mote_window window;
    size_t group_channels, group_filters;
    size_t depth; /* numbers that one filter sees: kernel² × group_channels */

    const mote_conv2d_way *way;

    /* W in the orders needed to compute y and dx; dx_weights in training only. Here and below, the
     * way's plan sets the sizes. */
    mote_real *weights, *dx_weights;
    size_t weights_size, dx_weights_size;
    size_t filters_per_task; /* to pack, and to hand over */

    /* Sums of dW, in the way's own order, and of db, for each part of the batch: `parts` ×
     * (sums_size + filters). At the end they are added up, in the same order for any number of
     * threads. Where there are many filters, these are split too, into blocks. */
    size_t parts, filters_per_block, sums_size;
    mote_real *sums;

    bool may_leave_out_zeros;                  /* see conv2d_runs.c */
    mote_winograd winograd, winograd_backward; /* see conv2d_winograd.c */
} mote_conv2d;

/* Shared by the tasks of one pass. Where the layer is pooled, y and dy are the pooled ones. */
typedef struct mote_conv2d_job {
    const mote_conv2d *self;
    const mote_pass *pass;
    const mote_real *x, *y;
    mote_real *out; /* y or dx */
    mote_real *dy;
} mote_conv2d_job;

/* The sums of filters first ... end - 1 over one part of the batch; dw and db start at filter 0. */
typedef struct mote_conv2d_share {
    size_t part, first, end;
    mote_real *dw, *db;
} mote_conv2d_share;

struct mote_conv2d_way {
    /* Whether this way can compute the convolution, and does so well; if so, sets the sizes, that
     * of dx_weights only if it needs them. */
    bool (*plan)(mote_conv2d *self);

    /* Packs the current weights of filters first ... end - 1 into `weights`, or into dx_weights.
     * pack_dx is NULL where dx uses `weights`, or pack fills dx_weights too. */
    void (*pack)(const mote_conv2d *self, size_t first, size_t end);
    void (*pack_dx)(const mote_conv2d *self, size_t first, size_t end);

    /* From x to out = y, with bias and the activation after; from dy to out = dx, with the
     * derivative of the activation before. Both divide the work among threads. */
    void (*forward)(const mote_conv2d_job *job);
    void (*dx)(const mote_conv2d_job *job);

    /* Computes the sums of one share. On entry dw holds anything, and db zeros. */
    void (*dw)(const mote_conv2d_job *job, const mote_conv2d_share *share);

    /* Hands over the gradient of the weights of filters first ... end - 1, from the sums of all
     * parts. */
    void (*hand_over)(const mote_conv2d_job *job, size_t first, size_t end);

    bool pools; /* computes whole images, which can be pooled as soon as they are finished */
};

extern const mote_conv2d_way mote_conv2d_channelwise, mote_conv2d_columns, mote_conv2d_direct,
    mote_conv2d_runs, mote_conv2d_winograd;

/* The most parts that a batch is split into to sum dW; fewer where sums are large, or filters are
 * split into blocks too. */
enum {
    MOTE_CONV2D_PARTS = 8
};

static inline size_t mote_conv2d_pixels_out(const mote_conv2d *self) {
    return self->window.output_height * self->window.output_width;
}

static inline mote_real *mote_conv2d_sums(const mote_conv2d *self, size_t part) {
    return self->sums + part * (self->sums_size + self->filters);
}

/* Applies bias, and the activation that follows, to finished pixels of y. */
void mote_conv2d_finish(const mote_conv2d *self, size_t pixels, mote_real *y);

#endif
