/* adamw.c: Adam with decoupled weight decay.
 *
 *   m ← m + (1 − β₁) (g − m)
 *   v ← v + (1 − β₂) (g² − v)
 *   w ← w − learning_rate × (m̂ / (√v̂ + ε) + weight_decay × w)
 *
 * where m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) at step t correct for m and v starting at zero.
 *
 * (Kingma and Ba, "Adam: a method for stochastic optimization", 2015; Loshchilov and Hutter,
 * "Decoupled weight decay regularization", 2019, in PyTorch's form: the decay is multiplied by the
 * scheduled learning rate.)
 */
#include "math/vector.h"
#include "mote/optimizer.h"

typedef struct adamw {
    mote_optimizer base;
    double beta1, beta2, epsilon;
} adamw;

static const mote_field fields[] = {
    MOTE_OPTIMIZER_FIELDS("0.001", "0.01"),
    {.name = "beta1",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(adamw, beta1),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0.9",
     .help = "decay of the running mean of the gradients"},
    {.name = "beta2",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(adamw, beta2),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0.999",
     .help = "decay of the running mean of their squares"},
    {.name = "epsilon",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(adamw, epsilon),
     .range = MOTE_BETWEEN(1e-30, 1), /* a float that is not 0 */
     .preset = "1e-8",
     .help = "added to the square root of that, for weights whose gradients are almost 0"},
    MOTE_FIELDS_END,
};

static size_t state_count(const mote_optimizer *optimizer) {
    (void)optimizer;
    return 2;
}

/* The step is -size × m / (root × √v + ε). */
enum {
    SIZE,
    ROOT
};

static void prepare(const mote_optimizer *optimizer, mote_step *step) {
    const adamw *self = (const adamw *)optimizer;
    double t = (double)step->number;
    step->constants[SIZE] = step->learning_rate / (1 - pow(self->beta1, t));
    step->constants[ROOT] = 1 / sqrt(1 - pow(self->beta2, t));
}

/* The same for all weights; keen1 and keen2 are 1 − β₁ and 1 − β₂. */
typedef struct factors {
    mote_real keen1, keen2, size, root, epsilon, decay;
} factors;

/* The mean moved towards a number. With a β near 1, β and 1 − β would not add up to 1 once rounded;
 * with a small β, the difference would lose a number much smaller than the mean. */
MOTE_INLINE mote_real move(mote_real mean, mote_real number, mote_real keen) {
    return keen < (mote_real)0.5 ? mean + keen * (number - mean)
                                 : (1 - keen) * mean + keen * number;
}

MOTE_MULTIVERSION
static void update_weights(size_t count, const factors *f, mote_real *restrict w,
                           const mote_real *restrict g, mote_real *restrict m,
                           mote_real *restrict v) {
    mote_real keen1 = f->keen1, keen2 = f->keen2, size = f->size, root = f->root;
    mote_real epsilon = f->epsilon, decay = f->decay;
    for (size_t i = 0; i < count; i++) {
        m[i] = move(m[i], g[i], keen1);
        v[i] = move(v[i], g[i] * g[i], keen2);
        w[i] -= size * m[i] / (root * mote_sqrt_one(v[i]) + epsilon) + decay * w[i];
    }
}

static void update(const mote_optimizer *optimizer, const mote_step *step,
                   const mote_slice *slice) {
    const adamw *self = (const adamw *)optimizer;
    double decay = slice->decay ? step->learning_rate * optimizer->weight_decay : 0;
    factors f = {.keen1 = (mote_real)(1 - self->beta1),
                 .keen2 = (mote_real)(1 - self->beta2),
                 .size = (mote_real)step->constants[SIZE],
                 .root = (mote_real)step->constants[ROOT],
                 .epsilon = (mote_real)self->epsilon,
                 .decay = (mote_real)decay};
    update_weights(slice->count, &f, slice->weights, slice->gradient, slice->states[0],
                   slice->states[1]);
}

const mote_optimizer_class mote_optimizer_adamw = {
    .type = "adamw",
    .summary = "Adam, which adapts the step size of each weight to its past gradients, with "
               "decoupled weight decay",
    .example = "{\"type\": \"adamw\", \"learning_rate\": 0.001, \"weight_decay\": 0.05}",
    .size = sizeof(adamw),
    .fields = fields,
    .state_count = state_count,
    .state_names = {"first_moment", "second_moment"},
    .prepare = prepare,
    .update = update,
};
