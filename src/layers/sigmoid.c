/* sigmoid.c: y = σ(x) = 1 / (1 + e^−x).
 *
 *   dx = dy y (1 − y)
 */
#include "math/vector.h"
#include "mote/layer.h"

typedef struct sigmoid_layer {
    mote_layer base;
} sigmoid_layer;

static const mote_field fields[] = {MOTE_FIELDS_END};

MOTE_MULTIVERSION
static void forward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                             mote_real *y) {
    (void)layer;
    for (size_t i = 0; i < count; i++) {
        y[i] = mote_sigmoid_one(x[i]);
    }
}

MOTE_MULTIVERSION
static void backward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                              const mote_real *y, const mote_real *dy, mote_real *dx) {
    (void)x;
    (void)layer;
    for (size_t i = 0; i < count; i++) {
        dx[i] = dy[i] * y[i] * (1 - y[i]);
    }
}

const mote_layer_class mote_layer_sigmoid = {
    .type = "sigmoid",
    .summary = "y = 1 / (1 + e^−x)",
    .example = "{\"type\": \"sigmoid\"}",
    .size = sizeof(sigmoid_layer),
    .fields = fields,
    .forward_elements = forward_elements,
    .backward_elements = backward_elements,
    .gives_probabilities = true,
};
