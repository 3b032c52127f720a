/* lines.h: standard input, line by line.
 */
#ifndef MOTE_CLI_LINES_H
#define MOTE_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "mote/status.h"

/* Starts as {0}; free it with lines_free. */
typedef struct line_reader {
    char *buffer;
    size_t begin, end; /* the bytes read but not yet consumed */
    size_t line;       /* number of the last line, from 1 */
    bool over;         /* at the end of input */
} line_reader;

/* Whether lines_next will not block. What it set *line to is no longer valid. */
bool lines_ready(line_reader *reader);

/* Sets *line to the next line, without its line ending and valid until the next call, or to NULL
 * after the last. Fails with *line "" for a line that contains a NUL byte, after which reading can
 * continue, and with *line NULL if a line is longer than any path or cannot be read. */
mote_status lines_next(line_reader *reader, const char **line, mote_error *error);

void lines_free(line_reader *reader);

#endif
