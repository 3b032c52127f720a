/* class_weights.c: how much a sample of each class counts in the training loss.
 *
 *   "balanced":  w_c = samples / (classes × samples of class c), so that all classes have the same
 *                total weight (King and Zeng, "Logistic regression in rare events data", 2001)
 */
#include "data/class_weights.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "config/suggest.h"

static bool is_balanced(mote_json setting) {
    const char *text = cJSON_GetStringValue(setting.node);
    return text && strcmp(text, "balanced") == 0;
}

static mote_json at(mote_json list, const cJSON *node) {
    return (mote_json){.document = list.document, .node = node};
}

mote_status mote_class_weights_check(mote_json setting, mote_error *error) {
    char found[MOTE_JSON_FOUND_CAPACITY];
    if (!setting.node || is_balanced(setting)) {
        return MOTE_OK;
    }
    if (!cJSON_IsArray(setting.node) && !cJSON_IsObject(setting.node)) {
        return mote_fail_at(setting, error,
                            "expected \"balanced\", a list of numbers, one for each class, or an "
                            "object with numbers by class name, found %s",
                            mote_json_found(setting, found));
    }
    for (const cJSON *node = setting.node->child; node; node = node->next) {
        double weight = cJSON_IsNumber(node) ? node->valuedouble : -1;
        if (!(weight >= (double)FLT_MIN && weight <= (double)FLT_MAX)) {
            return mote_fail_at(at(setting, node), error, "expected a number > 0, found %s",
                                mote_json_found(at(setting, node), found));
        }
    }
    return MOTE_OK;
}

/* The weight of a class without training samples is never used. */
static mote_status balance(const mote_dataset *dataset, mote_real *weights, mote_error *error) {
    mote_part part = mote_dataset_part(dataset, MOTE_TRAINING);
    size_t classes = mote_dataset_classes(dataset);
    size_t *counts = calloc(classes, sizeof *counts);
    if (!counts) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for %zu classes", classes);
    }
    for (size_t i = 0; i < part.count; i++) {
        counts[part.samples->labels[part.indexes[i]]]++;
    }
    for (size_t c = 0; c < classes; c++) {
        double even = (double)part.count / (double)classes;
        weights[c] = (mote_real)(counts[c] > 0 ? even / (double)counts[c] : 1);
    }
    free(counts);
    return MOTE_OK;
}

static mote_status fill_from_list(mote_json setting, size_t classes, mote_real *weights,
                                  mote_error *error) {
    size_t count = (size_t)cJSON_GetArraySize(setting.node);
    if (count != classes) {
        return mote_fail_at(setting, error,
                            "expected one weight for each of the %zu classes, found %zu", classes,
                            count);
    }
    for (const cJSON *node = setting.node->child; node; node = node->next) {
        *weights++ = (mote_real)node->valuedouble;
    }
    return MOTE_OK;
}

static mote_status fail_name(const mote_dataset *dataset, mote_json weight, mote_error *error) {
    char text[MOTE_SUGGESTION_CAPACITY];
    mote_suggestion suggestion = mote_suggest(weight.node->string);
    for (size_t c = 0; c < mote_dataset_classes(dataset); c++) {
        mote_suggest_candidate(&suggestion, mote_dataset_class_name(dataset, c));
    }
    return mote_fail_at_key(weight, error, "there is no class of that name%s",
                            mote_suggestion_text(&suggestion, text));
}

/* Classes that are not named weigh 1. */
static mote_status fill_from_object(mote_json setting, const mote_dataset *dataset,
                                    mote_real *weights, mote_error *error) {
    size_t classes = mote_dataset_classes(dataset);
    for (size_t c = 0; c < classes; c++) {
        weights[c] = 1;
    }
    for (const cJSON *node = setting.node->child; node; node = node->next) {
        size_t c = 0;
        while (c < classes && strcmp(mote_dataset_class_name(dataset, c), node->string) != 0) {
            c++;
        }
        if (c == classes) {
            return fail_name(dataset, at(setting, node), error);
        }
        weights[c] = (mote_real)node->valuedouble;
    }
    return MOTE_OK;
}

mote_status mote_class_weights_fill(mote_json setting, const mote_dataset *dataset,
                                    mote_real *weights, mote_error *error) {
    size_t classes = mote_dataset_classes(dataset);
    if (classes == 0) {
        return mote_fail_at(setting, error,
                            "expected classes to weigh, but the data set has numbers to predict");
    }
    return is_balanced(setting)          ? balance(dataset, weights, error)
           : cJSON_IsArray(setting.node) ? fill_from_list(setting, classes, weights, error)
                                         : fill_from_object(setting, dataset, weights, error);
}
