/* layer_norm.c: y = (x − mean) / √(variance + ε) × weight + bias, with mean and variance over all n
 * numbers of a sample; weight and bias have the sample's shape.
 *
 * With x̂ = (x − mean) / √(variance + ε) and g = dy × weight:
 *
 *   dbias = Σ_batch dy        dweight = Σ_batch dy x̂
 *   dx = 1 / √(variance + ε) × (g − Σ g / n − x̂ Σ g x̂ / n)
 *
 * (Ba, Kiros and Hinton, "Layer normalization", 2016; details as in PyTorch's nn.LayerNorm over the
 * sample's shape.)
 */
#include "math/vector.h"
#include "math/whole.h"
#include "mote/layer.h"

enum {
    TILE = 8192, /* numbers in a tile of samples, roughly; at least one sample */
    RUN = 1024,  /* numbers summed in mote_real before double takes over */
    STRIP = 128  /* columns per tile of dweight and dbias */
};

/* Of one sample. */
typedef struct statistics {
    mote_real centre;  /* the mean, rounded */
    mote_real low;     /* what rounding took off the mean */
    mote_real inverse; /* 1 / √(variance + ε) */
} statistics;

typedef struct layer_norm {
    mote_layer base;
    double epsilon;
    mote_parameter weight, bias;
    mote_real *centre, *low, *inverse; /* [batch] each */
} layer_norm;

static const mote_field fields[] = {
    {.name = "epsilon",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(layer_norm, epsilon),
     .range = MOTE_ABOVE(0),
     .preset = "1e-5",
     .help = "added to the variance, which may be 0"},
    MOTE_FIELDS_END,
};

static mote_status declare_scratch(layer_norm *self, mote_error *error) {
    mote_real **const all[] = {&self->centre, &self->low, &self->inverse};
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && status == MOTE_OK; i++) {
        status = mote_layer_add_training_scratch(&self->base, all[i], 1, 0, error);
    }
    return status;
}

static mote_status build(mote_layer *layer, mote_error *error) {
    layer_norm *self = (layer_norm *)layer;
    mote_shape shape = layer->input_shape;
    if (mote_shape_count(shape) == 1) {
        return mote_fail(error, MOTE_INVALID,
                         "normalizes the numbers of a sample among themselves, but %s gives only "
                         "one, which would always become 0",
                         layer->input_name);
    }
    layer->output_shape = shape;
    self->weight = (mote_parameter){
        .name = "weight", .shape = shape, .initializer.kind = MOTE_INITIALIZER_ONES};
    self->bias = (mote_parameter){
        .name = "bias", .shape = shape, .initializer.kind = MOTE_INITIALIZER_ZEROS};
    mote_status status = mote_layer_add_parameter(layer, &self->weight, error);
    if (status == MOTE_OK) {
        status = mote_layer_add_parameter(layer, &self->bias, error);
    }
    return status == MOTE_OK ? declare_scratch(self, error) : status;
}

/* Shared by the tiles of one pass. */
typedef struct job {
    const layer_norm *self;
    const mote_pass *pass;
    size_t width, rows_per_tile;
    const mote_real *x, *dy;
    mote_real *y, *dx;
} job;

static job make_job(const layer_norm *self, const mote_pass *pass) {
    size_t width = mote_shape_count(self->base.input_shape);
    return (job){.self = self, .pass = pass, .width = width, .rows_per_tile = 1 + TILE / width};
}

static size_t tile_count(const job *j) {
    return mote_ceiling_divide(j->pass->batch, j->rows_per_tile);
}

static size_t end_of_tile(const job *j, size_t index) {
    return mote_minimum((index + 1) * j->rows_per_tile, j->pass->batch);
}

/* ---- forward ---- */

MOTE_MULTIVERSION
static double sum(size_t count, const mote_real *x) {
    double all = 0;
    for (size_t begin = 0; begin < count; begin += RUN) {
        size_t end = begin + RUN < count ? begin + RUN : count;
        mote_real some = 0;
#pragma omp simd reduction(+ : some)
        for (size_t i = begin; i < end; i++) {
            some += x[i];
        }
        all += (double)some;
    }
    return all;
}

/* Adds x − centre and its square to the sums. */
MOTE_MULTIVERSION
static void add_deviations(size_t count, const mote_real *x, mote_real centre, double *sum_of_all,
                           double *squares_of_all) {
    for (size_t begin = 0; begin < count; begin += RUN) {
        size_t end = begin + RUN < count ? begin + RUN : count;
        mote_real some = 0, squares = 0;
#pragma omp simd reduction(+ : some, squares)
        for (size_t i = begin; i < end; i++) {
            mote_real deviation = x[i] - centre;
            some += deviation;
            squares += deviation * deviation;
        }
        *sum_of_all += (double)some;
        *squares_of_all += (double)squares;
    }
}

/* The deviations from a first estimate of the mean, and their squares, give mean and variance to
 * full precision even where the mean is far larger than the standard deviation. */
static statistics measure(size_t count, const mote_real *x, double epsilon) {
    double n = (double)count, deviations = 0, squares = 0;
    mote_real first = (mote_real)(sum(count, x) / n);
    add_deviations(count, x, first, &deviations, &squares);
    double short_of = deviations / n;
    double variance = squares / n - short_of * short_of;
    variance = variance < 0 ? 0 : variance; /* negative by rounding; NaN stays NaN */
    double mean = (double)first + short_of;
    mote_real centre = (mote_real)mean;
    return (statistics){.centre = centre,
                        .low = (mote_real)(mean - (double)centre),
                        .inverse = (mote_real)(1 / sqrt(variance + epsilon))};
}

