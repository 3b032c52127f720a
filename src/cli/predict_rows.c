/* predict_rows.c: tables, with only one batch of rows in memory. */
#include <string.h>

#include "cli/predict.h"
#include "data/csv/rows.h"

static mote_csv_rows *open_rows(const predictor *p, const char *path, FILE *stream,
                                mote_error *error) {
    mote_csv_rows *rows = p->table
                              ? mote_csv_rows_open(path, stream, mote_model_input(p->model), error)
                              : mote_csv_rows_open_numbers(path, stream, p->width, error);
    if (rows && mote_csv_rows_width(rows) != p->width) {
        mote_fail(error, MOTE_DATA,
                  "the model takes %zu numbers, but its columns are said to give %zu", p->width,
                  mote_csv_rows_width(rows));
        mote_csv_rows_close(rows);
        return NULL;
    }
    return rows;
}

/* Per table: a file that is not a table would cause thousands. */
enum {
    MOST_COMPLAINTS = 20
};

static void complain_of_row(predictor *p, const mote_error *error, size_t broken) {
    if (broken <= MOST_COMPLAINTS) {
        predictor_complain(p, error);
    }
}

static void complain_of_rest(predictor *p, const char *path, size_t broken) {
    if (broken > MOST_COMPLAINTS) {
        mote_error error = {0};
        mote_fail(&error, MOTE_DATA, "%s: %zu more rows have errors", path,
                  broken - MOST_COMPLAINTS);
        predictor_complain(p, &error);
    }
}

static void predict_all(predictor *p, const char *path, mote_csv_rows *rows, bool numbered) {
    bool more = true;
    size_t broken = 0;
    for (size_t i = 0; more && i < p->settings.limit; i++) {
        mote_error error = {0};
        mote_status status = mote_csv_rows_next(rows, predictor_numbers(p), &more, &error);
        if (status != MOTE_OK) {
            complain_of_row(p, &error, ++broken);
            more = status == MOTE_DATA;
        } else if (more) {
            predictor_add(p, path, SIZE_MAX, numbered ? mote_csv_rows_line(rows) : 0);
        }
    }
    complain_of_rest(p, path, broken);
}

/* Predicts the rows of the stream or, if that is NULL, of the file. With `numbered`, answers give
 * the line. */
static void predict_table(predictor *p, const char *path, FILE *stream, bool numbered) {
    mote_error error = {0};
    mote_csv_rows *rows = open_rows(p, path, stream, &error);
    if (rows) {
        predict_all(p, path, rows, numbered);
    } else {
        predictor_complain(p, &error);
    }
    mote_csv_rows_close(rows);
}

void predict_rows(predictor *p, const char *path, FILE *stream) {
    predict_table(p, path, stream, true);
}

void predict_row(predictor *p, const char *row) {
    mote_error error = {0};
    FILE *stream = fmemopen((void *)(uintptr_t)row, strlen(row), "r");
    if (!stream) {
        mote_fail(&error, MOTE_MEMORY, "%s: out of memory", row);
        predictor_complain(p, &error);
        return;
    }
    predict_table(p, row, stream, false);
    fclose(stream);
}
