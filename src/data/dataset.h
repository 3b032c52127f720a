/* dataset.h (internal): data sets from configs, and batches.
 */
#ifndef MOTE_DATA_DATASET_H
#define MOTE_DATA_DATASET_H

#include "config/json.h"
#include "data/augment.h"
#include "data/loading.h"
#include "mote/dataset.h"
#include "mote/field.h"
#include "mote/pool.h"

/* Reads a config's "dataset" object and looks at the data: the shape is known afterwards, the
 * samples are not there yet. The object's document has to last as long as the data set, which may
 * have its samples in there. NULL on failure. */
mote_dataset *mote_dataset_open(mote_json object, uint64_t seed, const mote_loading *loading,
                                mote_error *error);

/* Loads, splits and measures. With loading->test_only, there is nothing but the test part, and no
 * preprocessing. */
mote_status mote_dataset_load(mote_dataset *dataset, const mote_loading *loading,
                              mote_error *error);

/* The settings, every default spelled out; NULL when out of memory. */
cJSON *mote_dataset_to_json(const mote_dataset *dataset);

/* Those of them that have a say in what the samples are, but not where they are or what is in them;
 * NULL when out of memory. */
cJSON *mote_dataset_settings(const mote_dataset *dataset);

/* The keys that all formats share. */
const mote_field *mote_dataset_fields(void);

/* What is to be done with training samples; empty where there is nothing. */
const mote_augment_list *mote_dataset_augment(const mote_dataset *dataset);

enum {
    MOTE_ORIGIN_CAPACITY = 4096 /* that any path fits */
};

/* Where a training or validation sample came from: "pets/cat/07.jpg", "iris.csv:52". UTF-8 in
 * one line: "?" stands for bytes of a name that do not fit there. False, and an empty text, where
 * nothing but its number is known. */
bool mote_dataset_origin(const mote_dataset *dataset, size_t sample, char *text, size_t capacity);

/* Gathers samples indexes[0 ... count - 1] into x [count × shape], preprocessed; their labels into
 * labels [count] or their values into values [count × value_width]. `labels` and `values` may be
 * NULL. */
void mote_gather(const mote_samples *samples, const mote_preprocessing *preprocessing,
                 mote_pool *pool, const uint32_t *indexes, size_t count, mote_real *x,
                 uint32_t *labels, mote_real *values);

/* The same, changed as in that epoch, counted from 0. The augmenter must be for as many threads as
 * the pool has; with NULL nothing is changed. */
void mote_gather_augmented(const mote_samples *samples, const mote_preprocessing *preprocessing,
                           mote_augmenter *augmenter, uint64_t epoch, mote_pool *pool,
                           const uint32_t *indexes, size_t count, mote_real *x, uint32_t *labels,
                           mote_real *values);

#endif
