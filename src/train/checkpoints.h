/* checkpoints.h: the checkpoint files in a run's directory.
 *
 * The newest is checkpoint.safetensors, and older ones that are kept are
 * checkpoint-<step>.safetensors. A file takes its name when it is complete, so all of them are
 * whole at any moment.
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
    double time;   /* when it was last tried to write one, of mote_clock */
} mote_checkpoints;

/* Whether an event, STEP or EPOCH, calls for one: by the options, and at the end. */
bool mote_checkpoints_due(const mote_checkpoints *checkpoints,
                          const mote_checkpoint_options *options, const mote_event *event);

/* Writes one, and removes older ones that are no longer to be kept. On failure all that was there
 * stays, except that mote may have been unable to keep an older one: then the new one is written,
 * and `unkept` holds the reason. */
mote_status mote_checkpoints_write(mote_checkpoints *checkpoints, const mote_trainer *trainer,
                                   mote_error *unkept, mote_error *error);

/* Puts the trainer where the newest whole one left off. For each that is broken, `skipped` is
 * called with a line that says so, if an older one is tried. Fails with MOTE_INVALID where the
 * newest whole one is of other settings, unless `force` is set. */
mote_status mote_checkpoints_restore(mote_checkpoints *checkpoints, mote_trainer *trainer,
                                     bool force, void (*skipped)(void *context, const char *text),
                                     void *context, mote_error *error);

/* Whether a directory has any. */
bool mote_checkpoints_exist(const char *directory);

#endif
