/* run_directory.c: finding, creating and locking the directories of runs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "train/run.h"

enum {
    PATH_CAPACITY = 4096,
    LAST_NUMBER = 999999,
    LOCK_TRIES = 20
};

/* ---- looking ---- */

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

/* The number in a run directory's name, such as "007"; 0 for any other name. */
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

/* Whether a directory is that of a run, whose first file is its config. */
static bool is_run(const char *directory) {
    return has_file(directory, MOTE_CONFIG_FILE) || mote_checkpoints_exist(directory);
}

/* The largest number among the names in a directory, with `of_run` only of runs; 0 for none. */
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

/* ---- locking ---- */

/* Locks the directory for this process; false if another has it. Retries, since mote_run_is_active
 * also holds the lock for a moment. */
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

/* Opens an existing directory as the run's and locks it. The lock is released when the process
 * ends, however it does. Where the file system cannot lock, there is no lock. */
static mote_status open_directory(mote_run *run, const char *directory, mote_error *error) {
    run->directory = strdup(directory);
    if (!run->directory) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", directory);
    }
    run->checkpoints.directory = run->metrics.directory = run->directory;
    run->lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    run->is_open = run->lock >= 0;
    if (!run->is_open) {
        return mote_fail(error, MOTE_FILE, "%s: the directory cannot be opened: %s", directory,
                         strerror(errno));
    }
    if (!take_lock(run->lock)) {
        return mote_fail(error, MOTE_FILE, "%s: another process is training in this directory",
                         directory);
    }
    return MOTE_OK;
}

bool mote_run_is_active(const char *directory) {
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool active = file >= 0 && flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (file >= 0) {
        close(file);
    }
    return active;
}

/* ---- creating ---- */

/* Creates a directory and its parents. */
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
                return mote_fail(error, MOTE_FILE, "%s: the directory cannot be created: %s",
                                 partial, strerror(errno));
            }
            *at = rest;
        }
        if (*at == '\0') {
            return MOTE_OK;
        }
    }
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
        if (errno != EEXIST) { /* else another run that is just starting took the number */
            return mote_fail(error, MOTE_FILE, "%s: the directory cannot be created: %s", path,
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
    if (status == MOTE_OK) { /* of a run that was killed while writing its first file */
        mote_file_remove_leftovers(directory, MOTE_CONFIG_FILE);
        mote_file_remove_leftovers(directory, MOTE_CHECKPOINT_FILE);
    }
    if (status == MOTE_OK && !is_empty(directory)) {
        return mote_fail(error, MOTE_FILE,
                         "%s: not an empty directory; name a new or empty one, or add --resume to "
                         "continue the run that is there",
                         directory);
    }
    return status;
}

/* ---- finding one to resume ---- */

/* Checks that there is something to resume: a run without a checkpoint can start over, if that
 * overwrites no model. */
static mote_status check_resumable(const char *directory, mote_error *error) {
    if (mote_checkpoints_exist(directory)) {
        return MOTE_OK;
    }
    if (!has_file(directory, MOTE_CONFIG_FILE)) {
        return mote_fail(error, MOTE_FILE,
                         "%s: there is no run to resume: neither a checkpoint nor a config.json",
                         directory);
    }
    if (has_file(directory, MOTE_MODEL_FILE)) {
        return mote_fail(
            error, MOTE_FILE,
            "%s: there is no checkpoint to resume from, and starting over would replace its "
            "model.safetensors; name another directory, or remove that file",
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
