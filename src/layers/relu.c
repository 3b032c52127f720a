/* relu.c: y = max(x, 0), the rectifier.
 *
 *   dx = dy where y > 0, else 0
 *
 * NaN stays NaN: a fault upstream must not be hidden.
 */
#include "math/vector.h"
#include "mote/layer.h"

typedef struct relu_layer {
    mote_layer base;
} relu_layer;

static const mote_field fields[] = {MOTE_FIELDS_END};

MOTE_MULTIVERSION
static void forward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                             mote_real *y) {
    (void)layer;
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] < 0 ? 0 : x[i];
    }
}

MOTE_MULTIVERSION
static void backward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                              const mote_real *y, const mote_real *dy, mote_real *dx) {
    (void)x;
    (void)layer;
    for (size_t i = 0; i < count; i++) {
        dx[i] = y[i] > 0 ? dy[i] : 0;
    }
}

const mote_layer_class mote_layer_relu = {
    .type = "relu",
    .summary = "y = max(x, 0)",
    .example = "{\"type\": \"relu\"}",
    .size = sizeof(relu_layer),
    .fields = fields,
    .forward_elements = forward_elements,
    .backward_elements = backward_elements,
    .dies = true,
};
