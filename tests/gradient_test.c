/* gradient_test.c: every gradient is the derivative it claims to be.
 *
 * Compiled with mote_real as double and compared with central differences
 * (L(v + h) − L(v − h)) / 2h, for every class in the registries and for whole models.
 */
#include <criterion/criterion.h>

#include <float.h>
#include <math.h>

#include "networks.h"
#include "residual_networks.h"

_Static_assert(sizeof(mote_real) == sizeof(double), "differences of floats are too coarse");

/* The differences are off by about 1e-10, too much for entries near 0: these go by
 * SMALLEST_SCALE. */
static const double STEP = 1e-5, TOLERANCE = 1e-6, SMALLEST_SCALE = 1e-3;

typedef double (*loss_function)(void *context);

static double relative_error(double a, double b) {
    return fabs(a - b) / fmax(fmax(fabs(a), fabs(b)), SMALLEST_SCALE);
}

/* Also sets how far rounding alone may take it from the true value: both losses are sums, rounded
 * to a few units in the last place, before their difference is divided by the step. */
static double central_difference(loss_function loss, void *context, double *place,
                                 double *rounding) {
    double kept = *place;
    *place = kept + STEP;
    double above = loss(context);
    *place = kept - STEP;
    double below = loss(context);
    *place = kept;
    *rounding = 4 * DBL_EPSILON * (fabs(above) + fabs(below)) / (2 * STEP);
    return (above - below) / (2 * STEP);
}

/* Compares gradient [count] with the differences of the loss at places [count]. */
static void expect_gradient(const char *what, loss_function loss, void *context, size_t count,
                            double *places, const double *gradient) {
    for (size_t i = 0; i < count; i++) {
        double rounding, expected = central_difference(loss, context, places + i, &rounding);
        double scale = fmax(fmax(fabs(gradient[i]), fabs(expected)), SMALLEST_SCALE);
        if (!(fabs(gradient[i] - expected) <= TOLERANCE * scale + rounding)) {
            cr_expect(false, "%s: entry %zu of %zu: gradient %.12g, difference %.12g ± %.1e", what,
                      i, count, gradient[i], expected, rounding);
            return;
        }
    }
}

static void expect_equal(const char *what, size_t count, const double *found, const double *wanted,
                         double tolerance) {
    for (size_t i = 0; i < count; i++) {
        double error = relative_error(found[i], wanted[i]);
        if (!(error <= tolerance)) {
            cr_expect(false, "%s: entry %zu of %zu is %.17g instead of %.17g", what, i, count,
                      found[i], wanted[i]);
            return;
        }
    }
}

/* ---- layers ---- */

/* L = Σ upstream · y, for one layer by itself. */
typedef struct layer_case {
    mote_model *model;
    mote_pass pass;
    mote_random random, random_at_start; /* each pass draws the same */
    mote_real *x, *y, *dx, *upstream;
    size_t in, out;
} layer_case;

static double layer_loss(void *context) {
    layer_case *c = context;
    c->random = c->random_at_start;
    layer_alone_forward(c->model, &c->pass, c->x, c->y);
    double sum = 0;
    for (size_t i = 0; i < c->out; i++) {
        sum += c->upstream[i] * c->y[i];
    }
    return sum;
}

/* Runs twice, with dx and without, on gradients that start at 1/2 and add up; takes their mean. */
static void run_layer_backward(layer_case *c) {
    mote_model *model = c->model;
    network_fill_gradients(model, 0.5);
    layer_loss(c);
    layer_alone_backward(c->model, &c->pass, c->upstream, c->dx);
    layer_loss(c);
    layer_alone_backward(c->model, &c->pass, c->upstream, NULL);
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        for (size_t k = 0; !parameter->buffer && k < parameter->count; k++) {
            parameter->gradient[k] = (parameter->gradient[k] - 0.5) / 2;
        }
    }
}

static void check_layer(mote_model *model, size_t batch, const char *what) {
    mote_random random = mote_random_create(7, MOTE_RANDOM_DATA, batch);
    layer_case c = {.model = model,
                    .random_at_start = mote_random_create(8, MOTE_RANDOM_LAYERS, 0)};
    c.pass = (mote_pass){.batch = batch, .training = true, .random = &c.random};
    c.in = batch * layer_alone_width_in(model);
    c.out = batch * layer_alone_width_out(model);
    c.x = numbers_create(c.in);
    c.dx = numbers_create(c.in);
    c.y = numbers_create(c.out);
    c.upstream = numbers_create(c.out);
    network_randomize(model, &random);
    numbers_spaced(&random, c.in, c.x);
    numbers_uniform(&random, -1, 1, c.out, c.upstream);
    run_layer_backward(&c);

    char name[2 * SETTINGS_CAPACITY];
    snprintf(name, sizeof name, "%s, batch %zu: dx", what, batch);
    expect_gradient(name, layer_loss, &c, c.in, c.x, c.dx);
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        snprintf(name, sizeof name, "%s, batch %zu: d%s", what, batch, parameter->name);
        if (!parameter->buffer) {
            expect_gradient(name, layer_loss, &c, parameter->count, parameter->value,
                            parameter->gradient);
        }
    }
    free(c.x);
    free(c.dx);
    free(c.y);
    free(c.upstream);
}

static const size_t batches[] = {1, 2, 5};
enum {
    BATCHES = sizeof batches / sizeof *batches
};

enum {
    SHAPES = 3
};

static size_t shapes_to_try(mote_shape *shapes) {
    shapes[0] = mote_shape_vector(5);
    shapes[1] = mote_shape_image(2, 4, 3);
    shapes[2] = mote_shape_image(6, 8, 7);
    return SHAPES;
}

/* Checks the layer with these settings on each shape that it takes; returns how many it took. */
static size_t check_settings(const mote_layer_class *kind, const char *json) {
    mote_shape shapes[SHAPES];
    size_t taken = 0;
    for (size_t s = 0; s < shapes_to_try(shapes); s++) {
        mote_model *model = layer_alone_create(kind->type, json, shapes[s], 5, NULL);
        if (model) {
            char shape_text[MOTE_SHAPE_TEXT_CAPACITY];
            char what[SETTINGS_CAPACITY + 256];
            snprintf(what, sizeof what, "%s %s on %s", kind->type, json,
                     mote_shape_text(shapes[s], shape_text));
            for (size_t b = 0; b < BATCHES; b++) {
                if (batches[b] >= model->layers->layers[0]->least_batch) {
                    check_layer(model, batches[b], what);
                }
            }
            taken++;
        }
        network_destroy(model);
    }
    return taken;
}

