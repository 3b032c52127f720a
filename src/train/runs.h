/* runs.h: the runs of a directory beside each other.
 */
#ifndef MOTE_TRAIN_RUNS_H
#define MOTE_TRAIN_RUNS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "mote/status.h"

/* What a run's directory says of it. Figures that are not there are NAN. */
typedef struct mote_run_summary {
    char *name;        /* of its directory below the one that was asked for: "001", "mnist/001"; "."
                          where it is that one */
    const char *ended; /* "done", "patience", "target_accuracy", "max_minutes", "diverged",
                          "interrupted", "running" */
    double epochs, seconds;
    double validation_loss, validation_accuracy; /* of the best epoch */
    double test_loss, test_accuracy;
    cJSON *config; /* or NULL */
    char *differs; /* "train.epochs=3 seed=2 and 4 more": what is not the same in all runs */
} mote_run_summary;

typedef struct mote_run_list {
    mote_run_summary *runs; /* [count], the best first */
    size_t count;
} mote_run_list;

/* Reads all runs in a directory such as runs/mnist or runs, a few levels below it too, or the run
 * that it is itself. Free it with mote_run_list_free, also on
 * failure. */
mote_status mote_run_list_read(mote_run_list *list, const char *directory, mote_error *error);
void mote_run_list_free(mote_run_list *list);

#endif
