/* lines.c: standard input, line by line. */
#include "cli/lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LONGEST_LINE = 1 << 16
};

static char *find_end(const line_reader *r) {
    return r->end > r->begin ? memchr(r->buffer + r->begin, '\n', r->end - r->begin) : NULL;
}

/* Moves unconsumed input to the front of the buffer and reads more after it. */
static mote_status fill(line_reader *r, mote_error *error) {
    if (!r->buffer) {
        r->buffer = malloc(LONGEST_LINE + 1); /* the last line may need room for a NUL */
        if (!r->buffer) {
            return mote_fail(error, MOTE_MEMORY, "out of memory for a line");
        }
    }
    memmove(r->buffer, r->buffer + r->begin, r->end - r->begin);
    r->end -= r->begin;
    r->begin = 0;
    if (r->end == LONGEST_LINE) {
        return mote_fail(error, MOTE_DATA, "-:%zu: the line is longer than %d bytes", r->line + 1,
                         LONGEST_LINE);
    }
    ssize_t got;
    do {
        got = read(STDIN_FILENO, r->buffer + r->end, LONGEST_LINE - r->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return mote_fail(error, MOTE_FILE, "-: cannot be read: %s", strerror(errno));
    }
    r->over = got == 0;
    r->end += (size_t)got;
    return MOTE_OK;
}

bool lines_ready(line_reader *r) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (!r->over && !find_end(r)) {
        mote_error error = {0};
        if (poll(&input, 1, 0) == 0) {
            return false;
        }
        if (fill(r, &error) != MOTE_OK) {
            return true; /* lines_next meets the same error */
        }
    }
    return true;
}

mote_status lines_next(line_reader *r, const char **line, mote_error *error) {
    *line = NULL;
    char *end = NULL;
    while (!(end = find_end(r)) && !r->over) {
        mote_status status = fill(r, error);
        if (status != MOTE_OK) {
            return status;
        }
    }
    if (r->begin == r->end) {
        return MOTE_OK;
    }
    end = end ? end : r->buffer + r->end;
    char *start = r->buffer + r->begin;
    size_t length = (size_t)(end - start);
    r->line++;
    r->begin += length + (r->begin + length < r->end);
    if (memchr(start, '\0', length)) {
        *line = "";
        return mote_fail(error, MOTE_DATA, "-:%zu: the line holds a NUL byte", r->line);
    }
    length -= length > 0 && start[length - 1] == '\r';
    start[length] = '\0';
    *line = start;
    return MOTE_OK;
}

void lines_free(line_reader *r) {
    free(r->buffer);
    *r = (line_reader){0};
}