MOTE_MULTIVERSION
static void normalize(size_t count, const mote_real *restrict x, const statistics *s,
                      const mote_real *restrict weight, const mote_real *restrict bias,
                      mote_real *restrict y) {
    mote_real centre = s->centre, inverse = s->inverse, offset = -s->low * inverse;
    for (size_t i = 0; i < count; i++) {
        y[i] = ((x[i] - centre) * inverse + offset) * weight[i] + bias[i];
    }
}

static void forward_tile(void *context, size_t index) {
    const job *j = context;
    const layer_norm *self = j->self;
    size_t begin = index * j->rows_per_tile, end = end_of_tile(j, index);
    for (size_t row = begin; row < end; row++) {
        const mote_real *x = j->x + row * j->width;
        statistics s = measure(j->width, x, self->epsilon);
        normalize(j->width, x, &s, self->weight.value, self->bias.value, j->y + row * j->width);
        if (self->centre) {
            self->centre[row] = s.centre;
            self->low[row] = s.low;
            self->inverse[row] = s.inverse;
        }
    }
    mote_finish_y(&self->base, (end - begin) * j->width, j->y + begin * j->width);
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    job j = make_job((const layer_norm *)layer, pass);
    j.x = x;
    j.y = y;
    mote_pool_run(pass->pool, tile_count(&j), forward_tile, &j);
}

/* ---- backward ---- */

/* Adds g and g (x − centre) to the sums. */
MOTE_MULTIVERSION
static void add_gradients(size_t count, const mote_real *x, mote_real centre, const mote_real *dy,
                          const mote_real *weight, double *sum_of_all, double *products_of_all) {
    for (size_t begin = 0; begin < count; begin += RUN) {
        size_t end = begin + RUN < count ? begin + RUN : count;
        mote_real some = 0, products = 0;
#pragma omp simd reduction(+ : some, products)
        for (size_t i = begin; i < end; i++) {
            mote_real g = dy[i] * weight[i];
            some += g;
            products += g * (x[i] - centre);
        }
        *sum_of_all += (double)some;
        *products_of_all += (double)products;
    }
}

/* dx = g × scale + (x − centre) × slope + offset. */
MOTE_MULTIVERSION
static void go_back(size_t count, const mote_real *restrict x, mote_real centre,
                    const mote_real *restrict dy, const mote_real *restrict weight, mote_real scale,
                    mote_real slope, mote_real offset, mote_real *restrict dx) {
    for (size_t i = 0; i < count; i++) {
        dx[i] = dy[i] * weight[i] * scale + ((x[i] - centre) * slope + offset);
    }
}

static void go_back_row(const job *j, size_t row) {
    const layer_norm *self = j->self;
    size_t begin = row * j->width;
    const mote_real *x = j->x + begin, *dy = j->dy + begin, *weight = self->weight.value;
    double g = 0, products = 0, n = (double)j->width;
    add_gradients(j->width, x, self->centre[row], dy, weight, &g, &products);
    double low = (double)self->low[row], inverse = (double)self->inverse[row];
    double g_x = inverse * (products - low * g); /* Σ g x̂ */
    double slope = -inverse * inverse * g_x / n;
    double offset = -inverse * g / n - slope * low;
    go_back(j->width, x, self->centre[row], dy, weight, self->inverse[row], (mote_real)slope,
            (mote_real)offset, j->dx + begin);
}

static void dx_tile(void *context, size_t index) {
    const job *j = context;
    size_t begin = index * j->rows_per_tile, end = end_of_tile(j, index);
    for (size_t row = begin; row < end; row++) {
        go_back_row(j, row);
    }
    mote_finish_dx(&j->self->base, (end - begin) * j->width, j->x + begin * j->width,
                   j->dx + begin * j->width);
}

MOTE_MULTIVERSION
static void add_row(size_t columns, const mote_real *restrict x, const statistics *s,
                    const mote_real *restrict dy, mote_real *restrict dweight,
                    mote_real *restrict dbias) {
    mote_real centre = s->centre, inverse = s->inverse, offset = -s->low * inverse;
    for (size_t i = 0; i < columns; i++) {
        dweight[i] += dy[i] * ((x[i] - centre) * inverse + offset);
        dbias[i] += dy[i];
    }
}

static void parameters_tile(void *context, size_t index) {
    const job *j = context;
    const layer_norm *self = j->self;
    size_t begin = index * STRIP, left = j->width - begin, columns = left < STRIP ? left : STRIP;
    mote_real dweight[STRIP] = {0}, dbias[STRIP] = {0};
    for (size_t row = 0; row < j->pass->batch; row++) {
        const statistics s = {self->centre[row], self->low[row], self->inverse[row]};
        size_t offset = row * j->width + begin;
        add_row(columns, j->x + offset, &s, j->dy + offset, dweight, dbias);
    }
    mote_gradient_ready(j->pass, &self->weight, begin, columns, dweight);
    mote_gradient_ready(j->pass, &self->bias, begin, columns, dbias);
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    job j = make_job((const layer_norm *)layer, pass);
    j.x = x;
    j.dy = dy;
    j.dx = dx;
    if (dx) { /* first: it needs the weights before their update */
        mote_pool_run(pass->pool, tile_count(&j), dx_tile, &j);
    }
    mote_pool_run(pass->pool, mote_ceiling_divide(j.width, STRIP), parameters_tile, &j);
}

const mote_layer_class mote_layer_layer_norm = {
    .type = "layer_norm",
    .summary = "normalizes a sample's numbers to mean 0 and standard deviation 1, then scales and "
               "shifts each",
    .example = "{\"type\": \"layer_norm\", \"epsilon\": 1e-5}",
    .size = sizeof(layer_norm),
    .fields = fields,
    .order = MOTE_PLANES,
    .build = build,
    .forward = forward,
    .backward = backward,
    .fuses = true,
    .tiles_gradients = true,
};
