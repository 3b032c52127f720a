/* predict.c: ./predict MODEL FILE... says what pictures show. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "cli/common.h"
#include "config/json_write.h"
#include "data/idx.h"
#include "data/image.h"
#include "mote/model.h"

typedef struct settings {
    size_t top, limit;
    bool json, invert;
} settings;

static int read_settings(settings *s, int argc, char **argv, text_list *operands) {
    const cli_argument arguments[] = {
        {"top", ARGUMENT_NUMBER, &s->top, "K", "show the K most probable classes (default 1)"},
        {"limit", ARGUMENT_NUMBER, &s->limit, "N", "only the first N samples of an IDX file"},
        {"invert", ARGUMENT_FLAG, &s->invert, NULL, "swap dark and light of pictures first"},
        PLUGIN_ARGUMENT(NULL),
        {"json", ARGUMENT_FLAG, &s->json, NULL, "print one JSON object per line"},
        {0},
    };
    const cli_command predict = {
        .name = "predict",
        .operands = "MODEL FILE...",
        .summary = "What a trained model makes of pictures (PNG, JPEG, BMP, TGA, PNM) or of an IDX "
                   "file.",
        .arguments = arguments,
        .minimum_operands = 2,
        .maximum_operands = SIZE_MAX};
    return command_read(&predict, argc, argv, operands);
}

/* An IDX file's samples go through the model so many at a time: with 784-256-10, 10,000 images take
 * 67 ms from start to end, and 119 ms one by one. */
enum {
    MOST_ROWS = 256,
    MOST_NUMBERS = 1 << 20
};

/* What works on one file after the other. */
typedef struct session {
    settings settings;
    mote_model *model;
    size_t batch;          /* samples at a time */
    uint8_t *bytes;        /* one sample as it came */
    mote_real *x;          /* [batch × input shape] as the model takes it */
    mote_real *prediction; /* [batch × prediction width] */
    size_t *ranking;       /* [prediction width] */
} session;

/* What is said of one sample. */
typedef struct answer {
    const char *path;
    size_t index;                /* in an IDX file; SIZE_MAX for a picture */
    const mote_real *prediction; /* [prediction width] */
    bool inverted;
} answer;

/* ---- printing ---- */

/* Puts the `top` largest of `count` numbers first in the ranking. */
static void rank(const mote_real *numbers, size_t count, size_t top, size_t *ranking) {
    for (size_t i = 0; i < count; i++) {
        ranking[i] = i;
    }
    for (size_t i = 0; i < top; i++) {
        size_t best = i;
        for (size_t k = i + 1; k < count; k++) {
            best = numbers[ranking[k]] > numbers[ranking[best]] ? k : best;
        }
        size_t swap = ranking[i];
        ranking[i] = ranking[best];
        ranking[best] = swap;
    }
}

/* "seven.png" for a picture, "images.idx[3]" for a sample of an IDX file. */
static void print_text(const session *s, const answer *a) {
    printf("%s", a->path);
    if (a->index != SIZE_MAX) {
        printf("[%zu]", a->index);
    }
    printf(":");
    size_t classes = mote_model_classes(s->model);
    size_t width = mote_model_prediction_width(s->model);
    for (size_t i = 0; i < (classes ? s->settings.top : width); i++) {
        double value = (double)a->prediction[classes ? s->ranking[i] : i];
        if (classes) {
            bool percent = mote_model_output(s->model)->kind->gives_probabilities;
            printf("%s %s (", i ? "," : "", mote_model_class_name(s->model, s->ranking[i]));
            printf(percent ? "%.2f %%)" : "%.4g)", percent ? 100 * value : value);
        } else {
            printf(" %.6g", value);
        }
    }
    printf("\n");
}

