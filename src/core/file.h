/* file.h: reading and writing whole files. */
#ifndef MOTE_CORE_FILE_H
#define MOTE_CORE_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "mote/status.h"

/* The contents of a file, followed by a NUL that `length` does not count; free it with free(). NULL
 * on failure. Refuses files of more than `limit` bytes. */
char *mote_file_read(const char *path, size_t limit, size_t *length, mote_error *error);

/* A file written under a temporary name in the same directory, and atomically renamed when
 * complete. */
typedef struct mote_file_writer {
    FILE *stream;
    char *path, *temporary_path;
    int reason; /* errno of the first failed write */
} mote_file_writer;

/* Also removes the leftovers of processes killed while writing the same file. */
mote_status mote_file_open(mote_file_writer *writer, const char *path, mote_error *error);

/* Like fwrite to the stream; keeps the reason for a failure for mote_file_commit to report. */
void mote_file_put(mote_file_writer *writer, const void *data, size_t bytes);

/* Commit syncs and renames, or abandons on failure. Abandon removes what was written. */
mote_status mote_file_commit(mote_file_writer *writer, mote_error *error);
void mote_file_abandon(mote_file_writer *writer);

/* Removes the leftovers in a directory of processes killed while writing the file `name` or, if
 * NULL, any file. What another process is still writing stays. An empty `directory` is the current
 * one. */
void mote_file_remove_leftovers(const char *directory, const char *name);

/* Writes a whole text file that way. */
mote_status mote_file_write_text(const char *path, const char *text, mote_error *error);

/* `path` itself if it is absolute or `directory` is empty, else both joined; free it with free().
 * NULL when out of memory. */
char *mote_path_join(const char *directory, const char *path);

/* The directory part of a path: "configs" of "configs/mnist.json", "" of "mnist.json"; free it with
 * free(). */
char *mote_path_directory(const char *path);

#endif
