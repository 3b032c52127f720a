/* order.h: images as planes, N × C × H × W, and with channels last, N × H × W × C. */
#ifndef MOTE_MATH_ORDER_H
#define MOTE_MATH_ORDER_H

#include <stdbool.h>

#include "mote/pool.h"
#include "mote/tensor.h"

/* Converts `batch` images of `shape` (C × H × W in either order) in x from planes to channels last,
 * or the other way round, into y, which must not overlap x. */
void mote_reorder(mote_pool *pool, size_t batch, mote_shape shape, bool to_channels_last,
                  const mote_real *x, mote_real *y);

#endif
