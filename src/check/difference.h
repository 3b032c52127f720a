/* difference.h: derivatives by finite differences, with what they may be off by.
 */
#ifndef MOTE_CHECK_DIFFERENCE_H
#define MOTE_CHECK_DIFFERENCE_H

#include "mote/status.h"
#include "mote/tensor.h"

/* A loss whose derivatives are sought. */
typedef struct mote_loss {
    /* Computes it and keeps what it takes to compare it, in that place of three. */
    void (*compute)(void *context, size_t place);

    /* What is in one place minus what is in another; adds to *noise about what rounding may have
     * done to that. */
    double (*compare)(void *context, size_t place, size_t other, double *noise);
    void *context;
} mote_loss;

/* Compares gradient [count] with the differences of the loss where places [count] are moved, for at
 * most so many of the entries. MOTE_DATA where they differ; `name` gives an entry's name. */
mote_status mote_check_gradient(const mote_loss *loss, size_t count, mote_real *places,
                                const mote_real *gradient, size_t most,
                                char *(*name)(void *context, size_t index, char *text),
                                mote_error *error);

#define MOTE_DIFFERENCE_NAME_CAPACITY 160

#endif
