/* compare.c: compares numbers that should be equal. */
#include "check/compare.h"

#include <math.h>
#include <string.h>

static mote_status fail_at(mote_claim claim, size_t index, const mote_real *found,
                           const mote_real *wanted, mote_error *error) {
    return mote_fail(error, MOTE_DATA, "%s[%zu] is %.9g %s, instead of %.9g", claim.what, index,
                     (double)found[index], claim.where, (double)wanted[index]);
}

mote_status mote_check_same(mote_claim claim, size_t count, const mote_real *found,
                            const mote_real *wanted, mote_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&found[i], &wanted[i], sizeof *found) != 0) {
            return fail_at(claim, i, found, wanted, error);
        }
    }
    return MOTE_OK;
}

mote_status mote_check_close(mote_claim claim, size_t count, const mote_real *found,
                             const mote_real *wanted, double tolerance, mote_error *error) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)wanted[i]));
    }
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double)found[i] - (double)wanted[i]) <= tolerance * largest)) {
            return fail_at(claim, i, found, wanted, error);
        }
    }
    return MOTE_OK;
}
