/* blas.h (internal): what OpenBLAS can do here. */
#ifndef MOTE_MATH_BLAS_H
#define MOTE_MATH_BLAS_H

#include <stdbool.h>

/* Whether products of at most MOTE_SMALL_PRODUCT multiplications run on special kernels, which read
 * their operands in place instead of packing them first: the AVX-512 kernels since OpenBLAS 0.3.17
 * do so. With B transposed (row-major), C may have at most MOTE_SMALL_AREA_B_TRANSPOSED entries. */
#define MOTE_SMALL_PRODUCT           1000000
#define MOTE_SMALL_AREA_B_TRANSPOSED 1200
bool mote_blas_has_small_kernels(void);

#endif
