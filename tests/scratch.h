/* scratch.h: a directory for the files that a test writes, and a check of error messages.
 *
 *     TestSuite(idx, .init = scratch_enter, .fini = scratch_leave);
 */
#ifndef MOTE_TESTS_SCRATCH_H
#define MOTE_TESTS_SCRATCH_H

#include <criterion/criterion.h>

#include <dirent.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mote/status.h"

enum {
    SCRATCH_CAPACITY = 256,
    SCRATCH_TEXT = 1024
};

static char scratch_directory[64];

static inline void scratch_enter(void) {
    strcpy(scratch_directory, "/tmp/mote_test_XXXXXX");
    cr_assert(mkdtemp(scratch_directory));
}

static inline int scratch_remove(const char *path, const struct stat *status, int kind,
                                 struct FTW *where) {
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline void scratch_leave(void) {
    nftw(scratch_directory, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of a file in the directory, in one of eight static buffers used in turn. */
static inline const char *scratch_path(const char *name) {
    static char paths[8][SCRATCH_CAPACITY];
    static size_t turn;
    char *path = paths[turn++ % 8];
    snprintf(path, SCRATCH_CAPACITY, "%s/%s", scratch_directory, name);
    return path;
}

/* How many files the directory holds. */
static inline size_t scratch_count(void) {
    size_t count = 0;
    DIR *stream = opendir(scratch_directory);
    cr_assert(stream);
    for (const struct dirent *entry; (entry = readdir(stream));) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(stream);
    return count;
}

static inline void scratch_write(const char *path, const void *bytes, size_t count) {
    FILE *stream = fopen(path, "wb");
    cr_assert(stream, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, count, stream), count);
    cr_assert_eq(fclose(stream), 0);
}

/* The whole file, which the caller frees. */
static inline unsigned char *scratch_read(const char *path, size_t *count) {
    FILE *stream = fopen(path, "rb");
    cr_assert(stream, "%s", path);
    fseek(stream, 0, SEEK_END);
    *count = (size_t)ftell(stream);
    rewind(stream);
    unsigned char *bytes = malloc(*count + 1);
    cr_assert(bytes);
    cr_assert_eq(fread(bytes, 1, *count, stream), *count);
    fclose(stream);
    return bytes;
}

/* Whether two files in the directory, given by name, hold the same bytes. */
static inline bool scratch_same_files(const char *a, const char *b) {
    size_t a_count, b_count;
    unsigned char *a_bytes = scratch_read(scratch_path(a), &a_count);
    unsigned char *b_bytes = scratch_read(scratch_path(b), &b_count);
    bool same = a_count == b_count && memcmp(a_bytes, b_bytes, a_count) == 0;
    free(a_bytes);
    free(b_bytes);
    return same;
}

static inline void scratch_expect_equal_files(const char *a, const char *b, const char *what) {
    size_t a_count, b_count, at = 0;
    unsigned char *a_bytes = scratch_read(a, &a_count), *b_bytes = scratch_read(b, &b_count);
    while (at < a_count && at < b_count && a_bytes[at] == b_bytes[at]) {
        at++;
    }
    cr_expect(at == a_count && at == b_count,
              "%s: files of %zu and %zu bytes differ from byte %zu on", what, a_count, b_count, at);
    free(a_bytes);
    free(b_bytes);
}

/* `text` with each {D} replaced by the directory's path and each {Z} by `ending`; static. */
static inline const char *scratch_expand(const char *text, const char *ending) {
    static char expanded[SCRATCH_TEXT];
    size_t used = 0;
    for (const char *at = text; *at && used < sizeof expanded - SCRATCH_CAPACITY;) {
        const char *put = strncmp(at, "{D}", 3) == 0   ? scratch_directory
                          : strncmp(at, "{Z}", 3) == 0 ? ending
                                                       : NULL;
        if (put) {
            used += (size_t)snprintf(expanded + used, SCRATCH_CAPACITY, "%s", put);
            at += 3;
        } else {
            expanded[used++] = *at++;
        }
    }
    expanded[used] = '\0';
    return expanded;
}

/* Checks the status and the whole message, expanding {D} and {Z}; `what` names the row of a
 * table. */
static inline void scratch_expect_error(const mote_error *error, mote_status status,
                                        const char *message, const char *ending, const char *what) {
    const char *expected = scratch_expand(message, ending);
    cr_expect(error->status == status && strcmp(error->message, expected) == 0,
              "%s:\n     found %s \"%s\"\n  expected %s \"%s\"", what,
              mote_status_name(error->status), error->message, mote_status_name(status), expected);
}

#endif
