/* visit.c: visits the rows of a table, and finds the texts that become columns of 0 and 1. Their
 * number is part of a sample's shape, so this comes before samples are made.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "data/csv/parts.h"

enum {
    ROWS_PER_PROGRESS = 4096
};

/* ---- visiting rows ---- */

static mote_status visit_row(mote_csv_visit *v, const mote_column_reader *reader,
                             mote_error *error) {
    const mote_column *missing = mote_column_reader_missing(reader);
    if (!missing) {
        return v->visitor(v->context, reader, error);
    }
    v->dropped++;
    return v->self->missing == MOTE_CSV_MISSING_DROP
               ? MOTE_OK
               : mote_column_reader_fail_missing(reader, missing, error);
}

static mote_status visit_table(mote_csv_visit *v, mote_column_reader *reader, mote_error *error) {
    struct stat file;
    size_t bytes = stat(v->path, &file) == 0 ? (size_t)file.st_size : 0;
    char what[128];
    const char *slash = strrchr(v->path, '/');
    snprintf(what, sizeof what, "reading %.100s", slash ? slash + 1 : v->path);
    bool more = true;
    mote_status status = MOTE_OK;
    while (status == MOTE_OK) {
        if (v->rows % ROWS_PER_PROGRESS == 0 &&
            !mote_load_progress(v->loading, what, mote_table_position(reader->table), bytes)) {
            return mote_load_stopped(error);
        }
        status = mote_column_reader_next(reader, &more, error);
        if (status != MOTE_OK || !more) {
            break;
        }
        if (v->rows++ == UINT32_MAX) {
            return mote_fail(error, MOTE_DATA, "%s: more than 2^32 rows", v->path);
        }
        status = visit_row(v, reader, error);
    }
    return status;
}

mote_status mote_csv_visit_file(mote_csv_visit *v, mote_error *error) {
    mote_columns *columns = &v->self->columns;
    mote_table *table = mote_table_open(v->path, NULL, columns->delimiter, error);
    if (!table) {
        return error && error->status ? error->status : MOTE_DATA;
    }
    mote_column_reader reader;
    mote_status status =
        mote_column_reader_start(&reader, columns, table, MOTE_COLUMNS_TRAINING, error);
    if (status == MOTE_OK) {
        status = visit_table(v, &reader, error);
    }
    mote_table_close(table);
    if (status == MOTE_OK && v->rows == v->dropped) {
        return mote_fail(error, MOTE_DATA, "%s: %s", v->path,
                         v->rows ? "there is a value missing in each row" : "there are no rows");
    }
    return status;
}

/* ---- categories ---- */

/* Features with any value that is not a number become categorical. */
static mote_status find_texts(void *context, const mote_column_reader *reader, mote_error *error) {
    (void)error;
    const mote_csv_visit *v = context;
    mote_columns *columns = reader->columns;
    for (size_t i = 0; i < columns->feature_count; i++) {
        mote_column *column = &columns->features[i];
        mote_text text = mote_table_field(reader->table, column->at);
        double number;
        if (!column->categorical && !mote_text_to_number(text, &number)) {
            char found[MOTE_TEXT_FOUND_CAPACITY];
            column->categorical = true;
            mote_load_notice(v->loading,
                             "%s:%zu: column %zu%s%.80s%s holds text, such as %s: each different "
                             "text becomes a column of 0 and 1",
                             v->path, mote_table_line(reader->table), column->at + 1,
                             column->name ? " (\"" : "", column->name ? column->name : "",
                             column->name ? "\")" : "", mote_text_found(text, found));
        }
    }
    return MOTE_OK;
}

mote_status mote_csv_check_utf8(const mote_column_reader *reader, const mote_column *column,
                                mote_error *error) {
    mote_text text = mote_table_field(reader->table, column->at);
    char found[MOTE_TEXT_FOUND_CAPACITY];
    return mote_text_is_utf8(text)
               ? MOTE_OK
               : mote_column_reader_fail(reader, column, error,
                                         "expected text in UTF-8, found %s; save the file as UTF-8",
                                         mote_text_found(text, found));
}

static mote_status collect_text(const mote_column_reader *reader, mote_column *column,
                                mote_error *error) {
    mote_text text = mote_table_field(reader->table, column->at);
    uint32_t number;
    if (mote_dictionary_find(&column->categories, text, &number)) {
        return MOTE_OK;
    }
    if (column->categories.count == MOTE_MOST_CATEGORIES) {
        return mote_column_reader_fail(reader, column, error,
                                       "more than %d different texts are too many to turn into "
                                       "columns of 0 and 1; \"drop\" leaves the column out",
                                       MOTE_MOST_CATEGORIES);
    }
    mote_status status = mote_csv_check_utf8(reader, column, error);
    return status == MOTE_OK ? mote_dictionary_add(&column->categories, text, &number, error)
                             : status;
}

static mote_status collect_texts(void *context, const mote_column_reader *reader,
                                 mote_error *error) {
    (void)context;
    mote_columns *columns = reader->columns;
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < columns->feature_count; i++) {
        if (columns->features[i].categorical) {
            status = collect_text(reader, &columns->features[i], error);
        }
    }
    return status;
}

mote_status mote_csv_find_categories(mote_csv *self, const mote_loading *loading,
                                     mote_error *error) {
    mote_columns *columns = &self->columns;
    mote_status status = MOTE_OK;
    mote_csv_visit v = {.self = self, .loading = loading, .path = self->file};
    if (mote_csv_looks_for_categories(self)) {
        mote_csv_visit texts = v;
        texts.visitor = find_texts;
        texts.context = &texts;
        status = mote_csv_visit_file(&texts, error);
    }
    size_t categorical = 0;
    for (size_t i = 0; i < columns->feature_count; i++) {
        categorical += columns->features[i].categorical;
    }
    if (status == MOTE_OK && categorical > 0) {
        v.visitor = collect_texts;
        status = mote_csv_visit_file(&v, error);
    }
    for (size_t i = 0; status == MOTE_OK && i < columns->feature_count; i++) {
        status = mote_dictionary_sort(&columns->features[i].categories, NULL, error);
    }
    return status;
}
