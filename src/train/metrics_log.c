/* metrics_log.c: a run's metrics.jsonl. */
#include "train/metrics_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/json_write.h"
#include "core/file.h"

static mote_status fail_memory(mote_error *error) {
    return mote_fail(error, MOTE_MEMORY, "out of memory for a line of metrics.jsonl");
}

/* ---- lines ---- */

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

/* The figures that only an epoch's line has. */
static void add_epoch(mote_json_writer *writer, cJSON *object, const mote_event *event) {
    const figure figures[] = {
        {"train_loss", event->train.loss},
        {"train_accuracy", event->train.accuracy},
        {"validation_loss", event->validation.loss},
        {"validation_accuracy", event->validation.accuracy},
    };
    add_figures(writer, object, sizeof figures / sizeof *figures, figures);
}

/* The figures that only an interval's line has; "steps" distinguishes it from an epoch's. */
static void add_interval(mote_json_writer *writer, cJSON *object, const mote_interval *interval) {
    const figure figures[] = {
        {"steps", (double)interval->steps},
        {"loss", interval->train.loss},
        {"accuracy", interval->train.accuracy},
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

/* One line; figures that are not finite are null, including NaN, where there is no such figure. */
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

/* ---- the file ---- */

/* How many of the file's first `bytes` are in whole lines: fewer than `bytes` if the file has been
 * shortened or removed since. */
static uint64_t whole_lines(int file, uint64_t bytes) {
    struct stat now;
    if (fstat(file, &now) == 0 && (uint64_t)now.st_size < bytes) {
        bytes = (uint64_t)now.st_size;
    }
    char last;
    while (bytes > 0 && pread(file, &last, 1, (off_t)(bytes - 1)) == 1 && last != '\n') {
        bytes--;
    }
    return bytes;
}

/* Writes all of the lines at that offset, or nothing. */
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

mote_status mote_metrics_log_write(mote_metrics_log *log, mote_error *error) {
    char *path = mote_path_join(log->directory, MOTE_METRICS_FILE);
    if (!path) {
        return fail_memory(error);
    }
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    /* After the whole lines, overwriting any partial line that a failed write may have left. */
    uint64_t end = file < 0 ? 0 : whole_lines(file, log->bytes);
    mote_status status = MOTE_OK;
    if (file < 0 || !write_lines(file, log->unwritten, end)) {
        status = mote_fail(error, MOTE_FILE, "%s: cannot be written: %s", path, strerror(errno));
    } else {
        log->bytes = end + strlen(log->unwritten);
        free(log->unwritten);
        log->unwritten = NULL;
    }
    if (file >= 0) {
        close(file);
    }
    free(path);
    return status;
}

mote_status mote_metrics_log_append(mote_metrics_log *log, const mote_event *event,
                                    mote_error *error) {
    char *line = metrics_line(event);
    size_t before = log->unwritten ? strlen(log->unwritten) : 0;
    char *lines = line ? realloc(log->unwritten, before + strlen(line) + 2) : NULL;
    if (!lines) {
        free(line);
        return fail_memory(error);
    }
    strcpy(stpcpy(lines + before, line), "\n");
    log->unwritten = lines;
    free(line);
    return mote_metrics_log_write(log, error);
}

void mote_metrics_log_sync(const mote_metrics_log *log) {
    char *path = mote_path_join(log->directory, MOTE_METRICS_FILE);
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        (void)fsync(file);
        close(file);
    }
    free(path);
}

mote_status mote_metrics_log_rewind(mote_metrics_log *log, uint64_t bytes, mote_error *error) {
    char *path = mote_path_join(log->directory, MOTE_METRICS_FILE);
    if (!path) {
        return fail_memory(error);
    }
    struct stat now;
    mote_status status = MOTE_OK;
    uint64_t length = stat(path, &now) == 0 ? (uint64_t)now.st_size : 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    log->bytes = file < 0 ? 0 : whole_lines(file, bytes);
    if (file < 0 && errno != ENOENT) { /* its lines are not to be lost for that */
        status = mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    } else if (length > log->bytes && truncate(path, (off_t)log->bytes) != 0) {
        status = mote_fail(error, MOTE_FILE, "%s: cannot be shortened: %s", path, strerror(errno));
    }
    if (file >= 0) {
        close(file);
    }
    free(path);
    return status;
}

void mote_metrics_log_free(mote_metrics_log *log) {
    free(log->unwritten);
    *log = (mote_metrics_log){0};
}
