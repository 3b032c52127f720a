/* direct.h (internal): convolutions over few channels, without columns.
 *
 * With so few channels, columns would be copied number by number, which takes longer than the
 * product. Instead each number is multiplied by a vector of weights across filters. A window has at
 * most MOTE_DIRECT_TAPS numbers; weights and dw have a row for each, `weight_stride` long, a
 * multiple of MOTE_LANES, and dw has mote_direct_rows rows. y, dy [the patch's pixels × filters].
 */
#ifndef MOTE_MATH_DIRECT_H
#define MOTE_MATH_DIRECT_H

#include "math/convolution.h"

#define MOTE_DIRECT_TAPS 256

/* y = what the pixels see × weights + bias [weight_stride]. */
void mote_direct_forward(const mote_window *window, const mote_patch *patch,
                         const mote_real *numbers, const mote_real *weights, size_t weight_stride,
                         const mote_real *bias, size_t filters, mote_real *y);

/* How many rows dw needs for a window of `taps` numbers: whole blocks. */
size_t mote_direct_rows(size_t taps);

/* dw += what the pixels see, transposed, × dy. */
void mote_direct_gradient(const mote_window *window, const mote_patch *patch,
                          const mote_real *numbers, const mote_real *dy, size_t filters,
                          mote_real *dw, size_t weight_stride);

#endif
