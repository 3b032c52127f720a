/* sgd.c: stochastic gradient descent with momentum.
 *
 *   g ← gradient + weight_decay × w
 *   v ← momentum × v + g
 *   w ← w − learning_rate × v                    or, with nesterov,
 *   w ← w − learning_rate × (g + momentum × v)
 *
 * (Sutskever et al., "On the importance of initialization and momentum", 2013, in PyTorch's form.)
 */
#include "math/vector.h"
#include "mote/optimizer.h"

typedef struct sgd {
    mote_optimizer base;
    double momentum;
    bool nesterov;
} sgd;

static const mote_field fields[] = {
    MOTE_OPTIMIZER_FIELDS("0.01", "0"),
    {.name = "momentum",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(sgd, momentum),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0",
     .help = "how much of the previous step's direction is kept"},
    {.name = "nesterov",
     .kind = MOTE_FIELD_BOOLEAN,
     .offset = offsetof(sgd, nesterov),
     .preset = "false",
     .help = "Nesterov's variant of momentum"},
    MOTE_FIELDS_END,
};

static mote_status check(const mote_optimizer *optimizer, mote_error *error) {
    const sgd *self = (const sgd *)optimizer;
    if (self->nesterov && self->momentum <= 0) {
        return mote_fail(error, MOTE_INVALID,
                         "nesterov needs a momentum above 0, such as \"momentum\": 0.9");
    }
    return MOTE_OK;
}

static size_t state_count(const mote_optimizer *optimizer) {
    return ((const sgd *)optimizer)->momentum > 0;
}

MOTE_MULTIVERSION
static void update_plain(size_t count, mote_real rate, mote_real decay, mote_real *w,
                         const mote_real *gradient) {
    for (size_t i = 0; i < count; i++) {
        w[i] -= rate * (gradient[i] + decay * w[i]);
    }
}

/* The step is fresh × g + repeated × v, with factors (0, 1), or (1, momentum) for Nesterov's
 * variant. */
MOTE_MULTIVERSION
static void update_momentum(size_t count, mote_real rate, mote_real decay, mote_real momentum,
                            mote_real fresh, mote_real repeated, mote_real *w,
                            const mote_real *gradient, mote_real *v) {
    for (size_t i = 0; i < count; i++) {
        mote_real g = gradient[i] + decay * w[i];
        v[i] = momentum * v[i] + g;
        w[i] -= rate * (fresh * g + repeated * v[i]);
    }
}

static void update(const mote_optimizer *optimizer, const mote_step *step,
                   const mote_slice *slice) {
    const sgd *self = (const sgd *)optimizer;
    mote_real rate = (mote_real)step->learning_rate;
    mote_real decay = slice->decay ? (mote_real)optimizer->weight_decay : 0;
    mote_real momentum = (mote_real)self->momentum;
    mote_real *v = slice->states[0];
    if (self->momentum <= 0) {
        update_plain(slice->count, rate, decay, slice->weights, slice->gradient);
    } else {
        mote_real fresh = self->nesterov ? 1 : 0;
        mote_real repeated = self->nesterov ? momentum : 1;
        update_momentum(slice->count, rate, decay, momentum, fresh, repeated, slice->weights,
                        slice->gradient, v);
    }
}

const mote_optimizer_class mote_optimizer_sgd = {
    .type = "sgd",
    .summary = "stochastic gradient descent with momentum",
    .example = "{\"type\": \"sgd\", \"learning_rate\": 0.05, \"momentum\": 0.9}",
    .size = sizeof(sgd),
    .fields = fields,
    .check = check,
    .state_count = state_count,
    .state_names = {"momentum"},
    .update = update,
};
