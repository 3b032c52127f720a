/* rows.c: rows of a table as samples, for prediction. */
#include <stdlib.h>

#include "data/csv/columns.h"
#include "data/csv/rows.h"

struct mote_csv_rows {
    mote_columns columns;
    mote_table *table;
    mote_column_reader reader;
    mote_real *features; /* [columns.feature_count] */
};

/* Opens the table, with the columns known. */
static mote_status start(mote_csv_rows *rows, const char *path, FILE *stream, mote_error *error) {
    rows->features = malloc(rows->columns.feature_count * sizeof *rows->features);
    if (!rows->features) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    }
    rows->table = mote_table_open(path, stream, rows->columns.delimiter, error);
    return rows->table ? mote_column_reader_start(&rows->reader, &rows->columns, rows->table,
                                                  MOTE_COLUMNS_PREDICTION, error)
                       : MOTE_DATA;
}

/* Opens rows with the columns of a model's `input` or, if that is NULL, of `width` numbers. */
static mote_csv_rows *open_rows(const char *path, FILE *stream, const char *input, size_t width,
                                mote_error *error) {
    mote_csv_rows *rows = calloc(1, sizeof *rows);
    if (!rows) {
        mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
        return NULL;
    }
    mote_status status = input ? mote_columns_parse(&rows->columns, input, error)
                               : mote_columns_number(&rows->columns, width, error);
    if (status != MOTE_OK || start(rows, path, stream, error) != MOTE_OK) {
        mote_csv_rows_close(rows);
        return NULL;
    }
    return rows;
}

mote_csv_rows *mote_csv_rows_open(const char *path, FILE *stream, const char *input,
                                  mote_error *error) {
    return open_rows(path, stream, input, 0, error);
}

mote_csv_rows *mote_csv_rows_open_numbers(const char *path, FILE *stream, size_t width,
                                          mote_error *error) {
    return open_rows(path, stream, NULL, width, error);
}

void mote_csv_rows_close(mote_csv_rows *rows) {
    if (!rows) {
        return;
    }
    mote_table_close(rows->table);
    mote_columns_free(&rows->columns);
    free(rows->features);
    free(rows);
}

size_t mote_csv_rows_width(const mote_csv_rows *rows) {
    return mote_columns_sample_width(&rows->columns);
}

mote_status mote_csv_rows_next(mote_csv_rows *rows, mote_real *sample, bool *more,
                               mote_error *error) {
    mote_status status = mote_column_reader_next(&rows->reader, more, error);
    if (status != MOTE_OK || !*more) {
        return status;
    }
    const mote_column *missing = mote_column_reader_missing(&rows->reader);
    if (missing) {
        return mote_column_reader_fail_missing(&rows->reader, missing, error);
    }
    status = mote_column_reader_features(&rows->reader, rows->features, error);
    if (status == MOTE_OK) {
        mote_columns_expand(&rows->columns, rows->features, sample);
    }
    return status;
}

size_t mote_csv_rows_line(const mote_csv_rows *rows) {
    return mote_table_line(rows->table);
}
