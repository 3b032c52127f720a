/* direct.h (internal): convolutions without columns, where there are few channels.
 *
 * For images of so few channels the columns would be copied together number by number, which takes
 * longer than the product. Instead each number is multiplied with a vector of weights over the
 * filters. Windows of at most MOTE_DIRECT_TAPS numbers; weights and dw have a row of
 * `weight_stride`, a multiple of MOTE_LANES, for each of the window's numbers, and dw has
 * mote_direct_rows. y, dy [the patch's pixels × filters].
 */
#ifndef MOTE_MATH_DIRECT_H
#define MOTE_MATH_DIRECT_H

#include "math/convolution.h"

#define MOTE_DIRECT_TAPS 256

/* y = what the pixels see × weights + bias, which is as long as a row of weights. */
void mote_direct_forward(const mote_window *window, const mote_patch *patch,
                         const mote_real *numbers, const mote_real *weights, size_t weight_stride,
                         const mote_real *bias, size_t filters, mote_real *y);

/* How many rows dw has for so many numbers of a window: whole blocks. */
size_t mote_direct_rows(size_t taps);

/* dw += what the pixels see, transposed, × dy. */
void mote_direct_gradient(const mote_window *window, const mote_patch *patch,
                          const mote_real *numbers, const mote_real *dy, size_t filters,
                          mote_real *dw, size_t weight_stride);

#endif
