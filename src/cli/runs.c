/* runs.c: ./evaluate --runs: lists or follows the runs in a directory. */
#include "cli/runs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/common.h"
#include "cli/signals.h"
#include "config/json.h"
#include "config/json_write.h"
#include "core/file.h"
#include "train/run.h"
#include "train/runs.h"

/* ---- the table ---- */

/* Prints a loss and, if there are classes, an accuracy. */
static void print_figures(double loss, double accuracy) {
    char text[LOSS_CAPACITY];
    printf("  %11s", isfinite(loss) ? loss_text(loss, isfinite(accuracy), text) : "-");
    if (isfinite(accuracy)) {
        printf("  %10.2f", 100 * accuracy);
    } else {
        printf("  %10s", "-");
    }
}

enum {
    NAME_COLUMNS = 6,
    MOST_NAMED = 8 /* differences of a run */
};

static size_t longest_name(const mote_run_list *list) {
    size_t longest = NAME_COLUMNS;
    for (size_t i = 0; i < list->count; i++) {
        size_t columns = columns_of(list->runs[i].name);
        longest = columns > longest ? columns : longest;
    }
    return longest;
}

/* "train.epochs=3 train.batch_size=32 and 4 more"; false when out of memory. */
static bool print_differences(const cJSON *differs) {
    size_t count = 0;
    bool good = true;
    for (const cJSON *value = differs->child; value; value = value->next, count++) {
        if (count < MOST_NAMED) {
            char *text = cJSON_PrintUnformatted(value);
            printf("%s%s=%s", count ? " " : "", value->string, text ? text : "");
            good = good && text;
            cJSON_free(text);
        }
    }
    if (count > MOST_NAMED) {
        printf(" and %zu more", count - MOST_NAMED);
    }
    return good;
}

static mote_status print_table(const mote_run_list *list, mote_error *error) {
    bool good = true;
    size_t columns = longest_name(list);
    print_padded(stdout, "run", columns);
    printf("  %-15s  %6s  %8s  %11s  %10s  %11s  %10s  %s\n", "ended", "epochs", "seconds",
           "val. loss", "accuracy %", "test loss", "accuracy %", "differs in");
    for (size_t i = 0; i < list->count; i++) {
        const mote_run_summary *run = &list->runs[i];
        print_padded(stdout, run->name, columns);
        printf("  %-15s  %6.0f  %8.1f", run->ended, run->epochs,
               isfinite(run->seconds) ? run->seconds : 0);
        print_figures(run->validation_loss, run->validation_accuracy);
        print_figures(run->test_loss, run->test_accuracy);
        printf("  ");
        good = print_differences(run->differs) && good;
        printf("\n");
    }
    return good ? MOTE_OK
                : mote_fail(error, MOTE_MEMORY, "out of memory for what %zu runs differ in",
                            list->count);
}

static mote_status print_json(const mote_run_list *list, mote_error *error) {
    mote_json_writer writer = {0};
    cJSON *array = mote_json_new_array(&writer);
    for (size_t i = 0; i < list->count; i++) {
        const mote_run_summary *run = &list->runs[i];
        cJSON *object = mote_json_add_object(&writer, array, NULL);
        mote_json_add_string(&writer, object, "run", run->name);
        mote_json_add_string(&writer, object, "ended", run->ended);
        mote_json_add_number(&writer, object, "epochs", run->epochs);
        mote_json_add_number(&writer, object, "seconds", run->seconds);
        mote_json_add_number(&writer, object, "validation_loss", run->validation_loss);
        mote_json_add_number(&writer, object, "validation_accuracy", run->validation_accuracy);
        mote_json_add_number(&writer, object, "test_loss", run->test_loss);
        mote_json_add_number(&writer, object, "test_accuracy", run->test_accuracy);
        mote_json_add_copy(&writer, object, "differs", run->differs);
    }
    char *text = mote_json_print(&writer, array, MOTE_JSON_INDENTED);
    if (!text) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for the figures of %zu runs",
                         list->count);
    }
    printf("%s\n", text);
    free(text);
    return MOTE_OK;
}