static char *json_text(const session *s, const answer *a) {
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    mote_json_add_string(&writer, object, "file", a->path);
    if (a->index != SIZE_MAX) {
        mote_json_add_number(&writer, object, "index", (double)a->index);
    }
    size_t classes = mote_model_classes(s->model);
    size_t width = mote_model_prediction_width(s->model);
    cJSON *list = mote_json_add_array(&writer, object, classes ? "classes" : "values");
    for (size_t i = 0; i < (classes ? s->settings.top : width); i++) {
        double value = (double)a->prediction[classes ? s->ranking[i] : i];
        if (classes) {
            cJSON *entry = mote_json_add_object(&writer, list, NULL);
            const char *name = mote_model_class_name(s->model, s->ranking[i]);
            mote_json_add_string(&writer, entry, "class", name);
            bool probable = mote_model_output(s->model)->kind->gives_probabilities;
            mote_json_add_number(&writer, entry, probable ? "probability" : "value", value);
        } else {
            mote_json_add_number(&writer, list, NULL, value);
        }
    }
    if (a->inverted) {
        mote_json_add_boolean(&writer, object, "looks_inverted", true);
    }
    return mote_json_print(&writer, object, MOTE_JSON_ONE_LINE);
}

static mote_status print_json(const session *s, const answer *a, mote_error *error) {
    char *text = json_text(s, a);
    if (!text) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", a->path);
    }
    printf("%s\n", text);
    free(text);
    return MOTE_OK;
}

static mote_status print_answer(const session *s, const answer *a, mote_error *error) {
    rank(a->prediction, mote_model_prediction_width(s->model),
         mote_model_classes(s->model) ? s->settings.top : 0, s->ranking);
    if (s->settings.json) {
        return print_json(s, a, error);
    }
    print_text(s, a);
    return MOTE_OK;
}

/* ---- predicting ---- */

static void invert(size_t count, uint8_t *bytes) {
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(255 - bytes[i]);
    }
}

static mote_status predict_image(session *s, const char *path, mote_error *error) {
    mote_shape shape = mote_model_input_shape(s->model);
    mote_status status = mote_image_read(path, shape, MOTE_RESIZE_FIT, s->bytes, error);
    if (status != MOTE_OK) {
        return status;
    }
    if (s->settings.invert) {
        invert(mote_shape_count(shape), s->bytes);
    }
    const mote_preprocessing *preprocessing = mote_model_preprocessing(s->model);
    bool inverted = mote_image_looks_inverted(preprocessing, shape, s->bytes);
    if (inverted) {
        bool dark_ground = preprocessing->edge_mean < preprocessing->pixel_mean;
        fprintf(stderr,
                "predict: %s: looks inverted: it is %s, but the model learned from %s; try "
                "--invert\n",
                path, dark_ground ? "dark on light" : "light on dark",
                dark_ground ? "light on dark" : "dark on light");
    }
    mote_preprocess_bytes(preprocessing, mote_shape_count(shape), s->bytes, s->x);
    status = mote_model_predict(s->model, 1, s->x, s->prediction, error);
    answer a = {.path = path, .index = SIZE_MAX, .prediction = s->prediction, .inverted = inverted};
    return status == MOTE_OK ? print_answer(s, &a, error) : status;
}

/* `count` samples from `begin` on. The model always gets whole batches, so that --limit changes no
 * digit. */
static mote_status predict_batch(session *s, const char *path, const mote_samples *samples,
                                 size_t begin, size_t count, mote_error *error) {
    size_t width = mote_shape_count(samples->shape);
    for (size_t i = 0; i < count; i++) {
        memcpy(s->bytes, samples->bytes + (begin + i) * width, width);
        if (s->settings.invert) {
            invert(width, s->bytes);
        }
        mote_preprocess_bytes(mote_model_preprocessing(s->model), width, s->bytes,
                              s->x + i * width);
    }
    mote_status status = mote_model_predict(s->model, s->batch, s->x, s->prediction, error);
    for (size_t i = 0; status == MOTE_OK && i < count; i++) {
        size_t offset = i * mote_model_prediction_width(s->model);
        answer a = {.path = path, .index = begin + i, .prediction = s->prediction + offset};
        status = print_answer(s, &a, error);
    }
    return status;
}

