/* conv2d.c: y = Σ over the window of x × W, + b, the convolution of images with filters.
 *
 *   x [batch × C × H × W], W [filters × C / groups × kernel × kernel], b [filters]
 *   y [batch × filters × H' × W']
 *
 * With the numbers that a pixel of y sees laid out as a row of a matrix X, a convolution is a
 * product; Wp is W with the channels last, as X has them:
 *
 *   y = X Wpᵀ        dX = dy Wp        dW = dyᵀ X        db = the sum of dy's rows
 *
 * X is never there as a whole: a few rows of it at a time, just before they are multiplied, so that
 * it stays in L1 or L2. Few channels and one filter per channel do without it; see direct.h and
 * depthwise.h. So do windows of 3 × 3 over more channels, which take fewer multiplications; see
 * winograd.h. Nor is y ever there as a whole where max_pool2d follows: each image of it is pooled as
 * soon as it is finished, and most of its dy is 0; see runs.h.
 */
#include <string.h>

#include "math/convolution.h"
#include "math/depthwise.h"
#include "math/direct.h"
#include "math/gemm.h"
#include "math/rows.h"
#include "math/runs.h"
#include "math/vector.h"
#include "math/winograd.h"
#include "mote/kernels.h"
#include "mote/layer.h"

typedef enum method {
    BY_COLUMNS,  /* rows of X */
    DIRECTLY,    /* few channels */
    CHANNELWISE, /* one filter for each channel */
    WINOGRAD,    /* windows of 3 × 3 over more channels */
} method;

typedef struct conv2d {
    mote_layer base;
    size_t filters, kernel, stride, padding, dilation, groups;
    bool bias;
    mote_initializer initializer, bias_initializer;
    mote_parameter weight_parameter, bias_parameter;

    method method;
    mote_window window;
    mote_winograd winograd, winograd_backward; /* of `window`, where that is the method */
    size_t group_channels, group_filters;
    size_t depth; /* numbers that one filter sees */

    /* Wp [filters × depth], in runs where dx is made of these, and what the forward pass multiplies with: by columns, Wpᵀ for each
     * group; directly, [depth × filters in whole vectors] and a row for the bias; channelwise,
     * [depth × filters]. Winograd's are in `multiplied`, and in `packed` those for dx. */
    mote_real *packed, *multiplied;
    size_t multiplied_stride; /* the distance of its rows */

    /* Sums of dW and db over some of the batch each, in the order of `multiplied`, or by columns in
     * that of Wp, which are added up at the end in the same order with any number of threads. */
    size_t parts, part_size;
    size_t filters_per_block; /* of a part, which is shared out further where filters are many */
    mote_real *sums;
} conv2d;

static const char *const padding_names[] = {"same", NULL};

static const mote_field fields[] = {
    {.name = "filters",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(conv2d, filters),
     .range = MOTE_BETWEEN(1, 1 << 16),
     .help = "how many channels come out"},
    {.name = "kernel",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(conv2d, kernel),
     .range = MOTE_BETWEEN(1, 1 << 10),
     .help = "the height and width of the window"},
    {.name = "stride",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(conv2d, stride),
     .range = MOTE_BETWEEN(1, 1 << 10),
     .preset = "1",
     .help = "how far the window moves from pixel to pixel"},
    {.name = "padding",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(conv2d, padding),
     .range = MOTE_BETWEEN(0, 1 << 10),
     .choices = padding_names,
     .preset = "0",
     .help = "zeros around the image; \"same\": as many as keep its size, divided by the stride"},
    {.name = "dilation",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(conv2d, dilation),
     .range = MOTE_BETWEEN(1, 1 << 10),
     .preset = "1",
     .help = "how far apart the numbers are that the window looks at"},
    {.name = "groups",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(conv2d, groups),
     .range = MOTE_BETWEEN(1, 1 << 16),
     .preset = "1",
     .help = "channels and filters fall into so many groups that do not see each other"},
    {.name = "bias",
     .kind = MOTE_FIELD_BOOLEAN,
     .offset = offsetof(conv2d, bias),
     .preset = "true",
     .help = "whether to add a bias"},
    {.name = "initializer",
     .kind = MOTE_FIELD_INITIALIZER,
     .offset = offsetof(conv2d, initializer),
     .preset = "\"he_normal\"",
     .help = "how the weights start out"},
    {.name = "bias_initializer",
     .kind = MOTE_FIELD_INITIALIZER,
     .offset = offsetof(conv2d, bias_initializer),
     .preset = "\"zeros\"",
     .help = "how the biases start out"},
    MOTE_FIELDS_END,
};