/* All settings at once may contradict each other; any other combination must work on some shape. */
Test(layers, each_class_gives_the_derivatives_of_what_it_computes) {
    char json[SETTINGS_CAPACITY];
    size_t classes = 0;
    for (const mote_layer_class *const *kind = mote_layer_classes(); *kind; kind++, classes++) {
        size_t count = settings_count((*kind)->fields);
        for (size_t number = 0; number < count; number++) {
            settings_text((*kind)->fields, number, json);
            size_t taken = check_settings(*kind, json);
            bool all_at_once = count > 2 && number == count - 1;
            cr_expect(taken > 0 || all_at_once, "%s %s takes none of the shapes that are tried",
                      (*kind)->type, json);
        }
    }
    cr_assert_gt(classes, 0);
}

/* It does their passes along with its own. */
Test(layers, pooling_goes_back_through_its_neighbours) {
    static const char json[] =
        "{\"layers\": [{\"type\": \"relu\"}, "
        "{\"type\": \"max_pool2d\", \"size\": 3, \"stride\": 1, \"padding\": 1}, "
        "{\"type\": \"tanh\"}, "
        "{\"type\": \"average_pool2d\", \"size\": 3, \"stride\": 1, \"padding\": 1}, "
        "{\"type\": \"sigmoid\"}]}";
    mote_error error = {0};
    mote_model *model = layer_alone_create("residual", json, mote_shape_image(3, 5, 6), 5, &error);
    cr_assert(model, "%s", error.message);
    const mote_sequence *body = mote_layer_sequence(model->layers->layers[0], 0);
    for (size_t i = 1; i < 4; i += 2) {
        cr_assert(body->layers[i]->fused_before && body->layers[i]->fused_after,
                  "nothing is fused, so there is nothing to check");
    }
    for (size_t b = 0; b < BATCHES; b++) {
        check_layer(model, batches[b], json);
    }
    network_destroy(model);
}

/* p_i (δ_ij − p_j), written out as the matrix that the layer never builds. */
Test(layers, softmax_goes_back_by_its_jacobian) {
    enum {
        ROWS = 3,
        WIDTH = 5
    };
    mote_error error = {0};
    mote_model *model = layer_alone_create("softmax", NULL, mote_shape_vector(WIDTH), ROWS, &error);
    cr_assert(model, "%s", error.message);
    mote_random random = mote_random_create(3, MOTE_RANDOM_DATA, 0);
    mote_real z[ROWS * WIDTH], p[ROWS * WIDTH], g[ROWS * WIDTH], dz[ROWS * WIDTH];
    numbers_uniform(&random, -4, 4, ROWS * WIDTH, z);
    numbers_uniform(&random, -1, 1, ROWS * WIDTH, g);
    mote_pass pass = {.batch = ROWS, .training = true, .random = &random};
    layer_alone_forward(model, &pass, z, p);
    layer_alone_backward(model, &pass, g, dz);

    mote_real wanted[ROWS * WIDTH] = {0};
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = 0; i < WIDTH; i++) {
            for (size_t j = 0; j < WIDTH; j++) {
                double p_i = p[row * WIDTH + i], p_j = p[row * WIDTH + j];
                wanted[row * WIDTH + j] += g[row * WIDTH + i] * p_i * ((i == j) - p_j);
            }
        }
    }
    expect_equal("dz", ROWS * WIDTH, dz, wanted, 1e-12);
    network_destroy(model);
}

/* ---- outputs ---- */

typedef enum target_kind {
    LABELS,
    DISTRIBUTIONS,
    NUMBERS,
    TARGET_KINDS
} target_kind;

static const char *const target_names[] = {
    [LABELS] = "labels", [DISTRIBUTIONS] = "distributions", [NUMBERS] = "numbers"};

typedef struct output_case {
    const mote_output *output;
    size_t rows;
    mote_targets targets;
    mote_real *z;
} output_case;

enum {
    MOST_ROWS = 5,
    MOST_NUMBERS = MOST_ROWS * 8
};

static double output_loss(void *context) {
    const output_case *c = context;
    mote_score score = {0};
    c->output->kind->score(c->output, c->rows, c->z, c->targets, 0, NULL, &score);
    return score.loss;
}

/* dz = scale × gradient of the summed loss; the loss is the same with and without it, and is added
 * to what the score holds. */
static void check_output(output_case *c, const char *what) {
    const mote_real scale = 0.37;
    mote_real dz[MOST_NUMBERS];
    mote_score score = {.loss = 2, .correct = 100};
    c->output->kind->score(c->output, c->rows, c->z, c->targets, scale, dz, &score);
    for (size_t i = 0; i < c->rows * c->output->width; i++) {
        dz[i] /= scale;
    }
    expect_gradient(what, output_loss, c, c->rows * c->output->width, c->z, dz);
    double alone = output_loss(c);
    cr_expect(relative_error(score.loss - 2, alone) < 1e-12,
              "%s: the loss is %.17g with a gradient and %.17g without", what, score.loss - 2,
              alone);
    cr_expect(score.correct >= 100 && score.correct <= 100 + c->rows,
              "%s: of %zu rows %zu are right", what, c->rows, score.correct - 100);
}

static void check_output_with(mote_model *model, target_kind kind, const char *json) {
    const mote_output *output = model->output;
    size_t target_width = kind == NUMBERS ? output->width : output->classes;
    for (size_t b = 0; b < BATCHES; b++) {
        mote_random random = mote_random_create(11, MOTE_RANDOM_DATA, b);
        mote_real z[MOST_NUMBERS], values[MOST_NUMBERS];
        uint32_t labels[MOST_ROWS];
        output_case c = {.output = output, .rows = batches[b], .z = z};
        bool probabilities = output->kind->takes == MOTE_TAKES_PROBABILITIES;
        numbers_uniform(&random, probabilities ? 0.05 : -3, probabilities ? 0.95 : 3, MOST_NUMBERS,
                        z);
        for (size_t row = 0; row < c.rows; row++) {
            labels[row] = (uint32_t)mote_random_below(&random, kind == NUMBERS ? 1 : target_width);
        }
        numbers_uniform(&random, -2, 2, MOST_NUMBERS, values);
        if (kind == DISTRIBUTIONS) {
            numbers_distributions(&random, c.rows, target_width, values);
        }
        c.targets =
            kind == LABELS ? (mote_targets){.labels = labels} : (mote_targets){.values = values};
        char what[SETTINGS_CAPACITY + 256];
        snprintf(what, sizeof what, "%s %s, width %zu, %zu rows, %s", output->kind->type, json,
                 output->width, c.rows, target_names[kind]);
        check_output(&c, what);
    }
}

