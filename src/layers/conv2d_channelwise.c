/* conv2d_channelwise.c: convolutions with one filter per channel; see math/depthwise.h.
 *
 * Weights and sums of dW are [kernel × kernel × channels]; dx uses the same weights.
 */
#include <string.h>

#include "layers/conv2d_patches.h"
#include "math/depthwise.h"

static bool plan(mote_conv2d *self) {
    if (self->groups == 1 || self->group_channels > 1 || self->group_filters > 1) {
        return false;
    }
    self->weights_size = self->sums_size = self->depth * self->filters;
    self->filters_per_task = mote_conv2d_filters_per_task(self);
    self->filters_per_block = self->filters;
    self->parts = MOTE_CONV2D_PARTS;
    return true;
}

static void pack(const mote_conv2d *self, size_t first, size_t end) {
    const mote_real *weights = self->weight_parameter.value;
    for (size_t filter = first; filter < end; filter++) {
        for (size_t at = 0; at < self->depth; at++) {
            self->weights[at * self->filters + filter] = weights[filter * self->depth + at];
        }
    }
}

static void forward_patch(const mote_conv2d *self, const mote_patch *patch,
                          const mote_real *numbers, mote_real *y) {
    mote_depthwise_forward(&self->window, patch, numbers, self->weights, y);
    mote_conv2d_finish(self, patch->end - patch->begin, y);
}

static void dx_patch(const mote_conv2d *self, const mote_patch *patch, const mote_real *dy,
                     mote_real *numbers) {
    mote_depthwise_backward(&self->window, patch, dy, self->weights, numbers);
}

static void dw_patch(const mote_conv2d *self, const mote_patch *patch, const mote_real *numbers,
                     const mote_real *dy, const mote_conv2d_share *share) {
    mote_depthwise_gradient(&self->window, patch, numbers, dy, share->dw);
}

static void collect(const mote_conv2d *self, size_t filter, mote_real *dw) {
    mote_conv2d_add_parts(self, filter, self->filters, self->depth, dw);
}

static void forward(const mote_conv2d_job *job) {
    mote_conv2d_forward_patches(job, forward_patch);
}

static void dx(const mote_conv2d_job *job) {
    mote_conv2d_dx_patches(job, dx_patch);
}

static void dw(const mote_conv2d_job *job, const mote_conv2d_share *share) {
    memset(share->dw, 0, job->self->sums_size * sizeof *share->dw);
    mote_conv2d_dw_patches(job, share, dw_patch);
}

static void hand_over(const mote_conv2d_job *job, size_t first, size_t end) {
    mote_conv2d_hand_over_filters(job, first, end, collect);
}

const mote_conv2d_way mote_conv2d_channelwise = {
    .plan = plan,
    .pack = pack,
    .forward = forward,
    .dx = dx,
    .dw = dw,
    .hand_over = hand_over,
    .pools = true,
};
