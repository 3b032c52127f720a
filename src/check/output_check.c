/* output_check.c: the checks that an output must pass, as listed in mote/check.h. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check/compare.h"
#include "check/difference.h"
#include "check/numbers.h"
#include "check/scratch.h"
#include "core/pool.h"
#include "model/model.h"
#include "mote/check.h"

enum {
    ROWS = 5,
    MANY = 3000, /* rows that make several tiles */
    MOST_THREADS = 3
};

typedef enum target_kind {
    LABELS,
    DISTRIBUTIONS,
    NUMBERS,
    TARGET_KINDS
} target_kind;

static const char *const target_names[] = {
    [LABELS] = "labels", [DISTRIBUTIONS] = "distributions", [NUMBERS] = "numbers"};

/* An output, and rows to score. */
typedef struct output_case {
    const mote_output_class *kind;
    const char *json;
    size_t width;
    mote_model *model;
    const mote_output *output; /* of the model */
    size_t rows;
    mote_arena memory;
    mote_real *z, *dz, *other; /* [rows × width] */
    mote_real *values;         /* [rows × the larger of width and classes] */
    mote_real *prediction;     /* [rows × prediction width] */
    uint32_t *labels;          /* [rows] */
} output_case;

/* ---- cases ---- */

/* A model with just the output, after a layer that provides what the output takes. */
static mote_model *create_model(const output_case *c, mote_error *error) {
    const char *probabilities = c->width > 1 ? "softmax" : "sigmoid";
    const char *layer = c->kind->takes == MOTE_TAKES_PROBABILITIES ? probabilities : "flatten";
    mote_model *model = mote_model_create(mote_shape_vector(c->width), error);
    if (model && (mote_model_add(model, layer, NULL, error) != MOTE_OK ||
                  mote_model_set_output(model, c->kind->type, c->json, error) != MOTE_OK)) {
        mote_model_destroy(model);
        return NULL;
    }
    return model;
}

static void carve(output_case *c, mote_arena *arena) {
    size_t targets = c->output->classes > c->width ? c->output->classes : c->width;
    c->z = mote_arena_take(arena, c->rows * c->width, sizeof *c->z);
    c->dz = mote_arena_take(arena, c->rows * c->width, sizeof *c->dz);
    c->other = mote_arena_take(arena, c->rows * c->width, sizeof *c->other);
    c->values = mote_arena_take(arena, c->rows * targets, sizeof *c->values);
    c->prediction =
        mote_arena_take(arena, c->rows * c->output->prediction_width, sizeof *c->prediction);
    c->labels = mote_arena_take(arena, c->rows, sizeof *c->labels);
}

static bool takes_probabilities(const output_case *c) {
    return c->kind->takes == MOTE_TAKES_PROBABILITIES;
}

static void draw(output_case *c) {
    mote_random random = mote_random_create(11, MOTE_RANDOM_DATA, c->rows);
    numbers_uniform(&random, takes_probabilities(c) ? 0.05 : -3, takes_probabilities(c) ? 0.95 : 3,
                    c->rows * c->width, c->z);
    for (size_t row = 0; row < c->rows && c->output->classes > 0; row++) {
        c->labels[row] = (uint32_t)mote_random_below(&random, c->output->classes);
    }
}

static mote_status open_case(output_case *c, const output_case *of, size_t rows,
                             mote_error *error) {
    *c = (output_case){.kind = of->kind, .json = of->json, .width = of->width, .rows = rows};
    c->model = create_model(c, error);
    if (!c->model) {
        return error->status;
    }
    c->output = c->model->output;
    mote_arena measured = mote_arena_measure();
    carve(c, &measured);
    mote_status status = mote_arena_allocate(&c->memory, &measured, error);
    if (status == MOTE_OK) {
        carve(c, &c->memory);
        draw(c);
    }
    return status;
}

static void close_case(output_case *c) {
    mote_model_destroy(c->model);
    mote_arena_free(&c->memory);
}

/* Targets of one kind, in the case's memory. */
static mote_targets make_targets(output_case *c, target_kind kind) {
    mote_random random = mote_random_create(12, MOTE_RANDOM_DATA, (uint64_t)kind);
    if (kind == LABELS) {
        return (mote_targets){.labels = c->labels};
    }
    if (kind == DISTRIBUTIONS) {
        numbers_distributions(&random, c->rows, c->output->classes, c->values);
    } else {
        numbers_uniform(&random, -2, 2, c->rows * c->width, c->values);
    }
    return (mote_targets){.values = c->values};
}

