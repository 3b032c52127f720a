/* check_test.c: the checks for classes by outside authors: mote's own classes pass them, and ones
 * with a mistake do not.
 */
#include <criterion/criterion.h>

#include "mote/check.h"
#include "mote/pool.h"
#include "settings.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* ---- mote's own layers ---- */

Test(layer_check, finds_nothing_wrong_with_any_layer_of_mote, .timeout = 250) {
    const mote_shape shapes[] = {mote_shape_vector(5), mote_shape_image(2, 4, 3),
                                 mote_shape_image(6, 8, 7)};
    char json[SETTINGS_CAPACITY];
    for (const mote_layer_class *const *kind = mote_layer_classes(); *kind; kind++) {
        size_t count = settings_count((*kind)->fields);
        for (size_t number = 0; number < count; number++) {
            settings_text((*kind)->fields, number, json);
            size_t taken = 0;
            for (size_t s = 0; s < COUNT(shapes); s++) {
                mote_error error = {0};
                mote_status status = mote_layer_check(*kind, json, shapes[s], &error);
                cr_expect(status == MOTE_OK || status == MOTE_INVALID, "%s", error.message);
                taken += status == MOTE_OK;
            }
            bool all_at_once = count > 2 && number == count - 1;
            cr_expect(taken > 0 || all_at_once, "%s %s is taken on no shape", (*kind)->type, json);
        }
    }
}

/* ---- layers with a mistake ---- */

typedef enum fault {
    NOTHING,
    REFUSES_WITHOUT_A_WORD,
    GIVES_AN_EMPTY_SHAPE,
    NAMES_TWO_ALIKE,
    NAMES_AT_LENGTH,
    GIVES_NO_NAME,
    HAS_TOO_MANY_DIMENSIONS,
    HAS_NO_ENTRIES,
    HAS_TOO_MANY_ENTRIES,
    WRITES_PAST_SCRATCH,
    WRITES_PAST_Y,
    WRITES_PAST_DX,
    WRITES_BEFORE_Y,
    WRITES_BEFORE_DX,
    WRITES_PAST_GRADIENT,
    WRITES_PAST_PARAMETER,
    WRITES_PARAMETER,
    ERRS_IN_LARGE_BATCHES,
    GIVES_WRONG_DX,
    GIVES_WRONG_GRADIENT,
    FORGETS_THE_BATCH,
    OVERWRITES_GRADIENT,
    NEEDS_DX,
    HANDS_OVER_TWICE,
    HANDS_OVER_LITTLE,
    HANDS_OVER_MUCH,
    HANDS_OVER_BUFFER,
    TRUSTS_MEMORY,
    COUNTS_PASSES,
    SHARES_SCRATCH,
    SUMS_AS_TILES_COME,
    READS_OTHER_TILES,
    DRAWS_IN_EVALUATION,
    LEARNS_IN_EVALUATION,
    MIXES_ROWS,
    HIDES_NAN,
    FORGETS_NEIGHBOURS,
    KEEPS_STATE_TO_ITSELF,
    CHANGES_SETTING,
    DRAWS_WITHOUT_GENERATOR,
} fault;

static fault mistake;

/* y = w x² + power × 0, with one w per number of a sample, whose gradient is summed over tiles of
 * rows; and a count of training passes, `seen`, which is added to y in evaluation. */
typedef struct suspect {
    mote_layer base;
    size_t power;
    mote_parameter w, seen;
    mote_real *squares; /* [rows × width]: x² */
    mote_real *sums;    /* [tiles × width] */
    mote_real *shared;  /* [rows of a tile × width] */
    size_t passes;
    double state;
} suspect;

static const mote_field suspect_fields[] = {
    {.name = "power",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(suspect, power),
     .range = MOTE_BETWEEN(1, 9),
     .preset = "2",
     .help = "not used"},
    MOTE_FIELDS_END,
};

enum {
    ROWS_PER_TILE = 64,
    MOST_TILES = 64
};

