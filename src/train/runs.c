/* runs.c: comparing the runs below a directory. */
#include "train/runs.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/json.h"
#include "core/file.h"
#include "train/run.h"

enum {
    FILE_LIMIT = 1 << 30,
    MOST_LEVELS = 4 /* below the directory: runs/group/mnist/001 and one more */
};

/* ---- one run ---- */

static mote_status fail_memory(const char *directory, const char *file, mote_error *error) {
    return mote_fail(error, MOTE_MEMORY, "%s/%s: out of memory", directory, file);
}

/* The text of a file in the run's directory; NULL if there is none, or when out of memory, which
 * `error` says. */
static char *read_text(const char *directory, const char *file, size_t *length, mote_error *error) {
    mote_error reason = {0};
    char *path = mote_path_join(directory, file);
    bool there = path && access(path, R_OK) == 0;
    char *text = there ? mote_file_read(path, FILE_LIMIT, length, &reason) : NULL;
    if (!path || reason.status == MOTE_MEMORY) {
        fail_memory(directory, file, error);
    }
    free(path);
    return text;
}

/* NULL also if the file holds anything else: it is then not one of mote's. */
static cJSON *read_object(const char *directory, const char *file, mote_error *error) {
    size_t length;
    char *text = read_text(directory, file, &length, error);
    bool out_of_memory = false;
    cJSON *value = text ? mote_json_parse(text, length, &out_of_memory) : NULL;
    free(text);
    if (out_of_memory) {
        fail_memory(directory, file, error);
    }
    if (value && !cJSON_IsObject(value)) {
        cJSON_Delete(value);
        value = NULL;
    }
    return value;
}

static bool is_better(double loss, double accuracy, const mote_run_summary *than) {
    if (isfinite(accuracy) && accuracy != than->validation_accuracy) {
        return !(accuracy <= than->validation_accuracy);
    }
    return isfinite(loss) && !(loss >= than->validation_loss);
}

/* Skips the lines of intervals, which have "steps", and those without an epoch, which are not
 * mote's. */
static void add_metrics(mote_run_summary *run, const cJSON *line) {
    double epoch = mote_json_number_of(line, "epoch");
    if (!isfinite(epoch) || cJSON_HasObjectItem(line, "steps")) {
        return;
    }
    double loss = mote_json_number_of(line, "validation_loss");
    double accuracy = mote_json_number_of(line, "validation_accuracy");
    run->epochs = epoch;
    run->seconds = mote_json_number_of(line, "seconds");
    if (is_better(loss, accuracy, run)) {
        run->validation_loss = loss;
        run->validation_accuracy = accuracy;
    }
}

static void read_metrics(mote_run_summary *run, const char *directory, mote_error *error) {
    size_t length;
    char *text = read_text(directory, MOTE_METRICS_FILE, &length, error);
    for (char *line = text, *end; line && (end = strchr(line, '\n')); line = end + 1) {
        bool out_of_memory;
        cJSON *object = mote_json_parse(line, (size_t)(end - line), &out_of_memory);
        if (object) {
            add_metrics(run, object);
        } else if (out_of_memory) {
            fail_memory(directory, MOTE_METRICS_FILE, error);
        }
        cJSON_Delete(object);
    }
    free(text);
}

/* A run in progress has no result yet, except while writing it. */
static const char *ending_of(const char *directory, const cJSON *result, mote_error *error) {
    if (mote_run_is_active(directory)) {
        return "running";
    }
    static const char *const endings[] = {"patience", "target_accuracy", "max_minutes"};
    const char *ended = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "ended"));
    for (size_t i = 0; ended && i < sizeof endings / sizeof *endings; i++) {
        if (strcmp(ended, endings[i]) == 0) {
            return endings[i];
        }
    }
    if (result) {
        return "done";
    }
    cJSON *divergence = read_object(directory, MOTE_DIVERGED_FILE, error);
    bool diverged = divergence != NULL;
    cJSON_Delete(divergence);
    return diverged ? "diverged" : "interrupted";
}

