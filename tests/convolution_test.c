/* convolution_test.c: conv2d and max_pool2d against plain loops of their definitions, in all the
 * ways they are computed, alone and together, and the reordering of channels.
 */
#include <criterion/criterion.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/convolution.h"
#include "math/order.h"
#include "networks.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

typedef struct convolution {
    size_t channels, height, width, batch;
    size_t filters, kernel, stride, padding, dilation, groups;
    bool same, no_bias;
} convolution;

enum {
    TEXT = 256
};

static const char *json_of(const convolution *c, char *json) {
    char padding[24];
    snprintf(padding, sizeof padding, c->same ? "\"same\"" : "%zu", c->padding);
    snprintf(json, TEXT,
             "{\"filters\": %zu, \"kernel\": %zu, \"stride\": %zu, \"padding\": %s, \"dilation\": "
             "%zu, \"groups\": %zu, \"bias\": %s, \"bias_initializer\": \"ones\"}",
             c->filters, c->kernel, c->stride, padding, c->dilation, c->groups,
             c->no_bias ? "false" : "true");
    return json;
}

Test(windows, are_as_many_as_fit) {
    static const struct {
        size_t in, kernel, stride, before, after, dilation, out;
    } rows[] = {
        {28, 2, 2, 0, 0, 1, 14}, {29, 2, 2, 0, 0, 1, 14},      {28, 5, 1, 0, 0, 1, 24},
        {28, 5, 1, 2, 2, 1, 28}, {28, 4, 1, 1, 2, 1, 28},      {7, 3, 2, 1, 1, 1, 4},
        {7, 3, 9, 0, 0, 1, 1},   {7, 7, 1, 0, 0, 1, 1},        {7, 8, 1, 0, 0, 1, 0},
        {7, 8, 1, 0, 1, 1, 1},   {7, 3, 1, 0, 0, 3, 1},        {7, 3, 1, 0, 0, 4, 0},
        {7, 1, 1, 0, 0, 100, 7}, {7, 1000, 1, 500, 500, 1, 8},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t out = mote_window_extent(rows[i].in, rows[i].kernel, rows[i].stride, rows[i].before,
                                        rows[i].after, rows[i].dilation);
        cr_expect_eq(out, rows[i].out, "row %zu: %zu instead of %zu", i, out, rows[i].out);
    }
}

/* Along one axis: the padding before the image, and how many places the window has. */
typedef struct side {
    size_t before, out;
} side;

static side side_of(const convolution *c, size_t in) {
    size_t span = (c->kernel - 1) * c->dilation + 1;
    if (!c->same) {
        return (side){c->padding, (in + 2 * c->padding - span) / c->stride + 1};
    }
    size_t out = (in + c->stride - 1) / c->stride;
    size_t seen = (out - 1) * c->stride + span;
    return (side){seen > in ? (seen - in) / 2 : 0, out};
}

/* Visits one term of the sum: the indices in x, w and y. */
typedef void visit_term(void *context, size_t x, size_t w, size_t y);

/* Visits every product of the definition, y += x × w; images are planes. */
static void visit_terms(const convolution *c, visit_term *visit, void *context) {
    side rows = side_of(c, c->height), columns = side_of(c, c->width);
    size_t group_channels = c->channels / c->groups, group_filters = c->filters / c->groups;
    for (size_t n = 0; n < c->batch; n++) {
        for (size_t f = 0; f < c->filters; f++) {
            for (size_t i = 0; i < rows.out * columns.out; i++) {
                size_t y = (n * c->filters + f) * rows.out * columns.out + i;
                for (size_t t = 0; t < group_channels * c->kernel * c->kernel; t++) {
                    size_t channel = t / (c->kernel * c->kernel);
                    size_t row =
                        i / columns.out * c->stride + t / c->kernel % c->kernel * c->dilation;
                    size_t column = i % columns.out * c->stride + t % c->kernel * c->dilation;
                    if (row < rows.before || row - rows.before >= c->height ||
                        column < columns.before || column - columns.before >= c->width) {
                        continue;
                    }
                    size_t plane = n * c->channels + f / group_filters * group_channels + channel;
                    size_t x = (plane * c->height + row - rows.before) * c->width + column -
                               columns.before;
                    visit(context, x, f * group_channels * c->kernel * c->kernel + t, y);
                }
            }
        }
    }
}

