/* batch_norm.c: y = (x − mean) / √(variance + ε) × weight + bias, per feature of a vector or per
 * channel of an image.
 *
 * In training, mean and variance are taken over the batch's n rows: its samples, or for images
 * their pixels. With x̂ = (x − mean) / √(variance + ε) and sums over those rows:
 *
 *   dbias = Σ dy        dweight = Σ dy x̂
 *   dx = weight / √(variance + ε) × (dy − dbias / n − x̂ dweight / n)
 *
 * The running mean and variance move towards those of the batch, where the variance is the unbiased
 * estimate, n / (n − 1) times as large. Evaluation uses the running ones. (Ioffe and Szegedy,
 * "Batch normalization", 2015; details as in PyTorch's nn.BatchNorm1d and nn.BatchNorm2d.)
 *
 * x̂ is not stored: the backward pass has to read x or x̂, and x is there anyway.
 */
#include <assert.h>
#include <string.h>

#include "math/vector.h"
#include "math/whole.h"
#include "mote/layer.h"

/* The batch is a matrix [rows × channels]. It is cut into strips of columns, so that a strip's sums
 * stay in L1, and into tiles of rows, so that a tile, which is read twice, does too. With few
 * channels, a line holds as many rows side by side as fit, and loops run over whole lines. */
enum {
    LINE = 128, /* numbers, at most */
    TILE = 8192,
    PARTIALS = 3 /* numbers per tile and column */
};

/* The coefficients that make y of x, and dx of x and dy, repeated for each row of a line:
 *     y = (x − centre) × scale + shift
 *     dx = dy × scale + (x − centre) × slope + offset
 */
typedef struct coefficients {
    mote_real *centre, *scale, *shift;
    mote_real *slope, *offset;
} coefficients;

typedef struct batch_norm {
    mote_layer base;
    double momentum, epsilon;
    mote_parameter weight, bias, running_mean, running_var;

    size_t channels;
    size_t rows_per_sample;
    size_t fold;   /* rows per line */
    size_t strip;  /* columns per strip; the last may have fewer */
    size_t strips; /* 1 if a line has more than one row */
    size_t rows_per_tile;

    mote_real *forward_coefficients, *backward_coefficients;
    mote_real *partials;   /* [tiles of rows × PARTIALS × channels] */
    mote_real *statistics; /* [2 × channels]: 1 / √(variance + ε), and mean − centre */
} batch_norm;

static const mote_field fields[] = {
    {.name = "momentum",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(batch_norm, momentum),
     .range = MOTE_BETWEEN(0, 1),
     .preset = "0.1",
     .help = "how far each step moves the running mean and variance towards those of its batch"},
    {.name = "epsilon",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(batch_norm, epsilon),
     .range = MOTE_ABOVE(0),
     .preset = "1e-5",
     .help = "added to the variance, which may be 0"},
    MOTE_FIELDS_END,
};

/* ---- building ---- */

static void decide_tiles(batch_norm *self) {
    size_t channels = self->channels;
    self->fold = channels < LINE ? LINE / channels : 1;
    size_t strips = mote_ceiling_divide(channels, LINE);
    size_t even = mote_ceiling_divide(channels, strips);
    self->strip = strips == 1 ? channels : mote_ceiling_divide(even, 16) * 16;
    self->strips = mote_ceiling_divide(channels, self->strip);
    self->rows_per_tile = TILE / (self->strip * self->fold) * self->fold;
}

static mote_status declare_parameters(batch_norm *self, mote_error *error) {
    mote_shape shape = mote_shape_vector(self->channels);
    const mote_initializer zeros = {.kind = MOTE_INITIALIZER_ZEROS},
                           ones = {.kind = MOTE_INITIALIZER_ONES};
    self->weight = (mote_parameter){.name = "weight", .shape = shape, .initializer = ones};
    self->bias = (mote_parameter){.name = "bias", .shape = shape, .initializer = zeros};
    self->running_mean = (mote_parameter){
        .name = "running_mean", .shape = shape, .initializer = zeros, .buffer = true};
    self->running_var = (mote_parameter){
        .name = "running_var", .shape = shape, .initializer = ones, .buffer = true};
    mote_parameter *const all[] = {&self->weight, &self->bias, &self->running_mean,
                                   &self->running_var};
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && status == MOTE_OK; i++) {
        status = mote_layer_add_parameter(&self->base, all[i], error);
    }
    return status;
}

