/* compare.h: numbers that should be the same as others. MOTE_DATA where they are not, with a
 * message such as "dx[3] is 0.5 with 2 threads, instead of 0.4".
 */
#ifndef MOTE_CHECK_COMPARE_H
#define MOTE_CHECK_COMPARE_H

#include <stddef.h>

#include "mote/status.h"
#include "mote/tensor.h"

/* How numbers came about: "dx", "with 2 threads". */
typedef struct mote_claim {
    const char *what, *where;
} mote_claim;

/* The same bits. */
mote_status mote_check_same(mote_claim claim, size_t count, const mote_real *found,
                            const mote_real *wanted, mote_error *error);

/* The same up to that part of the largest. */
mote_status mote_check_close(mote_claim claim, size_t count, const mote_real *found,
                             const mote_real *wanted, double tolerance, mote_error *error);

#endif
