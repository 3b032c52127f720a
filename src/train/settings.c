/* settings.c: the settings that a checkpoint was made with. */
#include "train/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/json.h"
#include "config/json_write.h"
#include "data/dataset.h"
#include "formats/model_file.h"

/* ---- as text ---- */

/* Keys of "train" that may change when a run is resumed. */
static const char *const harmless[] = {"epochs",         "threads",         "checkpoint",
                                       "early_stopping", "target_accuracy", "max_minutes",
                                       "max_steps",      "metrics"};

static void add_train(const mote_trainer *trainer, mote_json_writer *writer, cJSON *object) {
    cJSON *train = mote_train_options_to_json(&trainer->options);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(train, harmless[i]);
    }
    mote_json_add(writer, object, "train", train);
}

/* The figures of the data, which reveal changed data, whatever its files are called. */
static void add_data(const mote_trainer *trainer, mote_json_writer *writer, cJSON *object) {
    const mote_dataset *dataset = trainer->dataset;
    mote_json_add_number(writer, object, "training_samples",
                         (double)mote_dataset_part(dataset, MOTE_TRAINING).count);
    mote_json_add_number(writer, object, "validation_samples",
                         (double)mote_dataset_part(dataset, MOTE_VALIDATION).count);
    mote_json_add(writer, object, "preprocessing",
                  mote_preprocessing_to_json(&trainer->model->preprocessing));
    const mote_real *class_weights = mote_dataset_class_weights(dataset);
    cJSON *weights = class_weights ? mote_json_add_array(writer, object, "class_weights") : NULL;
    for (size_t i = 0; class_weights && i < mote_dataset_classes(dataset); i++) {
        mote_json_add_number(writer, weights, NULL, (double)class_weights[i]);
    }
}

char *mote_settings_text(const mote_trainer *trainer) {
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    add_train(trainer, &writer, object);
    mote_json_add(&writer, object, "model", mote_model_to_json(trainer->model));
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, trainer->seed);
    mote_json_add_string(&writer, object, "seed", seed); /* not every seed is exact as a double */
    mote_json_add(&writer, object, "dataset", mote_dataset_settings(trainer->dataset));
    add_data(trainer, &writer, mote_json_add_object(&writer, object, "data"));
    return mote_json_print(&writer, object, MOTE_JSON_ONE_LINE);
}

/* ---- what differs ---- */

enum {
    PATH_CAPACITY = 200,
    VALUE_CAPACITY = 40,
    DIFFERENCES_CAPACITY = 640,
    MOST_NAMED = 4
};

/* The differences found so far. */
typedef struct differences {
    char path[PATH_CAPACITY]; /* of the values being compared */
    char text[DIFFERENCES_CAPACITY];
    size_t count;
    bool in_data; /* rather than in a key */
    bool out_of_memory;
} differences;

/* "model.layers[1].units" */
static void append_path(char *path, const char *name, size_t index) {
    size_t used = strlen(path);
    if (name) {
        snprintf(path + used, PATH_CAPACITY - used, "%s%s", used ? "." : "", name);
    } else {
        snprintf(path + used, PATH_CAPACITY - used, "[%zu]", index);
    }
}

/* A value as JSON, truncated if it is long. The seed is written as in a config, as a number. */
static const char *value_text(const cJSON *value, char *text, differences *found) {
    bool is_seed = strcmp(found->path, "seed") == 0 && cJSON_IsString(value);
    if (is_seed) {
        snprintf(text, VALUE_CAPACITY, "%s", value->valuestring);
        return text;
    }
    char *whole = cJSON_PrintUnformatted(value);
    if (!whole) {
        found->out_of_memory = true;
        return "";
    }
    bool fits = strlen(whole) < VALUE_CAPACITY;
    snprintf(text, VALUE_CAPACITY, "%.*s%s", VALUE_CAPACITY - 4, whole, fits ? "" : "...");
    if (fits) {
        strcpy(text, whole);
    }
    cJSON_free(whole);
    return text;
}

