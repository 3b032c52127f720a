/* run.c: the directory that a training run writes to. */
#include "train/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/json.h"
#include "config/json_write.h"
#include "core/file.h"
#include "data/dataset.h"
#include "mote/version.h"
#include "train/preview.h"
#include "train/stopping.h"
#include "train/trainer.h"

enum {
    PATH_CAPACITY = 4096,
    CONSEQUENCE_CAPACITY = 128,
    NOTICE_CAPACITY = MOTE_ERROR_CAPACITY + CONSEQUENCE_CAPACITY + 32,
    CONFIG_LIMIT = 1 << 30,
    LAST_NUMBER = 999999,
    LOCK_TRIES = 20
};

static const char CONFIG[] = "config.json", METRICS[] = "metrics.jsonl",
                  MODEL[] = "model.safetensors", RESULT[] = "result.json",
                  DIVERGED[] = "diverged.json", DIVERGED_SHEET[] = "diverged.png";

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

static bool has_file(const char *directory, const char *name) {
    char *path = mote_path_join(directory, name);
    bool has = path && access(path, F_OK) == 0;
    free(path);
    return has;
}

/* Whether a directory is that of a run, which begins with its config. */
static bool is_run(const char *directory) {
    return has_file(directory, CONFIG) || mote_checkpoints_exist(directory);
}

/* The largest number below a directory, if asked for of a run; 0 for none. */
static long largest_number(const char *path, bool of_run) {
    long largest = 0;
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        long number = number_of(entry->d_name);
        char inside[PATH_CAPACITY];
        snprintf(inside, sizeof inside, "%s/%.255s", path, entry->d_name);
        if (number > largest && (!of_run || is_run(inside))) {
            largest = number;
        }
    }
    if (directory) {
        closedir(directory);
    }
    return largest;
}

/* Whether the directory is this process's now. Someone who only looks whether a run is active holds
 * it for a moment, too. */
