/* parts.h: what the files of the csv format share. */
#ifndef MOTE_DATA_CSV_PARTS_H
#define MOTE_DATA_CSV_PARTS_H

#include "data/csv/columns.h"
#include "data/format.h"

typedef enum mote_csv_task {
    MOTE_CSV_CLASSIFICATION,
    MOTE_CSV_REGRESSION,
} mote_csv_task;

typedef enum mote_csv_header {
    MOTE_CSV_HEADER_AUTO,
    MOTE_CSV_HEADER_YES,
    MOTE_CSV_HEADER_NO,
} mote_csv_header;

typedef enum mote_csv_missing {
    MOTE_CSV_MISSING_ERROR,
    MOTE_CSV_MISSING_DROP,
} mote_csv_missing;

typedef struct mote_csv {
    mote_format base;
    char *file, *test_file;
    double test_fraction;
    mote_json target, drop, categories;
    int task, header, delimiter, missing;
    mote_columns columns; /* known once the format is open */
} mote_csv;

/* Reads the first row of the file and finds the columns that the config names. */
mote_status mote_csv_look(mote_csv *self, mote_error *error);

/* Finds the texts of categorical features, reading the whole file if there are any. */
mote_status mote_csv_find_categories(mote_csv *self, const mote_loading *loading,
                                     mote_error *error);

/* Whether "categories" is "auto". */
bool mote_csv_looks_for_categories(const mote_csv *self);

mote_status mote_csv_load(mote_format *format, const mote_loading *loading, mote_content *content,
                          mote_error *error);

/* ---- visiting rows ---- */

/* Called for each row in which no value is missing. */
typedef mote_status mote_csv_visitor(void *context, const mote_column_reader *reader,
                                     mote_error *error);

typedef struct mote_csv_visit {
    mote_csv *self;
    const mote_loading *loading;
    const char *path;
    mote_csv_visitor *visitor;
    void *context;
    size_t rows, dropped; /* so far; initially 0 */
} mote_csv_visit;

/* Visits the rows of a table; a table without any row to visit is an error. */
mote_status mote_csv_visit_file(mote_csv_visit *visit, mote_error *error);

/* Names of classes and categories must be UTF-8: fails if the column's field is not. */
mote_status mote_csv_check_utf8(const mote_column_reader *reader, const mote_column *column,
                                mote_error *error);

#endif
