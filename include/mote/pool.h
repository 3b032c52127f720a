/* pool.h: threads that share out the tiles of one operation.
 *
 * Work is split into tiles whose number and extent depend on the operation alone, never on the
 * number of threads, and no two tiles write the same place; so results are the same to the bit with
 * any pool. Between operations the threads spin for a moment, since the next one usually follows
 * within microseconds, and then sleep.
 */
#ifndef MOTE_POOL_H
#define MOTE_POOL_H

#include <stddef.h>

#include "mote/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_pool mote_pool;

/* One tile of work. Called once for each index, on any thread, in any order. */
typedef void (*mote_task)(void *context, size_t index);

/* A pool of `threads` threads, the calling one among them; 0: one per core that this process may
 * use; at most 256. NULL on failure. The caller owns it. */
mote_pool *mote_pool_create(size_t threads, mote_error *error);
void mote_pool_destroy(mote_pool *pool);

/* How many threads work; 1 for NULL. */
size_t mote_pool_size(const mote_pool *pool);

/* How many cores this process may use, at least 1. */
size_t mote_pool_cores(void);

/* Runs task(context, 0 ... tiles - 1) and returns when all are done. With NULL, or from within a
 * task, runs them in order on the calling thread. One thread at a time may call this. */
void mote_pool_run(mote_pool *pool, size_t tiles, mote_task task, void *context);

#ifdef __cplusplus
}
#endif

#endif
