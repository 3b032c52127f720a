/* normalization_test.c: batch_norm and layer_norm in single precision: full precision where the
 * mean is far above the deviation, batches of many tiles, the same bits on any number of threads,
 * and running statistics that only training updates.
 */
#include <criterion/criterion.h>

#include "networks.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* Describes both layers: numbers form groups; each number is normalized by its group, then scaled
 * and shifted by parameters that some numbers share. */
typedef struct problem {
    const char *type;
    mote_shape shape;
    size_t batch;
    double mean;       /* near 0 or far from it; the deviation is about 1 */
    size_t count;      /* of x */
    size_t groups;     /* of numbers that are normalized together */
    size_t parameters; /* in weight, and in bias */
} problem;

static const double EPSILON = 1e-5, MOMENTUM = 0.1;

static bool by_channel(const problem *p) {
    return strcmp(p->type, "batch_norm") == 0;
}

static size_t pixels_of(const problem *p) {
    return mote_shape_count(p->shape) / p->shape.dims[0];
}

static size_t group_of(const problem *p, size_t i) {
    return by_channel(p) ? i / pixels_of(p) % p->shape.dims[0] : i / mote_shape_count(p->shape);
}

static size_t parameter_of(const problem *p, size_t i) {
    return by_channel(p) ? group_of(p, i) : i % mote_shape_count(p->shape);
}

static problem make_problem(const char *type, mote_shape shape, size_t batch, double mean) {
    problem p = {.type = type, .shape = shape, .batch = batch, .mean = mean};
    p.count = batch * mote_shape_count(shape);
    p.groups = by_channel(&p) ? shape.dims[0] : batch;
    p.parameters = by_channel(&p) ? shape.dims[0] : mote_shape_count(shape);
    return p;
}

/* ---- what the layer gives ---- */

enum {
    X,
    DY,
    Y,
    DX,
    Y_IN_EVALUATION,
    ARRAYS
};

typedef struct result {
    mote_model *model;
    mote_real *arrays[ARRAYS]; /* [count] each */
} result;

static mote_parameter *parameter_at(const result *r, size_t index) {
    return r->model->parameters[index].parameter;
}

/* Runs a forward and a backward pass, then one in evaluation; without a pool if `threads` is 0. */
static result run(const problem *p, size_t threads) {
    mote_error error = {0};
    result r = {.model = layer_alone_create(p->type, NULL, p->shape, p->batch, &error)};
    mote_pool *pool = threads ? mote_pool_create(threads, &error) : NULL;
    cr_assert(r.model && (pool || !threads), "%s", error.message);
    for (size_t i = 0; i < ARRAYS; i++) {
        r.arrays[i] = numbers_create(p->count);
    }
    mote_random random = mote_random_create(5, MOTE_RANDOM_DATA, p->count);
    network_randomize(r.model, &random);
    for (size_t i = 0; i < p->count; i++) {
        double deviation = 0.5 + (double)(group_of(p, i) % 3);
        r.arrays[X][i] = (mote_real)(p->mean + deviation * mote_random_normal(&random));
    }
    numbers_uniform(&random, -1, 1, p->count, r.arrays[DY]);
    mote_pass pass = {.pool = pool, .batch = p->batch, .training = true, .random = &random};
    mote_pass evaluation = {.pool = pool, .batch = p->batch};
    layer_alone_forward(r.model, &pass, r.arrays[X], r.arrays[Y]);
    layer_alone_backward(r.model, &pass, r.arrays[DY], r.arrays[DX]);
    layer_alone_forward(r.model, &evaluation, r.arrays[X], r.arrays[Y_IN_EVALUATION]);
    mote_pool_destroy(pool);
    return r;
}

static void free_result(result *r) {
    for (size_t i = 0; i < ARRAYS; i++) {
        free(r->arrays[i]);
    }
    network_destroy(r->model);
}

/* ---- what it should give ---- */

typedef struct expectation {
    double *mean, *variance;       /* [groups] */
    double *normalized, *y, *dx;   /* [count] */
    double *dweight, *dbias;       /* [parameters] */
    double *sum_of_g, *sum_of_g_x; /* [groups]: of dy × weight, and times the normalized x */
} expectation;

static double *doubles(size_t count) {
    double *numbers = calloc(count, sizeof *numbers);
    cr_assert(numbers);
    return numbers;
}