static bool check_output_width(const mote_output_class *kind, size_t width, const char *json) {
    mote_model *model = output_alone_create(kind, width, json);
    if (!model) {
        return false;
    }
    check_output_with(model, LABELS, json);
    check_output_with(model, DISTRIBUTIONS, json);
    if (kind->takes_numbers) {
        cr_expect_eq(mote_model_match_targets(model, 0, width, NULL), MOTE_OK);
        cr_expect_eq(model->output->classes, 0);
        check_output_with(model, NUMBERS, json);
    }
    mote_model_destroy(model);
    return true;
}

Test(outputs, each_class_gives_the_derivative_of_its_loss) {
    static const size_t widths[] = {1, 2, 3, 7};
    char json[SETTINGS_CAPACITY];
    size_t classes = 0;
    for (const mote_output_class *const *kind = mote_output_classes(); *kind; kind++, classes++) {
        for (size_t number = 0; number < settings_count((*kind)->fields); number++) {
            settings_text((*kind)->fields, number, json);
            size_t taken = 0;
            for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
                taken += check_output_width(*kind, widths[w], json);
            }
            cr_expect_gt(taken, 0, "%s %s takes none of the widths", (*kind)->type, json);
        }
    }
    cr_assert_gt(classes, 0);
}

/* ---- class weights ---- */

typedef struct weighted_case {
    mote_model *model;
    mote_pass pass;
    const mote_real *z;
    const uint32_t *labels;
    const mote_real *weights;
} weighted_case;

static const mote_real WEIGHTED_SCALE = 0.7;

static double weighted_loss(void *context) {
    const weighted_case *c = context;
    mote_targets targets = {.labels = c->labels};
    return WEIGHTED_SCALE *
           mote_model_score_weighted(c->model, &c->pass, c->z, targets, c->weights, 0).loss;
}

/* More rows than fit in one tile. */
Test(outputs, with_class_weights_give_the_derivative_of_the_weighted_loss) {
    enum {
        WIDTH = 4,
        ROWS = 1100
    };
    mote_error error = {0};
    for (const mote_output_class *const *kind = mote_output_classes(); *kind; kind++) {
        mote_model *model = mote_model_create(mote_shape_vector(WIDTH), &error);
        bool takes_probabilities = (*kind)->takes == MOTE_TAKES_PROBABILITIES;
        mote_model_add(model, takes_probabilities ? "softmax" : "flatten", NULL, &error);
        mote_model_set_output(model, (*kind)->type, NULL, &error);
        cr_assert_eq(mote_model_plan(model, ROWS, true, &error), MOTE_OK, "%s", error.message);
        static mote_real z[ROWS * WIDTH];
        static uint32_t labels[ROWS];
        const mote_real weights[WIDTH] = {0.2, 3, 1, 7.5};
        mote_random random = mote_random_create(5, MOTE_RANDOM_DATA, 0);
        numbers_uniform(&random, 0.1, 0.9, ROWS * WIDTH, z);
        for (size_t i = 0; i < ROWS; i++) {
            labels[i] = (uint32_t)mote_random_below(&random, WIDTH);
        }
        weighted_case c = {.model = model,
                           .pass = {.batch = ROWS, .training = true},
                           .z = z,
                           .labels = labels,
                           .weights = weights};
        mote_targets targets = {.labels = labels};
        mote_model_score_weighted(model, &c.pass, z, targets, weights, WEIGHTED_SCALE);
        const size_t first[] = {0, (ROWS - 20) * WIDTH}; /* in the first tile and in the last */
        for (size_t i = 0; i < 2; i++) {
            expect_gradient((*kind)->type, weighted_loss, &c, 20 * WIDTH, z + first[i],
                            model->dz + first[i]);
        }
        mote_model_destroy(model);
    }
}

/* ---- a layer and an output, and both as one ---- */

typedef struct composition {
    const char *layer, *output, *fused;
    size_t width;
} composition;

/* From logits z, through the layer and the output, and through the fused output: dz, predictions
 * and the returned loss must agree. */
static mote_score score_composed(const composition *row, size_t rows, const mote_real *z,
                                 mote_targets targets, mote_real *dz, mote_real *prediction) {
    mote_error error = {0};
    mote_model *model =
        layer_alone_create(row->layer, NULL, mote_shape_vector(row->width), rows, &error);
    mote_model *closed = output_alone_create(mote_output_class_find(row->output), row->width, NULL);
    cr_assert(model && closed, "%s", error.message);
    mote_real p[MOST_NUMBERS], dp[MOST_NUMBERS];
    mote_random random = mote_random_create(1, MOTE_RANDOM_LAYERS, 0);
    mote_pass pass = {.batch = rows, .training = true, .random = &random};
    mote_score score = {0};
    layer_alone_forward(model, &pass, z, p);
    closed->output->kind->score(closed->output, rows, p, targets, 0.25, dp, &score);
    closed->output->kind->predict(closed->output, rows, p, prediction);
    layer_alone_backward(model, &pass, dp, dz);
    network_destroy(model);
    mote_model_destroy(closed);
    return score;
}

static void check_composition(const composition *row, target_kind kind) {
    mote_random random = mote_random_create(21, MOTE_RANDOM_DATA, row->width);
    mote_model *fused = output_alone_create(mote_output_class_find(row->fused), row->width, NULL);
    cr_assert(fused);
    size_t classes = fused->output->classes, numbers = MOST_ROWS * row->width;
    mote_real z[MOST_NUMBERS], values[MOST_NUMBERS], dz[MOST_NUMBERS], composed_dz[MOST_NUMBERS];
    mote_real prediction[MOST_NUMBERS], composed_prediction[MOST_NUMBERS];
    uint32_t labels[MOST_ROWS];
    numbers_uniform(&random, -6, 6, numbers, z);
    numbers_distributions(&random, MOST_ROWS, classes, values);
    for (size_t i = 0; i < MOST_ROWS; i++) {
        labels[i] = (uint32_t)mote_random_below(&random, classes);
    }
    mote_targets targets =
        kind == LABELS ? (mote_targets){.labels = labels} : (mote_targets){.values = values};

    mote_score score = {0};
    fused->output->kind->score(fused->output, MOST_ROWS, z, targets, 0.25, dz, &score);
    fused->output->kind->predict(fused->output, MOST_ROWS, z, prediction);
    mote_score composed =
        score_composed(row, MOST_ROWS, z, targets, composed_dz, composed_prediction);

    char what[256];
    snprintf(what, sizeof what, "%s, width %zu, %s", row->fused, row->width, target_names[kind]);
    cr_expect(relative_error(score.loss, composed.loss) < 1e-12, "%s: loss %.17g, composed %.17g",
              what, score.loss, composed.loss);
    cr_expect_eq(score.correct, composed.correct, "%s: %zu right, composed %zu", what,
                 score.correct, composed.correct);
    expect_equal(what, numbers, dz, composed_dz, 1e-10);
    expect_equal(what, MOST_ROWS * fused->output->prediction_width, prediction, composed_prediction,
                 1e-12);
    mote_model_destroy(fused);
}

