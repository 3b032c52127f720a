/* order.c: from planes to channels last and back: one transposition per image. */
#include "math/order.h"

#include "math/transpose.h"

typedef struct job {
    size_t rows, columns; /* of x */
    const mote_real *x;
    mote_real *y;
} job;

static void transpose_image(void *context, size_t index) {
    const job *j = context;
    size_t offset = index * j->rows * j->columns;
    mote_transpose(j->rows, j->columns, j->x + offset, j->columns, j->y + offset, j->rows);
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
