/* experiment.h: a whole config: data set, model and training.
 */
#ifndef MOTE_TRAIN_EXPERIMENT_H
#define MOTE_TRAIN_EXPERIMENT_H

#include "data/dataset.h"
#include "mote/trainer.h"
#include "train/options.h"

typedef struct mote_experiment {
    mote_document *document;
    char *name;
    size_t seed;
    mote_json dataset_json, model_json, train_json; /* parts of the document */
    mote_train_options options;
    mote_dataset *dataset;
    mote_model *model;
} mote_experiment;

/* The top-level keys of a config. */
const mote_field *mote_experiment_fields(void);

/* Reads a config, applies `overrides` ("train.epochs=3"), checks all of it, reads the shape of the
 * data and builds the model. The samples are not loaded yet (mote_dataset_load). */
mote_status mote_experiment_open(mote_experiment *experiment, const char *path,
                                 const char *const *overrides, size_t override_count,
                                 const mote_loading *loading, mote_error *error);

/* Loads the data and checks that it fits the model. */
mote_status mote_experiment_load(mote_experiment *experiment, const mote_loading *loading,
                                 mote_error *error);

/* Like mote_experiment_open, but opens only the data set: no overrides, no model. */
mote_status mote_experiment_open_data(mote_experiment *experiment, const char *path,
                                      const mote_loading *loading, mote_error *error);
void mote_experiment_close(mote_experiment *experiment);

/* The config with every default spelled out, to be freed with free(); NULL when out of memory. */
char *mote_experiment_text(const mote_experiment *experiment);

#endif