static mote_status declare_scratch(batch_norm *self, mote_error *error) {
    mote_layer *layer = &self->base;
    size_t channels = self->channels, line = channels * self->fold;
    /* The last tile of rows may be partial, so a batch has at most one more than its rows fill. */
    size_t per_sample =
        mote_ceiling_divide(PARTIALS * channels * self->rows_per_sample, self->rows_per_tile);
    mote_status status =
        mote_layer_add_scratch(layer, &self->forward_coefficients, 0, 3 * line, error);
    if (status == MOTE_OK) {
        status = mote_layer_add_training_scratch(layer, &self->backward_coefficients, 0, 2 * line,
                                                 error);
    }
    if (status == MOTE_OK) {
        status = mote_layer_add_training_scratch(layer, &self->partials, per_sample,
                                                 PARTIALS * channels, error);
    }
    if (status == MOTE_OK) {
        status = mote_layer_add_training_scratch(layer, &self->statistics, 0, 2 * channels, error);
    }
    return status;
}

static mote_status build(mote_layer *layer, mote_error *error) {
    batch_norm *self = (batch_norm *)layer;
    mote_shape shape = layer->input_shape;
    if (shape.rank != 1 && shape.rank != 3) {
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_INVALID,
                         "takes a vector or an image (channels × height × width), but %s gives %s; "
                         "put a flatten layer between them",
                         layer->input_name, mote_shape_text(shape, text));
    }
    self->channels = shape.dims[0];
    self->rows_per_sample = mote_shape_count(shape) / self->channels;
    layer->output_shape = shape;
    layer->least_batch = self->rows_per_sample == 1 ? 2 : 0;
    decide_tiles(self);
    mote_status status = declare_parameters(self, error);
    return status == MOTE_OK ? declare_scratch(self, error) : status;
}

/* ---- tiles ---- */

/* Shared by the tiles of one pass. */
typedef struct job {
    const batch_norm *self;
    size_t rows, tiles; /* rows of the batch, and tiles of rows */
    const mote_real *x, *dy;
    mote_real *y, *dx;
    bool training;
} job;

static job make_job(const batch_norm *self, const mote_pass *pass) {
    size_t rows = pass->batch * self->rows_per_sample;
    return (job){.self = self,
                 .rows = rows,
                 .tiles = mote_ceiling_divide(rows, self->rows_per_tile),
                 .training = pass->training};
}

static size_t rows_of_tile(const job *j, size_t tile) {
    return mote_minimum(j->rows - tile * j->self->rows_per_tile, j->self->rows_per_tile);
}

static size_t columns_of_strip(const batch_norm *self, size_t strip) {
    return mote_minimum(self->channels - strip * self->strip, self->strip);
}

/* A tile of one strip: `lines` lines of `width` numbers, `stride` apart, and the first `rest`
 * numbers of one more. */
typedef struct span {
    size_t tile, column, columns, rows;
    size_t begin; /* in x */
    size_t lines, stride, width, rest;
} span;

static span find_span(const job *j, size_t index) {
    const batch_norm *self = j->self;
    size_t tile = index / self->strips, strip = index % self->strips;
    size_t column = strip * self->strip, columns = columns_of_strip(self, strip);
    size_t rows = rows_of_tile(j, tile);
    return (span){.tile = tile,
                  .column = column,
                  .columns = columns,
                  .rows = rows,
                  .begin = tile * self->rows_per_tile * self->channels + column,
                  .lines = rows / self->fold,
                  .stride = self->channels * self->fold,
                  .width = columns * self->fold,
                  .rest = rows % self->fold * columns};
}

