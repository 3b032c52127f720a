/* table.h: delimited text, row by row.
 *
 * Fields are separated by commas, semicolons, tabs or bars; one that contains the delimiter, a
 * quote or a line break is enclosed in double quotes, and quotes in it are doubled (RFC 4180).
 * Blanks around a field are not part of it. Lines end with LF, CRLF or CR; empty ones are skipped.
 * Text is UTF-8, with or without a byte order mark.
 *
 * The file is read once, front to back, so a pipe will do; only a buffer around the current row is
 * in memory.
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

/* Indexed by mote_delimiter, NULL-terminated. */
extern const char *const mote_delimiter_names[];

/* Opens a file or, if `stream` is not NULL, reads from that, which the caller keeps; errors name it
 * `path`, which is copied, either way. MOTE_DELIMITER_AUTO picks the delimiter that splits the
 * first lines into equally many fields. NULL on failure, which includes an empty file. */
mote_table *mote_table_open(const char *path, FILE *stream, mote_delimiter delimiter,
                            mote_error *error);
void mote_table_close(mote_table *table);

/* The bytes read so far. */
size_t mote_table_position(const mote_table *table);

/* Advances to the next row; *more becomes false at the end. After MOTE_DATA, which concerns only
 * that row, the row after it may be read. */
mote_status mote_table_next(mote_table *table, bool *more, mote_error *error);

/* The current row; its fields stay valid until the next one is read. */
size_t mote_table_count(const mote_table *table);
mote_text mote_table_field(const mote_table *table, size_t index);

/* The line on which the current row begins, counted from 1. */
size_t mote_table_line(const mote_table *table);

/* Fails with MOTE_DATA and "file:line:column: <message>", at the position of a field of the current
 * row or, for an index past the last, of the row's end. */
mote_status mote_table_fail(const mote_table *table, size_t index, mote_error *error,
                            const char *format, ...) MOTE_PRINTF_LIKE(4, 5);

#endif
