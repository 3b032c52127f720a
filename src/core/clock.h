/* clock.h: elapsed time. */
#ifndef MOTE_CORE_CLOCK_H
#define MOTE_CORE_CLOCK_H

#include <time.h>

/* Seconds since an arbitrary moment; never decreases. */
static inline double mote_clock(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

#endif
