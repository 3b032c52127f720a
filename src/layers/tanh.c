/* tanh.c: y = tanh x.
 *
 *   dx = dy (1 − y²)
 */
#include "math/vector.h"
#include "mote/layer.h"

typedef struct tanh_layer {
    mote_layer base;
} tanh_layer;

static const mote_field fields[] = {MOTE_FIELDS_END};

MOTE_MULTIVERSION
static void forward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                             mote_real *y) {
    (void)layer;
    for (size_t i = 0; i < count; i++) {
        y[i] = mote_tanh_one(x[i]);
    }
}

MOTE_MULTIVERSION
static void backward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                              const mote_real *y, const mote_real *dy, mote_real *dx) {
    (void)x;
    (void)layer;
    for (size_t i = 0; i < count; i++) {
        dx[i] = dy[i] * (1 - y[i] * y[i]);
    }
}

const mote_layer_class mote_layer_tanh = {
    .type = "tanh",
    .summary = "y = tanh x",
    .example = "{\"type\": \"tanh\"}",
    .size = sizeof(tanh_layer),
    .fields = fields,
    .forward_elements = forward_elements,
    .backward_elements = backward_elements,
};