/* Sums in double, and sums of absolute values, to which rounding errors are relative. */
typedef struct sums {
    const float *x, *w, *dy;
    double *y, *dx, *dw;
    double *y_size, *dx_size, *dw_size;
} sums;

static void add_term(void *context, size_t x, size_t w, size_t y) {
    const sums *s = context;
    double forward = (double)s->x[x] * (double)s->w[w];
    double to_x = (double)s->dy[y] * (double)s->w[w], to_w = (double)s->dy[y] * (double)s->x[x];
    s->y[y] += forward;
    s->dx[x] += to_x;
    s->dw[w] += to_w;
    s->y_size[y] += fabs(forward);
    s->dx_size[x] += fabs(to_x);
    s->dw_size[w] += fabs(to_w);
}

static void expect_sums(const char *what, size_t count, const float *found, const double *wanted,
                        const double *size) {
    for (size_t i = 0; i < count; i++) {
        double error = fabs((double)found[i] - wanted[i]);
        if (!(error <= 2e-6 * size[i] + 1e-7)) {
            cr_expect(false, "%s: entry %zu of %zu is %.9g instead of %.9g", what, i, count,
                      (double)found[i], wanted[i]);
            return;
        }
    }
}

static double *doubles(size_t count) {
    double *numbers = calloc(count, sizeof *numbers);
    cr_assert(numbers);
    return numbers;
}

static void check_convolution(const convolution *c, mote_pool *pool) {
    char json[TEXT], what[TEXT + 64];
    mote_error error = {0};
    mote_model *model =
        layer_alone_create("conv2d", json_of(c, json),
                           mote_shape_image(c->channels, c->height, c->width), c->batch, &error);
    cr_assert(model, "%s: %s", json, error.message);
    side rows = side_of(c, c->height), columns = side_of(c, c->width);
    mote_shape shape = mote_sequence_output_shape(model->layers);
    cr_assert(mote_shape_equal(shape, mote_shape_image(c->filters, rows.out, columns.out)), "%s",
              json);
    size_t in = c->batch * layer_alone_width_in(model),
           out = c->batch * layer_alone_width_out(model);
    const mote_parameter *weight = model->parameters[0].parameter;
    float *x = numbers_create(in), *y = numbers_create(out), *dy = numbers_create(out),
          *dx = numbers_create(in);
    mote_random random = mote_random_create(5, MOTE_RANDOM_DATA, in);
    numbers_uniform(&random, -1, 1, in, x);
    numbers_uniform(&random, -1, 1, out, dy);
    mote_model_initialize(model, 1, NULL);
    mote_pass pass = {.pool = pool, .batch = c->batch, .training = true, .random = &random};
    for (int i = 0; i < 2; i++) { /* the second time in memory that the first has used */
        network_fill_gradients(model, 0);
        layer_alone_forward(model, &pass, x, y);
        layer_alone_backward(model, &pass, dy, dx);
    }

    sums s = {x,
              weight->value,
              dy,
              doubles(out),
              doubles(in),
              doubles(weight->count),
              doubles(out),
              doubles(in),
              doubles(weight->count)};
    visit_terms(c, add_term, &s);
    double *db = doubles(c->filters), *db_size = doubles(c->filters);
    size_t pixels = rows.out * columns.out;
    for (size_t i = 0; i < out; i++) {
        s.y[i] += c->no_bias ? 0 : 1;
        db[i / pixels % c->filters] += (double)dy[i];
        db_size[i / pixels % c->filters] += fabs((double)dy[i]);
    }
    snprintf(what, sizeof what, "%zu × %zu × %zu, %s: y", c->channels, c->height, c->width, json);
    expect_sums(what, out, y, s.y, s.y_size);
    memcpy(what + strlen(what) - 1, "dx", 3);
    expect_sums(what, in, dx, s.dx, s.dx_size);
    memcpy(what + strlen(what) - 2, "dW", 3);
    expect_sums(what, weight->count, weight->gradient, s.dw, s.dw_size);
    if (!c->no_bias) {
        memcpy(what + strlen(what) - 2, "db", 3);
        expect_sums(what, c->filters, model->parameters[1].parameter->gradient, db, db_size);
    }
    free(x), free(y), free(dx), free(dy), free(db), free(db_size);
    free(s.y), free(s.dx), free(s.dw), free(s.y_size), free(s.dx_size), free(s.dw_size);
    network_destroy(model);
}