static const char *name_of_seen(void) {
    switch (mistake) {
    case NAMES_TWO_ALIKE:
        return "w";
    case NAMES_AT_LENGTH:
        return "numbers_that_have_been_seen_in_this_layer";
    case GIVES_NO_NAME:
        return NULL;
    default:
        return "seen";
    }
}

static mote_shape shape_of_seen(void) {
    return mistake == HAS_TOO_MANY_DIMENSIONS ? (mote_shape){.rank = 5, .dims = {1, 1, 1, 1}}
           : mistake == HAS_NO_ENTRIES        ? mote_shape_matrix(3, 0)
           : mistake == HAS_TOO_MANY_ENTRIES  ? mote_shape_matrix(SIZE_MAX / 2, 3)
                                              : mote_shape_vector(1);
}

static mote_status suspect_build(mote_layer *layer, mote_error *error) {
    suspect *self = (suspect *)layer;
    if (layer->input_shape.rank != 1) {
        return mistake == REFUSES_WITHOUT_A_WORD ? MOTE_INVALID
                                                 : mote_fail(error, MOTE_INVALID, "takes a vector");
    }
    size_t width = layer->input_shape.dims[0];
    if (mistake == GIVES_AN_EMPTY_SHAPE) {
        layer->output_shape = mote_shape_vector(0);
    }
    self->power += mistake == CHANGES_SETTING;
    self->w = (mote_parameter){
        .name = "w", .shape = mote_shape_vector(width), .initializer = {MOTE_INITIALIZER_ONES, 0}};
    self->seen = (mote_parameter){.name = name_of_seen(), .shape = shape_of_seen(), .buffer = true};
    mote_layer_add_parameter(layer, &self->w, error);
    mote_layer_add_parameter(layer, &self->seen, error);
    mote_layer_add_scratch(layer, &self->squares, width, 0, error);
    mote_layer_add_scratch(layer, &self->shared, 0, ROWS_PER_TILE * width, error);
    return mote_layer_add_scratch(layer, &self->sums, 0, MOST_TILES * width, error);
}

typedef struct job {
    suspect *self;
    const mote_pass *pass;
    const mote_real *x, *dy;
    mote_real *y, *dx;
    size_t width;
} job;

static size_t tiles_of(const mote_pass *pass) {
    return (pass->batch + ROWS_PER_TILE - 1) / ROWS_PER_TILE;
}

static size_t end_of_tile(const mote_pass *pass, size_t tile) {
    size_t end = (tile + 1) * ROWS_PER_TILE;
    return end < pass->batch ? end : pass->batch;
}

static void forward_tile(void *context, size_t tile) {
    const job *j = context;
    size_t begin = tile * ROWS_PER_TILE * j->width, end = end_of_tile(j->pass, tile) * j->width;
    mote_real *squares = mistake == SHARES_SCRATCH ? j->self->shared : j->self->squares + begin;
    for (size_t i = begin; i < end; i++) {
        squares[i - begin] = j->x[i] * j->x[i];
    }
    for (size_t i = begin; i < end; i++) {
        mote_real y = j->self->w.value[i % j->width] * squares[i - begin];
        y += mistake == READS_OTHER_TILES && i > 0 && i == begin && isnan(j->y[i - 1]) ? 1 : 0;
        j->y[i] = mistake == HIDES_NAN && !(y > 0) ? 0 : y;
    }
}

