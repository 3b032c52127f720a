/* train.h: the internals of ./train.
 */
#ifndef MOTE_CLI_TRAIN_H
#define MOTE_CLI_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/common.h"
#include "cli/progress.h"
#include "train/experiment.h"
#include "train/run.h"

typedef struct train_settings {
    const char *program; /* as invoked: argv[0] */
    const char *config, *run_directory, *init_from, *preview;
    const char *threads, *seed; /* turned into overrides like those of --set */
    text_list overrides, plugins;
    bool resume, force, dry_run, quiet, overfit;
} train_settings;

typedef struct train_session {
    train_settings settings;
    mote_experiment experiment;
    mote_trainer *trainer;
    mote_run run;
    size_t threads; /* for training and the evaluation after it */
    cli_progress progress;
    double seconds; /* from the last event */
    uint64_t steps;
    mote_ending ending;
    bool diverged; /* a MOTE_EVENT_DIVERGED has said where: */
    bool bad_data; /* in the samples themselves */

    /* From this step on, the weights are such that a lower learning rate does not help; UINT64_MAX:
     * never. */
    uint64_t spoilt_from;
} train_session;

/* ---- the command line (train_settings.c) ---- */

/* Reads argv into settings and operands. Returns a negative number to continue, else the exit
 * code. */
int train_read_settings(train_settings *s, int argc, char **argv, text_list *operands);

/* Turns --threads and --seed into overrides, for which there must be room; `texts` stores them and
 * must outlive the settings. */
void train_add_shorthands(train_settings *s, char texts[2][64]);

/* ---- a single batch (train_batch.c); both return the exit code ---- */

/* Draws the first batch instead of training on it. */
int train_preview(const train_session *s);

/* Trains on a single batch and reports whether it can be memorized. */
int train_overfit(train_session *s);

/* ---- training that ended early (train_report.c); reports return the exit code ---- */

/* Reports that a signal ended training and everything is saved. */
void train_report_saved(const train_session *s);

/* Reports that results could not be written and that the last checkpoint, if any, is not lost. */
int train_report_unwritten(const train_session *s, const mote_error *error);

/* Reports a non-finite number: what went wrong, where to find details, and how to continue. */
int train_report_divergence(const train_session *s, const mote_error *error);

#endif
