/* gemm.c: matrix products in tiles, each one single-threaded BLAS call. */
#include <assert.h>
#include <cblas.h>

#include "math/blas.h"
#include "math/gemm.h"

/* Measured with OpenBLAS's AVX2 and AVX-512 kernels: each call packs its operands anew, so strips of
 * C do best that are at least 128 wide, and strips of columns do better than strips of rows wherever
 * there are 32 columns; a product of less than 10^6 multiplications is not worth another thread. Two
 * strips are worth having even when they are narrower. All this is of the operation alone, and so
 * the bits are, too. */
static const double SMALL_WORK = 1e6;
enum {
    STRIP = 128,
    MAX_STRIPS = 8,
    FEW_COLUMNS = 32,
    GRAIN = 16
};

typedef struct tiled {
    const mote_gemm *gemm;
    size_t tile_rows, tile_columns, tiles_per_row;
} tiled;

static size_t minimum(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t ceiling_divide(size_t a, size_t b) {
    return (a + b - 1) / b;
}

static void run_tile(void *context, size_t index) {
    const tiled *work = context;
    const mote_gemm *g = work->gemm;
    mote_tile tile = {.row = index / work->tiles_per_row * work->tile_rows,
                      .column = index % work->tiles_per_row * work->tile_columns};
    tile.rows = minimum(work->tile_rows, g->m - tile.row);
    tile.columns = minimum(work->tile_columns, g->n - tile.column);
    const mote_real *a = g->a + (g->transpose_a ? tile.row : tile.row * g->lda);
    const mote_real *b = g->b + (g->transpose_b ? tile.column * g->ldb : tile.column);
    mote_real *c = g->c + tile.row * g->ldc + tile.column;
#ifdef MOTE_DOUBLE
    cblas_dgemm
#else
    cblas_sgemm
#endif
        (CblasRowMajor, g->transpose_a ? CblasTrans : CblasNoTrans,
         g->transpose_b ? CblasTrans : CblasNoTrans, (blasint)tile.rows, (blasint)tile.columns,
         (blasint)g->k, 1, a, (blasint)g->lda, b, (blasint)g->ldb, g->beta, c, (blasint)g->ldc);
    if (g->after) {
        g->after(g->context, tile);
    }
}

static size_t count_strips(const mote_gemm *g, size_t side) {
    if ((double)g->m * (double)g->n * (double)g->k < SMALL_WORK) {
        return 1;
    }
    size_t strips = side / STRIP;
    return strips < 2 ? 2 : minimum(strips, MAX_STRIPS);
}

/* Forward and dx products with a depth of up to LARGEST_DEPTH gain from small tiles wherever BLAS
 * has kernels for them that do not pack: 110 instead of 80 GFLOP/s for 32 × 512 × 784, 107 instead
 * of 92 for 128 × 512 × 784, on one core of a Zen 4. Transposed A (dW) gains nothing. */
enum {
    LARGEST_DEPTH = 1024,
    SMALL_ROWS = 32,
    SMALL_COLUMNS = 64
};

static bool wants_small_tiles(const mote_gemm *g) {
    return !g->whole_rows && !g->transpose_a && g->n >= FEW_COLUMNS && g->k <= LARGEST_DEPTH &&
           mote_blas_has_small_kernels();
}

static tiled choose_small_tiles(const mote_gemm *g) {
    size_t rows = minimum(g->m, SMALL_ROWS);
    size_t columns = minimum(MOTE_SMALL_PRODUCT / (rows * g->k) / GRAIN * GRAIN, SMALL_COLUMNS);
    return (tiled){.gemm = g,
                   .tile_rows = rows,
                   .tile_columns = columns,
                   .tiles_per_row = ceiling_divide(g->n, columns)};
}

static tiled choose_tiles(const mote_gemm *g) {
    if (wants_small_tiles(g)) {
        return choose_small_tiles(g);
    }
    bool by_rows = g->whole_rows || g->n < FEW_COLUMNS;
    size_t side = by_rows ? g->m : g->n;
    size_t extent = ceiling_divide(ceiling_divide(side, count_strips(g, side)), GRAIN) * GRAIN;
    return (tiled){.gemm = g,
                   .tile_rows = by_rows ? extent : g->m,
                   .tile_columns = by_rows ? g->n : extent,
                   .tiles_per_row = by_rows ? 1 : ceiling_divide(g->n, extent)};
}

static void run_tiled(mote_pool *pool, tiled *work) {
    const mote_gemm *g = work->gemm;
    assert(g->m > 0 && g->n > 0 && g->k > 0);
    size_t tiles = ceiling_divide(g->m, work->tile_rows) * work->tiles_per_row;
    bool small = (double)g->m * (double)g->n * (double)g->k < SMALL_WORK;
    mote_pool_run(small ? NULL : pool, tiles, run_tile, work);
}

void mote_gemm_run(mote_pool *pool, const mote_gemm *gemm) {
    tiled work = choose_tiles(gemm);
    run_tiled(pool, &work);
}

void mote_gemm_run_tiles(mote_pool *pool, const mote_gemm *gemm, size_t tile_rows,
                         size_t tile_columns) {
    tiled work = {.gemm = gemm,
                  .tile_rows = tile_rows,
                  .tile_columns = tile_columns,
                  .tiles_per_row = ceiling_divide(gemm->n, tile_columns)};
    run_tiled(pool, &work);
}