static void suspect_forward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                            mote_real *y) {
    suspect *self = (suspect *)layer;
    job j = {
        .self = self, .pass = pass, .x = x, .y = y, .width = mote_shape_count(layer->input_shape)};
    mote_pool_run(pass->pool, tiles_of(pass), forward_tile, &j);
    mote_real extra = pass->training ? 0 : *self->seen.value + (mote_real)self->state;
    extra += mistake == COUNTS_PASSES ? (mote_real)self->passes++ : 0;
    extra += mistake == TRUSTS_MEMORY && pass->training ? self->sums[0] : 0;
    extra += mistake == DRAWS_IN_EVALUATION && !pass->training
                 ? (mote_real)mote_random_uniform(pass->random)
                 : 0;
    extra += mistake == MIXES_ROWS && !pass->training ? x[pass->batch * j.width - 1] : 0;
    static mote_random own = {{1, 2, 3, 4}};
    extra += mistake == DRAWS_WITHOUT_GENERATOR ? (mote_real)mote_random_uniform(&own) : 0;
    for (size_t i = 0; i < pass->batch * j.width; i++) {
        y[i] += extra;
    }
    if (mistake == WRITES_PAST_SCRATCH || mistake == WRITES_PAST_Y) {
        (mistake == WRITES_PAST_Y ? y : self->squares)[pass->batch * j.width] = 1;
    }
    if (mistake == WRITES_BEFORE_Y) {
        y[-1] = 1;
    }
    self->w.value[0] += mistake == WRITES_PARAMETER ? (mote_real)0.01 : 0;
    *self->seen.value += pass->training || mistake == LEARNS_IN_EVALUATION;
    self->state += mistake == KEEPS_STATE_TO_ITSELF && pass->training;
}

static void backward_tile(void *context, size_t tile) {
    const job *j = context;
    bool shares = mistake == SUMS_AS_TILES_COME;
    mote_real *sums = shares ? j->self->shared : j->self->sums + tile * j->width;
    for (size_t i = 0; i < j->width && !shares; i++) {
        sums[i] = 0;
    }
    for (size_t row = tile * ROWS_PER_TILE; row < end_of_tile(j->pass, tile); row++) {
        for (size_t i = 0; i < j->width; i++) {
            size_t at = row * j->width + i;
            sums[i] += j->dy[at] * j->x[at] * j->x[at];
            if (j->dx) {
                mote_real factor = mistake == GIVES_WRONG_DX ? (mote_real)2.02 : 2;
                j->dx[at] = factor * j->self->w.value[i] * j->x[at] * j->dy[at];
            }
        }
    }
}

static void hand_over(const job *j, mote_real *sums) {
    const mote_parameter *w = &j->self->w;
    if (mistake == HANDS_OVER_MUCH || mistake == HANDS_OVER_BUFFER) {
        bool much = mistake == HANDS_OVER_MUCH;
        mote_gradient_ready(j->pass, much ? w : &j->self->seen, 0, much ? j->width + 1 : 1, sums);
        return;
    }
    if (mistake == HANDS_OVER_LITTLE || mistake == HANDS_OVER_TWICE) {
        size_t more = mistake == HANDS_OVER_TWICE;
        mote_gradient_ready(j->pass, w, 0, j->width - 1 + more, sums);
        mote_gradient_ready(j->pass, w, j->width - 1, more, sums + j->width - 1);
        return;
    }
    for (size_t i = 0; i < j->width; i++) {
        mote_real *gradient = &w->gradient[i];
        *gradient = (mistake == OVERWRITES_GRADIENT ? 0 : *gradient) + sums[i];
    }
}

static void suspect_backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                             const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    suspect *self = (suspect *)layer;
    size_t width = mote_shape_count(layer->input_shape);
    job j = {.self = self, .pass = pass, .x = x, .dy = dy, .dx = dx, .width = width};
    memset(self->shared, 0, width * sizeof *self->shared);
    mote_pool_run(pass->pool, tiles_of(pass), backward_tile, &j);
    bool shares = mistake == SUMS_AS_TILES_COME;
    mote_real *sums = shares ? self->shared : self->sums;
    for (size_t tile = 1; tile < tiles_of(pass) && !shares; tile++) {
        for (size_t i = 0; i < width; i++) {
            sums[i] += self->sums[tile * width + i];
        }
    }
    for (size_t i = 0; i < width; i++) {
        sums[i] *= mistake == GIVES_WRONG_GRADIENT ? (mote_real)0.98 : 1;
        sums[i] /= mistake == FORGETS_THE_BATCH ? (mote_real)pass->batch : 1;
        sums[i] *= mistake == NEEDS_DX && !dx ? 0 : 1;
        sums[i] *= mistake == ERRS_IN_LARGE_BATCHES && pass->batch > 100 ? (mote_real)1.05 : 1;
    }
    if (mistake == WRITES_PAST_DX && dx) {
        dx[pass->batch * width] = 1;
    }
    if (mistake == WRITES_BEFORE_DX && dx) {
        dx[-1] = 1;
    }
    if (mistake == WRITES_PAST_GRADIENT || mistake == WRITES_PAST_PARAMETER) {
        (mistake == WRITES_PAST_GRADIENT ? self->w.gradient : self->w.value)[width] = 1;
    }
    hand_over(&j, sums);
}

