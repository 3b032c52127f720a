/* preview.c: the first batch as a contact sheet. */
#include "train/preview.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/sheet.h"
#include "train/step.h"

bool mote_preview_shows_name(const char *name) {
    for (; *name; name++) {
        if (*name < ' ' || *name > '~') {
            return false;
        }
    }
    return true;
}

bool mote_preview_is_possible(const mote_trainer *trainer) {
    const mote_samples *samples = mote_dataset_part(trainer->dataset, MOTE_TRAINING).samples;
    mote_shape shape = samples->shape;
    return samples->bytes && shape.rank == 3 && (shape.dims[0] == 1 || shape.dims[0] == 3);
}

static mote_status check_pictures(const mote_trainer *trainer, mote_error *error) {
    if (mote_preview_is_possible(trainer)) {
        return MOTE_OK;
    }
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_TRAINING);
    char text[MOTE_SHAPE_TEXT_CAPACITY];
    return mote_fail(error, MOTE_INVALID,
                     "--preview draws pictures, 8-bit images of 1 or 3 channels; a sample of this "
                     "data set is %s %snumbers",
                     mote_shape_text(part.samples->shape, text),
                     part.samples->bytes ? "8-bit " : "");
}

/* Converts what the model sees back to the bytes of a picture. */
static void restore(const mote_preprocessing *p, size_t count, const mote_real *x, uint8_t *bytes) {
    double full = p->normalize == MOTE_NORMALIZE_NONE ? 1 : 255;
    size_t stride = p->groups ? count / p->groups : count;
    for (size_t i = 0; i < count; i++) {
        double deviation = 1, mean = 0;
        if (p->normalize == MOTE_NORMALIZE_STANDARD) {
            deviation = p->deviation[i / stride];
            mean = p->mean[i / stride];
        }
        double raw = full * ((double)x[i] * deviation + mean);
        bytes[i] = raw <= 0 ? 0 : raw >= 255 ? 255 : (uint8_t)(raw + 0.5);
    }
}

static void write_caption(const mote_trainer *trainer, size_t row,
                          char caption[MOTE_CAPTION_CAPACITY]) {
    const mote_samples *samples = mote_dataset_part(trainer->dataset, MOTE_TRAINING).samples;
    if (samples->labels) {
        size_t label = trainer->batch.labels[row];
        const char *name = mote_dataset_class_name(trainer->dataset, label);
        if (mote_preview_shows_name(name)) {
            snprintf(caption, MOTE_CAPTION_CAPACITY, "%s", name);
        } else {
            snprintf(caption, MOTE_CAPTION_CAPACITY, "#%zu", label);
        }
        return;
    }
    size_t used = 0;
    for (size_t i = 0; i < samples->value_width && used + 1 < MOTE_CAPTION_CAPACITY; i++) {
        double value = (double)trainer->batch.values[row * samples->value_width + i];
        used += (size_t)snprintf(caption + used, MOTE_CAPTION_CAPACITY - used, "%s%.3g",
                                 i ? " " : "", value);
    }
}

mote_status mote_preview_write_batch(const mote_trainer *trainer, size_t count, const char *path,
                                     mote_preview *preview, mote_error *error) {
    mote_shape shape = mote_dataset_shape(trainer->dataset);
    size_t width = mote_shape_count(shape), capacity = mote_sheet_capacity(shape);
    size_t shown = count < capacity ? count : capacity;
    *preview = (mote_preview){.shown = shown, .batch = count};
    uint8_t *bytes = malloc(shown * width);
    char(*captions)[MOTE_CAPTION_CAPACITY] = calloc(shown, sizeof *captions);
    mote_status status = MOTE_OK;
    if (!bytes || !captions) {
        status = mote_fail(error, MOTE_MEMORY, "%s: out of memory for %zu samples", path, shown);
    }
    for (size_t i = 0; status == MOTE_OK && i < shown; i++) {
        restore(&trainer->model->preprocessing, width, trainer->batch.x + i * width,
                bytes + i * width);
        write_caption(trainer, i, captions[i]);
    }
    if (status == MOTE_OK) {
        status = mote_sheet_write(path, shape, shown, bytes, captions, error);
    }
    free(bytes);
    free(captions);
    return status;
}

mote_status mote_preview_write(mote_trainer *trainer, const char *path, mote_preview *preview,
                               mote_error *error) {
    if (check_pictures(trainer, error) != MOTE_OK) {
        return MOTE_INVALID;
    }
    size_t count = mote_trainer_gather(trainer, 0);
    return mote_preview_write_batch(trainer, count, path, preview, error);
}
