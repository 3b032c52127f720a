/* train.h: what ./train is made of.
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
    const char *program; /* as it was called */
    const char *config, *run_directory, *init_from, *preview;
    const char *threads, *seed; /* become overrides like those of --set */
    text_list overrides, plugins;
    bool resume, force, dry_run, quiet, overfit;
} train_settings;

typedef struct train_session {
    train_settings settings;
    mote_experiment experiment;
    mote_trainer *trainer;
    mote_run run;
    size_t threads; /* that trained, and are to evaluate */
    cli_progress progress;
    double seconds; /* as the last event said */
    uint64_t steps;
    mote_ending ending;
    bool diverged; /* and it is known where: */
    bool bad_data; /* in the samples themselves */

    /* After so many steps weights were such that a lower learning rate does not help; UINT64_MAX:
     * never. */
    uint64_t spoilt_from;
} train_session;

/* ---- the command line (train_settings.c) ---- */

/* Reads argv into settings and operands. Returns a negative number to go on, else the exit code to
 * end with. */
int train_read_settings(train_settings *s, int argc, char **argv, text_list *operands);

/* Turns --threads and --seed into overrides, for which there must be room; `texts` holds them as
 * long as the settings are of use. */
void train_add_shorthands(train_settings *s, char texts[2][64]);

/* ---- a single batch (train_batch.c); both return the exit code ---- */

/* Draws the first batch instead of training on it. */
int train_preview(const train_session *s);

/* Trains on one batch alone, and says whether that can be learnt by heart. */
int train_overfit(train_session *s);

/* ---- training that ended before its time (train_report.c); reports return the exit code ---- */

/* A signal ended it, and all is saved. */
void train_report_saved(const train_session *s);

/* What training came to cannot be written: says so, and that the last checkpoint is not lost, if
 * there is one. */
int train_report_unwritten(const train_session *s, const mote_error *error);

/* A number was not finite: says what went wrong, where more of it is, and how to go on. */
int train_report_divergence(const train_session *s, const mote_error *error);

#endif