static mote_layer_class suspect_class = {
    .type = "suspect",
    .summary = "y = w x²",
    .size = sizeof(suspect),
    .fields = suspect_fields,
    .build = suspect_build,
    .forward = suspect_forward,
    .backward = suspect_backward,
};

static mote_status check_suspect(fault which, mote_error *error) {
    mistake = which;
    suspect_class.tiles_gradients = which >= HANDS_OVER_TWICE && which <= HANDS_OVER_BUFFER;
    suspect_class.fuses = which == FORGETS_NEIGHBOURS;
    *error = (mote_error){0};
    return mote_layer_check(&suspect_class, "{\"power\": 3}", mote_shape_vector(7), error);
}

Test(layer_check, finds_each_mistake) {
    static const struct {
        fault mistake;
        const char *message; /* the beginning, after "suspect {"power": 3} on 7: " */
    } rows[] = {
        {REFUSES_WITHOUT_A_WORD,
         "shapes: on 3 × 4: layers[0] (suspect): it is refused, without a reason"},
        {GIVES_AN_EMPTY_SHAPE, "shapes: layers[0] (suspect): its output is refused: samples have 1 "
                               "to 2147483647 numbers"},
        {NAMES_TWO_ALIKE, "shapes: layers[0] (suspect): two parameters are called \"w\""},
        {NAMES_AT_LENGTH, "shapes: layers[0] (suspect): the name of parameter 1 has 41 bytes, "
                          "instead of 1 to 40"},
        {GIVES_NO_NAME, "shapes: layers[0] (suspect): the name of parameter 1 has 0 bytes"},
        {HAS_TOO_MANY_DIMENSIONS,
         "shapes: layers[0] (suspect): the parameter \"seen\" has 5 dimensions; 4 are the most"},
        {HAS_NO_ENTRIES,
         "shapes: layers[0] (suspect): the parameter \"seen\" has no entries: 3 × 0"},
        {HAS_TOO_MANY_ENTRIES,
         "shapes: layers[0] (suspect): the parameter \"seen\" has too many entries: "},
        {WRITES_PAST_SCRATCH,
         "shapes: on 1: layers of type suspect write past the end of what they asked "
         "for as scratch memory number 0, 5 entries for a batch of 5"},
        {WRITES_PAST_Y, "shapes: on 1: y is written to past the last of 5 rows"},
        {WRITES_PAST_DX, "shapes: on 1: dx is written to past the last of 5 rows"},
        {WRITES_BEFORE_Y, "shapes: on 1: y is written to before its first entry"},
        {WRITES_BEFORE_DX, "shapes: on 1: dx is written to before its first entry"},
        {WRITES_PAST_GRADIENT,
         "shapes: on 1: the gradient of layers.0.w is written to past its 1 entries"},
        {WRITES_PAST_PARAMETER, "shapes: on 1: layers.0.w is written to past its 1 entries"},
        {WRITES_PARAMETER, "shapes: on 1: layers.0.w changes in a pass, but what is trained is "
                           "only the optimizer's to change"},
        {ERRS_IN_LARGE_BATCHES,
         "gradients: with a batch of 2001, the gradient of layers.0.w[0] is "},
        {GIVES_WRONG_DX, "gradients: with a batch of 1, the gradient of x[0] is "},
        {GIVES_WRONG_GRADIENT, "gradients: with a batch of 1, the gradient of layers.0.w[0] is "},
        {FORGETS_THE_BATCH, "gradients: with a batch of 2, the gradient of layers.0.w[0] is "},
        {OVERWRITES_GRADIENT, "gradients: with a batch of 1, the gradient of layers.0.w[0] is "},
        {NEEDS_DX, "gradients: with a batch of 1, the gradient of layers.0.w[0] is 0 instead of "},
        {HANDS_OVER_TWICE, "shapes: on 1: the gradient of layers.0.w[0] was handed over 2 times, "
                           "instead of once, by mote_gradient_ready"},
        {HANDS_OVER_LITTLE, "shapes: on 1: the gradient of layers.0.w[0] was handed over 0 times"},
        {HANDS_OVER_MUCH, "shapes: on 1: mote_gradient_ready is called for entries that no "
                          "trained parameter of the layer has"},
        {HANDS_OVER_BUFFER, "shapes: on 1: mote_gradient_ready is called for entries that no "
                            "trained parameter of the layer has"},
        {TRUSTS_MEMORY, "passes: y[0] is "},
        {COUNTS_PASSES, "passes: y[0] is "},
        {DRAWS_WITHOUT_GENERATOR, "passes: y[0] is "},
        {SUMS_AS_TILES_COME, "threads: tiles 0 and 1 of an operation write the same place, in "
                             "scratch memory or y"},
        {SHARES_SCRATCH, "threads: tiles 0 and 1 of an operation write the same place, in "
                         "scratch memory or y"},
        {READS_OTHER_TILES, "threads: y["},
        {DRAWS_IN_EVALUATION, "evaluation: it draws random numbers where pass->training is false"},
        {LEARNS_IN_EVALUATION, "evaluation: y[0] is "},
        {MIXES_ROWS, "evaluation: y["},
        {HIDES_NAN, "evaluation: y holds no NaN for a sample that is all NaN"},
        {FORGETS_NEIGHBOURS, "neighbours: "},
        {KEEPS_STATE_TO_ITSELF, "files: y[0] is "},
        {CHANGES_SETTING, "files: saved with the settings "},
    };
    mote_error error;
    cr_assert_eq(check_suspect(NOTHING, &error), MOTE_OK, "%s", error.message);
    static const char prefix[] = "suspect {\"power\": 3} on 7: ";
    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_expect_neq(check_suspect(rows[i].mistake, &error), MOTE_OK, "%s", rows[i].message);
        cr_expect(strncmp(error.message, prefix, strlen(prefix)) == 0 &&
                      strncmp(error.message + strlen(prefix), rows[i].message,
                              strlen(rows[i].message)) == 0,
                  "mistake %d:\n     found %s\n  expected %s", rows[i].mistake, error.message,
                  rows[i].message);
    }
}

