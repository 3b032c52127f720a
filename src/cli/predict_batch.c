/* predict_batch.c: collects samples into batches and predicts each batch at once. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/common.h"
#include "cli/predict.h"

/* The limits of a batch: a large network takes 20 ms for one, and a small one is hardly faster with
 * more. */
enum {
    MOST_ROWS = 64,
    MOST_NUMBERS = 1 << 20
};

/* ---- opening ---- */

static size_t rows_of(size_t width) {
    size_t rows = MOST_NUMBERS / width;
    return rows < 1 ? 1 : rows < MOST_ROWS ? rows : MOST_ROWS;
}

static mote_status allocate(predictor *p, mote_error *error) {
    size_t classes = mote_model_prediction_width(p->model);
    bool bytes = mote_model_preprocessing(p->model)->bytes;
    p->samples = calloc(p->batch, sizeof *p->samples);
    p->bytes = bytes ? calloc(p->batch, p->width) : NULL;
    p->numbers = bytes ? NULL : calloc(p->batch * p->width, sizeof *p->numbers);
    p->x = calloc(p->batch * p->width, sizeof *p->x);
    p->prediction = calloc(p->batch * classes, sizeof *p->prediction);
    p->ranking = calloc(classes, sizeof *p->ranking);
    bool good = p->samples && (p->bytes || p->numbers) && p->x && p->prediction && p->ranking;
    return good ? MOTE_OK
                : mote_fail(error, MOTE_MEMORY, "out of memory for %zu samples", p->batch);
}

/* Reads how the model's samples were made. A model that does not say takes pictures resized with
 * "fit", or numbers. */
static mote_status read_input(predictor *p, const char *path, mote_error *error) {
    const char *text = mote_model_input(p->model);
    cJSON *input = text ? cJSON_Parse(text) : NULL;
    const char *format = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(input, "format"));
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(input, "resize"));
    int resize = MOTE_RESIZE_FIT;
    while (name && mote_resize_names[resize] && strcmp(mote_resize_names[resize], name) != 0) {
        resize++;
    }
    bool known = mote_resize_names[resize] != NULL;
    if (!known) {
        mote_fail(error, MOTE_DATA,
                  "%s: its pictures were resized with \"%.40s\", which this version of mote does "
                  "not know",
                  path, name);
    }
    p->resize = (mote_resize)resize;
    p->table = format && strcmp(format, "csv") == 0;
    cJSON_Delete(input);
    return known ? MOTE_OK : MOTE_DATA;
}

mote_status predictor_open(predictor *p, const char *path, mote_error *error) {
    p->model = mote_model_load(path, error);
    p->pool = p->model ? mote_pool_create(p->settings.threads, error) : NULL;
    if (!p->pool) {
        return error->status;
    }
    mote_model_set_pool(p->model, p->pool);
    p->shape = mote_model_input_shape(p->model);
    p->width = mote_shape_count(p->shape);
    p->batch = rows_of(p->width);
    size_t width = mote_model_prediction_width(p->model);
    if (p->settings.top > 1 && mote_model_classes(p->model) == 0) {
        return mote_fail(error, MOTE_INVALID, "%s: predicts numbers, not classes; leave out --top",
                         path);
    }
    p->settings.top = p->settings.top < width ? p->settings.top : width;
    if (p->settings.invert && !mote_model_preprocessing(p->model)->bytes) {
        return mote_fail(error, MOTE_INVALID, "%s: takes numbers, not pictures; leave out --invert",
                         path);
    }
    mote_status status = read_input(p, path, error);
    return status == MOTE_OK ? allocate(p, error) : status;
}

void predictor_close(predictor *p) {
    for (size_t i = 0; i < p->waiting; i++) {
        free(p->samples[i].file);
    }
    free(p->samples);
    free(p->bytes);
    free(p->numbers);
    free(p->x);
    free(p->prediction);
    free(p->ranking);
    mote_model_destroy(p->model);
    mote_pool_destroy(p->pool);
}

/* ---- from samples to the model's input ---- */

