/* math_test.c: exp, softmax, tanh, sigmoid, the normal distribution, matrix products, and the
 * choice of BLAS kernels. */
#include <criterion/criterion.h>

#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/vector.h"
#include "mote/kernels.h"
#include "mote/pool.h"
#include "mote/random.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* The distance of a float from the true value, in units in the last place of a float of the true
 * value's magnitude. Infinity counts as the float after the largest. */
static double ulps(float found, double expected) {
    double size = fabs(expected) < FLT_MIN ? FLT_MIN : fabs(expected);
    size = size > FLT_MAX ? FLT_MAX : size;
    int exponent;
    frexp(size, &exponent);
    double limit = 0x1p128, value = isinf(found) ? copysign(limit, found) : found;
    expected = fabs(expected) > limit ? copysign(limit, expected) : expected;
    return fabs(value - expected) / ldexp(1, exponent - 24);
}

static mote_real *random_numbers(size_t count, double scale, uint64_t stream) {
    mote_real *numbers = malloc((count ? count : 1) * sizeof *numbers);
    cr_assert(numbers);
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, stream);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (mote_real)(scale * mote_random_normal(&random));
    }
    return numbers;
}

/* ---- exp ---- */

/* Checks floats from `from` to `last`, `step` bit patterns apart, through the vector function. */
static void check_exp_over(float from, float last) {
#ifdef MOTE_SANITIZED
    const uint32_t step = 1999;
#else
    const uint32_t step = 97;
#endif
    enum {
        BLOCK = 1000
    }; /* not a multiple of any vector length */
    static float x[BLOCK], y[BLOCK];
    double worst = 0;
    float worst_x = 0, worst_y = 0;
    uint32_t bits = mote_bits_from_float(from), last_bits = mote_bits_from_float(last);
    while (bits <= last_bits) {
        size_t count = 0;
        for (; count < BLOCK && bits <= last_bits; count++, bits += step) {
            x[count] = mote_float_from_bits(bits);
        }
        mote_exp(count, x, y);
        for (size_t i = 0; i < count; i++) {
            double off = ulps(y[i], exp((double)x[i]));
            if (!(off <= worst)) {
                worst = off, worst_x = x[i], worst_y = y[i];
            }
        }
    }
    cr_log_info("from %g to %g: at most %.3f ulp off", from, last, worst);
    cr_expect(worst <= 2, "e^%.9g: found %.9g, expected %.9g: %.3f ulp off", worst_x, worst_y,
              exp((double)worst_x), worst);
}

Test(exp, is_within_two_ulp_of_the_true_value_for_all_floats) {
    check_exp_over(0.0f, 89.0f);
    check_exp_over(-0.0f, -104.0f);
}

/* Where single results could go wrong: around the largest and the smallest ones. */
Test(exp, is_within_two_ulp_next_to_every_threshold) {
    static const float thresholds[] = {88.0f,      88.72283f, 88.722839f,  89.0f,    -86.5f,
                                       -87.33655f, -103.0f,   -103.27893f, -103.97f, -104.0f};
    for (size_t i = 0; i < COUNT(thresholds); i++) {
        uint32_t middle = mote_bits_from_float(thresholds[i]);
        for (uint32_t bits = middle - 3000; bits <= middle + 3000; bits++) {
            float x = mote_float_from_bits(bits), y;
            mote_exp(1, &x, &y);
            double off = ulps(y, exp((double)x));
            cr_assert(off <= 2, "e^%.9g: found %.9g, expected %.9g: %.3f ulp off", x, y,
                      exp((double)x), off);
        }
    }
}

Test(exp, is_exact_where_there_is_one_right_answer) {
    static const struct {
        float x, expected;
    } rows[] = {
        {0.0f, 1.0f},           {-0.0f, 1.0f},      {INFINITY, INFINITY}, {-INFINITY, 0.0f},
        {FLT_MAX, INFINITY},    {-FLT_MAX, 0.0f},   {1000.0f, INFINITY},  {-1000.0f, 0.0f},
        {88.75f, INFINITY},     {-104.0f, 0.0f},    {-110.0f, 0.0f},      {FLT_MIN, 1.0f},
        {0x1p-149f, 1.0f},      {-0x1p-149f, 1.0f}, {1e-10f, 1.0f},       {-1e-10f, 1.0f},
        {-103.0f, 0x1.4p-149f}, /* a subnormal: the true value is 1.3 times the smallest float */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        float y = -1;
        mote_exp(1, &rows[i].x, &y);
        cr_expect_eq(y, rows[i].expected, "e^%g: found %.9g, expected %.9g", rows[i].x, y,
                     rows[i].expected);
        cr_expect(!signbit(y), "e^%g: the sign", rows[i].x);
    }
}