Test(convolution, is_the_sum_that_defines_it, .timeout = 120) {
    static const convolution rows[] = {
        /* few channels: directly */
        {1, 5, 7, 3, 6, 3, 1, 0, 1, 1, false, false},
        {1, 28, 28, 2, 33, 5, 1, 0, 1, 1, true, true},
        {1, 12, 16, 2, 8, 5, 1, 0, 1, 1, false, false},
        {1, 6, 6, 3, 4, 5, 2, 2, 1, 1, false, false},
        {3, 9, 6, 2, 16, 3, 2, 1, 1, 1, false, false},
        {4, 8, 8, 1, 17, 2, 1, 0, 2, 1, true, false},
        {2, 1, 1, 4, 5, 1, 1, 0, 1, 1, false, false},
        {5, 6, 7, 3, 8, 3, 1, 1, 1, 1, false, false},
        {6, 14, 14, 9, 16, 5, 1, 0, 1, 1, false, true},
        {8, 11, 5, 2, 12, 4, 3, 2, 1, 1, false, false},
        {7, 12, 9, 1, 3, 3, 1, 2, 3, 1, false, false},
        {8, 9, 8, 2, 25, 3, 1, 1, 1, 1, false, false},
        /* by columns, with filters that fill vectors and that do not */
        {9, 6, 7, 3, 8, 3, 1, 1, 1, 1, false, false},
        {11, 14, 14, 9, 16, 5, 1, 0, 1, 1, false, true},
        {32, 14, 14, 2, 64, 3, 1, 0, 1, 1, true, false},
        {10, 11, 5, 2, 12, 4, 3, 2, 1, 1, false, false},
        {9, 12, 9, 1, 3, 3, 1, 2, 3, 1, false, false},
        {64, 4, 4, 3, 48, 1, 1, 0, 1, 1, false, false},
        {3, 13, 13, 1, 5, 11, 2, 5, 1, 1, false, false}, /* few channels, but a large window */
        /* Winograd: odd sides, one pixel, every padding, more than one chunk, the greatest width
         * and beyond */
        {16, 9, 11, 3, 32, 3, 1, 0, 1, 1, false, false},
        {48, 5, 9, 2, 16, 3, 1, 2, 1, 1, false, true},
        {16, 3, 3, 5, 16, 3, 1, 1, 1, 1, false, false},
        {16, 1, 1, 2, 16, 3, 1, 2, 1, 1, false, false},
        {16, 2, 2, 2, 16, 3, 1, 1, 1, 1, false, false},
        {64, 13, 16, 9, 32, 3, 1, 0, 1, 1, true, false},
        {256, 4, 4, 3, 256, 3, 1, 1, 1, 1, false, false},
        {16, 4, 511, 1, 16, 3, 1, 1, 1, 1, false, false},
        {16, 4, 514, 1, 16, 3, 1, 1, 1, 1, false, false},
        /* too few pixels for Winograd to pay off */
        {16, 7, 7, 3, 32, 3, 1, 0, 1, 1, false, false},
        {16, 1, 1, 2, 16, 3, 1, 1, 1, 1, false, false},
        /* groups, up to one filter per channel, and several per channel */
        {8, 6, 6, 2, 12, 3, 1, 1, 1, 4, false, false},
        {6, 7, 5, 3, 6, 3, 1, 0, 1, 6, true, false},
        {20, 9, 9, 2, 20, 5, 2, 2, 1, 20, false, true},
        {3, 6, 6, 2, 9, 3, 1, 1, 2, 3, false, false},
        /* several patches, of rows and of parts of rows */
        {1, 300, 301, 1, 4, 3, 1, 1, 1, 1, false, false},
        {24, 80, 70, 1, 5, 3, 1, 1, 1, 1, false, false},
        {40, 4, 900, 1, 3, 3, 2, 1, 1, 1, false, false},
        {30, 3, 1100, 1, 30, 3, 1, 1, 1, 30, false, false},
        {4, 3, 9000, 1, 2, 3, 1, 0, 2, 1, true, false},
        {1, 5, 20000, 1, 2, 5, 1, 0, 1, 1, false, false},
    };
    mote_pool *pool = mote_pool_create(2, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_convolution(&rows[i], i % 2 ? pool : NULL);
    }
    mote_pool_destroy(pool);
}

Test(convolution, of_many_filters_shares_out_the_sum_by_filters_too) {
    static const convolution row = {16, 5, 5, 6, 300, 3, 1, 1, 1, 1, false, false};
    check_convolution(&row, NULL);
}

