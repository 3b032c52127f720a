/* rows.h: rows of a table as samples, for prediction. */
#ifndef MOTE_DATA_CSV_ROWS_H
#define MOTE_DATA_CSV_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "mote/status.h"
#include "mote/tensor.h"

typedef struct mote_csv_rows mote_csv_rows;

/* Opens a file or, if `stream` is not NULL, reads from that, which the caller keeps; errors name it
 * `path` either way. `input` is what the model was trained with: its "mote.input" of {"format":
 * "csv", ...}.
 *
 * If the first line holds names, columns are found by name, in any order, and others are ignored.
 * Otherwise a row holds either just the columns that the model takes, in their order, or all
 * columns of the table it was trained on. NULL on failure. */
mote_csv_rows *mote_csv_rows_open(const char *path, FILE *stream, const char *input,
                                  mote_error *error);

/* The same for a model that was not trained on a table: rows of `width` numbers. */
mote_csv_rows *mote_csv_rows_open_numbers(const char *path, FILE *stream, size_t width,
                                          mote_error *error);
void mote_csv_rows_close(mote_csv_rows *rows);

/* How many numbers a sample has: the model's input. */
size_t mote_csv_rows_width(const mote_csv_rows *rows);

/* Reads the next row as a sample [width], not yet normalised; *more becomes false at the end. After
 * MOTE_DATA, which concerns only that row, the rows after it may be read. */
mote_status mote_csv_rows_next(mote_csv_rows *rows, mote_real *sample, bool *more,
                               mote_error *error);

/* The line of the file on which the last row began, counted from 1. */
size_t mote_csv_rows_line(const mote_csv_rows *rows);

#endif
