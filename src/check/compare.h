/* compare.h: compares numbers that should be equal. MOTE_DATA if they are not, with a message such
 * as "dx[3] is 0.5 with 2 threads, instead of 0.4".
 */
#ifndef MOTE_CHECK_COMPARE_H
#define MOTE_CHECK_COMPARE_H

#include <stddef.h>

#include "mote/status.h"
#include "mote/tensor.h"

/* What the numbers are and how they were obtained: "dx", "with 2 threads". */
typedef struct mote_claim {
    const char *what, *where;
} mote_claim;

/* Checks that found [count] has the same bits as wanted [count]. */
mote_status mote_check_same(mote_claim claim, size_t count, const mote_real *found,
                            const mote_real *wanted, mote_error *error);

/* Checks that they differ by at most `tolerance` times the largest magnitude in `wanted`. */
mote_status mote_check_close(mote_claim claim, size_t count, const mote_real *found,
                             const mote_real *wanted, double tolerance, mote_error *error);

#endif
