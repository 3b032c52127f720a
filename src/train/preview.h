/* preview.h: shows what training will see, before it starts. */
#ifndef MOTE_TRAIN_PREVIEW_H
#define MOTE_TRAIN_PREVIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "train/trainer.h"

typedef struct mote_preview {
    size_t shown, batch; /* samples on the sheet, and in the first batch */
} mote_preview;

/* Writes the first training batch, as pictures with their labels, to a PNG file: augmented, in the
 * order of training, converted back from what the model sees. Fails with MOTE_INVALID for samples
 * that are not pictures. */
mote_status mote_preview_write(mote_trainer *trainer, const char *path, mote_preview *preview,
                               mote_error *error);

/* Whether the samples are pictures. */
bool mote_preview_is_possible(const mote_trainer *trainer);

/* Like mote_preview_write, for the `count` samples in trainer->batch. */
mote_status mote_preview_write_batch(const mote_trainer *trainer, size_t count, const char *path,
                                     mote_preview *preview, mote_error *error);

/* Whether a class is shown by its name, which must be ASCII; others are shown as "#<number>". */
bool mote_preview_shows_name(const char *name);

#endif