static void read_run(mote_run_summary *run, const char *directory, mote_error *error) {
    double none = (double)NAN;
    cJSON *result = read_object(directory, MOTE_RESULT_FILE, error);
    run->epochs = 0;
    run->seconds = run->validation_loss = run->validation_accuracy = none;
    read_metrics(run, directory, error);
    run->test_loss = mote_json_number_of(result, "test_loss");
    run->test_accuracy = mote_json_number_of(result, "test_accuracy");
    run->ended = ending_of(directory, result, error);
    run->config = read_object(directory, MOTE_CONFIG_FILE, error);
    cJSON_Delete(result);
}

/* ---- what differs ---- */

/* Compares the plain values of all configs in parallel. */
typedef struct comparison {
    const mote_run_list *list;
    bool failed;
} comparison;

/* The path from a config to one of its values: a key or, if that is NULL, an index, within `in`.
 * Keys can hold anything: some are class names. */
typedef struct place {
    const struct place *in; /* NULL: the config itself */
    const char *key;
    size_t index;
} place;

/* NULL if there is no such value. */
static const cJSON *value_in(const cJSON *node, const place *at) {
    return at->key               ? cJSON_GetObjectItemCaseSensitive(node, at->key)
           : cJSON_IsArray(node) ? cJSON_GetArrayItem(node, (int)at->index)
                                 : NULL;
}

/* "model.layers[1].units" */
static void print_place(FILE *stream, const place *at) {
    if (at->in) {
        print_place(stream, at->in);
    }
    if (at->key) {
        fprintf(stream, "%s%s", at->in ? "." : "", at->key);
    } else {
        fprintf(stream, "[%zu]", at->index);
    }
}

/* Whether all runs with a known config have the same value. */
static bool are_same(const mote_run_list *list, const cJSON *const *nodes) {
    const cJSON *first = NULL;
    bool any = false;
    for (size_t i = 0; i < list->count; i++) {
        if (!list->runs[i].config) {
            continue;
        }
        if (any && (!first || !nodes[i] || !cJSON_Compare(first, nodes[i], true))) {
            return false;
        }
        first = nodes[i];
        any = true;
    }
    return true;
}

static void add_value(comparison *c, size_t run, const cJSON *node, const place *at) {
    char *key = NULL;
    size_t size;
    FILE *stream = open_memstream(&key, &size);
    if (stream) {
        print_place(stream, at);
    }
    bool named = stream && fclose(stream) == 0;
    cJSON *value = cJSON_Duplicate(node, true);
    if (!named || !value || !cJSON_AddItemToObject(c->list->runs[run].differs, key, value)) {
        c->failed = true;
        cJSON_Delete(value);
    }
    free(key);
}

static void compare(comparison *c, const cJSON *const *nodes, const place *at);

/* Compares the values at a place within some nodes. */
static void compare_inner(comparison *c, const cJSON *const *nodes, const place *at) {
    const cJSON **inner = calloc(c->list->count, sizeof *inner);
    c->failed = c->failed || !inner;
    for (size_t i = 0; inner && i < c->list->count; i++) {
        inner[i] = value_in(nodes[i], at);
    }
    if (inner) {
        compare(c, inner, at);
    }
    free(inner);
}

/* Compares the keys or indexes of a run that no earlier run has, so that each is compared once. */
static void compare_members(comparison *c, const cJSON *const *nodes, size_t run, const place *at) {
    place inner = {.in = at};
    const cJSON *child = nodes[run] ? nodes[run]->child : NULL;
    for (; child; child = child->next, inner.index++) {
        inner.key = child->string;
        size_t before = 0;
        while (before < run && !value_in(nodes[before], &inner)) {
            before++;
        }
        if (before == run) {
            compare_inner(c, nodes, &inner);
        }
    }
}

/* nodes [runs]: what each has at a place, or NULL. */
static void compare(comparison *c, const cJSON *const *nodes, const place *at) {
    if (are_same(c->list, nodes)) {
        return;
    }
    for (size_t i = 0; i < c->list->count; i++) {
        if (nodes[i] && !nodes[i]->child) {
            add_value(c, i, nodes[i], at);
        }
        compare_members(c, nodes, i, at);
    }
}

/* What is varied most comes first. The name is left out: it is a label, and shows in the
 * directory's name. */
static void compare_all(comparison *c, const cJSON *const *configs) {
    static const char *const parts[] = {"seed", "train", "model", "dataset"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        compare_inner(c, configs, &(place){.key = parts[i]});
    }
}