Test(outputs, a_fused_output_equals_its_composition) {
    static const composition rows[] = {
        {"softmax", "cross_entropy", "softmax_cross_entropy", 2},
        {"softmax", "cross_entropy", "softmax_cross_entropy", 3},
        {"softmax", "cross_entropy", "softmax_cross_entropy", 7},
        {"sigmoid", "cross_entropy", "sigmoid_cross_entropy", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_composition(&rows[i], LABELS);
        check_composition(&rows[i], DISTRIBUTIONS);
    }
}

/* ---- whole models ---- */

typedef struct model_case {
    mote_model *model;
    mote_pass pass;
    mote_random random, random_at_start;
    const mote_real *x;
    mote_targets targets;
} model_case;

static const mote_real MODEL_SCALE = 0.3;

static double model_loss(void *context) {
    model_case *c = context;
    c->random = c->random_at_start;
    const mote_real *z = mote_model_forward(c->model, &c->pass, c->x);
    return MODEL_SCALE * mote_model_score(c->model, &c->pass, z, c->targets, MODEL_SCALE).loss;
}

enum {
    MOST_PARAMETERS = 32
};

/* How often each entry of a gradient was announced as ready, and with what value. */
typedef struct announcements {
    const mote_model *model;
    size_t *times[MOST_PARAMETERS];
    mote_real *values[MOST_PARAMETERS];
} announcements;

static void note_ready(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                       size_t count, const mote_real *gradient) {
    const announcements *seen = pass->ready_context;
    size_t index = 0;
    while (seen->model->parameters[index].parameter != parameter) {
        index++;
    }
    for (size_t k = 0; k < count; k++) {
        seen->times[index][begin + k]++;
        seen->values[index][begin + k] = gradient[k];
    }
}

static mote_real *copy_of_gradient(const mote_parameter *parameter) {
    mote_real *copy = numbers_create(parameter->count);
    memcpy(copy, parameter->gradient, parameter->count * sizeof *copy);
    return copy;
}

/* Runs the backward pass on gradients that start at `before`. */
static void run_model_backward(model_case *c, mote_real before) {
    network_fill_gradients(c->model, before);
    model_loss(c);
    mote_model_backward(c->model, &c->pass);
}

/* Every entry is handed over once, with its gradient, whatever the gradients held before. */
static void check_announcements(model_case *c, const char *what) {
    announcements seen = {.model = c->model};
    mote_model *model = c->model;
    mote_real *wanted[MOST_PARAMETERS] = {NULL};
    cr_assert_leq(model->parameter_count, MOST_PARAMETERS);
    run_model_backward(c, 0);
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        seen.times[i] = calloc(parameter->count, sizeof *seen.times[i]);
        seen.values[i] = numbers_create(parameter->count);
        wanted[i] = parameter->buffer ? NULL : copy_of_gradient(parameter);
        cr_assert(seen.times[i]);
    }
    c->pass.ready = note_ready;
    c->pass.ready_context = &seen;
    run_model_backward(c, NAN);
    c->pass.ready = NULL;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        for (size_t k = 0; !parameter->buffer && k < parameter->count; k++) {
            bool once = seen.times[i][k] == 1;
            if (!once || seen.values[i][k] != wanted[i][k]) {
                cr_expect(false, "%s: %s[%zu] was announced %zu times, as %g, and is %g", what,
                          model->parameters[i].name, k, seen.times[i][k], seen.values[i][k],
                          wanted[i][k]);
                break;
            }
        }
        free(seen.times[i]);
        free(seen.values[i]);
        free(wanted[i]);
    }
}

static void check_model(model_case *c, const char *what) {
    for (size_t i = 0; i < c->model->parameter_count; i++) {
        const mote_parameter *parameter = c->model->parameters[i].parameter;
        if (parameter->buffer) {
            continue;
        }
        char name[2 * SETTINGS_CAPACITY];
        snprintf(name, sizeof name, "%s: %s", what, c->model->parameters[i].name);
        run_model_backward(c, 0);
        mote_real *fresh = copy_of_gradient(parameter);
        expect_gradient(name, model_loss, c, parameter->count, parameter->value, fresh);
        run_model_backward(c, -0.7);
        for (size_t k = 0; k < parameter->count; k++) {
            fresh[k] -= 0.7;
        }
        snprintf(name, sizeof name, "%s: %s, added up", what, c->model->parameters[i].name);
        expect_equal(name, parameter->count, parameter->gradient, fresh, 1e-12);
        free(fresh);
    }
    check_announcements(c, what);
}

static void check_model_json(const char *json, mote_shape shape, size_t batch) {
    mote_error error = {0};
    mote_model *model = network_create(json, shape, &error);
    cr_assert(model && network_plan(model, batch, &error) == MOTE_OK, "%s", error.message);
    mote_random random = mote_random_create(31, MOTE_RANDOM_DATA, batch);
    network_randomize(model, &random);
    size_t numbers = batch * mote_shape_count(shape);
    mote_real *x = numbers_create(numbers);
    uint32_t *labels = calloc(batch, sizeof *labels);
    cr_assert(labels);
    numbers_spaced(&random, numbers, x);
    for (size_t i = 0; i < batch; i++) {
        labels[i] = (uint32_t)mote_random_below(&random, model->output->classes);
    }
    model_case c = {.model = model,
                    .random_at_start = mote_random_create(32, MOTE_RANDOM_LAYERS, 0),
                    .x = x,
                    .targets = {.labels = labels}};
    c.pass = (mote_pass){.batch = batch, .training = true, .random = &c.random};
    char what[2 * SETTINGS_CAPACITY];
    snprintf(what, sizeof what, "%s, batch %zu", json, batch);
    check_model(&c, what);
    free(x);
    free(labels);
    network_destroy(model);
}

#define LAYER(type) "{\"type\": \"" type "\"}, "
#define CONV(filters)                                                                              \
    "{\"type\": \"conv2d\", \"filters\": " #filters ", \"kernel\": 3, \"padding\": \"same\"}, "
#define DENSE(units) "{\"type\": \"dense\", \"units\": " #units "}, "
#define LAST(units)  "{\"type\": \"dense\", \"units\": " #units "}"
#define CLOSED(type) "], \"output\": {\"type\": \"" type "\"}}"

