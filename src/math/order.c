/* order.c: from planes to channels last and back: one transposition per image. */
#include "math/order.h"

#include "math/vector.h"

/* Squares of so many rows and columns: reads and writes both stay within a few lines of cache. */
enum {
    SQUARE = 16
};

typedef struct job {
    size_t rows, columns; /* of x */
    const mote_real *x;
    mote_real *y;
} job;

MOTE_MULTIVERSION
static void transpose_square(size_t rows, size_t columns, size_t x_stride, const mote_real *x,
                             size_t y_stride, mote_real *y) {
    for (size_t column = 0; column < columns; column++) {
        for (size_t row = 0; row < rows; row++) {
            y[column * y_stride + row] = x[row * x_stride + column];
        }
    }
}

static void transpose_image(void *context, size_t index) {
    const job *j = context;
    const mote_real *x = j->x + index * j->rows * j->columns;
    mote_real *y = j->y + index * j->rows * j->columns;
    for (size_t row = 0; row < j->rows; row += SQUARE) {
        size_t rows = j->rows - row < SQUARE ? j->rows - row : SQUARE;
        for (size_t column = 0; column < j->columns; column += SQUARE) {
            size_t columns = j->columns - column < SQUARE ? j->columns - column : SQUARE;
            transpose_square(rows, columns, j->columns, x + row * j->columns + column, j->rows,
                             y + column * j->rows + row);
        }
    }
}

void mote_reorder(mote_pool *pool, size_t batch, mote_shape shape, bool to_channels_last,
                  const mote_real *x, mote_real *y) {
    size_t channels = shape.dims[0], pixels = shape.dims[1] * shape.dims[2];
    job j = {.rows = to_channels_last ? channels : pixels,
             .columns = to_channels_last ? pixels : channels,
             .x = x,
             .y = y};
    mote_pool_run(pool, batch, transpose_image, &j);
}
