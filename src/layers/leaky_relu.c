/* leaky_relu.c: y = x where x > 0, else slope × x.
 *
 *   dx = dy where y > 0, else slope × dy
 *
 * Since the slope is at least 0, y > 0 only where x > 0.
 */
#include "math/vector.h"
#include "mote/layer.h"

typedef struct leaky_relu {
    mote_layer base;
    double slope;
} leaky_relu;

static const mote_field fields[] = {
    {.name = "slope",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(leaky_relu, slope),
     .range = MOTE_BETWEEN(0, 1),
     .preset = "0.01",
     .help = "the slope below 0"},
    MOTE_FIELDS_END,
};

MOTE_MULTIVERSION
static void forward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                             mote_real *y) {
    mote_real slope = (mote_real)((const leaky_relu *)layer)->slope;
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] > 0 ? x[i] : slope * x[i];
    }
}

MOTE_MULTIVERSION
static void backward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                              const mote_real *y, const mote_real *dy, mote_real *dx) {
    (void)x;
    mote_real slope = (mote_real)((const leaky_relu *)layer)->slope;
    for (size_t i = 0; i < count; i++) {
        dx[i] = y[i] > 0 ? dy[i] : slope * dy[i];
    }
}

const mote_layer_class mote_layer_leaky_relu = {
    .type = "leaky_relu",
    .summary = "y = x where x > 0, else slope × x",
    .example = "{\"type\": \"leaky_relu\", \"slope\": 0.1}",
    .size = sizeof(leaky_relu),
    .fields = fields,
    .forward_elements = forward_elements,
    .backward_elements = backward_elements,
};