Test(models, each_parameter_gets_the_derivative_of_the_loss) {
    const mote_shape vector = mote_shape_vector(5), image = mote_shape_image(2, 3, 2);
    const struct {
        mote_shape shape;
        const char *json;
    } rows[] = {
        {image, "{\"layers\": [" LAYER("flatten") DENSE(7) LAYER("tanh") DENSE(6) LAYER("relu")
                    DENSE(4) "{\"type\": \"softmax\"}" CLOSED("cross_entropy")},
        {vector, "{\"layers\": [" DENSE(6) LAYER("relu")
                     LAST(3) "], \"output\": "
                             "{\"type\": \"softmax_cross_entropy\", \"label_smoothing\": 0.1}}"},
        {vector, "{\"layers\": [" LAST(3) CLOSED("softmax_cross_entropy")},
        {vector, "{\"layers\": [" DENSE(1) "{\"type\": \"sigmoid\"}" CLOSED("cross_entropy")},
        /* an activation before anything is trained, and two in a row */
        {image, "{\"layers\": [" LAYER("relu") LAYER("flatten") DENSE(4) LAYER("leaky_relu")
                    LAYER("sigmoid") LAST(1) CLOSED("sigmoid_cross_entropy")},
        /* reshapes between an activation and its neighbours */
        {vector, "{\"layers\": [" DENSE(6) LAYER("flatten") LAYER("tanh") LAYER("flatten")
                     LAYER("flatten") LAST(3) CLOSED("mean_squared_error")},
        {vector,
         "{\"layers\": [" LAYER("flatten") DENSE(6) LAYER("tanh") LAYER(
             "flatten") "{\"type\": \"leaky_relu\", \"slope\": 0.3}" CLOSED("mean_squared_error")},
        /* activations that need their x, which is in a different place in each of these */
        {image, "{\"layers\": [" LAYER("gelu") LAYER("flatten") DENSE(6) LAYER("gelu") DENSE(4)
                    LAYER("silu") LAYER("gelu") LAST(3) CLOSED("softmax_cross_entropy")},
        {vector, "{\"layers\": [" DENSE(6) LAYER("silu") LAYER("flatten") DENSE(5) LAYER("flatten")
                     LAYER("gelu") DENSE(4) "{\"type\": \"silu\"}" CLOSED("mean_squared_error")},
        {image, "{\"layers\": [" CONV(3) LAYER("gelu") CONV(4) LAYER("silu") LAYER("flatten") DENSE(
                    6) LAYER("layer_norm") LAYER("gelu") LAST(3) CLOSED("softmax_cross_entropy")},
        {vector, "{\"layers\": [{\"type\": \"dense\", \"units\": 5, \"bias\": false}, " LAYER(
                     "softmax") LAYER("tanh") LAST(4) CLOSED("sigmoid_cross_entropy")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t b = 0; b < BATCHES; b++) {
            check_model_json(rows[i].json, rows[i].shape, batches[b]);
        }
    }
}

/* Vectors between two dense layers, which fuse what they can; other shapes before anything
 * trained. */
Test(models, each_class_of_layer_works_among_others) {
    char settings[SETTINGS_CAPACITY], json[2 * SETTINGS_CAPACITY];
    mote_shape shapes[SHAPES];
    shapes_to_try(shapes);
    for (const mote_layer_class *const *kind = mote_layer_classes(); *kind; kind++) {
        settings_text((*kind)->fields, 0, settings);
        const char *keys = strlen(settings) > 2 ? ", " : "";
        for (size_t s = 0; s < SHAPES; s++) {
            mote_model *accepted = layer_alone_create((*kind)->type, settings, shapes[s], 1, NULL);
            if (accepted) {
                snprintf(json, sizeof json,
                         "{\"layers\": [%s{\"type\": \"%s\"%s%s, " LAYER("flatten")
                             DENSE(5) "{\"type\": \"tanh\"}, " LAST(3)
                                 CLOSED("softmax_cross_entropy"),
                         shapes[s].rank == 1 ? DENSE(5) : "", (*kind)->type, keys, settings + 1);
                check_model_json(json, shapes[s], 4);
            }
            network_destroy(accepted);
        }
    }
}

/* ---- residuals ---- */

Test(models, with_residuals_give_the_derivatives_of_the_loss) {
    char json[RESIDUAL_JSON_CAPACITY];
    for (size_t i = 0; i < RESIDUAL_NETWORKS; i++) {
        for (size_t b = 0; b < BATCHES; b++) {
            check_model_json(residual_json(&residual_networks[i], json), residual_networks[i].shape,
                             batches[b]);
        }
    }
}

/* Beside a shortcut, so that it may change the shape; at the start of a body, and within it. */
Test(models, each_class_of_layer_works_in_a_residual) {
    char settings[SETTINGS_CAPACITY], layer[2 * SETTINGS_CAPACITY], json[4 * SETTINGS_CAPACITY];
    mote_shape shapes[SHAPES];
    shapes_to_try(shapes);
    for (const mote_layer_class *const *kind = mote_layer_classes(); *kind; kind++) {
        settings_text((*kind)->fields, 0, settings);
        snprintf(layer, sizeof layer, "{\"type\": \"%s\"%s%s, ", (*kind)->type,
                 strlen(settings) > 2 ? ", " : "", settings + 1);
        for (size_t s = 0; s < SHAPES; s++) {
            mote_model *accepted = layer_alone_create((*kind)->type, settings, shapes[s], 1, NULL);
            bool vector = shapes[s].rank == 1;
            if (accepted) {
                snprintf(json, sizeof json,
                         "{\"layers\": [%s{\"type\": \"residual\", \"layers\": [%s%s" LAYER(
                             "flatten") LAST(4) "], \"shortcut\": [" LAYER("flatten")
                             LAST(4) "]}, " LAST(3) CLOSED("softmax_cross_entropy"),
                         vector ? DENSE(5) : "", vector ? DENSE(5) : "", layer);
                check_model_json(json, shapes[s], 4);
            }
            network_destroy(accepted);
        }
    }
}

/* y = x², whose derivative needs x. */
static void square_forward(const mote_layer *layer, size_t count, const mote_real *x,
                           mote_real *y) {
    (void)layer;
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] * x[i];
    }
}

static void square_backward(const mote_layer *layer, size_t count, const mote_real *x,
                            const mote_real *y, const mote_real *dy, mote_real *dx) {
    (void)layer;
    (void)y;
    for (size_t i = 0; i < count; i++) {
        dx[i] = 2 * x[i] * dy[i];
    }
}

static const mote_field no_fields[] = {MOTE_FIELDS_END};

