/* metrics_log.h: a run's metrics.jsonl: a line for each epoch, and for each interval that
 * train.metrics asks for.
 *
 * A line that cannot be written, for example on a full disk, is kept and written before the next
 * one, so that the file only ever holds whole lines and, in the end, all of them.
 */
#ifndef MOTE_TRAIN_METRICS_LOG_H
#define MOTE_TRAIN_METRICS_LOG_H

#include <stdint.h>

#include "mote/trainer.h"

#define MOTE_METRICS_FILE "metrics.jsonl"

/* Starts with only `directory` set, for a file that does not exist yet; free it with
 * mote_metrics_log_free. */
typedef struct mote_metrics_log {
    const char *directory; /* of the run; not owned */
    uint64_t bytes;        /* of whole lines in the file */
    char *unwritten;       /* lines not written yet; NULL: none */
} mote_metrics_log;

/* Adds the line of an event, EPOCH or a STEP that ends an interval, and writes it along with any
 * unwritten ones. */
mote_status mote_metrics_log_append(mote_metrics_log *log, const mote_event *event,
                                    mote_error *error);

/* Retries writing the unwritten lines, of which there must be some. */
mote_status mote_metrics_log_write(mote_metrics_log *log, mote_error *error);

/* Waits until the lines have reached the disk: those that a checkpoint counts must be as durable as
 * the checkpoint. */
void mote_metrics_log_sync(const mote_metrics_log *log);

/* Truncates the file to the `bytes` that a checkpoint counts. If the file has been shortened or
 * replaced since, it continues after its last whole line. */
mote_status mote_metrics_log_rewind(mote_metrics_log *log, uint64_t bytes, mote_error *error);

void mote_metrics_log_free(mote_metrics_log *log);

#endif
