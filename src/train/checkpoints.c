/* checkpoints.c: the checkpoint files in a run's directory. */
#include "train/checkpoints.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "train/checkpoint.h"
#include "train/stopping.h"

enum {
    NAME_CAPACITY = 64
};

static const double SECONDS_PER_MINUTE = 60;

/* ---- when ---- */

bool mote_checkpoints_due(const mote_checkpoints *checkpoints,
                          const mote_checkpoint_options *options, const mote_event *event) {
    bool epoch = event->kind == MOTE_EVENT_EPOCH;
    if (!epoch && event->epoch_step == event->epoch_steps) {
        return false; /* the end of the epoch follows, and its figures belong in the checkpoint */
    }
    if (epoch && event->epoch_step < event->epoch_steps) {
        return false; /* given more steps or time, it continues as if it was not validated here */
    }
    double passed = mote_clock() - checkpoints->time;
    return (epoch && options->every_epochs && event->epoch % options->every_epochs == 0) ||
           (epoch ? event->trainer->position.finished : mote_stopping_now(event->trainer)) ||
           (options->every_steps && event->step % options->every_steps == 0) ||
           (options->every_minutes > 0 && passed >= options->every_minutes * SECONDS_PER_MINUTE);
}

/* ---- older ones ---- */

static char *older_path(const char *directory, uint64_t step) {
    char name[NAME_CAPACITY];
    snprintf(name, sizeof name, "checkpoint-%" PRIu64 ".safetensors", step);
    return mote_path_join(directory, name);
}

/* The step in an older checkpoint's name; false for any other name. */
static bool step_of_name(const char *name, uint64_t *step) {
    char again[NAME_CAPACITY];
    if (sscanf(name, "checkpoint-%" SCNu64, step) != 1) {
        return false;
    }
    snprintf(again, sizeof again, "checkpoint-%" PRIu64 ".safetensors", *step);
    return strcmp(name, again) == 0;
}

static int compare_steps(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a < b) - (a > b);
}

/* The steps of the older checkpoints, latest first, to be freed with free(); NULL when out of
 * memory. */
static uint64_t *list_older(const char *path, size_t *count) {
    size_t capacity = 16;
    uint64_t *steps = malloc(capacity * sizeof *steps);
    DIR *directory = steps ? opendir(path) : NULL;
    *count = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        uint64_t step;
        if (!step_of_name(entry->d_name, &step)) {
            continue;
        }
        if (*count == capacity) {
            uint64_t *grown = realloc(steps, 2 * capacity * sizeof *steps);
            if (!grown) {
                break; /* those found will do */
            }
            steps = grown;
            capacity *= 2;
        }
        steps[(*count)++] = step;
    }
    if (directory) {
        closedir(directory);
    }
    if (steps) {
        qsort(steps, *count, sizeof *steps, compare_steps);
    }
    return steps;
}

bool mote_checkpoints_exist(const char *directory) {
    char *newest = mote_path_join(directory, MOTE_CHECKPOINT_FILE);
    size_t count;
    uint64_t *older = list_older(directory, &count);
    bool exist = (newest && access(newest, F_OK) == 0) || count > 0;
    free(older);
    free(newest);
    return exist;
}

/* Removes the older checkpoints beyond `keep`, and those of steps that training has not reached
 * again after resuming from an earlier one: they were broken. */
static void prune(const mote_checkpoints *checkpoints, size_t keep) {
    size_t count, kept = 0;
    uint64_t *steps = list_older(checkpoints->directory, &count);
    for (size_t i = 0; steps && i < count; i++) {
        if (steps[i] < checkpoints->step && kept < keep) {
            kept++;
            continue;
        }
        char *path = older_path(checkpoints->directory, steps[i]);
        if (path) {
            (void)unlink(path);
        }
        free(path);
    }
    free(steps);
}

/* ---- writing ---- */

/* Links the newest checkpoint, unless it is of the same step as the one to come, to the name that
 * it is kept under. Returns that name, to be freed with free(); NULL if there is nothing to keep or
 * on failure. */