static mote_real *partial(const batch_norm *self, size_t tile, size_t number, size_t column) {
    return self->partials + (tile * PARTIALS + number) * self->channels + column;
}

static coefficients find_coefficients(const batch_norm *self, size_t column) {
    size_t line = self->channels * self->fold;
    mote_real *forward = self->forward_coefficients + column;
    coefficients c = {.centre = forward, .scale = forward + line, .shift = forward + 2 * line};
    if (self->backward_coefficients) {
        c.slope = self->backward_coefficients + column;
        c.offset = c.slope + line;
    }
    return c;
}

/* Repeats `columns` numbers for each row of a line. */
static void repeat(size_t fold, size_t columns, mote_real *numbers) {
    for (size_t i = 1; i < fold; i++) {
        memcpy(numbers + i * columns, numbers, columns * sizeof *numbers);
    }
}

/* The reverse: adds up the rows of a line, by repeated halving. */
MOTE_MULTIVERSION
static void fold_up(size_t fold, size_t columns, mote_real *sums) {
    while (fold > 1) {
        size_t half = (fold + 1) / 2, count = (fold - half) * columns;
        for (size_t i = 0; i < count; i++) {
            sums[i] += sums[half * columns + i];
        }
        fold = half;
    }
}

/* ---- the batch's mean and variance ---- */

/* Four lines at a time, so that sums are loaded and stored once for all four. */
MOTE_MULTIVERSION
static void add_lines(const span *s, const mote_real *restrict x, mote_real *restrict sums) {
    size_t line = 0, stride = s->stride, width = s->width, rest = s->rest;
    for (; line + 4 <= s->lines; line += 4, x += 4 * stride) {
        for (size_t i = 0; i < width; i++) {
            sums[i] += (x[i] + x[stride + i]) + (x[2 * stride + i] + x[3 * stride + i]);
        }
    }
    for (; line < s->lines; line++, x += stride) {
        for (size_t i = 0; i < width; i++) {
            sums[i] += x[i];
        }
    }
    for (size_t i = 0; i < rest; i++) {
        sums[i] += x[i];
    }
}

/* Adds x − centre and its square to the sums. */
MOTE_MULTIVERSION
static void add_deviations(const span *s, const mote_real *restrict x,
                           const mote_real *restrict centre, mote_real *restrict sums,
                           mote_real *restrict squares) {
    size_t line = 0, stride = s->stride, width = s->width, rest = s->rest;
    for (; line + 2 <= s->lines; line += 2, x += 2 * stride) {
        for (size_t i = 0; i < width; i++) {
            mote_real a = x[i] - centre[i], b = x[stride + i] - centre[i];
            sums[i] += a + b;
            squares[i] += a * a + b * b;
        }
    }
    for (; line < s->lines; line++, x += stride) {
        for (size_t i = 0; i < width; i++) {
            mote_real a = x[i] - centre[i];
            sums[i] += a;
            squares[i] += a * a;
        }
    }
    for (size_t i = 0; i < rest; i++) {
        mote_real a = x[i] - centre[i];
        sums[i] += a;
        squares[i] += a * a;
    }
}

/* For each column of the tile: its mean, up to rounding, and the sums of the deviations from it and
 * of their squares. These give mean and variance to full precision even where the mean is far
 * larger than the standard deviation. */
static void measure_tile(void *context, size_t index) {
    const job *j = context;
    const batch_norm *self = j->self;
    span s = find_span(j, index);
    mote_real centre[LINE] = {0}, sums[LINE] = {0}, squares[LINE] = {0};
    add_lines(&s, j->x + s.begin, centre);
    fold_up(self->fold, s.columns, centre);
    for (size_t i = 0; i < s.columns; i++) {
        centre[i] /= (mote_real)s.rows;
    }
    repeat(self->fold, s.columns, centre);
    add_deviations(&s, j->x + s.begin, centre, sums, squares);
    fold_up(self->fold, s.columns, sums);
    fold_up(self->fold, s.columns, squares);
    memcpy(partial(self, s.tile, 0, s.column), centre, s.columns * sizeof *centre);
    memcpy(partial(self, s.tile, 1, s.column), sums, s.columns * sizeof *sums);
    memcpy(partial(self, s.tile, 2, s.column), squares, s.columns * sizeof *squares);
}