static mote_status find_differences(mote_run_list *list, mote_error *error) {
    comparison c = {.list = list};
    const cJSON **configs = calloc(list->count, sizeof *configs);
    c.failed = !configs;
    for (size_t i = 0; i < list->count && !c.failed; i++) {
        configs[i] = list->runs[i].config;
        list->runs[i].differs = cJSON_CreateObject();
        c.failed = !list->runs[i].differs;
    }
    if (!c.failed) {
        compare_all(&c, configs);
    }
    free(configs);
    return c.failed ? mote_fail(error, MOTE_MEMORY, "out of memory for the configs of %zu runs",
                                list->count)
                    : MOTE_OK;
}

/* ---- all of them ---- */

static int compare_numbers(double a, double b, double sign) {
    if (isfinite(a) != isfinite(b)) {
        return isfinite(a) ? -1 : 1;
    }
    return sign * a > sign * b ? -1 : sign * a < sign * b;
}

static int best_first(const void *left, const void *right) {
    const mote_run_summary *a = left, *b = right;
    const double keys[][3] = {{a->validation_accuracy, b->validation_accuracy, 1},
                              {a->validation_loss, b->validation_loss, -1},
                              {a->test_accuracy, b->test_accuracy, 1},
                              {a->test_loss, b->test_loss, -1}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int order = compare_numbers(keys[i][0], keys[i][1], keys[i][2]);
        if (order != 0) {
            return order;
        }
    }
    return strcmp(a->name, b->name);
}

static mote_status add_run(mote_run_list *list, const char *path, const char *name,
                           mote_error *error) {
    mote_run_summary *runs = realloc(list->runs, (list->count + 1) * sizeof *runs);
    char *copy = strdup(*name ? name : ".");
    list->runs = runs ? runs : list->runs;
    if (!runs || !copy) {
        free(copy);
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    }
    mote_run_summary *run = &list->runs[list->count++];
    *run = (mote_run_summary){.name = copy};
    mote_error reason = {0};
    read_run(run, path, &reason);
    return reason.status == MOTE_OK ? MOTE_OK
                                    : mote_fail(error, reason.status, "%s", reason.message);
}

static mote_status add_runs(mote_run_list *list, const char *path, const char *name, int levels,
                            mote_error *error);

/* Adds the runs in a directory, up to `levels` levels below it. */
static mote_status add_inner(mote_run_list *list, const char *path, const char *name, int levels,
                             mote_error *error) {
    DIR *stream = opendir(path);
    mote_status status = MOTE_OK;
    for (struct dirent *entry; stream && status == MOTE_OK && (entry = readdir(stream));) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char *inner_path = mote_path_join(path, entry->d_name);
        char *inner_name = mote_path_join(name, entry->d_name);
        status = inner_path && inner_name
                     ? add_runs(list, inner_path, inner_name, levels - 1, error)
                     : mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
        free(inner_path);
        free(inner_name);
    }
    if (stream) {
        closedir(stream);
    }
    return status;
}

/* Adds the directory itself if it is a run, that is, has a config, or else the runs within it. */
static mote_status add_runs(mote_run_list *list, const char *path, const char *name, int levels,
                            mote_error *error) {
    char *config = mote_path_join(path, MOTE_CONFIG_FILE);
    if (!config) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    }
    bool is_run = access(config, F_OK) == 0;
    free(config);
    if (is_run) {
        return add_run(list, path, name, error);
    }
    return levels > 0 ? add_inner(list, path, name, levels, error) : MOTE_OK;
}

mote_status mote_run_list_read(mote_run_list *list, const char *directory, mote_error *error) {
    *list = (mote_run_list){0};
    DIR *stream = opendir(directory);
    if (!stream) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be read: %s", directory, strerror(errno));
    }
    closedir(stream);
    mote_status status = add_runs(list, directory, "", MOST_LEVELS, error);
    if (status == MOTE_OK && list->count == 0) {
        return mote_fail(error, MOTE_FILE, "%s: there are no runs in it", directory);
    }
    if (status == MOTE_OK) {
        qsort(list->runs, list->count, sizeof *list->runs, best_first);
        status = find_differences(list, error);
    }
    return status;
}

void mote_run_list_free(mote_run_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        cJSON_Delete(list->runs[i].config);
        cJSON_Delete(list->runs[i].differs);
        free(list->runs[i].name);
    }
    free(list->runs);
    *list = (mote_run_list){0};
}
