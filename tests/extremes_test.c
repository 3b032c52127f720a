/* extremes_test.c: outputs and layers at the limits of float.
 *
 * Every output in the registry: nothing crashes, NaN never gives a finite loss, and what is
 * mathematically finite stays finite. Then, for single rows, the values that the formulas give. And
 * no layer drops a NaN.
 */
#include <criterion/criterion.h>
#include <float.h>

#include "networks.h"

static const float INF = INFINITY;

enum {
    MOST_WIDTH = 6
};

/* Of one row, scored with and without its gradient. */
typedef struct result {
    double loss;
    float dz[MOST_WIDTH], prediction[MOST_WIDTH];
} result;

static result score_row(const mote_output *output, const float *z, mote_targets targets) {
    result found = {0};
    mote_score score = {0}, without = {0};
    output->kind->score(output, 1, z, targets, 1, found.dz, &score);
    output->kind->score(output, 1, z, targets, 1, NULL, &without);
    cr_expect(score.loss == without.loss || (isnan(score.loss) && isnan(without.loss)),
              "%s: the loss is %g with a gradient and %g without", output->kind->type, score.loss,
              without.loss);
    cr_expect(score.correct <= 1 && score.correct == without.correct);
    output->kind->predict(output, 1, z, found.prediction);
    found.loss = score.loss;
    return found;
}

static char *describe(const mote_output *output, const float *z, mote_targets targets, char *text,
                      size_t capacity) {
    size_t used = (size_t)snprintf(text, capacity, "%s of (", output->kind->type);
    for (size_t i = 0; i < output->width; i++) {
        used += (size_t)snprintf(text + used, capacity - used, "%s%g", i ? ", " : "", (double)z[i]);
    }
    if (targets.labels) {
        snprintf(text + used, capacity - used, "), label %u", (unsigned)targets.labels[0]);
    } else {
        snprintf(text + used, capacity - used, "), values %g ...", (double)targets.values[0]);
    }
    return text;
}

/* ---- every output ---- */

typedef void (*row_check)(const mote_output *output, const float *z, mote_targets targets);

/* Checks with each label, and with the uniform distribution. */
static void with_each_target(const mote_output *output, const float *z, row_check check) {
    float even[MOST_WIDTH];
    for (size_t i = 0; i < output->classes; i++) {
        even[i] = 1 / (float)output->classes;
    }
    for (uint32_t label = 0; label < output->classes; label++) {
        check(output, z, (mote_targets){.labels = &label});
    }
    check(output, z, (mote_targets){.values = even});
}

/* Runs each class of output, with each of its settings, at each width it takes. */
static void with_each_output(void (*run)(const mote_output *output)) {
    char json[SETTINGS_CAPACITY];
    for (const mote_output_class *const *kind = mote_output_classes(); *kind; kind++) {
        size_t taken = 0;
        for (size_t number = 0; number < settings_count((*kind)->fields); number++) {
            settings_text((*kind)->fields, number, json);
            for (size_t width = 1; width < MOST_WIDTH; width++) {
                mote_model *model = output_alone_create(*kind, width, json);
                if (model) {
                    run(model->output);
                    taken++;
                }
                mote_model_destroy(model);
            }
        }
        cr_expect_gt(taken, 0, "%s was not tried", (*kind)->type);
    }
}

/* Checks rows of `special` in one place, each in turn, and `others` everywhere else. */
static void with_special(const mote_output *output, float special, float others, row_check check) {
    for (size_t place = 0; place < output->width; place++) {
        float z[MOST_WIDTH];
        for (size_t i = 0; i < output->width; i++) {
            z[i] = i == place ? special : others;
        }
        with_each_target(output, z, check);
    }
}

static void expect_finite(const mote_output *output, const float *z, mote_targets targets) {
    char text[256];
    result found = score_row(output, z, targets);
    describe(output, z, targets, text, sizeof text);
    cr_expect(isfinite(found.loss) && found.loss >= 0, "%s: the loss is %g", text, found.loss);
    for (size_t i = 0; i < output->width; i++) {
        cr_expect(isfinite(found.dz[i]), "%s: dz[%zu] is %g", text, i, (double)found.dz[i]);
    }
    for (size_t i = 0; i < output->prediction_width; i++) {
        cr_expect(isfinite(found.prediction[i]), "%s: prediction[%zu] is %g", text, i,
                  (double)found.prediction[i]);
    }
}

static bool takes_probabilities(const mote_output *output) {
    return output->kind->takes == MOTE_TAKES_PROBABILITIES;
}

