/* alone.h: single training passes of a layer by itself, or of a few in a row, with every result
 * kept for comparison with another pass.
 */
#ifndef MOTE_CHECK_ALONE_H
#define MOTE_CHECK_ALONE_H

#include <stdatomic.h>

#include "model/model.h"

/* The results of a pass. */
typedef struct mote_result {
    mote_real *y;         /* [rows × out] */
    mote_real *before_dx; /* a guard just before dx, which nothing may write to */
    mote_real *dx;        /* [rows × in], followed by a guard row */
    mote_real *gradients; /* [trained]: of all parameters, concatenated */
    mote_real *buffers;   /* [all - trained] */
} mote_result;

enum {
    MOTE_RESULTS = 3
};

typedef struct mote_alone {
    mote_model *model; /* not owned; its output accepts anything */
    size_t batch;      /* the most rows of a pass */
    size_t in, out;    /* numbers per row */
    size_t trained, untrained;

    mote_arena memory;
    mote_real *x, *upstream; /* [batch × in], [batch × out]: the inputs of a pass */
    mote_real *dy;           /* [batch × out]: a copy of upstream, which the layer may overwrite */
    mote_real *kept;         /* [untrained]: the buffers before each pass */
    unsigned char *values;   /* the bytes of all parameters and buffers before each pass */
    uint32_t *times;         /* [trained]: how often each entry's gradient was handed over */
    atomic_bool strayed;     /* something else was handed over */
    mote_result results[MOTE_RESULTS];
} mote_alone;

/* How a pass runs. */
typedef struct mote_trial {
    mote_pool *pool;
    size_t rows;
    bool without_dx;
    bool hands_over;      /* gradients go to mote_pass.ready; else they are accumulated */
    mote_real gradient;   /* what they are added to */
    unsigned char memory; /* the initial value of each byte of scratch memory; 0xff for NaN */
} mote_trial;

/* Plans a model that has its output for passes of up to `batch` rows with dx, and draws x and
 * upstream. Free it with mote_alone_free, even on failure. */
mote_status mote_alone_create(mote_alone *alone, mote_model *model, size_t batch,
                              mote_error *error);
void mote_alone_free(mote_alone *alone);

/* Sets parameters near their initial values, but off 0 and 1, where wrong gradients could pass. */
mote_status mote_alone_initialize(mote_model *model, mote_error *error);

/* Runs the forward pass only: y. Random numbers and initial buffers are the same each time. */
void mote_alone_forward(mote_alone *alone, const mote_trial *trial, mote_result *result);

/* Runs both passes. MOTE_DATA if an entry's gradient is not handed over exactly once, a parameter
 * changes, or something is written outside scratch memory, y, dx, a parameter or its gradient. */
mote_status mote_alone_run(mote_alone *alone, const mote_trial *trial, mote_result *result,
                           mote_error *error);

/* Makes later passes start from the buffers that this one ended with. */
void mote_alone_adopt_buffers(mote_alone *alone, const mote_result *result);

/* Writes "layers.0.slope[3]", the name of entry `index` among those of all trained parameters, to
 * text [MOTE_ENTRY_CAPACITY] and returns it. */
#define MOTE_ENTRY_CAPACITY (MOTE_PARAMETER_NAME_CAPACITY + 24)
char *mote_alone_name(const mote_alone *alone, size_t index, char *text);

#endif