static mote_status predict_samples(session *s, const char *path, const mote_samples *samples,
                                   mote_error *error) {
    mote_shape shape = mote_model_input_shape(s->model);
    if (!mote_shape_equal(samples->shape, shape)) {
        char found[MOTE_SHAPE_TEXT_CAPACITY], expected[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_DATA, "%s: holds samples of %s, but the model takes %s", path,
                         mote_shape_text(samples->shape, found), mote_shape_text(shape, expected));
    }
    size_t end = samples->count < s->settings.limit ? samples->count : s->settings.limit;
    mote_status status = MOTE_OK;
    for (size_t begin = 0; status == MOTE_OK && begin < end; begin += s->batch) {
        size_t count = end - begin < s->batch ? end - begin : s->batch;
        status = predict_batch(s, path, samples, begin, count, error);
    }
    return status;
}

/* IDX files begin with 00 00 08, gzip files with 1f 8b; no picture does. */
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

/* Files are looked at twice, so a pipe will not do. */
static mote_status check_file(const char *path, mote_error *error) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return mote_fail(error, MOTE_FILE, "%s: %s", path,
                         S_ISDIR(status.st_mode) ? "is a directory"
                                                 : "not a regular file, which is needed here");
    }
    if (status.st_size == 0) {
        return mote_fail(error, MOTE_DATA, "%s: the file is empty", path);
    }
    return MOTE_OK;
}

static mote_status predict_file(session *s, const char *path, mote_error *error) {
    if (check_file(path, error) != MOTE_OK) {
        return error->status;
    }
    if (!is_idx(path)) {
        return predict_image(s, path, error);
    }
    mote_content content = {0};
    mote_samples samples;
    mote_status status = mote_idx_load(path, &content, &samples, error);
    if (status == MOTE_OK) {
        status = predict_samples(s, path, &samples, error);
    }
    mote_content_free(&content);
    return status;
}

static mote_status prepare(session *s, const char *path, mote_error *error) {
    s->model = mote_model_load(path, error);
    if (!s->model) {
        return error->status;
    }
    if (!mote_model_preprocessing(s->model)->bytes) {
        return mote_fail(error, MOTE_INVALID,
                         "%s: the model was trained on numbers, not on 8-bit pictures", path);
    }
    size_t count = mote_shape_count(mote_model_input_shape(s->model));
    size_t width = mote_model_prediction_width(s->model);
    s->batch = MOST_NUMBERS / count < 1           ? 1
               : MOST_NUMBERS / count < MOST_ROWS ? MOST_NUMBERS / count
                                                  : MOST_ROWS;
    s->bytes = malloc(count);
    s->x = calloc(s->batch * count, sizeof *s->x);
    s->prediction = calloc(s->batch * width, sizeof *s->prediction);
    s->ranking = calloc(width, sizeof *s->ranking);
    s->settings.top = s->settings.top < width ? s->settings.top : width;
    bool good = s->bytes && s->x && s->prediction && s->ranking;
    return good ? MOTE_OK
                : mote_fail(error, MOTE_MEMORY, "out of memory for %zu samples", s->batch);
}

/* A file that cannot be read does not keep the others from being. */
static int predict_files(session *s, const text_list *operands) {
    mote_error error = {0};
    if (prepare(s, operands->texts[0], &error) != MOTE_OK) {
        return report_error("predict", &error);
    }
    int code = EXIT_DONE;
    for (size_t i = 1; i < operands->count; i++) {
        error = (mote_error){0};
        if (predict_file(s, operands->texts[i], &error) != MOTE_OK) {
            code = report_error("predict", &error);
        }
    }
    return code;
}

int main(int argc, char **argv) {
    ensure_fast_kernels(argv);
    session s = {.settings = {.top = 1, .limit = SIZE_MAX}};
    text_list operands = {.texts = calloc((size_t)argc, sizeof *operands.texts)};
    if (!operands.texts) {
        fprintf(stderr, "predict: out of memory\n");
        return EXIT_FAILED;
    }
    int code = read_settings(&s.settings, argc, argv, &operands);
    if (code < 0) {
        code = s.settings.top > 0 ? predict_files(&s, &operands) : EXIT_USAGE;
        if (s.settings.top == 0) {
            fprintf(stderr, "predict: --top takes a number from 1\n");
        }
    }
    mote_model_destroy(s.model);
    free(s.bytes);
    free(s.x);
    free(s.prediction);
    free(s.ranking);
    free(operands.texts);
    return finish_output("predict", code);
}
