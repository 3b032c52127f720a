/* conv2d_patches.c: convolutions image by image, and each image patch by patch. */
#include "layers/conv2d_patches.h"

#include <string.h>

#include "math/rows.h"
#include "math/transpose.h"
#include "math/vector.h"
#include "math/whole.h"

/* ---- weights ---- */

void mote_conv2d_filter(const mote_conv2d *self, size_t filter, mote_real *weights) {
    size_t area = self->kernel * self->kernel;
    mote_transpose(self->group_channels, area, self->weight_parameter.value + filter * self->depth,
                   area, weights, self->group_channels);
}

size_t mote_conv2d_filters_per_task(const mote_conv2d *self) {
    enum {
        NUMBERS = 4096
    };
    return mote_ceiling_divide(NUMBERS, self->depth);
}

/* ---- passes ---- */

/* A pass, and what one way does to each patch. */
typedef struct forward_job {
    const mote_conv2d_job *job;
    mote_conv2d_forward_patch *forward;
} forward_job;

typedef struct dx_job {
    const mote_conv2d_job *job;
    mote_conv2d_dx_patch *dx;
} dx_job;

static const mote_real *image_of_x(const mote_conv2d_job *j, size_t image) {
    const mote_window *w = &j->self->window;
    return j->x + image * w->height * w->width * w->channels;
}

static void forward_patch(void *context, size_t index) {
    const forward_job *f = context;
    const mote_conv2d_job *j = f->job;
    const mote_conv2d *self = j->self;
    const mote_window *w = &self->window;
    const mote_layer *pool = self->base.fused_pool;
    size_t image = index / mote_patch_count(w);
    mote_patch patch = mote_patch_at(w, index % mote_patch_count(w));
    mote_real numbers[MOTE_PATCH_CAPACITY];
    mote_real whole[MOTE_PATCH_CAPACITY]; /* the image's y, where it is pooled right away */
    mote_patch_load(w, &patch, image_of_x(j, image), numbers);
    if (pool) {
        f->forward(self, &patch, numbers, whole);
        pool->kind->pool_sample(pool, j->pass, image, whole,
                                j->out + image * mote_shape_count(pool->output_shape));
    } else {
        size_t pixel = image * mote_conv2d_pixels_out(self) + patch.begin;
        f->forward(self, &patch, numbers, j->out + pixel * self->filters);
    }
}

void mote_conv2d_forward_patches(const mote_conv2d_job *job, mote_conv2d_forward_patch *forward) {
    size_t patches = job->pass->batch * mote_patch_count(&job->self->window);
    mote_pool_run(job->pass->pool, patches, forward_patch, &(forward_job){job, forward});
}

/* The dy of an image. Where y is pooled, scatters each number to the pixel that it came from. */
static const mote_real *dy_of_image(const mote_conv2d_job *j, size_t image, mote_real *whole) {
    const mote_layer *pool = j->self->base.fused_pool;
    size_t filters = j->self->filters, count = mote_conv2d_pixels_out(j->self) * filters;
    if (!pool) {
        return j->dy + image * count;
    }
    size_t pooled = mote_shape_count(pool->output_shape);
    const uint32_t *from = pool->kind->pooled_from(pool, image);
    const mote_real *dy = j->dy + image * pooled;
    memset(whole, 0, count * sizeof *whole);
    for (size_t i = 0; i < pooled; i += filters) {
        for (size_t filter = 0; filter < filters; filter++) {
            whole[from[i + filter] * filters + filter] += dy[i + filter];
        }
    }
    return whole;
}

static void find_dx_of_image(void *context, size_t image) {
    const dx_job *d = context;
    const mote_conv2d_job *j = d->job;
    const mote_window *w = &j->self->window;
    size_t count = w->height * w->width * w->channels;
    mote_real *dx = j->out + image * count;
    memset(dx, 0, count * sizeof *dx);
    mote_real numbers[MOTE_PATCH_CAPACITY], whole[MOTE_PATCH_CAPACITY];
    const mote_real *dy = dy_of_image(j, image, whole);
    for (size_t i = 0; i < mote_patch_count(w); i++) {
        mote_patch patch = mote_patch_at(w, i);
        size_t seen = patch.height * patch.width * w->channels;
        memset(numbers, 0, (seen + MOTE_PATCH_OVER) * sizeof *numbers);
        d->dx(j->self, &patch, dy + patch.begin * j->self->filters, numbers);
        mote_patch_add(w, &patch, numbers, dx);
    }
    mote_finish_dx(&j->self->base, count, image_of_x(j, image), dx);
}

void mote_conv2d_dx_patches(const mote_conv2d_job *job, mote_conv2d_dx_patch *dx) {
    mote_pool_run(job->pass->pool, job->pass->batch, find_dx_of_image, &(dx_job){job, dx});
}

size_t mote_conv2d_part_begin(const mote_conv2d_job *job, size_t part) {
    return job->pass->batch * part / job->self->parts;
}

void mote_conv2d_dw_patches(const mote_conv2d_job *job, const mote_conv2d_share *share,
                            mote_conv2d_dw_patch *dw) {
    const mote_conv2d *self = job->self;
    const mote_window *w = &self->window;
    size_t count = share->end - share->first;
    mote_real numbers[MOTE_PATCH_CAPACITY], whole[MOTE_PATCH_CAPACITY];
    size_t end = mote_conv2d_part_begin(job, share->part + 1);
    for (size_t image = mote_conv2d_part_begin(job, share->part); image < end; image++) {
        const mote_real *image_dy = dy_of_image(job, image, whole);
        for (size_t i = 0; i < mote_patch_count(w); i++) {
            mote_patch patch = mote_patch_at(w, i);
            const mote_real *dy = image_dy + patch.begin * self->filters;
            mote_patch_load(w, &patch, image_of_x(job, image), numbers);
            dw(self, &patch, numbers, dy, share);
            mote_sum_rows(patch.end - patch.begin, count, self->filters, dy + share->first,
                          share->db + share->first);
        }
    }
}

/* ---- sums ---- */

MOTE_MULTIVERSION
void mote_conv2d_add_parts(const mote_conv2d *self, size_t begin, size_t stride, size_t count,
                           mote_real *dw) {
    memset(dw, 0, count * sizeof *dw);
    for (size_t part = 0; part < self->parts; part++) {
        const mote_real *sums = mote_conv2d_sums(self, part) + begin;
        for (size_t i = 0; i < count; i++) {
            dw[i] += sums[i * stride];
        }
    }
}

void mote_conv2d_hand_over_filters(const mote_conv2d_job *job, size_t first, size_t end,
                                   mote_conv2d_collect *collect) {
    const mote_conv2d *self = job->self;
    size_t area = self->kernel * self->kernel, channels = self->group_channels;
    mote_real sums[MOTE_CONV2D_ROWS_CAPACITY], dw[MOTE_CONV2D_ROWS_CAPACITY];
    for (size_t filter = first; filter < end; filter++) {
        collect(self, filter, sums);
        mote_transpose(area, channels, sums, channels, dw, area);
        mote_gradient_ready(job->pass, &self->weight_parameter, filter * self->depth, self->depth,
                            dw);
    }
}
