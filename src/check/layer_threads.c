/* layer_threads.c: checks that any number of threads gives the same bits, and not just by luck. */
#include "check/layer_check.h"
#include "check/tiles.h"
#include "core/pool.h"

enum {
    MOST_THREADS = 3,
    REPEATS = 12,
    SOME = 1 << 14, /* numbers that make a few tiles for a layer that uses threads, */
    MANY = 1 << 16, /* and many tiles */
    MOST_ROWS = 2000
};

/* The rows that hold about that many numbers, within limits. */
static size_t rows_for(const mote_layer_case *layer, size_t numbers) {
    size_t rows = numbers / mote_shape_count(layer->shape);
    rows = rows > 2 * MOTE_CHECK_ROWS ? rows : 2 * MOTE_CHECK_ROWS;
    return (rows < MOST_ROWS ? rows : MOST_ROWS) + 1;
}

static const char *const texts[] = {
    [1] = "with 1 thread and tiles from the last to the first",
    [2] = "with 2 threads",
    [MOST_THREADS] = "with 3 threads",
};

static mote_status check_pool(mote_alone *alone, size_t threads, mote_error *error) {
    mote_pool *pool = mote_pool_create(threads, error);
    mote_status status = pool ? MOTE_OK : MOTE_MEMORY;
    if (pool && threads == 1) {
        mote_pool_reverse(pool);
    }
    for (size_t i = 0; i < REPEATS && status == MOTE_OK; i++) {
        const mote_trial trial = {
            .pool = pool, .rows = alone->batch, .hands_over = true, .memory = 0xff};
        status = mote_alone_run(alone, &trial, &alone->results[1], error);
        if (status == MOTE_OK) {
            status = mote_check_same_results(alone, alone->batch, &alone->results[1],
                                             &alone->results[0], texts[threads], error);
        }
    }
    mote_pool_destroy(pool);
    return status;
}

size_t mote_check_many_rows(const mote_layer_case *layer) {
    return rows_for(layer, MANY);
}

static mote_status check_writes(const mote_layer_case *layer, mote_error *error) {
    mote_alone alone;
    mote_status status = mote_layer_case_alone(&alone, layer, rows_for(layer, SOME), error);
    if (status == MOTE_OK) {
        status = mote_check_tiles(&alone, error);
    }
    mote_layer_case_free(&alone);
    return status;
}

static mote_status check_bits(const mote_layer_case *layer, mote_error *error) {
    mote_alone alone;
    mote_status status = mote_layer_case_alone(&alone, layer, mote_check_many_rows(layer), error);
    if (status == MOTE_OK) {
        const mote_trial trial = {.rows = alone.batch, .hands_over = true, .memory = 0xff};
        status = mote_alone_run(&alone, &trial, &alone.results[0], error);
    }
    for (size_t threads = 1; threads <= MOST_THREADS && status == MOTE_OK; threads++) {
        status = check_pool(&alone, threads, error);
    }
    mote_layer_case_free(&alone);
    return status;
}

mote_status mote_check_layer_threads(const mote_layer_case *layer, mote_error *error) {
    mote_status status = check_writes(layer, error);
    return status == MOTE_OK ? check_bits(layer, error) : status;
}
