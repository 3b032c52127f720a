/* runs.h (internal): the backward pass of convolutions where much of dy is 0, as before max pooling
 * and relu: terms that are 0 are left out of the sums.
 *
 * For windows without dilation, whose rows are runs of kernel × channels numbers. Weights and dw
 * are [filters × kernel × mote_run_stride]: runs padded to whole vectors, with zeros in weights and
 * anything in dw. Vectors reach into the MOTE_PATCH_OVER numbers after a patch.
 */
#ifndef MOTE_MATH_RUNS_H
#define MOTE_MATH_RUNS_H

#include <stdint.h>

#include "math/convolution.h"

size_t mote_run_stride(const mote_window *window);

/* For an image that is one patch and is pooled to `count` × filters numbers, taken from the pixels
 * `from`: dw of filters begin ... end - 1 += Σ dy × what the pixel sees. */
void mote_runs_gradient(const mote_window *window, const mote_patch *patch,
                        const mote_real *numbers, const uint32_t *from, const mote_real *dy,
                        size_t count, size_t filters, size_t begin, size_t end, mote_real *dw);

/* numbers += dy × weights, with dy [the patch's pixels × filters] and at most MOTE_RUN_FILTERS
 * filters. */
#define MOTE_RUN_FILTERS 256

void mote_runs_backward(const mote_window *window, const mote_patch *patch, const mote_real *dy,
                        const mote_real *weights, size_t filters, mote_real *numbers);

#endif
