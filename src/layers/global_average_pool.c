/* global_average_pool.c: the mean of each channel; turns an image of any size into a vector.
 *
 *   y = Σ channel / (height × width)        dx = dy / (height × width)
 */
#include "layers/pooling.h"

typedef struct global_average_pool {
    mote_layer base;
    mote_pooling_windows windows; /* one, as large as the image */
} global_average_pool;

static const mote_field fields[] = {MOTE_FIELDS_END};

static mote_status build(mote_layer *layer, mote_error *error) {
    global_average_pool *self = (global_average_pool *)layer;
    if (mote_layer_expect_image(layer, error)) {
        return MOTE_INVALID;
    }
    size_t channels = layer->input_shape.dims[0], height = layer->input_shape.dims[1];
    size_t width = layer->input_shape.dims[2];
    self->windows = (mote_pooling_windows){
        .channels = channels,
        .rows = {.in = height, .out = 1, .size = height, .stride = height},
        .columns = {.in = width, .out = 1, .size = width, .stride = width},
    };
    layer->output_shape = mote_shape_vector(channels);
    return MOTE_OK;
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    const global_average_pool *self = (const global_average_pool *)layer;
    mote_pooling_mean(layer, &self->windows, pass, x, y);
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    const global_average_pool *self = (const global_average_pool *)layer;
    if (dx) {
        mote_pooling_mean_backward(layer, &self->windows, pass, x, dy, dx);
    }
}

const mote_layer_class mote_layer_global_average_pool = {
    .type = "global_average_pool",
    .summary = "the mean of each channel: turns an image into a vector",
    .example = "{\"type\": \"global_average_pool\"}",
    .size = sizeof(global_average_pool),
    .fields = fields,
    .build = build,
    .forward = forward,
    .backward = backward,
    .order = MOTE_CHANNELS_LAST,
    .fuses = true,
};