/* Σ x of a tile is rows × centre + Σ (x − centre). */
MOTE_MULTIVERSION
static void add_to_means(size_t columns, double rows, const mote_real *centre,
                         const mote_real *sums, double *mean) {
    for (size_t i = 0; i < columns; i++) {
        mean[i] += rows * (double)centre[i] + (double)sums[i];
    }
}

/* With d = centre − mean, Σ (x − mean)² of a tile is Σ (x − centre)² + 2d Σ (x − centre) +
 * rows × d². */
MOTE_MULTIVERSION
static void add_to_variances(size_t columns, double rows, const mote_real *centre,
                             const mote_real *sums, const mote_real *squares, const double *mean,
                             double *variance) {
    for (size_t i = 0; i < columns; i++) {
        double d = (double)centre[i] - mean[i];
        variance[i] += (double)squares[i] + d * (2 * (double)sums[i] + rows * d);
    }
}

/* Means and variances of the strip's columns; tiles are added in order. */
static void combine_statistics(const job *j, size_t strip, double *mean, double *variance) {
    const batch_norm *self = j->self;
    size_t column = strip * self->strip, columns = columns_of_strip(self, strip);
    for (size_t t = 0; t < j->tiles; t++) {
        add_to_means(columns, (double)rows_of_tile(j, t), partial(self, t, 0, column),
                     partial(self, t, 1, column), mean);
    }
    for (size_t i = 0; i < columns; i++) {
        mean[i] /= (double)j->rows;
    }
    for (size_t t = 0; t < j->tiles; t++) {
        add_to_variances(columns, (double)rows_of_tile(j, t), partial(self, t, 0, column),
                         partial(self, t, 1, column), partial(self, t, 2, column), mean, variance);
    }
    for (size_t i = 0; i < columns; i++) {
        variance[i] /= (double)j->rows;
        variance[i] = variance[i] < 0 ? 0 : variance[i]; /* negative by rounding; NaN stays NaN */
    }
}

/* ---- forward ---- */

static void move_running(const job *j, size_t column, size_t columns, const double *mean,
                         const double *variance) {
    const batch_norm *self = j->self;
    mote_real *running_mean = self->running_mean.value + column;
    mote_real *running_var = self->running_var.value + column;
    double momentum = self->momentum;
    double unbiased = (double)j->rows / (double)(j->rows - 1);
    for (size_t i = 0; i < columns; i++) {
        running_mean[i] =
            (mote_real)((1 - momentum) * (double)running_mean[i] + momentum * mean[i]);
        running_var[i] = (mote_real)((1 - momentum) * (double)running_var[i] +
                                     momentum * unbiased * variance[i]);
    }
}

/* The shift makes up for the rounding of the mean. */
static void prepare_forward(const batch_norm *self, size_t column, size_t columns,
                            const double *mean, const double *variance) {
    coefficients c = find_coefficients(self, column);
    mote_real *statistics = self->statistics;
    for (size_t i = 0; i < columns; i++) {
        double inverse = 1 / sqrt(variance[i] + self->epsilon);
        double scale = (double)self->weight.value[column + i] * inverse;
        c.centre[i] = (mote_real)mean[i];
        double low = mean[i] - (double)c.centre[i];
        c.scale[i] = (mote_real)scale;
        c.shift[i] = (mote_real)((double)self->bias.value[column + i] - low * scale);
        if (statistics) {
            statistics[column + i] = (mote_real)inverse;
            statistics[self->channels + column + i] = (mote_real)low;
        }
    }
    repeat(self->fold, columns, c.centre);
    repeat(self->fold, columns, c.scale);
    repeat(self->fold, columns, c.shift);
}