/* Probabilities from 0 to 1; logits so large that e^z overflows, alone and next to others. */
static void expect_finite_everywhere(const mote_output *output) {
    static const float logits[] = {0,     1,     -1,     89,      -104,    1e4f,
                                   -1e4f, 1e15f, -1e15f, FLT_MIN, -FLT_MIN};
    static const float probabilities[] = {
        0, 1, 0.5f, FLT_MIN, FLT_TRUE_MIN, 1e-30f, 1 - FLT_EPSILON / 2};
    const float *values = takes_probabilities(output) ? probabilities : logits;
    size_t count = takes_probabilities(output) ? sizeof probabilities / sizeof *probabilities
                                               : sizeof logits / sizeof *logits;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            with_special(output, values[i], values[j], expect_finite);
        }
    }
}

Test(extremes, finite_numbers_give_a_finite_loss_gradient_and_prediction) {
    with_each_output(expect_finite_everywhere);
}

static void expect_nan(const mote_output *output, const float *z, mote_targets targets) {
    char text[256];
    result found = score_row(output, z, targets);
    cr_expect(isnan(found.loss), "%s: the loss is %g",
              describe(output, z, targets, text, sizeof text), found.loss);
}

static void expect_nan_everywhere(const mote_output *output) {
    with_special(output, NAN, 0.25f, expect_nan);
    with_special(output, 0.25f, NAN, output->width > 1 ? expect_nan : expect_finite);
    with_special(output, NAN, NAN, expect_nan);
    with_special(output, NAN, takes_probabilities(output) ? 0 : 1e4f, expect_nan);
    with_special(output, NAN, takes_probabilities(output) ? 1 : -INF, expect_nan);
}

/* For any target: a NaN at a class other than the target's is an error too. */
Test(extremes, a_nan_never_hides_behind_a_finite_loss) {
    with_each_output(expect_nan_everywhere);
}

/* A loss is NaN, +∞ or a number that is not negative. */
static void expect_no_nonsense(const mote_output *output, const float *z, mote_targets targets) {
    char text[256];
    result found = score_row(output, z, targets);
    cr_expect(isnan(found.loss) || found.loss >= 0, "%s: the loss is %g",
              describe(output, z, targets, text, sizeof text), found.loss);
}

static void expect_no_nonsense_at_infinity(const mote_output *output) {
    static const float others[] = {0, 1e4f, -1e4f, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof others / sizeof *others && !takes_probabilities(output); i++) {
        with_special(output, INF, others[i], expect_no_nonsense);
        with_special(output, -INF, others[i], expect_no_nonsense);
    }
}

Test(extremes, infinities_never_give_a_negative_loss) {
    with_each_output(expect_no_nonsense_at_infinity);
}

/* ---- single rows ---- */

typedef struct extreme {
    const char *type, *json;
    size_t width;
    float z[MOST_WIDTH];
    uint32_t label;
    double loss;
    float dz[MOST_WIDTH];
    const float *values; /* instead of the label */
} extreme;

static bool is_close(double found, double wanted) {
    return isnan(wanted)   ? isnan(found)
           : isinf(wanted) ? found == wanted
                           : fabs(found - wanted) <= 1e-6 * fmax(fabs(wanted), 0.1);
}

static void check_extreme(const extreme *row) {
    char text[256];
    mote_model *model =
        output_alone_create(mote_output_class_find(row->type), row->width, row->json);
    cr_assert(model, "%s", row->type);
    mote_targets targets =
        row->values ? (mote_targets){.values = row->values} : (mote_targets){.labels = &row->label};
    result found = score_row(model->output, row->z, targets);
    describe(model->output, row->z, targets, text, sizeof text);
    cr_expect(is_close(found.loss, row->loss), "%s: the loss is %.9g instead of %.9g", text,
              found.loss, row->loss);
    for (size_t i = 0; i < row->width; i++) {
        cr_expect(is_close((double)found.dz[i], (double)row->dz[i]),
                  "%s: dz[%zu] is %.9g instead of %.9g", text, i, (double)found.dz[i],
                  (double)row->dz[i]);
    }
    mote_model_destroy(model);
}

static void check_extremes(size_t count, const extreme *rows) {
    for (size_t i = 0; i < count; i++) {
        check_extreme(&rows[i]);
    }
}

#define CHECK_EXTREMES(rows) check_extremes(sizeof(rows) / sizeof *(rows), rows)

static const float first_certain[] = {1, 0, 0}, halves[] = {0.5f, 0.5f, 0};

