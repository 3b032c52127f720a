/* pool.h (internal): looking at a pool at work, and at what there is for it. */
#ifndef MOTE_CORE_POOL_H
#define MOTE_CORE_POOL_H

#include <stdbool.h>

#include "mote/pool.h"

/* Starts or ends measuring how long the calling thread waits for the others. */
void mote_pool_watch(mote_pool *pool, bool on);

/* The seconds that it has waited since the watch began. */
double mote_pool_waited(const mote_pool *pool);

/* How many of so many cores the control groups mounted there let this container use. */
size_t mote_pool_cores_within(const char *control_groups, size_t cores);

#endif
