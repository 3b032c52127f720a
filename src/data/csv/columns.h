/* columns.h: which columns of a table a sample is made of, and how. Determined once, when the data
 * set is opened, and stored with the model, so that prediction does the same.
 */
#ifndef MOTE_DATA_CSV_COLUMNS_H
#define MOTE_DATA_CSV_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "data/dictionary.h"
#include "data/csv/table.h"
#include "mote/status.h"
#include "mote/tensor.h"

/* From columns of 0 and 1, a network learns nothing about a feature with more values. */
enum {
    MOTE_MOST_CATEGORIES = 1000
};

typedef struct mote_column {
    char *name;       /* NULL without a header */
    size_t number;    /* in the training table, counted from 0 */
    size_t at;        /* in the table being read */
    bool categorical; /* its texts become columns of 0 and 1; otherwise it holds numbers */
    mote_dictionary categories; /* in the order of those columns */
} mote_column;

typedef struct mote_columns {
    bool header;              /* columns have names */
    mote_delimiter delimiter; /* as given: MOTE_DELIMITER_AUTO if it is to be detected */
    size_t table_width;       /* columns of the training table */
    mote_column *features;
    size_t feature_count;
    mote_column *targets;
    size_t target_count;
} mote_columns;

void mote_columns_free(mote_columns *columns);

/* How many numbers a sample has: one for each feature of numbers, one for each category of the
 * others. */
size_t mote_columns_sample_width(const mote_columns *columns);

/* {"format": "csv", ...}; malloc'ed, NULL when out of memory. */
char *mote_columns_print(const mote_columns *columns);
mote_status mote_columns_parse(mote_columns *columns, const char *json, mote_error *error);

/* `width` columns of numbers without names, for a model that was not trained on a table. */
mote_status mote_columns_number(mote_columns *columns, size_t width, mote_error *error);

/* ---- reading a table ---- */

/* What rows are read for. */
typedef enum mote_columns_use {
    MOTE_COLUMNS_TRAINING,   /* features and targets; errors say which keys of the config help */
    MOTE_COLUMNS_PREDICTION, /* features alone */
} mote_columns_use;

/* A table with its columns found. */
typedef struct mote_column_reader {
    mote_columns *columns;
    mote_table *table;
    mote_columns_use use;
    size_t width, first_line; /* fields of each row, as in the first one; its line */
    bool pending;             /* the first row holds no names and has not been returned yet */
} mote_column_reader;

/* Reads the first row and locates the columns, setting their `at`. */
mote_status mote_column_reader_start(mote_column_reader *reader, mote_columns *columns,
                                     mote_table *table, mote_columns_use use, mote_error *error);

/* Advances to the next row and checks its width; *more becomes false after the last. */
mote_status mote_column_reader_next(mote_column_reader *reader, bool *more, mote_error *error);

/* The first column in use whose value is missing in the current row; NULL if none is. */
const mote_column *mote_column_reader_missing(const mote_column_reader *reader);
mote_status mote_column_reader_fail_missing(const mote_column_reader *reader,
                                            const mote_column *column, mote_error *error);

/* Reads the features [feature_count] of the current row; a category becomes its number. */
mote_status mote_column_reader_features(const mote_column_reader *reader, mote_real *features,
                                        mote_error *error);

/* Reads one field of the current row as a number that fits into 32 bits. */
mote_status mote_column_reader_number(const mote_column_reader *reader, const mote_column *column,
                                      mote_real *number, mote_error *error);

/* Fails at a column's field of the current row: "file:line:column: column 3 ("name"):
 * <message>". */
mote_status mote_column_reader_fail(const mote_column_reader *reader, const mote_column *column,
                                    mote_error *error, const char *format, ...)
    MOTE_PRINTF_LIKE(4, 5);

/* Expands the features of a row into a sample [mote_columns_sample_width]. */
void mote_columns_expand(const mote_columns *columns, const mote_real *features, mote_real *sample);

#endif