Test(exp, of_nan_is_nan) {
    const float rows[] = {NAN, -NAN, mote_float_from_bits(0x7f800001), /* signalling */
                          mote_float_from_bits(0xffffffff)};
    for (size_t i = 0; i < COUNT(rows); i++) {
        float y = 0;
        mote_exp(1, &rows[i], &y);
        cr_expect(isnan(y), "row %zu: found %g", i, y);
    }
}

Test(exp, works_in_place_and_for_any_count) {
    for (size_t count = 0; count < 70; count++) {
        mote_real *x = random_numbers(count, 10, count);
        float separate[71], place[71];
        separate[count] = place[count] = -7;
        memcpy(place, x, count * sizeof *x);
        mote_exp(count, x, separate);
        mote_exp(count, place, place);
        for (size_t i = 0; i < count; i++) {
            float one = mote_exp_one(x[i]);
            cr_expect(separate[i] == one && place[i] == one, "%zu of %zu: %.9g, %.9g, alone %.9g",
                      i, count, separate[i], place[i], one);
        }
        cr_expect(separate[count] == -7 && place[count] == -7, "wrote past %zu", count);
        free(x);
    }
}

Test(expm1_one, is_within_two_ulp_of_the_true_value_below_zero) {
    double worst = 0;
    for (uint32_t bits = mote_bits_from_float(-0.0f); bits <= mote_bits_from_float(-200.0f);
         bits += 509) {
        float x = mote_float_from_bits(bits), found = mote_expm1_one(x);
        double off = ulps(found, expm1((double)x));
        cr_assert(off <= 2, "e^%.9g - 1: found %.9g, expected %.9g: %.3f ulp off", x, found,
                  expm1((double)x), off);
        worst = fmax(worst, off);
    }
    cr_log_info("at most %.3f ulp off", worst);
}

Test(expm1_one, is_right_at_the_ends) {
    cr_expect_eq(mote_expm1_one(0.0f), 0.0f);
    cr_expect_eq(mote_expm1_one(-1e-30f), -1e-30f);
    cr_expect_eq(mote_expm1_one(-FLT_MAX), -1.0f);
    cr_expect_eq(mote_expm1_one(-INFINITY), -1.0f);
    cr_expect(isnan(mote_expm1_one(NAN)) && isnan(mote_expm1_one(-NAN)));
}

/* ---- tanh, sigmoid, the normal distribution ---- */

Test(tanh_one, is_within_two_in_ten_million_everywhere) {
    double worst = 0, worst_relative = 0;
    for (int i = -400000; i <= 400000; i++) {
        float x = (float)i * 5e-5f; /* -20 ... 20 */
        double expected = tanh((double)x), found = mote_tanh_one(x);
        cr_assert(fabs(found - expected) <= 2e-7, "tanh %.9g: found %.9g, expected %.9g", x, found,
                  expected);
        cr_assert(fabs(found) <= 1, "tanh %.9g: found %.9g", x, found);
        worst = fmax(worst, fabs(found - expected));
        if (x != 0) {
            worst_relative = fmax(worst_relative, fabs(found - expected) / fabs(expected));
        }
    }
    cr_log_info("at most %.3g off, relatively %.3g", worst, worst_relative);
    cr_expect_leq(worst_relative, 1e-6, "relatively %g off", worst_relative);
}

Test(tanh_one, is_right_at_the_ends_and_near_zero) {
    static const struct {
        float x, expected;
    } rows[] = {
        {0.0f, 0.0f},       {INFINITY, 1.0f},       {-INFINITY, -1.0f}, {FLT_MAX, 1.0f},
        {-FLT_MAX, -1.0f},  {50.0f, 1.0f},          {-50.0f, -1.0f},    {1e-6f, 1e-6f},
        {-1e-30f, -1e-30f}, {0x1p-149f, 0x1p-149f},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        float y = mote_tanh_one(rows[i].x);
        cr_expect_eq(y, rows[i].expected, "tanh %g: found %.9g, expected %.9g", rows[i].x, y,
                     rows[i].expected);
    }
    cr_expect(isnan(mote_tanh_one(NAN)));
}

