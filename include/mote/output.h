/* output.h: the end of a model: computes the loss and its gradient from the last layer's numbers
 * and the targets, or, without targets, a prediction. Each output is one file with one
 * mote_output_class.
 */
#ifndef MOTE_OUTPUT_H
#define MOTE_OUTPUT_H

#include <stdint.h>

#include "mote/field.h"
#include "mote/status.h"
#include "mote/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_output mote_output;
typedef struct mote_output_class mote_output_class;

/* The targets of a batch: exactly one of the two is not NULL. */
typedef struct mote_targets {
    const uint32_t *labels;  /* [rows]: class numbers, from 0 */
    const mote_real *values; /* [rows × target width]: numbers, or a distribution over classes */
} mote_targets;

/* Sums over rows. */
typedef struct mote_score {
    double loss;
    size_t correct; /* rows whose class was predicted correctly; 0 without classes */
} mote_score;

/* The part common to all outputs; the first member of each output's struct. */
struct mote_output {
    const mote_output_class *kind;
    size_t width;            /* numbers per row from the last layer; set before build */
    size_t classes;          /* how many it distinguishes; 0: it predicts numbers */
    size_t prediction_width; /* numbers per row from predict: one per class, or `width` */
};

typedef enum mote_output_takes {
    MOTE_TAKES_ANYTHING,
    MOTE_TAKES_LOGITS,
    MOTE_TAKES_PROBABILITIES,
} mote_output_takes;

struct mote_output_class {
    const char *type;
    const char *summary;
    const char *example; /* as in mote_layer_class */
    size_t size;
    const mote_field *fields;
    mote_output_takes takes;
    bool gives_probabilities; /* predictions are probabilities */
    bool takes_numbers;       /* targets may be numbers: `classes` is then set to 0 after build */

    /* Computes classes and prediction_width, which equal output->width beforehand. NULL: they stay
     * so. */
    mote_status (*build)(mote_output *output, mote_error *error);

    /* Adds the losses of the rows of z [rows × width] to *score, and those predicted correctly. If
     * dz is not NULL, also computes
     *     dz [rows × width] = scale × ∂(sum of the rows' losses) / ∂z
     * dz never overlaps z. targets.labels are below `classes`; targets.values are [rows × classes],
     * or [rows × width] if classes is 0. May be called from tasks. */
    void (*score)(const mote_output *output, size_t rows, const mote_real *z, mote_targets targets,
                  mote_real scale, mote_real *dz, mote_score *score);

    /* Computes prediction [rows × prediction_width], probabilities or numbers, from z
     * [rows × width]. */
    void (*predict)(const mote_output *output, size_t rows, const mote_real *z,
                    mote_real *prediction);
};

/* The class of that type, or NULL; and all classes, NULL-terminated. */
const mote_output_class *mote_output_class_find(const char *type);
const mote_output_class *const *mote_output_classes(void);

/* Like mote_layer_register. */
mote_status mote_output_register(const mote_output_class *kind, mote_error *error);

#ifdef __cplusplus
}
#endif

#endif
