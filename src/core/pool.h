/* pool.h (internal): inspecting a pool at work, and the cores available to it. */
#ifndef MOTE_CORE_POOL_H
#define MOTE_CORE_POOL_H

#include <stdbool.h>

#include "mote/pool.h"

/* Starts or stops measuring how long the calling thread waits for the others. */
void mote_pool_watch(mote_pool *pool, bool on);

/* The seconds it has waited since mote_pool_watch. */
double mote_pool_waited(const mote_pool *pool);

/* Makes a pool of one thread run the tiles of an operation from last to first: a result that
 * depends on their order, as none may, then changes. */
void mote_pool_reverse(mote_pool *pool);

/* Called around each tile, in turn. */
typedef struct mote_observer {
    void (*begin)(void *context, size_t index, size_t tiles);
    void (*end)(void *context, size_t index);
    void *context;
} mote_observer;

/* Makes a pool of one thread report its tiles. The observer must outlive the pool. */
void mote_pool_observe(mote_pool *pool, const mote_observer *observer);

/* How many of `cores` the control groups mounted at `control_groups` let this container use. */
size_t mote_pool_cores_within(const char *control_groups, size_t cores);

#endif
