/* runs.h: comparing the runs below a directory.
 */
#ifndef MOTE_TRAIN_RUNS_H
#define MOTE_TRAIN_RUNS_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "mote/status.h"

/* What is known about a run from the files in its directory. Unknown figures are NAN. */
typedef struct mote_run_summary {
    char *name;        /* its directory's path below the one asked for: "001", "mnist/001"; "." for
                          that one itself */
    const char *ended; /* "done", "patience", "target_accuracy", "max_minutes", "diverged",
                          "interrupted", "running" */
    double epochs, seconds;
    double validation_loss, validation_accuracy; /* of the best epoch */
    double test_loss, test_accuracy;
    cJSON *config;  /* or NULL */
    cJSON *differs; /* settings that differ between runs: {"train.epochs": 3} */
} mote_run_summary;

typedef struct mote_run_list {
    mote_run_summary *runs; /* [count], best first */
    size_t count;
} mote_run_list;

/* Reads all runs in a directory such as runs/mnist, or a few levels below one such as runs, or the
 * single run that the directory itself is. Free it with mote_run_list_free, also on failure. */
mote_status mote_run_list_read(mote_run_list *list, const char *directory, mote_error *error);
void mote_run_list_free(mote_run_list *list);

#endif
