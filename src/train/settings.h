/* settings.h: the settings that a checkpoint was made with: everything in a config that affects the
 * result of training, except what may change on resuming.
 */
#ifndef MOTE_TRAIN_SETTINGS_H
#define MOTE_TRAIN_SETTINGS_H

#include "train/trainer.h"

/* The settings as JSON, to be freed with free(); NULL when out of memory. */
char *mote_settings_text(const mote_trainer *trainer);

/* Fails with MOTE_INVALID if the trainer's settings differ from those in the text `then`, naming
 * the keys: "train.batch_size was 64 and is now 32". Errors begin with `path`. */
mote_status mote_settings_check(const mote_trainer *trainer, const char *then, const char *path,
                                mote_error *error);

#endif