static expectation create_expectation(const problem *p) {
    return (expectation){.mean = doubles(p->groups),
                         .variance = doubles(p->groups),
                         .normalized = doubles(p->count),
                         .y = doubles(p->count),
                         .dx = doubles(p->count),
                         .dweight = doubles(p->parameters),
                         .dbias = doubles(p->parameters),
                         .sum_of_g = doubles(p->groups),
                         .sum_of_g_x = doubles(p->groups)};
}

static void free_expectation(expectation *e) {
    double *const all[] = {e->mean,    e->variance, e->normalized, e->y,         e->dx,
                           e->dweight, e->dbias,    e->sum_of_g,   e->sum_of_g_x};
    for (size_t i = 0; i < COUNT(all); i++) {
        free(all[i]);
    }
}

static double inverse_deviation(const expectation *e, size_t group) {
    return 1 / sqrt(e->variance[group] + EPSILON);
}

static expectation expect(const problem *p, const result *r) {
    expectation e = create_expectation(p);
    const mote_real *x = r->arrays[X], *dy = r->arrays[DY];
    const mote_real *weight = parameter_at(r, 0)->value, *bias = parameter_at(r, 1)->value;
    double n = (double)(p->count / p->groups);
    for (size_t i = 0; i < p->count; i++) {
        e.mean[group_of(p, i)] += (double)x[i] / n;
    }
    for (size_t i = 0; i < p->count; i++) {
        double distance = (double)x[i] - e.mean[group_of(p, i)];
        e.variance[group_of(p, i)] += distance * distance / n;
    }
    for (size_t i = 0; i < p->count; i++) {
        size_t group = group_of(p, i), k = parameter_of(p, i);
        double normalized = ((double)x[i] - e.mean[group]) * inverse_deviation(&e, group);
        e.normalized[i] = normalized;
        e.y[i] = normalized * (double)weight[k] + (double)bias[k];
        e.dweight[k] += (double)dy[i] * normalized;
        e.dbias[k] += (double)dy[i];
        e.sum_of_g[group] += (double)dy[i] * (double)weight[k];
        e.sum_of_g_x[group] += (double)dy[i] * (double)weight[k] * normalized;
    }
    for (size_t i = 0; i < p->count; i++) {
        size_t group = group_of(p, i);
        double g = (double)dy[i] * (double)weight[parameter_of(p, i)];
        e.dx[i] = inverse_deviation(&e, group) *
                  (g - e.sum_of_g[group] / n - e.normalized[i] * e.sum_of_g_x[group] / n);
    }
    return e;
}

static void expect_close(const problem *p, const char *what, size_t count, const mote_real *found,
                         const double *wanted) {
    double largest = 1;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(wanted[i]));
    }
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double)found[i] - wanted[i]) <= 3e-6 * largest)) {
            char text[MOTE_SHAPE_TEXT_CAPACITY];
            cr_expect(false, "%s on %zu of %s around %g: %s[%zu] is %.9g instead of %.9g", p->type,
                      p->batch, mote_shape_text(p->shape, text), p->mean, what, i, (double)found[i],
                      wanted[i]);
            return;
        }
    }
}

/* Updated from the initial 0 and 1; the variance is unbiased. */
static void expect_running(const problem *p, const result *r, expectation *e) {
    double n = (double)(p->count / p->groups);
    for (size_t i = 0; i < p->groups; i++) {
        e->mean[i] *= MOMENTUM;
        e->variance[i] = 1 - MOMENTUM + MOMENTUM * e->variance[i] * n / (n - 1);
    }
    expect_close(p, "running_mean", p->groups, parameter_at(r, 2)->value, e->mean);
    expect_close(p, "running_var", p->groups, parameter_at(r, 3)->value, e->variance);
}

static void check_problem(const char *type, mote_shape shape, size_t batch, double mean) {
    problem p = make_problem(type, shape, batch, mean);
    result r = run(&p, 0);
    expectation e = expect(&p, &r);
    expect_close(&p, "y", p.count, r.arrays[Y], e.y);
    expect_close(&p, "dx", p.count, r.arrays[DX], e.dx);
    expect_close(&p, "dweight", p.parameters, parameter_at(&r, 0)->gradient, e.dweight);
    expect_close(&p, "dbias", p.parameters, parameter_at(&r, 1)->gradient, e.dbias);
    if (by_channel(&p)) {
        expect_running(&p, &r, &e);
    } else {
        expect_close(&p, "y in evaluation", p.count, r.arrays[Y_IN_EVALUATION], e.y);
    }
    free_expectation(&e);
    free_result(&r);
}