/* Rows of X at a time, and the numbers they have room for. Forward and dX want them in L1 and so
 * few; dW is a sum over them, which goes through the whole of dW each time, and wants many. */
enum {
    COLUMNS_CAPACITY = 1 << 16,
    FORWARD_ROWS = 64,
    GRADIENT_ROWS = 240,
    MOST_DIRECT_CHANNELS = 8,
    PARTS = 8,
    LEAST_PARTS = 4,
    PARTS_CAPACITY = 1 << 20,
    FILTERS_PER_BLOCK = 128,
    TAP_BLOCK = 8, /* of mote_direct_gradient */
    NUMBERS_PER_TILE = 4096
};

static size_t ceiling_divide(size_t a, size_t b) {
    return (a + b - 1) / b;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* ---- building ---- */

/* The zeros before and after along one side. */
static size_t padding_before(const conv2d *self, size_t in, size_t *after) {
    if (self->padding != MOTE_NAMED_INTEGER(0)) {
        return *after = self->padding;
    }
    size_t out = ceiling_divide(in, self->stride);
    size_t seen = (out - 1) * self->stride + (self->kernel - 1) * self->dilation + 1;
    size_t both = seen > in ? seen - in : 0;
    *after = both - both / 2;
    return both / 2;
}

static mote_status check_groups(const mote_layer *layer, mote_error *error) {
    const conv2d *self = (const conv2d *)layer;
    size_t channels = layer->input_shape.dims[0];
    if (channels % self->groups != 0 || self->filters % self->groups != 0) {
        bool by_channels = channels % self->groups != 0;
        size_t number = by_channels ? channels : self->filters;
        return mote_fail(error, MOTE_INVALID,
                         "%zu groups do not divide %zu %s%s evenly; \"groups\" has to divide both "
                         "the channels that come in (%zu) and the filters (%zu)",
                         self->groups, number, by_channels ? "channel" : "filter",
                         number == 1 ? "" : "s", channels, self->filters);
    }
    return MOTE_OK;
}

static mote_status place_window(mote_layer *layer, mote_error *error) {
    conv2d *self = (conv2d *)layer;
    const size_t *in = layer->input_shape.dims;
    mote_window *w = &self->window;
    size_t bottom, right;
    *w = (mote_window){.height = in[1],
                       .width = in[2],
                       .channels = in[0],
                       .kernel = self->kernel,
                       .stride = self->stride,
                       .dilation = self->dilation,
                       .padding_top = padding_before(self, in[1], &bottom),
                       .padding_left = padding_before(self, in[2], &right)};
    w->output_height =
        mote_window_extent(in[1], w->kernel, w->stride, w->padding_top, bottom, w->dilation);
    w->output_width =
        mote_window_extent(in[2], w->kernel, w->stride, w->padding_left, right, w->dilation);
    size_t span = (w->kernel - 1) * w->dilation + 1;
    if (w->output_height == 0 || w->output_width == 0) {
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_INVALID,
                         "the window of %zu × %zu is larger than what it slides over: %s gives %s, "
                         "with padding %zu × %zu; take a smaller \"kernel\" or more \"padding\"",
                         span, span, layer->input_name, mote_shape_text(layer->input_shape, text),
                         in[1] + w->padding_top + bottom, in[2] + w->padding_left + right);
    }
    if (!mote_window_plan(w)) {
        return mote_fail(error, MOTE_INVALID,
                         "the window of %zu × %zu is too large for images of %zu %s: it may hold "
                         "%zu numbers at most, those that \"dilation\" leaves out among them",
                         span, span, w->channels, w->channels == 1 ? "channel" : "channels",
                         MOTE_PATCH_NUMBERS);
    }
    layer->output_shape = mote_shape_image(self->filters, w->output_height, w->output_width);
    return MOTE_OK;
}

