/* rows.h (internal): adding a vector to every row of a matrix, and summing all rows. */
#ifndef MOTE_MATH_ROWS_H
#define MOTE_MATH_ROWS_H

#include "mote/tensor.h"

/* y [rows × columns] += values [columns] in each row; rows are `stride` apart. */
void mote_add_to_rows(size_t rows, size_t columns, size_t stride, const mote_real *values,
                      mote_real *y);

/* sums [columns] += the sum of the rows of x [rows × columns], from the first to the last. */
void mote_sum_rows(size_t rows, size_t columns, size_t stride, const mote_real *x, mote_real *sums);

#endif
