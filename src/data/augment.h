/* augment.h (internal): a config's list of augmentations, and samples changed by it.
 */
#ifndef MOTE_DATA_AUGMENT_H
#define MOTE_DATA_AUGMENT_H

#include "config/json.h"
#include "config/json_write.h"
#include "mote/augmentation.h"

/* What "dataset.augment" says. */
typedef struct mote_augment_list {
    mote_augmentation **items; /* [count]: one after the other */
    size_t count;
    mote_shape shape; /* of a sample */
} mote_augment_list;

/* Reads a list for samples of that shape; an absent one, with value.node NULL, is empty. On failure
 * nothing has to be freed. */
mote_status mote_augment_list_read(mote_augment_list *list, mote_json value, mote_shape shape,
                                   mote_error *error);
void mote_augment_list_free(mote_augment_list *list);

/* Adds it to an object, every default spelled out. */
void mote_augment_list_write(const mote_augment_list *list, mote_json_writer *writer, cJSON *object,
                             const char *name);

/* A list at work: with memory for each of the threads that may use it at the same time. */
typedef struct mote_augmenter mote_augmenter;

/* `threads` is how many may call mote_augment at the same time, `seed` the config's. The list has
 * to last as long. NULL on failure. */
mote_augmenter *mote_augmenter_create(const mote_augment_list *list, size_t threads, uint64_t seed,
                                      mote_error *error);
void mote_augmenter_destroy(mote_augmenter *augmenter);

/* Changes x [shape], which is sample number `sample` of the data, preprocessed, as in that epoch,
 * counted from 0. May be called from tasks. */
void mote_augment(mote_augmenter *augmenter, const mote_preprocessing *preprocessing,
                  uint64_t epoch, uint32_t sample, mote_real *x);

#endif
