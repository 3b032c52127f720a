/* run.h: the directory that a training run writes to.
 */
#ifndef MOTE_TRAIN_RUN_H
#define MOTE_TRAIN_RUN_H

#include <stdint.h>

#include "mote/trainer.h"
#include "train/checkpoints.h"
#include "train/metrics_log.h"
#include "train/report.h"

/* The files in a run's directory; metrics_log.h and checkpoints.h define the others. */
#define MOTE_CONFIG_FILE   "config.json"
#define MOTE_MODEL_FILE    "model.safetensors"
#define MOTE_RESULT_FILE   "result.json"
#define MOTE_DIVERGED_FILE "diverged.json"

/* What is written during training; failing to write it does not end the run. */
typedef enum mote_run_file {
    MOTE_RUN_CHECKPOINT,
    MOTE_RUN_OLDER_CHECKPOINT,
    MOTE_RUN_METRICS,
    MOTE_RUN_MODEL,
    MOTE_RUN_FILES
} mote_run_file;

/* Called with a line of text about what went wrong without ending the run. */
typedef void mote_run_listener(void *context, const char *text);

typedef struct mote_run {
    char *directory;
    int lock;     /* descriptor of the directory, locked where the file system supports it */
    bool is_open; /* `lock` is a descriptor */
    mote_run_listener *listener;
    void *listener_context;
    mote_checkpoints checkpoints;
    mote_metrics_log metrics;
    bool failing[MOTE_RUN_FILES]; /* and the listener has been told */
} mote_run;

/* Creates the directory of a new run: `directory`, which must be new or empty, or if that is NULL
 * the next number in runs/<name>. While the run is open, no other process can open it. Close it
 * with mote_run_close, also on failure. */
mote_status mote_run_create(mote_run *run, const char *directory, const char *name,
                            mote_error *error);

/* Opens the directory of a run to resume: `directory`, or if that is NULL the newest in
 * runs/<name>. It must hold a checkpoint, or else a config and no model, as left by a run that
 * ended before its first checkpoint. Removes files that a killed process left half-written. Close
 * it with mote_run_close, also on failure. */
mote_status mote_run_find(mote_run *run, const char *directory, const char *name,
                          mote_error *error);
void mote_run_close(mote_run *run);

/* Whether a process is training in a run's directory. */
bool mote_run_is_active(const char *directory);

void mote_run_set_listener(mote_run *run, mote_run_listener *listener, void *context);

/* The path of a file in the run's directory, to be freed with free(); NULL when out of memory. */
char *mote_run_path(const mote_run *run, const char *file);

mote_status mote_run_write_config(const mote_run *run, const char *text, mote_error *error);
mote_status mote_run_write_checkpoint(mote_run *run, mote_trainer *trainer, mote_error *error);
mote_status mote_run_write_model(const mote_run *run, const mote_model *model, mote_error *error);

/* Restores the trainer from the run's newest intact checkpoint, or leaves it at the beginning if
 * there are no checkpoints. Fails with MOTE_INVALID if the checkpoint was made with other settings,
 * unless `force` is set. */
mote_status mote_run_restore(mote_run *run, mote_trainer *trainer, bool force, mote_error *error);

/* Removes what was written after that checkpoint: lines of metrics.jsonl, diverged.* and, unless
 * the run has finished, result.json. */
mote_status mote_run_rewind(mote_run *run, const mote_trainer *trainer, mote_error *error);

/* Writes what an event calls for: a line of metrics.jsonl at an epoch and at the steps that
 * train.metrics asks for; the model at an improvement; a checkpoint when one is due; and when a
 * number is not finite, diverged.json and, for pictures, diverged.png. If one of them cannot be
 * written, tells the listener once, and once more when it can be written again; the metrics are
 * then complete again. */
void mote_run_record(mote_run *run, const mote_model *model, const mote_event *event);

/* The final figures. `report` is NULL if there was no test part. */
typedef struct mote_result {
    const mote_report *report;
    double seconds;
    uint64_t seed, steps;
    mote_ending ending;
} mote_result;

mote_status mote_run_write_result(const mote_run *run, const mote_model *model,
                                  const mote_result *result, mote_error *error);

#endif
