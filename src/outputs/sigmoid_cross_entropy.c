/* sigmoid_cross_entropy.c: sigmoid and binary cross-entropy as one, on logits.
 *
 *   L = −y log σ(z) − (1 − y) log(1 − σ(z)) = max(z, 0) − z y + log(1 + e^−|z|)
 *   ∂L/∂z = σ(z) − y
 *
 * A single number distinguishes two classes: σ(z) is the probability of class 1. Several numbers
 * stand for one class each, independent of the others, and a sample's loss is the sum over them.
 */
#include "math/vector.h"
#include "outputs/targets.h"

typedef struct sigmoid_cross_entropy {
    mote_output base;
} sigmoid_cross_entropy;

static const mote_field fields[] = {MOTE_FIELDS_END};

static mote_status build(mote_output *output, mote_error *error) {
    (void)error;
    output->classes = output->prediction_width = output->width == 1 ? 2 : output->width;
    return MOTE_OK;
}

/* y of number i; a single number has that of class 1. */
static mote_real target_of(const mote_output *output, mote_targets targets, size_t row, size_t i) {
    return mote_target_at(targets, row, output->classes, output->width == 1 ? 1 : i);
}

/* log(1 + e^−|z|) is log 2 at most, so nothing overflows. */
static double loss_of(double z, double y) {
    if (isinf(z)) {
        return y == (z > 0) ? 0 : INFINITY; /* where the formula has ∞ − ∞ */
    }
    return fmax(z, 0) - z * y + log1p(exp(-fabs(z)));
}

static void score(const mote_output *output, size_t rows, const mote_real *z, mote_targets targets,
                  mote_real scale, mote_real *dz, mote_score *score) {
    size_t width = output->width;
    for (size_t row = 0; row < rows; row++) {
        const mote_real *logits = z + row * width;
        for (size_t i = 0; i < width; i++) {
            mote_real y = target_of(output, targets, row, i);
            score->loss += loss_of((double)logits[i], (double)y);
            if (dz) {
                dz[row * width + i] = scale * (mote_sigmoid_one(logits[i]) - y);
            }
        }
        size_t best = width == 1 ? logits[0] > 0 : mote_largest(width, logits);
        score->correct += best == mote_target_class(targets, row, output->classes);
    }
}

static void predict(const mote_output *output, size_t rows, const mote_real *z,
                    mote_real *prediction) {
    size_t count = rows * output->width;
    for (size_t i = 0; i < count; i++) {
        if (output->width == 1) {
            prediction[2 * i] = mote_sigmoid_one(-z[i]);
            prediction[2 * i + 1] = mote_sigmoid_one(z[i]);
        } else {
            prediction[i] = mote_sigmoid_one(z[i]);
        }
    }
}

const mote_output_class mote_output_sigmoid_cross_entropy = {
    .type = "sigmoid_cross_entropy",
    .summary =
        "sigmoid and cross-entropy in one, on logits; a single number tells two classes apart",
    .size = sizeof(sigmoid_cross_entropy),
    .fields = fields,
    .takes = MOTE_TAKES_LOGITS,
    .build = build,
    .gives_probabilities = true,
    .score = score,
    .predict = predict,
};