static mote_status add_parameters(mote_layer *layer, mote_error *error) {
    conv2d *self = (conv2d *)layer;
    size_t area = self->kernel * self->kernel;
    mote_shape shape = {.rank = 4,
                        .dims = {self->filters, self->group_channels, self->kernel, self->kernel}};
    self->weight_parameter = (mote_parameter){.name = "weight",
                                              .shape = shape,
                                              .initializer = self->initializer,
                                              .fan_in = self->depth,
                                              .fan_out = self->group_filters * area,
                                              .decay = true};
    self->bias_parameter = (mote_parameter){.name = "bias",
                                            .shape = mote_shape_vector(self->filters),
                                            .initializer = self->bias_initializer,
                                            .fan_in = self->depth,
                                            .fan_out = self->group_filters * area};
    mote_status status = mote_layer_add_parameter(layer, &self->weight_parameter, error);
    if (status == MOTE_OK && self->bias) {
        status = mote_layer_add_parameter(layer, &self->bias_parameter, error);
    }
    return status;
}

static size_t pixels_out(const conv2d *self) {
    return self->window.output_height * self->window.output_width;
}

/* Of what may come to be in runs, weights and dW; see is_sparse. */
static size_t size_in_runs(const conv2d *self) {
    bool may_be = self->base.pools && self->groups == 1 && self->dilation == 1;
    return may_be ? self->filters * self->kernel * mote_run_stride(&self->window) : 0;
}

static void choose_winograd(conv2d *self) {
    self->winograd = (mote_winograd){.window = self->window, .filters = self->filters};
    if (self->groups > 1 || !mote_winograd_suits(&self->winograd)) {
        return;
    }
    self->method = WINOGRAD;
    self->winograd_backward = mote_winograd_backward(&self->winograd);
    self->part_size = MOTE_WINOGRAD_PLACES * self->filters * self->window.channels;
    self->filters_per_block = self->filters;
    self->parts = PARTS_CAPACITY / self->part_size;
    self->parts = self->parts < LEAST_PARTS ? LEAST_PARTS
                  : self->parts < PARTS     ? self->parts
                                            : PARTS;
}

static void choose_method(conv2d *self) {
    self->method = BY_COLUMNS;
    self->multiplied_stride = self->group_filters;
    self->part_size = self->filters * self->depth;
    self->filters_per_block = self->groups == 1 ? FILTERS_PER_BLOCK : self->filters;
    if (self->groups > 1 && self->group_channels == 1 && self->group_filters == 1) {
        self->method = CHANNELWISE;
        self->multiplied_stride = self->filters;
    } else if (self->groups == 1 && self->group_channels <= MOST_DIRECT_CHANNELS &&
               self->depth <= MOTE_DIRECT_TAPS) {
        self->method = DIRECTLY;
        self->multiplied_stride = ceiling_divide(self->filters, MOTE_LANES) * MOTE_LANES;
        self->part_size =
            ceiling_divide(self->depth, TAP_BLOCK) * TAP_BLOCK * self->multiplied_stride;
        self->filters_per_block = self->filters;
    }
    self->parts = ceiling_divide(PARTS, ceiling_divide(self->filters, self->filters_per_block));
    choose_winograd(self);
    self->base.pools = self->method != WINOGRAD && mote_patch_count(&self->window) == 1 &&
                       pixels_out(self) * self->filters <= MOTE_PATCH_CAPACITY;
    self->part_size = larger(self->part_size, size_in_runs(self));
}

static mote_status build(mote_layer *layer, mote_error *error) {
    conv2d *self = (conv2d *)layer;
    mote_status status = mote_layer_expect_image(layer, error);
    if (status == MOTE_OK) {
        status = check_groups(layer, error);
    }
    if (status == MOTE_OK) {
        status = place_window(layer, error);
    }
    if (status != MOTE_OK) {
        return status;
    }
    self->group_channels = self->window.channels / self->groups;
    self->group_filters = self->filters / self->groups;
    self->depth = self->kernel * self->kernel * self->group_channels;
    choose_method(self);
    status = add_parameters(layer, error);
    if (status == MOTE_OK && self->method == WINOGRAD) {
        status = mote_layer_add_training_scratch(layer, &self->packed, 0, self->part_size, error);
    } else if (status == MOTE_OK) {
        size_t size = larger(self->filters * self->depth, size_in_runs(self));
        status = mote_layer_add_scratch(layer, &self->packed, 0, size, error);
    }
    if (status == MOTE_OK) {
        status = mote_layer_add_scratch(layer, &self->multiplied, 0,
                                        self->part_size + self->multiplied_stride, error);
    }
    if (status == MOTE_OK) {
        status = mote_layer_add_training_scratch(
            layer, &self->sums, 0, self->parts * (self->part_size + self->filters), error);
    }
    return status;
}