static const mote_layer_class square_class = {
    .type = "square",
    .size = sizeof(mote_layer),
    .fields = no_fields,
    .forward_elements = square_forward,
    .backward_elements = square_backward,
    .keeps_x = true,
};

/* What mote_model_add does for a class of the registry. */
static void append_class(mote_sequence *sequence, const mote_layer_class *kind) {
    mote_error error = {0};
    cr_assert_eq(mote_sequence_append(sequence, kind, (mote_json){0}, NULL, &error), MOTE_OK, "%s",
                 error.message);
}

/* Appends a residual whose body squares a dense layer of x, or tanh x, twice. */
static void append_squares(mote_model *model, bool of_x) {
    mote_error error = {0};
    mote_model_add(model, "residual",
                   of_x ? "{\"layers\": [{\"type\": \"tanh\"}]}"
                        : "{\"layers\": [{\"type\": \"dense\", \"units\": 5}]}",
                   &error);
    cr_assert_eq(error.status, MOTE_OK, "%s", error.message);
    mote_sequence *body = mote_layer_sequence(model->layers->layers[model->layers->count - 1], 0);
    append_class(body, &square_class);
    append_class(body, &square_class);
}

/* An activation that needs its x, fused with residuals before and after it, and within them. */
Test(models, with_residuals_keep_what_activations_need) {
    enum {
        BATCH = 4,
        WIDTH = 5
    };
    mote_error error = {0};
    mote_model *model = mote_model_create(mote_shape_vector(WIDTH), &error);
    append_squares(model, false);
    append_class(model->layers, &square_class);
    append_squares(model, true);
    mote_model_add(model, "dense", "{\"units\": 3}", &error);
    mote_model_set_output(model, "softmax_cross_entropy", NULL, &error);
    mote_random random = mote_random_create(71, MOTE_RANDOM_DATA, 0);
    mote_real x[BATCH * WIDTH], z[BATCH * 3];
    const uint32_t labels[BATCH] = {2, 0, 1, 2};
    network_randomize(model, &random);
    numbers_uniform(&random, -0.5, 0.5, BATCH * WIDTH, x);
    model_case c = {.model = model, .x = x, .targets = {.labels = labels}};
    c.pass = (mote_pass){.batch = BATCH, .training = true, .random = &c.random};

    cr_assert_eq(mote_model_plan(model, BATCH, false, &error), MOTE_OK, "%s", error.message);
    memcpy(z, mote_model_forward(model, &c.pass, x), sizeof z);
    cr_assert_eq(network_plan(model, BATCH, &error), MOTE_OK, "%s", error.message);
    cr_expect(model->layers->layers[0]->fused_after == model->layers->layers[1]);
    cr_expect(model->layers->layers[2]->fused_before == model->layers->layers[1]);
    expect_equal("squares: z in training", BATCH * 3, mote_model_forward(model, &c.pass, x), z, 0);
    check_model(&c, "squares");
    network_destroy(model);
}

/* ---- the order of channels ---- */

/* y_c = s_c x_c for each channel c, in whichever order its class asks for. */
typedef struct channel_layer {
    mote_layer base;
    mote_parameter scale;
} channel_layer;

static mote_status channel_build(mote_layer *layer, mote_error *error) {
    channel_layer *self = (channel_layer *)layer;
    layer->output_shape = layer->input_shape;
    self->scale =
        (mote_parameter){.name = "scale", .shape = mote_shape_vector(layer->input_shape.dims[0])};
    return mote_layer_add_parameter(layer, &self->scale, error);
}

/* The channel of entry i of a batch. */
static size_t channel_of(const mote_layer *layer, size_t i) {
    size_t channels = layer->input_shape.dims[0];
    size_t pixels = mote_shape_count(layer->input_shape) / channels;
    return layer->kind->order == MOTE_CHANNELS_LAST ? i % channels : i / pixels % channels;
}

static void channel_forward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                            mote_real *y) {
    const channel_layer *self = (channel_layer *)layer;
    for (size_t i = 0; i < pass->batch * mote_shape_count(layer->input_shape); i++) {
        y[i] = self->scale.value[channel_of(layer, i)] * x[i];
    }
}

static void channel_backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                             const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    channel_layer *self = (channel_layer *)layer;
    for (size_t i = 0; i < pass->batch * mote_shape_count(layer->input_shape); i++) {
        size_t channel = channel_of(layer, i);
        self->scale.gradient[channel] += dy[i] * x[i];
        if (dx) {
            dx[i] = dy[i] * self->scale.value[channel];
        }
        dy[i] = NAN;
    }
}

static const mote_layer_class channel_classes[] = {
    {.type = "channel_planes",
     .size = sizeof(channel_layer),
     .fields = no_fields,
     .build = channel_build,
     .forward = channel_forward,
     .backward = channel_backward,
     .order = MOTE_PLANES},
    {.type = "channels_last",
     .size = sizeof(channel_layer),
     .fields = no_fields,
     .build = channel_build,
     .forward = channel_forward,
     .backward = channel_backward,
     .order = MOTE_CHANNELS_LAST},
};

/* Bit i of `orders` picks the order of channel layer i: a first, then b and d in the body, each
 * after a tanh, c in the shortcut, and e at the end: y = e (d tanh(b tanh(a x)) + c a x). Bits 5
 * and 6 leave out a and e. */
static mote_model *create_channel_model(unsigned orders, mote_shape shape) {
    mote_error error = {0};
    mote_model *model = mote_model_create(shape, &error);
    if (!(orders & 32)) {
        append_class(model->layers, &channel_classes[orders & 1]);
    }
    mote_model_add(model, "residual",
                   "{\"layers\": [{\"type\": \"tanh\"}], \"shortcut\": [{\"type\": "
                   "\"leaky_relu\", \"slope\": 1}]}",
                   &error);
    cr_assert_eq(error.status, MOTE_OK, "%s", error.message);
    const mote_layer *residual = model->layers->layers[model->layers->count - 1];
    mote_sequence *body = mote_layer_sequence(residual, 0);
    append_class(body, &channel_classes[orders >> 1 & 1]);
    append_class(body, mote_layer_class_find("tanh"));
    append_class(body, &channel_classes[orders >> 2 & 1]);
    append_class(mote_layer_sequence(residual, 1), &channel_classes[orders >> 3 & 1]);
    if (!(orders & 64)) {
        append_class(model->layers, &channel_classes[orders >> 4 & 1]);
    }
    mote_model_set_output(model, "mean_squared_error", NULL, &error);
    cr_assert_eq(error.status, MOTE_OK, "%s", error.message);
    return model;
}

