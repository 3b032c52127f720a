/* checkpoints.h: the checkpoint files in a run's directory.
 *
 * The newest is checkpoint.safetensors, and older ones that are kept are
 * checkpoint-<step>.safetensors. A file is given its name only once it is complete, so that all of
 * them are whole at any moment.
 */
#ifndef MOTE_TRAIN_CHECKPOINTS_H
#define MOTE_TRAIN_CHECKPOINTS_H

#include "train/trainer.h"

/* What is known of the files in a directory. Starts as {0} in a directory without any. */
typedef struct mote_checkpoints {
    const char *directory;
    bool any;      /* there is a whole one */
    bool newest;   /* and it is checkpoint.safetensors; else that is missing or broken */
    uint64_t step; /* of the latest whole one */
    double time;   /* of the last attempt to write one, by mote_clock */
} mote_checkpoints;

/* Whether a checkpoint is due at an event, STEP or EPOCH: by the options, or at the end. */
bool mote_checkpoints_due(const mote_checkpoints *checkpoints,
                          const mote_checkpoint_options *options, const mote_event *event);

/* Writes one, and removes older ones that are no longer to be kept. On failure all that was there
 * stays. Where only the one before could not be kept, the new one is written all the same, and
 * `unkept` holds the reason. */
mote_status mote_checkpoints_write(mote_checkpoints *checkpoints, const mote_trainer *trainer,
                                   mote_error *unkept, mote_error *error);

/* Restores the trainer from the newest checkpoint that is whole. Before an older one is tried in
 * place of a broken one, `skipped` is called with a line that says so. Fails with MOTE_INVALID
 * where the newest whole one belongs to other settings, unless `force` is set. */
mote_status mote_checkpoints_restore(mote_checkpoints *checkpoints, mote_trainer *trainer,
                                     bool force, void (*skipped)(void *context, const char *text),
                                     void *context, mote_error *error);

/* Whether a directory has any checkpoint, whole or not. */
bool mote_checkpoints_exist(const char *directory);

#endif