Test(layer_check, refuses_what_cannot_be_registered) {
    mote_error error = {0};
    mote_layer_class relu = suspect_class;
    relu.type = "relu";
    cr_expect_eq(mote_layer_check(&relu, NULL, mote_shape_vector(2), &error), MOTE_INVALID);
    cr_expect_str_eq(error.message, "the layer \"relu\" cannot be registered: the name is taken");
    error = (mote_error){0};
    cr_expect_eq(mote_layer_check(&suspect_class, "{\"power\": 0}", mote_shape_vector(2), &error),
                 MOTE_INVALID);
    cr_expect_str_eq(error.message,
                     "suspect {\"power\": 0} on 2: shapes: layers[0] (suspect).power: expected an "
                     "integer >= 1 and <= 9, found 0");
}

/* ---- outputs ---- */

Test(output_check, finds_nothing_wrong_with_any_output_of_mote) {
    static const size_t widths[] = {1, 2, 5};
    char json[SETTINGS_CAPACITY];
    for (const mote_output_class *const *kind = mote_output_classes(); *kind; kind++) {
        for (size_t number = 0; number < settings_count((*kind)->fields); number++) {
            settings_text((*kind)->fields, number, json);
            size_t taken = 0;
            for (size_t w = 0; w < COUNT(widths); w++) {
                mote_error error = {0};
                mote_status status = mote_output_check(*kind, json, widths[w], &error);
                cr_expect(status == MOTE_OK || status == MOTE_INVALID, "%s", error.message);
                taken += status == MOTE_OK;
            }
            cr_expect_gt(taken, 0, "%s %s takes none of the widths", (*kind)->type, json);
        }
    }
}

