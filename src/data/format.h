/* format.h: what a data set format is: one file and one class record each, listed in registry.c.
 * A format finds and reads samples; splitting, normalising and batches are dataset.c's business.
 */
#ifndef MOTE_DATA_FORMAT_H
#define MOTE_DATA_FORMAT_H

#include <stdint.h>

#include "config/json.h"
#include "data/loading.h"
#include "mote/dataset.h"
#include "mote/field.h"
#include "mote/status.h"

#define MOTE_MAX_CONTENT_BLOCKS 8

/* Labels are below. */
enum {
    MOTE_MOST_CLASSES = 1 << 24
};

typedef struct mote_format mote_format;
typedef struct mote_format_class mote_format_class;

/* Memory that samples lie in: allocated, or a file that is mapped. */
typedef struct mote_content_block {
    void *memory;
    size_t mapped; /* bytes; 0: allocated */
} mote_content_block;

/* What a format loads. `test.count` is 0 where there is no test part. `train.count` may be 0 only
 * with mote_loading.test_only. */
typedef struct mote_content {
    mote_samples train, test;
    size_t validation;        /* so many of train, the last ones, are given for validation */
    char *const *class_names; /* NULL: classes are called by their numbers */
    size_t class_count;       /* how many names; 0 without */
    const uint32_t *lines;    /* [train.count]: where in a text file each is, from 1; or NULL */

    /* How one sample is made from a file, for prediction, as JSON: {"format": "images", "resize":
     * "fit", "channels": 3}. Goes with the model; malloc'ed, or NULL for {"format": <type>}. */
    char *input;

    mote_content_block blocks[MOTE_MAX_CONTENT_BLOCKS]; /* that the above lies in, except input */
    size_t block_count;
} mote_content;

/* The first member of each format's struct. */
struct mote_format {
    const mote_format_class *kind;
    mote_json json; /* what its fields were read from; only valid in `open` */
};

struct mote_format_class {
    const char *type;
    const char *summary;
    const char *example; /* as in mote_layer_class, with "format" for "type" */
    size_t size;
    const mote_field *fields;

    /* Looks at what is there, fast: gives the shape of a sample. */
    mote_status (*open)(mote_format *format, const mote_loading *loading, mote_shape *shape,
                        mote_error *error);

    /* Loads all of it. */
    mote_status (*load)(mote_format *format, const mote_loading *loading, mote_content *content,
                        mote_error *error);

    /* Where a training sample came from, in a form that finds it: "pets/cat/07.jpg", "iris.csv:52".
     * False: that is not known. NULL: it is no more than the sample's number. */
    bool (*origin)(const mote_format *format, const mote_content *content, size_t sample,
                   char *text, size_t capacity);

    /* Frees what the format holds besides its fields' values; NULL where there is nothing. */
    void (*destroy)(mote_format *format);
};

const mote_format_class *mote_format_class_find(const char *type);
const mote_format_class *const *mote_format_classes(void);

/* Memory that lives as long as the content; not initialised. NULL with an error when there is not
 * enough. `what` names it in the error. */
void *mote_content_allocate(mote_content *content, size_t count, size_t size, const char *what,
                            mote_error *error);

/* Maps all of an open file, read-only; it stays as long as the content, and the file may be closed.
 * NULL with an error where that is not possible. `what` names it in the error. */
const void *mote_content_map(mote_content *content, int file, size_t bytes, const char *what,
                             mote_error *error);

/* Moves samples, class names and the memory they lie in from one content to another. */
void mote_content_take(mote_content *content, mote_content *from);
void mote_content_free(mote_content *content);

#endif
