/* metrics_log.h: a run's metrics.jsonl: a line for each epoch, and for each interval that
 * train.metrics asks for.
 *
 * A line that cannot be written, as on a full disk, is kept and written before the next one, so
 * that the file holds whole lines only and, in the end, all of them.
 */
#ifndef MOTE_TRAIN_METRICS_LOG_H
#define MOTE_TRAIN_METRICS_LOG_H

#include <stdint.h>

#include "mote/trainer.h"

#define MOTE_METRICS_FILE "metrics.jsonl"

/* Starts with `directory` alone, for a file that is not there yet; free it with
 * mote_metrics_log_free. */
typedef struct mote_metrics_log {
    const char *directory; /* of the run; not owned */
    uint64_t bytes;        /* of the file that are whole lines */
    char *unwritten;       /* lines that could not be written so far; NULL: none */
} mote_metrics_log;

/* Adds the line of an event, EPOCH or a STEP that ends an interval, and writes it with those that
 * are late. */
mote_status mote_metrics_log_append(mote_metrics_log *log, const mote_event *event,
                                    mote_error *error);

/* Tries again to write the lines that are late, of which there must be some. */
mote_status mote_metrics_log_write(mote_metrics_log *log, mote_error *error);

/* Waits until the lines have reached the disk: those that a checkpoint counts must outlast it. */
void mote_metrics_log_sync(const mote_metrics_log *log);

/* Cuts the file back to the `bytes` that a checkpoint counts. Where somebody has shortened or
 * replaced the file since, it goes on from the end of its last whole line. */
mote_status mote_metrics_log_rewind(mote_metrics_log *log, uint64_t bytes, mote_error *error);

void mote_metrics_log_free(mote_metrics_log *log);

#endif
