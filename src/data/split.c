/* split.c: draws samples at random, stratified by class. */
#include "data/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mote/random.h"

static size_t class_of(const mote_split *split, size_t sample) {
    return split->labels ? split->labels[sample] : 0;
}

/* Sorts the samples by class, keeping their order within each: those of class c are at
 * sorted[starts[c]] ... sorted[starts[c + 1] - 1]. */
static void sort_by_class(const mote_split *split, const bool *among, size_t *starts,
                          uint32_t *sorted) {
    size_t classes = split->classes;
    for (size_t i = 0; i < split->count; i++) {
        starts[class_of(split, i) + 1] += !among || among[i];
    }
    for (size_t c = 0; c < classes; c++) {
        starts[c + 1] += starts[c];
    }
    size_t count = starts[classes];
    for (size_t i = split->count; i-- > 0;) { /* leaves the start of class c in starts[c + 1] */
        if (!among || among[i]) {
            sorted[--starts[class_of(split, i) + 1]] = (uint32_t)i;
        }
    }
    memmove(starts, starts + 1, classes * sizeof *starts);
    starts[classes] = count;
}

/* How many of each class to draw: the fraction, rounded down, and one more for those with the
 * largest remainders until the total is right. */
static void share_out(const mote_split *split, const size_t *starts, size_t *taken) {
    size_t classes = split->classes;
    double fraction = split->fraction;
    size_t left = (size_t)((double)starts[classes] * fraction + 0.5);
    for (size_t c = 0; c < classes; c++) {
        taken[c] = (size_t)((double)(starts[c + 1] - starts[c]) * fraction);
        left -= taken[c] < left ? taken[c] : left;
    }
    double limit = 1; /* remainders at or above it are done */
    while (left > 0 && limit > 0) {
        double largest = 0;
        for (size_t c = 0; c < classes; c++) {
            double exact = (double)(starts[c + 1] - starts[c]) * fraction;
            double remainder = exact - floor(exact);
            largest = remainder < limit && remainder > largest ? remainder : largest;
        }
        for (size_t c = 0; c < classes && left > 0; c++) {
            size_t count = starts[c + 1] - starts[c];
            double exact = (double)count * fraction;
            if (exact - floor(exact) == largest && taken[c] + split->keep_one < count) {
                taken[c]++;
                left--;
            }
        }
        limit = largest;
    }
}

mote_status mote_split_draw(const mote_split *split, const bool *among, bool *drawn,
                            mote_error *error) {
    size_t classes = split->classes;
    size_t *starts = calloc(2 * classes + 1, sizeof *starts), *taken = starts + classes + 1;
    uint32_t *sorted = malloc((split->count + 1) * sizeof *sorted);
    if (!starts || !sorted) {
        free(starts);
        free(sorted);
        return mote_fail(error, MOTE_MEMORY, "out of memory to split %zu samples", split->count);
    }
    sort_by_class(split, among, starts, sorted);
    share_out(split, starts, taken);
    for (size_t c = 0; c < classes; c++) {
        mote_random random = mote_random_create(split->seed, MOTE_RANDOM_SPLIT, split->stream + c);
        mote_random_shuffle(&random, sorted + starts[c], starts[c + 1] - starts[c]);
        for (size_t i = 0; i < taken[c]; i++) {
            drawn[sorted[starts[c] + i]] = true;
        }
    }
    free(starts);
    free(sorted);
    return MOTE_OK;
}