static mote_score score(const output_case *c, size_t rows, mote_targets targets, mote_real scale,
                        mote_real *dz) {
    mote_score sum = {0};
    c->output->kind->score(c->output, rows, c->z, targets, scale, dz, &sum);
    return sum;
}

static mote_status expect_loss(double found, double wanted, const char *where, mote_error *error) {
    if (fabs(found - wanted) <= 1e-5 * (1 + fabs(wanted))) {
        return MOTE_OK;
    }
    return mote_fail(error, MOTE_DATA, "the loss is %.9g %s, instead of %.9g", found, where,
                     wanted);
}

/* ---- widths ---- */

static mote_status check_shapes_of(const output_case *c, mote_error *error) {
    const mote_output *output = c->output;
    if (output->width != c->width) {
        return mote_fail(error, MOTE_DATA, "its build changes `width`, which is the last layer's");
    }
    size_t wanted = output->classes ? output->classes : c->width;
    if (output->prediction_width != wanted) {
        return mote_fail(error, MOTE_DATA, "prediction_width is %zu for %zu classes, width %zu",
                         output->prediction_width, output->classes, c->width);
    }
    return MOTE_OK;
}

static mote_status check_widths(const output_case *of, mote_error *error) {
    for (size_t width = 1; width <= 7; width++) {
        output_case other = *of, c;
        mote_error refusal = {0};
        other.width = width;
        mote_status status = open_case(&c, &other, 1, &refusal);
        if (status == MOTE_OK) {
            status = check_shapes_of(&c, error);
        } else if (status == MOTE_INVALID && !strstr(refusal.message, MOTE_NO_REASON)) {
            status = MOTE_OK;
        } else {
            mote_fail(error, status, "on %zu numbers: %s", width, refusal.message);
        }
        close_case(&c);
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

/* ---- gradients ---- */

typedef struct output_loss {
    const output_case *c;
    mote_targets targets;
    double losses[3];
} output_loss;

static void compute(void *context, size_t place) {
    output_loss *l = context;
    l->losses[place] = score(l->c, l->c->rows, l->targets, 0, NULL).loss;
}

static double compare(void *context, size_t place, size_t other, double *noise) {
    const output_loss *l = context;
    *noise += 2 * (double)FLT_EPSILON * (1 + fabs(l->losses[place]));
    return l->losses[place] - l->losses[other];
}

static char *name_of(void *context, size_t index, char *text) {
    (void)context;
    snprintf(text, MOTE_DIFFERENCE_NAME_CAPACITY, "z[%zu]", index);
    return text;
}

/* The loss is the same with and without dz, and is added to what the score holds; dz is scaled.
 * Leaves dz without the scale in c->dz. */
static mote_status check_score(output_case *c, mote_targets targets, mote_error *error) {
    const mote_real scale = (mote_real)0.37;
    mote_score sum = {.loss = 2, .correct = 100};
    c->output->kind->score(c->output, c->rows, c->z, targets, scale, c->dz, &sum);
    double alone = score(c, c->rows, targets, 0, NULL).loss;
    mote_status status = expect_loss(sum.loss - 2, alone, "with a gradient, added to 2", error);
    if (status == MOTE_OK && (sum.correct < 100 || sum.correct > 100 + c->rows)) {
        status =
            mote_fail(error, MOTE_DATA, "of %zu rows, %zu - 100 are right", c->rows, sum.correct);
    }
    for (size_t i = 0; i < c->rows * c->width; i++) {
        c->dz[i] /= scale;
    }
    return status;
}

/* Each row by itself gives its share of the loss, and its dz. */
static mote_status check_rows(output_case *c, mote_targets targets, mote_error *error) {
    double sum = 0;
    size_t target_width = targets.labels           ? 0
                          : c->output->classes > 0 ? c->output->classes
                                                   : c->width;
    for (size_t row = 0; row < c->rows; row++) {
        mote_score one = {0};
        mote_targets own = {.labels = targets.labels ? targets.labels + row : NULL,
                            .values = targets.values ? targets.values + row * target_width : NULL};
        c->output->kind->score(c->output, 1, c->z + row * c->width, own, 1,
                               c->other + row * c->width, &one);
        sum += one.loss;
    }
    mote_status status = expect_loss(sum, score(c, c->rows, targets, 0, NULL).loss,
                                     "summed over rows by themselves", error);
    return status == MOTE_OK ? mote_check_close((mote_claim){"dz", "for a row by itself"},
                                                c->rows * c->width, c->other, c->dz, 1e-5, error)
                             : status;
}

static mote_status check_gradient_with(output_case *c, target_kind kind, mote_error *error) {
    mote_targets targets = make_targets(c, kind);
    mote_status status = check_score(c, targets, error);
    if (status == MOTE_OK) {
        status = check_rows(c, targets, error);
    }
    if (status == MOTE_OK) {
        output_loss context = {.c = c, .targets = targets};
        const mote_loss loss = {.compute = compute, .compare = compare, .context = &context};
        status =
            mote_check_gradient(&loss, c->rows * c->width, c->z, c->dz, SIZE_MAX, name_of, error);
    }
    return status;
}

static bool has_targets(const output_case *c, target_kind kind) {
    return kind == NUMBERS ? c->kind->takes_numbers : c->output->classes > 0;
}

static mote_status check_gradients(const output_case *of, mote_error *error) {
    output_case c;
    mote_status status = open_case(&c, of, ROWS, error);
    for (int kind = 0; kind < TARGET_KINDS && status == MOTE_OK; kind++) {
        if (!has_targets(&c, (target_kind)kind)) {
            continue;
        }
        mote_error reason = {0};
        if (kind == NUMBERS) { /* the last kind: from here on there are no classes */
            status = mote_model_match_targets(c.model, 0, c.width, error);
        }
        if (status == MOTE_OK) {
            status = check_gradient_with(&c, (target_kind)kind, &reason);
        }
        if (status != MOTE_OK) {
            mote_fail(error, status, "with %s as targets, %s", target_names[kind], reason.message);
        }
    }
    close_case(&c);
    return status;
}

/* ---- targets and predictions ---- */

/* A label must give the same as the one-hot distribution. */
static mote_status check_targets(const output_case *of, mote_error *error) {
    output_case c;
    mote_status status = open_case(&c, of, ROWS, error);
    if (status == MOTE_OK && c.output->classes > 0) {
        size_t classes = c.output->classes;
        memset(c.values, 0, ROWS * classes * sizeof *c.values);
        for (size_t row = 0; row < ROWS; row++) {
            c.values[row * classes + c.labels[row]] = 1;
        }
        mote_score one = score(&c, ROWS, (mote_targets){.labels = c.labels}, 1, c.dz);
        mote_score other = score(&c, ROWS, (mote_targets){.values = c.values}, 1, c.other);
        status = expect_loss(other.loss, one.loss, "with distributions that are all in the label",
                             error);
        if (status == MOTE_OK) {
            status =
                mote_check_close((mote_claim){"dz", "with distributions that are all in the label"},
                                 ROWS * c.width, c.other, c.dz, 1e-5, error);
        }
        if (status == MOTE_OK && one.correct != other.correct) {
            status = mote_fail(error, MOTE_DATA,
                               "%zu rows are right with distributions that are all in the label, "
                               "instead of %zu",
                               other.correct, one.correct);
        }
    }
    close_case(&c);
    return status;
}

/* Predicts all rows but the last, which must stay untouched. */
static mote_status check_prediction_bounds(const output_case *c, mote_error *error) {
    const mote_real untouched = 7;
    size_t width = c->output->prediction_width;
    mote_real *last = c->prediction + (ROWS - 1) * width;
    for (size_t i = 0; i < width; i++) {
        last[i] = untouched;
    }
    c->kind->predict(c->output, ROWS - 1, c->z, c->prediction);
    for (size_t i = 0; i < width; i++) {
        if (last[i] != untouched) {
            return mote_fail(error, MOTE_DATA, "predict writes past the last of %d rows", ROWS - 1);
        }
    }
    return MOTE_OK;
}

/* Predictions are probabilities, or finite; `score` counts the most probable class as correct. */
static mote_status check_predictions(const output_case *of, mote_error *error) {
    output_case c;
    mote_status status = open_case(&c, of, ROWS, error);
    size_t width = status == MOTE_OK ? c.output->prediction_width : 0;
    if (status == MOTE_OK) {
        status = check_prediction_bounds(&c, error);
    }
    if (status == MOTE_OK) {
        c.kind->predict(c.output, ROWS, c.z, c.prediction);
    }
    for (size_t i = 0; i < ROWS * width && status == MOTE_OK; i++) {
        double p = (double)c.prediction[i];
        bool good = c.kind->gives_probabilities ? p >= 0 && p <= 1 + 1e-6 : isfinite(p);
        if (!good) {
            status = mote_fail(error, MOTE_DATA, "row %zu: prediction[%zu] is %g%s", i / width,
                               i % width, p,
                               c.kind->gives_probabilities ? ", which is no probability" : "");
        }
    }
    if (status == MOTE_OK && c.output->classes > 0) {
        for (size_t row = 0; row < ROWS; row++) {
            const mote_real *p = c.prediction + row * width;
            for (size_t i = c.labels[row] = 0; i < width; i++) {
                c.labels[row] = p[i] > p[c.labels[row]] ? (uint32_t)i : c.labels[row];
            }
        }
        size_t correct = score(&c, ROWS, (mote_targets){.labels = c.labels}, 0, NULL).correct;
        if (correct != ROWS) {
            status = mote_fail(error, MOTE_DATA,
                               "where the labels are the classes that it predicts, %zu of %d rows "
                               "are right",
                               correct, ROWS);
        }
    }
    close_case(&c);
    return status;
}

/* ---- extremes ---- */

static char *row_text(const output_case *c, char *text, size_t capacity) {
    size_t used = 0;
    for (size_t i = 0; i < c->width && used < capacity; i++) {
        used +=
            (size_t)snprintf(text + used, capacity - used, "%s%g", i ? ", " : "(", (double)c->z[i]);
    }
    return text;
}

/* Checks one row with each label: a finite row has a finite loss and gradient, NaN a NaN loss. */
static mote_status check_extreme(output_case *c, bool finite, mote_error *error) {
    size_t labels = c->output->classes ? c->output->classes : 1;
    mote_status status = MOTE_OK;
    char text[128];
    for (size_t label = 0; label < labels && status == MOTE_OK; label++) {
        c->labels[0] = (uint32_t)label;
        memset(c->values, 0, c->width * sizeof *c->values);
        mote_targets targets = {.labels = c->output->classes ? c->labels : NULL,
                                .values = c->output->classes ? NULL : c->values};
        double loss = score(c, 1, targets, 1, c->dz).loss;
        if (!finite && !isnan(loss)) {
            return mote_fail(error, MOTE_DATA, "the loss of %s) is %g instead of NaN",
                             row_text(c, text, sizeof text), loss);
        }
        bool good = isfinite(loss);
        for (size_t i = 0; i < c->width && finite; i++) {
            good = good && isfinite(c->dz[i]);
        }
        if (finite && !good) {
            status = mote_fail(error, MOTE_DATA,
                               "the loss of %s) with label %zu, %g, or its gradient is not finite",
                               row_text(c, text, sizeof text), label, loss);
        }
    }
    return status;
}

static mote_status check_extremes(const output_case *of, mote_error *error) {
    static const mote_real logits[] = {0, 1, -1, 89, -104, 1e4f, -1e4f};
    static const mote_real probabilities[] = {0, 1, 0.5f, FLT_MIN, 1e-30f};
    output_case c;
    mote_status status = open_case(&c, of, 1, error);
    const mote_real *values = takes_probabilities(of) ? probabilities : logits;
    size_t count = takes_probabilities(of) ? sizeof probabilities / sizeof *probabilities
                                           : sizeof logits / sizeof *logits;
    for (size_t i = 0; i < count * count * c.width && status == MOTE_OK; i++) {
        for (size_t k = 0; k < c.width; k++) {
            c.z[k] = values[k == i % c.width ? i / c.width % count : i / c.width / count];
        }
        status = check_extreme(&c, true, error);
    }
    for (size_t i = 0; i < c.width && status == MOTE_OK; i++) {
        for (size_t k = 0; k < c.width; k++) {
            c.z[k] = k == i ? (mote_real)NAN : (mote_real)0.25;
        }
        status = check_extreme(&c, false, error);
    }
    close_case(&c);
    return status;
}

/* ---- threads ---- */

static const char *const pool_texts[] = {
    [1] = "with 1 thread and tiles from the last to the first",
    [2] = "with 2 threads",
    [MOST_THREADS] = "with 3 threads",
};

static mote_score score_with(output_case *c, mote_pool *pool, mote_real *dz) {
    const mote_pass pass = {.pool = pool, .batch = c->rows, .training = true};
    mote_targets targets = make_targets(c, c->output->classes ? LABELS : NUMBERS);
    mote_score sum = mote_model_score(c->model, &pass, c->z, targets, 1);
    memcpy(dz, c->model->dz, c->rows * c->width * sizeof *dz);
    return sum;
}

static mote_status check_pool(output_case *c, size_t threads, mote_score wanted,
                              mote_error *error) {
    mote_pool *pool = mote_pool_create(threads, error);
    if (!pool) {
        return MOTE_MEMORY;
    }
    if (threads == 1) {
        mote_pool_reverse(pool);
    }
    mote_score found = score_with(c, pool, c->other);
    mote_pool_destroy(pool);
    if (memcmp(&found.loss, &wanted.loss, sizeof found.loss) != 0 ||
        found.correct != wanted.correct) {
        return mote_fail(error, MOTE_DATA,
                         "loss and right rows are %.17g, %zu %s, instead of "
                         "%.17g, %zu",
                         found.loss, found.correct, pool_texts[threads], wanted.loss,
                         wanted.correct);
    }
    return mote_check_same((mote_claim){"dz", pool_texts[threads]}, c->rows * c->width, c->other,
                           c->dz, error);
}

static mote_status check_threads(const output_case *of, mote_error *error) {
    output_case c;
    mote_status status = open_case(&c, of, MANY, error);
    if (status == MOTE_OK) {
        status = mote_model_plan(c.model, MANY, true, error);
    }
    if (status == MOTE_OK) {
        mote_score wanted = score_with(&c, NULL, c.dz);
        for (size_t threads = 1; threads <= MOST_THREADS && status == MOTE_OK; threads++) {
            status = check_pool(&c, threads, wanted, error);
        }
    }
    close_case(&c);
    return status;
}

/* ---- files ---- */

static mote_status check_files(const output_case *of, mote_error *error) {
    output_case c;
    mote_status status = open_case(&c, of, ROWS, error);
    mote_model *loaded = status == MOTE_OK ? mote_check_reload(c.model, error) : NULL;
    if (status == MOTE_OK && !loaded) {
        status = error->status;
    }
    if (status == MOTE_OK) {
        mote_targets targets = make_targets(&c, c.output->classes ? LABELS : NUMBERS);
        double wanted = score(&c, ROWS, targets, 1, c.dz).loss;
        c.output = loaded->output;
        status = expect_loss(score(&c, ROWS, targets, 1, c.other).loss, wanted,
                             "loaded from a file", error);
    }
    if (status == MOTE_OK) {
        status = mote_check_same((mote_claim){"dz", "loaded from a file"}, ROWS * c.width, c.other,
                                 c.dz, error);
    }
    mote_model_destroy(loaded);
    close_case(&c);
    return status;
}

/* ---- all of it ---- */

static mote_status register_class(const mote_output_class *kind, mote_error *error) {
    const mote_output_class *known = kind->type ? mote_output_class_find(kind->type) : NULL;
    return known == kind ? MOTE_OK : mote_output_register(kind, error);
}

static const struct {
    const char *name;
    mote_status (*check)(const output_case *of, mote_error *error);
} checks[] = {
    {"widths", check_widths},     {"gradients", check_gradients},
    {"targets", check_targets},   {"predictions", check_predictions},
    {"extremes", check_extremes}, {"threads", check_threads},
    {"files", check_files},
};

mote_status mote_output_check(const mote_output_class *kind, const char *json, size_t width,
                              mote_error *error) {
    mote_status status = register_class(kind, error);
    const output_case of = {.kind = kind, .json = json, .width = width};
    if (status == MOTE_OK) { /* this width, before any other */
        output_case c;
        status = open_case(&c, &of, 1, error);
        close_case(&c);
    }
    for (size_t i = 0; i < sizeof checks / sizeof *checks && status == MOTE_OK; i++) {
        mote_error reason = {0};
        status = checks[i].check(&of, &reason);
        if (status != MOTE_OK) {
            mote_fail(error, status, "%s %s on %zu numbers: %s: %s", kind->type, json ? json : "{}",
                      width, checks[i].name, reason.message);
        }
    }
    return status;
}
