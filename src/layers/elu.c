/* elu.c: y = x where x > 0, else alpha (e^x − 1), the exponential linear unit.
 *
 *   dx = dy where y > 0, else dy (y + alpha)
 *
 * (Clevert et al., "Fast and accurate deep network learning by exponential linear units", 2016.)
 * Since alpha is above 0, y has the sign of x.
 */
#include "math/vector.h"
#include "mote/layer.h"

typedef struct elu {
    mote_layer base;
    double alpha;
} elu;

static const mote_field fields[] = {
    {.name = "alpha",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(elu, alpha),
     .range = MOTE_ABOVE(0),
     .preset = "1",
     .help = "y approaches -alpha for x far below 0"},
    MOTE_FIELDS_END,
};

MOTE_MULTIVERSION
static void forward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                             mote_real *y) {
    mote_real alpha = (mote_real)((const elu *)layer)->alpha;
    for (size_t i = 0; i < count; i++) { /* one of the two is 0; NaN goes below */
        mote_real above = x[i] > 0 ? x[i] : 0, below = x[i] > 0 ? 0 : x[i];
        y[i] = above + alpha * mote_expm1_one(below);
    }
}

MOTE_MULTIVERSION
static void backward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                              const mote_real *y, const mote_real *dy, mote_real *dx) {
    (void)x;
    mote_real alpha = (mote_real)((const elu *)layer)->alpha;
    for (size_t i = 0; i < count; i++) {
        dx[i] = y[i] > 0 ? dy[i] : dy[i] * (y[i] + alpha);
    }
}

const mote_layer_class mote_layer_elu = {
    .type = "elu",
    .summary = "y = x where x > 0, else alpha (e^x − 1)",
    .example = "{\"type\": \"elu\", \"alpha\": 1}",
    .size = sizeof(elu),
    .fields = fields,
    .forward_elements = forward_elements,
    .backward_elements = backward_elements,
};
