/* focal_loss.c: cross-entropy that discounts easy samples: the surer the model is of a sample's
 * class, the less the sample counts, so that many easy ones do not drown out a few hard ones.
 *
 *   z [rows × classes], p = softmax(z), target distribution y (Σ y_i = 1)
 *
 *   L = −Σ y_i (1 − p_i)^γ log p_i
 *   ∂L/∂z_i = y_i g_i − p_i Σ_k y_k g_k,   g_i = γ (1 − p_i)^(γ−1) p_i log p_i − (1 − p_i)^γ
 *
 * (Lin et al., "Focal loss for dense object detection", 2017.) With γ = 0 it is cross-entropy.
 *
 * This file is a template for an output outside mote's source tree. To write your own:
 *
 * 1. Copy the directory, and replace focal_loss with the name of your output in all its files. Then
 *    work through the numbers below; include/mote/output.h has all the details.
 */
#include <math.h>
#include <stdbool.h>

#include "mote/kernels.h"
#include "mote/output.h"
#include "mote/plugin.h"

/* 2. The output's struct: first the part common to all outputs; then what JSON sets. */
typedef struct focal_loss {
    mote_output base;
    double gamma;
} focal_loss;

/* 3. Its JSON keys: parsing, ranges, defaults, errors and ./train --help outputs follow from
 *    this. */
static const mote_field fields[] = {
    {.name = "gamma",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(focal_loss, gamma),
     .range = MOTE_BETWEEN(0, 10),
     .preset = "2",
     .help = "how strongly to discount samples that the model is sure of; 0: cross-entropy"},
    MOTE_FIELDS_END,
};

/* 4. Computes the number of classes from the last layer's width. One class per number needs no
 *    build; this one rejects a single class, whose loss would always be 0. */
static mote_status build(mote_output *output, mote_error *error) {
    if (output->width < 2) {
        return mote_fail(error, MOTE_INVALID,
                         "takes a number for each of at least 2 classes, but the last layer gives "
                         "%zu",
                         output->width);
    }
    return MOTE_OK;
}

/* What is computed once from the logits of a row. */
typedef struct row_sums {
    size_t best;       /* the class of the largest */
    double rest;       /* Σ e^(z_i − z_best) over the others */
    double log_of_sum; /* log Σ e^(z_i − z_best) over all */
} row_sums;

/* Subtracting the largest z from all keeps e^z from overflowing; leaving its own term, 1, out of
 * the sum keeps the distance of a probability near 1 from 1 exact. */
static row_sums sum_row(size_t classes, const mote_real *z) {
    row_sums sums = {0};
    for (size_t i = 1; i < classes; i++) {
        sums.best = z[i] > z[sums.best] ? i : sums.best;
    }
    for (size_t i = 0; i < classes; i++) {
        sums.rest += i == sums.best ? 0 : exp((double)z[i] - (double)z[sums.best]);
    }
    sums.log_of_sum = log1p(sums.rest);
    return sums;
}

/* y_i of a row; a label is a one-hot distribution. */
static double target_at(mote_targets targets, size_t row, size_t classes, size_t i) {
    return targets.labels ? (double)(targets.labels[row] == i)
                          : (double)targets.values[row * classes + i];
}

static size_t target_class(mote_targets targets, size_t row, size_t classes) {
    size_t best = 0;
    for (size_t i = 1; i < classes; i++) {
        best =
            target_at(targets, row, classes, i) > target_at(targets, row, classes, best) ? i : best;
    }
    return best;
}

/* One class's share of the loss, and its g. log p / (1 − p), which tends to −1, keeps g finite at
 * p = 1. */
static double class_loss(double gamma, double log_p, double *g) {
    double p = exp(log_p), distance = -expm1(log_p); /* 1 − p */
    double weight = pow(distance, gamma);
    double ratio = distance > 0 ? log_p / distance : -1;
    *g = gamma * weight * p * ratio - weight;
    return -weight * log_p;
}

/* dz = scale × (y_i g_i − p_i Σ y g) */
static void give_gradient(double gamma, size_t classes, const mote_real *z, const row_sums *sums,
                          mote_targets targets, size_t row, double scale, mote_real *dz) {
    double total = 0;
    for (size_t i = 0; i < classes; i++) {
        double log_p = (double)z[i] - (double)z[sums->best] - sums->log_of_sum, g = 0;
        double y = target_at(targets, row, classes, i);
        class_loss(gamma, log_p, &g);
        dz[i] = (mote_real)(y > 0 ? scale * y * g : 0);
        total += y > 0 ? scale * y * g : 0;
    }
    for (size_t i = 0; i < classes; i++) {
        double log_p = (double)z[i] - (double)z[sums->best] - sums->log_of_sum;
        dz[i] -= (mote_real)(exp(log_p) * total);
    }
}

/* 5. Adds the loss of each row to score->loss and the number of correct rows to score->correct; if
 *    dz is not NULL, stores scale × the gradient there. Several threads call this, each for its own
 *    rows, so it must write nothing else. NaN must give NaN: a fault upstream must not be
 *    hidden. */
static void score(const mote_output *output, size_t rows, const mote_real *z, mote_targets targets,
                  mote_real scale, mote_real *dz, mote_score *score) {
    double gamma = ((const focal_loss *)output)->gamma;
    size_t classes = output->classes;
    for (size_t row = 0; row < rows; row++, z += classes) {
        row_sums sums = sum_row(classes, z);
        double loss = 0 * sums.log_of_sum; /* NaN if any z is */
        for (size_t i = 0; i < classes; i++) {
            double y = target_at(targets, row, classes, i), g;
            double log_p = (double)z[i] - (double)z[sums.best] - sums.log_of_sum;
            loss += y > 0 ? y * class_loss(gamma, log_p, &g) : 0;
        }
        score->loss += loss;
        score->correct += sums.best == target_class(targets, row, classes);
        if (dz) {
            give_gradient(gamma, classes, z, &sums, targets, row, (double)scale,
                          dz + row * classes);
        }
    }
}

/* 6. What the model predicts without targets: probabilities here. */
static void predict(const mote_output *output, size_t rows, const mote_real *z,
                    mote_real *prediction) {
    mote_softmax(rows, output->width, z, prediction);
}

/* 7. The record that describes the output. It takes logits, so a model that ends with a softmax
 *    layer is rejected. */
const mote_output_class mote_output_focal_loss = {
    .type = "focal_loss",
    .summary = "cross-entropy that plays down easy samples, on logits; one number per class",
    .size = sizeof(focal_loss),
    .fields = fields,
    .takes = MOTE_TAKES_LOGITS,
    .gives_probabilities = true,
    .build = build,
    .score = score,
    .predict = predict,
};

/* 8. Makes a shared object of this file a plugin. (For an output in mote's source tree, leave it
 *    out, and add a line each to src/outputs/registry.c and src/CMakeLists.txt.) */
MOTE_PLUGIN(.name = "focal_loss", .outputs = {&mote_output_focal_loss});
