/* dropout_test.c: what is dropped is random enough and the same on any number of threads and in the
 * backward pass; evaluation drops nothing.
 *
 * All seeds are fixed, so statistical checks either always hold or never do.
 */
#include <criterion/criterion.h>

#include "networks.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

enum {
    BATCH = 10,
    WIDTH = 100000,
    NUMBERS = BATCH * WIDTH,
    TILE = 8192 /* as in dropout.c */
};

static mote_model *create(double rate) {
    char json[64];
    mote_error error = {0};
    snprintf(json, sizeof json, "{\"rate\": %.17g}", rate);
    mote_model *model =
        layer_alone_create("dropout", json, mote_shape_vector(WIDTH), BATCH, &error);
    cr_assert(model, "%s", error.message);
    return model;
}

static float *ones_create(void) {
    float *ones = numbers_create(NUMBERS);
    for (size_t i = 0; i < NUMBERS; i++) {
        ones[i] = 1;
    }
    return ones;
}

static size_t count_kept(size_t count, const float *y) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        kept += y[i] != 0;
    }
    return kept;
}

/* ---- statistics ---- */

/* The counts over 10^7 numbers and over each tile scatter neither more nor less than they
 * should. */
static void check_rate(double rate) {
    mote_model *model = create(rate);
    mote_random random = mote_random_create(1, MOTE_RANDOM_LAYERS, 0);
    mote_pass pass = {.batch = BATCH, .training = true, .random = &random};
    const float scale = (float)(1 / (1 - rate));
    float *x = ones_create(), *y = numbers_create(NUMBERS);
    double kept = 0, scatter = 0, tiles = 0;
    const double steps = 10, variance = rate * (1 - rate);
    for (int step = 0; step < steps; step++) {
        layer_alone_forward(model, &pass, x, y);
        for (size_t i = 0; i < NUMBERS; i++) {
            cr_assert(y[i] == 0 || y[i] == scale, "rate %g: found %g", rate, (double)y[i]);
        }
        for (size_t begin = 0; begin + TILE <= NUMBERS; begin += TILE) {
            double off = (double)count_kept(TILE, y + begin) - TILE * (1 - rate);
            scatter += off * off / (TILE * variance);
            tiles++;
        }
        kept += (double)count_kept(NUMBERS, y);
    }
    double deviations = (kept - steps * NUMBERS * (1 - rate)) / sqrt(steps * NUMBERS * variance);
    double scatter_deviations = (scatter - tiles) / sqrt(2 * tiles);
    cr_log_info("rate %g: %.2f deviations off, scatter %.2f", rate, deviations, scatter_deviations);
    cr_expect(fabs(deviations) < 4, "rate %g: %.0f of %g are kept: %.1f deviations off", rate, kept,
              steps * NUMBERS, deviations);
    cr_expect(fabs(scatter_deviations) < 4, "rate %g: tiles scatter %.1f deviations off", rate,
              scatter_deviations);
    free(x);
    free(y);
    network_destroy(model);
}

Test(dropout, keeps_the_share_that_it_should) {
    static const double rates[] = {0.5, 0.1, 0.25, 1.0 / 3, 0.9, 0.01, 0.999};
    for (size_t i = 0; i < COUNT(rates); i++) {
        check_rate(rates[i]);
    }
}

/* Expects no correlation between runs of numbers with mean 0 and the given variance. */
static void expect_uncorrelated(double variance, const char *what, size_t distance, size_t count,
                                const float *a, const float *b) {
    double both = 0;
    for (size_t i = 0; i < count; i++) {
        both += (double)(a[i] * b[i]);
    }
    double off = both / variance / sqrt((double)count);
    cr_expect(fabs(off) < 4.5, "variance %g: %s %zu are correlated: %.1f deviations", variance,
              what, distance, off);
}

