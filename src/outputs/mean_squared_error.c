/* mean_squared_error.c: the mean squared error, for numbers or one-hot classes.
 *
 *   z [rows × width], L = 1/width Σ (z_i − y_i)²,  ∂L/∂z_i = 2/width (z_i − y_i)
 */
#include "outputs/targets.h"

typedef struct mean_squared_error {
    mote_output base;
} mean_squared_error;

static const mote_field fields[] = {MOTE_FIELDS_END};

static void score(const mote_output *output, size_t rows, const mote_real *z, mote_targets targets,
                  mote_real scale, mote_real *dz, mote_score *score) {
    size_t width = output->width;
    mote_real factor = 2 * scale / (mote_real)width;
    for (size_t row = 0; row < rows; row++, z += width) {
        double sum = 0;
        for (size_t i = 0; i < width; i++) {
            mote_real difference = z[i] - mote_target_at(targets, row, width, i);
            sum += (double)difference * (double)difference;
            if (dz) {
                dz[row * width + i] = factor * difference;
            }
        }
        score->loss += sum / (double)width;
        if (output->classes) {
            score->correct += mote_largest(width, z) == mote_target_class(targets, row, width);
        }
    }
}

static void predict(const mote_output *output, size_t rows, const mote_real *z,
                    mote_real *prediction) {
    size_t count = rows * output->width;
    for (size_t i = 0; i < count; i++) {
        prediction[i] = z[i];
    }
}

const mote_output_class mote_output_mean_squared_error = {
    .type = "mean_squared_error",
    .summary = "mean of the squared differences, for numbers or one-hot classes",
    .size = sizeof(mean_squared_error),
    .fields = fields,
    .takes = MOTE_TAKES_ANYTHING,
    .takes_numbers = true,
    .score = score,
    .predict = predict,
};