/* ---- going without zeros ---- */

/* Whether the output is pooled, so that most of dy is 0. */
static bool is_sparse(const conv2d *self) {
    const mote_layer *pool = self->base.fused_pool;
    return pool && self->groups == 1 && self->dilation == 1 &&
           2 * mote_shape_count(pool->output_shape) <= pixels_out(self) * self->filters;
}

static bool backward_by_runs(const conv2d *self) {
    return self->method == DIRECTLY && is_sparse(self) && self->filters <= MOTE_RUN_FILTERS;
}

/* ---- the weights in the order of the numbers ---- */

/* Where number `at` of what a filter sees is in W: channel, row and column instead of row, column
 * and channel. */
static size_t place_in_planes(const conv2d *self, size_t at) {
    size_t channel = at % self->group_channels, place = at / self->group_channels;
    return channel * self->kernel * self->kernel + place;
}

/* Where a filter's number `at` is in `multiplied`. */
static size_t place_in_multiplied(const conv2d *self, size_t filter, size_t at) {
    if (self->method != BY_COLUMNS) {
        return at * self->multiplied_stride + filter;
    }
    size_t group = filter / self->group_filters;
    return group * self->depth * self->group_filters + at * self->group_filters +
           filter % self->group_filters;
}

static void pack_filter(const conv2d *self, size_t filter) {
    const mote_real *weight = self->weight_parameter.value + filter * self->depth;
    size_t run = self->kernel * self->group_channels;
    size_t stride = backward_by_runs(self) ? mote_run_stride(&self->window) : run;
    mote_real *packed = self->packed + filter * self->kernel * stride;
    memset(packed, 0, self->kernel * stride * sizeof *packed);
    for (size_t at = 0; at < self->depth; at++) {
        mote_real value = weight[place_in_planes(self, at)];
        packed[at / run * stride + at % run] = value;
        self->multiplied[place_in_multiplied(self, filter, at)] = value;
    }
    if (self->method == DIRECTLY) {
        self->multiplied[self->part_size + filter] =
            self->bias ? self->bias_parameter.value[filter] : 0;
    }
}

static void pack_winograd(void *context, size_t block) {
    conv2d *self = context;
    mote_winograd_weights(&self->winograd, self->weight_parameter.value, block * MOTE_LANES,
                          self->multiplied, self->packed);
}

/* What is done filter by filter is shared out in tiles of as many as are worth a task. */
static size_t filters_per_tile(const conv2d *self) {
    return ceiling_divide(NUMBERS_PER_TILE, self->depth);
}

static size_t filter_tiles(const conv2d *self) {
    return ceiling_divide(self->filters, filters_per_tile(self));
}

static size_t end_of_tile(const conv2d *self, size_t tile) {
    size_t end = (tile + 1) * filters_per_tile(self);
    return end < self->filters ? end : self->filters;
}

static void pack_tile(void *context, size_t tile) {
    const conv2d *self = context;
    for (size_t f = tile * filters_per_tile(self); f < end_of_tile(self, tile); f++) {
        pack_filter(self, f);
    }
}

static void pack(conv2d *self, mote_pool *pool) {
    if (self->method == WINOGRAD) {
        mote_pool_run(pool, self->filters / MOTE_LANES, pack_winograd, self);
    } else {
        mote_pool_run(pool, filter_tiles(self), pack_tile, self);
    }
}

/* ---- products over some rows of X ---- */

/* What the tiles of one pass share. */
typedef struct job {
    conv2d *self;
    const mote_pass *pass;
    const mote_real *x;
    mote_real *y, *dy, *dx;
} job;

static size_t rows_at_a_time(const conv2d *self, size_t wanted) {
    size_t room = COLUMNS_CAPACITY / self->depth;
    return room < wanted ? room : wanted;
}

static void multiply_forward(const conv2d *self, size_t group, size_t rows,
                             const mote_real *columns, mote_real *y) {
    bool transposed = mote_gemm_allocates(self->group_filters);
    size_t offset = group * self->group_filters * self->depth;
    mote_gemm_run(NULL, &(mote_gemm){.transpose_b = transposed,
                                     .m = rows,
                                     .n = self->group_filters,
                                     .k = self->depth,
                                     .a = columns,
                                     .lda = self->depth,
                                     .b = (transposed ? self->packed : self->multiplied) + offset,
                                     .ldb = transposed ? self->depth : self->group_filters,
                                     .c = y + group * self->group_filters,
                                     .ldc = self->filters});
}

