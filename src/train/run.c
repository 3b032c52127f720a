/* run.c: the directory that a training run writes to. */
#include "train/run.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/json.h"
#include "config/json_write.h"
#include "core/file.h"
#include "mote/version.h"
#include "train/trainer.h"

enum {
    PATH_CAPACITY = 4096,
    METRICS_LIMIT = 1 << 30,
    LAST_NUMBER = 999999
};

static const char CHECKPOINT[] = "checkpoint.safetensors";
static const char METRICS[] = "metrics.jsonl";

/* ---- directories ---- */

/* Makes a directory and those above it. */
static mote_status make_directories(const char *path, mote_error *error) {
    char partial[PATH_CAPACITY];
    if (strlen(path) >= sizeof partial) {
        return mote_fail(error, MOTE_FILE, "%.60s...: the path is too long", path);
    }
    strcpy(partial, path);
    for (char *at = partial + 1;; at++) {
        if (*at == '/' || *at == '\0') {
            char rest = *at;
            *at = '\0';
            if (mkdir(partial, 0777) != 0 && errno != EEXIST) {
                return mote_fail(error, MOTE_FILE, "%s: the directory cannot be made: %s", partial,
                                 strerror(errno));
            }
            *at = rest;
        }
        if (*at == '\0') {
            return MOTE_OK;
        }
    }
}

static bool is_empty(const char *path) {
    DIR *directory = opendir(path);
    bool empty = directory != NULL;
    for (struct dirent *entry; empty && (entry = readdir(directory));) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    if (directory) {
        closedir(directory);
    }
    return empty;
}

/* The number that a directory's name is; 0 for any other name. */
static long number_of(const char *name) {
    char *end;
    long number = strtol(name, &end, 10);
    char again[24];
    snprintf(again, sizeof again, "%03ld", number); /* "7" is not the directory "007" */
    return *end == '\0' && number > 0 && number <= LAST_NUMBER && strcmp(again, name) == 0 ? number
                                                                                           : 0;
}

/* The largest number below a directory that has `file` in it (any, where it is NULL); 0 for none. */
static long largest_number(const char *path, const char *file) {
    long largest = 0;
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        long number = number_of(entry->d_name);
        char inside[PATH_CAPACITY];
        snprintf(inside, sizeof inside, "%s/%.255s/%s", path, entry->d_name, file ? file : "");
        if (number > largest && (!file || access(inside, F_OK) == 0)) {
            largest = number;
        }
    }
    if (directory) {
        closedir(directory);
    }
    return largest;
}

static mote_status set_directory(mote_run *run, const char *directory, mote_error *error) {
    run->directory = strdup(directory);
    return run->directory ? MOTE_OK : mote_fail(error, MOTE_MEMORY, "%s: out of memory", directory);
}

static mote_status create_numbered(mote_run *run, const char *name, mote_error *error) {
    char parent[PATH_CAPACITY / 2], path[PATH_CAPACITY];
    snprintf(parent, sizeof parent, "runs/%.255s", name);
    mote_status status = make_directories(parent, error);
    if (status != MOTE_OK) {
        return status;
    }
    for (long number = largest_number(parent, NULL) + 1;; number++) {
        snprintf(path, sizeof path, "%s/%03ld", parent, number);
        if (mkdir(path, 0777) == 0) {
            return set_directory(run, path, error);
        }
        if (errno != EEXIST) { /* another run that starts at this moment takes the number */
            return mote_fail(error, MOTE_FILE, "%s: the directory cannot be made: %s", path,
                             strerror(errno));
        }
    }
}

mote_status mote_run_create(mote_run *run, const char *directory, const char *name,
                            mote_error *error) {
    *run = (mote_run){0};
    if (!directory) {
        return create_numbered(run, name, error);
    }
    mote_status status = *directory
                             ? make_directories(directory, error)
                             : mote_fail(error, MOTE_INVALID, "the run directory has no name");
    if (status != MOTE_OK) {
        return status;
    }
    if (!is_empty(directory)) {
        return mote_fail(error, MOTE_FILE,
                         "%s: not an empty directory; a run wants a new or empty one, or --resume "
                         "to go on with the run that is there",
                         directory);
    }
    return set_directory(run, directory, error);
}

