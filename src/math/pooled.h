/* pooled.h (internal): the gradient of a convolution whose output is max-pooled.
 *
 * Of the windows' pixels only one for each channel has a dy that is not 0. So the sum that dW is has
 * but one term for each pooled number, of the `count` × filters of an image: dy × what the pixel
 * that it was taken from sees, found in the image's one patch, runs of kernel × channels numbers
 * without dilation.
 */
#ifndef MOTE_MATH_POOLED_H
#define MOTE_MATH_POOLED_H

#include <stdint.h>

#include "math/convolution.h"

/* The distance of a filter's rows in dw [filters × kernel × this]. */
size_t mote_pooled_row_stride(const mote_window *window);

/* dw of filters begin ... end - 1 += the sum over the image. from, dy [count × filters]; numbers are
 * read up to MOTE_LANES beyond the patch. */
void mote_pooled_gradient(const mote_window *window, const mote_patch *patch,
                          const mote_real *numbers, const uint32_t *from, const mote_real *dy,
                          size_t count, size_t filters, size_t begin, size_t end, mote_real *dw);

#endif
