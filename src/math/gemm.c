/* gemm.c: matrix products in tiles of one or more single-threaded BLAS calls. */
#include <assert.h>
#include <cblas.h>

#include "math/blas.h"
#include "math/gemm.h"
#include "math/transpose.h"
#include "math/whole.h"

/* A product of fewer than 10^5 multiplications is done before another thread has started. */
static const double SMALL_WORK = 1e5;

/* How a product is split: into tiles, which threads take, and tiles into blocks, one BLAS call
 * each. The split depends on the operation alone, and so do the bits of the result. */
typedef struct tiling {
    const mote_gemm *gemm;
    size_t tile_rows, tile_columns, tiles_per_column;
    size_t block_columns, block_depth; /* a block has the tile's rows */
} tiling;

static size_t round_up(size_t a, size_t step) {
    return mote_ceiling_divide(a, step) * step;
}

/* ---- blocks ---- */

/* Where BLAS has kernels that read their operands in place, blocks small enough for them are
 * fastest: nothing is packed, and a block of C stays in L1. On one core of a Zen 4, GFLOP/s of the
 * whole product in one call, and in blocks:
 *
 *   y  = x Wᵀ   128 × 512 × 784    96  112        dW = dyᵀ x   512 × 784 × 128   104  114
 *               128 × 256 × 512    98  111                     128 × 784 × 32     89  109
 *   dx = dy W   128 × 512 × 256   102  116
 *               128 × 2048 × 2048  93   99
 *
 * The kernels for a transposed B want a small C and beta = 0, so depth is hardly split there; a
 * transposed A has no such kernel, so a strip of A is transposed first. */
typedef struct block {
    size_t rows, columns, depth;
} block;

enum {
    PLAIN_ROWS = 32,
    PLAIN_COLUMNS = 128,
    PLAIN_DEPTH = 240,
    B_TRANSPOSED_ROWS = 32,
    B_TRANSPOSED_COLUMNS = 32,
    B_TRANSPOSED_DEPTH = 976,
    A_TRANSPOSED_ROWS = 16,
    A_TRANSPOSED_COLUMNS = 256,
    A_TRANSPOSED_DEPTH = 240
};
_Static_assert(MOTE_SMALL_PRODUCT >= PLAIN_ROWS * PLAIN_COLUMNS * PLAIN_DEPTH &&
                   MOTE_SMALL_PRODUCT >=
                       B_TRANSPOSED_ROWS * B_TRANSPOSED_COLUMNS * B_TRANSPOSED_DEPTH &&
                   MOTE_SMALL_AREA_B_TRANSPOSED >= B_TRANSPOSED_ROWS * B_TRANSPOSED_COLUMNS &&
                   MOTE_SMALL_PRODUCT >=
                       A_TRANSPOSED_ROWS * A_TRANSPOSED_COLUMNS * A_TRANSPOSED_DEPTH,
               "the kernels that do not pack would not be used");

static const block BLOCK_PLAIN = {PLAIN_ROWS, PLAIN_COLUMNS, PLAIN_DEPTH};
static const block BLOCK_B_TRANSPOSED = {B_TRANSPOSED_ROWS, B_TRANSPOSED_COLUMNS,
                                         B_TRANSPOSED_DEPTH};
static const block BLOCK_A_TRANSPOSED = {A_TRANSPOSED_ROWS, A_TRANSPOSED_COLUMNS,
                                         A_TRANSPOSED_DEPTH};

enum {
    STRIP_OF_A = A_TRANSPOSED_ROWS * A_TRANSPOSED_DEPTH,
    VECTOR = 16,
    SHALLOW = 31
};

/* A transient tile stays in L2, with 16 rows of up to 1024: the optimizer then streams through
 * weights and momentum once, which the hardware prefetches, instead of fetching them piece by piece
 * as C within the product. dW of 2048 × 2048 × 128 and its update together: 91 GFLOP/s instead of
 * 77 with the momentum as C (87 in whole calls); with a batch of 512, 102 instead of 93. */
enum {
    TRANSIENT = 16 * 1024
};

