/* gelu.c: y = x Φ(x), the Gaussian error linear unit, with the standard normal distribution Φ(x) =
 * (1 + erf(x / √2)) / 2. Exact, not approximated by tanh.
 *
 *   dx = dy (Φ(x) + x φ(x)),  φ(x) = Φ'(x) = e^(−x²/2) / √2π
 *
 * (Hendrycks and Gimpel, "Gaussian error linear units", 2016.) It is not monotonic, so y does not
 * determine the slope.
 */
#include "math/vector.h"
#include "mote/layer.h"

typedef struct gelu {
    mote_layer base;
} gelu;

static const mote_field fields[] = {MOTE_FIELDS_END};

MOTE_MULTIVERSION
static void forward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                             mote_real *y) {
    (void)layer;
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] * mote_normal_cdf_one(x[i]);
    }
}

MOTE_MULTIVERSION
static void backward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                              const mote_real *y, const mote_real *dy, mote_real *dx) {
    (void)y;
    (void)layer;
    for (size_t i = 0; i < count; i++) {
        dx[i] = dy[i] * (mote_normal_cdf_one(x[i]) + x[i] * mote_normal_density_one(x[i]));
    }
}

const mote_layer_class mote_layer_gelu = {
    .type = "gelu",
    .summary = "y = x Φ(x), with Φ the standard normal distribution",
    .example = "{\"type\": \"gelu\"}",
    .size = sizeof(gelu),
    .fields = fields,
    .forward_elements = forward_elements,
    .backward_elements = backward_elements,
    .keeps_x = true,
};
