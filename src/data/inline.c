/* inline.c: samples given in the config itself, for the smallest problems.
 *
 *     {"format": "inline", "normalize": "none",
 *      "samples": [[0, 0], [0, 1], [1, 0], [1, 1]], "labels": [0, 1, 1, 0]}
 *
 * A sample is a vector. With nothing else to test on, the test part is all of the samples.
 */
#include <cjson/cJSON.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "config/json.h"
#include "data/format.h"

typedef struct inline_samples {
    mote_format base;
    mote_json samples, labels, targets; /* in the config's document */
    size_t count, width, target_width;
} inline_samples;

static const mote_field fields[] = {
    {.name = "samples",
     .kind = MOTE_FIELD_PART,
     .takes = "a list",
     .offset = offsetof(inline_samples, samples),
     .help = "each a list of numbers, all of the same length; they are all used for training and, "
             "as there are no others, for testing too"},
    {.name = "labels",
     .kind = MOTE_FIELD_PART,
     .takes = "a list",
     .offset = offsetof(inline_samples, labels),
     .optional = true,
     .help = "the samples' class numbers, counted from 0; give either these or targets"},
    {.name = "targets",
     .kind = MOTE_FIELD_PART,
     .takes = "a list",
     .offset = offsetof(inline_samples, targets),
     .optional = true,
     .help =
         "what to predict: for each sample a number or a list of numbers, all of the same length"},
    MOTE_FIELDS_END,
};

/* ---- checking ---- */

static mote_status fail_found(mote_json value, const char *expected, mote_error *error) {
    char found[MOTE_JSON_FOUND_CAPACITY];
    return mote_fail_at(value, error, "expected %s, found %s", expected,
                        mote_json_found(value, found));
}

/* A row is a list of numbers, or a single number. */
static size_t width_of(const cJSON *row) {
    return cJSON_IsArray(row) ? (size_t)cJSON_GetArraySize(row) : 1;
}

static const cJSON *first_number(const cJSON *row) {
    return cJSON_IsArray(row) ? row->child : row;
}

static mote_status check_numbers(mote_json row, size_t width, mote_error *error) {
    const cJSON *node = first_number(row.node);
    for (size_t i = 0; i < width; i++, node = node->next) {
        mote_json value = {.document = row.document, .node = node};
        if (!cJSON_IsNumber(node)) {
            return fail_found(value, "a number", error);
        }
        if (!(fabs(node->valuedouble) <= (double)FLT_MAX)) {
            return fail_found(value, "a number that fits into 32 bits, up to 3.4e+38", error);
        }
    }
    return MOTE_OK;
}

static mote_status check_row(mote_json row, bool may_be_number, size_t width, mote_error *error) {
    if (!cJSON_IsArray(row.node) && !(may_be_number && cJSON_IsNumber(row.node))) {
        return fail_found(
            row, may_be_number ? "a number or a list of numbers" : "a list of numbers", error);
    }
    size_t found = width_of(row.node);
    if (found == 0) {
        return mote_fail_at(row, error, "expected at least one number, found an empty list");
    }
    if (found != width) {
        return mote_fail_at(row, error,
                            "expected as many numbers as in the first entry, %zu, found %zu", width,
                            found);
    }
    return check_numbers(row, width, error);
}

/* Checks each row; *width becomes the length of one. */
static mote_status check_rows(mote_json rows, bool may_be_number, size_t *width,
                              mote_error *error) {
    *width = width_of(rows.node->child);
    mote_status status = MOTE_OK;
    for (const cJSON *row = rows.node->child; row && status == MOTE_OK; row = row->next) {
        status = check_row((mote_json){.document = rows.document, .node = row}, may_be_number,
                           *width, error);
    }
    return status;
}

static mote_status check_samples(inline_samples *self, mote_error *error) {
    if (!cJSON_IsArray(self->samples.node)) {
        return fail_found(self->samples, "a list of samples", error);
    }
    self->count = (size_t)cJSON_GetArraySize(self->samples.node);
    if (self->count == 0) {
        return mote_fail_at(self->samples, error, "expected at least one sample, found none");
    }
    return check_rows(self->samples, false, &self->width, error);
}