mote_status mote_run_find(mote_run *run, const char *directory, const char *name,
                          mote_error *error) {
    *run = (mote_run){0};
    char parent[PATH_CAPACITY / 2], path[PATH_CAPACITY];
    snprintf(parent, sizeof parent, "runs/%.255s", name);
    if (!directory) {
        long number = largest_number(parent, CHECKPOINT);
        if (number == 0) {
            return mote_fail(error, MOTE_FILE, "%s: there is no run with a checkpoint to resume",
                             parent);
        }
        snprintf(path, sizeof path, "%s/%03ld", parent, number);
        directory = path;
    }
    mote_status status = set_directory(run, directory, error);
    char *checkpoint = status == MOTE_OK ? mote_run_path(run, CHECKPOINT) : NULL;
    if (checkpoint && access(checkpoint, F_OK) != 0) {
        status = mote_fail(
            error, MOTE_FILE,
            "%s: there is no checkpoint to resume; a run that never got that far can be removed "
            "and started anew",
            checkpoint);
    }
    free(checkpoint);
    return status;
}

void mote_run_close(mote_run *run) {
    free(run->directory);
    *run = (mote_run){0};
}

char *mote_run_path(const mote_run *run, const char *file) {
    return mote_path_join(run->directory, file);
}

/* ---- files ---- */

static mote_status fail_path(mote_error *error) {
    return mote_fail(error, MOTE_MEMORY, "out of memory for the name of a file");
}

mote_status mote_run_write_config(const mote_run *run, const char *text, mote_error *error) {
    char *path = mote_run_path(run, "config.json");
    mote_status status = path && text ? mote_file_write_text(path, text, error) : fail_path(error);
    free(path);
    return status;
}

mote_status mote_run_write_checkpoint(const mote_run *run, const mote_trainer *trainer,
                                      mote_error *error) {
    char *path = mote_run_path(run, CHECKPOINT);
    mote_status status = path ? mote_trainer_save(trainer, path, error) : fail_path(error);
    free(path);
    return status;
}

mote_status mote_run_write_model(const mote_run *run, const mote_model *model, mote_error *error) {
    char *path = mote_run_path(run, "model.safetensors");
    mote_status status = path ? mote_model_save(model, path, error) : fail_path(error);
    free(path);
    return status;
}

static double part_loss(mote_metrics metrics) {
    return metrics.samples ? metrics.loss : (double)NAN;
}

static double part_accuracy(mote_metrics metrics) {
    return metrics.samples ? metrics.accuracy : (double)NAN;
}

/* One line; NaN, where there is no such figure, becomes null. */
static char *metrics_line(const mote_event *event) {
    const struct {
        const char *name;
        double number;
    } figures[] = {
        {"epoch", (double)event->epoch},
        {"step", (double)event->step},
        {"seconds", event->seconds},
        {"samples_per_second", event->samples_per_second},
        {"learning_rate", event->learning_rate},
        {"train_loss", part_loss(event->train)},
        {"train_accuracy", part_accuracy(event->train)},
        {"validation_loss", part_loss(event->validation)},
        {"validation_accuracy", part_accuracy(event->validation)},
    };
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        mote_json_add_number(&writer, object, figures[i].name, figures[i].number);
    }
    return mote_json_print(&writer, object, MOTE_JSON_ONE_LINE);
}

