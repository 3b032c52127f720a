/* conv2d.c: y = Σ x × W over the window, + b: the convolution of images with filters.
 *
 *   x [batch × C × H × W], W [filters × C / groups × kernel × kernel], b [filters]
 *   y [batch × filters × H' × W']
 *
 * This file has the layer's settings and shapes, and calls the ways to compute it:
 *
 *   conv2d_winograd.c     3 × 3 windows over many channels
 *   conv2d_channelwise.c  one filter per channel
 *   conv2d_direct.c       few channels
 *   conv2d_columns.c      everything else
 *   conv2d_runs.c         backward, where max_pool2d follows: each image of y is pooled as soon as
 *                         it is finished, so that y never exists as a whole, and most of dy is 0
 */
#include "layers/conv2d.h"

#include <string.h>

#include "math/rows.h"
#include "math/runs.h"
#include "math/whole.h"

static const char *const padding_names[] = {"same", NULL};

static const mote_field fields[] = {
    {.name = "filters",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_conv2d, filters),
     .range = MOTE_BETWEEN(1, 1 << 16),
     .help = "number of output channels"},
    {.name = "kernel",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_conv2d, kernel),
     .range = MOTE_BETWEEN(1, 1 << 10),
     .help = "the height and width of the window"},
    {.name = "stride",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_conv2d, stride),
     .range = MOTE_BETWEEN(1, 1 << 10),
     .preset = "1",
     .help = "how far the window moves for each output pixel"},
    {.name = "padding",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_conv2d, padding),
     .range = MOTE_BETWEEN(0, 1 << 10),
     .choices = padding_names,
     .preset = "0",
     .help = "zeros around the image; \"same\": as many as keep its size, divided by the stride"},
    {.name = "dilation",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_conv2d, dilation),
     .range = MOTE_BETWEEN(1, 1 << 10),
     .preset = "1",
     .help = "how far apart the pixels are that the window looks at"},
    {.name = "groups",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_conv2d, groups),
     .range = MOTE_BETWEEN(1, 1 << 16),
     .preset = "1",
     .help = "splits channels and filters into this many groups that do not see each other"},
    {.name = "bias",
     .kind = MOTE_FIELD_BOOLEAN,
     .offset = offsetof(mote_conv2d, bias),
     .preset = "true",
     .help = "whether to add a bias"},
    {.name = "initializer",
     .kind = MOTE_FIELD_INITIALIZER,
     .offset = offsetof(mote_conv2d, initializer),
     .preset = "\"he_normal\"",
     .help = "how the weights are initialized"},
    {.name = "bias_initializer",
     .kind = MOTE_FIELD_INITIALIZER,
     .offset = offsetof(mote_conv2d, bias_initializer),
     .preset = "\"zeros\"",
     .help = "how the biases are initialized"},
    MOTE_FIELDS_END,
};

/* ---- building ---- */

/* The padding along one side: returns the zeros before, sets *after to those after. */
static size_t padding_before(const mote_conv2d *self, size_t in, size_t *after) {
    if (self->padding != MOTE_NAMED_INTEGER(0)) {
        return *after = self->padding;
    }
    size_t out = mote_ceiling_divide(in, self->stride);
    size_t seen = (out - 1) * self->stride + (self->kernel - 1) * self->dilation + 1;
    size_t both = seen > in ? seen - in : 0;
    *after = both - both / 2;
    return both / 2;
}

