/* transpose.h (internal): transposing matrices. */
#ifndef MOTE_MATH_TRANSPOSE_H
#define MOTE_MATH_TRANSPOSE_H

#include "mote/tensor.h"

/* y [columns × rows] = x [rows × columns] transposed; rows of x and y are x_stride and y_stride
 * apart. x and y must not overlap. */
void mote_transpose(size_t rows, size_t columns, const mote_real *x, size_t x_stride, mote_real *y,
                    size_t y_stride);

#endif
