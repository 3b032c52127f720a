/* conv2d_direct.c: convolutions over few channels, without columns; see math/direct.h.
 *
 * Weights and sums of dW are [depth × filters], with rows `row_length` apart; weights have one more
 * row, the bias. dx is left to conv2d_columns.c.
 */
#include <string.h>

#include "layers/conv2d_patches.h"
#include "math/direct.h"
#include "math/vector.h"
#include "math/whole.h"

enum {
    MOST_CHANNELS = 8
};

/* Filters, rounded up to whole vectors. */
static size_t row_length(const mote_conv2d *self) {
    return mote_ceiling_divide(self->filters, MOTE_LANES) * MOTE_LANES;
}

static bool plan(mote_conv2d *self) {
    if (self->groups > 1 || self->group_channels > MOST_CHANNELS ||
        self->depth > MOTE_DIRECT_TAPS) {
        return false;
    }
    self->weights_size = (self->depth + 1) * row_length(self);
    self->dx_weights_size = self->filters * self->depth;
    self->sums_size = mote_direct_rows(self->depth) * row_length(self);
    self->filters_per_task = mote_conv2d_filters_per_task(self);
    self->filters_per_block = self->filters;
    self->parts = MOTE_CONV2D_PARTS;
    return true;
}

static mote_real *bias_row(const mote_conv2d *self) {
    return self->weights + self->depth * row_length(self);
}

static void pack(const mote_conv2d *self, size_t first, size_t end) {
    mote_real weights[MOTE_DIRECT_TAPS];
    for (size_t filter = first; filter < end; filter++) {
        mote_conv2d_filter(self, filter, weights);
        for (size_t at = 0; at < self->depth; at++) {
            self->weights[at * row_length(self) + filter] = weights[at];
        }
        bias_row(self)[filter] = self->bias ? self->bias_parameter.value[filter] : 0;
    }
}

static void pack_dx(const mote_conv2d *self, size_t first, size_t end) {
    mote_conv2d_columns.pack_dx(self, first, end);
}

static void forward_patch(const mote_conv2d *self, const mote_patch *patch,
                          const mote_real *numbers, mote_real *y) {
    mote_direct_forward(&self->window, patch, numbers, self->weights, row_length(self),
                        bias_row(self), self->filters, y);
    mote_finish_y(&self->base, (patch->end - patch->begin) * self->filters, y);
}

static void dw_patch(const mote_conv2d *self, const mote_patch *patch, const mote_real *numbers,
                     const mote_real *dy, const mote_conv2d_share *share) {
    mote_direct_gradient(&self->window, patch, numbers, dy, self->filters, share->dw,
                         row_length(self));
}

static void collect(const mote_conv2d *self, size_t filter, mote_real *dw) {
    mote_conv2d_add_parts(self, filter, row_length(self), self->depth, dw);
}

static void forward(const mote_conv2d_job *job) {
    mote_conv2d_forward_patches(job, forward_patch);
}

static void dx(const mote_conv2d_job *job) {
    mote_conv2d_columns.dx(job);
}

static void dw(const mote_conv2d_job *job, const mote_conv2d_share *share) {
    memset(share->dw, 0, job->self->sums_size * sizeof *share->dw);
    mote_conv2d_dw_patches(job, share, dw_patch);
}

static void hand_over(const mote_conv2d_job *job, size_t first, size_t end) {
    mote_conv2d_hand_over_filters(job, first, end, collect);
}

const mote_conv2d_way mote_conv2d_direct = {
    .plan = plan,
    .pack = pack,
    .pack_dx = pack_dx,
    .forward = forward,
    .dx = dx,
    .dw = dw,
    .hand_over = hand_over,
    .pools = true,
};
