/* pool.h (internal): looking at a pool at work, and at what there is for it. */
#ifndef MOTE_CORE_POOL_H
#define MOTE_CORE_POOL_H

#include <stdbool.h>

#include "mote/pool.h"

/* Starts or ends measuring how long the calling thread waits for the others. */
void mote_pool_watch(mote_pool *pool, bool on);

/* The seconds that it has waited since the watch began. */
double mote_pool_waited(const mote_pool *pool);

/* Makes a pool of one thread take the tiles of an operation from the last to the first: what
 * depends on their order, as no result may, then comes out different. */
void mote_pool_reverse(mote_pool *pool);

/* What is told of each tile, in turn. */
typedef struct mote_observer {
    void (*begin)(void *context, size_t index, size_t tiles);
    void (*end)(void *context, size_t index);
    void *context;
} mote_observer;

/* Makes a pool of one thread tell of its tiles. The observer must outlive the pool. */
void mote_pool_observe(mote_pool *pool, const mote_observer *observer);

/* How many of so many cores the control groups mounted there let this container use. */
size_t mote_pool_cores_within(const char *control_groups, size_t cores);

#endif