/* Checks neighbours near and far, places one or more whole tiles apart, and the following steps. */
static void check_correlations(double rate) {
    enum {
        STEPS = 4
    };
    mote_model *model = create(rate);
    mote_random random = mote_random_create(2, MOTE_RANDOM_LAYERS, 0);
    mote_pass pass = {.batch = BATCH, .training = true, .random = &random};
    const double variance = rate * (1 - rate);
    float *x = ones_create(), *y[STEPS];
    for (size_t step = 0; step < STEPS; step++) {
        y[step] = numbers_create(NUMBERS);
        layer_alone_forward(model, &pass, x, y[step]);
        for (size_t i = 0; i < NUMBERS; i++) {
            y[step][i] = (float)(y[step][i] != 0 ? rate : rate - 1);
        }
    }
    for (size_t lag = 1; lag <= 64; lag++) {
        expect_uncorrelated(variance, "neighbours at a distance of", lag, NUMBERS - lag, y[0],
                            y[0] + lag);
    }
    for (size_t lag = 128; lag <= 16 * TILE; lag *= 2) {
        expect_uncorrelated(variance, "neighbours at a distance of", lag, NUMBERS - lag, y[0],
                            y[0] + lag);
        expect_uncorrelated(variance, "neighbours at a distance of", lag + 1, NUMBERS - lag - 1,
                            y[0], y[0] + lag + 1);
    }
    for (size_t step = 1; step < STEPS; step++) {
        expect_uncorrelated(variance, "places apart by steps:", step, NUMBERS, y[0], y[step]);
        expect_uncorrelated(variance, "neighbours apart by steps:", step, NUMBERS - 1, y[0],
                            y[step] + 1);
    }
    for (size_t step = 0; step < STEPS; step++) {
        free(y[step]);
    }
    free(x);
    network_destroy(model);
}

Test(dropout, drops_each_number_by_itself) {
    check_correlations(0.5);
    check_correlations(0.2);
    check_correlations(0.9);
}

