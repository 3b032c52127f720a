/* image_list.h: which picture files there are, and of which class.
 */
#ifndef MOTE_DATA_IMAGE_LIST_H
#define MOTE_DATA_IMAGE_LIST_H

#include <stdint.h>

#include "data/loading.h"
#include "mote/dataset.h"
#include "mote/status.h"

/* One that is listed. Whether it is a picture, reading finds out. */
typedef struct mote_image_file {
    char *name;       /* its path, relative to its part's root */
    uint32_t label;   /* class number */
    uint32_t line;    /* of the list file, counted from 1; 0: found in a directory */
    int64_t bytes;    /* -1: there is no such file, or nothing is known about it */
    int64_t modified; /* when, in ns since 1970 */
} mote_image_file;

typedef struct mote_image_files {
    mote_image_file *files;
    size_t count, capacity;
    char *source; /* the directory or list file that they come from; NULL: there is no such part */
    char *root;   /* names are relative to this directory */
} mote_image_files;

typedef struct mote_image_list {
    mote_image_files parts[MOTE_PART_COUNT];
    char **class_names; /* in the order of their numbers */
    size_t class_count, class_capacity;
} mote_image_list;

/* Lists the pictures below a directory: directory/train/CLASS/..., with test/ and validation/
 * beside train/ where they are there, or directory/CLASS/... A picture is what ends with .png,
 * .jpg, .jpeg, .bmp, .tga, .pbm, .pgm, .ppm or .pnm, at any depth. Names that start with a dot are
 * passed over; what else is not used, is counted in a notice. Links are followed, but within a
 * class no directory is read twice.
 *
 * Classes are in the order of their names' bytes, or of their numbers where all names are digits;
 * files are by class, and within it in the order of their paths' bytes. */
mote_status mote_image_list_directory(mote_image_list *list, const char *directory,
                                      const mote_loading *loading, mote_error *error);

/* Lists the pictures that a file names, one a line: its path, relative to the list file's
 * directory, a tab and its class. `test` may be NULL. Classes are ordered as above, files as they
 * are listed. */
mote_status mote_image_list_read(mote_image_list *list, const char *train, const char *test,
                                 mote_error *error);

/* Frees what is listed, after a failure too; a list of {0} is empty. */
void mote_image_list_free(mote_image_list *list);

#endif
