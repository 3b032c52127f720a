/* progress.h: what a training run shows on stderr.
 */
#ifndef MOTE_CLI_PROGRESS_H
#define MOTE_CLI_PROGRESS_H

#include "data/loading.h"
#include "mote/trainer.h"
#include "train/experiment.h"

typedef struct cli_progress {
    bool quiet;
    bool live;         /* stderr is a terminal: one line is redrawn */
    double last_drawn; /* seconds on the monotonic clock */
    bool line_open;    /* the live line is on the screen */
    double load_begun; /* when the current load began, likewise */
} cli_progress;

cli_progress progress_create(bool quiet);

/* A mote_load_listener whose context is a cli_progress: draws the progress of loading, and returns
 * false after a signal. */
bool progress_listen_load(void *progress, const mote_load_event *event);

/* Erase the live line: before other output, and at the end of loading. */
void progress_clear(cli_progress *progress);
void progress_end_load(cli_progress *progress);

/* Prints the data, the layers with shapes and parameter counts, memory, and the plan for training;
 * with `one_batch`, that of mote_overfit_run, which has no epochs and no schedule. */
void progress_print_plan(const cli_progress *progress, const char *config_path,
                         const mote_experiment *experiment, const mote_trainer *trainer,
                         bool one_batch);

/* Whether max_steps ends training before the last epoch is done. */
bool progress_ends_early(const mote_trainer *trainer);

/* Shows an event: in the live line, or as a line of its own. */
void progress_show(cli_progress *progress, const mote_event *event);

#endif