Test(convolution, gives_the_same_bits_with_any_number_of_threads) {
    static const char *const jsons[] = {
        "{\"filters\": 20, \"kernel\": 3, \"padding\": 1}",
        "{\"filters\": 8, \"kernel\": 3, \"groups\": 8}",
        "{\"filters\": 200, \"kernel\": 1, \"stride\": 2}",
        "{\"filters\": 32, \"kernel\": 3, \"padding\": 1}",
    };
    enum {
        BATCH = 13
    };
    static const mote_shape shapes[] = {{.rank = 3, .dims = {8, 9, 10}},
                                        {.rank = 3, .dims = {1, 9, 10}},
                                        {.rank = 3, .dims = {16, 31, 33}}};
    for (size_t i = 0; i < COUNT(jsons) * COUNT(shapes); i++) {
        mote_shape shape = shapes[i % COUNT(shapes)];
        const char *json = jsons[i / COUNT(shapes)];
        mote_real *results[4] = {NULL};
        size_t size = 0;
        for (size_t threads = 1; threads <= 4; threads++) {
            mote_error error = {0};
            mote_model *model = layer_alone_create("conv2d", json, shape, BATCH, &error);
            if (!model) { /* one channel cannot be split into groups */
                continue;
            }
            mote_pool *pool = mote_pool_create(threads, NULL);
            size_t in = BATCH * layer_alone_width_in(model);
            size_t out = BATCH * layer_alone_width_out(model);
            mote_random random = mote_random_create(5, MOTE_RANDOM_DATA, in);
            mote_real *x = numbers_create(in), *dy = numbers_create(out);
            numbers_uniform(&random, -1, 1, in, x);
            numbers_uniform(&random, -1, 1, out, dy);
            mote_model_initialize(model, 1, NULL);
            mote_pass pass = {.pool = pool, .batch = BATCH, .training = true, .random = &random};
            const mote_parameter *weight = model->parameters[0].parameter;
            const mote_parameter *bias = model->parameters[1].parameter;
            size = in + out + weight->count + bias->count;
            mote_real *result = results[threads - 1] = numbers_create(size);
            layer_alone_forward(model, &pass, x, result);
            layer_alone_backward(model, &pass, dy, result + out);
            memcpy(result + in + out, weight->gradient, weight->count * sizeof *result);
            memcpy(result + in + out + weight->count, bias->gradient, bias->count * sizeof *result);
            free(x), free(dy);
            mote_pool_destroy(pool);
            network_destroy(model);
        }
        for (size_t t = 1; results[0] && t < COUNT(results); t++) {
            cr_expect_eq(memcmp(results[t], results[0], size * sizeof **results), 0,
                         "%s: %zu threads give other bits", json, t + 1);
        }
        for (size_t t = 0; t < COUNT(results); t++) {
            free(results[t]);
        }
    }
}

/* ---- stack ---- */

typedef struct small_stack_job {
    mote_model *model;
    const mote_real *x;
    mote_real *y;
} small_stack_job;

static void *predict_on_small_stack(void *context) {
    const small_stack_job *j = context;
    mote_random random = mote_random_create(5, MOTE_RANDOM_DATA, 0);
    mote_pass pass = {.batch = 2, .random = &random};
    layer_alone_forward(j->model, &pass, j->x, j->y);
    return NULL;
}