static mote_status append_metrics(const mote_run *run, const mote_event *event, mote_error *error) {
    char *path = mote_run_path(run, METRICS);
    char *line = metrics_line(event);
    mote_status status = path && line ? MOTE_OK : fail_path(error);
    FILE *stream = status == MOTE_OK ? fopen(path, "ab") : NULL;
    if (status == MOTE_OK) {
        bool good = stream && fprintf(stream, "%s\n", line) > 0;
        good = stream && fclose(stream) == 0 && good;
        status =
            good ? MOTE_OK
                 : mote_fail(error, MOTE_FILE, "%s: cannot be written: %s", path, strerror(errno));
    }
    free(line);
    free(path);
    return status;
}

mote_status mote_run_record(const mote_run *run, const mote_model *model, const mote_event *event,
                            mote_error *error) {
    switch (event->kind) {
    case MOTE_EVENT_EPOCH: {
        mote_status status = append_metrics(run, event, error);
        return status == MOTE_OK ? mote_run_write_checkpoint(run, event->trainer, error) : status;
    }
    case MOTE_EVENT_IMPROVED:
        return mote_run_write_model(run, model, error);
    case MOTE_EVENT_STARTED:
    case MOTE_EVENT_STEP:
    case MOTE_EVENT_STOPPED:
        break;
    }
    return MOTE_OK;
}

/* ---- going on with a run ---- */

/* The step that a line of metrics tells of; past all others where the line makes no sense. False
 * when out of memory. */
static bool step_of_line(const char *line, size_t length, double *number) {
    bool out_of_memory;
    cJSON *object = mote_json_parse(line, length, &out_of_memory);
    const cJSON *step = cJSON_GetObjectItemCaseSensitive(object, "step");
    *number = cJSON_IsNumber(step) ? step->valuedouble : (double)INFINITY;
    cJSON_Delete(object);
    return !out_of_memory;
}

static mote_status rewind_metrics(const char *path, uint64_t step, mote_error *error) {
    size_t length = 0;
    char *text = mote_file_read(path, METRICS_LIMIT, &length, error);
    if (!text) {
        return error && error->status ? error->status : MOTE_FILE;
    }
    char *kept = text;
    for (char *line = text; *line;) {
        size_t line_length = strcspn(line, "\n");
        line_length += line[line_length] == '\n';
        double line_step;
        if (!step_of_line(line, line_length, &line_step)) {
            free(text);
            return mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
        }
        if (line_step <= (double)step) {
            memmove(kept, line, line_length);
            kept += line_length;
        }
        line += line_length;
    }
    *kept = '\0';
    mote_status status = mote_file_write_text(path, text, error);
    free(text);
    return status;
}

mote_status mote_run_restore(const mote_run *run, mote_trainer *trainer, mote_error *error) {
    char *checkpoint = mote_run_path(run, CHECKPOINT), *metrics = mote_run_path(run, METRICS);
    mote_status status =
        checkpoint && metrics ? mote_trainer_restore(trainer, checkpoint, error) : fail_path(error);
    if (status == MOTE_OK && access(metrics, F_OK) == 0) {
        status = rewind_metrics(metrics, trainer->position.step, error);
    }
    free(checkpoint);
    free(metrics);
    return status;
}

/* ---- the end ---- */

mote_status mote_run_write_result(const mote_run *run, const mote_model *model,
                                  const mote_result *result, mote_error *error) {
    mote_json_writer writer = {0};
    cJSON *object = result->report
                        ? mote_report_to_json(result->report, model, "test_loss", "test_accuracy")
                        : mote_json_new_object(&writer);
    mote_json_add_number(&writer, object, "steps", (double)result->steps);
    mote_json_add_number(&writer, object, "seconds", result->seconds);
    mote_json_add_number(&writer, object, "seed", (double)result->seed);
    mote_json_add_string(&writer, object, "version", MOTE_VERSION);
    char *text = mote_json_print(&writer, object, MOTE_JSON_INDENTED);
    char *path = mote_run_path(run, "result.json");
    mote_status status = text && path ? mote_file_write_text(path, text, error) : fail_path(error);
    free(text);
    free(path);
    return status;
}
