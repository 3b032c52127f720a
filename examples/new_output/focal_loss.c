/* focal_loss.c: cross-entropy that looks away from what is easy: a sample counts the less the surer
 * the model is of its class, so that the many easy ones do not drown the few hard ones.
 *
 *   z [rows × classes], p = softmax(z), target distribution y (Σ y_i = 1)
 *
 *   L = −Σ y_i (1 − p_i)^γ log p_i
 *   ∂L/∂z_i = y_i g_i − p_i Σ_k y_k g_k,   g_i = γ (1 − p_i)^(γ−1) p_i log p_i − (1 − p_i)^γ
 *
 * (Lin et al., "Focal loss for dense object detection", 2017.) With γ = 0 it is cross-entropy.
 *
 * This file is a template, of an output outside of mote's source tree. To make one of your own:
 *
 * 1. Copy the directory, and put the name of your output in place of focal_loss in all its files.
 *    Then go through the numbers below; include/mote/output.h says all there is to know.
 */
#include <math.h>
#include <stdbool.h>

#include "mote/kernels.h"
#include "mote/output.h"
#include "mote/plugin.h"

/* 2. What one output holds. First the part that all outputs have; then what JSON sets. */
typedef struct focal_loss {
    mote_output base;
    double gamma;
} focal_loss;

/* 3. Its keys in JSON: reading, ranges, defaults, errors and ./train --help outputs follow from
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

/* 4. From the last layer's width to the number of classes. As many classes as numbers needs no
 *    build; but one class alone would have a loss of 0. */
static mote_status build(mote_output *output, mote_error *error) {
    if (output->width < 2) {
        return mote_fail(error, MOTE_INVALID,
                         "takes a number for each of at least 2 classes, but the last layer gives "
                         "%zu",
                         output->width);
    }
    return MOTE_OK;
}

/* What one row needs to know of its logits. */
typedef struct row_sums {
    size_t best;       /* the class of the largest */
    double rest;       /* Σ e^(z_i − z_best) over the others */
    double log_of_sum; /* log Σ e^(z_i − z_best) over all */
} row_sums;

/* Taking the largest off every z, no e^z overflows; leaving its own 1 out of the sum, a probability
 * near 1 is known by how far it is from it. */
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

/* y_i of a row: a label is a distribution that is all in one place. */
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

/* One class's part of the loss, and its g. log p / (1 − p), which goes to −1, keeps g finite where
 * p is 1. */
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

/* 5. The loss of each row, added to score->loss; how many rows are right, added to score->correct;
 *    and where dz is not NULL, scale × the gradient. Threads call this for rows of their own, so it
 *    must write nothing else. NaN has to give NaN: a fault upstream must not be hidden. */
static void score(const mote_output *output, size_t rows, const mote_real *z, mote_targets targets,
                  mote_real scale, mote_real *dz, mote_score *score) {
    double gamma = ((const focal_loss *)output)->gamma;
    size_t classes = output->classes;
    for (size_t row = 0; row < rows; row++, z += classes) {
        row_sums sums = sum_row(classes, z);
        double loss = 0 * sums.log_of_sum; /* NaN, if there is any */
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

/* 6. What the model says without targets: probabilities here. */
static void predict(const mote_output *output, size_t rows, const mote_real *z,
                    mote_real *prediction) {
    mote_softmax(rows, output->width, z, prediction);
}

/* 7. All there is to say about the output. It takes logits, so a model that ends with a softmax
 *    layer is refused. */
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

/* 8. What makes a shared object of this file a plugin. (For an output within mote's source tree
 *    leave it out, and add a line each to src/outputs/registry.c and src/CMakeLists.txt.) */
MOTE_PLUGIN(.name = "focal_loss", .outputs = {&mote_output_focal_loss});
