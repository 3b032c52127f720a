/* gemm.h (internal): matrix products with tiles of the caller's choice. */
#ifndef MOTE_MATH_GEMM_H
#define MOTE_MATH_GEMM_H

#include <stdbool.h>

#include "mote/kernels.h"

/* Whether BLAS, on small kernels, allocates memory (which no step should) in a plain product with
 * that many columns (n): it does if 1 to 8 are left over from whole vectors and the depth (k) is
 * more than 31. With B transposed it does not. */
bool mote_gemm_allocates(size_t columns);

/* mote_gemm_run with tiles of the given size instead of its own choice. */
void mote_gemm_run_tiles(mote_pool *pool, const mote_gemm *gemm, size_t tile_rows,
                         size_t tile_columns);

#endif