/* −∞ is a logit like any other, of probability 0. +∞ is not: how it compares with another +∞ is
 * undefined, so p and the loss are NaN, even if it is the target's. */
Test(extremes, softmax_cross_entropy_is_right_where_its_logits_are_extreme) {
    static const char *const type = "softmax_cross_entropy";
    static const char *const smooth = "{\"label_smoothing\": 0.1}";
    const extreme rows[] = {
        {type, NULL, 2, {1e4f, -1e4f}, 1, 2e4, {1, -1}, NULL},
        {type, NULL, 2, {1e4f, -1e4f}, 0, 0, {0, 0}, NULL},
        {type, NULL, 3, {-1e4f, -1e4f, -1e4f}, 2, log(3), {1 / 3.f, 1 / 3.f, -2 / 3.f}, NULL},
        {type, NULL, 3, {1e4f, 1e4f, 1e4f}, 0, log(3), {-2 / 3.f, 1 / 3.f, 1 / 3.f}, NULL},
        {type, NULL, 1, {1e4f}, 0, 0, {0}, NULL},
        {type, smooth, 2, {54321.6f, 54321.6f}, 0, log(2), {-0.45f, 0.45f}, NULL},
        {type,
         smooth,
         5,
         {-1e15f, -1e15f, -1e15f, -1e15f, -1e15f},
         4,
         log(5),
         {0.18f, 0.18f, 0.18f, 0.18f, -0.72f},
         NULL},
        {type, smooth, 2, {1e4f, -1e4f}, 0, 1e3, {0.05f, -0.05f}, NULL},
        {type, NULL, 3, {1e4f, 1e4f, -1e4f}, 0, log(2), {0, 0, 0}, halves},
        {type,
         NULL,
         3,
         {1e15f, 1e15f, 1e15f},
         0,
         log(3),
         {1 / 3.f - 0.5f, 1 / 3.f - 0.5f, 1 / 3.f},
         halves},
        {type, NULL, 3, {1e15f, 1e15f, 1e15f}, 1, log(3), {1 / 3.f, -2 / 3.f, 1 / 3.f}, NULL},
        {type, NULL, 3, {0, 0, -INF}, 0, log(2), {-0.5f, 0.5f, 0}, NULL},
        {type, NULL, 3, {0, -INF, -INF}, 0, 0, {0, 0, 0}, first_certain},
        {type, NULL, 3, {0, 0, -INF}, 2, INFINITY, {0.5f, 0.5f, -1}, NULL},
        {type, smooth, 2, {0, -INF}, 0, INFINITY, {0.05f, -0.05f}, NULL},
        {type, NULL, 2, {-INF, -INF}, 0, NAN, {NAN, NAN}, NULL},
        {type, NULL, 2, {INF, 0}, 0, NAN, {NAN, NAN}, NULL},
        {type, NULL, 2, {0, INF}, 0, NAN, {NAN, NAN}, NULL},
        {type, NULL, 2, {NAN, 0}, 1, NAN, {NAN, NAN}, NULL},
        {type, NULL, 2, {0, NAN}, 0, NAN, {NAN, NAN}, NULL},
    };
    CHECK_EXTREMES(rows);
}

/* Here σ(±∞) is 1 or 0 and the loss has a limit: 0 if the target agrees, ∞ if it does not. */
Test(extremes, sigmoid_cross_entropy_is_right_where_its_logits_are_extreme) {
    static const char *const type = "sigmoid_cross_entropy";
    static const float even[] = {0.5f, 0.5f};
    const extreme rows[] = {
        {type, NULL, 1, {1e4f}, 1, 0, {0}, NULL},
        {type, NULL, 1, {1e4f}, 0, 1e4, {1}, NULL},
        {type, NULL, 1, {-1e4f}, 0, 0, {0}, NULL},
        {type, NULL, 1, {-1e4f}, 1, 1e4, {-1}, NULL},
        {type, NULL, 1, {0}, 1, log(2), {-0.5f}, NULL},
        {type, NULL, 1, {-100}, 0, 3.72e-44, {0}, NULL},
        {type, NULL, 1, {1e4f}, 0, 5e3, {0.5f}, even},
        {type, NULL, 1, {INF}, 1, 0, {0}, NULL},
        {type, NULL, 1, {INF}, 0, INFINITY, {1}, NULL},
        {type, NULL, 1, {-INF}, 0, 0, {0}, NULL},
        {type, NULL, 1, {-INF}, 1, INFINITY, {-1}, NULL},
        {type, NULL, 1, {NAN}, 0, NAN, {NAN}, NULL},
        {type, NULL, 3, {1e4f, -1e4f, 1e4f}, 0, 1e4, {0, 0, 1}, NULL},
        {type, NULL, 2, {INF, -INF}, 0, 0, {0, 0}, NULL},
    };
    CHECK_EXTREMES(rows);
}

