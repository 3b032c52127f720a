/* numbers.h: inputs for layers and outputs under test. */
#ifndef MOTE_CHECK_NUMBERS_H
#define MOTE_CHECK_NUMBERS_H

#include <stddef.h>

#include "mote/random.h"
#include "mote/tensor.h"

/* Uniform in low ... high. */
static inline void numbers_uniform(mote_random *random, double low, double high, size_t count,
                                   mote_real *numbers) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (mote_real)(low + (high - low) * mote_random_uniform(random));
    }
}

/* Between -2 and 2, evenly spaced and in random order: none near 0 and no two near each other,
 * where a rectifier or a maximum has a kink. */
static inline void numbers_spaced(mote_random *random, size_t count, mote_real *numbers) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (mote_real)(4 * ((double)i + 0.5) / (double)(count + count % 2) - 2);
    }
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)mote_random_below(random, i);
        mote_real kept = numbers[i - 1];
        numbers[i - 1] = numbers[j];
        numbers[j] = kept;
    }
}

/* Rows of positive numbers that sum to 1. */
static inline void numbers_distributions(mote_random *random, size_t rows, size_t width,
                                         mote_real *numbers) {
    for (size_t row = 0; row < rows; row++, numbers += width) {
        mote_real sum = 0;
        numbers_uniform(random, 0.1, 1, width, numbers);
        for (size_t i = 0; i < width; i++) {
            sum += numbers[i];
        }
        for (size_t i = 0; i < width; i++) {
            numbers[i] /= sum;
        }
    }
}

#endif
