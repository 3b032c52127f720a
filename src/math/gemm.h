/* gemm.h (internal): matrix products with tiles of one's own choice. */
#ifndef MOTE_MATH_GEMM_H
#define MOTE_MATH_GEMM_H

#include <stdbool.h>

#include "mote/kernels.h"

/* Whether BLAS allocates memory, which no step should, in a plain product with so many columns (n),
 * where it runs on small kernels: it does where 1 to 8 are left over from whole vectors and the
 * depth (k) is more than 31. With B transposed it does not. */
bool mote_gemm_allocates(size_t columns);

/* mote_gemm_run with tiles of that extent instead of those that mote chooses. */
void mote_gemm_run_tiles(mote_pool *pool, const mote_gemm *gemm, size_t tile_rows,
                         size_t tile_columns);

#endif
