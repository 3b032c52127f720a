/* lines.h: standard input, line by line.
 */
#ifndef MOTE_CLI_LINES_H
#define MOTE_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "mote/status.h"

/* Starts as {0}; to be freed with lines_free. */
typedef struct line_reader {
    char *buffer;
    size_t capacity, begin, end; /* what was read and is not used yet */
    size_t line;                 /* the last one's number, from 1 */
    bool over;                   /* there is no more to read */
} line_reader;

/* Whether the next line, or the end, can be had without waiting. */
bool lines_ready(line_reader *reader);

/* Sets *line to the next line, without its end and valid until the next call, or to NULL after the
 * last. Fails with *line "" for a line that holds a NUL byte, after which reading can go on, and
 * with *line NULL where a line is longer than any path or cannot be read. */
mote_status lines_next(line_reader *reader, const char **line, mote_error *error);

void lines_free(line_reader *reader);

#endif
