/* depthwise.h (internal): convolutions with one filter per channel.
 *
 * weights, dw [kernel × kernel × channels]; y, dy [the patch's pixels × channels]. The forward pass
 * overwrites y; the others add to the patch's `numbers` and to dw.
 */
#ifndef MOTE_MATH_DEPTHWISE_H
#define MOTE_MATH_DEPTHWISE_H

#include "math/convolution.h"

void mote_depthwise_forward(const mote_window *window, const mote_patch *patch,
                            const mote_real *numbers, const mote_real *weights, mote_real *y);
void mote_depthwise_backward(const mote_window *window, const mote_patch *patch,
                             const mote_real *dy, const mote_real *weights, mote_real *numbers);
void mote_depthwise_gradient(const mote_window *window, const mote_patch *patch,
                             const mote_real *numbers, const mote_real *dy, mote_real *dw);

#endif
