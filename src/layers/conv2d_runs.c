/* conv2d_runs.c: the backward pass of convolutions where y is pooled, so that most of dy is 0; see
 * math/runs.h.
 *
 * Another way does the forward pass. Weights for dx and sums of dW are in the order of Wp (see
 * conv2d_columns.c), with each row of a window, a run of kernel × channels numbers, padded to whole
 * vectors.
 */
#include <string.h>

#include "layers/conv2d_patches.h"
#include "math/rows.h"
#include "math/runs.h"

/* Called after the other way's plan. */
static bool plan(mote_conv2d *self) {
    size_t size = self->filters * self->kernel * mote_run_stride(&self->window);
    if (self->groups > 1 || self->dilation > 1) {
        return false;
    }
    self->dx_weights_size = size > self->dx_weights_size ? size : self->dx_weights_size;
    self->sums_size = size > self->sums_size ? size : self->sums_size;
    return true;
}

static void pack_dx(const mote_conv2d *self, size_t first, size_t end) {
    size_t run = self->kernel * self->group_channels, stride = mote_run_stride(&self->window);
    mote_real weights[MOTE_CONV2D_ROWS_CAPACITY];
    for (size_t filter = first; filter < end; filter++) {
        mote_conv2d_filter(self, filter, weights);
        for (size_t row = 0; row < self->kernel; row++) {
            mote_real *to = self->dx_weights + (filter * self->kernel + row) * stride;
            memcpy(to, weights + row * run, run * sizeof *to);
            memset(to + run, 0, (stride - run) * sizeof *to);
        }
    }
}

static void dx_patch(const mote_conv2d *self, const mote_patch *patch, const mote_real *dy,
                     mote_real *numbers) {
    mote_runs_backward(&self->window, patch, dy, self->dx_weights, self->filters, numbers);
}

static void dx(const mote_conv2d_job *job) {
    mote_conv2d_dx_patches(job, dx_patch);
}

static void add_image(const mote_conv2d_job *job, const mote_conv2d_share *share, size_t image) {
    const mote_conv2d *self = job->self;
    const mote_window *w = &self->window;
    const mote_layer *pool = self->base.fused_pool;
    mote_real numbers[MOTE_PATCH_CAPACITY];
    mote_patch patch = mote_patch_at(w, 0);
    mote_patch_load(w, &patch, job->x + image * w->height * w->width * w->channels, numbers);
    size_t pooled = mote_shape_count(pool->output_shape), pixels = pooled / self->filters;
    const mote_real *dy = job->dy + image * pooled;
    mote_runs_gradient(w, &patch, numbers, pool->kind->pooled_from(pool, image), dy, pixels,
                       self->filters, share->first, share->end, share->dw);
    mote_sum_rows(pixels, share->end - share->first, self->filters, dy + share->first,
                  share->db + share->first);
}

static void dw(const mote_conv2d_job *job, const mote_conv2d_share *share) {
    size_t filter_size = job->self->kernel * mote_run_stride(&job->self->window);
    memset(share->dw + share->first * filter_size, 0,
           (share->end - share->first) * filter_size * sizeof *share->dw);
    size_t end = mote_conv2d_part_begin(job, share->part + 1);
    for (size_t image = mote_conv2d_part_begin(job, share->part); image < end; image++) {
        add_image(job, share, image);
    }
}

static void collect(const mote_conv2d *self, size_t filter, mote_real *dw) {
    size_t run = self->kernel * self->group_channels, stride = mote_run_stride(&self->window);
    for (size_t row = 0; row < self->kernel; row++) {
        mote_conv2d_add_parts(self, (filter * self->kernel + row) * stride, 1, run, dw + row * run);
    }
}

static void hand_over(const mote_conv2d_job *job, size_t first, size_t end) {
    mote_conv2d_hand_over_filters(job, first, end, collect);
}

const mote_conv2d_way mote_conv2d_runs = {
    .plan = plan,
    .pack_dx = pack_dx,
    .dx = dx,
    .dw = dw,
    .hand_over = hand_over,
};