Test(sigmoid_one, is_within_four_ulp_where_it_is_no_subnormal) {
    double worst = 0;
    for (int i = -340000; i <= 340000; i++) {
        float x = (float)i * 0x1p-12f; /* -83 ... 83 */
        double expected = 1 / (1 + exp(-(double)x));
        float found = mote_sigmoid_one(x);
        cr_assert(ulps(found, expected) <= 4, "sigmoid %.9g: found %.9g, expected %.9g", x, found,
                  expected);
        worst = fmax(worst, ulps(found, expected));
    }
    cr_log_info("at most %.3f ulp off", worst);
}

Test(sigmoid_one, is_right_at_the_ends) {
    static const struct {
        float x, expected;
    } rows[] = {
        {0.0f, 0.5f},   {INFINITY, 1.0f}, {-INFINITY, 0.0f}, {1e30f, 1.0f},
        {-1e30f, 0.0f}, {100.0f, 1.0f},   {-100.0f, 0.0f},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        float y = mote_sigmoid_one(rows[i].x);
        cr_expect_eq(y, rows[i].expected, "sigmoid %g: found %.9g, expected %.9g", rows[i].x, y,
                     rows[i].expected);
    }
    cr_expect(isnan(mote_sigmoid_one(NAN)));
}

static double reference_cdf(double x) {
    return erfc(-x / sqrt(2.0)) / 2;
}

Test(normal_cdf_one, is_as_close_to_the_true_value_as_it_says) {
    double worst = 0, worst_gelu = 0;
    for (int i = -1500000; i <= 1500000; i++) {
        float x = (float)i * 1e-5f; /* -15 ... 15 */
        double expected = reference_cdf((double)x), found = mote_normal_cdf_one(x);
        double off = fabs(found - expected), in_square = (double)x * (double)x;
        cr_assert(off <= 2.5e-7, "Φ(%.9g): found %.9g, expected %.9g", x, found, expected);
        cr_assert(x > 0 || x < -13 || off <= (4 + 0.4 * in_square) * 1e-7 * expected,
                  "Φ(%.9g): found %.9g, expected %.9g: relatively %g off", x, found, expected,
                  off / expected);
        double gelu_off = fabs((double)(x * (float)found) - (double)x * expected);
        worst = fmax(worst, off);
        worst_gelu = fmax(worst_gelu, gelu_off / fmax(1, fabs((double)x)));
    }
    cr_log_info("at most %.3g off, x Φ(x) %.3g of the larger of |x| and 1", worst, worst_gelu);
    cr_expect_leq(worst_gelu, 2e-7, "x Φ(x) is %g off", worst_gelu);
}

Test(normal_cdf_one, is_right_at_the_ends) {
    static const struct {
        float x, expected;
    } rows[] = {
        {-INFINITY, 0.0f}, {INFINITY, 1.0f}, {-FLT_MAX, 0.0f}, {FLT_MAX, 1.0f},
        {-16.0f, 0.0f},    {16.0f, 1.0f},    {-1e4f, 0.0f},    {1e4f, 1.0f},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        float y = mote_normal_cdf_one(rows[i].x);
        cr_expect_eq(y, rows[i].expected, "Φ(%g): found %.9g, expected %.9g", rows[i].x, y,
                     rows[i].expected);
    }
    cr_expect(isnan(mote_normal_cdf_one(NAN)) && isnan(mote_normal_cdf_one(-NAN)));
}

Test(normal_density_one, is_the_slope_of_the_distribution) {
    for (int i = -140000; i <= 140000; i++) {
        float x = (float)i * 1e-4f; /* -14 ... 14 */
        double expected = exp(-(double)x * (double)x / 2) / sqrt(2 * acos(-1.0));
        double off = fabs((double)mote_normal_density_one(x) - expected);
        cr_assert(off <= 1e-7, "φ(%.9g): %g off", x, off);
    }
    cr_expect_eq(mote_normal_density_one(INFINITY), 0.0f);
    cr_expect_eq(mote_normal_density_one(-FLT_MAX), 0.0f);
    cr_expect(isnan(mote_normal_density_one(NAN)));
}