/* As mote/model.h promises of mote_model_predict. The sanitizers' frames are larger. */
Test(convolution, predicts_on_a_megabyte_of_stack) {
#ifndef MOTE_SANITIZED
    static const char *const jsons[] = {
        "{\"filters\": 64, \"kernel\": 3, \"padding\": 1}", /* Winograd */
        "{\"filters\": 65, \"kernel\": 5, \"padding\": 1}", /* by columns */
        "{\"filters\": 64, \"kernel\": 3, \"groups\": 64}", /* channel by channel */
        "{\"filters\": 128, \"kernel\": 3, \"groups\": 4}", /* by columns, in groups */
        "{\"filters\": 16, \"kernel\": 1, \"stride\": 2, \"bias\": false}",
    };
    for (size_t i = 0; i < COUNT(jsons); i++) {
        mote_error error = {0};
        mote_model *model = mote_model_create(mote_shape_image(64, 28, 28), &error);
        cr_assert(model);
        mote_model_add(model, "conv2d", jsons[i], &error);
        mote_model_add(model, "relu", NULL, &error);
        mote_model_add(model, "max_pool2d", "{\"size\": 2}", &error);
        mote_model_set_output(model, "mean_squared_error", NULL, &error);
        cr_assert_eq(mote_model_plan(model, 2, false, &error), MOTE_OK, "%s", error.message);
        mote_model_initialize(model, 1, NULL);
        small_stack_job j = {.model = model,
                             .x = numbers_create(2 * layer_alone_width_in(model)),
                             .y = numbers_create(2 * layer_alone_width_out(model))};
        pthread_attr_t attributes;
        pthread_t thread;
        pthread_attr_init(&attributes);
        cr_assert_eq(pthread_attr_setstacksize(&attributes, (size_t)1 << 20), 0);
        cr_assert_eq(pthread_create(&thread, &attributes, predict_on_small_stack, &j), 0);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        pthread_attr_destroy(&attributes);
        free((void *)j.x), free(j.y);
        network_destroy(model);
    }
#endif
}

/* ---- fused with the pooling that follows ---- */

typedef struct pooled_network {
    size_t channels, height, width;
    const char *convolution, *activation, *pooling, *after; /* activations may be NULL */
    bool fused;
} pooled_network;

enum {
    POOLED_BATCH = 11
};

static mote_model *pooled_create(const pooled_network *n, bool training, bool fused) {
    mote_error error = {0};
    mote_model *model =
        mote_model_create(mote_shape_image(n->channels, n->height, n->width), &error);
    cr_assert(model);
    mote_model_add(model, "conv2d", n->convolution, &error);
    if (n->activation) {
        mote_model_add(model, n->activation, NULL, &error);
    }
    mote_model_add(model, "max_pool2d", n->pooling, &error);
    if (n->after) {
        mote_model_add(model, n->after, NULL, &error);
    }
    mote_model_set_output(model, "mean_squared_error", NULL, &error);
    model->layers->layers[0]->pools &= fused;
    cr_assert_eq(network_plan(model, POOLED_BATCH, &error), MOTE_OK, "%s: %s", n->convolution,
                 error.message);
    if (training) {
        cr_assert_eq(layer_alone_plan(model, POOLED_BATCH, &error), MOTE_OK);
    } else {
        cr_assert_eq(mote_model_plan(model, POOLED_BATCH, false, &error), MOTE_OK);
    }
    bool found = model->layers->layers[0]->fused_pool != NULL;
    cr_assert(!training || found == (n->fused && fused), "%s, %s", n->convolution, n->pooling);
    mote_model_initialize(model, 1, NULL);
    return model;
}

static void expect_near(const pooled_network *n, const char *what, size_t count, const float *found,
                        const float *wanted) {
    double most = 0, off = 0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)wanted[i]));
        off = fmax(off, fabs((double)found[i] - (double)wanted[i]));
    }
    cr_expect(most > 0 && off <= 3e-6 * most, "%s, %s: %s is %g off %g", n->convolution, n->pooling,
              what, off, most);
}

static void check_pooled(const pooled_network *n, mote_pool *pool) {
    mote_model *fused = pooled_create(n, true, true), *apart = pooled_create(n, true, false);
    mote_model *evaluated = pooled_create(n, false, true);
    size_t in = POOLED_BATCH * layer_alone_width_in(fused);
    size_t out = POOLED_BATCH * layer_alone_width_out(fused);
    float *x = numbers_create(in), *dy = numbers_create(out);
    float *y[3] = {numbers_create(out), numbers_create(out), numbers_create(out)};
    float *dx[2] = {numbers_create(in), numbers_create(in)};
    mote_random random = mote_random_create(5, MOTE_RANDOM_DATA, in);
    numbers_uniform(&random, -1, 1, in, x);
    numbers_uniform(&random, -1, 1, out, dy);
    mote_pass pass = {.pool = pool, .batch = POOLED_BATCH, .training = true, .random = &random};
    for (int i = 0; i < 2; i++) { /* the second time in memory that the first has used */
        network_fill_gradients(fused, 0);
        layer_alone_forward(fused, &pass, x, y[0]);
        layer_alone_backward(fused, &pass, dy, dx[0]);
    }
    pass.pool = NULL;
    network_fill_gradients(apart, 0);
    layer_alone_forward(apart, &pass, x, y[1]);
    layer_alone_backward(apart, &pass, dy, dx[1]);
    pass.training = false;
    layer_alone_forward(evaluated, &pass, x, y[2]);
    cr_expect_eq(memcmp(y[0], y[1], out * sizeof **y), 0, "%s, %s", n->convolution, n->pooling);
    cr_expect_eq(memcmp(y[2], y[1], out * sizeof **y), 0, "%s, %s", n->convolution, n->pooling);
    expect_near(n, "dx", in, dx[0], dx[1]);
    for (size_t i = 0; i < fused->parameter_count; i++) {
        const mote_parameter *parameter = fused->parameters[i].parameter;
        expect_near(n, fused->parameters[i].name, parameter->count, parameter->gradient,
                    apart->parameters[i].parameter->gradient);
    }
    free(x), free(dy), free(y[0]), free(y[1]), free(y[2]), free(dx[0]), free(dx[1]);
    network_destroy(fused), network_destroy(apart), network_destroy(evaluated);
}

