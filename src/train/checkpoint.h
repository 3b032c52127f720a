/* checkpoint.h (internal): see mote_trainer_save and mote_trainer_restore.
 */
#ifndef MOTE_TRAIN_CHECKPOINT_H
#define MOTE_TRAIN_CHECKPOINT_H

#include "train/trainer.h"

/* Like mote_trainer_restore, but with `force` also from a checkpoint made with other settings, as
 * long as its tensors fit. Fails with MOTE_INVALID if the file is intact but does not fit the
 * settings or the model, and with MOTE_DATA or MOTE_FILE if it is broken. */
mote_status mote_checkpoint_restore(mote_trainer *trainer, const char *path, bool force,
                                    mote_error *error);

#endif
