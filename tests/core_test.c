/* core_test.c: status, shapes, random numbers, arena, pool and files. */
#include <criterion/criterion.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/pool.h"
#include "mote/pool.h"
#include "mote/random.h"
#include "mote/status.h"
#include "mote/tensor.h"
#include "scratch.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* ---- status ---- */

Test(status, has_a_name_and_a_meaning_for_every_code) {
    static const struct {
        mote_status status;
        const char *name, *text;
    } rows[] = {
        {MOTE_OK, "MOTE_OK", "success"},
        {MOTE_MEMORY, "MOTE_MEMORY", "out of memory"},
        {MOTE_INTERRUPTED, "MOTE_INTERRUPTED", "stopped by the caller"},
        {(mote_status)99, "unknown status", "unknown status"},
        {(mote_status)-1, "unknown status", "unknown status"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_expect_str_eq(mote_status_name(rows[i].status), rows[i].name);
        cr_expect_str_eq(mote_status_text(rows[i].status), rows[i].text);
    }
}

Test(status, the_first_error_wins) {
    mote_error error = {0};
    cr_expect_eq(mote_fail(&error, MOTE_FILE, "first: %d", 1), MOTE_FILE);
    cr_expect_eq(mote_fail(&error, MOTE_DATA, "second: %d", 2), MOTE_DATA,
                 "the later status is still what the later call returns");
    cr_expect_eq(error.status, MOTE_FILE);
    cr_expect_str_eq(error.message, "first: 1", "found \"%s\"", error.message);
}

Test(status, nobody_has_to_take_the_error) {
    cr_expect_eq(mote_fail(NULL, MOTE_DATA, "%s", "unheard"), MOTE_DATA);
}

Test(status, a_message_that_is_too_long_is_cut) {
    static char text[3 * MOTE_ERROR_CAPACITY];
    memset(text, 'x', sizeof text - 1);
    mote_error error = {0};
    mote_fail(&error, MOTE_DATA, "%s", text);
    cr_expect_eq(strlen(error.message), MOTE_ERROR_CAPACITY - 1);
}

/* ---- shapes ---- */

Test(shape, counts_and_reads_as_a_person_would_write_it) {
    static const struct {
        mote_shape shape;
        size_t count;
        const char *text;
    } rows[] = {
        {{0}, 1, "one number"},
        {{1, {784}}, 784, "784"},
        {{2, {3, 5}}, 15, "3 × 5"},
        {{3, {32, 14, 14}}, 6272, "32 × 14 × 14"},
        {{4, {2, 3, 4, 5}}, 120, "2 × 3 × 4 × 5"},
        {{2, {7, 0}}, 0, "7 × 0"},
        {{2, {SIZE_MAX, 1}}, SIZE_MAX, "18446744073709551615 × 1"},
        {{2, {(size_t)1 << 33, (size_t)1 << 33}}, SIZE_MAX, "8589934592 × 8589934592"},
        {{4, {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX}},
         SIZE_MAX,
         "18446744073709551615 × 18446744073709551615 × 18446744073709551615 × "
         "18446744073709551615"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        size_t count = mote_shape_count(rows[i].shape);
        cr_expect_eq(count, rows[i].count, "%s: counted %zu, expected %zu", rows[i].text, count,
                     rows[i].count);
        cr_expect_eq(mote_shape_text(rows[i].shape, text), text);
        cr_expect_str_eq(text, rows[i].text, "found \"%s\", expected \"%s\"", text, rows[i].text);
    }
}

Test(shape, is_equal_in_rank_and_dimensions) {
    mote_shape image = mote_shape_image(3, 4, 5), other = mote_shape_image(3, 4, 6);
    cr_expect(mote_shape_equal(image, (mote_shape){3, {3, 4, 5}}));
    cr_expect_not(mote_shape_equal(image, other));
    cr_expect_not(mote_shape_equal(mote_shape_vector(12), mote_shape_matrix(12, 1)));
    cr_expect(mote_shape_equal((mote_shape){0}, (mote_shape){0}));
}

/* ---- random numbers ---- */

/* As published with the algorithm: the output of xoshiro256++ from the state 1, 2, 3, 4. */
Test(random, is_xoshiro256_plus_plus) {
    static const uint64_t expected[] = {
        41943041u,
        58720359u,
        3588806011781223u,
        3591011842654386u,
        9228616714210784205u,
        9973669472204895162u,
        14011001112246962877u,
        12406186145184390807u,
        15849039046786891736u,
        10450023813501588000u,
    };
    mote_random random = {{1, 2, 3, 4}};
    for (size_t i = 0; i < COUNT(expected); i++) {
        uint64_t bits = mote_random_bits(&random);
        cr_expect_eq(bits, expected[i], "number %zu: found %ju, expected %ju", i, (uintmax_t)bits,
                     (uintmax_t)expected[i]);
    }
}

/* Computed by a short program in another language. A change here would silently change every run
 * whose seed anyone has recorded. */
Test(random, gives_the_same_numbers_for_a_seed_for_ever) {
    static const struct {
        uint64_t seed;
        mote_random_purpose purpose;
        uint64_t stream;
        uint64_t expected[3];
    } rows[] = {
        {1,
         MOTE_RANDOM_INITIALIZE,
         0,
         {0x6e07616690af0121u, 0xe35673a4b5f72869u, 0x1fb140157bbb5d4eu}},
        {1,
         MOTE_RANDOM_SHUFFLE,
         0,
         {0xbb6166f9f678e6f5u, 0xc26e4d4b858f8108u, 0x5ec2c1898e23f68eu}},
        {1,
         MOTE_RANDOM_SHUFFLE,
         7,
         {0xabcaaffd3f807438u, 0xc9536a22931bfb81u, 0x8f280b546a847559u}},
        {0, MOTE_RANDOM_LAYERS, 0, {0xee12b174f078c2c8u, 0x023defd65256e8fbu, 0x9b2bc8c1f8ee12dfu}},
        {UINT64_MAX,
         MOTE_RANDOM_DATA,
         UINT64_MAX,
         {0x5958409c2f5f83c9u, 0x8a8bcdf2f8bfb752u, 0x57766d75a910ca20u}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_random random = mote_random_create(rows[i].seed, rows[i].purpose, rows[i].stream);
        for (size_t j = 0; j < COUNT(rows[i].expected); j++) {
            uint64_t bits = mote_random_bits(&random);
            cr_expect_eq(bits, rows[i].expected[j], "row %zu, number %zu: %jx, expected %jx", i, j,
                         (uintmax_t)bits, (uintmax_t)rows[i].expected[j]);
        }
    }
}

Test(random, seeds_purposes_and_streams_all_give_sequences_of_their_own) {
    enum {
        SEEDS = 8,
        PURPOSES = 5,
        STREAMS = 8,
        ALL = SEEDS * PURPOSES * STREAMS
    };
    static uint64_t first[ALL];
    size_t count = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        for (int purpose = 1; purpose <= PURPOSES; purpose++) {
            for (uint64_t stream = 0; stream < STREAMS; stream++) {
                mote_random random = mote_random_create(seed, (mote_random_purpose)purpose, stream);
                first[count] = mote_random_bits(&random);
                for (size_t i = 0; i < count; i++) {
                    cr_assert_neq(first[i], first[count], "sequences %zu and %zu", i, count);
                }
                count++;
            }
        }
    }
}

Test(random, uniform_numbers_and_normal_ones_have_their_mean_and_variance) {
    static const struct {
        const char *name;
        double (*draw)(mote_random *random);
        double mean, variance, lowest, below;
    } rows[] = {
        {"uniform", mote_random_uniform, 0.5, 1.0 / 12, 0, 1},
        {"normal", mote_random_normal, 0, 1, -9, 9},
    };
    enum {
        DRAWS = 1000000
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
        double sum = 0, squares = 0;
        for (int j = 0; j < DRAWS; j++) {
            double x = rows[i].draw(&random);
            cr_assert(x >= rows[i].lowest && x < rows[i].below, "%s: %g", rows[i].name, x);
            sum += x;
            squares += x * x;
        }
        double mean = sum / DRAWS, variance = squares / DRAWS - mean * mean;
        cr_expect_float_eq(mean, rows[i].mean, 5e-3, "%s: mean %g", rows[i].name, mean);
        cr_expect_float_eq(variance, rows[i].variance, 5e-3, "%s: variance %g", rows[i].name,
                           variance);
    }
}

/* Even with all of its 53 bits set, uniform does not round up to 1. */
Test(random, the_largest_uniform_number_is_below_one) {
    mote_random random = {{UINT64_MAX, 0, 0, 0}}; /* rotl(-1 + 0, 23) - 1 = -2 */
    double x = mote_random_uniform(&random);
    cr_expect_eq(x, 1.0 - 0x1p-53, "found %.17g", x);
}

Test(random, below_draws_every_number_equally_often) {
    static const uint64_t bounds[] = {1, 2, 3, 10, 1000};
    static uint32_t counts[1000];
    for (size_t i = 0; i < COUNT(bounds); i++) {
        uint64_t bound = bounds[i];
        const double per_number = 2000;
        mote_random random = mote_random_create(i, MOTE_RANDOM_SHUFFLE, 0);
        memset(counts, 0, sizeof counts);
        for (uint64_t j = 0; j < bound * (uint64_t)per_number; j++) {
            uint64_t number = mote_random_below(&random, bound);
            cr_assert_lt(number, bound);
            counts[number]++;
        }
        double chi_squared = 0;
        for (uint64_t j = 0; j < bound; j++) {
            chi_squared += pow(counts[j] - per_number, 2) / per_number;
        }
        /* Mean bound - 1, variance twice that; 5 standard deviations. */
        double limit = (double)(bound - 1) + 5 * sqrt(2 * (double)(bound - 1));
        cr_expect_leq(chi_squared, limit, "bound %ju: chi squared %g", (uintmax_t)bound,
                      chi_squared);
    }
}

/* With bound 3 × 2^62, a plain remainder would draw the lowest third twice as often as each of the
 * others: in 1/2 of all draws instead of 1/3. */
Test(random, below_is_not_biased_where_the_bound_is_no_divisor) {
    const uint64_t bound = (uint64_t)3 << 62;
    enum {
        DRAWS = 100000
    };
    mote_random random = mote_random_create(1, MOTE_RANDOM_SHUFFLE, 0);
    int low = 0;
    for (int i = 0; i < DRAWS; i++) {
        low += mote_random_below(&random, bound) < bound / 3;
    }
    cr_expect_float_eq((double)low / DRAWS, 1.0 / 3, 0.01, "found %g", (double)low / DRAWS);
}

Test(random, a_shuffle_is_a_permutation_and_reaches_all_of_them) {
    enum {
        COUNT_LARGE = 1000
    };
    uint32_t entries[COUNT_LARGE];
    bool seen[COUNT_LARGE] = {false};
    mote_random random = mote_random_create(1, MOTE_RANDOM_SHUFFLE, 0);
    for (uint32_t i = 0; i < COUNT_LARGE; i++) {
        entries[i] = i;
    }
    mote_random_shuffle(&random, entries, COUNT_LARGE);
    size_t in_place = 0;
    for (size_t i = 0; i < COUNT_LARGE; i++) {
        cr_assert(!seen[entries[i]], "%u is there twice", entries[i]);
        seen[entries[i]] = true;
        in_place += entries[i] == i;
    }
    cr_expect_lt(in_place, (size_t)10, "%zu entries have not moved", in_place);

    size_t counts[3][3] = {{0}}; /* how often each of three entries lands in each place */
    for (int i = 0; i < 30000; i++) {
        uint32_t three[] = {0, 1, 2};
        mote_random_shuffle(&random, three, 3);
        for (size_t j = 0; j < 3; j++) {
            counts[three[j]][j]++;
        }
    }
    for (size_t i = 0; i < 9; i++) {
        size_t count = counts[i / 3][i % 3];
        cr_expect(count > 9500 && count < 10500, "entry %zu lands on %zu %zu times of 30000", i / 3,
                  i % 3, count);
    }
    mote_random_shuffle(&random, NULL, 0); /* shuffling nothing is no error */
}

/* ---- arena ---- */

typedef struct plan {
    float *small, *large;
    char *odd;
} plan;

static plan take_plan(mote_arena *arena) {
    plan pieces;
    pieces.small = mote_arena_take(arena, 3, sizeof(float));
    pieces.odd = mote_arena_take(arena, 65, 1);
    (void)mote_arena_take(arena, 0, sizeof(float));
    pieces.large = mote_arena_take(arena, 1 << 20, sizeof(float));
    return pieces;
}

Test(arena, gives_out_exactly_what_was_measured) {
    mote_arena measured = mote_arena_measure(), arena;
    plan pieces = take_plan(&measured);
    cr_expect(!pieces.small && !pieces.odd && !pieces.large, "nothing is there while measuring");
    cr_expect_eq(measured.used, (size_t)(64 + 128 + (4 << 20)), "measured %zu", measured.used);

    mote_error error = {0};
    cr_assert_eq(mote_arena_allocate(&arena, &measured, &error), MOTE_OK, "%s", error.message);
    cr_expect_not(mote_arena_complete(&arena));
    pieces = take_plan(&arena);
    cr_expect(mote_arena_complete(&arena), "used %zu of %zu", arena.used, arena.capacity);

    const uintptr_t starts[] = {(uintptr_t)pieces.small, (uintptr_t)pieces.odd,
                                (uintptr_t)pieces.large};
    for (size_t i = 0; i < COUNT(starts); i++) {
        cr_expect_eq(starts[i] % MOTE_ALIGNMENT, (uintptr_t)0, "piece %zu is not aligned", i);
    }
    cr_expect_geq(pieces.odd, (char *)(pieces.small + 3), "pieces overlap");
    cr_expect_geq((char *)pieces.large, pieces.odd + 65, "pieces overlap");
    for (size_t i = 0; i < 1 << 20; i++) {
        cr_assert_eq(pieces.large[i], 0.0f, "entry %zu is not zero", i);
        pieces.large[i] = 1; /* the sanitizer would report a write past the end */
    }
    mote_arena_free(&arena);
    mote_arena_free(&arena); /* a second time does nothing */
}

Test(arena, of_nothing_is_fine) {
    mote_arena measured = mote_arena_measure(), arena;
    cr_assert_eq(mote_arena_allocate(&arena, &measured, NULL), MOTE_OK);
    cr_expect(mote_arena_complete(&arena));
    mote_arena_free(&arena);
}

Test(arena, notices_sums_that_do_not_fit) {
    static const struct {
        size_t takes[3][2]; /* count, size */
    } rows[] = {
        {{{SIZE_MAX, 2}}},
        {{{SIZE_MAX / 4, 8}}},
        {{{SIZE_MAX / 2 + 1, 1}}},
        {{{SIZE_MAX / 2 - 10, 1}, {100, 1}}},
        /* A first piece that rounds up to 2^63 must not let a second one wrap around to 0. */
        {{{SIZE_MAX / 2, 1}, {SIZE_MAX / 2 + 1, 1}}},
        {{{SIZE_MAX / 2, 1}, {SIZE_MAX, 1}, {64, 1}}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_arena measured = mote_arena_measure(), arena;
        for (size_t j = 0; j < 3; j++) {
            mote_arena_take(&measured, rows[i].takes[j][0], rows[i].takes[j][1]);
        }
        mote_error error = {0};
        cr_expect(measured.overflow, "row %zu: measured %zu", i, measured.used);
        cr_expect_eq(mote_arena_allocate(&arena, &measured, &error), MOTE_MEMORY, "row %zu", i);
        cr_expect_eq(strncmp(error.message, "out of memory", 13), 0, "found \"%s\"", error.message);
        mote_arena_free(&arena);
    }
}

/* ---- pool ---- */

/* A test that hangs is ended and reported by name. */
TestSuite(pool, .timeout = 120);

enum {
    MOST_TILES = 1000
};

static _Atomic int runs[MOST_TILES + 1];

static void count_run(void *context, size_t index) {
    (void)context;
    atomic_fetch_add(&runs[index < MOST_TILES ? index : MOST_TILES], 1);
}

/* Runs a job and returns whether each of its tiles ran once and no other did. */
static bool runs_each_once(mote_pool *pool, size_t tiles) {
    for (size_t i = 0; i <= MOST_TILES; i++) {
        atomic_store_explicit(&runs[i], 0, memory_order_relaxed);
    }
    mote_pool_run(pool, tiles, count_run, NULL);
    bool good = true;
    for (size_t i = 0; i <= MOST_TILES; i++) {
        int ran = atomic_load_explicit(&runs[i], memory_order_relaxed);
        if (ran != (i < tiles)) {
            cr_log_error("%zu threads, %zu tiles: tile %zu ran %d times", mote_pool_size(pool),
                         tiles, i, ran);
            good = false;
        }
    }
    return good;
}

Test(pool, runs_every_tile_exactly_once) {
    static const size_t sizes[] = {1, 2, 3, 8}, tiles[] = {0, 1, 2, 3, 7, 8, 9, 1000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        mote_pool *pool = mote_pool_create(sizes[i], NULL);
        cr_assert(pool);
        cr_expect_eq(mote_pool_size(pool), sizes[i]);
        for (size_t j = 0; j < COUNT(tiles); j++) {
            cr_expect(runs_each_once(pool, tiles[j]));
        }
        mote_pool_destroy(pool);
    }
}

typedef struct record {
    size_t order[5], count;
} record;

static void record_order(void *context, size_t index) {
    record *seen = context;
    seen->order[seen->count++] = index;
}

Test(pool, no_pool_is_one_thread_that_goes_in_order) {
    record seen = {.count = 0};
    mote_pool_run(NULL, 5, record_order, &seen);
    cr_expect_eq(seen.count, (size_t)5);
    for (size_t i = 0; i < 5; i++) {
        cr_expect_eq(seen.order[i], i);
    }
    cr_expect_eq(mote_pool_size(NULL), (size_t)1);
    mote_pool_destroy(NULL);
}

Test(pool, takes_the_cores_there_are_where_no_size_is_given) {
    mote_pool *pool = mote_pool_create(0, NULL);
    cr_assert(pool);
    cr_expect_geq(mote_pool_cores(), (size_t)1);
    cr_expect_eq(mote_pool_size(pool), mote_pool_cores());
    mote_pool_destroy(pool);
}

/* A suite of its own, since it needs a directory. */
TestSuite(quota, .init = scratch_enter, .fini = scratch_leave);

static void expect_cores(const char *file, const char *text, const char *other_file,
                         const char *other_text, size_t wanted) {
    scratch_write(scratch_path(file), text, strlen(text));
    scratch_write(scratch_path(other_file), other_text, strlen(other_text));
    size_t found = mote_pool_cores_within(scratch_directory, 8);
    cr_expect_eq(found, wanted, "%s: %s gives %zu cores", file, text, found);
    remove(scratch_path(file));
    remove(scratch_path(other_file));
}

Test(quota, of_a_container_limits_the_cores) {
    static const char unrelated[] = "unrelated";
    cr_expect_eq(mote_pool_cores_within(scratch_directory, 8), (size_t)8, "no files");
    expect_cores("cpu.max", "200000 100000\n", unrelated, "", 2);
    expect_cores("cpu.max", "250000 100000\n", unrelated, "", 2);
    expect_cores("cpu.max", "50000 100000\n", unrelated, "", 1);
    expect_cores("cpu.max", "1600000 100000\n", unrelated, "", 8);
    expect_cores("cpu.max", "max 100000\n", unrelated, "", 8);
    expect_cores("cpu.max", "", unrelated, "", 8);
    cr_assert_eq(mkdir(scratch_path("cpu"), 0700), 0);
    expect_cores("cpu/cpu.cfs_quota_us", "300000\n", "cpu/cpu.cfs_period_us", "100000\n", 3);
    expect_cores("cpu/cpu.cfs_quota_us", "-1\n", "cpu/cpu.cfs_period_us", "100000\n", 8);
    expect_cores("cpu/cpu.cfs_quota_us", "300000\n", unrelated, "", 8);
}

/* Consecutive jobs of different lengths: a thread that is late in one must not use the next one's
 * number of tiles. The small counts leave some ranges empty. */
Test(pool, survives_a_hundred_thousand_tiny_jobs_of_changing_length) {
    static const size_t sizes[] = {2, 3, 8};
    enum {
        JOBS = 100000
    };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        mote_pool *pool = mote_pool_create(sizes[i], NULL);
        cr_assert(pool);
        size_t bad = 0;
        for (size_t job = 0; job < JOBS && bad < 5; job++) {
            size_t tiles = 2 + job * 7 % 11;
            for (size_t t = 0; t < 16; t++) {
                atomic_store_explicit(&runs[t], 0, memory_order_relaxed);
            }
            mote_pool_run(pool, tiles, count_run, NULL);
            for (size_t t = 0; t < 16; t++) {
                int ran = atomic_load_explicit(&runs[t], memory_order_relaxed);
                cr_expect_eq(ran, t < tiles, "%zu threads, job %zu of %zu tiles: tile %zu ran %d×",
                             sizes[i], job, tiles, t, ran);
                bad += ran != (t < tiles);
            }
        }
        mote_pool_destroy(pool);
    }
}

/* Tiles of one job read, without atomics, what those of the preceding job wrote, on any thread:
 * sums along a chain of jobs are right only if each job sees all of the preceding one's writes. */
typedef struct chain {
    size_t from[64], to[64];
} chain;

static void add_neighbours(void *context, size_t index) {
    chain *c = context;
    c->to[index] = c->from[index] + c->from[(index + 17) % 64];
}

static void hand_back(void *context, size_t index) {
    chain *c = context;
    c->from[index] = c->to[index] % 1000003;
}

Test(pool, a_job_sees_all_that_the_job_before_it_wrote) {
    chain plain, shared;
    for (size_t i = 0; i < 64; i++) {
        plain.from[i] = shared.from[i] = i;
    }
    mote_pool *pool = mote_pool_create(3, NULL);
    cr_assert(pool);
    for (int step = 0; step < 20000; step++) {
        mote_pool_run(pool, 64, add_neighbours, &shared);
        mote_pool_run(pool, 64, hand_back, &shared);
        mote_pool_run(NULL, 64, add_neighbours, &plain);
        mote_pool_run(NULL, 64, hand_back, &plain);
    }
    for (size_t i = 0; i < 64; i++) {
        cr_expect_eq(shared.from[i], plain.from[i], "entry %zu: %zu, expected %zu", i,
                     shared.from[i], plain.from[i]);
    }
    mote_pool_destroy(pool);
}

typedef struct nest {
    mote_pool *pool, *other;
    _Atomic int inner_runs[16][4];
} nest;

typedef struct inner {
    nest *nest;
    size_t outer;
} inner;

static void run_inner(void *context, size_t index) {
    inner *i = context;
    atomic_fetch_add(&i->nest->inner_runs[i->outer][index], 1);
}

static void run_outer(void *context, size_t index) {
    nest *n = context;
    inner i = {.nest = n, .outer = index};
    mote_pool_run(n->pool, 4, run_inner, &i);
    mote_pool_run(n->other, 4, run_inner, &i);
}

Test(pool, a_run_within_a_task_works_and_does_not_deadlock) {
    nest n = {.pool = mote_pool_create(3, NULL), .other = mote_pool_create(2, NULL)};
    cr_assert(n.pool && n.other);
    for (int round = 1; round <= 200; round++) {
        mote_pool_run(n.pool, 16, run_outer, &n);
        for (size_t i = 0; i < 64; i++) {
            cr_assert_eq(atomic_load(&n.inner_runs[i / 4][i % 4]), 2 * round);
        }
    }
    mote_pool_destroy(n.pool);
    mote_pool_destroy(n.other);
}

Test(pool, wakes_up_after_it_has_gone_to_sleep) {
    mote_pool *pool = mote_pool_create(3, NULL);
    cr_assert(pool);
    for (int i = 0; i < 60; i++) {
        /* From no pause, through spinning, to well into sleep. */
        nanosleep(&(struct timespec){.tv_nsec = i * i * 2000L}, NULL);
        cr_assert(runs_each_once(pool, (size_t)(2 + i % 5)));
    }
    mote_pool_destroy(pool);
}

/* Each tile waits until all 3 have begun, which takes as many threads as tiles. */
static void meet(void *context, size_t index) {
    (void)index;
    _Atomic size_t *arrived = context;
    atomic_fetch_add(arrived, 1);
    while (atomic_load(arrived) < 3) {
        nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
    }
}

Test(pool, brings_all_its_threads_to_work_awake_or_asleep) {
    mote_pool *pool = mote_pool_create(3, NULL);
    cr_assert(pool);
    for (int i = 0; i < 40; i++) {
        nanosleep(&(struct timespec){.tv_nsec = i % 2 * 5000000L}, NULL);
        _Atomic size_t arrived = 0;
        mote_pool_run(pool, 3, meet, &arrived);
        cr_expect_eq(atomic_load(&arrived), (size_t)3);
    }
    mote_pool_destroy(pool);
}

Test(pool, can_be_made_and_destroyed_at_any_moment) {
    for (size_t i = 0; i < 300; i++) {
        mote_pool *pool = mote_pool_create(1 + i % 8, NULL);
        cr_assert(pool);
        if (i % 3 == 1) {
            cr_expect(runs_each_once(pool, i % 11)); /* destroyed while its threads spin */
        } else if (i % 60 == 2) {
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* while they sleep */
        }
        mote_pool_destroy(pool);
    }
}

/* ---- files ---- */

static char directory[64];

static void enter_directory(void) {
    strcpy(directory, "/tmp/mote_core_test_XXXXXX");
    cr_assert(mkdtemp(directory));
}

static size_t count_files(void) {
    size_t count = 0;
    DIR *stream = opendir(directory);
    cr_assert(stream);
    for (const struct dirent *entry; (entry = readdir(stream));) {
        count += entry->d_name[0] != '.';
    }
    closedir(stream);
    return count;
}

static char *in_directory(const char *name) {
    char *path = mote_path_join(directory, name);
    cr_assert(path);
    return path;
}

static void leave_directory(void) {
    DIR *stream = opendir(directory);
    cr_assert(stream);
    for (const struct dirent *entry; (entry = readdir(stream));) {
        if (entry->d_name[0] != '.') {
            char *path = in_directory(entry->d_name);
            cr_expect_eq(remove(path), 0, "%s", path);
            free(path);
        }
    }
    closedir(stream);
    cr_expect_eq(rmdir(directory), 0);
}

TestSuite(file, .init = enter_directory, .fini = leave_directory);

static void expect_content(const char *path, const char *expected) {
    mote_error error = {0};
    size_t length = 0;
    char *text = mote_file_read(path, 1 << 20, &length, &error);
    cr_assert(text, "%s", error.message);
    cr_expect_str_eq(text, expected, "found \"%s\", expected \"%s\"", text, expected);
    cr_expect_eq(length, strlen(expected));
    free(text);
}

Test(file, what_is_written_takes_its_place_complete) {
    char *path = in_directory("a.txt");
    cr_assert_eq(mote_file_write_text(path, "old", NULL), MOTE_OK);
    mote_file_writer writer;
    mote_error error = {0};
    cr_assert_eq(mote_file_open(&writer, path, &error), MOTE_OK, "%s", error.message);
    fputs("new", writer.stream);
    fflush(writer.stream);
    expect_content(path, "old"); /* until the commit */
    cr_assert_eq(mote_file_commit(&writer, &error), MOTE_OK, "%s", error.message);
    expect_content(path, "new");
    cr_expect_eq(count_files(), (size_t)1, "%zu files are left", count_files());
    mote_file_abandon(&writer); /* after the commit it does nothing */
    expect_content(path, "new");
    free(path);
}

Test(file, what_is_abandoned_leaves_nothing_behind) {
    char *path = in_directory("a.txt");
    mote_file_writer writer;
    cr_assert_eq(mote_file_open(&writer, path, NULL), MOTE_OK);
    fputs("half", writer.stream);
    mote_file_abandon(&writer);
    mote_file_abandon(&writer);
    cr_expect_eq(count_files(), (size_t)0, "%zu files are left", count_files());
    free(path);
}

static bool is_there(const char *name) {
    char *path = in_directory(name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static void leave(const char *name) {
    char *path = in_directory(name);
    FILE *file = fopen(path, "w");
    cr_assert(file && fclose(file) == 0, "%s", path);
    free(path);
}

/* As two threads of a process may do. */
Test(file, written_twice_at_the_same_time_is_complete_each_time) {
    char *path = in_directory("a.txt");
    mote_error error = {0};
    mote_file_writer first, second;
    cr_assert_eq(mote_file_open(&first, path, &error), MOTE_OK, "%s", error.message);
    mote_file_put(&first, "first", 5);
    cr_assert_eq(mote_file_open(&second, path, &error), MOTE_OK, "%s", error.message);
    mote_file_put(&second, "2nd", 3);
    cr_expect_eq(mote_file_commit(&first, &error), MOTE_OK, "%s", error.message);
    expect_content(path, "first");
    cr_expect_eq(mote_file_commit(&second, &error), MOTE_OK, "%s", error.message);
    expect_content(path, "2nd");
    cr_expect_eq(count_files(), (size_t)1, "%zu files are left", count_files());
    free(path);
}

Test(file, leftovers_are_removed_where_the_same_file_is_written_again) {
    leave("a.txt.17.part");
    leave("b.txt.17.part");
    char *path = in_directory("a.txt"), *other = in_directory("b.txt.17.part");
    cr_assert_eq(mote_file_write_text(path, "whole", NULL), MOTE_OK);
    cr_expect_not(is_there("a.txt.17.part"));
    cr_expect(is_there("b.txt.17.part"));
    cr_expect_eq(remove(path) + remove(other), 0);
    free(path);
    free(other);
}

/* The name that passes to another writer's file the next time a file is locked; NULL: none. */
static const char *passes_on;

/* Replaces the C library's, for all of this program. */
int flock(int descriptor, int operation) {
    int (*function)(int, int);
    *(void **)&function = dlsym(RTLD_NEXT, "flock");
    if (passes_on) {
        char *path = in_directory(passes_on);
        cr_assert_eq(remove(path), 0);
        leave(passes_on);
        free(path);
        passes_on = NULL;
    }
    return function(descriptor, operation);
}

/* As if its writer had renamed it when it was found, and then begun the next one. */
Test(file, what_takes_the_name_of_a_leftover_stays) {
    leave("a.txt.17.part");
    passes_on = "a.txt.17.part";
    mote_file_remove_leftovers(directory, "a.txt");
    cr_expect_null(passes_on);
    cr_expect(is_there("a.txt.17.part"));
    mote_file_remove_leftovers(directory, "a.txt");
    cr_expect_not(is_there("a.txt.17.part"));
}

Test(file, leftovers_are_removed_and_nothing_else) {
    static const char *const others[] = {"a.txt",      "a.txt.part",     "a.txt.x.part",
                                         ".17.part",   "a.txt.17.parts", "a.txt17.part",
                                         "a.txt..part"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        leave(others[i]);
    }
    leave("a.txt.17.part");
    leave("ba.txt.17.part");
    leave("a.17.part");
    mote_file_writer writer; /* a process that is still writing */
    char *path = in_directory("a.txt"), name[64];
    snprintf(name, sizeof name, "a.txt.%ld.part", (long)getpid());
    cr_assert_eq(mote_file_open(&writer, path, NULL), MOTE_OK);
    mote_file_remove_leftovers(directory, "a.txt");
    cr_expect(is_there("ba.txt.17.part"));
    cr_expect(is_there("a.17.part"));
    mote_file_remove_leftovers(directory, NULL);
    cr_expect_not(is_there("a.txt.17.part"));
    cr_expect_not(is_there("ba.txt.17.part"));
    cr_expect_not(is_there("a.17.part"));
    cr_expect(is_there(name));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cr_expect(is_there(others[i]), "%s", others[i]);
    }
    mote_file_abandon(&writer);
    mote_file_remove_leftovers("no/such/directory", NULL);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char *other = in_directory(others[i]);
        cr_expect_eq(remove(other), 0, "%s", other);
        free(other);
    }
    free(path);
}

/* A limit on the size of files stands in for a full disk. */
Test(file, a_full_disk_is_an_error_and_the_old_file_survives) {
    char *path = in_directory("a.txt"), expected[256];
    cr_assert_eq(mote_file_write_text(path, "old", NULL), MOTE_OK);
    static char text[100001];
    memset(text, 'x', sizeof text - 1);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, tight;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = 100;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
    mote_error error = {0};
    mote_status status = mote_file_write_text(path, text, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    cr_expect_eq(status, MOTE_FILE, "%s", mote_status_name(status));
    snprintf(expected, sizeof expected, "%s: cannot be written: %s", path, strerror(EFBIG));
    cr_expect_str_eq(error.message, expected, "found \"%s\"", error.message);
    cr_expect_eq(count_files(), (size_t)1, "%zu files are left", count_files());
    expect_content(path, "old");
    free(path);
}

Test(file, a_place_that_cannot_be_written_is_named_with_the_reason) {
    char *plain = in_directory("plain"), *taken = in_directory("taken"),
         *pipe = in_directory("pipe");
    cr_assert_eq(mote_file_write_text(plain, "x", NULL), MOTE_OK);
    cr_assert_eq(mkdir(taken, 0700), 0);
    cr_assert_eq(mkfifo(pipe, 0600), 0);
    static const struct {
        const char *name, *reason;
    } rows[] = {
        {"none/a.txt", "No such file or directory"},
        {"plain/a.txt", "Not a directory"},
        {"taken", "Is a directory"}, /* detected by the rename */
        {"pipe", "not a regular file"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *path = in_directory(rows[i].name), expected[256];
        mote_error error = {0};
        cr_expect_eq(mote_file_write_text(path, "x", &error), MOTE_FILE, "%s", rows[i].name);
        snprintf(expected, sizeof expected, "%s: cannot be written: %s", path, rows[i].reason);
        cr_expect_str_eq(error.message, expected, "found \"%s\", expected \"%s\"", error.message,
                         expected);
        cr_expect_eq(count_files(), (size_t)3, "%s: %zu files are left", rows[i].name,
                     count_files());
        free(path);
    }
    struct stat found;
    cr_expect(stat(pipe, &found) == 0 && S_ISFIFO(found.st_mode), "the pipe has been replaced");
    free(plain);
    free(taken);
    free(pipe);
}

Test(file, reading_gives_every_byte_up_to_the_limit) {
    static const size_t lengths[] = {0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 100000};
    char *path = in_directory("bytes");
    for (size_t i = 0; i < COUNT(lengths); i++) {
        size_t length = lengths[i], found = 1;
        FILE *stream = fopen(path, "wb");
        cr_assert(stream);
        for (size_t j = 0; j < length; j++) {
            fputc((int)(j % 251), stream); /* including zero bytes */
        }
        fclose(stream);
        mote_error error = {0};
        char *bytes = mote_file_read(path, length, &found, &error);
        cr_assert(bytes, "%s", error.message);
        cr_expect_eq(found, length, "found %zu bytes of %zu", found, length);
        for (size_t j = 0; j < length; j++) {
            cr_assert_eq((unsigned char)bytes[j], j % 251, "byte %zu of %zu", j, length);
        }
        cr_expect_eq(bytes[length], '\0');
        free(bytes);
        if (length > 0) {
            cr_expect_null(mote_file_read(path, length - 1, &found, &error));
            cr_expect_eq(error.status, MOTE_DATA);
        }
    }
    free(path);
}

Test(file, what_cannot_be_read_is_named_with_the_reason) {
    mote_error missing = {0}, no_file = {0}, large = {0};
    size_t length;
    char *path = in_directory("large"), expected[256];
    cr_expect_null(mote_file_read("/nowhere/x", 10, &length, &missing));
    cr_expect_eq(missing.status, MOTE_FILE);
    cr_expect_str_eq(missing.message, "/nowhere/x: cannot be opened: No such file or directory");

    cr_expect_null(mote_file_read(directory, 10, &length, &no_file));
    snprintf(expected, sizeof expected, "%s: cannot be read: Is a directory", directory);
    cr_expect_str_eq(no_file.message, expected, "found \"%s\"", no_file.message);

    cr_assert_eq(mote_file_write_text(path, "0123456789", NULL), MOTE_OK);
    cr_expect_null(mote_file_read(path, 9, &length, &large));
    snprintf(expected, sizeof expected, "%s: larger than the 9 bytes that make sense here", path);
    cr_expect_str_eq(large.message, expected, "found \"%s\"", large.message);
    free(path);
}

Test(path, joins_and_splits) {
    static const struct {
        const char *directory, *path, *joined;
    } joins[] = {
        {"configs", "mnist.json", "configs/mnist.json"},
        {"configs/", "mnist.json", "configs/mnist.json"},
        {"configs", "../datasets/mnist", "configs/../datasets/mnist"},
        {"configs", "/data/mnist", "/data/mnist"},
        {"", "mnist.json", "mnist.json"},
        {"/", "mnist.json", "/mnist.json"},
        {".", "", "./"},
        {"", "", ""},
    };
    for (size_t i = 0; i < COUNT(joins); i++) {
        char *joined = mote_path_join(joins[i].directory, joins[i].path);
        cr_expect_str_eq(joined, joins[i].joined, "found \"%s\", expected \"%s\"", joined,
                         joins[i].joined);
        free(joined);
    }
    static const struct {
        const char *path, *directory;
    } splits[] = {
        {"configs/mnist.json", "configs"},
        {"mnist.json", ""},
        {"/mnist.json", "/"},
        {"/a/b/c", "/a/b"},
        {"a/", "a"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(splits); i++) {
        char *found = mote_path_directory(splits[i].path);
        cr_expect_str_eq(found, splits[i].directory, "\"%s\": found \"%s\", expected \"%s\"",
                         splits[i].path, found, splits[i].directory);
        free(found);
    }
}
