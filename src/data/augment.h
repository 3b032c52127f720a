/* augment.h (internal): a config's list of augmentations, and applying it to samples.
 */
#ifndef MOTE_DATA_AUGMENT_H
#define MOTE_DATA_AUGMENT_H

#include "config/json.h"
#include "config/json_write.h"
#include "mote/augmentation.h"

/* The list given by "dataset.augment". */
typedef struct mote_augment_list {
    mote_augmentation **items; /* [count], applied in this order */
    size_t count;
    mote_shape shape; /* of a sample */
} mote_augment_list;

/* Reads a list for samples of that shape; an absent one, with value.node NULL, is empty. On failure
 * there is nothing to free. */
mote_status mote_augment_list_read(mote_augment_list *list, mote_json value, mote_shape shape,
                                   mote_error *error);
void mote_augment_list_free(mote_augment_list *list);

/* Adds it to an object, every default spelled out. */
void mote_augment_list_write(const mote_augment_list *list, mote_json_writer *writer, cJSON *object,
                             const char *name);

/* A list ready to apply, with memory for each thread that may use it at the same time. */
typedef struct mote_augmenter mote_augmenter;

/* `threads` is how many may call mote_augment at the same time, `seed` the config's. The list must
 * outlive the augmenter. NULL on failure. */
mote_augmenter *mote_augmenter_create(const mote_augment_list *list, size_t threads, uint64_t seed,
                                      mote_error *error);
void mote_augmenter_destroy(mote_augmenter *augmenter);

/* Augments x [shape], the preprocessed sample number `sample` of the data, as in the given epoch,
 * counted from 0. May be called from tasks. */
void mote_augment(mote_augmenter *augmenter, const mote_preprocessing *preprocessing,
                  uint64_t epoch, uint32_t sample, mote_real *x);

#endif
