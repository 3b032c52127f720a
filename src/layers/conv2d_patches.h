/* conv2d_patches.h (internal): shared by the ways that compute a convolution image by image, patch
 * by patch. See math/convolution.h for patches.
 */
#ifndef MOTE_LAYERS_CONV2D_PATCHES_H
#define MOTE_LAYERS_CONV2D_PATCHES_H

#include "layers/conv2d.h"

/* Room for rows of `depth` numbers: at least one, since what a pixel sees fits into a patch. */
#define MOTE_CONV2D_ROWS_CAPACITY ((size_t)1 << 16)

/* ---- weights ---- */

/* W of one filter with channels last [kernel × kernel × group_channels], as in patches. */
void mote_conv2d_filter(const mote_conv2d *self, size_t filter, mote_real *weights);

/* How many filters make a task, for ways that pack and hand over filters one by one. */
size_t mote_conv2d_filters_per_task(const mote_conv2d *self);

/* ---- passes ---- */

/* y of one patch, with bias and activation. */
typedef void mote_conv2d_forward_patch(const mote_conv2d *self, const mote_patch *patch,
                                       const mote_real *numbers, mote_real *y);

void mote_conv2d_forward_patches(const mote_conv2d_job *job, mote_conv2d_forward_patch *forward);

/* Adds the contribution of a patch of dy to the numbers that it sees. */
typedef void mote_conv2d_dx_patch(const mote_conv2d *self, const mote_patch *patch,
                                  const mote_real *dy, mote_real *numbers);

void mote_conv2d_dx_patches(const mote_conv2d_job *job, mote_conv2d_dx_patch *dx);

/* Adds a patch's contribution to the share's dw. */
typedef void mote_conv2d_dw_patch(const mote_conv2d *self, const mote_patch *patch,
                                  const mote_real *numbers, const mote_real *dy,
                                  const mote_conv2d_share *share);

void mote_conv2d_dw_patches(const mote_conv2d_job *job, const mote_conv2d_share *share,
                            mote_conv2d_dw_patch *dw);

/* The first image of a part, which ends where part + 1 begins. */
size_t mote_conv2d_part_begin(const mote_conv2d_job *job, size_t part);

/* ---- sums ---- */

/* dW of one filter, channels last, summed over all parts. */
typedef void mote_conv2d_collect(const mote_conv2d *self, size_t filter, mote_real *dw);

void mote_conv2d_hand_over_filters(const mote_conv2d_job *job, size_t first, size_t end,
                                   mote_conv2d_collect *collect);

/* For that: dw [count] = the sum over all parts of `count` numbers, `stride` apart, from `begin`
 * on. */
void mote_conv2d_add_parts(const mote_conv2d *self, size_t begin, size_t stride, size_t count,
                           mote_real *dw);

#endif
