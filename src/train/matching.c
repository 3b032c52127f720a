/* matching.c: comparing how samples are made, and finding classes by name. */
#include "train/matching.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "config/suggest.h"

/* ---- samples ---- */

static bool are_same(const cJSON *a, const cJSON *b) {
    return (!a && !b) || cJSON_Compare(a, b, true);
}

/* Named columns may have other positions in another table. */
static bool is_same_column(const cJSON *a, const cJSON *b) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(a, "name");
    const char *what = name ? "name" : "number";
    return are_same(cJSON_GetObjectItemCaseSensitive(a, what),
                    cJSON_GetObjectItemCaseSensitive(b, what)) &&
           are_same(cJSON_GetObjectItemCaseSensitive(a, "categories"),
                    cJSON_GetObjectItemCaseSensitive(b, "categories"));
}

static mote_status match_columns(const cJSON *trained, const cJSON *found, mote_error *error) {
    if (!trained || !found) {
        return MOTE_OK;
    }
    const cJSON *a = trained->child, *b = found->child;
    size_t number = 1;
    for (; a && b && is_same_column(a, b); number++) {
        a = a->next;
        b = b->next;
    }
    if (!a && !b) {
        return MOTE_OK;
    }
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(a, "name"));
    return mote_fail(error, MOTE_DATA,
                     "the data set's columns, or the texts in them, are not those that the model "
                     "was trained on; they differ from column %zu onwards%s%.80s%s",
                     number, name ? ", there \"" : "", name ? name : "", name ? "\"" : "");
}

static mote_status match_resize(const cJSON *trained, const cJSON *found, mote_error *error) {
    return !cJSON_IsString(trained) || !cJSON_IsString(found) || are_same(trained, found)
               ? MOTE_OK
               : mote_fail(error, MOTE_DATA,
                           "the data set's pictures are resized with \"%s\", but the model was "
                           "trained on pictures resized with \"%s\"",
                           cJSON_GetStringValue(found), cJSON_GetStringValue(trained));
}

mote_status mote_input_match(const mote_model *model, const mote_dataset *dataset,
                             mote_error *error) {
    const char *texts[] = {mote_model_input(model), mote_dataset_input(dataset)};
    if (!texts[0] || !texts[1]) {
        return MOTE_OK; /* arrays, or a model from before inputs were recorded */
    }
    cJSON *trained = cJSON_Parse(texts[0]), *found = cJSON_Parse(texts[1]);
    mote_status status =
        trained && found
            ? match_columns(cJSON_GetObjectItemCaseSensitive(trained, "columns"),
                            cJSON_GetObjectItemCaseSensitive(found, "columns"), error)
            : mote_fail(error, MOTE_MEMORY, "out of memory for what the samples are made of");
    if (status == MOTE_OK) {
        status = match_resize(cJSON_GetObjectItemCaseSensitive(trained, "resize"),
                              cJSON_GetObjectItemCaseSensitive(found, "resize"), error);
    }
    cJSON_Delete(trained);
    cJSON_Delete(found);
    return status;
}

/* ---- classes ---- */

static bool is_own_number(const char *name, size_t number) {
    char text[24];
    snprintf(text, sizeof text, "%zu", number);
    return strcmp(name, text) == 0;
}

/* Whether any class has a name other than its number. */
static bool has_names(const mote_dataset *dataset) {
    for (size_t i = 0; i < mote_dataset_classes(dataset); i++) {
        if (!is_own_number(mote_dataset_class_name(dataset, i), i)) {
            return true;
        }
    }
    return false;
}

static mote_status fail_unknown(const mote_model *model, const char *name, mote_error *error) {
    char text[MOTE_SUGGESTION_CAPACITY];
    mote_suggestion suggestion = mote_suggest(name);
    for (size_t i = 0; i < mote_model_classes(model); i++) {
        mote_suggest_candidate(&suggestion, mote_model_class_name(model, i));
    }
    return mote_fail(error, MOTE_DATA,
                     "the data set has a class \"%.80s\", which is not one of the model's %zu%s",
                     name, mote_model_classes(model), mote_suggestion_text(&suggestion, text));
}

static mote_status find_class(const mote_model *model, const char *name, uint32_t *number,
                              mote_error *error) {
    for (size_t i = 0; i < mote_model_classes(model); i++) {
        if (strcmp(mote_model_class_name(model, i), name) == 0) {
            *number = (uint32_t)i;
            return MOTE_OK;
        }
    }
    return fail_unknown(model, name, error);
}

/* numbers [classes of the data set]: the model's number of each class; *same: all keep theirs. */
static mote_status find_classes(const mote_model *model, const mote_dataset *dataset,
                                uint32_t *numbers, bool *same, mote_error *error) {
    mote_status status = MOTE_OK;
    *same = true;
    for (size_t i = 0; status == MOTE_OK && i < mote_dataset_classes(dataset); i++) {
        status = find_class(model, mote_dataset_class_name(dataset, i), &numbers[i], error);
        *same = *same && numbers[i] == i;
    }
    return status;
}

static mote_status renumber(mote_matched_part *matched, const uint32_t *numbers,
                            mote_error *error) {
    matched->samples = *matched->part.samples;
    size_t count = matched->samples.count;
    matched->labels = malloc((count + 1) * sizeof *matched->labels);
    if (!matched->labels) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for %zu labels", count);
    }
    for (size_t i = 0; i < count; i++) {
        matched->labels[i] = numbers[matched->samples.labels[i]];
    }
    matched->samples.labels = matched->labels;
    matched->part.samples = &matched->samples;
    return MOTE_OK;
}

mote_status mote_part_match(mote_matched_part *matched, const mote_model *model,
                            const mote_dataset *dataset, mote_part_name name, mote_error *error) {
    *matched = (mote_matched_part){.part = mote_dataset_part(dataset, name)};
    size_t classes = mote_dataset_classes(dataset);
    if (mote_model_classes(model) == 0 || classes == 0 || !has_names(dataset)) {
        return MOTE_OK;
    }
    uint32_t *numbers = calloc(classes, sizeof *numbers);
    bool same = true;
    mote_status status =
        numbers ? find_classes(model, dataset, numbers, &same, error)
                : mote_fail(error, MOTE_MEMORY, "out of memory for %zu classes", classes);
    if (status == MOTE_OK && !same) {
        status = renumber(matched, numbers, error);
    }
    free(numbers);
    return status;
}

void mote_matched_part_free(mote_matched_part *matched) {
    free(matched->labels);
    *matched = (mote_matched_part){0};
}