static void add_difference(differences *found, const cJSON *then, const cJSON *now) {
    char before[VALUE_CAPACITY], after[VALUE_CAPACITY];
    size_t used = strlen(found->text);
    char *end = found->text + used;
    size_t room = sizeof found->text - used;
    if (found->count++ >= MOST_NAMED) {
        return;
    }
    const char *comma = used ? ", " : "";
    if (!then) {
        snprintf(end, room, "%s%s was not set and is now %s", comma, found->path,
                 value_text(now, after, found));
    } else if (!now) {
        snprintf(end, room, "%s%s was %s and is no longer set", comma, found->path,
                 value_text(then, before, found));
    } else {
        snprintf(end, room, "%s%s was %s and is now %s", comma, found->path,
                 value_text(then, before, found), value_text(now, after, found));
    }
}

static const cJSON *member_of(const cJSON *value, const char *name, size_t index) {
    return name ? cJSON_GetObjectItemCaseSensitive(value, name)
                : cJSON_GetArrayItem(value, (int)index);
}

static void compare(differences *found, const cJSON *then, const cJSON *now);

/* Compares the members of `then`, or those of `now` that `then` lacks. */
static void compare_members(differences *found, const cJSON *then, const cJSON *now,
                            bool only_new) {
    size_t length = strlen(found->path), index = 0;
    const cJSON *list = only_new ? now : then;
    for (const cJSON *child = list->child; child; child = child->next, index++) {
        const cJSON *before = member_of(then, child->string, index);
        if (!only_new || !before) {
            append_path(found->path, child->string, index);
            compare(found, before, member_of(now, child->string, index));
            found->path[length] = '\0';
        }
    }
}

/* Another optimizer or layer: differences in its other keys are to be expected. */
static bool are_of_other_types(const cJSON *then, const cJSON *now) {
    const cJSON *a = cJSON_GetObjectItemCaseSensitive(then, "type");
    const cJSON *b = cJSON_GetObjectItemCaseSensitive(now, "type");
    return a && b && !cJSON_Compare(a, b, true);
}

static void compare(differences *found, const cJSON *then, const cJSON *now) {
    if (then && now && cJSON_Compare(then, now, true)) {
        return;
    }
    bool objects = cJSON_IsObject(then) && cJSON_IsObject(now);
    bool arrays = cJSON_IsArray(then) && cJSON_IsArray(now);
    if (objects && are_of_other_types(then, now)) {
        size_t length = strlen(found->path);
        append_path(found->path, "type", 0);
        add_difference(found, member_of(then, "type", 0), member_of(now, "type", 0));
        found->path[length] = '\0';
    } else if (objects || arrays) {
        compare_members(found, then, now, false);
        compare_members(found, then, now, true);
    } else {
        add_difference(found, then, now);
    }
}

static mote_status fail_different(const differences *found, const char *path, mote_error *error) {
    char more[48] = "";
    if (found->count > MOST_NAMED) {
        size_t left = found->count - MOST_NAMED;
        snprintf(more, sizeof more, ", and %zu more differ%s", left, left == 1 ? "s" : "");
    }
    return mote_fail(error, MOTE_INVALID, "%s: the checkpoint was made with other %s: %s%s", path,
                     found->in_data ? "data" : "settings", found->text, more);
}

/* The figures of the data only matter if no key explains them. */
static void compare_all(differences *found, cJSON *then, cJSON *now) {
    cJSON *data_then = cJSON_DetachItemFromObjectCaseSensitive(then, "data");
    cJSON *data_now = cJSON_DetachItemFromObjectCaseSensitive(now, "data");
    compare(found, then, now);
    if (found->count == 0) {
        found->in_data = true;
        compare(found, data_then, data_now);
    }
    cJSON_Delete(data_then);
    cJSON_Delete(data_now);
}

mote_status mote_settings_check(const mote_trainer *trainer, const char *then_text,
                                const char *path, mote_error *error) {
    bool out_of_memory;
    cJSON *then = mote_json_parse(then_text, strlen(then_text), &out_of_memory);
    char *now_text = mote_settings_text(trainer);
    cJSON *now = now_text ? cJSON_Parse(now_text) : NULL;
    differences found = {.out_of_memory = out_of_memory || !now};
    if (!found.out_of_memory && then) {
        compare_all(&found, then, now);
    }
    mote_status status = MOTE_OK;
    if (found.out_of_memory) {
        status = mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    } else if (!then) {
        status =
            mote_fail(error, MOTE_DATA, "%s: the metadata \"mote.settings\" makes no sense", path);
    } else if (found.count > 0) {
        status = fail_different(&found, path, error);
    }
    free(now_text);
    cJSON_Delete(now);
    cJSON_Delete(then);
    return status;
}