/* ---- softmax ---- */

/* One row, by the formula, in double precision. */
static void reference_softmax(size_t columns, const mote_real *z, double *p) {
    double largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < columns; i++) {
        largest = fmax(largest, (double)z[i]);
    }
    for (size_t i = 0; i < columns; i++) {
        sum += p[i] = exp((double)z[i] - largest);
    }
    for (size_t i = 0; i < columns; i++) {
        p[i] /= sum;
    }
}

static void expect_softmax(const char *name, size_t rows, size_t columns, const mote_real *z) {
    mote_real *p = malloc(rows * columns * sizeof *p);
    double *expected = malloc(columns * sizeof *expected);
    cr_assert(p && expected);
    mote_softmax(rows, columns, z, p);
    for (size_t row = 0; row < rows; row++) {
        reference_softmax(columns, z + row * columns, expected);
        double sum = 0;
        for (size_t i = 0; i < columns; i++) {
            double found = p[row * columns + i];
            /* z - max has a relative rounding error of 2^-24, which then is in the exponent. */
            double allowed = (2e-6 + 88 * 0x1p-24) * expected[i] + FLT_MIN;
            cr_assert(fabs(found - expected[i]) <= allowed,
                      "%s, row %zu of %zu, class %zu of %zu: found %.9g, expected %.9g", name, row,
                      rows, i, columns, found, expected[i]);
            sum += found;
        }
        cr_expect_float_eq(sum, 1, 2e-6, "%s, row %zu: the sum is %.9g", name, row, sum);
    }
    free(p);
    free(expected);
}

Test(softmax, is_the_formula_for_any_number_of_rows_and_classes) {
    static const size_t shapes[][2] = {{1, 1},  {1, 2},   {3, 1},    {5, 10},  {7, 7},
                                       {64, 3}, {2, 100}, {3, 1000}, {33, 17}, {0, 5}};
    static const double scales[] = {0.01, 1, 10, 100, 1e4, 1e30};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        for (size_t j = 0; j < COUNT(scales); j++) {
            size_t rows = shapes[i][0], columns = shapes[i][1];
            mote_real *z = random_numbers(rows * columns, scales[j], i);
            expect_softmax("random logits", rows, columns, z);
            free(z);
        }
    }
}

