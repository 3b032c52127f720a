/* predict_samples.c: files of many 8-bit samples, with only one batch in memory. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/predict.h"
#include "data/cifar.h"
#include "data/idx.h"

/* IDX files begin with 00 00 08, gzip files with 1f 8b; no picture or text file does. */
static bool is_idx(const char *path) {
    unsigned char start[3] = {0};
    FILE *stream = fopen(path, "rb");
    size_t got = stream ? fread(start, 1, sizeof start, stream) : 0;
    if (stream) {
        fclose(stream);
    }
    return got == sizeof start && ((start[0] == 0x1f && start[1] == 0x8b) ||
                                   (start[0] == 0 && start[1] == 0 && start[2] == 8));
}

/* CIFAR files begin with a label, so their first byte can be anything. */
static bool is_cifar(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot && strcasecmp(dot, ".bin") == 0;
}

static mote_status check_samples(const predictor *p, const char *path, mote_shape shape,
                                 mote_error *error) {
    char found[MOTE_SHAPE_TEXT_CAPACITY], expected[MOTE_SHAPE_TEXT_CAPACITY];
    if (shape.rank == 0) {
        return mote_fail(error, MOTE_DATA, "%s: holds labels, not samples", path);
    }
    if (!mote_shape_equal(shape, p->shape)) {
        return mote_fail(error, MOTE_DATA, "%s: holds samples of %s, but the model takes %s", path,
                         mote_shape_text(shape, found), mote_shape_text(p->shape, expected));
    }
    if (!p->bytes) {
        return mote_fail(error, MOTE_DATA,
                         "%s: holds 8-bit samples, but the model was trained on numbers", path);
    }
    return MOTE_OK;
}

/* Reads the next sample of a file of one format. */
typedef mote_status read_next(void *reader, uint8_t *sample, bool *more, mote_error *error);

static mote_status next_of_idx(void *reader, uint8_t *sample, bool *more, mote_error *error) {
    return mote_idx_next(reader, sample, more, error);
}

static mote_status next_of_cifar(void *reader, uint8_t *sample, bool *more, mote_error *error) {
    return mote_cifar_next(reader, sample, more, error);
}

static mote_status predict_all(predictor *p, const char *path, mote_shape shape, read_next *next,
                               void *reader, mote_error *error) {
    mote_status status = check_samples(p, path, shape, error);
    bool more = true;
    for (size_t i = 0; status == MOTE_OK && i < p->settings.limit; i++) {
        status = next(reader, predictor_bytes(p), &more, error);
        if (!more) {
            break;
        }
        if (status == MOTE_OK) {
            predictor_add(p, path, i, 0);
        }
    }
    return status;
}

static void predict_idx(predictor *p, const char *path, mote_error *error) {
    mote_idx_reader *reader = mote_idx_open(path, error);
    if (reader) {
        predict_all(p, path, mote_idx_shape(reader), next_of_idx, reader, error);
    }
    mote_idx_close(reader);
}

static void predict_cifar(predictor *p, const char *path, mote_error *error) {
    mote_cifar_reader *reader = mote_cifar_open(path, error);
    if (reader) {
        predict_all(p, path, mote_cifar_shape(reader), next_of_cifar, reader, error);
    }
    mote_cifar_close(reader);
}

bool predict_samples(predictor *p, const char *path) {
    mote_error error = {0};
    bool idx = is_idx(path), cifar = !idx && is_cifar(path);
    if (idx) {
        predict_idx(p, path, &error);
    } else if (cifar) {
        predict_cifar(p, path, &error);
    }
    if (error.status != MOTE_OK) {
        predictor_complain(p, &error);
    }
    return idx || cifar;
}