static mote_status check_groups(const mote_layer *layer, mote_error *error) {
    const mote_conv2d *self = (const mote_conv2d *)layer;
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
    mote_conv2d *self = (mote_conv2d *)layer;
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
    mote_conv2d *self = (mote_conv2d *)layer;
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

/* From the fastest to the most general. */
static const mote_conv2d_way *const ways[] = {
    &mote_conv2d_winograd,
    &mote_conv2d_channelwise,
    &mote_conv2d_direct,
    &mote_conv2d_columns,
};

static void choose_way(mote_conv2d *self) {
    size_t i = 0;
    while (!ways[i]->plan(self)) {
        i++;
    }
    self->way = ways[i];
    self->base.pools = self->way->pools && mote_patch_count(&self->window) == 1 &&
                       mote_conv2d_pixels_out(self) * self->filters <= MOTE_PATCH_CAPACITY;
    self->may_leave_out_zeros = self->base.pools && mote_conv2d_runs.plan(self);
}

static mote_status build(mote_layer *layer, mote_error *error) {
    mote_conv2d *self = (mote_conv2d *)layer;
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
    choose_way(self);
    status = add_parameters(layer, error);
    if (status == MOTE_OK) {
        status = mote_layer_add_scratch(layer, &self->weights, 0, self->weights_size, error);
    }
    if (status == MOTE_OK) {
        status = mote_layer_add_training_scratch(layer, &self->dx_weights, 0, self->dx_weights_size,
                                                 error);
    }
    if (status == MOTE_OK) {
        status = mote_layer_add_training_scratch(
            layer, &self->sums, 0, self->parts * (self->sums_size + self->filters), error);
    }
    return status;
}

/* ---- ways of the backward pass ---- */

/* Whether pooling leaves so little of y that leaving out the zeros of dy pays off. */
static bool leaves_out_zeros(const mote_conv2d *self) {
    const mote_layer *pool = self->base.fused_pool;
    return pool && self->may_leave_out_zeros &&
           2 * mote_shape_count(pool->output_shape) <= mote_conv2d_pixels_out(self) * self->filters;
}

static const mote_conv2d_way *way_to_dw(const mote_conv2d *self) {
    return leaves_out_zeros(self) ? &mote_conv2d_runs : self->way;
}

/* With many channels the full products are faster, zeros and all. */
static const mote_conv2d_way *way_to_dx(const mote_conv2d *self) {
    bool by_runs = self->way == &mote_conv2d_direct && self->filters <= MOTE_RUN_FILTERS;
    return by_runs && leaves_out_zeros(self) ? &mote_conv2d_runs : self->way;
}

/* ---- forward ---- */

static size_t filter_tasks(const mote_conv2d *self) {
    return mote_ceiling_divide(self->filters, self->filters_per_task);
}

static size_t end_of_task(const mote_conv2d *self, size_t task) {
    return mote_minimum((task + 1) * self->filters_per_task, self->filters);
}

static void pack(void *context, size_t task) {
    const mote_conv2d *self = ((const mote_conv2d_job *)context)->self;
    size_t first = task * self->filters_per_task, end = end_of_task(self, task);
    self->way->pack(self, first, end);
    const mote_conv2d_way *back = way_to_dx(self);
    if (self->dx_weights && back->pack_dx) {
        back->pack_dx(self, first, end);
    }
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    const mote_conv2d *self = (const mote_conv2d *)layer;
    mote_conv2d_job j = {.self = self, .pass = pass, .x = x, .out = y};
    mote_pool_run(pass->pool, filter_tasks(self), pack, &j);
    self->way->forward(&j);
}

void mote_conv2d_finish(const mote_conv2d *self, size_t pixels, mote_real *y) {
    if (self->bias) {
        mote_add_to_rows(pixels, self->filters, self->filters, self->bias_parameter.value, y);
    }
    mote_finish_y(&self->base, pixels * self->filters, y);
}

/* ---- backward ---- */

/* Takes dy of a pooled image back through the activation between convolution and pooling. */
static void finish_pooled_image(void *context, size_t image) {
    const mote_conv2d_job *j = context;
    const mote_layer *pool = j->self->base.fused_pool;
    size_t count = mote_shape_count(pool->output_shape);
    mote_finish_dx(pool, count, j->y + image * count, j->dy + image * count);
}

/* A block of filters over one part of the batch. */
static void sum_share(void *context, size_t index) {
    const mote_conv2d_job *j = context;
    const mote_conv2d *self = j->self;
    size_t part = index % self->parts, first = index / self->parts * self->filters_per_block;
    mote_conv2d_share share = {
        .part = part,
        .first = first,
        .end = mote_minimum(first + self->filters_per_block, self->filters),
        .dw = mote_conv2d_sums(self, part),
        .db = mote_conv2d_sums(self, part) + self->sums_size,
    };
    memset(share.db + first, 0, (share.end - first) * sizeof *share.db);
    way_to_dw(self)->dw(j, &share);
}

static void hand_over_bias(const mote_conv2d_job *j, size_t filter) {
    const mote_conv2d *self = j->self;
    mote_real db = 0;
    for (size_t part = 0; part < self->parts; part++) {
        db += mote_conv2d_sums(self, part)[self->sums_size + filter];
    }
    mote_gradient_ready(j->pass, &self->bias_parameter, filter, 1, &db);
}

static void hand_over(void *context, size_t task) {
    const mote_conv2d_job *j = context;
    const mote_conv2d *self = j->self;
    size_t first = task * self->filters_per_task, end = end_of_task(self, task);
    way_to_dw(self)->hand_over(j, first, end);
    for (size_t filter = first; self->bias && filter < end; filter++) {
        hand_over_bias(j, filter);
    }
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    const mote_conv2d *self = (const mote_conv2d *)layer;
    mote_conv2d_job j = {.self = self, .pass = pass, .x = x, .y = y, .out = dx, .dy = dy};
    if (layer->fused_pool) {
        mote_pool_run(pass->pool, pass->batch, finish_pooled_image, &j);
    }
    if (dx) {
        way_to_dx(self)->dx(&j);
    }
    size_t blocks = mote_ceiling_divide(self->filters, self->filters_per_block);
    mote_pool_run(pass->pool, self->parts * blocks, sum_share, &j);
    mote_pool_run(pass->pool, filter_tasks(self), hand_over, &j);
}

const mote_layer_class mote_layer_conv2d = {
    .type = "conv2d",
    .summary = "convolution of images with filters",
    .example = "{\"type\": \"conv2d\", \"filters\": 32, \"kernel\": 3, \"padding\": \"same\"}",
    .size = sizeof(mote_conv2d),
    .fields = fields,
    .order = MOTE_CHANNELS_LAST,
    .build = build,
    .forward = forward,
    .backward = backward,
    .fuses = true,
    .tiles_gradients = true,
};
