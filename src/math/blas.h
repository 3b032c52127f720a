/* blas.h (internal): what OpenBLAS can do here. */
#ifndef MOTE_MATH_BLAS_H
#define MOTE_MATH_BLAS_H

#include <stdbool.h>

/* Whether products of at most MOTE_SMALL_PRODUCT multiplications run on kernels of their own, which
 * read their operands in place instead of packing them first: so it is with the AVX-512 kernels
 * since OpenBLAS 0.3.17. With B transposed (row-major), C has to be of at most
 * MOTE_SMALL_AREA_B_TRANSPOSED entries. */
#define MOTE_SMALL_PRODUCT           1000000
#define MOTE_SMALL_AREA_B_TRANSPOSED 1200
bool mote_blas_has_small_kernels(void);

#endif