static bool take_lock(int directory) {
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        if (flock(directory, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
            return true;
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

/* Makes a directory that is there the run's. The lock goes when the process does, however it ends.
 * Where a file system cannot lock, there is none. */
static mote_status open_directory(mote_run *run, const char *directory, mote_error *error) {
    run->directory = strdup(directory);
    if (!run->directory) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", directory);
    }
    run->checkpoints.directory = run->directory;
    run->lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    run->locked = run->lock >= 0;
    if (!run->locked) {
        return mote_fail(error, MOTE_FILE, "%s: the directory cannot be opened: %s", directory,
                         strerror(errno));
    }
    if (!take_lock(run->lock)) {
        return mote_fail(error, MOTE_FILE, "%s: another process is training in this directory",
                         directory);
    }
    return MOTE_OK;
}

static mote_status create_numbered(mote_run *run, const char *name, mote_error *error) {
    char parent[PATH_CAPACITY / 2], path[PATH_CAPACITY];
    snprintf(parent, sizeof parent, "runs/%.255s", name);
    mote_status status = make_directories(parent, error);
    if (status != MOTE_OK) {
        return status;
    }
    for (long number = largest_number(parent, false) + 1;; number++) {
        snprintf(path, sizeof path, "%s/%03ld", parent, number);
        if (mkdir(path, 0777) == 0) {
            return open_directory(run, path, error);
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
    if (status == MOTE_OK) {
        status = open_directory(run, directory, error);
    }
    if (status == MOTE_OK) { /* of a run that was killed while it wrote its first file */
        mote_file_remove_leftovers(directory, CONFIG);
        mote_file_remove_leftovers(directory, "checkpoint.safetensors");
    }
    if (status == MOTE_OK && !is_empty(directory)) {
        return mote_fail(error, MOTE_FILE,
                         "%s: not an empty directory; a run wants a new or empty one, or --resume "
                         "to go on with the run that is there",
                         directory);
    }
    return status;
}

/* Whether there is something to go on with: without a checkpoint, a run can begin again, where that
 * takes nothing away. */
static mote_status check_resumable(const char *directory, mote_error *error) {
    if (mote_checkpoints_exist(directory)) {
        return MOTE_OK;
    }
    if (!has_file(directory, CONFIG)) {
        return mote_fail(error, MOTE_FILE,
                         "%s: there is no run to resume: neither a checkpoint nor a config.json",
                         directory);
    }
    if (has_file(directory, MODEL)) {
        return mote_fail(error, MOTE_FILE,
                         "%s: there is no checkpoint to resume, and to begin again would replace "
                         "its model.safetensors; name another directory, or remove that file",
                         directory);
    }
    return MOTE_OK;
}

mote_status mote_run_find(mote_run *run, const char *directory, const char *name,
                          mote_error *error) {
    *run = (mote_run){0};
    char parent[PATH_CAPACITY / 2], path[PATH_CAPACITY];
    snprintf(parent, sizeof parent, "runs/%.255s", name);
    if (!directory) {
        long number = largest_number(parent, true);
        if (number == 0) {
            return mote_fail(error, MOTE_FILE, "%s: there is no run to resume", parent);
        }
        snprintf(path, sizeof path, "%s/%03ld", parent, number);
        directory = path;
    }
    mote_status status = access(directory, F_OK) == 0 ? check_resumable(directory, error) : MOTE_OK;
    if (status == MOTE_OK) {
        status = open_directory(run, directory, error);
    }
    if (status == MOTE_OK) {
        mote_file_remove_leftovers(run->directory, NULL);
    }
    return status;
}

void mote_run_close(mote_run *run) {
    if (run->locked) {
        close(run->lock);
    }
    free(run->unwritten);
    free(run->directory);
    *run = (mote_run){0};
}

void mote_run_set_listener(mote_run *run, mote_run_listener *listener, void *context) {
    run->listener = listener;
    run->listener_context = context;
}

char *mote_run_path(const mote_run *run, const char *file) {
    return mote_path_join(run->directory, file);
}

/* ---- files ---- */

static mote_status fail_path(mote_error *error) {
    return mote_fail(error, MOTE_MEMORY, "out of memory for the name of a file");
}

static bool holds(const char *path, const char *text) {
    size_t length;
    char *content = mote_file_read(path, CONFIG_LIMIT, &length, NULL);
    bool same = content && strcmp(content, text) == 0;
    free(content);
    return same;
}

/* Going on with a run that has not changed does not need to write. */
mote_status mote_run_write_config(const mote_run *run, const char *text, mote_error *error) {
    char *path = mote_run_path(run, CONFIG);
    mote_status status = path && text ? MOTE_OK : fail_path(error);
    if (status == MOTE_OK && !holds(path, text)) {
        status = mote_file_write_text(path, text, error);
    }
    free(path);
    return status;
}

mote_status mote_run_write_model(const mote_run *run, const mote_model *model, mote_error *error) {
    char *path = mote_run_path(run, MODEL);
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

typedef struct figure {
    const char *name;
    double number;
} figure;

static void add_figures(mote_json_writer *writer, cJSON *object, size_t count,
                        const figure *figures) {
    for (size_t i = 0; i < count; i++) {
        mote_json_add_number(writer, object, figures[i].name, figures[i].number);
    }
}

/* What only the line of an epoch has. */
static void add_epoch(mote_json_writer *writer, cJSON *object, const mote_event *event) {
    const figure figures[] = {
        {"train_loss", part_loss(event->train)},
        {"train_accuracy", part_accuracy(event->train)},
        {"validation_loss", part_loss(event->validation)},
        {"validation_accuracy", part_accuracy(event->validation)},
    };
    add_figures(writer, object, sizeof figures / sizeof *figures, figures);
}

/* What only the line of an interval has; "steps" tells it from that of an epoch. */
static void add_interval(mote_json_writer *writer, cJSON *object, const mote_interval *interval) {
    const figure figures[] = {
        {"steps", (double)interval->steps},
        {"loss", part_loss(interval->train)},
        {"accuracy", part_accuracy(interval->train)},
    };
    add_figures(writer, object, sizeof figures / sizeof *figures, figures);
}

static void add_norms(mote_json_writer *writer, cJSON *object, const mote_event *event) {
    cJSON *norms = mote_json_add_object(writer, object, "norms");
    for (size_t i = 0; i < event->norm_count; i++) {
        cJSON *both = mote_json_add_object(writer, norms, event->norms[i].parameter);
        mote_json_add_number(writer, both, "weight", event->norms[i].weight);
        mote_json_add_number(writer, both, "gradient", event->norms[i].gradient);
    }
}

/* One line; null stands for what is not finite, and for NaN, where there is no such figure. */
static char *metrics_line(const mote_event *event) {
    const mote_interval *interval = event->interval;
    const figure figures[] = {
        {"epoch", (double)event->epoch},
        {"step", (double)event->step},
        {"seconds", event->seconds},
        {"samples_per_second", interval ? interval->samples_per_second : event->samples_per_second},
        {"learning_rate", event->learning_rate},
    };
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    add_figures(&writer, object, sizeof figures / sizeof *figures, figures);
    if (interval) {
        add_interval(&writer, object, interval);
    } else {
        add_epoch(&writer, object, event);
    }
    if (event->norms) {
        add_norms(&writer, object, event);
    }
    return mote_json_print(&writer, object, MOTE_JSON_ONE_LINE);
}

/* Writes at the end of the whole lines of a file, over what of a line an earlier write may have
 * left; all or nothing. */
static bool write_lines(int file, const char *lines, uint64_t at) {
    size_t length = strlen(lines), done = 0;
    if (ftruncate(file, (off_t)at) != 0) {
        return false;
    }
    while (done < length) {
        ssize_t count = pwrite(file, lines + done, length - done, (off_t)(at + done));
        if (count <= 0) {
            int reason = count < 0 ? errno : ENOSPC;
            (void)!ftruncate(file, (off_t)at);
            errno = reason;
            return false;
        }
        done += (size_t)count;
    }
    return true;
}

/* Writes the lines that are still to be written. */
static mote_status write_metrics(mote_run *run, mote_error *error) {
    char *path = mote_run_path(run, METRICS);
    if (!path) {
        return fail_path(error);
    }
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    mote_status status = MOTE_OK;
    if (file < 0 || !write_lines(file, run->unwritten, run->metrics_bytes)) {
        status = mote_fail(error, MOTE_FILE, "%s: cannot be written: %s", path, strerror(errno));
    } else {
        run->metrics_bytes += strlen(run->unwritten);
        free(run->unwritten);
        run->unwritten = NULL;
    }
    if (file >= 0) {
        close(file);
    }
    free(path);
    return status;
}

static mote_status append_metrics(mote_run *run, const mote_event *event, mote_error *error) {
    char *line = metrics_line(event);
    size_t before = run->unwritten ? strlen(run->unwritten) : 0;
    char *lines = line ? realloc(run->unwritten, before + strlen(line) + 2) : NULL;
    if (!lines) {
        free(line);
        return mote_fail(error, MOTE_MEMORY, "out of memory for a line of metrics.jsonl");
    }
    strcpy(stpcpy(lines + before, line), "\n");
    run->unwritten = lines;
    free(line);
    return write_metrics(run, error);
}

/* The lines that a checkpoint is told of have to outlast it. */
static void sync_metrics(const mote_run *run) {
    char *path = mote_run_path(run, METRICS);
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        (void)fsync(file);
        close(file);
    }
    free(path);
}

/* ---- what went wrong ---- */

static void add_samples(mote_json_writer *writer, cJSON *object, const char *name, size_t count,
                        const uint32_t *numbers) {
    cJSON *list = mote_json_add_array(writer, object, name);
    for (size_t i = 0; i < count; i++) {
        mote_json_add_number(writer, list, NULL, (double)numbers[i]);
    }
}

/* Where they came from, in a list of the same order, if that is known. */
static void add_origins(mote_json_writer *writer, cJSON *object, const char *name,
                        const mote_dataset *dataset, size_t count, const uint32_t *numbers) {
    char origin[PATH_CAPACITY];
    if (count == 0 || !mote_dataset_origin(dataset, numbers[0], origin, sizeof origin)) {
        return;
    }
    cJSON *list = mote_json_add_array(writer, object, name);
    for (size_t i = 0; i < count; i++) {
        mote_dataset_origin(dataset, numbers[i], origin, sizeof origin);
        mote_json_add_string(writer, list, NULL, origin);
    }
}

static void add_jump(mote_json_writer *writer, cJSON *object, const mote_dataset *dataset,
                     const mote_jump *jump) {
    cJSON *inner = mote_json_add_object(writer, object, "jump");
    mote_json_add_number(writer, inner, "step", (double)jump->step);
    mote_json_add_string(writer, inner, "parameter", jump->parameter);
    mote_json_add_number(writer, inner, "before", jump->before);
    mote_json_add_number(writer, inner, "after", jump->after);
    add_samples(writer, inner, "samples", jump->sample_count, jump->samples);
    add_origins(writer, inner, "origins", dataset, jump->sample_count, jump->samples);
    mote_json_add_number(writer, inner, "worst_sample", (double)jump->worst_sample);
    char origin[PATH_CAPACITY];
    if (mote_dataset_origin(dataset, jump->worst_sample, origin, sizeof origin)) {
        mote_json_add_string(writer, inner, "worst_origin", origin);
    }
    mote_json_add_number(writer, inner, "worst_loss", jump->worst_loss);
    mote_json_add_number(writer, inner, "median_loss", jump->median_loss);
}

/* The step that went wrong, as the report has it, or the last one done before a validation. */
static char *divergence_text(const mote_event *event) {
    const mote_divergence *d = event->divergence;
    const mote_dataset *dataset = event->trainer->dataset;
    uint64_t step = event->step + (d->validation ? 0 : 1);
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    mote_json_add_number(&writer, object, "epoch", (double)event->epoch);
    mote_json_add_number(&writer, object, "step", (double)step);
    mote_json_add_number(&writer, object, "learning_rate", event->learning_rate);
    mote_json_add_string(&writer, object, "what", d->what);
    mote_json_add_string(&writer, object, "layer", d->layer);
    if (d->parameter) {
        mote_json_add_string(&writer, object, "parameter", d->parameter);
    }
    mote_json_add_boolean(&writer, object, "validation", d->validation);
    add_samples(&writer, object, "samples", d->sample_count, d->samples);
    add_origins(&writer, object, "origins", dataset, d->sample_count, d->samples);
    add_samples(&writer, object, "affected", d->affected_count, d->affected);
    if (d->jump) {
        add_jump(&writer, object, dataset, d->jump);
    }
    mote_json_add_string(&writer, object, "report", d->report);
    return mote_json_print(&writer, object, MOTE_JSON_INDENTED);
}

/* The figures, and pictures where samples are pictures. */
static mote_status write_divergence(const mote_run *run, const mote_event *event,
                                    mote_error *error) {
    char *path = mote_run_path(run, DIVERGED), *sheet = mote_run_path(run, DIVERGED_SHEET);
    char *text = divergence_text(event);
    mote_status status =
        path && sheet && text ? mote_file_write_text(path, text, error) : fail_path(error);
    if (status == MOTE_OK && mote_preview_is_possible(event->trainer)) {
        status = mote_preview_write_batch(event->trainer, event->divergence->sample_count, sheet,
                                          &(mote_preview){0}, error);
    }
    free(path);
    free(sheet);
    free(text);
    return status;
}

/* ---- while training goes on ---- */

/* "...: cannot be written: No space left on device; training goes on, and ..." */
static void tell_failure(mote_run *run, mote_run_file kind, const mote_error *reason) {
    char then[CONSEQUENCE_CAPACITY], text[NOTICE_CAPACITY];
    static const char *const consequences[MOTE_RUN_FILES] = {
        [MOTE_RUN_CHECKPOINT] = "without a checkpoint so far",
        [MOTE_RUN_OLDER_CHECKPOINT] = "with the newest checkpoint alone",
        [MOTE_RUN_METRICS] = "and they will be written when that is possible",
        [MOTE_RUN_MODEL] = "and the model is written at its end"};
    snprintf(then, sizeof then, "%s", consequences[kind]);
    if (kind == MOTE_RUN_CHECKPOINT && run->checkpoints.any) {
        snprintf(then, sizeof then, "and the checkpoint of step %llu stays",
                 (unsigned long long)run->checkpoints.step);
    }
    snprintf(text, sizeof text, "%s; training goes on, %s", reason->message, then);
    if (run->listener) {
        run->listener(run->listener_context, text);
    }
}

/* Says so where something cannot be written, or can be written again. */
static void note(mote_run *run, mote_run_file kind, mote_status status, const mote_error *reason) {
    static const char *const again[MOTE_RUN_FILES] = {
        [MOTE_RUN_CHECKPOINT] = "checkpoints can be written again",
        [MOTE_RUN_OLDER_CHECKPOINT] = "older checkpoints can be kept again",
        [MOTE_RUN_METRICS] = "metrics.jsonl can be written again, and is complete",
        [MOTE_RUN_MODEL] = "model.safetensors can be written again"};
    if (status != MOTE_OK && !run->failing[kind]) {
        tell_failure(run, kind, reason);
    } else if (status == MOTE_OK && run->failing[kind] && run->listener) {
        run->listener(run->listener_context, again[kind]);
    }
    run->failing[kind] = status != MOTE_OK;
}

/* Whoever goes on from a checkpoint begins behind the lines it is told of. */
static void write_late_metrics(mote_run *run) {
    mote_error error = {0};
    if (run->unwritten) {
        note(run, MOTE_RUN_METRICS, write_metrics(run, &error), &error);
    }
}

static mote_status save(mote_run *run, mote_trainer *trainer, mote_error *unkept,
                        mote_error *error) {
    write_late_metrics(run);
    sync_metrics(run);
    trainer->position.metrics_bytes = run->metrics_bytes;
    return mote_checkpoints_write(&run->checkpoints, trainer, unkept, error);
}

mote_status mote_run_write_checkpoint(mote_run *run, mote_trainer *trainer, mote_error *error) {
    return save(run, trainer, NULL, error);
}

static void record_checkpoint(mote_run *run, const mote_event *event) {
    if (mote_checkpoints_due(&run->checkpoints, &event->trainer->options.checkpoint, event)) {
        mote_error unkept = {0}, error = {0};
        mote_status status = save(run, event->trainer, &unkept, &error);
        if (status == MOTE_DIVERGED) { /* the next step is going to tell */
            return;
        }
        note(run, MOTE_RUN_CHECKPOINT, status, &error);
        if (status == MOTE_OK) {
            note(run, MOTE_RUN_OLDER_CHECKPOINT, unkept.status, &unkept);
        }
    }
}

void mote_run_record(mote_run *run, const mote_model *model, const mote_event *event) {
    mote_error error = {0};
    switch (event->kind) {
    case MOTE_EVENT_STEP:
        if (event->interval) {
            note(run, MOTE_RUN_METRICS, append_metrics(run, event, &error), &error);
        }
        record_checkpoint(run, event);
        break;
    case MOTE_EVENT_EPOCH:
        note(run, MOTE_RUN_METRICS, append_metrics(run, event, &error), &error);
        record_checkpoint(run, event);
        break;
    case MOTE_EVENT_DIVERGED:
        if (write_divergence(run, event, &error) != MOTE_OK && run->listener) {
            run->listener(run->listener_context, error.message);
        }
        break;
    case MOTE_EVENT_IMPROVED:
        note(run, MOTE_RUN_MODEL, mote_run_write_model(run, model, &error), &error);
        break;
    case MOTE_EVENT_STOPPED:
        write_late_metrics(run);
        break;
    case MOTE_EVENT_STARTED:
    case MOTE_EVENT_NOTICE:
        break;
    }
}

/* ---- going on with a run ---- */

static void tell_skipped(void *context, const char *text) {
    const mote_run *run = context;
    if (run->listener) {
        run->listener(run->listener_context, text);
    }
}

mote_status mote_run_restore(mote_run *run, mote_trainer *trainer, bool force, mote_error *error) {
    if (!mote_checkpoints_exist(run->directory)) {
        return MOTE_OK; /* from the beginning */
    }
    mote_error reason = {0};
    mote_status status =
        mote_checkpoints_restore(&run->checkpoints, trainer, force, tell_skipped, run, &reason);
    if (status == MOTE_INVALID && !force) {
        return mote_fail(error, status,
                         "%s; %s/config.json has those it was made with, and --force goes on all "
                         "the same, where weights and optimizer still fit",
                         reason.message, run->directory);
    }
    return status == MOTE_OK ? MOTE_OK : mote_fail(error, status, "%s", reason.message);
}

/* How many of so many bytes are whole lines. */
static uint64_t whole_lines(const char *path, uint64_t bytes) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    char last;
    while (bytes > 0 && pread(file, &last, 1, (off_t)(bytes - 1)) == 1 && last != '\n') {
        bytes--;
    }
    if (file >= 0) {
        close(file);
    }
    return bytes;
}

/* Back to the length that the checkpoint knows. A file that has become shorter, or another, is not
 * mote's doing, and goes on from where its last whole line ends. */
static mote_status rewind_metrics(mote_run *run, uint64_t bytes, mote_error *error) {
    char *path = mote_run_path(run, METRICS);
    if (!path) {
        return fail_path(error);
    }
    struct stat file;
    mote_status status = MOTE_OK;
    uint64_t length = stat(path, &file) == 0 ? (uint64_t)file.st_size : 0;
    run->metrics_bytes = whole_lines(path, length < bytes ? length : bytes);
    if (length > run->metrics_bytes && truncate(path, (off_t)run->metrics_bytes) != 0) {
        status = mote_fail(error, MOTE_FILE, "%s: cannot be shortened: %s", path, strerror(errno));
    }
    free(path);
    return status;
}

static void remove_file(const mote_run *run, const char *name) {
    char *path = mote_run_path(run, name);
    if (path) {
        (void)unlink(path);
    }
    free(path);
}

/* What is no longer true of a run that goes on: that it went wrong, and what it came to. */
static void remove_outdated(const mote_run *run, const mote_trainer *trainer) {
    remove_file(run, DIVERGED);
    remove_file(run, DIVERGED_SHEET);
    if (!trainer->position.finished) {
        remove_file(run, RESULT);
    }
}

mote_status mote_run_rewind(mote_run *run, const mote_trainer *trainer, mote_error *error) {
    mote_status status = rewind_metrics(run, trainer->position.metrics_bytes, error);
    if (status == MOTE_OK) {
        remove_outdated(run, trainer);
    }
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
    mote_json_add_string(&writer, object, "ended", mote_ending_name(result->ending));
    mote_json_add_number(&writer, object, "seconds", result->seconds);
    mote_json_add_number(&writer, object, "seed", (double)result->seed);
    mote_json_add_string(&writer, object, "version", MOTE_VERSION);
    char *text = mote_json_print(&writer, object, MOTE_JSON_INDENTED);
    char *path = mote_run_path(run, RESULT);
    mote_status status = text && path ? mote_file_write_text(path, text, error) : fail_path(error);
    free(text);
    free(path);
    return status;
}
