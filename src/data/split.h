/* split.h: drawing samples at random, of each class its share.
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
    bool keep_one;         /* a class keeps its last sample */
    uint64_t seed, stream; /* the first stream of the split, which takes one for each class */
} mote_split;

/* Sets drawn[i] for the samples drawn; the others stay as they are. Where `among` is not NULL, only
 * the samples i with among[i] count. The sum over all classes is the fraction of all, rounded. */
mote_status mote_split_draw(const mote_split *split, const bool *among, bool *drawn,
                            mote_error *error);

#endif