/* Bias and the activation that follows, while y is in cache. */
static void finish_rows(const conv2d *self, size_t rows, mote_real *y) {
    if (self->bias && self->method != DIRECTLY) {
        mote_add_to_rows(rows, self->filters, self->filters, self->bias_parameter.value, y);
    }
    mote_finish_y(&self->base, rows * self->filters, y);
}

static void forward_by_columns(const conv2d *self, const mote_patch *patch,
                               const mote_real *numbers, mote_real *y) {
    mote_real columns[COLUMNS_CAPACITY];
    size_t some = rows_at_a_time(self, FORWARD_ROWS);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel += some) {
        size_t end = pixel + some < patch->end ? pixel + some : patch->end;
        mote_real *rows = y + (pixel - patch->begin) * self->filters;
        for (size_t group = 0; group < self->groups; group++) {
            mote_columns_load(&self->window, patch, numbers, group * self->group_channels,
                              self->group_channels, pixel, end, columns);
            multiply_forward(self, group, end - pixel, columns, rows);
        }
        finish_rows(self, end - pixel, rows);
    }
}

/* ---- forward ---- */

static void forward_patch(void *context, size_t index) {
    const job *j = context;
    const conv2d *self = j->self;
    const mote_window *w = &self->window;
    size_t image = index / mote_patch_count(w);
    mote_patch patch = mote_patch_at(w, index % mote_patch_count(w));
    mote_real numbers[MOTE_PATCH_CAPACITY];
    mote_patch_load(w, &patch, j->x + image * w->height * w->width * w->channels, numbers);
    const mote_layer *pool = self->base.fused_pool;
    mote_real whole[MOTE_PATCH_CAPACITY]; /* the image's y, where it is pooled at once */
    mote_real *y = pool ? whole : j->y + (image * pixels_out(self) + patch.begin) * self->filters;
    if (self->method == DIRECTLY) {
        mote_direct_forward(w, &patch, numbers, self->multiplied, self->multiplied_stride,
                            self->multiplied + self->part_size, self->filters, y);
    } else if (self->method == CHANNELWISE) {
        mote_depthwise_forward(w, &patch, numbers, self->multiplied, y);
    }
    if (self->method == BY_COLUMNS) {
        forward_by_columns(self, &patch, numbers, y);
    } else {
        finish_rows(self, patch.end - patch.begin, y);
    }
    if (pool) {
        pool->kind->pool_sample(pool, j->pass, image, whole,
                                j->y + image * mote_shape_count(pool->output_shape));
    }
}

static void forward_chunk(void *context, size_t index) {
    const job *j = context;
    const conv2d *self = j->self;
    mote_winograd_chunk chunk = mote_winograd_chunk_at(&self->winograd, j->pass->batch, index);
    mote_winograd_multiply(&self->winograd, &chunk, j->x, self->multiplied, j->y);
    finish_rows(self, chunk.end_pixel - chunk.first_pixel,
                j->y + chunk.first_pixel * self->filters);
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    conv2d *self = (conv2d *)layer;
    job j = {.self = self, .pass = pass, .x = x, .y = y};
    pack(self, pass->pool);
    if (self->method == WINOGRAD) {
        size_t chunks = mote_winograd_chunk_count(&self->winograd, pass->batch);
        mote_pool_run(pass->pool, chunks, forward_chunk, &j);
    } else {
        mote_pool_run(pass->pool, pass->batch * mote_patch_count(&self->window), forward_patch, &j);
    }
}

/* ---- backward: through pooling ---- */

/* dy of pooled images through the activation between. */
static void finish_pooled_image(void *context, size_t image) {
    const job *j = context;
    const mote_layer *pool = j->self->base.fused_pool;
    size_t count = mote_shape_count(pool->output_shape);
    mote_finish_dx(pool, count, j->y + image * count, j->dy + image * count);
}