/* Probabilities below FLT_MIN count as FLT_MIN, so a 0 that should be 1 does not give infinities:
 * the loss is −log FLT_MIN = 87.3, the slope 1 / FLT_MIN. */
Test(extremes, cross_entropy_stops_at_the_smallest_normal_probability) {
    static const char *const type = "cross_entropy";
    const double most = -log((double)FLT_MIN);
    const float steepest = 1 / FLT_MIN;
    const extreme rows[] = {
        {type, NULL, 2, {0, 1}, 1, 0, {0, -1}, NULL},
        {type, NULL, 2, {0, 1}, 0, most, {-steepest, 0}, NULL},
        {type, NULL, 2, {FLT_TRUE_MIN, 1}, 0, most, {-steepest, 0}, NULL},
        {type, NULL, 3, {1e-30f, 1, 0}, 0, 30 * log(10), {-1e30f, 0, 0}, NULL},
        {type, NULL, 3, {0, 0, 0}, 1, most, {0, -steepest, 0}, NULL},
        {type, NULL, 3, {1, 0, 0}, 0, 0, {-1, 0, 0}, first_certain},
        {type, NULL, 1, {1}, 1, 0, {-1}, NULL},
        {type, NULL, 1, {1}, 0, most, {steepest}, NULL},
        {type, NULL, 1, {0}, 0, 0, {1}, NULL},
        {type, NULL, 1, {0}, 1, most, {-steepest}, NULL},
        {type, NULL, 1, {NAN}, 1, NAN, {NAN}, NULL},
        {type, NULL, 2, {NAN, 0.5f}, 0, NAN, {NAN, 0}, NULL},
    };
    CHECK_EXTREMES(rows);
}

/* Squares that overflow float do not overflow the loss, which is a double. */
Test(extremes, mean_squared_error_is_right_where_its_numbers_are_extreme) {
    static const char *const type = "mean_squared_error";
    const extreme rows[] = {
        {type, NULL, 2, {1e4f, -1e4f}, 1, (1e8 + 10001.0 * 10001.0) / 2, {1e4f, -10001}, NULL},
        {type, NULL, 2, {1e30f, 0}, 1, 5e59 + 0.5, {1e30f, -1}, NULL},
        {type, NULL, 2, {INF, 0}, 1, INFINITY, {INFINITY, -1}, NULL},
        {type, NULL, 2, {0, -INF}, 0, INFINITY, {-1, -INFINITY}, NULL},
        {type, NULL, 2, {NAN, 0}, 1, NAN, {NAN, -1}, NULL},
    };
    CHECK_EXTREMES(rows);
}