typedef enum output_fault {
    NO_FAULT,
    REFUSES_SILENTLY,
    CHANGES_WIDTH,
    WRONG_GRADIENT,
    FORGETS_SCALE,
    OVERWRITES_LOSS,
    LOSS_NEEDS_DZ,
    DIVIDES_BY_ROWS,
    NEGLECTS_DISTRIBUTIONS,
    PREDICTS_NO_PROBABILITIES,
    PREDICTS_ANOTHER_ROW,
    COUNTS_THE_WRONG_ONES,
    OVERFLOWS,
    DROPS_NAN,
    COUNTS_CALLS,
    ALTERS_SETTING,
} output_fault;

static output_fault output_mistake;

/* Two classes from one logit: L = log(1 + e^−z) or log(1 + e^z), in a form that does not
 * overflow. */
typedef struct logistic {
    mote_output base;
    size_t power;
} logistic;

static const mote_field logistic_fields[] = {
    {.name = "power",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(logistic, power),
     .range = MOTE_BETWEEN(1, 9),
     .preset = "2",
     .help = "not used"},
    MOTE_FIELDS_END,
};

static mote_status logistic_build(mote_output *output, mote_error *error) {
    if (output->width != 1) {
        return output_mistake == REFUSES_SILENTLY
                   ? MOTE_INVALID
                   : mote_fail(error, MOTE_INVALID, "takes one number");
    }
    output->width += output_mistake == CHANGES_WIDTH;
    output->classes = output->prediction_width = 2;
    ((logistic *)output)->power += output_mistake == ALTERS_SETTING;
    return MOTE_OK;
}

static size_t calls;

static double loss_of(double z, double y) {
    if (output_mistake == OVERFLOWS) {
        return (double)logf(1 + expf((float)z)) - z * y;
    }
    if (isnan(z)) {
        return output_mistake == DROPS_NAN ? 0 : z;
    }
    return (z > 0 ? z : 0) - z * y + log1p(exp(z > 0 ? -z : z));
}

static double target_of(mote_targets targets, size_t row) {
    double weight = output_mistake == NEGLECTS_DISTRIBUTIONS ? 0.9 : 1;
    return targets.labels ? (double)targets.labels[row]
                          : weight * (double)targets.values[2 * row + 1];
}

static void logistic_score(const mote_output *output, size_t rows, const mote_real *z,
                           mote_targets targets, mote_real scale, mote_real *dz,
                           mote_score *score) {
    (void)output;
    calls += output_mistake == COUNTS_CALLS;
    double factor = output_mistake == DIVIDES_BY_ROWS ? 1 / (double)rows : 1;
    score->loss = output_mistake == OVERWRITES_LOSS ? 0 : score->loss;
    score->loss += (double)calls + (output_mistake == LOSS_NEEDS_DZ && !dz ? 1 : 0);
    for (size_t i = 0; i < rows; i++) {
        double x = (double)z[i], y = target_of(targets, i);
        score->loss += factor * loss_of(x, y);
        score->correct += (output_mistake == COUNTS_THE_WRONG_ONES) != ((x > 0) == (y > 0.5));
        if (dz) {
            double gradient = factor * (1 / (1 + exp(-x)) - y);
            gradient *= output_mistake == WRONG_GRADIENT ? 1.03 : 1;
            dz[i] = (mote_real)(gradient * (output_mistake == FORGETS_SCALE ? 1 : (double)scale));
        }
    }
}

static void logistic_predict(const mote_output *output, size_t rows, const mote_real *z,
                             mote_real *prediction) {
    (void)output;
    for (size_t i = 0; i < rows; i++) {
        double p = 1 / (1 + exp(-(double)z[i]));
        prediction[2 * i + 1] =
            output_mistake == PREDICTS_NO_PROBABILITIES ? z[i] - 9 : (mote_real)p;
        prediction[2 * i] = 1 - prediction[2 * i + 1];
    }
    if (output_mistake == PREDICTS_ANOTHER_ROW) {
        prediction[2 * rows] = 0;
    }
}