/* The dy of an image; where it is pooled, each number goes back to where it was found. */
static const mote_real *dy_of_image(const job *j, size_t image, mote_real *whole) {
    const mote_layer *pool = j->self->base.fused_pool;
    size_t filters = j->self->filters, count = pixels_out(j->self) * filters;
    if (!pool) {
        return j->dy + image * count;
    }
    size_t pooled = mote_shape_count(pool->output_shape);
    const uint32_t *from = pool->kind->pooled_from(pool, image);
    const mote_real *dy = j->dy + image * pooled;
    memset(whole, 0, count * sizeof *whole);
    for (size_t i = 0; i < pooled; i += filters) {
        for (size_t filter = 0; filter < filters; filter++) {
            whole[from[i + filter] * filters + filter] += dy[i + filter];
        }
    }
    return whole;
}

/* ---- backward: dx ---- */

static void backward_by_columns(const conv2d *self, const mote_patch *patch, const mote_real *dy,
                                mote_real *numbers) {
    mote_real columns[COLUMNS_CAPACITY];
    size_t some = rows_at_a_time(self, FORWARD_ROWS);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel += some) {
        size_t end = pixel + some < patch->end ? pixel + some : patch->end;
        for (size_t group = 0; group < self->groups; group++) {
            size_t filter = group * self->group_filters;
            mote_gemm_run(NULL,
                          &(mote_gemm){.m = end - pixel,
                                       .n = self->depth,
                                       .k = self->group_filters,
                                       .a = dy + (pixel - patch->begin) * self->filters + filter,
                                       .lda = self->filters,
                                       .b = self->packed + filter * self->depth,
                                       .ldb = self->depth,
                                       .c = columns,
                                       .ldc = self->depth});
            mote_columns_add(&self->window, patch, columns, group * self->group_channels,
                             self->group_channels, pixel, end, numbers);
        }
    }
}

static void backward_image(void *context, size_t image) {
    const job *j = context;
    const conv2d *self = j->self;
    const mote_window *w = &self->window;
    size_t count = w->height * w->width * w->channels;
    mote_real *dx = j->dx + image * count;
    memset(dx, 0, count * sizeof *dx);
    mote_real numbers[MOTE_PATCH_CAPACITY], whole[MOTE_PATCH_CAPACITY];
    const mote_real *image_dy = dy_of_image(j, image, whole);
    for (size_t i = 0; i < mote_patch_count(w); i++) {
        mote_patch patch = mote_patch_at(w, i);
        const mote_real *dy = image_dy + patch.begin * self->filters;
        size_t seen = patch.height * patch.width * w->channels;
        memset(numbers, 0, (seen + MOTE_PATCH_OVER) * sizeof *numbers);
        if (backward_by_runs(self)) {
            mote_runs_backward(w, &patch, dy, self->packed, self->filters, numbers);
        } else if (self->method == CHANNELWISE) {
            mote_depthwise_backward(w, &patch, dy, self->multiplied, numbers);
        } else {
            backward_by_columns(self, &patch, dy, numbers);
        }
        mote_patch_add(w, &patch, numbers, dx);
    }
    mote_finish_dx(&self->base, count, j->x + image * count, dx);
}

static void backward_chunk(void *context, size_t index) {
    const job *j = context;
    const conv2d *self = j->self;
    const mote_winograd *back = &self->winograd_backward;
    mote_winograd_chunk chunk = mote_winograd_chunk_at(back, j->pass->batch, index);
    mote_winograd_multiply(back, &chunk, j->dy, self->packed, j->dx);
    size_t begin = chunk.first_pixel * back->filters;
    mote_finish_dx(&self->base, chunk.end_pixel * back->filters - begin, j->x + begin,
                   j->dx + begin);
}

static void find_dx(const conv2d *self, const job *j) {
    if (self->method == WINOGRAD) {
        size_t chunks = mote_winograd_chunk_count(&self->winograd_backward, j->pass->batch);
        mote_pool_run(j->pass->pool, chunks, backward_chunk, (void *)j);
    } else {
        mote_pool_run(j->pass->pool, j->pass->batch, backward_image, (void *)j);
    }
}

/* ---- backward: dW and db ---- */

