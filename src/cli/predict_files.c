/* predict_files.c: from command-line operands to files, one by one. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli/common.h"
#include "cli/lines.h"
#include "cli/predict.h"
#include "core/file.h"
#include "data/image.h"

static void complain_of_path(predictor *p, const char *path, int code) {
    mote_error error = {0};
    mote_fail(&error, MOTE_FILE, "%s: cannot be opened: %s", path, strerror(code));
    predictor_complain(p, &error);
}

static void complain_of_memory(predictor *p, const char *path) {
    mote_error error = {0};
    mote_fail(&error, MOTE_MEMORY, "%s: out of memory", path);
    predictor_complain(p, &error);
}

/* ---- files ---- */

/* Files are opened twice, so a pipe is accepted only as a table. */
static mote_status check_file(const predictor *p, const char *path, const struct stat *file,
                              mote_error *error) {
    if (!S_ISREG(file->st_mode)) {
        return p->numbers ? MOTE_OK : mote_fail(error, MOTE_FILE, "%s: not a regular file", path);
    }
    return file->st_size > 0 ? MOTE_OK : mote_fail(error, MOTE_DATA, "%s: the file is empty", path);
}

static void predict_file(predictor *p, const char *path, const struct stat *file) {
    mote_error error = {0};
    if (check_file(p, path, file, &error) != MOTE_OK) {
        predictor_complain(p, &error);
    } else if (S_ISREG(file->st_mode) && predict_samples(p, path)) {
        return;
    } else if (p->numbers) {
        predict_rows(p, path, NULL);
    } else {
        predictor_add_picture(p, path);
    }
}

/* ---- directories ---- */

/* The directories that a path passes through, innermost first. */
typedef struct parents {
    dev_t device;
    ino_t number;
    const struct parents *above;
} parents;

static int keep_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Bytewise, whatever the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Whether to predict a file found in a directory rather than named by the user. */
static bool is_wanted(const predictor *p, const char *name) {
    if (p->bytes) {
        return mote_image_has_suffix(name);
    }
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".csv") == 0 || strcasecmp(dot, ".tsv") == 0);
}

static size_t predict_directory(predictor *p, const char *path, const parents *above);

/* Returns how many files were found there. */
static size_t predict_entry(predictor *p, const char *path, const parents *above) {
    struct stat file;
    if (stat(path, &file) != 0) {
        complain_of_path(p, path, errno);
        return 0;
    }
    if (!S_ISDIR(file.st_mode)) {
        if (!is_wanted(p, path)) {
            return 0;
        }
        predict_file(p, path, &file);
        return 1;
    }
    for (const parents *parent = above; parent; parent = parent->above) {
        if (parent->device == file.st_dev && parent->number == file.st_ino) {
            mote_error error = {0};
            mote_fail(&error, MOTE_FILE, "%s: is a link to a directory that contains it", path);
            predictor_complain(p, &error);
            return 0;
        }
    }
    parents here = {.device = file.st_dev, .number = file.st_ino, .above = above};
    return predict_directory(p, path, &here);
}

/* Predicts everything in a directory, in name order; only the names in the directories along the
 * path are in memory. */
static size_t predict_directory(predictor *p, const char *path, const parents *above) {
    struct dirent **entries;
    int count = scandir(path, &entries, keep_visible, compare_names);
    if (count < 0) {
        complain_of_path(p, path, errno);
        return 0;
    }
    size_t found = 0;
    for (int i = 0; i < count; i++) {
        char *entry = mote_path_join(path, entries[i]->d_name);
        if (entry) {
            found += predict_entry(p, entry, above);
        } else {
            complain_of_memory(p, path);
        }
        free(entry);
        free(entries[i]);
    }
    free(entries);
    return found;
}

static void predict_tree(predictor *p, const char *path, const struct stat *directory) {
    parents here = {.device = directory->st_dev, .number = directory->st_ino};
    int code = p->code;
    p->code = EXIT_DONE;
    if (predict_directory(p, path, &here) == 0 && p->code == EXIT_DONE) {
        mote_error error = {0};
        mote_fail(&error, MOTE_DATA, "%s: holds no %s", path,
                  p->bytes ? "pictures (" MOTE_IMAGE_SUFFIXES ")" : "tables (.csv, .tsv)");
        predictor_complain(p, &error);
    }
    p->code = p->code == EXIT_DONE ? code : p->code;
}

/* ---- operands ---- */

static void predict_path(predictor *p, const char *path) {
    struct stat file;
    if (stat(path, &file) != 0) {
        complain_of_path(p, path, errno);
    } else if (S_ISDIR(file.st_mode)) {
        predict_tree(p, path, &file);
    } else {
        predict_file(p, path, &file);
    }
}

/* Reads paths from standard input, one per line. Answers the pending samples before blocking for
 * the next path. */
static void predict_list(predictor *p) {
    line_reader reader = {0};
    const char *line = "";
    while (line) {
        mote_error error = {0};
        if (!lines_ready(&reader)) {
            predictor_flush(p);
            fflush(stdout);
        }
        if (lines_next(&reader, &line, &error) != MOTE_OK) {
            predictor_complain(p, &error);
        } else if (line && *line) {
            predict_path(p, line);
        }
    }
    lines_free(&reader);
}

/* For a model of numbers, an operand that is not a file but holds several fields, or one number, is
 * a row. A row of many fields is too long for a file name. */
static bool is_row(const predictor *p, const char *text) {
    struct stat file;
    bool missing = stat(text, &file) != 0 && (errno == ENOENT || errno == ENAMETOOLONG);
    return p->numbers && *text && missing &&
           (strpbrk(text, ",;\t|") || strspn(text, "+-.0123456789eE") == strlen(text));
}

void predict_operand(predictor *p, const char *text) {
    if (strcmp(text, "-") != 0) {
        is_row(p, text) ? predict_row(p, text) : predict_path(p, text);
    } else if (p->numbers) {
        predict_rows(p, text, stdin);
    } else {
        predict_list(p);
    }
}