/* All patterns of 8 neighbours are equally frequent, wherever they start. */
Test(dropout, keeps_all_patterns_of_neighbours_equally_often) {
    enum {
        PATTERNS = 256
    };
    mote_model *model = create(0.5);
    mote_random random = mote_random_create(3, MOTE_RANDOM_LAYERS, 0);
    mote_pass pass = {.batch = BATCH, .training = true, .random = &random};
    float *x = ones_create(), *y = numbers_create(NUMBERS);
    double counts[PATTERNS] = {0}, total = 0, sum = 0;
    for (size_t step = 0; step < 4; step++) {
        layer_alone_forward(model, &pass, x, y);
        for (size_t i = step; i + 8 <= NUMBERS; i += 8, total++) {
            size_t pattern = 0;
            for (size_t k = 0; k < 8; k++) {
                pattern = pattern << 1 | (y[i + k] != 0);
            }
            counts[pattern]++;
        }
    }
    for (size_t i = 0; i < PATTERNS; i++) {
        double expected = total / PATTERNS;
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    double off = (sum - (PATTERNS - 1)) / sqrt(2.0 * (PATTERNS - 1));
    cr_expect(fabs(off) < 4, "χ² is %.1f, %.1f deviations off", sum, off);
    free(x);
    free(y);
    network_destroy(model);
}

/* The second drops half of what the first keeps. */
Test(dropout, of_two_layers_is_independent) {
    mote_error error = {0};
    mote_model *model = network_create(
        "{\"layers\": [{\"type\": \"dropout\"}, {\"type\": \"dropout\"}], \"output\": {\"type\": "
        "\"mean_squared_error\"}}",
        mote_shape_vector(WIDTH), &error);
    cr_assert(model && network_plan(model, BATCH, &error) == MOTE_OK, "%s", error.message);
    mote_random random = mote_random_create(4, MOTE_RANDOM_LAYERS, 0);
    mote_pass pass = {.batch = BATCH, .training = true, .random = &random};
    float *x = ones_create();
    const float *y = mote_model_forward(model, &pass, x);
    double off = ((double)count_kept(NUMBERS, y) - NUMBERS / 4.0) / sqrt(NUMBERS * 3.0 / 16);
    cr_expect(fabs(off) < 4, "%.1f deviations off", off);
    free(x);
    network_destroy(model);
}

/* ---- forward and backward, on any number of threads ---- */

Test(dropout, goes_back_through_what_it_kept) {
    mote_model *model = create(0.3);
    mote_random random = mote_random_create(5, MOTE_RANDOM_LAYERS, 0), before = random;
    mote_pass pass = {.batch = BATCH, .training = true, .random = &random};
    float *x = ones_create(), *y = numbers_create(NUMBERS);
    float *dy = numbers_create(NUMBERS), *dx = numbers_create(NUMBERS);
    mote_random numbers = mote_random_create(5, MOTE_RANDOM_DATA, 0);
    numbers_uniform(&numbers, -1, 1, NUMBERS, dy);
    static const size_t batches[] = {BATCH, 1, 7};
    for (size_t b = 0; b < COUNT(batches); b++) {
        pass.batch = batches[b];
        layer_alone_forward(model, &pass, x, y);
        layer_alone_backward(model, &pass, dy, dx);
        layer_alone_backward(model, &pass, dy, NULL);
        mote_random_bits(&before);
        cr_expect_arr_eq(&random, &before, sizeof random, "a pass draws one number");
        for (size_t i = 0; i < batches[b] * WIDTH; i++) {
            cr_assert(dx[i] == dy[i] * y[i], "entry %zu: %g × %g is %g", i, (double)dy[i],
                      (double)y[i], (double)dx[i]);
        }
    }
    free(x);
    free(y);
    free(dy);
    free(dx);
    network_destroy(model);
}

Test(dropout, gives_the_same_bits_on_any_number_of_threads) {
    float *x = ones_create(), *y[4], *dx[4];
    for (size_t threads = 0; threads < COUNT(y); threads++) {
        mote_model *model = create(0.4);
        mote_pool *pool = threads ? mote_pool_create(threads, NULL) : NULL;
        mote_random random = mote_random_create(6, MOTE_RANDOM_LAYERS, 0);
        mote_pass pass = {.pool = pool, .batch = BATCH, .training = true, .random = &random};
        y[threads] = numbers_create(NUMBERS);
        dx[threads] = numbers_create(NUMBERS);
        layer_alone_forward(model, &pass, x, y[threads]);
        layer_alone_backward(model, &pass, x, dx[threads]);
        cr_expect_arr_eq(y[threads], y[0], NUMBERS * sizeof(float), "%zu threads: y", threads);
        cr_expect_arr_eq(dx[threads], dx[0], NUMBERS * sizeof(float), "%zu threads: dx", threads);
        mote_pool_destroy(pool);
        network_destroy(model);
    }
    for (size_t threads = 0; threads < COUNT(y); threads++) {
        free(y[threads]);
        free(dx[threads]);
    }
    free(x);
}

/* ---- edge cases ---- */

Test(dropout, hides_no_nan_and_takes_any_rate_below_one) {
    static const double rates[] = {0, 0.5, 0.999999, 1 - 0x1p-53};
    float *x = ones_create(), *y = numbers_create(NUMBERS);
    for (size_t i = 0; i < COUNT(rates); i++) {
        mote_model *model = create(rates[i]);
        mote_random random = mote_random_create(7, MOTE_RANDOM_LAYERS, 0);
        mote_pass pass = {.batch = BATCH, .training = true, .random = &random};
        x[3] = NAN;
        x[4] = INFINITY; /* NaN if dropped: ∞ × 0 */
        layer_alone_forward(model, &pass, x, y);
        cr_expect(isnan(y[3]), "rate %g: %g", rates[i], (double)y[3]);
        cr_expect(isnan(y[4]) || y[4] == INFINITY, "rate %g: %g", rates[i], (double)y[4]);
        size_t kept = count_kept(NUMBERS - 5, y + 5);
        cr_expect(rates[i] > 0 || kept == NUMBERS - 5, "a rate of 0 keeps only %zu", kept);
        cr_expect(rates[i] < 0.9 || kept < 10, "rate %.17g keeps %zu", rates[i], kept);
        network_destroy(model);
    }
    free(x);
    free(y);
}

/* ---- evaluation ---- */

/* Also in a plan for training, in which validation runs, and without a random generator. */
Test(dropout, in_evaluation_passes_its_input_on) {
    mote_model *model = create(0.5);
    float *x = ones_create();
    mote_pass pass = {.batch = BATCH};
    cr_expect_eq(mote_sequence_forward(model->layers, &pass, x), x, "a copy was made");
    cr_assert_eq(mote_model_plan(model, BATCH, false, NULL), MOTE_OK);
    cr_expect_eq(mote_model_forward(model, &pass, x), x, "a copy was made");
    free(x);
    network_destroy(model);
}

#define DENSE    "{\"type\": \"dense\", \"units\": 7}"
#define RELU     "{\"type\": \"relu\"}"
#define FLATTEN  "{\"type\": \"flatten\"}"
#define DROP     "{\"type\": \"dropout\"}"
#define CLOSED   "], \"output\": {\"type\": \"mean_squared_error\"}}"
#define RESIDUAL "{\"type\": \"residual\", \"layers\": ["

/* With dropout everywhere, and without any. */
Test(dropout, in_evaluation_changes_no_bit_of_a_network) {
    static const struct {
        const char *with, *without;
    } rows[] = {
        {"{\"layers\": [" DROP ", " FLATTEN ", " DENSE ", " DROP ", " RELU ", " DROP ", " FLATTEN
         ", " DROP ", " DENSE ", " DROP CLOSED,
         "{\"layers\": [" FLATTEN ", " DENSE ", " RELU ", " FLATTEN ", " DENSE CLOSED},
        {"{\"layers\": [" FLATTEN ", " DENSE ", " RESIDUAL DROP ", " DENSE ", " DROP ", " RELU
         "]}, " DROP ", " DENSE CLOSED,
         "{\"layers\": [" FLATTEN ", " DENSE ", " RESIDUAL DENSE ", " RELU "]}, " DENSE CLOSED},
        {"{\"layers\": [" FLATTEN ", " DENSE ", " DROP ", " DROP ", " DENSE ", " DROP
         ", " RELU CLOSED,
         "{\"layers\": [" FLATTEN ", " DENSE ", " DENSE ", " RELU CLOSED},
    };
    enum {
        ROWS = 5,
        IN = 12,
        OUT = 7
    };
    float x[ROWS * IN];
    mote_random random = mote_random_create(8, MOTE_RANDOM_DATA, 0);
    numbers_uniform(&random, -1, 1, ROWS * IN, x);
    for (size_t i = 0; i < COUNT(rows); i++) {
        float prediction[3][ROWS * OUT];
        for (size_t k = 0; k < 3; k++) { /* the last in a plan for training */
            mote_error error = {0};
            mote_model *model = network_create(k ? rows[i].with : rows[i].without,
                                               mote_shape_image(3, 2, 2), &error);
            cr_assert(model, "%s", error.message);
            mote_model_initialize(model, 1, NULL);
            if (k == 2) {
                cr_assert_eq(network_plan(model, ROWS, &error), MOTE_OK);
            }
            cr_assert_eq(mote_model_predict(model, ROWS, x, prediction[k], &error), MOTE_OK);
            cr_expect_arr_eq(prediction[k], prediction[0], sizeof *prediction, "%s, plan %zu",
                             rows[i].with, k);
            network_destroy(model);
        }
    }
}