/* A probability is always in 0 ... 1, and those of a softmax sum to 1. */
Test(extremes, predictions_from_extreme_logits_are_probabilities) {
    static const struct {
        const char *type;
        size_t width;
        float z[MOST_WIDTH], wanted[MOST_WIDTH];
    } rows[] = {
        {"softmax_cross_entropy", 2, {1e4f, -1e4f}, {1, 0}},
        {"softmax_cross_entropy", 2, {-1e30f, -1e30f}, {0.5f, 0.5f}},
        {"softmax_cross_entropy", 3, {0, -INFINITY, 0}, {0.5f, 0, 0.5f}},
        {"softmax_cross_entropy", 2, {INFINITY, 0}, {NAN, NAN}},
        {"softmax_cross_entropy", 2, {0, NAN}, {NAN, NAN}},
        {"sigmoid_cross_entropy", 1, {1e4f}, {0, 1}},
        {"sigmoid_cross_entropy", 1, {-INFINITY}, {1, 0}},
        {"sigmoid_cross_entropy", 1, {NAN}, {NAN, NAN}},
        {"sigmoid_cross_entropy", 2, {INFINITY, -1e4f}, {1, 0}},
        {"cross_entropy", 1, {0}, {1, 0}},
        {"cross_entropy", 2, {0, 1}, {0, 1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mote_model *model =
            output_alone_create(mote_output_class_find(rows[i].type), rows[i].width, NULL);
        cr_assert(model, "%s", rows[i].type);
        float prediction[MOST_WIDTH];
        model->output->kind->predict(model->output, 1, rows[i].z, prediction);
        for (size_t k = 0; k < model->output->prediction_width; k++) {
            cr_expect(is_close((double)prediction[k], (double)rows[i].wanted[k]),
                      "%s, row %zu: prediction[%zu] is %g instead of %g", rows[i].type, i, k,
                      (double)prediction[k], (double)rows[i].wanted[k]);
        }
        mote_model_destroy(model);
    }
}

/* ---- layers ---- */

static void expect_nan_passes(mote_model *model, size_t batch, bool training, const char *type) {
    size_t in = batch * layer_alone_width_in(model), out = batch * layer_alone_width_out(model);
    size_t nans = 0;
    float *x = numbers_create(in), *y = numbers_create(out);
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    network_randomize(model, &random);
    numbers_spaced(&random, in, x);
    x[in / 2] = NAN;
    mote_pass pass = {.batch = batch, .training = training, .random = &random};
    layer_alone_forward(model, &pass, x, y);
    for (size_t i = 0; i < out; i++) {
        nans += isnan(y[i]) ? 1 : 0;
    }
    cr_expect_gt(nans, 0, "%s turned a NaN into numbers, batch %zu, training %d", type, batch,
                 training);
    free(x);
    free(y);
}

/* A NaN reaches the loss through any network, since no layer drops it. */
Test(extremes, no_layer_swallows_a_nan) {
    char json[SETTINGS_CAPACITY];
    for (const mote_layer_class *const *kind = mote_layer_classes(); *kind; kind++) {
        const mote_shape shapes[] = {mote_shape_vector(5), mote_shape_image(2, 4, 3)};
        for (size_t s = 0; s < 2; s++) {
            settings_text((*kind)->fields, 0, json);
            mote_model *model = layer_alone_create((*kind)->type, json, shapes[s], 3, NULL);
            if (model) {
                expect_nan_passes(model, 1, false, (*kind)->type);
                expect_nan_passes(model, 3, true, (*kind)->type);
            }
            network_destroy(model);
        }
    }
}

/* Wherever in the window the NaN is, and whatever the other values are. */
Test(extremes, pooling_keeps_a_nan_from_any_place) {
    enum {
        SIDE = 5, /* one window, of more pixels than max_pool2d compares at a time */
        CHANNELS = 2,
        COUNT = CHANNELS * SIDE * SIDE
    };
    static const struct {
        const char *type, *json;
    } rows[] = {{"max_pool2d", "{\"size\": 5}"},
                {"average_pool2d", "{\"size\": 5}"},
                {"global_average_pool", NULL}};
    static const float others[] = {1, INFINITY, -INFINITY};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        mote_error error = {0};
        mote_model *model = layer_alone_create(rows[r].type, rows[r].json,
                                               mote_shape_image(CHANNELS, SIDE, SIDE), 1, &error);
        cr_assert(model, "%s", error.message);
        for (size_t i = 0; i < 3 * COUNT; i++) {
            float x[COUNT], y[CHANNELS];
            for (size_t k = 0; k < COUNT; k++) {
                x[k] = others[i % 3];
            }
            x[i / 3] = NAN;
            layer_alone_forward(model, &(mote_pass){.batch = 1}, x, y);
            size_t channel = i / 3 / (SIDE * SIDE);
            cr_assert(isnan(y[channel]), "%s of NaN at %zu among %g gives %g", rows[r].type, i / 3,
                      (double)others[i % 3], (double)y[channel]);
            cr_assert_eq(y[1 - channel], others[i % 3], "%s: a NaN in one channel changes another",
                         rows[r].type);
        }
        network_destroy(model);
    }
}

/* In a window of -inf alone, the first place holds the maximum. */
Test(extremes, max_pool2d_goes_back_where_all_is_minus_infinity) {
    mote_error error = {0};
    mote_model *model =
        layer_alone_create("max_pool2d", "{\"size\": 2}", mote_shape_image(1, 2, 2), 1, &error);
    cr_assert(model, "%s", error.message);
    const float x[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY}, dy[1] = {3};
    const float wanted[4] = {3, 0, 0, 0};
    float y[1], dx[4];
    mote_pass pass = {.batch = 1, .training = true};
    layer_alone_forward(model, &pass, x, y);
    layer_alone_backward(model, &pass, dy, dx);
    cr_expect_eq(y[0], -INFINITY);
    cr_expect_arr_eq(dx, wanted, sizeof wanted);
    network_destroy(model);
}