/* The scale of a channel, by the layer's name; 1 where that is left out. */
static mote_real scale_of(const mote_model *model, const char *name, size_t channel) {
    mote_tensor scale = mote_model_parameter(model, name);
    return scale.data ? scale.data[channel] : 1;
}

/* The channels of x are planes. */
static void expect_channel_values(const mote_model *model, unsigned orders, size_t batch,
                                  const mote_real *x, const mote_real *y) {
    size_t channels = model->input_shape.dims[0], in = mote_shape_count(model->input_shape);
    bool first = orders & 32;
    char b[64], d[64], c[64], e[64], what[64];
    snprintf(b, sizeof b, "layers.%d.layers.1.scale", !first);
    snprintf(d, sizeof d, "layers.%d.layers.3.scale", !first);
    snprintf(c, sizeof c, "layers.%d.shortcut.1.scale", !first);
    snprintf(e, sizeof e, "layers.%d.scale", 1 + !first);
    mote_real *wanted = numbers_create(batch * in);
    for (size_t i = 0; i < batch * in; i++) {
        size_t k = i / (in / channels) % channels;
        mote_real z = (first ? 1 : scale_of(model, "layers.0.scale", k)) * x[i];
        wanted[i] =
            scale_of(model, e, k) * (scale_of(model, d, k) * tanh(scale_of(model, b, k) * tanh(z)) +
                                     scale_of(model, c, k) * z);
    }
    snprintf(what, sizeof what, "orders %u: y", orders);
    expect_equal(what, batch * in, y, wanted, 1e-12);
    free(wanted);
}

/* Whatever orders the layers in and around a residual want, at the ends and in between. */
Test(models, compute_the_same_in_any_order_of_channels) {
    enum {
        BATCH = 2,
        WIDTH = 3 * 2 * 5
    };
    for (unsigned orders = 0; orders < 128; orders++) {
        mote_model *model = create_channel_model(orders, mote_shape_image(3, 2, 5));
        mote_error error = {0};
        mote_random random = mote_random_create(61, MOTE_RANDOM_DATA, orders);
        mote_real x[BATCH * WIDTH];
        const uint32_t labels[BATCH] = {7, 3};
        network_randomize(model, &random);
        numbers_spaced(&random, BATCH * WIDTH, x);
        mote_pass pass = {.batch = BATCH};
        cr_assert_eq(mote_model_plan(model, BATCH, false, &error), MOTE_OK, "%s", error.message);
        expect_channel_values(model, orders, BATCH, x, mote_model_forward(model, &pass, x));
        cr_assert_eq(network_plan(model, BATCH, &error), MOTE_OK, "%s", error.message);
        expect_channel_values(model, orders, BATCH, x, mote_model_forward(model, &pass, x));

        model_case c = {.model = model, .x = x, .targets = {.labels = labels}};
        c.pass = (mote_pass){.batch = BATCH, .training = true, .random = &c.random};
        char what[64];
        snprintf(what, sizeof what, "orders %u", orders);
        check_model(&c, what);
        network_destroy(model);
    }
}

/* ---- a layer as an outside author would write it ---- */

/* y_i = s_i x_i. Only adds to its gradient; keeps x in scratch, and counts passes in a buffer. */
typedef struct scale_layer {
    mote_layer base;
    mote_parameter scale, passes;
    mote_real *kept;
} scale_layer;

static mote_status scale_build(mote_layer *layer, mote_error *error) {
    scale_layer *self = (scale_layer *)layer;
    size_t width = mote_shape_count(layer->input_shape);
    layer->output_shape = layer->input_shape;
    self->scale = (mote_parameter){.name = "scale", .shape = mote_shape_vector(width)};
    self->passes = (mote_parameter){.name = "passes", .buffer = true};
    mote_layer_add_parameter(layer, &self->scale, error);
    mote_layer_add_parameter(layer, &self->passes, error);
    return mote_layer_add_scratch(layer, &self->kept, width, 0, error);
}

static void scale_forward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                          mote_real *y) {
    scale_layer *self = (scale_layer *)layer;
    size_t width = self->scale.count;
    memcpy(self->kept, x, pass->batch * width * sizeof *x);
    *self->passes.value += 1;
    for (size_t i = 0; i < pass->batch * width; i++) {
        y[i] = self->scale.value[i % width] * x[i];
    }
}

static void scale_backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                           const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)x;
    (void)y;
    scale_layer *self = (scale_layer *)layer;
    size_t width = self->scale.count;
    for (size_t i = 0; i < pass->batch * width; i++) {
        self->scale.gradient[i % width] += dy[i] * self->kept[i];
        if (dx) {
            dx[i] = dy[i] * self->scale.value[i % width];
        }
        dy[i] = NAN; /* which is allowed */
    }
}

static const mote_layer_class scale_class = {
    .type = "scale",
    .size = sizeof(scale_layer),
    .fields = no_fields,
    .build = scale_build,
    .forward = scale_forward,
    .backward = scale_backward,
};

static void append_scale(mote_model *model) {
    append_class(model->layers, &scale_class);
}

/* At the start, after a fused pair, and at the end. */
Test(models, hand_over_the_gradients_of_layers_that_only_add_to_them) {
    enum {
        BATCH = 3,
        WIDTH = 4
    };
    mote_error error = {0};
    mote_model *model = mote_model_create(mote_shape_vector(WIDTH), &error);
    append_scale(model);
    mote_model_add(model, "dense", "{\"units\": 4}", &error);
    mote_model_add(model, "relu", NULL, &error);
    append_scale(model);
    mote_model_add(model, "flatten", NULL, &error);
    mote_model_add(model, "tanh", NULL, &error);
    append_scale(model);
    mote_model_set_output(model, "softmax_cross_entropy", NULL, &error);
    cr_assert(network_plan(model, BATCH, &error) == MOTE_OK, "%s", error.message);
    cr_expect_eq(mote_model_parameter_count(model), 3 * WIDTH + 4 * WIDTH + 4);

    mote_random random = mote_random_create(51, MOTE_RANDOM_DATA, 0);
    mote_real x[BATCH * WIDTH];
    const uint32_t labels[BATCH] = {3, 0, 1};
    network_randomize(model, &random);
    numbers_spaced(&random, BATCH * WIDTH, x);
    model_case c = {.model = model, .x = x, .targets = {.labels = labels}};
    c.pass = (mote_pass){.batch = BATCH, .training = true, .random = &c.random};
    check_model(&c, "scale layers");
    cr_expect_gt(*mote_model_parameter(model, "layers.3.passes").data, 0);
    network_destroy(model);
}

/* ---- fusing ---- */

static size_t count_in(const mote_layer *layer) {
    return mote_shape_count(layer->input_shape);
}

