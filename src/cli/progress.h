/* progress.h: what a person sees of a training run.
 */
#ifndef MOTE_CLI_PROGRESS_H
#define MOTE_CLI_PROGRESS_H

#include "mote/trainer.h"
#include "train/experiment.h"

typedef struct cli_progress {
    bool quiet;
    bool live;         /* stderr is a terminal: one line that changes */
    double last_drawn; /* seconds, of the monotonic clock */
    bool line_open;    /* the live line is on the screen */
} cli_progress;

cli_progress progress_create(bool quiet);

/* The data, the layers with shapes and parameter counts, memory, and how it will be trained. */
void progress_print_plan(const cli_progress *progress, const char *config_path,
                         const mote_experiment *experiment, const mote_trainer *trainer);

/* Draws what the event says. */
void progress_show(cli_progress *progress, const mote_event *event);

#endif
