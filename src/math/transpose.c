/* transpose.c: transposes matrices, in squares that span only a few cache lines. */
#include "math/transpose.h"

#include <string.h>

#include "math/whole.h"

enum {
    SQUARE = 16,
    QUAD = 4
};

static void transpose_plainly(size_t rows, size_t columns, const mote_real *x, size_t x_stride,
                              mote_real *y, size_t y_stride) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < columns; column++) {
            y[column * y_stride + row] = x[row * x_stride + column];
        }
    }
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLES
#endif
#endif

#ifdef HAS_SHUFFLES

typedef mote_real quad __attribute__((vector_size(QUAD * sizeof(mote_real))));

/* 4 × 4 numbers in eight shuffles instead of sixteen stores. */
static void transpose_quad(const mote_real *x, size_t x_stride, mote_real *y, size_t y_stride) {
    quad a, b, c, d;
    memcpy(&a, x, sizeof a);
    memcpy(&b, x + x_stride, sizeof b);
    memcpy(&c, x + 2 * x_stride, sizeof c);
    memcpy(&d, x + 3 * x_stride, sizeof d);
    quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    quad ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    quad cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
    memcpy(y, &a, sizeof a);
    memcpy(y + y_stride, &b, sizeof b);
    memcpy(y + 2 * y_stride, &c, sizeof c);
    memcpy(y + 3 * y_stride, &d, sizeof d);
}

#else

static void transpose_quad(const mote_real *x, size_t x_stride, mote_real *y, size_t y_stride) {
    transpose_plainly(QUAD, QUAD, x, x_stride, y, y_stride);
}

#endif

static void transpose_square(size_t rows, size_t columns, const mote_real *x, size_t x_stride,
                             mote_real *y, size_t y_stride) {
    size_t whole_rows = rows / QUAD * QUAD, whole_columns = columns / QUAD * QUAD;
    for (size_t row = 0; row < whole_rows; row += QUAD) {
        for (size_t column = 0; column < whole_columns; column += QUAD) {
            transpose_quad(x + row * x_stride + column, x_stride, y + column * y_stride + row,
                           y_stride);
        }
    }
    transpose_plainly(rows - whole_rows, columns, x + whole_rows * x_stride, x_stride,
                      y + whole_rows, y_stride);
    transpose_plainly(whole_rows, columns - whole_columns, x + whole_columns, x_stride,
                      y + whole_columns * y_stride, y_stride);
}

void mote_transpose(size_t rows, size_t columns, const mote_real *x, size_t x_stride, mote_real *y,
                    size_t y_stride) {
    for (size_t row = 0; row < rows; row += SQUARE) {
        for (size_t column = 0; column < columns; column += SQUARE) {
            transpose_square(mote_minimum(SQUARE, rows - row),
                             mote_minimum(SQUARE, columns - column), x + row * x_stride + column,
                             x_stride, y + column * y_stride + row, y_stride);
        }
    }
}
