/* format.h: what a data set format is: a source file with one class record, listed in registry.c. A
 * format finds and reads samples; dataset.c splits, normalises and batches them.
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

/* Labels are below this. */
enum {
    MOTE_MOST_CLASSES = 1 << 24
};

typedef struct mote_format mote_format;
typedef struct mote_format_class mote_format_class;

/* Memory that holds samples: allocated, or a mapped file. */
typedef struct mote_content_block {
    void *memory;
    size_t mapped; /* bytes; 0: allocated */
} mote_content_block;

/* What a format loads. `test.count` is 0 if there is no test part. `train.count` may be 0 only with
 * mote_loading.test_only. */
typedef struct mote_content {
    mote_samples train, test;
    size_t validation;        /* how many of train, the last ones, are for validation */
    char *const *class_names; /* NULL: classes are called by their numbers */
    size_t class_count;       /* number of names, or 0 */
    const uint32_t *lines;    /* [train.count]: each one's line in a text file, from 1; or NULL */

    /* How a sample is made from a file for prediction, as JSON: {"format": "images", "resize":
     * "fit", "channels": 3}. Stored with the model; malloc'ed, or NULL for {"format": <type>}. */
    char *input;

    mote_content_block blocks[MOTE_MAX_CONTENT_BLOCKS]; /* hold the above, except input */
    size_t block_count;
} mote_content;

/* The first member of each format's struct. */
struct mote_format {
    const mote_format_class *kind;
    mote_json json; /* what its fields were read from; valid only in `open` */
};

struct mote_format_class {
    const char *type;
    const char *summary;
    const char *example; /* as in mote_layer_class, with "format" for "type" */
    size_t size;
    const mote_field *fields;

    /* Inspects the data quickly and gives the shape of a sample. */
    mote_status (*open)(mote_format *format, const mote_loading *loading, mote_shape *shape,
                        mote_error *error);

    /* Loads the samples. */
    mote_status (*load)(mote_format *format, const mote_loading *loading, mote_content *content,
                        mote_error *error);

    /* Says where to find the source of a training sample: "pets/cat/07.jpg", "iris.csv:52". False:
     * not known. NULL: only the sample's number is known. */
    bool (*origin)(const mote_format *format, const mote_content *content, size_t sample,
                   char *text, size_t capacity);

    /* Frees what the format holds besides its fields' values; NULL if there is nothing. */
    void (*destroy)(mote_format *format);
};

const mote_format_class *mote_format_class_find(const char *type);
const mote_format_class *const *mote_format_classes(void);

/* Allocates uninitialised memory that lives as long as the content. NULL with an error if there is
 * not enough; `what` names it in the error. */
void *mote_content_allocate(mote_content *content, size_t count, size_t size, const char *what,
                            mote_error *error);

/* Maps all of an open file read-only for the lifetime of the content; the file may be closed. NULL
 * with an error on failure; `what` names it in the error. */
const void *mote_content_map(mote_content *content, int file, size_t bytes, const char *what,
                             mote_error *error);

/* Moves samples, class names and their memory from one content to another. */
void mote_content_take(mote_content *content, mote_content *from);
void mote_content_free(mote_content *content);

#endif