static const mote_output_class logistic_class = {
    .type = "logistic",
    .summary = "two classes on one logit",
    .size = sizeof(logistic),
    .fields = logistic_fields,
    .build = logistic_build,
    .takes = MOTE_TAKES_LOGITS,
    .gives_probabilities = true,
    .score = logistic_score,
    .predict = logistic_predict,
};

Test(output_check, finds_each_mistake) {
    static const struct {
        output_fault mistake;
        const char *message;
    } rows[] = {
        {REFUSES_SILENTLY, "widths: on 2 numbers: output (logistic): it is refused, without"},
        {CHANGES_WIDTH, "widths: its build changes `width`"},
        {WRONG_GRADIENT, "gradients: with labels as targets, the gradient of z["},
        {FORGETS_SCALE, "gradients: with labels as targets, dz[0] is "},
        {OVERWRITES_LOSS, "gradients: with labels as targets, the loss is "},
        {LOSS_NEEDS_DZ, "gradients: with labels as targets, the loss is "},
        {DIVIDES_BY_ROWS, "gradients: with labels as targets, the loss is "},
        {COUNTS_CALLS, "gradients: with labels as targets, the loss is "},
        {NEGLECTS_DISTRIBUTIONS, "targets: the loss is "},
        {PREDICTS_ANOTHER_ROW, "predictions: predict writes past the last of 4 rows"},
        {PREDICTS_NO_PROBABILITIES, "predictions: row 0: prediction[0] is "},
        {COUNTS_THE_WRONG_ONES,
         "predictions: where the labels are the classes that it predicts, 0"},
        {OVERFLOWS, "extremes: the loss of (89) with label 0, inf, or its gradient is not finite"},
        {DROPS_NAN, "extremes: the loss of ("},
        {ALTERS_SETTING, "files: saved with the settings "},
    };
    mote_error error = {0};
    output_mistake = NO_FAULT;
    cr_assert_eq(mote_output_check(&logistic_class, NULL, 1, &error), MOTE_OK, "%s", error.message);
    static const char prefix[] = "logistic {} on 1 numbers: ";
    for (size_t i = 0; i < COUNT(rows); i++) {
        error = (mote_error){0};
        output_mistake = rows[i].mistake;
        calls = 0;
        cr_expect_neq(mote_output_check(&logistic_class, NULL, 1, &error), MOTE_OK, "%s",
                      rows[i].message);
        cr_expect(strncmp(error.message, prefix, strlen(prefix)) == 0 &&
                      strncmp(error.message + strlen(prefix), rows[i].message,
                              strlen(rows[i].message)) == 0,
                  "mistake %d:\n     found %s\n  expected %s", rows[i].mistake, error.message,
                  rows[i].message);
    }
}

/* ---- optimizers ---- */

Test(optimizer_check, finds_nothing_wrong_with_any_optimizer_of_mote) {
    static const struct {
        const char *type, *json;
    } more[] = {
        {"sgd", "{\"learning_rate\": 0.1, \"weight_decay\": 0.01}"},
        {"sgd", "{\"momentum\": 0.9, \"weight_decay\": 0.01}"},
        {"sgd", " { \"momentum\": 0.9, \"nesterov\": true}"},
        {"adamw", "{\"learning_rate\": 0.01, \"weight_decay\": 0.5, \"decay_all\": true}"},
        {"adamw", "{\"beta1\": 0, \"beta2\": 0, \"epsilon\": 0.01}"},
    };
    for (const mote_optimizer_class *const *kind = mote_optimizer_classes(); *kind; kind++) {
        mote_error error = {0};
        cr_expect_eq(mote_optimizer_check(*kind, NULL, &error), MOTE_OK, "%s", error.message);
    }
    for (size_t i = 0; i < COUNT(more); i++) {
        mote_error error = {0};
        mote_optimizer_check(mote_optimizer_class_find(more[i].type), more[i].json, &error);
        cr_expect_eq(error.status, MOTE_OK, "%s", error.message);
    }
}

