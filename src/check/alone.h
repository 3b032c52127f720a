/* alone.h: a layer by itself, or a few in a row, in training: single passes whose every result is
 * kept, to be compared with that of another pass.
 */
#ifndef MOTE_CHECK_ALONE_H
#define MOTE_CHECK_ALONE_H

#include <stdatomic.h>

#include "model/model.h"

/* What a pass gave. */
typedef struct mote_result {
    mote_real *y;         /* [rows × out] */
    mote_real *before_dx; /* what nobody is to write to, just before dx */
    mote_real *dx;        /* [rows × in]; and room for a row that nobody is to write to */
    mote_real *gradients; /* [trained]: of all parameters, one after the other */
    mote_real *buffers;   /* [all - trained] */
} mote_result;

enum {
    MOTE_RESULTS = 3
};

typedef struct mote_alone {
    mote_model *model; /* not owned; has any output that takes everything */
    size_t batch;      /* the most rows of a pass */
    size_t in, out;    /* numbers per row */
    size_t trained, untrained;

    mote_arena memory;
    mote_real *x, *upstream; /* [batch × in], [batch × out]: what a pass goes from */
    mote_real *dy;           /* [batch × out]: the upstream that the layer may overwrite */
    mote_real *kept;         /* [untrained]: the buffers before each pass */
    unsigned char *values;   /* the bytes of all parameters and buffers before each pass */
    uint32_t *times;         /* [trained]: how often each gradient was handed over */
    atomic_bool strayed;     /* something else was handed over */
    mote_result results[MOTE_RESULTS];
} mote_alone;

/* How a pass runs. */
typedef struct mote_trial {
    mote_pool *pool;
    size_t rows;
    bool without_dx;
    bool hands_over;      /* gradients go to mote_pass.ready, else they are added up */
    mote_real gradient;   /* what they are added to */
    unsigned char memory; /* what is in each byte of scratch memory at first; 0xff for NaN */
} mote_trial;

/* Plans a model, which has its output, for passes of up to `batch` rows whose dx is wanted, with x
 * and upstream drawn anew. Free it with mote_alone_free, also on failure. */
mote_status mote_alone_create(mote_alone *alone, mote_model *model, size_t batch,
                              mote_error *error);
void mote_alone_free(mote_alone *alone);

/* Parameters near their initial values, but none of them at 0 or 1, where gradients could be right
 * by accident. */
mote_status mote_alone_initialize(mote_model *model, mote_error *error);

/* The forward pass alone: y. With the same random numbers each time, and from the same buffers. */
void mote_alone_forward(mote_alone *alone, const mote_trial *trial, mote_result *result);

/* Both passes. MOTE_DATA where gradients are not handed over just once, a parameter changes, or
 * something is written outside of scratch memory, y, dx, a parameter or its gradient. */
mote_status mote_alone_run(mote_alone *alone, const mote_trial *trial, mote_result *result,
                           mote_error *error);

/* From now on passes begin with the buffers that this one ended with. */
void mote_alone_adopt_buffers(mote_alone *alone, const mote_result *result);

/* "layers.0.slope[3]": entry `index` among those of all trained parameters. Returns `text`. */
#define MOTE_ENTRY_CAPACITY (MOTE_PARAMETER_NAME_CAPACITY + 24)
char *mote_alone_name(const mote_alone *alone, size_t index, char *text);

#endif