/* One column, few and many; lines filled by whole rows and not; one tile and many, the last
 * partial. */
static const struct {
    mote_shape shape;
    size_t batch;
} sizes[] = {
    {{1, {1}}, 30000},      {{1, {7}}, 2},         {{1, {7}}, 5000},       {{1, {128}}, 200},
    {{1, {129}}, 131},      {{1, {300}}, 70},      {{1, {5000}}, 3},       {{3, {1, 9, 7}}, 3},
    {{3, {3, 31, 17}}, 11}, {{3, {8, 30, 30}}, 5}, {{3, {64, 13, 13}}, 3}, {{3, {100, 9, 9}}, 4},
    {{3, {200, 5, 7}}, 13}, {{3, {16, 1, 1}}, 2},  {{3, {40, 20, 20}}, 1},
};

static void with_each_size(void (*check)(const char *type, mote_shape shape, size_t batch)) {
    static const char *const types[] = {"batch_norm", "layer_norm"};
    for (size_t i = 0; i < COUNT(types) * COUNT(sizes); i++) {
        const char *type = types[i / COUNT(sizes)];
        mote_shape shape = sizes[i % COUNT(sizes)].shape;
        if (strcmp(type, "batch_norm") == 0 || mote_shape_count(shape) > 1) {
            check(type, shape, sizes[i % COUNT(sizes)].batch);
        }
    }
}

static void check_digits(const char *type, mote_shape shape, size_t batch) {
    static const double means[] = {0, 1, -300, 1e4, 1e6};
    for (size_t i = 0; i < COUNT(means); i++) {
        check_problem(type, shape, batch, means[i]);
    }
}

Test(normalization, keeps_its_digits_where_the_mean_is_far_above_the_deviation, .timeout = 120) {
    with_each_size(check_digits);
}

/* ---- threads ---- */

static void expect_same(const problem *p, const char *what, size_t threads, size_t count,
                        const mote_real *found, const mote_real *wanted) {
    char text[MOTE_SHAPE_TEXT_CAPACITY];
    cr_expect(memcmp(found, wanted, count * sizeof *found) == 0,
              "%s on %zu of %s: %s differs with %zu threads", p->type, p->batch,
              mote_shape_text(p->shape, text), what, threads);
}

static void check_threads(const char *type, mote_shape shape, size_t batch) {
    problem p = make_problem(type, shape, batch, 2);
    result alone = run(&p, 0);
    for (size_t threads = 1; threads <= 3; threads++) {
        result r = run(&p, threads);
        expect_same(&p, "y", threads, p.count, r.arrays[Y], alone.arrays[Y]);
        expect_same(&p, "dx", threads, p.count, r.arrays[DX], alone.arrays[DX]);
        expect_same(&p, "y in evaluation", threads, p.count, r.arrays[Y_IN_EVALUATION],
                    alone.arrays[Y_IN_EVALUATION]);
        for (size_t i = 0; i < r.model->parameter_count; i++) {
            const mote_parameter *a = parameter_at(&r, i), *b = parameter_at(&alone, i);
            expect_same(&p, a->name, threads, a->count, a->buffer ? a->value : a->gradient,
                        a->buffer ? b->value : b->gradient);
        }
        free_result(&r);
    }
    free_result(&alone);
}

Test(normalization, gives_the_same_bits_on_any_number_of_threads, .timeout = 120) {
    with_each_size(check_threads);
}

/* ---- evaluation ---- */

/* y = (x − running mean) / √(running variance + ε) × weight + bias, whatever else is in the batch,
 * and the running statistics stay unchanged. */
