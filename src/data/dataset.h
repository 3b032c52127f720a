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

/* Reads a config's "dataset" object and opens the data: afterwards the shape is known, but no
 * samples are loaded. The object's document must outlive the data set, whose samples may be in it.
 * NULL on failure. */
mote_dataset *mote_dataset_open(mote_json object, uint64_t seed, const mote_loading *loading,
                                mote_error *error);

/* Loads, splits and measures. With loading->test_only, there may be only the test part, without
 * preprocessing. */
mote_status mote_dataset_load(mote_dataset *dataset, const mote_loading *loading,
                              mote_error *error);

/* The settings with every default spelled out; NULL when out of memory. */
cJSON *mote_dataset_to_json(const mote_dataset *dataset);

/* Those of them that determine the samples, without the paths of files; NULL when out of
 * memory. */
cJSON *mote_dataset_settings(const mote_dataset *dataset);

/* The keys that all formats share. */
const mote_field *mote_dataset_fields(void);

/* The augmentations for training samples; empty if there are none. */
const mote_augment_list *mote_dataset_augment(const mote_dataset *dataset);

enum {
    MOTE_ORIGIN_CAPACITY = 4096 /* fits any path */
};

/* Where a training or validation sample came from: "pets/cat/07.jpg", "iris.csv:52". One line of
 * UTF-8: control characters, and all non-ASCII bytes of text that is not UTF-8, become "?". False,
 * with an empty text, if only its number is known. */
bool mote_dataset_origin(const mote_dataset *dataset, size_t sample, char *text, size_t capacity);

/* Gathers samples indexes[0 ... count - 1] into x [count × shape], preprocessed; their labels into
 * labels [count] or their values into values [count × value_width]. `labels` and `values` may be
 * NULL. */
void mote_gather(const mote_samples *samples, const mote_preprocessing *preprocessing,
                 mote_pool *pool, const uint32_t *indexes, size_t count, mote_real *x,
                 uint32_t *labels, mote_real *values);

/* The same, augmented as in the given epoch, counted from 0. The augmenter must be made for as many
 * threads as the pool has; NULL augments nothing. */
void mote_gather_augmented(const mote_samples *samples, const mote_preprocessing *preprocessing,
                           mote_augmenter *augmenter, uint64_t epoch, mote_pool *pool,
                           const uint32_t *indexes, size_t count, mote_real *x, uint32_t *labels,
                           mote_real *values);

#endif