Test(softmax, stays_right_for_extreme_logits) {
    static const struct {
        const char *name;
        mote_real z[4];
    } rows[] = {
        {"far apart", {1e4f, -1e4f, 0, 1}},
        {"all very high", {1e4f, 1e4f, 1e4f, 1e4f}},
        {"all very low", {-1e4f, -1e4f, -1e4f, -1e4f}},
        {"all equal", {0.3f, 0.3f, 0.3f, 0.3f}},
        {"the largest floats", {FLT_MAX, FLT_MAX, -FLT_MAX, 0}},
        {"some impossible", {1, -INFINITY, 2, -INFINITY}},
        {"only one possible", {-INFINITY, -INFINITY, -3, -INFINITY}},
        {"a class on the edge of nothing", {0, -87, -95, -103.9f}},
        {"the maximum last", {-100, -50, 0, 50}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        expect_softmax(rows[i].name, 1, 4, rows[i].z);
    }
}

Test(softmax, of_what_has_no_answer_is_nan_in_that_row_alone) {
    static const mote_real good[4] = {1, 2, 3, 4};
    static const mote_real rows[][4] = {
        {NAN, 1, 2, 3},         {1, 2, NAN, 3},
        {1, 2, 3, NAN},         {INFINITY, 1, 2, 3},
        {1, 2, 3, INFINITY},    {INFINITY, INFINITY, 1, 2},
        {NAN, NAN, NAN, NAN},   {INFINITY, NAN, 1, 2},
        {1, -INFINITY, NAN, 2}, {-INFINITY, -INFINITY, -INFINITY, -INFINITY},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_real z[12], p[12];
        memcpy(z, good, sizeof good);
        memcpy(z + 4, rows[i], sizeof rows[i]);
        memcpy(z + 8, good, sizeof good);
        mote_softmax(3, 4, z, p);
        for (size_t j = 0; j < 4; j++) {
            cr_expect(isnan(p[4 + j]), "row %zu, class %zu: found %g", i, j, p[4 + j]);
            cr_expect(isfinite(p[j]) && p[j] == p[8 + j], "row %zu: a neighbour is %g", i, p[j]);
        }
    }
}

Test(softmax, works_in_place) {
    mote_real *z = random_numbers(7 * 13, 3, 0), p[7 * 13];
    mote_softmax(7, 13, z, p);
    mote_softmax(7, 13, z, z);
    cr_expect_eq(memcmp(z, p, sizeof p), 0);
    free(z);
}

/* ---- matrix products ---- */

typedef struct product {
    size_t m, n, k;
    bool transpose_a, transpose_b, transient;
    mote_real beta;
    size_t padding; /* extra columns of A, B and C as they are stored */
} product;

static char *product_text(const product *p, char *text, size_t capacity) {
    snprintf(text, capacity, "%zu × %zu × %zu%s%s%s, beta %g, padding %zu", p->m, p->n, p->k,
             p->transpose_a ? ", A transposed" : "", p->transpose_b ? ", B transposed" : "",
             p->transient ? ", transient" : "", (double)p->beta, p->padding);
    return text;
}

/* Passed to `after`: each tile is copied out and counted as soon as it is said to be finished. */
typedef struct watch {
    const mote_gemm *gemm;
    mote_real *copy;       /* [m × ldc] */
    _Atomic uint8_t *seen; /* [m × n] */
    _Atomic size_t outside;
} watch;

static void see_tile(void *context, mote_tile tile) {
    watch *w = context;
    const mote_gemm *g = w->gemm;
    bool inside = tile.row + tile.rows <= g->m && tile.column + tile.columns <= g->n;
    if (!inside) {
        atomic_fetch_add(&w->outside, 1);
        return;
    }
    for (size_t i = tile.row; i < tile.row + tile.rows; i++) {
        for (size_t j = tile.column; j < tile.column + tile.columns; j++) {
            w->copy[i * g->ldc + j] = tile.c[(i - tile.row) * tile.ldc + j - tile.column];
            atomic_fetch_add(&w->seen[i * g->n + j], 1);
        }
    }
}

/* One entry of C = A' B' + beta C, computed plainly and in double. *size is the sum of the absolute
 * values of all terms, to which rounding errors are relative. */
static double reference_entry(const mote_gemm *g, mote_real before, size_t i, size_t j,
                              double *size) {
    double sum = g->beta == 0 ? 0 : (double)g->beta * (double)before;
    *size = fabs(sum);
    for (size_t l = 0; l < g->k; l++) {
        double a = g->a[g->transpose_a ? l * g->lda + i : i * g->lda + l];
        double b = g->b[g->transpose_b ? j * g->ldb + l : l * g->ldb + j];
        sum += a * b;
        *size += fabs(a * b);
    }
    return sum;
}

static void expect_product(mote_pool *pool, const product *p) {
    char text[160];
    product_text(p, text, sizeof text);
    size_t a_rows = p->transpose_a ? p->k : p->m, a_columns = p->transpose_a ? p->m : p->k;
    size_t b_rows = p->transpose_b ? p->n : p->k, b_columns = p->transpose_b ? p->k : p->n;
    size_t lda = a_columns + p->padding, ldb = b_columns + p->padding, ldc = p->n + p->padding;
    mote_real *a = random_numbers(a_rows * lda, 1, 1), *b = random_numbers(b_rows * ldb, 1, 2);
    mote_real *before = random_numbers(p->m * ldc, 1, 3), *c = malloc(p->m * ldc * sizeof *c);
    if (p->beta == 0) {
        for (size_t i = 0; i < p->m * ldc; i++) {
            before[i] = NAN; /* must not be read */
        }
    }
    mote_gemm g = {.transpose_a = p->transpose_a,
                   .transpose_b = p->transpose_b,
                   .m = p->m,
                   .n = p->n,
                   .k = p->k,
                   .a = a,
                   .b = b,
                   .c = c,
                   .lda = lda,
                   .ldb = ldb,
                   .ldc = ldc,
                   .beta = p->beta,
                   .transient = p->transient};
    watch w = {.gemm = &g,
               .copy = calloc(p->m * ldc, sizeof *w.copy),
               .seen = calloc(p->m * p->n, sizeof *w.seen)};
    cr_assert(c && w.copy && w.seen);
    memcpy(c, before, p->m * ldc * sizeof *c);
    g.after = see_tile;
    g.context = &w;
    mote_gemm_run(pool, &g);

    cr_assert_eq(atomic_load(&w.outside), (size_t)0, "%s: a tile is not as it should be", text);
    for (size_t i = 0; i < p->m; i++) {
        for (size_t j = 0; j < ldc; j++) {
            mote_real found = (p->transient ? w.copy : c)[i * ldc + j], old = before[i * ldc + j];
            if (j >= p->n) {
                cr_assert_eq(memcmp(&c[i * ldc + j], &old, sizeof old), 0,
                             "%s: wrote beside C at [%zu, %zu]", text, i, j);
                continue;
            }
            double size, expected = reference_entry(&g, old, i, j, &size);
            cr_assert(fabs((double)found - expected) <= 1e-6 * size + FLT_MIN,
                      "%s: [%zu, %zu] is %.9g, expected %.9g", text, i, j, (double)found, expected);
            cr_assert_eq(atomic_load(&w.seen[i * p->n + j]), 1, "%s: [%zu, %zu] is in %d tiles",
                         text, i, j, atomic_load(&w.seen[i * p->n + j]));
            cr_assert_eq(w.copy[i * ldc + j], found, "%s: [%zu, %zu] was not finished", text, i, j);
        }
    }
    free(a), free(b), free(c), free(before);
    free(w.copy), free((void *)w.seen);
}

Test(gemm, is_the_triple_loop_for_all_shapes_and_transposes) {
    static const size_t shapes[][3] = {
        {1, 1, 1},      {1, 1, 300},     {1, 300, 7},     {300, 1, 7},   {2, 3, 4},
        {7, 5, 3},      {16, 16, 16},    {17, 15, 33},    {31, 64, 1},   {64, 10, 128},
        {65, 129, 33},  {100, 101, 103}, {128, 10, 1568}, {10, 784, 64}, {333, 37, 201},
        {5, 4099, 120}, {4099, 5, 120},  {70, 100, 500},  {40, 17, 260}, {33, 5, 130},
    };
    static const mote_real betas[] = {0, 0.9f, 1};
    mote_pool *pool = mote_pool_create(2, NULL);
    cr_assert(pool);
    for (size_t i = 0; i < COUNT(shapes); i++) {
        for (size_t variant = 0; variant < 4 * COUNT(betas); variant++) {
            product p = {.m = shapes[i][0],
                         .n = shapes[i][1],
                         .k = shapes[i][2],
                         .transpose_a = variant & 1,
                         .transpose_b = variant & 2,
                         .beta = betas[variant / 4],
                         .transient = betas[variant / 4] == 0 && (i + variant) % 2,
                         .padding = (i + variant / 2) % 3};
            expect_product(pool, &p);
        }
    }
    mote_pool_destroy(pool);
}

Test(gemm, tiles_cover_large_products_exactly_once) {
    static const product rows[] = {
        {.m = 256, .n = 300, .k = 128},
        {.m = 300, .n = 256, .k = 128, .transpose_b = true},
        {.m = 64, .n = 1000, .k = 100, .transpose_a = true, .padding = 5},
        {.m = 64, .n = 1000, .k = 100, .transient = true},
        {.m = 513, .n = 511, .k = 130, .beta = 1},
        {.m = 1040, .n = 1030, .k = 9, .transpose_a = true, .transient = true},
        {.m = 3, .n = 3000, .k = 1000, .transient = true},
        {.m = 70, .n = 2100, .k = 300, .transpose_a = true, .transient = true},
        {.m = 3000, .n = 3, .k = 1000, .transpose_a = true, .transpose_b = true, .beta = 1},
    };
    mote_pool *pool = mote_pool_create(3, NULL);
    cr_assert(pool);
    for (size_t i = 0; i < COUNT(rows); i++) {
        expect_product(pool, &rows[i]);
        expect_product(NULL, &rows[i]);
    }
    mote_pool_destroy(pool);
}

Test(gemm, gives_the_same_bits_with_any_number_of_threads) {
    static const size_t shapes[][3] = {
        {64, 256, 784}, {512, 512, 130}, {1000, 33, 129}, {256, 784, 64}, {64, 10, 256}};
    mote_pool *pools[] = {NULL, mote_pool_create(1, NULL), mote_pool_create(2, NULL),
                          mote_pool_create(3, NULL), mote_pool_create(4, NULL)};
    for (size_t i = 0; i < 3 * COUNT(shapes); i++) {
        size_t m = shapes[i / 3][0], n = shapes[i / 3][1], k = shapes[i / 3][2];
        bool transpose_a = i % 3 == 1, transpose_b = i % 3 == 2;
        mote_real *a = random_numbers(m * k, 1, 1), *b = random_numbers(k * n, 1, 2);
        mote_real *c[COUNT(pools)];
        for (size_t j = 0; j < COUNT(pools); j++) {
            c[j] = calloc(m * n, sizeof **c);
            cr_assert(c[j]);
            mote_gemm_run(pools[j], &(mote_gemm){.transpose_a = transpose_a,
                                                 .transpose_b = transpose_b,
                                                 .m = m,
                                                 .n = n,
                                                 .k = k,
                                                 .a = a,
                                                 .b = b,
                                                 .c = c[j],
                                                 .lda = transpose_a ? m : k,
                                                 .ldb = transpose_b ? k : n,
                                                 .ldc = n});
            cr_expect_eq(memcmp(c[j], c[0], m * n * sizeof **c), 0,
                         "%zu × %zu × %zu: %zu threads give other bits", m, n, k,
                         mote_pool_size(pools[j]));
        }
        for (size_t j = 0; j < COUNT(pools); j++) {
            free(c[j]);
        }
        free(a), free(b);
    }
    for (size_t j = 0; j < COUNT(pools); j++) {
        mote_pool_destroy(pools[j]);
    }
}

/* ---- the choice of kernels ---- */

/* Makes OpenBLAS load the Prescott kernels, as it does by itself on some processors that it does
 * not know. Each test is a process of its own, in which mote has not examined BLAS yet. Skips the
 * test if that is impossible. */
static void start_on_prescott(void) {
#if !defined(__x86_64__)
    cr_skip_test("these kernels are for x86-64");
#else
    void (*quit)(void), (*start)(void);
    *(void **)&quit = dlsym(RTLD_DEFAULT, "gotoblas_dynamic_quit");
    *(void **)&start = dlsym(RTLD_DEFAULT, "gotoblas_dynamic_init");
    const char *(*kernels)(void);
    *(void **)&kernels = dlsym(RTLD_DEFAULT, "openblas_get_corename");
    if (!quit || !start || !kernels) {
        cr_skip_test("this build of BLAS has one set of kernels only");
    }
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        cr_skip_test("this processor has no AVX2");
    }
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);
    quit();
    start();
    if (strcmp(kernels(), "Prescott") != 0) {
        cr_skip_test("this build of BLAS has no Prescott kernels");
    }
