/* gemm.h (internal): matrix products with tiles of one's own choice. */
#ifndef MOTE_MATH_GEMM_H
#define MOTE_MATH_GEMM_H

#include "mote/kernels.h"

/* mote_gemm_run with tiles of that extent instead of those that mote chooses. */
void mote_gemm_run_tiles(mote_pool *pool, const mote_gemm *gemm, size_t tile_rows,
                         size_t tile_columns);

#endif
