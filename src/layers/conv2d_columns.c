/* conv2d_columns.c: convolutions of any kind, as matrix products.
 *
 * Let each row of a matrix X be the numbers that one pixel of y sees, and let Wp be W with channels
 * last, as in X. Then a convolution is a product:
 *
 *   y = X Wpᵀ        dX = dy Wp        dW = dyᵀ X
 *
 * for each group. X never exists as a whole: a few rows at a time are built just before they are
 * multiplied, so that they stay in L1 or L2.
 */
#include <string.h>

#include "layers/conv2d_patches.h"
#include "math/gemm.h"
#include "math/transpose.h"
#include "math/whole.h"

/* Rows of X at a time. Forward and dX want few, which stay in L1; dW is a sum over rows that passes
 * over all of dW each time, and wants many. */
enum {
    FORWARD_ROWS = 64,
    GRADIENT_ROWS = 240,
    FILTERS_PER_BLOCK = 128
};

static bool plan(mote_conv2d *self) {
    size_t size = self->filters * self->depth;
    self->weights_size = self->dx_weights_size = self->sums_size = size;
    self->filters_per_task = mote_conv2d_filters_per_task(self);
    self->filters_per_block = self->groups == 1 ? FILTERS_PER_BLOCK : self->filters;
    size_t blocks = mote_ceiling_divide(self->filters, self->filters_per_block);
    self->parts = mote_ceiling_divide(MOTE_CONV2D_PARTS, blocks);
    return true;
}

/* Whether `weights` holds Wp, to be transposed in the product, or each group's Wpᵀ [depth ×
 * group_filters]. */
static bool transposes_weights(const mote_conv2d *self) {
    return mote_gemm_allocates(self->group_filters);
}

static void pack(const mote_conv2d *self, size_t first, size_t end) {
    mote_real row[MOTE_CONV2D_ROWS_CAPACITY];
    for (size_t filter = first; filter < end; filter++) {
        if (transposes_weights(self)) {
            mote_conv2d_filter(self, filter, self->weights + filter * self->depth);
        } else {
            size_t column = filter % self->group_filters;
            mote_conv2d_filter(self, filter, row);
            mote_transpose(1, self->depth, row, self->depth,
                           self->weights + (filter - column) * self->depth + column,
                           self->group_filters);
        }
    }
}

static void pack_dx(const mote_conv2d *self, size_t first, size_t end) {
    for (size_t filter = first; filter < end; filter++) {
        mote_conv2d_filter(self, filter, self->dx_weights + filter * self->depth);
    }
}

static size_t rows_at_a_time(const mote_conv2d *self, size_t wanted) {
    return mote_minimum(MOTE_CONV2D_ROWS_CAPACITY / self->depth, wanted);
}

static void multiply(const mote_conv2d *self, size_t group, size_t rows, const mote_real *columns,
                     mote_real *y) {
    bool transposed = transposes_weights(self);
    size_t filter = group * self->group_filters;
    mote_gemm_run(NULL, &(mote_gemm){.transpose_b = transposed,
                                     .m = rows,
                                     .n = self->group_filters,
                                     .k = self->depth,
                                     .a = columns,
                                     .lda = self->depth,
                                     .b = self->weights + filter * self->depth,
                                     .ldb = transposed ? self->depth : self->group_filters,
                                     .c = y + filter,
                                     .ldc = self->filters});
}

static void forward_patch(const mote_conv2d *self, const mote_patch *patch,
                          const mote_real *numbers, mote_real *y) {
    mote_real columns[MOTE_CONV2D_ROWS_CAPACITY];
    size_t some = rows_at_a_time(self, FORWARD_ROWS);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel += some) {
        size_t end = mote_minimum(pixel + some, patch->end);
        mote_real *rows = y + (pixel - patch->begin) * self->filters;
        for (size_t group = 0; group < self->groups; group++) {
            mote_columns_load(&self->window, patch, numbers, group * self->group_channels,
                              self->group_channels, pixel, end, columns);
            multiply(self, group, end - pixel, columns, rows);
        }
        mote_conv2d_finish(self, end - pixel, rows);
    }
}

static void dx_patch(const mote_conv2d *self, const mote_patch *patch, const mote_real *dy,
                     mote_real *numbers) {
    mote_real columns[MOTE_CONV2D_ROWS_CAPACITY];
    size_t some = rows_at_a_time(self, FORWARD_ROWS);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel += some) {
        size_t end = mote_minimum(pixel + some, patch->end);
        for (size_t group = 0; group < self->groups; group++) {
            size_t filter = group * self->group_filters;
            mote_gemm_run(NULL,
                          &(mote_gemm){.m = end - pixel,
                                       .n = self->depth,
                                       .k = self->group_filters,
                                       .a = dy + (pixel - patch->begin) * self->filters + filter,
                                       .lda = self->filters,
                                       .b = self->dx_weights + filter * self->depth,
                                       .ldb = self->depth,
                                       .c = columns,
                                       .ldc = self->depth});
            mote_columns_add(&self->window, patch, columns, group * self->group_channels,
                             self->group_channels, pixel, end, numbers);
        }
    }
}

/* Where there are groups, a share has all filters. */
static void dw_patch(const mote_conv2d *self, const mote_patch *patch, const mote_real *numbers,
                     const mote_real *dy, const mote_conv2d_share *share) {
    mote_real columns[MOTE_CONV2D_ROWS_CAPACITY];
    size_t some = rows_at_a_time(self, GRADIENT_ROWS);
    size_t filters = mote_minimum(share->end - share->first, self->group_filters);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel += some) {
        size_t end = mote_minimum(pixel + some, patch->end);
        for (size_t group = 0; group < self->groups; group++) {
            size_t filter = share->first + group * self->group_filters;
            mote_columns_load(&self->window, patch, numbers, group * self->group_channels,
                              self->group_channels, pixel, end, columns);
            mote_gemm_run(NULL,
                          &(mote_gemm){.transpose_a = true,
                                       .m = filters,
                                       .n = self->depth,
                                       .k = end - pixel,
                                       .a = dy + (pixel - patch->begin) * self->filters + filter,
                                       .lda = self->filters,
                                       .b = columns,
                                       .ldb = self->depth,
                                       .c = share->dw + filter * self->depth,
                                       .ldc = self->depth,
                                       .beta = 1});
        }
    }
}

static void collect(const mote_conv2d *self, size_t filter, mote_real *dw) {
    mote_conv2d_add_parts(self, filter * self->depth, 1, self->depth, dw);
}

static void forward(const mote_conv2d_job *job) {
    mote_conv2d_forward_patches(job, forward_patch);
}

static void dx(const mote_conv2d_job *job) {
    mote_conv2d_dx_patches(job, dx_patch);
}

static void dw(const mote_conv2d_job *job, const mote_conv2d_share *share) {
    size_t depth = job->self->depth;
    memset(share->dw + share->first * depth, 0,
           (share->end - share->first) * depth * sizeof *share->dw);
    mote_conv2d_dw_patches(job, share, dw_patch);
}

static void hand_over(const mote_conv2d_job *job, size_t first, size_t end) {
    mote_conv2d_hand_over_filters(job, first, end, collect);
}

const mote_conv2d_way mote_conv2d_columns = {
    .plan = plan,
    .pack = pack,
    .pack_dx = pack_dx,
    .forward = forward,
    .dx = dx,
    .dw = dw,
    .hand_over = hand_over,
    .pools = true,
};
