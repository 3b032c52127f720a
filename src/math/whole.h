/* whole.h (internal): helpers for whole numbers. */
#ifndef MOTE_MATH_WHOLE_H
#define MOTE_MATH_WHOLE_H

#include <stddef.h>

static inline size_t mote_minimum(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t mote_ceiling_divide(size_t a, size_t b) {
    return (a + b - 1) / b;
}

#endif