Test(optimizer_check, ends_with_the_refusal_of_settings) {
    mote_error error = {0};
    const mote_optimizer_class *sgd = mote_optimizer_class_find("sgd");
    cr_expect_eq(mote_optimizer_check(sgd, "{\"nesterov\": true}", &error), MOTE_INVALID);
    cr_expect_str_eq(error.message,
                     "sgd {\"nesterov\": true}: states: train.optimizer: nesterov needs a momentum "
                     "above 0, such as \"momentum\": 0.9");
}

typedef enum optimizer_fault {
    FAULTLESS,
    HAS_NO_NAMES,
    LOOKS_AROUND,
    NEVER_STOPS,
    KICKS,
    DECAYS_ALL,
    CLIMBS,
    KNOWS_THE_BEGINNING,
} optimizer_fault;

static optimizer_fault optimizer_mistake;

/* Momentum, as in sgd. */
typedef struct heavy {
    mote_optimizer base;
    bool begun; /* has seen step 1, unlike in a resumed trainer */
} heavy;

static const mote_field heavy_fields[] = {MOTE_OPTIMIZER_FIELDS("0.01", "0"), MOTE_FIELDS_END};

static size_t heavy_states(const mote_optimizer *optimizer) {
    (void)optimizer;
    return 1;
}

static void heavy_update(const mote_optimizer *optimizer, const mote_step *step,
                         const mote_slice *slice) {
    heavy *self = (heavy *)(uintptr_t)optimizer;
    self->begun = self->begun || step->number == 1;
    bool decays = slice->decay || optimizer_mistake == DECAYS_ALL;
    double decay = decays ? optimizer->weight_decay : 0;
    bool slow = optimizer_mistake == KNOWS_THE_BEGINNING && !self->begun;
    double rate = step->learning_rate * (slow ? 0.5 : 1);
    double extra = optimizer_mistake == LOOKS_AROUND ? (double)slice->gradient[0] : 0;
    extra += optimizer_mistake == KICKS ? 0.1 : 0;
    for (size_t i = 0; i < slice->count; i++) {
        double gradient = (double)slice->gradient[i] + decay * (double)slice->weights[i] + extra;
        slice->states[0][i] = (mote_real)(0.5 * (double)slice->states[0][i] + gradient);
        double change = rate * (double)slice->states[0][i];
        change += optimizer_mistake == NEVER_STOPS ? 1e-3 : 0;
        slice->weights[i] -= (mote_real)(optimizer_mistake == CLIMBS ? -change : change);
    }
}

static mote_optimizer_class heavy_class = {
    .type = "heavy",
    .summary = "a heavy ball",
    .size = sizeof(heavy),
    .fields = heavy_fields,
    .state_count = heavy_states,
    .state_names = {"momentum"},
    .update = heavy_update,
};

Test(optimizer_check, finds_each_mistake) {
    static const struct {
        optimizer_fault mistake;
        const char *message;
    } rows[] = {
        {HAS_NO_NAMES, "states: state 0 of 1 has no name"},
        {LOOKS_AROUND, "slices: weight["},
        {NEVER_STOPS, "standstill: weight[0] is "},
        {KICKS, "standstill: weight[0] is "},
        {DECAYS_ALL, "decay: weight[0] is "},
        {CLIMBS, "training: the loss of a small network is "},
        {KNOWS_THE_BEGINNING, "resuming: layers.0.weight[0] is "},
    };
    mote_error error = {0};
    cr_assert_eq(mote_optimizer_check(&heavy_class, NULL, &error), MOTE_OK, "%s", error.message);
    for (size_t i = 0; i < COUNT(rows); i++) {
        error = (mote_error){0};
        optimizer_mistake = rows[i].mistake;
        heavy_class.state_names[0] = optimizer_mistake == HAS_NO_NAMES ? NULL : "momentum";
        mote_optimizer_check(&heavy_class, NULL, &error);
        static const char prefix[] = "heavy {}: ";
        cr_expect(strncmp(error.message, prefix, strlen(prefix)) == 0 &&
                      strncmp(error.message + strlen(prefix), rows[i].message,
                              strlen(rows[i].message)) == 0,
                  "mistake %d:\n     found %s\n  expected %s", rows[i].mistake, error.message,
                  rows[i].message);
    }
}
