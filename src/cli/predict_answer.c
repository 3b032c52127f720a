/* predict_answer.c: prints the answer for a sample. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/common.h"
#include "cli/predict.h"
#include "config/json_write.h"
#include "data/text.h"

/* Puts the indices of the `top` largest of `count` numbers first in the ranking. */
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

/* "seven.png" for a picture, "images.idx[3]" for a sample of an IDX file, "flowers.csv:3" for a row
 * of a table. */
static void print_name(const predict_sample *sample) {
    for (const char *at = sample->file; *at; at++) {
        bool control = ((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f;
        putchar(control ? '?' : *at); /* an answer must stay on one line */
    }
    if (sample->index != SIZE_MAX) {
        printf("[%zu]", sample->index);
    } else if (sample->line > 0) {
        printf(":%zu", sample->line);
    }
}

static void print_text(const predictor *p, const predict_sample *sample,
                       const mote_real *prediction) {
    print_name(sample);
    printf(":");
    size_t classes = mote_model_classes(p->model);
    size_t width = mote_model_prediction_width(p->model);
    for (size_t i = 0; i < (classes ? p->settings.top : width); i++) {
        double value = (double)prediction[classes ? p->ranking[i] : i];
        if (classes) {
            bool percent = mote_model_output(p->model)->kind->gives_probabilities;
            printf("%s %s (", i ? "," : "", mote_model_class_name(p->model, p->ranking[i]));
            printf(percent ? "%.2f %%)" : "%.4g)", percent ? 100 * value : value);
        } else {
            printf(" %.6g", value);
        }
    }
    printf("\n");
}

static void add_name(mote_json_writer *writer, cJSON *object, const predict_sample *sample) {
    mote_text file = {.start = sample->file, .length = strlen(sample->file)};
    char *name = mote_text_to_utf8(file); /* a path may hold any bytes, JSON may not */
    if (name) {
        mote_json_add_string(writer, object, "file", name);
    } else {
        writer->failed = true;
    }
    free(name);
    if (sample->index != SIZE_MAX) {
        mote_json_add_number(writer, object, "index", (double)sample->index);
    } else if (sample->line > 0) {
        mote_json_add_number(writer, object, "line", (double)sample->line);
    }
}

static char *json_text(const predictor *p, const predict_sample *sample,
                       const mote_real *prediction) {
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    add_name(&writer, object, sample);
    size_t classes = mote_model_classes(p->model);
    size_t width = mote_model_prediction_width(p->model);
    cJSON *list = mote_json_add_array(&writer, object, classes ? "classes" : "values");
    for (size_t i = 0; i < (classes ? p->settings.top : width); i++) {
        double value = (double)prediction[classes ? p->ranking[i] : i];
        if (classes) {
            cJSON *entry = mote_json_add_object(&writer, list, NULL);
            const char *name = mote_model_class_name(p->model, p->ranking[i]);
            mote_json_add_string(&writer, entry, "class", name);
            bool probable = mote_model_output(p->model)->kind->gives_probabilities;
            mote_json_add_number(&writer, entry, probable ? "probability" : "value", value);
        } else {
            mote_json_add_number(&writer, list, NULL, value);
        }
    }
    if (sample->inverted) {
        mote_json_add_boolean(&writer, object, "looks_inverted", true);
    }
    return mote_json_print(&writer, object, MOTE_JSON_ONE_LINE);
}

/* Caused by a model that has diverged, or by numbers far from those it was trained on. */
static mote_status fail_not_finite(const predict_sample *sample, mote_error *error) {
    char place[32] = "";
    if (sample->index != SIZE_MAX) {
        snprintf(place, sizeof place, "[%zu]", sample->index);
    } else if (sample->line > 0) {
        snprintf(place, sizeof place, ":%zu", sample->line);
    }
    return mote_fail(error, MOTE_DATA,
                     "%s%s: the prediction is not finite; check that the numbers are like those "
                     "the model was trained on, and how it does in ./evaluate",
                     sample->file, place);
}

static bool is_finite(const mote_real *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(numbers[i])) {
            return false;
        }
    }
    return true;
}

mote_status predict_print(const predictor *p, const predict_sample *sample,
                          const mote_real *prediction, mote_error *error) {
    size_t width = mote_model_prediction_width(p->model);
    if (!is_finite(prediction, width)) {
        return fail_not_finite(sample, error);
    }
    rank(prediction, width, mote_model_classes(p->model) ? p->settings.top : 0, p->ranking);
    if (!p->settings.json) {
        print_text(p, sample, prediction);
        return MOTE_OK;
    }
    char *text = json_text(p, sample, prediction);
    if (!text) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", sample->file);
    }
    printf("%s\n", text);
    free(text);
    return MOTE_OK;
}