static size_t count_out(const mote_layer *layer) {
    return mote_shape_count(layer->output_shape);
}

static void run_forward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                        mote_real *y) {
    if (layer->kind->forward_elements) {
        layer->kind->forward_elements(layer, pass->batch * count_out(layer), x, y);
    } else {
        layer->kind->forward(layer, pass, x, y);
    }
}

static void run_backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                         const mote_real *y, mote_real *dy, mote_real *dx) {
    if (layer->kind->backward_elements) {
        layer->kind->backward_elements(layer, pass->batch * count_out(layer), x, y, dy, dx);
    } else {
        layer->kind->backward(layer, pass, x, y, dy, dx);
    }
}

/* Runs the forward and backward passes with each layer by itself and each array separate. */
static void run_unfused(mote_model *model, const mote_pass *pass, const mote_real *x,
                        mote_targets targets, mote_real *z) {
    enum {
        MOST_LAYERS = 8
    };
    mote_real *y[MOST_LAYERS];
    cr_assert_leq(model->layers->count, MOST_LAYERS);
    for (size_t i = 0; i < model->layers->count; i++) {
        y[i] = numbers_create(pass->batch * count_out(model->layers->layers[i]));
        run_forward(model->layers->layers[i], pass, i ? y[i - 1] : x, y[i]);
    }
    size_t last = model->layers->count - 1, width = model->output->width;
    mote_real *dy = numbers_create(pass->batch * width);
    mote_score score = {0};
    memcpy(z, y[last], pass->batch * width * sizeof *z);
    model->output->kind->score(model->output, pass->batch, z, targets, MODEL_SCALE, dy, &score);
    for (size_t i = model->layers->count; i-- > 0;) {
        mote_real *dx = numbers_create(pass->batch * count_in(model->layers->layers[i]));
        run_backward(model->layers->layers[i], pass, i ? y[i - 1] : x, y[i], dy, dx);
        free(dy);
        free(y[i]);
        dy = dx;
    }
    free(dy);
}

/* A network, and how many neighbours are fused, forwards and backwards. */
typedef struct fused_network {
    const char *json;
    size_t forward, backward;
} fused_network;

static void expect_fused(const fused_network *row, const mote_model *model) {
    size_t forward = 0, backward = 0;
    for (size_t i = 0; i < model->layers->count; i++) {
        forward += model->layers->layers[i]->fused_after ? 1 : 0;
        backward += model->layers->layers[i]->fused_before ? 1 : 0;
    }
    cr_assert(forward == row->forward && backward == row->backward,
              "%s: %zu fused forwards, %zu backwards", row->json, forward, backward);
}

static void check_fusing(const fused_network *row, size_t batch) {
    size_t in = 150, out = 10;
    mote_error error = {0};
    mote_model *models[2];
    for (size_t i = 0; i < 2; i++) {
        models[i] = network_create(row->json, mote_shape_vector(in), &error);
        cr_assert(models[i] && network_plan(models[i], batch, &error) == MOTE_OK, "%s",
                  error.message);
        mote_random same = mote_random_create(41, MOTE_RANDOM_DATA, 0);
        network_randomize(models[i], &same);
        network_fill_gradients(models[i], 0.5);
    }
    expect_fused(row, models[0]);
    for (size_t i = 0; i < models[1]->layers->count; i++) {
        mote_layer *layer = models[1]->layers->layers[i];
        layer->fused_after = layer->fused_before = NULL;
    }

    mote_random random = mote_random_create(42, MOTE_RANDOM_DATA, batch);
    mote_real *x = numbers_create(batch * in), *z = numbers_create(batch * out);
    uint32_t *labels = calloc(batch, sizeof *labels);
    cr_assert(labels);
    numbers_uniform(&random, -1, 1, batch * in, x);
    mote_targets targets = {.labels = labels};
    mote_pass pass = {.batch = batch, .training = true, .random = &random};
    const mote_real *fused_z = mote_model_forward(models[0], &pass, x);
    mote_model_score(models[0], &pass, fused_z, targets, MODEL_SCALE);
    mote_model_backward(models[0], &pass);
    run_unfused(models[1], &pass, x, targets, z);

    expect_equal("logits", batch * out, fused_z, z, 0);
    for (size_t i = 0; i < models[0]->parameter_count; i++) {
        const mote_parameter *fused = models[0]->parameters[i].parameter;
        const mote_parameter *alone = models[1]->parameters[i].parameter;
        expect_equal(models[0]->parameters[i].name, fused->count, fused->gradient, alone->gradient,
                     0);
    }
    model_case tiled = {.model = models[0], .pass = pass, .x = x, .targets = targets};
    check_announcements(&tiled, "in tiles");

    /* In evaluation each fused layer works in place. */
    cr_assert_eq(mote_model_plan(models[0], batch, false, &error), MOTE_OK, "%s", error.message);
    mote_pass evaluation = {.batch = batch};
    expect_equal("logits in evaluation", batch * out, mote_model_forward(models[0], &evaluation, x),
                 z, 0);
    free(x);
    free(z);
    free(labels);
    network_destroy(models[0]);
    network_destroy(models[1]);
}

/* Sizes that give the products several tiles, by rows and by columns, whole and partial. */
Test(models, fusing_changes_no_bit) {
    static const fused_network rows[] = {
        {"{\"layers\": [" DENSE(201) LAYER("relu") DENSE(300) LAYER("tanh")
             DENSE(70) "{\"type\": \"leaky_relu\", \"slope\": 0.2}, " LAST(10)
                 CLOSED("softmax_cross_entropy"),
         3, 3},
        /* where the backward pass needs x: at the start, and after a dense layer */
        {"{\"layers\": [" LAYER("gelu") DENSE(201) LAYER("gelu") DENSE(300) LAYER("silu") DENSE(70)
             LAYER("elu") LAST(10) CLOSED("softmax_cross_entropy"),
         3, 3},
        /* two in a row, the second not next to a layer that can fuse it; and at the end */
        {"{\"layers\": [" DENSE(201) LAYER("gelu") LAYER("silu") DENSE(70) LAYER("silu")
             LAYER("silu") DENSE(10) "{\"type\": \"gelu\"}" CLOSED("softmax_cross_entropy"),
         3, 0},
        {"{\"layers\": [" DENSE(201) LAYER("gelu") LAYER("tanh") DENSE(70) LAYER("relu")
             LAYER("gelu") DENSE(10) "{\"type\": \"silu\"}" CLOSED("softmax_cross_entropy"),
         3, 1},
    };
    static const size_t sizes[] = {3, 64, 230};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            check_fusing(&rows[i], sizes[s]);
        }
    }
}
