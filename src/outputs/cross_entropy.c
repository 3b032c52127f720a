/* cross_entropy.c: the negative log-likelihood of targets, on probabilities.
 *
 *   p [rows × classes], L = −Σ y_i log p_i,                     ∂L/∂p_i = −y_i / p_i
 *   p [rows × 1],       L = −y log p − (1 − y) log(1 − p),       ∂L/∂p = (1 − y)/(1 − p) − y/p
 *
 * Probabilities below the smallest normal number count as that number, so that loss and gradient
 * are large, but finite. On logits, softmax_cross_entropy and sigmoid_cross_entropy do the same
 * without any such limit.
 */
#include <float.h>
#include <math.h>

#include "outputs/targets.h"

typedef struct cross_entropy {
    mote_output base;
} cross_entropy;

static const mote_field fields[] = {MOTE_FIELDS_END};

static mote_status build(mote_output *output, mote_error *error) {
    (void)error;
    output->classes = output->prediction_width = output->width == 1 ? 2 : output->width;
    return MOTE_OK;
}

/* NaN stays NaN. */
static mote_real at_least_tiny(mote_real p) {
    return p < (mote_real)FLT_MIN ? (mote_real)FLT_MIN : p;
}

/* −y log p; 0 where y is 0, unless p is NaN. */
static double term(mote_real y, mote_real p) {
    return y != 0 ? -(double)y * log((double)at_least_tiny(p)) : p * 0.0;
}

static mote_real slope(mote_real y, mote_real p) {
    return y != 0 ? -y / at_least_tiny(p) : 0;
}

static void score_pair(const mote_output *output, size_t row, mote_real p, mote_targets targets,
                       mote_real scale, mote_real *dp, mote_score *score) {
    mote_real y = mote_target_at(targets, row, output->classes, 1);
    score->loss += term(y, p) + term(1 - y, 1 - p);
    if (dp) {
        *dp = scale * (slope(y, p) - slope(1 - y, 1 - p));
    }
    score->correct += (p > (mote_real)0.5) == (mote_target_class(targets, row, 2) == 1);
}

static void score(const mote_output *output, size_t rows, const mote_real *z, mote_targets targets,
                  mote_real scale, mote_real *dz, mote_score *score) {
    size_t width = output->width;
    for (size_t row = 0; row < rows; row++) {
        const mote_real *p = z + row * width;
        mote_real *dp = dz ? dz + row * width : NULL;
        if (width == 1) {
            score_pair(output, row, *p, targets, scale, dp, score);
            continue;
        }
        for (size_t i = 0; i < width; i++) {
            mote_real y = mote_target_at(targets, row, width, i);
            score->loss += term(y, p[i]);
            if (dp) {
                dp[i] = scale * slope(y, p[i]);
            }
        }
        score->correct += mote_largest(width, p) == mote_target_class(targets, row, width);
    }
}

static void predict(const mote_output *output, size_t rows, const mote_real *z,
                    mote_real *prediction) {
    size_t count = rows * output->width;
    for (size_t i = 0; i < count; i++) {
        if (output->width == 1) {
            prediction[2 * i] = 1 - z[i];
            prediction[2 * i + 1] = z[i];
        } else {
            prediction[i] = z[i];
        }
    }
}

const mote_output_class mote_output_cross_entropy = {
    .type = "cross_entropy",
    .summary = "cross-entropy on probabilities, as given by a softmax or sigmoid layer",
    .size = sizeof(cross_entropy),
    .fields = fields,
    .takes = MOTE_TAKES_PROBABILITIES,
    .build = build,
    .gives_probabilities = true,
    .score = score,
    .predict = predict,
};
