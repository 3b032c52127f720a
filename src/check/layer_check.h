/* layer_check.h (internal): the checks of mote_layer_check, and what they share.
 */
#ifndef MOTE_CHECK_LAYER_CHECK_H
#define MOTE_CHECK_LAYER_CHECK_H

#include "check/alone.h"

/* The batch of most passes: small, and not a multiple of the vector width. */
enum {
    MOTE_CHECK_ROWS = 5
};

/* Sums taken in another order may differ by this, relative to the largest number. */
#define MOTE_CHECK_ROUNDING 1e-4

/* What is checked. */
typedef struct mote_layer_case {
    const mote_layer_class *kind;
    const char *json;
    mote_shape shape;
} mote_layer_case;

/* Creates a complete model of this layer alone. NULL on failure; owned by the caller. */
mote_model *mote_layer_case_model(const mote_layer_case *layer, mote_error *error);

/* Gives a model an output that accepts anything, initialises it and returns it. On failure destroys
 * it and returns NULL, as it does for NULL. */
mote_model *mote_check_complete(mote_model *model, mote_error *error);

/* Creates a model of the layer for passes of up to `batch` rows. Free it with mote_layer_case_free,
 * even on failure. */
mote_status mote_layer_case_alone(mote_alone *alone, const mote_layer_case *layer, size_t batch,
                                  mote_error *error);
void mote_layer_case_free(mote_alone *alone);

/* Checks that all results of two passes have the same bits. `where` says how `found` arose. */
mote_status mote_check_same_results(const mote_alone *alone, size_t rows, const mote_result *found,
                                    const mote_result *wanted, const char *where,
                                    mote_error *error);

/* Checks that gradients are the derivatives of what is computed, however they are requested, in
 * passes of `rows` rows; for at most `most` entries of x and of each parameter. */
mote_status mote_check_layer_gradients(mote_alone *alone, size_t rows, size_t most,
                                       mote_error *error);

/* A number of rows that makes many tiles for any layer that uses threads. */
size_t mote_check_many_rows(const mote_layer_case *layer);

/* The other checks. */
mote_status mote_check_layer_threads(const mote_layer_case *layer, mote_error *error);
mote_status mote_check_layer_evaluation(const mote_layer_case *layer, mote_error *error);
mote_status mote_check_layer_neighbours(const mote_layer_case *layer, mote_error *error);
mote_status mote_check_layer_files(const mote_layer_case *layer, mote_error *error);

#endif
