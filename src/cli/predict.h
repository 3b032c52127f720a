/* predict.h: the internals of ./predict.
 *
 * Samples are read from files in turn and go through the model in batches. Answers and errors are
 * reported in the order of the samples. An unreadable file does not stop the others.
 */
#ifndef MOTE_CLI_PREDICT_H
#define MOTE_CLI_PREDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "data/image.h"
#include "mote/model.h"

typedef struct predict_settings {
    size_t top, limit, threads;
    bool json, invert;
} predict_settings;

/* A sample waiting for its batch to fill up. */
typedef struct predict_sample {
    char *file;       /* where it came from; owned */
    size_t index;     /* in a file of 8-bit samples, from 0; SIZE_MAX elsewhere */
    size_t line;      /* in a table, from 1; 0 elsewhere */
    bool picture;     /* the file is a picture, not read yet */
    bool inverted;    /* it looks inverted: see mote_image_looks_inverted */
    mote_error error; /* why there is no answer, if there is none */
} predict_sample;

typedef struct predictor {
    predict_settings settings;
    mote_model *model;
    mote_pool *pool;
    mote_shape shape;   /* of a sample */
    size_t width;       /* numbers in a sample */
    mote_resize resize; /* how a picture is fitted to that shape */
    bool table;         /* a sample was a row of a table in training */

    size_t batch;            /* samples in a full batch */
    size_t waiting;          /* samples in the batch so far */
    predict_sample *samples; /* [batch] */
    uint8_t *bytes;          /* [batch × width], as read; NULL for a model of numbers */
    mote_real *numbers;      /* the same, for a model of numbers */
    mote_real *x;            /* [batch × width]: the model's input */
    mote_real *prediction;   /* [batch × prediction width] */
    size_t *ranking;         /* [prediction width] */

    int code; /* the exit code */
} predictor;

/* ---- batches (predict_batch.c) ---- */

/* Loads the model. The predictor starts as {.settings = ...} and must be closed even on failure. */
mote_status predictor_open(predictor *p, const char *path, mote_error *error);
void predictor_close(predictor *p);

/* Where to put the next sample, [width]: as bytes or as numbers, whichever the model takes. */
uint8_t *predictor_bytes(const predictor *p);
mote_real *predictor_numbers(const predictor *p);

/* Adds the sample put there, or the picture in `file`, which is read later, to the batch, and
 * answers the batch when it is full. `index` and `line` are as in predict_sample. */
void predictor_add(predictor *p, const char *file, size_t index, size_t line);
void predictor_add_picture(predictor *p, const char *file);

/* Answers all waiting samples. */
void predictor_flush(predictor *p);

/* Reports an error after the answers to the preceding samples. The program continues and exits with
 * EXIT_FAILED at the end. */
void predictor_complain(predictor *p, const mote_error *error);

/* ---- answers (predict_answer.c) ---- */

/* Prints the sample's answer, given its `prediction` [prediction width]. */
mote_status predict_print(const predictor *p, const predict_sample *sample,
                          const mote_real *prediction, mote_error *error);

/* ---- where samples come from ---- */

/* Predicts a file or directory of any kind, "-" for standard input, or a row (predict_files.c). */
void predict_operand(predictor *p, const char *text);

/* Predicts a file of many 8-bit samples (predict_samples.c); false if it is not one. */
bool predict_samples(predictor *p, const char *path);

/* Predicts a table (predict_rows.c): the file or, if `stream` is not NULL, the stream, named
 * `path`. */
void predict_rows(predictor *p, const char *path, FILE *stream);

/* Predicts a row given on the command line. */
void predict_row(predictor *p, const char *row);

#endif
