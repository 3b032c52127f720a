/* matching.h: whether a data set fits a model, which need not have been trained on it.
 */
#ifndef MOTE_TRAIN_MATCHING_H
#define MOTE_TRAIN_MATCHING_H

#include "mote/dataset.h"
#include "mote/model.h"

/* Fails with MOTE_DATA if the data set makes its samples differently from the one the model was
 * trained on: from other columns or categories of a table, or by resizing pictures another way. The
 * data set must be loaded. */
mote_status mote_input_match(const mote_model *model, const mote_dataset *dataset,
                             mote_error *error);

/* A part of a data set with the model's numbers as its labels. */
typedef struct mote_matched_part {
    mote_part part;
    mote_samples samples; /* what `part` points to if the numbers differ, */
    uint32_t *labels;     /* and their labels; owned */
} mote_matched_part;

/* Finds each of the data set's classes among the model's by name: another data set may lack some
 * classes or order them differently. Classes without names keep their numbers. Fails with MOTE_DATA
 * if the model does not know a class. Free it with mote_matched_part_free, also on failure; until
 * then it must not be moved, since `part` may point into it. */
mote_status mote_part_match(mote_matched_part *matched, const mote_model *model,
                            const mote_dataset *dataset, mote_part_name name, mote_error *error);
void mote_matched_part_free(mote_matched_part *matched);

#endif
