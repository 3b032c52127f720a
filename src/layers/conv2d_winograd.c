/* conv2d_winograd.c: 3 × 3 convolutions over many channels, with fewer multiplications; see
 * math/winograd.h.
 *
 * Weights are u [16 × channels × filters] of the convolution, or for dx of the one that takes dy to
 * dx; sums are of du. Tasks take MOTE_LANES filters each, or chunks of the batch.
 */
#include <string.h>

#include "layers/conv2d.h"
#include "math/rows.h"
#include "math/vector.h"

/* Sums are as large as the weights: where these are many, fewer sums are added up sooner. */
enum {
    LEAST_PARTS = 4,
    PARTS_CAPACITY = 1 << 20, /* numbers */
    AREA = 9
};

static size_t choose_parts(size_t size) {
    size_t parts = PARTS_CAPACITY / size;
    return parts < LEAST_PARTS         ? LEAST_PARTS
           : parts < MOTE_CONV2D_PARTS ? parts
                                       : MOTE_CONV2D_PARTS;
}

static bool plan(mote_conv2d *self) {
    self->winograd = (mote_winograd){.window = self->window, .filters = self->filters};
    if (self->groups > 1 || !mote_winograd_suits(&self->winograd)) {
        return false;
    }
    self->winograd_backward = mote_winograd_backward(&self->winograd);
    size_t size = MOTE_WINOGRAD_PLACES * self->filters * self->window.channels;
    self->weights_size = self->dx_weights_size = self->sums_size = size;
    self->filters_per_task = MOTE_LANES;
    self->filters_per_block = self->filters;
    self->parts = choose_parts(size);
    return true;
}

/* Packs dx_weights too: the same numbers in another order. */
static void pack(const mote_conv2d *self, size_t first, size_t end) {
    (void)end;
    mote_winograd_weights(&self->winograd, self->weight_parameter.value, first, self->weights,
                          self->dx_weights);
}

static void forward_chunk(void *context, size_t index) {
    const mote_conv2d_job *j = context;
    const mote_conv2d *self = j->self;
    mote_winograd_chunk chunk = mote_winograd_chunk_at(&self->winograd, j->pass->batch, index);
    mote_winograd_multiply(&self->winograd, &chunk, j->x, self->weights, j->out);
    mote_conv2d_finish(self, chunk.end_pixel - chunk.first_pixel,
                       j->out + chunk.first_pixel * self->filters);
}

static void forward(const mote_conv2d_job *job) {
    size_t chunks = mote_winograd_chunk_count(&job->self->winograd, job->pass->batch);
    mote_pool_run(job->pass->pool, chunks, forward_chunk, (void *)job);
}

static void find_dx_of_chunk(void *context, size_t index) {
    const mote_conv2d_job *j = context;
    const mote_winograd *back = &j->self->winograd_backward;
    mote_winograd_chunk chunk = mote_winograd_chunk_at(back, j->pass->batch, index);
    mote_winograd_multiply(back, &chunk, j->dy, j->self->dx_weights, j->out);
    size_t begin = chunk.first_pixel * back->filters, end = chunk.end_pixel * back->filters;
    mote_finish_dx(&j->self->base, end - begin, j->x + begin, j->out + begin);
}

static void dx(const mote_conv2d_job *job) {
    size_t chunks = mote_winograd_chunk_count(&job->self->winograd_backward, job->pass->batch);
    mote_pool_run(job->pass->pool, chunks, find_dx_of_chunk, (void *)job);
}

static void dw(const mote_conv2d_job *job, const mote_conv2d_share *share) {
    const mote_conv2d *self = job->self;
    size_t batch = job->pass->batch, chunks = mote_winograd_chunk_count(&self->winograd, batch);
    size_t end = chunks * (share->part + 1) / self->parts;
    memset(share->dw, 0, self->sums_size * sizeof *share->dw);
    for (size_t index = chunks * share->part / self->parts; index < end; index++) {
        mote_winograd_chunk chunk = mote_winograd_chunk_at(&self->winograd, batch, index);
        mote_winograd_gradient(&self->winograd, &chunk, job->x, job->dy, share->dw);
        mote_sum_rows(chunk.end_pixel - chunk.first_pixel, self->filters, self->filters,
                      job->dy + chunk.first_pixel * self->filters, share->db);
    }
}

static void hand_over(const mote_conv2d_job *job, size_t first, size_t end) {
    const mote_conv2d *self = job->self;
    mote_real numbers[MOTE_LANES * MOTE_WINOGRAD_MOST_CHANNELS * AREA];
    mote_winograd_weight_gradient(&self->winograd, self->parts, self->sums_size + self->filters,
                                  self->sums, first, numbers);
    mote_gradient_ready(job->pass, &self->weight_parameter, first * self->depth,
                        (end - first) * self->depth, numbers);
}

const mote_conv2d_way mote_conv2d_winograd = {
    .plan = plan,
    .pack = pack,
    .forward = forward,
    .dx = dx,
    .dw = dw,
    .hand_over = hand_over,
};
