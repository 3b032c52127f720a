/* softmax_cross_entropy.c: softmax and cross-entropy as one, on logits.
 *
 *   z [rows × classes], p = softmax(z), target distribution y (Σ y_i = 1)
 *
 *   L = −Σ y_i log p_i = log Σ_c e^(z_c − m) − Σ y_i (z_i − m),  m = max_c z_c
 *   ∂L/∂z = p − y
 *
 * The first form would take the log of a p that has rounded to 0; the second never does, and since
 * m is subtracted from every z, large logits that lie close together cost no accuracy. Label
 * smoothing ε replaces y by (1 − ε) y + ε / classes (Szegedy et al., "Rethinking the Inception
 * architecture", 2016).
 */
#include "math/vector.h"
#include "mote/kernels.h"
#include "outputs/targets.h"

typedef struct softmax_cross_entropy {
    mote_output base;
    double label_smoothing;
} softmax_cross_entropy;

static const mote_field fields[] = {
    {.name = "label_smoothing",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(softmax_cross_entropy, label_smoothing),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0",
     .help = "how much of each target is spread over all classes"},
    MOTE_FIELDS_END,
};

/* Sums over the logits of one row. */
typedef struct row_sums {
    mote_real maximum, exponentials; /* m, Σ e^(z − m) */
    size_t best;
} row_sums;

/* Writes e^(z_i − m) to e where it is not NULL. */
static inline row_sums sum_row(size_t classes, const mote_real *z, mote_real *e) {
    row_sums sums = {.best = mote_largest(classes, z)};
    sums.maximum = z[sums.best];
    mote_real total = 0;
    for (size_t i = 0; i < classes; i++) {
        mote_real exponential = mote_exp_one(z[i] - sums.maximum);
        total += exponential;
        if (e) {
            e[i] = exponential;
        }
    }
    sums.exponentials = total;
    return sums;
}

/* Σ y_i (z_i − m). An entry of probability 0 does not count, even where its z is −inf. */
static inline double expected_logit(size_t classes, const mote_real *z, mote_targets targets,
                                    size_t row, mote_real smoothing, mote_real m) {
    double kept = 0, all = 0;
    if (targets.labels) {
        kept = (double)(z[targets.labels[row]] - m);
    } else {
        for (size_t i = 0; i < classes; i++) {
            mote_real y = targets.values[row * classes + i];
            kept += y != 0 ? (double)y * (double)(z[i] - m) : 0;
        }
    }
    if (smoothing <= 0) {
        return kept;
    }
    for (size_t i = 0; i < classes; i++) {
        all += (double)(z[i] - m);
    }
    return (1 - (double)smoothing) * kept + (double)smoothing / (double)classes * all;
}

/* From e = e^(z − m) to scale × (p − y), in place. */
static inline void finish_gradient(size_t classes, mote_targets targets, size_t row,
                                   mote_real smoothing, mote_real scale, mote_real sum,
                                   mote_real *e) {
    mote_real factor = scale / sum, spread = scale * smoothing / (mote_real)classes;
    mote_real keep = scale * (1 - smoothing);
    for (size_t i = 0; i < classes; i++) {
        e[i] = e[i] * factor - spread;
    }
    if (targets.labels) {
        e[targets.labels[row]] -= keep;
        return;
    }
    for (size_t i = 0; i < classes; i++) {
        e[i] -= keep * targets.values[row * classes + i];
    }
}

MOTE_MULTIVERSION
static void score(const mote_output *output, size_t rows, const mote_real *z, mote_targets targets,
                  mote_real scale, mote_real *dz, mote_score *score) {
    size_t classes = output->classes;
    mote_real smoothing = (mote_real)((const softmax_cross_entropy *)output)->label_smoothing;
    for (size_t row = 0; row < rows; row++, z += classes) {
        mote_real *e = dz ? dz + row * classes : NULL;
        row_sums sums = sum_row(classes, z, e);
        score->loss += log((double)sums.exponentials) -
                       expected_logit(classes, z, targets, row, smoothing, sums.maximum);
        score->correct += sums.best == mote_target_class(targets, row, classes);
        if (e) {
            finish_gradient(classes, targets, row, smoothing, scale, sums.exponentials, e);
        }
    }
}

static void predict(const mote_output *output, size_t rows, const mote_real *z,
                    mote_real *prediction) {
    mote_softmax(rows, output->width, z, prediction);
}

const mote_output_class mote_output_softmax_cross_entropy = {
    .type = "softmax_cross_entropy",
    .summary = "softmax and cross-entropy in one, on logits; one number per class",
    .example = "{\"type\": \"softmax_cross_entropy\", \"label_smoothing\": 0.1}",
    .size = sizeof(softmax_cross_entropy),
    .fields = fields,
    .takes = MOTE_TAKES_LOGITS,
    .gives_probabilities = true,
    .score = score,
    .predict = predict,
};