static char *keep_newest(const mote_checkpoints *checkpoints, const mote_trainer *trainer,
                         const char *newest, mote_error *unkept) {
    if (trainer->options.checkpoint.keep == 0 || !checkpoints->newest ||
        checkpoints->step == trainer->position.step) {
        return NULL;
    }
    char *path = older_path(checkpoints->directory, checkpoints->step);
    if (!path) {
        mote_fail(unkept, MOTE_MEMORY, "%s: out of memory", newest);
        return NULL;
    }
    (void)unlink(path); /* a broken one, or the newest under another name */
    if (link(newest, path) != 0) {
        mote_fail(unkept, MOTE_FILE, "%s: cannot be kept as %s: %s", newest, path, strerror(errno));
        free(path);
        return NULL;
    }
    return path;
}

mote_status mote_checkpoints_write(mote_checkpoints *checkpoints, const mote_trainer *trainer,
                                   mote_error *unkept, mote_error *error) {
    char *newest = mote_path_join(checkpoints->directory, MOTE_CHECKPOINT_FILE);
    if (!newest) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for the name of a file");
    }
    char *kept = keep_newest(checkpoints, trainer, newest, unkept);
    mote_status status = mote_trainer_save(trainer, newest, error);
    if (status == MOTE_OK) {
        checkpoints->any = checkpoints->newest = true;
        checkpoints->step = trainer->position.step;
        prune(checkpoints, trainer->options.checkpoint.keep);
    } else if (kept) {
        (void)unlink(kept); /* it is still the newest */
    }
    checkpoints->time = mote_clock();
    free(kept);
    free(newest);
    return status;
}

/* ---- restoring ---- */

/* Whether another checkpoint may work: not if memory or the settings are to blame. */
static bool is_broken(mote_status status) {
    return status == MOTE_DATA || status == MOTE_FILE;
}

/* What has been tried. */
typedef struct search {
    mote_checkpoints *checkpoints;
    mote_trainer *trainer;
    bool force;
    void (*skipped)(void *context, const char *text);
    void *context;
    mote_error first, last; /* reasons */
} search;

/* Tries a file, after all previous ones have turned out to be broken. */
static mote_status try(search *s, const char *path) {
    if (!path) {
        return mote_fail(&s->first, MOTE_MEMORY, "out of memory for the name of a file");
    }
    if (s->last.status != MOTE_OK) {
        char text[MOTE_ERROR_CAPACITY + 64];
        snprintf(text, sizeof text, "%s; trying the one before", s->last.message);
        s->skipped(s->context, text);
    }
    s->last = (mote_error){0};
    mote_status status = mote_checkpoint_restore(s->trainer, path, s->force, &s->last);
    if (status != MOTE_OK && (s->first.status == MOTE_OK || !is_broken(status))) {
        s->first = s->last;
    }
    return status;
}

static mote_status try_newest(search *s) {
    mote_checkpoints *checkpoints = s->checkpoints;
    char *path = mote_path_join(checkpoints->directory, MOTE_CHECKPOINT_FILE);
    mote_status status = try(s, path);
    checkpoints->newest = status == MOTE_OK;
    free(path);
    return status;
}

static mote_status try_older(search *s, mote_status status) {
    size_t count;
    uint64_t *steps = list_older(s->checkpoints->directory, &count);
    for (size_t i = 0; steps && i < count && is_broken(status); i++) {
        char *path = older_path(s->checkpoints->directory, steps[i]);
        status = try(s, path);
        free(path);
    }
    free(steps);
    return status;
}

mote_status mote_checkpoints_restore(mote_checkpoints *checkpoints, mote_trainer *trainer,
                                     bool force, void (*skipped)(void *context, const char *text),
                                     void *context, mote_error *error) {
    search s = {.checkpoints = checkpoints,
                .trainer = trainer,
                .force = force,
                .skipped = skipped,
                .context = context};
    mote_status status = try_newest(&s);
    if (is_broken(status)) {
        status = try_older(&s, status);
    }
    checkpoints->any = status == MOTE_OK;
    checkpoints->step = trainer->position.step;
    return status == MOTE_OK ? MOTE_OK : mote_fail(error, s.first.status, "%s", s.first.message);
}