Test(pooling, after_a_convolution_is_done_along_with_it, .timeout = 120) {
    static const pooled_network rows[] = {
        {1, 28, 28, "{\"filters\": 6, \"kernel\": 5, \"padding\": \"same\"}", "relu",
         "{\"size\": 2}", NULL, true},
        {6, 14, 14, "{\"filters\": 16, \"kernel\": 5}", NULL, "{\"size\": 2}", "relu", true},
        {3, 13, 9, "{\"filters\": 20, \"kernel\": 4, \"stride\": 2, \"padding\": 3}", "tanh",
         "{\"size\": 3, \"stride\": 2, \"padding\": 1}", "elu", true},
        {8, 9, 12, "{\"filters\": 5, \"kernel\": 3, \"bias\": false}", "relu", "{\"size\": 2}",
         NULL, true},
        {2, 15, 14, "{\"filters\": 3, \"kernel\": 7, \"padding\": 1}", "sigmoid", "{\"size\": 3}",
         NULL, true},
        /* by columns, and with so many filters that they form several tasks */
        {11, 8, 8, "{\"filters\": 12, \"kernel\": 3, \"padding\": \"same\"}", "relu",
         "{\"size\": 2}", NULL, true},
        {10, 6, 6, "{\"filters\": 150, \"kernel\": 1}", "relu", "{\"size\": 2}", NULL, true},
        /* too many windows to leave out the zeros of dy, windows with gaps, and groups */
        {4, 7, 8, "{\"filters\": 6, \"kernel\": 2}", "relu",
         "{\"size\": 2, \"stride\": 1, \"padding\": 1}", NULL, true},
        {4, 9, 8, "{\"filters\": 6, \"kernel\": 3, \"dilation\": 2}", "relu", "{\"size\": 2}", NULL,
         true},
        {4, 9, 8, "{\"filters\": 6, \"kernel\": 3, \"groups\": 2}", "relu", "{\"size\": 2}", NULL,
         true},
        {5, 9, 8, "{\"filters\": 5, \"kernel\": 3, \"groups\": 5}", "relu", "{\"size\": 2}", NULL,
         true},
        /* not fused: too large an image, an activation that needs its x */
        {1, 150, 150, "{\"filters\": 3, \"kernel\": 3}", "relu", "{\"size\": 2}", NULL, false},
        {2, 9, 9, "{\"filters\": 4, \"kernel\": 3}", "gelu", "{\"size\": 2}", NULL, false},
        {1, 300, 300, "{\"filters\": 1, \"kernel\": 3}", "relu", "{\"size\": 2}", NULL, false},
    };
    mote_pool *pool = mote_pool_create(2, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_pooled(&rows[i], pool);
    }
    mote_pool_destroy(pool);
}

typedef struct pooling_case {
    size_t channels, height, width, size, stride, padding;
} pooling_case;

/* y is the maximum of each window; dy is added to dx at the first place that holds it. Images are
 * planes. */
static void pool_plainly(const pooling_case *c, const float *x, const float *dy, float *y,
                         float *dx) {
    size_t rows = (c->height + 2 * c->padding - c->size) / c->stride + 1;
    size_t columns = (c->width + 2 * c->padding - c->size) / c->stride + 1;
    for (size_t i = 0; i < POOLED_BATCH * c->channels * rows * columns; i++) {
        size_t plane = i / (rows * columns), most = SIZE_MAX;
        for (size_t t = 0; t < c->size * c->size; t++) {
            size_t row = i / columns % rows * c->stride + t / c->size;
            size_t column = i % columns * c->stride + t % c->size;
            if (row >= c->padding && row - c->padding < c->height && column >= c->padding &&
                column - c->padding < c->width) {
                size_t place =
                    (plane * c->height + row - c->padding) * c->width + column - c->padding;
                most = most == SIZE_MAX || x[place] > x[most] ? place : most;
            }
        }
        y[i] = x[most];
        dx[most] += dy[i];
    }
}

