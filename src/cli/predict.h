/* predict.h: what ./predict is made of.
 *
 * Samples are read from files one after the other and go through the model in batches. Answers and
 * complaints come in the order of the samples. A file that cannot be read does not stop the others.
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

/* A sample that waits for its batch to be full. */
typedef struct predict_sample {
    char *file;       /* where it came from; owned */
    size_t index;     /* in a file of 8-bit samples, from 0; SIZE_MAX elsewhere */
    size_t line;      /* in a table, from 1; 0 elsewhere */
    bool picture;     /* the file is a picture, which is still to be read */
    bool inverted;    /* it looks inverted: see mote_image_looks_inverted */
    mote_error error; /* why there is no answer, if there is none */
} predict_sample;

typedef struct predictor {
    predict_settings settings;
    mote_model *model;
    mote_pool *pool;
    mote_shape shape;   /* of a sample */
    size_t width;       /* its numbers */
    mote_resize resize; /* how a picture becomes one */
    bool table;         /* it was a row of a table in training */

    size_t batch;            /* samples at a time */
    size_t waiting;          /* so many are there already */
    predict_sample *samples; /* [batch] */
    uint8_t *bytes;          /* [batch × width], as they came; NULL for a model of numbers */
    mote_real *numbers;      /* the same, of a model of numbers */
    mote_real *x;            /* [batch × width]: as the model takes them */
    mote_real *prediction;   /* [batch × prediction width] */
    size_t *ranking;         /* [prediction width] */

    int code; /* to end with */
} predictor;

/* ---- batches (predict_batch.c) ---- */

/* Loads the model. The predictor starts as {.settings = ...} and is to be closed in any case. */
mote_status predictor_open(predictor *p, const char *path, mote_error *error);
void predictor_close(predictor *p);

/* Where the next sample is to be put, [width]: as bytes or as numbers, whichever the model
 * takes. */
uint8_t *predictor_bytes(const predictor *p);
mote_real *predictor_numbers(const predictor *p);

/* Adds the sample that was put there, or the picture in `file`, which is still to be read, to the
 * batch, and answers the batch when it is full. `index` and `line` are as in predict_sample. */
void predictor_add(predictor *p, const char *file, size_t index, size_t line);
void predictor_add_picture(predictor *p, const char *file);

/* Answers all samples that wait. */
void predictor_flush(predictor *p);

/* Reports an error after the answers to the samples before it. The program goes on and ends with
 * EXIT_FAILED. */
void predictor_complain(predictor *p, const mote_error *error);

/* ---- answers (predict_answer.c) ---- */

/* `prediction` [prediction width] is the sample's. */
mote_status predict_print(const predictor *p, const predict_sample *sample,
                          const mote_real *prediction, mote_error *error);

/* ---- where samples come from ---- */

/* A file or directory of any kind, "-" for standard input, or a row (predict_files.c). */
void predict_operand(predictor *p, const char *text);

/* A file of many 8-bit samples (predict_samples.c). False: it is none. */
bool predict_samples(predictor *p, const char *path);

/* Tables (predict_rows.c): a file, or where it is not NULL a stream that is called `path`. */
void predict_rows(predictor *p, const char *path, FILE *stream);

/* A row that stands on the command line. */
void predict_row(predictor *p, const char *row);

#endif