static void prepare_strip(void *context, size_t strip) {
    const job *j = context;
    const batch_norm *self = j->self;
    size_t column = strip * self->strip, columns = columns_of_strip(self, strip);
    double mean[LINE] = {0}, variance[LINE] = {0};
    if (j->training) {
        combine_statistics(j, strip, mean, variance);
        move_running(j, column, columns, mean, variance);
    } else {
        for (size_t i = 0; i < columns; i++) {
            mean[i] = (double)self->running_mean.value[column + i];
            variance[i] = (double)self->running_var.value[column + i];
        }
    }
    prepare_forward(self, column, columns, mean, variance);
}

MOTE_MULTIVERSION
static void normalize(const span *s, const mote_real *restrict x, const mote_real *restrict centre,
                      const mote_real *restrict scale, const mote_real *restrict shift,
                      mote_real *restrict y) {
    size_t stride = s->stride, width = s->width, rest = s->rest;
    for (size_t line = 0; line < s->lines; line++, x += stride, y += stride) {
        for (size_t i = 0; i < width; i++) {
            y[i] = (x[i] - centre[i]) * scale[i] + shift[i];
        }
    }
    for (size_t i = 0; i < rest; i++) {
        y[i] = (x[i] - centre[i]) * scale[i] + shift[i];
    }
}

static void normalize_tile(void *context, size_t index) {
    const job *j = context;
    const batch_norm *self = j->self;
    span s = find_span(j, index);
    coefficients c = find_coefficients(self, s.column);
    mote_real *y = j->y + s.begin;
    normalize(&s, j->x + s.begin, c.centre, c.scale, c.shift, y);
    if (self->strips == 1) {
        mote_finish_y(&self->base, s.rows * s.columns, y);
        return;
    }
    for (size_t row = 0; row < s.rows; row++) {
        mote_finish_y(&self->base, s.columns, y + row * self->channels);
    }
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    const batch_norm *self = (const batch_norm *)layer;
    job j = make_job(self, pass);
    j.x = x;
    j.y = y;
    if (j.training) {
        assert(j.rows > 1);
        mote_pool_run(pass->pool, j.tiles * self->strips, measure_tile, &j);
    }
    mote_pool_run(pass->pool, self->strips, prepare_strip, &j);
    mote_pool_run(pass->pool, j.tiles * self->strips, normalize_tile, &j);
}

/* ---- backward ---- */

/* Adds dy and dy (x − centre) to the sums. */
MOTE_MULTIVERSION
static void add_gradients(const span *s, const mote_real *restrict x, const mote_real *restrict dy,
                          const mote_real *restrict centre, mote_real *restrict sums,
                          mote_real *restrict products) {
    size_t line = 0, stride = s->stride, width = s->width, rest = s->rest;
    for (; line + 2 <= s->lines; line += 2, x += 2 * stride, dy += 2 * stride) {
        for (size_t i = 0; i < width; i++) {
            mote_real a = dy[i], b = dy[stride + i];
            sums[i] += a + b;
            products[i] += a * (x[i] - centre[i]) + b * (x[stride + i] - centre[i]);
        }
    }
    for (; line < s->lines; line++, x += stride, dy += stride) {
        for (size_t i = 0; i < width; i++) {
            sums[i] += dy[i];
            products[i] += dy[i] * (x[i] - centre[i]);
        }
    }
    for (size_t i = 0; i < rest; i++) {
        sums[i] += dy[i];
        products[i] += dy[i] * (x[i] - centre[i]);
    }
}

static void sum_gradient_tile(void *context, size_t index) {
    const job *j = context;
    const batch_norm *self = j->self;
    span s = find_span(j, index);
    coefficients c = find_coefficients(self, s.column);
    mote_real sums[LINE] = {0}, products[LINE] = {0};
    add_gradients(&s, j->x + s.begin, j->dy + s.begin, c.centre, sums, products);
    fold_up(self->fold, s.columns, sums);
    fold_up(self->fold, s.columns, products);
    memcpy(partial(self, s.tile, 0, s.column), sums, s.columns * sizeof *sums);
    memcpy(partial(self, s.tile, 1, s.column), products, s.columns * sizeof *products);
}

