/* checkpoint.h (internal): see mote_trainer_save and mote_trainer_restore.
 */
#ifndef MOTE_TRAIN_CHECKPOINT_H
#define MOTE_TRAIN_CHECKPOINT_H

#include "train/trainer.h"

/* As mote_trainer_restore, but where `force` is set also from a checkpoint of other settings, as
 * far as its tensors fit. Fails with MOTE_INVALID where the settings are to blame, and not the
 * file. */
mote_status mote_checkpoint_restore(mote_trainer *trainer, const char *path, bool force,
                                    mote_error *error);

#endif
