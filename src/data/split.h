/* split.h: draws samples at random, stratified by class.
 */
#ifndef MOTE_DATA_SPLIT_H
#define MOTE_DATA_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mote/status.h"

typedef struct mote_split {
    size_t count;           /* of samples */
    const uint32_t *labels; /* [count], below `classes`; NULL: all are of one class */
    size_t classes;
    double fraction;       /* of each class, 0 ... 1 */
    bool keep_one;         /* never draw all samples of a class */
    uint64_t seed, stream; /* the first stream of the split, which uses one per class */
} mote_split;

/* Sets drawn[i] for the samples drawn and leaves the others as they are. If `among` is not NULL,
 * only the samples i with among[i] count. The number drawn is the fraction of all, rounded, or less
 * if keep_one prevents that. */
mote_status mote_split_draw(const mote_split *split, const bool *among, bool *drawn,
                            mote_error *error);

#endif