static void multiply(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k,
                     const mote_real *a, size_t lda, const mote_real *b, size_t ldb, mote_real beta,
                     mote_real *c, size_t ldc) {
#ifdef MOTE_DOUBLE
    cblas_dgemm
#else
    cblas_sgemm
#endif
        (CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
         transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1, a,
         (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

/* One strip of A' [tile.rows × depth], from column k of A' on, times the matching rows of B'. */
static void multiply_strip(const tiling *t, mote_tile tile, size_t k, const mote_real *a,
                           size_t lda) {
    const mote_gemm *g = t->gemm;
    size_t depth = mote_minimum(t->block_depth, g->k - k);
    for (size_t done = 0; done < tile.columns; done += t->block_columns) {
        size_t column = tile.column + done;
        multiply(false, g->transpose_b, tile.rows,
                 mote_minimum(t->block_columns, tile.columns - done), depth, a, lda,
                 g->b + (g->transpose_b ? column * g->ldb + k : k * g->ldb + column), g->ldb,
                 k == 0 ? g->beta : 1, tile.c + done, tile.ldc);
    }
}

static void multiply_blocks(const tiling *t, mote_tile tile) {
    const mote_gemm *g = t->gemm;
    for (size_t k = 0; k < g->k; k += t->block_depth) {
        if (g->transpose_a) {
            mote_real strip[STRIP_OF_A];
            size_t depth = mote_minimum(t->block_depth, g->k - k);
            mote_transpose(depth, tile.rows, g->a + k * g->lda + tile.row, g->lda, strip, depth);
            multiply_strip(t, tile, k, strip, depth);
        } else {
            multiply_strip(t, tile, k, g->a + tile.row * g->lda + k, g->lda);
        }
    }
}

static void finish(const mote_gemm *g, mote_tile tile) {
    if (g->after) {
        g->after(g->context, tile);
    }
}

static void run_transient_tile(const tiling *t, mote_tile tile) {
    mote_real c[TRANSIENT];
    tile.c = c;
    tile.ldc = tile.columns;
    multiply_blocks(t, tile);
    finish(t->gemm, tile);
}

bool mote_gemm_allocates(size_t columns) {
    size_t rest = columns % VECTOR;
    return rest >= 1 && rest <= VECTOR / 2;
}

/* How many columns to give each block but the last so that none allocates; 0 if impossible. */
static size_t find_columns(size_t n, size_t most) {
    if (!mote_gemm_allocates(n % most)) {
        return most;
    }
    size_t blocks = 1 + n / most;
    for (size_t end = blocks + 3; blocks < end; blocks++) {
        size_t columns = mote_ceiling_divide(n, blocks);
        for (; columns <= most && columns * (blocks - 1) < n; columns++) {
            if (!mote_gemm_allocates(columns) && !mote_gemm_allocates(n - columns * (blocks - 1))) {
                return columns;
            }
        }
    }
    return 0;
}

static bool wants_blocks(const mote_gemm *g) {
    return mote_blas_has_small_kernels() && !(g->transpose_a && g->transpose_b);
}

static tiling choose_blocks(const mote_gemm *g) {
    block most = g->transpose_a   ? BLOCK_A_TRANSPOSED
                 : g->transpose_b ? BLOCK_B_TRANSPOSED
                                  : BLOCK_PLAIN;
    if (!g->transpose_b) {
        size_t columns = find_columns(g->n, most.columns);
        most.depth = columns ? most.depth : SHALLOW;
        most.columns = columns ? columns : most.columns;
    }
    size_t even = mote_ceiling_divide(g->k, mote_ceiling_divide(g->k, most.depth));
    size_t together = g->transient ? TRANSIENT / most.rows / most.columns : 1;
    return (tiling){.gemm = g,
                    .tile_rows = most.rows,
                    .tile_columns = together * most.columns,
                    .block_columns = most.columns,
                    .block_depth = mote_minimum(round_up(even, VECTOR), most.depth)};
}

/* ---- one call for each tile ---- */

/* Where each call packs its operands, strips of C do best when at least 128 wide, and strips of
 * columns beat strips of rows from 32 columns on. Two strips pay off even when narrower. */
enum {
    STRIP = 128,
    MAX_STRIPS = 8,
    FEW_COLUMNS = 32
};
static const double TWO_STRIPS_WORK = 1e6;

static void multiply_tile(const mote_gemm *g, mote_tile tile) {
    multiply(g->transpose_a, g->transpose_b, tile.rows, tile.columns, g->k,
             g->a + (g->transpose_a ? tile.row : tile.row * g->lda), g->lda,
             g->b + (g->transpose_b ? tile.column * g->ldb : tile.column), g->ldb, g->beta, tile.c,
             tile.ldc);
}

static double work_of(const mote_gemm *g) {
    return (double)g->m * (double)g->n * (double)g->k;
}

static size_t strip_extent(const mote_gemm *g, size_t side) {
    if (work_of(g) < TWO_STRIPS_WORK) {
        return side;
    }
    size_t strips = side / STRIP;
    strips = strips < 2 ? 2 : mote_minimum(strips, MAX_STRIPS);
    return round_up(mote_ceiling_divide(side, strips), VECTOR);
}

static tiling choose_strips(const mote_gemm *g) {
    bool by_rows = g->transient || g->n < FEW_COLUMNS;
    return (tiling){.gemm = g,
                    .tile_rows = by_rows ? strip_extent(g, g->m) : g->m,
                    .tile_columns = by_rows ? g->n : strip_extent(g, g->n)};
}

/* ---- tiles ---- */

static void run_tile(void *context, size_t index) {
    const tiling *t = context;
    const mote_gemm *g = t->gemm;
    mote_tile tile = {.row = index % t->tiles_per_column * t->tile_rows,
                      .column = index / t->tiles_per_column * t->tile_columns};
    tile.rows = mote_minimum(t->tile_rows, g->m - tile.row);
    tile.columns = mote_minimum(t->tile_columns, g->n - tile.column);
    tile.c = g->c + tile.row * g->ldc + tile.column;
    tile.ldc = g->ldc;
    if (t->block_depth == 0) {
        multiply_tile(g, tile);
        finish(g, tile);
    } else if (g->transient) {
        run_transient_tile(t, tile);
    } else {
        multiply_blocks(t, tile);
        finish(g, tile);
    }
}

/* Tiles are numbered down the columns, so that in y = x Wᵀ each thread has the same units as in dW,
 * and W and its momentum stay in one core's cache. */
static void run_tiles(mote_pool *pool, tiling t) {
    const mote_gemm *g = t.gemm;
    assert(g->m > 0 && g->n > 0 && g->k > 0 && (!g->transient || g->beta == 0));
    t.tiles_per_column = mote_ceiling_divide(g->m, t.tile_rows);
    size_t tiles = t.tiles_per_column * mote_ceiling_divide(g->n, t.tile_columns);
    mote_pool_run(work_of(g) < SMALL_WORK ? NULL : pool, tiles, run_tile, &t);
}

void mote_gemm_run(mote_pool *pool, const mote_gemm *gemm) {
    run_tiles(pool, wants_blocks(gemm) ? choose_blocks(gemm) : choose_strips(gemm));
}

void mote_gemm_run_tiles(mote_pool *pool, const mote_gemm *gemm, size_t tile_rows,
                         size_t tile_columns) {
    run_tiles(pool, (tiling){gemm, tile_rows, tile_columns, 0, 0, 0});
}
