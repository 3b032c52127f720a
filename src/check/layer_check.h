/* layer_check.h (internal): the parts of mote_layer_check, and what they share.
 */
#ifndef MOTE_CHECK_LAYER_CHECK_H
#define MOTE_CHECK_LAYER_CHECK_H

#include "check/alone.h"

/* The batch of most passes: small, and not a multiple of what vectors hold. */
enum {
    MOTE_CHECK_ROWS = 5
};

/* Sums in another order may differ by this part of the largest number. */
#define MOTE_CHECK_ROUNDING 1e-4

/* What is checked. */
typedef struct mote_layer_case {
    const mote_layer_class *kind;
    const char *json;
    mote_shape shape;
} mote_layer_case;

/* A model of it alone, with all that a model has. NULL on failure. */
mote_model *mote_layer_case_model(const mote_layer_case *layer, mote_error *error);

/* Closes a model with an output that takes anything, and initialises it. Destroys it and returns
 * NULL on failure, and where the model is NULL. */
mote_model *mote_check_complete(mote_model *model, mote_error *error);

/* For passes of up to `batch` rows. Free it with mote_layer_case_free, also on failure. */
mote_status mote_layer_case_alone(mote_alone *alone, const mote_layer_case *layer, size_t batch,
                                  mote_error *error);
void mote_layer_case_free(mote_alone *alone);

/* That all results of two passes are the same bits. `where` says how `found` came about. */
mote_status mote_check_same_results(const mote_alone *alone, size_t rows, const mote_result *found,
                                    const mote_result *wanted, const char *where,
                                    mote_error *error);

/* That gradients are the derivatives of what is computed, however they are asked for, in passes of
 * that many rows; for at most so many entries of x and of each parameter. */
mote_status mote_check_layer_gradients(mote_alone *alone, size_t rows, size_t most,
                                       mote_error *error);

/* So many rows that their numbers make several tiles for any layer that uses threads. */
size_t mote_check_many_rows(const mote_layer_case *layer);

/* The other parts. */
mote_status mote_check_layer_threads(const mote_layer_case *layer, mote_error *error);
mote_status mote_check_layer_evaluation(const mote_layer_case *layer, mote_error *error);
mote_status mote_check_layer_neighbours(const mote_layer_case *layer, mote_error *error);
mote_status mote_check_layer_files(const mote_layer_case *layer, mote_error *error);

#endif