Test(batch_norm, in_evaluation_uses_the_running_statistics_and_leaves_them) {
    enum {
        BATCH = 6,
        CHANNELS = 3,
        PIXELS = 4,
        WIDTH = CHANNELS * PIXELS
    };
    mote_error error = {0};
    mote_model *model =
        layer_alone_create("batch_norm", NULL, mote_shape_image(CHANNELS, 2, 2), BATCH, &error);
    cr_assert(model, "%s", error.message);
    mote_random random = mote_random_create(6, MOTE_RANDOM_DATA, 0);
    network_randomize(model, &random);
    const mote_real *weight = model->parameters[0].parameter->value;
    const mote_real *bias = model->parameters[1].parameter->value;
    mote_real *mean = model->parameters[2].parameter->value;
    mote_real *variance = model->parameters[3].parameter->value;
    mote_real kept[2][CHANNELS], x[BATCH * WIDTH], y[BATCH * WIDTH], one[WIDTH];
    numbers_uniform(&random, -40, 40, CHANNELS, mean);
    numbers_uniform(&random, 0.01, 9, CHANNELS, variance);
    numbers_uniform(&random, -50, 50, BATCH * WIDTH, x);
    memcpy(kept[0], mean, sizeof kept[0]);
    memcpy(kept[1], variance, sizeof kept[1]);
    mote_pass pass = {.batch = BATCH}, alone = {.batch = 1};
    layer_alone_forward(model, &pass, x, y);
    for (size_t i = 0; i < BATCH * WIDTH; i++) {
        size_t c = i / PIXELS % CHANNELS;
        double wanted = ((double)x[i] - (double)mean[c]) / sqrt((double)variance[c] + EPSILON) *
                            (double)weight[c] +
                        (double)bias[c];
        cr_expect(fabs((double)y[i] - wanted) <= 1e-6 * fmax(1, fabs(wanted)),
                  "y[%zu] is %.9g instead of %.9g", i, (double)y[i], wanted);
    }
    for (size_t row = 0; row < BATCH; row++) {
        layer_alone_forward(model, &alone, x + row * WIDTH, one);
        cr_expect_eq(memcmp(one, y + row * WIDTH, sizeof one), 0, "row %zu alone", row);
    }
    cr_expect_eq(memcmp(kept[0], mean, sizeof kept[0]), 0, "the running mean has moved");
    cr_expect_eq(memcmp(kept[1], variance, sizeof kept[1]), 0, "the running variance has moved");
    network_destroy(model);
}

/* ---- columns without any variance ---- */

Test(normalization, of_equal_numbers_gives_the_bias_and_finite_gradients) {
    static const char *const types[] = {"batch_norm", "layer_norm"};
    enum {
        BATCH = 150,
        WIDTH = 7
    };
    for (size_t t = 0; t < COUNT(types); t++) {
        mote_error error = {0};
        mote_model *model =
            layer_alone_create(types[t], NULL, mote_shape_vector(WIDTH), BATCH, &error);
        cr_assert(model, "%s", error.message);
        mote_random random = mote_random_create(6, MOTE_RANDOM_DATA, 0);
        network_randomize(model, &random);
        const mote_real *bias = model->parameters[1].parameter->value;
        mote_real x[BATCH * WIDTH], y[BATCH * WIDTH], dy[BATCH * WIDTH], dx[BATCH * WIDTH];
        for (size_t i = 0; i < BATCH * WIDTH; i++) {
            x[i] = 1000.1f;
        }
        numbers_uniform(&random, -1, 1, BATCH * WIDTH, dy);
        mote_pass pass = {.batch = BATCH, .training = true, .random = &random};
        layer_alone_forward(model, &pass, x, y);
        layer_alone_backward(model, &pass, dy, dx);
        for (size_t i = 0; i < BATCH * WIDTH; i++) {
            cr_expect_float_eq(y[i], bias[i % WIDTH], 1e-4f, "%s: y[%zu] is %.9g instead of %.9g",
                               types[t], i, (double)y[i], (double)bias[i % WIDTH]);
            cr_expect(isfinite(dx[i]), "%s: dx[%zu] is %g", types[t], i, (double)dx[i]);
        }
        network_destroy(model);
    }
}

/* ---- what is refused ---- */

Test(normalization, of_shapes_without_channels_or_with_one_number_is_refused) {
    static const struct {
        const char *type;
        mote_shape shape;
        const char *message;
    } rows[] = {
        {"batch_norm",
         {2, {3, 4}},
         "layers[0] (batch_norm): takes a vector or an image (channels × height × width), but the "
         "data gives 3 × 4; put a flatten layer between them"},
        {"layer_norm",
         {3, {1, 1, 1}},
         "layers[0] (layer_norm): normalizes the numbers of a sample among themselves, but the "
         "data gives only one, which would always become 0"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_error error = {0};
        mote_model *model = mote_model_create(rows[i].shape, &error);
        mote_model_add(model, rows[i].type, NULL, &error);
        cr_expect_str_eq(error.message, rows[i].message);
        mote_model_destroy(model);
    }
}