/* Of a block of filters, over one patch. */
static void gradient_by_columns(const conv2d *self, const mote_patch *patch,
                                const mote_real *numbers, const mote_real *dy, size_t first,
                                size_t count, mote_real *dw) {
    mote_real columns[COLUMNS_CAPACITY];
    size_t some = rows_at_a_time(self, GRADIENT_ROWS);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel += some) {
        size_t end = pixel + some < patch->end ? pixel + some : patch->end;
        for (size_t group = 0; group < self->groups; group++) {
            size_t filter = self->groups == 1 ? first : group * self->group_filters;
            mote_columns_load(&self->window, patch, numbers, group * self->group_channels,
                              self->group_channels, pixel, end, columns);
            mote_gemm_run(NULL,
                          &(mote_gemm){.transpose_a = true,
                                       .m = self->groups == 1 ? count : self->group_filters,
                                       .n = self->depth,
                                       .k = end - pixel,
                                       .a = dy + (pixel - patch->begin) * self->filters + filter,
                                       .lda = self->filters,
                                       .b = columns,
                                       .ldb = self->depth,
                                       .c = dw + filter * self->depth,
                                       .ldc = self->depth,
                                       .beta = 1});
        }
    }
}

static void gradient_of_image(const job *j, size_t image, size_t first, size_t count, mote_real *dw,
                              mote_real *db) {
    const conv2d *self = j->self;
    const mote_window *w = &self->window;
    mote_real numbers[MOTE_PATCH_CAPACITY], whole[MOTE_PATCH_CAPACITY];
    const mote_real *x = j->x + image * w->height * w->width * w->channels;
    const mote_real *image_dy = dy_of_image(j, image, whole);
    for (size_t i = 0; i < mote_patch_count(w); i++) {
        mote_patch patch = mote_patch_at(w, i);
        const mote_real *dy = image_dy + patch.begin * self->filters;
        mote_patch_load(w, &patch, x, numbers);
        if (self->method == DIRECTLY) {
            mote_direct_gradient(w, &patch, numbers, dy, self->filters, dw,
                                 self->multiplied_stride);
        } else if (self->method == CHANNELWISE) {
            mote_depthwise_gradient(w, &patch, numbers, dy, dw);
        } else {
            gradient_by_columns(self, &patch, numbers, dy, first, count, dw);
        }
        mote_sum_rows(patch.end - patch.begin, count, self->filters, dy + first, db + first);
    }
}

static void gradient_by_winograd(const job *j, size_t part, mote_real *dw, mote_real *db) {
    const conv2d *self = j->self;
    size_t batch = j->pass->batch, chunks = mote_winograd_chunk_count(&self->winograd, batch);
    size_t end = chunks * (part + 1) / self->parts;
    for (size_t index = chunks * part / self->parts; index < end; index++) {
        mote_winograd_chunk chunk = mote_winograd_chunk_at(&self->winograd, batch, index);
        mote_winograd_gradient(&self->winograd, &chunk, j->x, j->dy, dw);
        mote_sum_rows(chunk.end_pixel - chunk.first_pixel, self->filters, self->filters,
                      j->dy + chunk.first_pixel * self->filters, db);
    }
}

static void pooled_gradient_of_image(const job *j, size_t image, size_t first, size_t count,
                                     mote_real *dw, mote_real *db) {
    const conv2d *self = j->self;
    const mote_window *w = &self->window;
    const mote_layer *pool = self->base.fused_pool;
    mote_real numbers[MOTE_PATCH_CAPACITY];
    mote_patch patch = mote_patch_at(w, 0);
    mote_patch_load(w, &patch, j->x + image * w->height * w->width * w->channels, numbers);
    size_t pooled = mote_shape_count(pool->output_shape), pixels = pooled / self->filters;
    const mote_real *dy = j->dy + image * pooled;
    mote_runs_gradient(w, &patch, numbers, pool->kind->pooled_from(pool, image), dy, pixels,
                       self->filters, first, first + count, dw);
    mote_sum_rows(pixels, count, self->filters, dy + first, db + first);
}

static mote_real *sums_of_part(const conv2d *self, size_t part) {
    return self->sums + part * (self->part_size + self->filters);
}

/* Where a filter's number `at` is in the sums of a part. */
static size_t place_in_sums(const conv2d *self, size_t filter, size_t at) {
    if (is_sparse(self)) {
        size_t run = self->kernel * self->group_channels;
        return (filter * self->kernel + at / run) * mote_run_stride(&self->window) + at % run;
    }
    return self->method == BY_COLUMNS ? filter * self->depth + at
                                      : place_in_multiplied(self, filter, at);
}

