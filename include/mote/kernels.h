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

/* C [m × n] = A' [m × k] · B' [k × n] + beta × C, where A' is A, or A transposed; row-major, with
 * leading dimensions lda, ldb, ldc (the distance between rows of A, B, C as they are stored).
 *
 * The work is split into tiles of C by the shape alone, so that the result does not depend on the
 * number of threads, and each tile is one or more single-threaded BLAS calls. */
typedef struct mote_gemm {
    bool transpose_a, transpose_b;
    size_t m, n, k;
    const mote_real *a, *b;
    mote_real *c;
    size_t lda, ldb, ldc;
    mote_real beta;

    /* C is only wanted tile by tile, in `after`: tiles may be elsewhere, and C is left in any
     * state. beta has to be 0. */
    bool transient;

    /* Optional: called for each tile when it is finished and still in cache, from the task. It may
     * overwrite the tile. */
    void (*after)(void *context, mote_tile tile);
    void *context;
} mote_gemm;

void mote_gemm_run(mote_pool *pool, const mote_gemm *gemm);

/* y [i] = e^x[i], at most 2 units in the last place from the true value; y may be x. */
void mote_exp(size_t count, const mote_real *x, mote_real *y);

/* p [rows × columns] = softmax of each row of z; p may be z. p_i = e^(z_i − m) / Σ_c
 * e^(z_c − m) with m = max_c z_c. A row that holds NaN or +inf, or only −inf, gives NaN. */
void mote_softmax(size_t rows, size_t columns, const mote_real *z, mote_real *p);

/* Makes BLAS ready; models and trainers call it by themselves. OpenBLAS is set to one thread per
 * call, for the whole process, since mote's own pool shares out the work. Where OpenBLAS picked
 * kernels far below what the processor can do, and OPENBLAS_CORETYPE is not set, it is made to
 * choose again: so call this before other threads use OpenBLAS. Does its work once. */
void mote_blas_prepare(void);

/* NULL, or, where OpenBLAS runs on far too slow kernels and could not be made to choose again, what
 * the environment variable OPENBLAS_CORETYPE should be set to before the program starts. */
const char *mote_blas_advice(void);

/* Which kernels BLAS runs on, such as "SkylakeX". */
const char *mote_blas_kernels(void);

#ifdef __cplusplus
}
#endif

#endif
