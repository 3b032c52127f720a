/* image_list.h: finds picture files and their classes.
 */
#ifndef MOTE_DATA_IMAGE_LIST_H
#define MOTE_DATA_IMAGE_LIST_H

#include <stdint.h>

#include "data/loading.h"
#include "mote/dataset.h"
#include "mote/status.h"

/* A listed file. Only reading it shows whether it is a picture. */
typedef struct mote_image_file {
    char *name;       /* its path, relative to its part's root */
    uint32_t label;   /* class number */
    uint32_t line;    /* of the list file, counted from 1; 0: found in a directory */
    int64_t bytes;    /* -1: not a regular file, or nothing is known about it */
    int64_t modified; /* in ns since 1970 */
} mote_image_file;

typedef struct mote_image_files {
    mote_image_file *files;
    size_t count, capacity;
    char *source; /* the directory or list file they come from; NULL: no such part */
    char *root;   /* names are relative to this directory */
} mote_image_files;

typedef struct mote_image_list {
    mote_image_files parts[MOTE_PART_COUNT];
    char **class_names; /* in the order of their numbers */
    size_t class_count, class_capacity;
} mote_image_list;

/* Lists the pictures below a directory: directory/train/CLASS/..., with test/ and validation/
 * beside train/ if present, or directory/CLASS/... Pictures are the files at any depth whose names
 * end in .png, .jpg, .jpeg, .bmp, .tga, .pbm, .pgm, .ppm or .pnm. Names that start with a dot are
 * skipped; other unused entries are counted in a notice. Links are followed, but no directory is
 * read twice within a class.
 *
 * Classes are ordered by the bytes of their names, or numerically if all names are digits; files
 * are ordered by class, then by the bytes of their paths. */
mote_status mote_image_list_directory(mote_image_list *list, const char *directory,
                                      const mote_loading *loading, mote_error *error);

/* Lists the pictures that a list file names, one per line: the path, relative to the list file's
 * directory, a tab and the class. `test` may be NULL. Classes are ordered as above, files as they
 * are listed. */
mote_status mote_image_list_read(mote_image_list *list, const char *train, const char *test,
                                 mote_error *error);

/* Frees the contents of a list, which is needed after a failure too; {0} is an empty list. */
void mote_image_list_free(mote_image_list *list);

#endif