#endif
}

Test(blas, is_moved_off_kernels_that_are_too_old_for_the_processor) {
    start_on_prescott();
    unsetenv("OPENBLAS_CORETYPE");
    const char *kernels = mote_blas_kernels();
    cr_expect(strcmp(kernels, "SkylakeX") == 0 || strcmp(kernels, "Haswell") == 0, "still on %s",
              kernels);
    cr_expect_null(mote_blas_advice(), "found \"%s\"", mote_blas_advice());
    cr_expect_null(getenv("OPENBLAS_CORETYPE"), "the environment has to stay as it was");

    mote_pool *pool = mote_pool_create(2, NULL); /* and it computes correctly */
    expect_product(pool, &(product){.m = 300, .n = 256, .k = 128, .beta = 1});
    mote_pool_destroy(pool);
}

Test(blas, is_left_alone_where_the_user_has_chosen) {
    start_on_prescott();
    cr_expect_str_eq(mote_blas_kernels(), "Prescott", "found \"%s\"", mote_blas_kernels());
    cr_expect_null(mote_blas_advice());
    cr_expect_str_eq(getenv("OPENBLAS_CORETYPE"), "Prescott");
}

Test(blas, has_kernels_with_a_name) {
    mote_blas_prepare();
    mote_blas_prepare();
    cr_expect_gt(strlen(mote_blas_kernels()), (size_t)0);
}
