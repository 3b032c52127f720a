/* checkpoints.h: the checkpoint files in a run's directory.
 *
 * The newest is checkpoint.safetensors; older ones that are kept are checkpoint-<step>.safetensors.
 * A file gets its name only once it is complete, so that all of them are intact at any time.
 */
#ifndef MOTE_TRAIN_CHECKPOINTS_H
#define MOTE_TRAIN_CHECKPOINTS_H

#include "train/trainer.h"

#define MOTE_CHECKPOINT_FILE "checkpoint.safetensors" /* the newest */

/* What is known about the files in a directory. Starts as {0} for a directory without any. */
typedef struct mote_checkpoints {
    const char *directory;
    bool any;      /* there is an intact one */
    bool newest;   /* and it is checkpoint.safetensors; otherwise that is missing or broken */
    uint64_t step; /* of the latest intact one */
    double time;   /* of the last attempt to write one, or of the start, by mote_clock */
} mote_checkpoints;

/* Whether a checkpoint is due at a STEP or EPOCH event: by the options, or because training
 * ends. */
bool mote_checkpoints_due(const mote_checkpoints *checkpoints,
                          const mote_checkpoint_options *options, const mote_event *event);

/* Writes a checkpoint and removes older ones that are no longer to be kept. On failure, all
 * existing ones stay. If only the previous one could not be kept, the new one is still written, and
 * `unkept` holds the reason. */
mote_status mote_checkpoints_write(mote_checkpoints *checkpoints, const mote_trainer *trainer,
                                   mote_error *unkept, mote_error *error);

/* Restores the trainer from the newest intact checkpoint. Before trying an older one in place of a
 * broken one, calls `skipped` with a line that says so. Fails with MOTE_INVALID if the newest
 * intact one was made with other settings, unless `force` is set. */
mote_status mote_checkpoints_restore(mote_checkpoints *checkpoints, mote_trainer *trainer,
                                     bool force, void (*skipped)(void *context, const char *text),
                                     void *context, mote_error *error);

/* Whether a directory has any checkpoint, intact or not. */
bool mote_checkpoints_exist(const char *directory);

#endif
