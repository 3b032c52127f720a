/* targets.h: reading targets row by row. */
#ifndef MOTE_OUTPUTS_TARGETS_H
#define MOTE_OUTPUTS_TARGETS_H

#include "mote/output.h"

/* y_i of a row: from the one-hot distribution of its label, or as given. */
static inline mote_real mote_target_at(mote_targets targets, size_t row, size_t width, size_t i) {
    return targets.labels ? (mote_real)(targets.labels[row] == i) : targets.values[row * width + i];
}

/* The position of the largest of `count` numbers, the first if there are several. */
static inline size_t mote_largest(size_t count, const mote_real *numbers) {
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        best = numbers[i] > numbers[best] ? i : best;
    }
    return best;
}

/* The class that a row's target stands for: its label, or its most probable class. */
static inline size_t mote_target_class(mote_targets targets, size_t row, size_t classes) {
    return targets.labels ? targets.labels[row]
                          : mote_largest(classes, targets.values + row * classes);
}

#endif
