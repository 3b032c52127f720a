/* lion.c: steps of the same size for every weight, in the direction of its momentum.
 *
 *   c ← β₁ m + (1 − β₁) g
 *   w ← w − learning_rate × (sign c + weight_decay × w)
 *   m ← β₂ m + (1 − β₂) g
 *
 * (Chen et al., "Symbolic discovery of optimization algorithms", 2023.) It needs about a tenth of
 * the learning rate of sgd or adamw, and a correspondingly larger weight_decay.
 *
 * This file is a template for an optimizer outside mote's source tree. To write your own:
 *
 * 1. Copy the directory, and replace lion with the name of your optimizer in all its files. Then
 *    work through the numbers below; include/mote/optimizer.h has all the details.
 */

#include "mote/optimizer.h"
#include "mote/plugin.h"

/* 2. The optimizer's struct: first the part common to all optimizers; then what JSON sets. */
typedef struct lion {
    mote_optimizer base;
    double beta1, beta2;
} lion;

/* 3. Its JSON keys: first those common to all optimizers, with their defaults. Parsing, ranges,
 *    errors and ./train --help optimizers follow from this. */
static const mote_field fields[] = {
    MOTE_OPTIMIZER_FIELDS("0.0001", "0"),
    {.name = "beta1",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(lion, beta1),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0.9",
     .help = "how much of a step's direction is momentum, the rest being the gradient"},
    {.name = "beta2",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(lion, beta2),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0.99",
     .help = "how much of the momentum is kept"},
    MOTE_FIELDS_END,
};

/* 4. How many numbers it keeps for each weight. mote allocates them, zeroed, and saves them in
 *    checkpoints; nothing else may be kept from step to step. */
static size_t state_count(const mote_optimizer *optimizer) {
    (void)optimizer;
    return 1;
}

/* 0 for 0, and NaN for NaN: a fault upstream must not be hidden. */
static mote_real sign(mote_real c) {
    return c > 0 ? 1 : c < 0 ? -1 : c;
}

/* 5. The update of any run of weights. mote calls it from several threads, on pieces of a
 *    parameter, as soon as their gradient is ready. */
static void update(const mote_optimizer *optimizer, const mote_step *step,
                   const mote_slice *slice) {
    const lion *self = (const lion *)optimizer;
    mote_real rate = (mote_real)step->learning_rate;
    mote_real decay = slice->decay ? (mote_real)optimizer->weight_decay : 0;
    mote_real beta1 = (mote_real)self->beta1, beta2 = (mote_real)self->beta2;
    const mote_real *g = slice->gradient;
    mote_real *w = slice->weights, *m = slice->states[0];
    for (size_t i = 0; i < slice->count; i++) {
        mote_real c = beta1 * m[i] + (1 - beta1) * g[i];
        w[i] -= rate * (sign(c) + decay * w[i]);
        m[i] = beta2 * m[i] + (1 - beta2) * g[i];
    }
}

/* 6. The record that describes the optimizer. state_names are those in checkpoints. */
const mote_optimizer_class mote_optimizer_lion = {
    .type = "lion",
    .summary = "steps of a fixed size in the direction of the momentum",
    .size = sizeof(lion),
    .fields = fields,
    .state_count = state_count,
    .state_names = {"momentum"},
    .update = update,
};

/* 7. Makes a shared object of this file a plugin. (For an optimizer in mote's source tree, leave it
 *    out, and add a line each to src/optim/optimizers.c and src/CMakeLists.txt.) */
MOTE_PLUGIN(.name = "lion", .optimizers = {&mote_optimizer_lion});
