/* run.h: the directory that a training run writes to.
 */
#ifndef MOTE_TRAIN_RUN_H
#define MOTE_TRAIN_RUN_H

#include <stdint.h>

#include "mote/trainer.h"
#include "train/report.h"

typedef struct mote_run {
    char *directory;
} mote_run;

/* A fresh directory: `directory`, which must be new or empty, or where that is NULL the next number
 * in runs/<name>. */
mote_status mote_run_create(mote_run *run, const char *directory, const char *name,
                            mote_error *error);

/* The directory of a run to go on with: `directory`, or where that is NULL the newest in
 * runs/<name>. It must hold a checkpoint. */
mote_status mote_run_find(mote_run *run, const char *directory, const char *name,
                          mote_error *error);
void mote_run_close(mote_run *run);

/* The path of a file in the run's directory, to be freed with free(); NULL when out of memory. */
char *mote_run_path(const mote_run *run, const char *file);

mote_status mote_run_write_config(const mote_run *run, const char *text, mote_error *error);
mote_status mote_run_write_checkpoint(const mote_run *run, const mote_trainer *trainer,
                                      mote_error *error);
mote_status mote_run_write_model(const mote_run *run, const mote_model *model, mote_error *error);

/* Puts the trainer where the run's checkpoint left off, and takes the lines out of metrics.jsonl
 * that tell of later steps. */
mote_status mote_run_restore(const mote_run *run, mote_trainer *trainer, mote_error *error);

/* Writes what an event calls for: at an epoch a line of metrics.jsonl and the checkpoint, at an
 * improvement the model. */
mote_status mote_run_record(const mote_run *run, const mote_model *model, const mote_event *event,
                            mote_error *error);

/* The final figures. `report` is NULL where there was no test part. */
typedef struct mote_result {
    const mote_report *report;
    double seconds;
    uint64_t seed, steps;
} mote_result;

mote_status mote_run_write_result(const mote_run *run, const mote_model *model,
                                  const mote_result *result, mote_error *error);

#endif
