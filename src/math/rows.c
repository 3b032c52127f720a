/* rows.c: adds a vector to every row of a matrix, and sums all rows. */
#include "math/rows.h"

#include "math/vector.h"

MOTE_MULTIVERSION
void mote_add_to_rows(size_t rows, size_t columns, size_t stride, const mote_real *values,
                      mote_real *y) {
    for (size_t row = 0; row < rows; row++, y += stride) {
        for (size_t i = 0; i < columns; i++) {
            y[i] += values[i];
        }
    }
}

/* Four rows at a time: otherwise a narrow sum waits for its own additions. */
MOTE_MULTIVERSION
void mote_sum_rows(size_t rows, size_t columns, size_t stride, const mote_real *x,
                   mote_real *sums) {
    size_t row = 0;
    for (; row + 4 <= rows; row += 4, x += 4 * stride) {
        for (size_t i = 0; i < columns; i++) {
            sums[i] += (x[i] + x[stride + i]) + (x[2 * stride + i] + x[3 * stride + i]);
        }
    }
    for (; row < rows; row++, x += stride) {
        for (size_t i = 0; i < columns; i++) {
            sums[i] += x[i];
        }
    }
}