int runs_print(const char *directory, bool json) {
    mote_error error = {0};
    mote_run_list list;
    mote_status status = mote_run_list_read(&list, directory, &error);
    if (status == MOTE_OK) {
        status = json ? print_json(&list, &error) : print_table(&list, &error);
    }
    mote_run_list_free(&list);
    return status == MOTE_OK ? EXIT_DONE : report_error("evaluate", &error);
}

/* ---- following ---- */

static void print_part(const cJSON *object, const char *title, const char *part) {
    char key[48], text[LOSS_CAPACITY];
    snprintf(key, sizeof key, "%sloss", part);
    double loss = mote_json_number_of(object, key);
    snprintf(key, sizeof key, "%saccuracy", part);
    double accuracy = mote_json_number_of(object, key);
    if (isfinite(loss)) {
        printf("  %sloss %s", title, loss_text(loss, isfinite(accuracy), text));
    }
    if (isfinite(accuracy)) {
        printf("  accuracy %.2f %%", 100 * accuracy);
    }
}

static void print_line(const char *line, size_t length, bool json) {
    if (json) {
        printf("%.*s\n", (int)length, line);
        return;
    }
    bool out_of_memory;
    cJSON *object = mote_json_parse(line, length, &out_of_memory);
    if (cJSON_HasObjectItem(object, "steps")) {
        printf("  step %.0f, the last %.0f:", mote_json_number_of(object, "step"),
               mote_json_number_of(object, "steps"));
        print_part(object, "", "");
    } else if (object) {
        printf("epoch %.0f  step %.0f", mote_json_number_of(object, "epoch"),
               mote_json_number_of(object, "step"));
        print_part(object, "", "train_");
        print_part(object, "validation ", "validation_");
    }
    if (object) {
        printf("  %.1f s\n", mote_json_number_of(object, "seconds"));
    }
    cJSON_Delete(object);
}

/* Prints the complete lines after *offset and advances it. A file that has become shorter belongs
 * to a run that was resumed. */
static void print_new_lines(const char *path, bool json, long *offset) {
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        return;
    }
    if (fseek(stream, 0, SEEK_END) == 0 && ftell(stream) < *offset) {
        *offset = ftell(stream);
    }
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = fseek(stream, *offset, SEEK_SET) == 0 ? 0 : -1;
    while (length >= 0 && (length = getline(&line, &capacity, stream)) > 0 &&
           line[length - 1] == '\n') {
        print_line(line, (size_t)length - 1, json);
        *offset += length;
    }
    free(line);
    fclose(stream);
    fflush(stdout);
}

static const mote_run_summary *find_active(const mote_run_list *list) {
    const mote_run_summary *found = NULL;
    for (size_t i = 0; i < list->count; i++) {
        bool active = strcmp(list->runs[i].ended, "running") == 0;
        if (active && (!found || strcmp(list->runs[i].name, found->name) > 0)) {
            found = &list->runs[i];
        }
    }
    return found;
}

static void follow(const char *directory, bool json) {
    char *path = mote_path_join(directory, MOTE_METRICS_FILE);
    const struct timespec pause = {.tv_nsec = 200000000};
    long offset = 0;
    for (bool active = true; path && active && !signals_seen();) {
        active = mote_run_is_active(directory); /* before reading, so the last line is not lost */
        print_new_lines(path, json, &offset);
        if (active) {
            nanosleep(&pause, NULL);
        }
    }
    free(path);
}

int runs_follow(const char *directory, bool json) {
    mote_error error = {0};
    mote_run_list list;
    mote_status status = mote_run_list_read(&list, directory, &error);
    const mote_run_summary *run = status == MOTE_OK ? find_active(&list) : NULL;
    bool itself = run && strcmp(run->name, ".") == 0;
    char *path = itself ? strdup(directory) : run ? mote_path_join(directory, run->name) : NULL;
    if (status == MOTE_OK && !run) {
        status = mote_fail(&error, MOTE_FILE, "%s: no run is in progress there", directory);
    }
    if (path) {
        signals_catch(NULL);
        fprintf(stderr, "%s\n", path);
        follow(path, json);
        signals_release();
    }
    free(path);
    mote_run_list_free(&list);
    return status != MOTE_OK ? report_error("evaluate", &error)
           : signals_seen()  ? signals_exit_code()
                             : EXIT_DONE;
}