/* Checks for a list with one entry per sample, of labels or targets. */
static mote_status check_count(const inline_samples *self, mote_json list, const char *expected,
                               mote_error *error) {
    if (!cJSON_IsArray(list.node)) {
        return fail_found(list, expected, error);
    }
    size_t found = (size_t)cJSON_GetArraySize(list.node);
    if (found != self->count) {
        return mote_fail_at(list, error, "expected one for each of the %zu samples, found %zu",
                            self->count, found);
    }
    return MOTE_OK;
}

static mote_status check_labels(const inline_samples *self, mote_error *error) {
    mote_status status = check_count(self, self->labels, "a list of class numbers", error);
    if (status != MOTE_OK) {
        return status;
    }
    for (const cJSON *node = self->labels.node->child; node; node = node->next) {
        double number = cJSON_IsNumber(node) ? node->valuedouble : -1;
        if (!(number >= 0 && number < MOTE_MOST_CLASSES && number == floor(number))) {
            char expected[80];
            snprintf(expected, sizeof expected, "a class number, an integer >= 0 and < %d",
                     MOTE_MOST_CLASSES);
            return fail_found((mote_json){.document = self->labels.document, .node = node},
                              expected, error);
        }
    }
    return MOTE_OK;
}

static mote_status check_targets(inline_samples *self, mote_error *error) {
    mote_status status = check_count(self, self->targets, "a list of numbers or of lists", error);
    return status == MOTE_OK ? check_rows(self->targets, true, &self->target_width, error) : status;
}

static mote_status open_inline(mote_format *format, const mote_loading *loading, mote_shape *shape,
                               mote_error *error) {
    (void)loading;
    inline_samples *self = (inline_samples *)format;
    mote_status status = check_samples(self, error);
    if (status != MOTE_OK) {
        return status;
    }
    *shape = mote_shape_vector(self->width);
    if (self->labels.node && self->targets.node) {
        return mote_fail_at_key(self->targets, error,
                                "expected either \"labels\" or \"targets\", found both");
    }
    if (!self->labels.node && !self->targets.node) {
        return mote_fail_at_key(
            self->samples, error,
            "expected \"labels\" or \"targets\" for the samples, found neither");
    }
    return self->labels.node ? check_labels(self, error) : check_targets(self, error);
}

/* ---- loading ---- */

/* Copies the numbers of all rows to the content's memory; NULL on failure. */
static mote_real *load_rows(mote_json rows, size_t count, size_t width, mote_content *content,
                            mote_error *error) {
    mote_real *numbers =
        mote_content_allocate(content, count, width * sizeof *numbers, "inline samples", error);
    mote_real *to = numbers;
    for (const cJSON *row = rows.node->child; numbers && row; row = row->next) {
        const cJSON *node = first_number(row);
        for (size_t i = 0; i < width; i++, node = node->next) {
            *to++ = (mote_real)node->valuedouble;
        }
    }
    return numbers;
}

static uint32_t *load_labels(const inline_samples *self, mote_content *content, mote_error *error) {
    uint32_t *labels =
        mote_content_allocate(content, self->count, sizeof *labels, "inline labels", error);
    uint32_t *to = labels;
    for (const cJSON *node = self->labels.node->child; labels && node; node = node->next) {
        *to++ = (uint32_t)node->valuedouble;
    }
    return labels;
}

static mote_status load_inline(mote_format *format, const mote_loading *loading,
                               mote_content *content, mote_error *error) {
    (void)loading;
    const inline_samples *self = (const inline_samples *)format;
    mote_samples samples = {.count = self->count, .shape = mote_shape_vector(self->width)};
    samples.numbers = load_rows(self->samples, self->count, self->width, content, error);
    if (self->labels.node) {
        samples.labels = load_labels(self, content, error);
    } else {
        samples.value_width = self->target_width;
        samples.values = load_rows(self->targets, self->count, self->target_width, content, error);
    }
    if (!samples.numbers || !(samples.labels || samples.values)) {
        return MOTE_MEMORY;
    }
    content->train = content->test = samples;
    return MOTE_OK;
}

const mote_format_class mote_format_inline = {
    .type = "inline",
    .summary = "samples in the config itself, for the smallest problems",
    .example = "{\"format\": \"inline\", \"samples\": [[0, 0], [0, 1], [1, 0], [1, 1]], "
               "\"labels\": [0, 1, 1, 0], \"normalize\": \"none\"}",
    .size = sizeof(inline_samples),
    .fields = fields,
    .open = open_inline,
    .load = load_inline,
};
