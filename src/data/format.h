/* format.h: what a data set format is: one file and one class record each, listed in registry.c.
 * A format finds and reads samples; splitting, normalising and batches are dataset.c's business.
 */
#ifndef MOTE_DATA_FORMAT_H
#define MOTE_DATA_FORMAT_H

#include <stdint.h>

#include "mote/dataset.h"
#include "mote/field.h"
#include "mote/pool.h"
#include "mote/status.h"

#define MOTE_MAX_CONTENT_BLOCKS 8

/* Labels are below. */
enum {
    MOTE_MOST_CLASSES = 1 << 24
};

typedef struct mote_format mote_format;
typedef struct mote_format_class mote_format_class;

/* What a format loads. `test.count` is 0 where there is no test part. */
typedef struct mote_content {
    mote_samples train, test;
    char *const *class_names; /* NULL: classes are called by their numbers */
    size_t class_count;       /* how many names; 0 without */

    void *blocks[MOTE_MAX_CONTENT_BLOCKS]; /* memory that the above lies in */
    size_t block_count;
} mote_content;

/* The first member of each format's struct. */
struct mote_format {
    const mote_format_class *kind;
};

struct mote_format_class {
    const char *type;
    const char *summary;
    const char *example; /* as in mote_layer_class, with "format" for "type" */
    size_t size;
    const mote_field *fields;

    /* Looks at what is there, fast: gives the shape of a sample. `seed` is the config's, for data
     * made up from it. */
    mote_status (*open)(mote_format *format, uint64_t seed, mote_shape *shape, mote_error *error);

    /* Loads all of it. */
    mote_status (*load)(mote_format *format, uint64_t seed, mote_content *content,
                        mote_error *error);
};

const mote_format_class *mote_format_class_find(const char *type);
const mote_format_class *const *mote_format_classes(void);

/* Memory that lives as long as the content; not initialised. NULL with an error when there is not
 * enough. `what` names it in the error. */
void *mote_content_allocate(mote_content *content, size_t count, size_t size, const char *what,
                            mote_error *error);
void mote_content_free(mote_content *content);

#endif