Test(pooling, takes_the_first_maximum_of_each_window) {
    static const pooling_case rows[] = {
        {6, 28, 28, 2, 2, 0}, {16, 10, 10, 2, 2, 0}, {3, 9, 7, 2, 1, 1},  {20, 8, 9, 2, 2, 1},
        {8, 7, 7, 3, 2, 1},   {5, 12, 6, 3, 3, 0},   {40, 6, 5, 5, 1, 2}, {1, 5, 5, 1, 1, 0},
        {7, 6, 6, 1, 2, 0},   {9, 30, 30, 4, 3, 2},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const pooling_case *c = &rows[i];
        char json[TEXT];
        snprintf(json, sizeof json, "{\"size\": %zu, \"stride\": %zu, \"padding\": %zu}", c->size,
                 c->stride, c->padding);
        mote_error error = {0};
        mote_model *model = layer_alone_create("max_pool2d", json,
                                               mote_shape_image(c->channels, c->height, c->width),
                                               POOLED_BATCH, &error);
        cr_assert(model, "%s: %s", json, error.message);
        size_t in = POOLED_BATCH * layer_alone_width_in(model);
        size_t out = POOLED_BATCH * layer_alone_width_out(model);
        float *x = numbers_create(in), *dx[2] = {numbers_create(in), numbers_create(in)};
        float *dy = numbers_create(out), *y[2] = {numbers_create(out), numbers_create(out)};
        mote_random random = mote_random_create(5, MOTE_RANDOM_DATA, i);
        numbers_uniform(&random, -1, 1, in, x);
        for (size_t k = 0; k < in; k++) { /* few values, so that windows contain ties */
            x[k] = rintf(5 * x[k]);
        }
        for (size_t k = 0; k < out; k++) {
            dy[k] = (float)(1 + k % 13); /* sums are exact in any order */
        }
        mote_pass pass = {.batch = POOLED_BATCH, .training = true, .random = &random};
        layer_alone_forward(model, &pass, x, y[0]);
        layer_alone_backward(model, &pass, dy, dx[0]);
        pool_plainly(c, x, dy, y[1], dx[1]);
        cr_expect_eq(memcmp(y[0], y[1], out * sizeof **y), 0, "%zu channels, %s: y", c->channels,
                     json);
        cr_expect_eq(memcmp(dx[0], dx[1], in * sizeof **dx), 0, "%zu channels, %s: dx", c->channels,
                     json);
        free(x), free(dy), free(y[0]), free(y[1]), free(dx[0]), free(dx[1]);
        network_destroy(model);
    }
}

Test(order, turns_images_and_turns_them_back) {
    static const mote_shape shapes[] = {{.rank = 3, .dims = {3, 4, 5}},
                                        {.rank = 3, .dims = {17, 16, 33}},
                                        {.rank = 3, .dims = {1, 2, 3}},
                                        {.rank = 3, .dims = {64, 1, 1}}};
    enum {
        BATCH = 3
    };
    for (size_t s = 0; s < COUNT(shapes); s++) {
        size_t channels = shapes[s].dims[0], pixels = shapes[s].dims[1] * shapes[s].dims[2];
        size_t count = BATCH * channels * pixels;
        float *x = numbers_create(count), *y = numbers_create(count), *back = numbers_create(count);
        mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, s);
        numbers_uniform(&random, -1, 1, count, x);
        mote_reorder(NULL, BATCH, shapes[s], true, x, y);
        for (size_t i = 0; i < count; i++) {
            size_t image = i / (channels * pixels), channel = i / pixels % channels;
            size_t pixel = i % pixels;
            cr_assert_eq(y[(image * pixels + pixel) * channels + channel], x[i]);
        }
        mote_reorder(NULL, BATCH, shapes[s], false, y, back);
        cr_expect_eq(memcmp(back, x, count * sizeof *x), 0);
        free(x), free(y), free(back);
    }
}
