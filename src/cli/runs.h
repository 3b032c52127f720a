/* runs.h: ./evaluate --runs: lists or follows the runs in a directory.
 */
#ifndef MOTE_CLI_RUNS_H
#define MOTE_CLI_RUNS_H

#include <stdbool.h>

/* Prints the runs, best first. Returns the exit code. */
int runs_print(const char *directory, bool json);

/* Prints the metrics of the run in progress as they arrive, until it ends or a signal arrives.
 * Returns the exit code. */
int runs_follow(const char *directory, bool json);

#endif
