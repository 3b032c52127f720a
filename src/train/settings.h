/* settings.h: the settings that a checkpoint belongs to: all those of a config that influence the
 * result of training, except those that may change on resuming.
 */
#ifndef MOTE_TRAIN_SETTINGS_H
#define MOTE_TRAIN_SETTINGS_H

#include "train/trainer.h"

/* The settings as JSON, to be freed with free(); NULL when out of memory. */
char *mote_settings_text(const mote_trainer *trainer);

/* Fails with MOTE_INVALID where the trainer's settings are not those of the text `then`, naming the
 * keys: "train.batch_size was 64 and is 32". `path` is what errors begin with. */
mote_status mote_settings_check(const mote_trainer *trainer, const char *then, const char *path,
                                mote_error *error);

#endif
