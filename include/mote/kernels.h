/* kernels.h: matrix products and vector functions for layers.
 */
#ifndef MOTE_KERNELS_H
#define MOTE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "mote/pool.h"
#include "mote/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A finished tile of C: rows row ... row + rows - 1, columns column ... column + columns - 1. Its
 * entries are c[i × ldc + j]. */
typedef struct mote_tile {
    size_t row, rows, column, columns;
    mote_real *c;
    size_t ldc;
} mote_tile;

/* C [m × n] = A' [m × k] · B' [k × n] + beta × C, where A' is A or its transpose, and B' likewise;
 * m, n, k >= 1. Row-major, with leading dimensions lda, ldb, ldc (the stride between rows of A, B,
 * C as stored).
 *
 * The split into tiles of C depends on the operation alone, so the result does not depend on the
 * number of threads; each tile is one or more single-threaded BLAS calls. */
typedef struct mote_gemm {
    bool transpose_a, transpose_b;
    size_t m, n, k;
    const mote_real *a, *b;
    mote_real *c;
    size_t lda, ldb, ldc;
    mote_real beta;

    /* C is needed only tile by tile, in `after`: tiles may be stored elsewhere, and C is left
     * undefined. Requires beta = 0. */
    bool transient;

    /* Optional: called from the task for each tile once it is finished, while it is still in cache.
     * It may overwrite the tile. */
    void (*after)(void *context, mote_tile tile);
    void *context;
} mote_gemm;

/* `pool` may be NULL: one thread. */
void mote_gemm_run(mote_pool *pool, const mote_gemm *gemm);

/* y [count] = e^x of each x [count], within 2 ulp of the true value; y may be x. */
void mote_exp(size_t count, const mote_real *x, mote_real *y);

/* p [rows × columns] = softmax of each row of z [rows × columns]; p may be z. p_i = e^(z_i − m) /
 * Σ_c e^(z_c − m) with m = max_c z_c. A row that contains NaN or +inf, or only −inf, gives NaN. */
void mote_softmax(size_t rows, size_t columns, const mote_real *z, mote_real *p);

/* Prepares BLAS; models and trainers call this themselves. Sets OpenBLAS to one thread per call,
 * for the whole process, since mote's pool distributes the work. If OpenBLAS picked kernels far
 * below what the processor can do, and OPENBLAS_CORETYPE is not set, makes it choose again; so call
 * this before other threads use OpenBLAS. Only the first call has an effect. */
void mote_blas_prepare(void);

/* If OpenBLAS uses kernels that are far too slow and could not be made to choose again: what the
 * environment variable OPENBLAS_CORETYPE should be set to before the program starts. Otherwise
 * NULL. */
const char *mote_blas_advice(void);

/* The name of the kernels that BLAS uses, such as "SkylakeX". */
const char *mote_blas_kernels(void);

#ifdef __cplusplus
}
#endif

#endif