static void invert(size_t count, uint8_t *bytes) {
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(255 - bytes[i]);
    }
}

static void prepare_bytes(const predictor *p, predict_sample *sample, uint8_t *bytes) {
    if (sample->picture &&
        mote_image_read(sample->file, p->shape, p->resize, bytes, &sample->error) != MOTE_OK) {
        return;
    }
    if (p->settings.invert) {
        invert(p->width, bytes);
    }
    const mote_preprocessing *preprocessing = mote_model_preprocessing(p->model);
    sample->inverted = sample->picture && mote_image_looks_inverted(preprocessing, p->shape, bytes);
}

static void prepare_sample(void *context, size_t index) {
    const predictor *p = context;
    const mote_preprocessing *preprocessing = mote_model_preprocessing(p->model);
    size_t offset = index * p->width;
    if (p->numbers) {
        mote_preprocess_numbers(preprocessing, p->width, p->numbers + offset, p->x + offset);
    } else {
        prepare_bytes(p, &p->samples[index], p->bytes + offset);
        mote_preprocess_bytes(preprocessing, p->width, p->bytes + offset, p->x + offset);
    }
}

/* ---- batches ---- */

static void tell_inverted(const predictor *p, const predict_sample *sample) {
    const mote_preprocessing *preprocessing = mote_model_preprocessing(p->model);
    bool dark_ground = preprocessing->edge_mean < preprocessing->pixel_mean;
    fprintf(
        stderr,
        "predict: %s: looks inverted: it is %s, but the model was trained on %s; try --invert\n",
        sample->file, dark_ground ? "dark on light" : "light on dark",
        dark_ground ? "light on dark" : "dark on light");
}

/* Prints an answer, or why there is none. */
static void tell(predictor *p, size_t index) {
    predict_sample *sample = &p->samples[index];
    const mote_real *prediction = p->prediction + index * mote_model_prediction_width(p->model);
    if (sample->error.status == MOTE_OK && sample->inverted) {
        tell_inverted(p, sample);
    }
    if (sample->error.status == MOTE_OK) {
        predict_print(p, sample, prediction, &sample->error);
    }
    if (sample->error.status != MOTE_OK) {
        report_error("predict", &sample->error);
        p->code = EXIT_FAILED;
    }
}

/* The model always gets a full batch, so that no digit of an answer depends on the number of
 * samples; unused rows hold older samples or zeros. */
void predictor_flush(predictor *p) {
    if (p->waiting == 0) {
        return;
    }
    mote_error error = {0};
    mote_pool_run(p->pool, p->waiting, prepare_sample, p);
    mote_model_predict(p->model, p->batch, p->x, p->prediction, &error);
    for (size_t i = 0; i < p->waiting; i++) {
        if (p->samples[i].error.status == MOTE_OK) {
            p->samples[i].error = error;
        }
        tell(p, i);
        free(p->samples[i].file);
    }
    p->waiting = 0;
}

static void add(predictor *p, const predict_sample *sample, const char *file) {
    char *copy = strdup(file);
    if (!copy) {
        mote_error error = {0};
        mote_fail(&error, MOTE_MEMORY, "%s: out of memory", file);
        predictor_complain(p, &error);
        return;
    }
    p->samples[p->waiting] = *sample;
    p->samples[p->waiting++].file = copy;
    if (p->waiting == p->batch) {
        predictor_flush(p);
    }
}

uint8_t *predictor_bytes(const predictor *p) {
    return p->bytes + p->waiting * p->width;
}

mote_real *predictor_numbers(const predictor *p) {
    return p->numbers + p->waiting * p->width;
}

void predictor_add(predictor *p, const char *file, size_t index, size_t line) {
    add(p, &(predict_sample){.index = index, .line = line}, file);
}

void predictor_add_picture(predictor *p, const char *file) {
    add(p, &(predict_sample){.index = SIZE_MAX, .picture = true}, file);
}

void predictor_complain(predictor *p, const mote_error *error) {
    predictor_flush(p);
    report_error("predict", error);
    p->code = EXIT_FAILED;
}