MOTE_MULTIVERSION
static void add_up(size_t columns, const mote_real *numbers, double *sums) {
    for (size_t i = 0; i < columns; i++) {
        sums[i] += (double)numbers[i];
    }
}

/* From sums over the batch to the gradients of weight and bias, and to the coefficients of dx. */
static void finish_strip(void *context, size_t strip) {
    const job *j = context;
    const batch_norm *self = j->self;
    size_t column = strip * self->strip, columns = columns_of_strip(self, strip);
    double sums[LINE] = {0}, products[LINE] = {0};
    for (size_t t = 0; t < j->tiles; t++) {
        add_up(columns, partial(self, t, 0, column), sums);
        add_up(columns, partial(self, t, 1, column), products);
    }
    coefficients c = find_coefficients(self, column);
    double n = (double)j->rows;
    for (size_t i = 0; i < columns; i++) {
        double inverse = (double)self->statistics[column + i];
        double low = (double)self->statistics[self->channels + column + i];
        double scale = (double)self->weight.value[column + i] * inverse;
        double dweight = inverse * (products[i] - low * sums[i]);
        double slope = -scale * inverse * dweight / n;
        c.slope[i] = (mote_real)slope;
        c.offset[i] = (mote_real)(-scale * sums[i] / n - slope * low);
        self->weight.gradient[column + i] += (mote_real)dweight;
        self->bias.gradient[column + i] += (mote_real)sums[i];
    }
    repeat(self->fold, columns, c.slope);
    repeat(self->fold, columns, c.offset);
}

MOTE_MULTIVERSION
static void go_back(const span *s, const coefficients *c, const mote_real *restrict x,
                    const mote_real *restrict dy, mote_real *restrict dx) {
    const mote_real *restrict centre = c->centre, *restrict scale = c->scale;
    const mote_real *restrict slope = c->slope, *restrict offset = c->offset;
    size_t stride = s->stride, width = s->width, rest = s->rest;
    for (size_t line = 0; line < s->lines; line++, x += stride, dy += stride, dx += stride) {
        for (size_t i = 0; i < width; i++) {
            dx[i] = dy[i] * scale[i] + ((x[i] - centre[i]) * slope[i] + offset[i]);
        }
    }
    for (size_t i = 0; i < rest; i++) {
        dx[i] = dy[i] * scale[i] + ((x[i] - centre[i]) * slope[i] + offset[i]);
    }
}

static void go_back_tile(void *context, size_t index) {
    const job *j = context;
    const batch_norm *self = j->self;
    span s = find_span(j, index);
    coefficients c = find_coefficients(self, s.column);
    const mote_real *x = j->x + s.begin;
    mote_real *dx = j->dx + s.begin;
    go_back(&s, &c, x, j->dy + s.begin, dx);
    if (self->strips == 1) {
        mote_finish_dx(&self->base, s.rows * s.columns, x, dx);
        return;
    }
    for (size_t row = 0; row < s.rows; row++) {
        mote_finish_dx(&self->base, s.columns, x + row * self->channels, dx + row * self->channels);
    }
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    const batch_norm *self = (const batch_norm *)layer;
    job j = make_job(self, pass);
    j.x = x;
    j.dy = dy;
    j.dx = dx;
    mote_pool_run(pass->pool, j.tiles * self->strips, sum_gradient_tile, &j);
    mote_pool_run(pass->pool, self->strips, finish_strip, &j);
    if (dx) {
        mote_pool_run(pass->pool, j.tiles * self->strips, go_back_tile, &j);
    }
}

const mote_layer_class mote_layer_batch_norm = {
    .type = "batch_norm",
    .summary = "normalizes each feature or channel to mean 0 and standard deviation 1 over the "
               "batch, then scales and shifts it",
    .example = "{\"type\": \"batch_norm\", \"momentum\": 0.1}",
    .size = sizeof(batch_norm),
    .fields = fields,
    .order = MOTE_CHANNELS_LAST,
    .build = build,
    .forward = forward,
    .backward = backward,
    .fuses = true,
};
