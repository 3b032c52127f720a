/* average_pool2d.c: the mean of each window, channel by channel; padding counts as zeros.
 *
 *   y = Σ window / size²        dx = Σ dy of the windows that contain the pixel / size²
 */
#include "layers/pooling.h"

typedef struct average_pool2d {
    mote_pooling pooling;
} average_pool2d;

static mote_status build(mote_layer *layer, mote_error *error) {
    return mote_pooling_build((mote_pooling *)layer, error);
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    const average_pool2d *self = (const average_pool2d *)layer;
    mote_pooling_mean(layer, &self->pooling.windows, pass, x, y);
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    const average_pool2d *self = (const average_pool2d *)layer;
    if (dx) {
        mote_pooling_mean_backward(layer, &self->pooling.windows, pass, x, dy, dx);
    }
}

const mote_layer_class mote_layer_average_pool2d = {
    .type = "average_pool2d",
    .summary = "the mean of each window of an image, with padding counted as zeros",
    .example = "{\"type\": \"average_pool2d\", \"size\": 2}",
    .size = sizeof(average_pool2d),
    .fields = mote_pooling_fields,
    .build = build,
    .forward = forward,
    .backward = backward,
    .order = MOTE_CHANNELS_LAST,
    .fuses = true,
};
