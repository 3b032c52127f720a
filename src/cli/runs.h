/* runs.h: ./evaluate --runs: what is known of the runs in a directory.
 */
#ifndef MOTE_CLI_RUNS_H
#define MOTE_CLI_RUNS_H

#include <stdbool.h>

/* Prints the runs, the best first. Returns the exit code. */
int runs_print(const char *directory, bool json);

/* Prints the metrics of the run that is going on as they come, until it ends or a signal arrives.
 * Returns the exit code. */
int runs_follow(const char *directory, bool json);

#endif
