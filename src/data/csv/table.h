/* table.h: delimited text, row by row.
 *
 * Fields stand between commas, semicolons, tabs or bars; one that holds such a sign, a quote or a
 * line break is in double quotes, a quote in there being doubled (RFC 4180). Blanks around a field
 * are not part of it. Lines end with LF, CRLF or CR; empty ones are passed over. Text is UTF-8,
 * with or without a byte order mark.
 *
 * The file is read once, front to back, so a pipe will do; of it only a row is in memory.
 */
#ifndef MOTE_DATA_CSV_TABLE_H
#define MOTE_DATA_CSV_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "data/text.h"
#include "mote/status.h"

typedef struct mote_table mote_table;

#define MOTE_DELIMITERS(X)                                                                         \
    X(AUTO, "auto", '\0')                                                                          \
    X(COMMA, "comma", ',')                                                                         \
    X(SEMICOLON, "semicolon", ';')                                                                 \
    X(TAB, "tab", '\t')                                                                            \
    X(BAR, "bar", '|')

typedef enum mote_delimiter {
#define X(name, text, sign) MOTE_DELIMITER_##name,
    MOTE_DELIMITERS(X)
#undef X
} mote_delimiter;

/* Each at its value, ended by NULL. */
extern const char *const mote_delimiter_names[];

/* Opens a file, or takes a stream that the caller keeps, where it is not NULL; `path` is what
 * errors call it either way, and is copied. With MOTE_DELIMITER_AUTO the delimiter is that which
 * cuts the first lines into equally many fields. NULL on failure, an empty file being one. */
mote_table *mote_table_open(const char *path, FILE *stream, mote_delimiter delimiter,
                            mote_error *error);
void mote_table_close(mote_table *table);

/* The delimiter that was given or found. */
mote_delimiter mote_table_delimiter(const mote_table *table);

/* The bytes read so far. */
size_t mote_table_position(const mote_table *table);

/* Goes on to the next row; *more becomes false where there is none. After MOTE_DATA, the row being
 * wrong by itself, the row after it may be read. */
mote_status mote_table_next(mote_table *table, bool *more, mote_error *error);

/* The current row; its fields stay valid until the next one is read. */
size_t mote_table_count(const mote_table *table);
mote_text mote_table_field(const mote_table *table, size_t index);

/* The line that the current row begins in, counted from 1. */
size_t mote_table_line(const mote_table *table);

/* Fails with MOTE_DATA and "file:line:column: <message>", the position being that of a field of the
 * current row, or, with an index behind the last, of the row's end. */
mote_status mote_table_fail(const mote_table *table, size_t index, mote_error *error,
                            const char *format, ...) MOTE_PRINTF_LIKE(4, 5);

#endif
