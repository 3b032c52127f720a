/* file.h: whole files in and out. */
#ifndef MOTE_CORE_FILE_H
#define MOTE_CORE_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "mote/status.h"

/* The content of a file with a NUL behind it that `length` does not count; free it with free().
 * NULL on failure. Refuses files of more than `limit` bytes. */
char *mote_file_read(const char *path, size_t limit, size_t *length, mote_error *error);

/* A file that is written to a temporary name beside its place, and takes its place complete or not
 * at all. */
typedef struct mote_file_writer {
    FILE *stream;
    char *path, *temporary_path;
    int reason; /* errno of the first write that failed */
} mote_file_writer;

/* Also removes what processes that were killed while they wrote the same file have left. */
mote_status mote_file_open(mote_file_writer *writer, const char *path, mote_error *error);

/* As fwrite to the stream, and a failure's reason is kept for mote_file_commit to tell. */
void mote_file_put(mote_file_writer *writer, const void *data, size_t bytes);

/* Syncs and renames; on failure, or in place of it, mote_file_abandon removes what was written. */
mote_status mote_file_commit(mote_file_writer *writer, mote_error *error);
void mote_file_abandon(mote_file_writer *writer);

/* Removes what processes that were killed while they wrote the file `name` of a directory have left
 * there, or any such file where `name` is NULL. What another process is still writing stays. An
 * empty `directory` is the current one. */
void mote_file_remove_leftovers(const char *directory, const char *name);

/* Writes a whole text file in that manner. */
mote_status mote_file_write_text(const char *path, const char *text, mote_error *error);

/* `path` itself where it is absolute or `directory` is empty, else both joined; free it with
 * free(). NULL when out of memory. */
char *mote_path_join(const char *directory, const char *path);

/* The directory part of a path: "configs" of "configs/mnist.json", "" of "mnist.json"; free it with
 * free(). */
char *mote_path_directory(const char *path);

#endif
