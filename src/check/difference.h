/* difference.h: derivatives by finite differences, with error estimates.
 */
#ifndef MOTE_CHECK_DIFFERENCE_H
#define MOTE_CHECK_DIFFERENCE_H

#include "mote/status.h"
#include "mote/tensor.h"

/* A loss to differentiate. */
typedef struct mote_loss {
    /* Computes the loss and keeps what `compare` needs in one of three places, 0 ... 2. */
    void (*compute)(void *context, size_t place);

    /* Returns the loss in `place` minus the one in `other`; adds an estimate of the rounding error
     * of that to *noise. */
    double (*compare)(void *context, size_t place, size_t other, double *noise);
    void *context;
} mote_loss;

/* Compares gradient [count] with finite differences of the loss as each of places [count] is moved,
 * for at most `most` entries. MOTE_DATA if they differ; `name` writes an entry's name to text
 * [MOTE_DIFFERENCE_NAME_CAPACITY] and returns it. */
mote_status mote_check_gradient(const mote_loss *loss, size_t count, mote_real *places,
                                const mote_real *gradient, size_t most,
                                char *(*name)(void *context, size_t index, char *text),
                                mote_error *error);

#define MOTE_DIFFERENCE_NAME_CAPACITY 160

#endif
