/* silu.c: y = x σ(x), the sigmoid linear unit, also called swish.
 *
 *   dx = dy (σ(x) + x σ(x) σ(−x)),  since σ' = σ(x) (1 − σ(x)) and 1 − σ(x) = σ(−x)
 *
 * (Elfwing et al., "Sigmoid-weighted linear units", 2018; Ramachandran et al., "Searching for
 * activation functions", 2017.) It is not monotonic, so y does not determine the slope.
 */
#include "math/vector.h"
#include "mote/layer.h"

typedef struct silu {
    mote_layer base;
} silu;

static const mote_field fields[] = {MOTE_FIELDS_END};

/* The larger of σ(x) and σ(−x) is s = 1 / (1 + e) with e = e^−|x|, the other is e s: nothing
 * overflows or cancels, however large |x| is. */
static inline mote_real exp_of_minus_magnitude(mote_real x) {
    return mote_exp_one(x < 0 ? x : -x);
}

MOTE_MULTIVERSION
static void forward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                             mote_real *y) {
    (void)layer;
    for (size_t i = 0; i < count; i++) {
        mote_real e = exp_of_minus_magnitude(x[i]), s = 1 / (1 + e);
        y[i] = x[i] * (x[i] < 0 ? e * s : s);
    }
}

MOTE_MULTIVERSION
static void backward_elements(const mote_layer *layer, size_t count, const mote_real *x,
                              const mote_real *y, const mote_real *dy, mote_real *dx) {
    (void)y;
    (void)layer;
    for (size_t i = 0; i < count; i++) {
        mote_real e = exp_of_minus_magnitude(x[i]), s = 1 / (1 + e);
        dx[i] = dy[i] * ((x[i] < 0 ? e * s : s) + x[i] * (e * s * s));
    }
}

const mote_layer_class mote_layer_silu = {
    .type = "silu",
    .summary = "y = x σ(x), also called swish",
    .example = "{\"type\": \"silu\"}",
    .size = sizeof(silu),
    .fields = fields,
    .forward_elements = forward_elements,
    .backward_elements = backward_elements,
    .keeps_x = true,
};