/* A block of filters over one part of the batch. */
static void gradient_of_part(void *context, size_t index) {
    const job *j = context;
    const conv2d *self = j->self;
    size_t part = index % self->parts, first = index / self->parts * self->filters_per_block;
    size_t left = self->filters - first;
    size_t count = left < self->filters_per_block ? left : self->filters_per_block;
    mote_real *dw = sums_of_part(self, part), *db = dw + self->part_size;
    if (count == self->filters) {
        memset(dw, 0, self->part_size * sizeof *dw);
    } else {
        size_t depth = place_in_sums(self, 1, 0);
        memset(dw + first * depth, 0, count * depth * sizeof *dw);
    }
    memset(db + first, 0, count * sizeof *db);
    if (self->method == WINOGRAD) {
        gradient_by_winograd(j, part, dw, db);
        return;
    }
    size_t end = j->pass->batch * (part + 1) / self->parts;
    for (size_t image = j->pass->batch * part / self->parts; image < end; image++) {
        if (is_sparse(self)) {
            pooled_gradient_of_image(j, image, first, count, dw, db);
        } else {
            gradient_of_image(j, image, first, count, dw, db);
        }
    }
}

static void hand_over_bias(const job *j, size_t filter) {
    const conv2d *self = j->self;
    mote_real db = 0;
    for (size_t part = 0; part < self->parts; part++) {
        db += sums_of_part(self, part)[self->part_size + filter];
    }
    if (self->bias) {
        mote_gradient_ready(j->pass, &self->bias_parameter, filter, 1, &db);
    }
}

/* Winograd's dW of MOTE_LANES filters. */
static void hand_over_winograd(void *context, size_t block) {
    const job *j = context;
    const conv2d *self = j->self;
    mote_real dw[COLUMNS_CAPACITY];
    size_t first = block * MOTE_LANES;
    mote_winograd_weight_gradient(&self->winograd, self->parts, self->part_size + self->filters,
                                  self->sums, first, dw);
    mote_gradient_ready(j->pass, &self->weight_parameter, first * self->depth,
                        MOTE_LANES * self->depth, dw);
    for (size_t filter = first; filter < first + MOTE_LANES; filter++) {
        hand_over_bias(j, filter);
    }
}

/* A filter's dW, out of the parts, in the order of W. */
static void hand_over_filter(const job *j, size_t filter) {
    const conv2d *self = j->self;
    mote_real dw[COLUMNS_CAPACITY];
    for (size_t at = 0; at < self->depth; at++) {
        size_t place = place_in_sums(self, filter, at);
        mote_real sum = 0;
        for (size_t part = 0; part < self->parts; part++) {
            sum += sums_of_part(self, part)[place];
        }
        dw[place_in_planes(self, at)] = sum;
    }
    mote_gradient_ready(j->pass, &self->weight_parameter, filter * self->depth, self->depth, dw);
    hand_over_bias(j, filter);
}

static void hand_over_tile(void *context, size_t tile) {
    const job *j = context;
    for (size_t f = tile * filters_per_tile(j->self); f < end_of_tile(j->self, tile); f++) {
        hand_over_filter(j, f);
    }
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    conv2d *self = (conv2d *)layer;
    job j = {.self = self, .pass = pass, .x = x, .dy = dy, .dx = dx};
    if (layer->fused_pool) {
        j.y = (mote_real *)y;
        mote_pool_run(pass->pool, pass->batch, finish_pooled_image, &j);
    }
    if (dx) {
        find_dx(self, &j);
    }
    size_t blocks = ceiling_divide(self->filters, self->filters_per_block);
    mote_pool_run(pass->pool, self->parts * blocks, gradient_of_part, &j);
    if (self->method == WINOGRAD) {
        mote_pool_run(pass->pool, self->filters / MOTE_LANES, hand_over_winograd, &j);
    } else {
        mote_pool_run(pass->pool, filter_tiles(self), hand_over_tile, &j);
    }
}

const mote_layer_class mote_layer_conv2d = {
    .type = "conv2d",
    .summary = "convolution of images with filters",
    .example = "{\"type\": \"conv2d\", \"filters\": 32, \"kernel\": 3, \"padding\": \"same\"}",
    .size = sizeof(conv2d),
    .fields = fields,
    .order = MOTE_CHANNELS_LAST,
    .build = build,
    .forward = forward,
    .backward = backward,
    .fuses = true,
    .tiles_gradients = true,
};
