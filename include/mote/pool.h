/* pool.h: threads that share the tiles of one operation.
 *
 * Work is split into tiles whose number and extent depend on the operation alone, never on the
 * number of threads, and no two tiles write to the same place, so results are bit-identical with
 * any pool. Between operations the threads spin briefly, since the next one usually follows within
 * microseconds, and then sleep.
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

/* Creates a pool of `threads` threads, including the calling one; 0: one per core that this process
 * may use. Capped at 256. NULL on failure; owned by the caller. */
mote_pool *mote_pool_create(size_t threads, mote_error *error);
void mote_pool_destroy(mote_pool *pool);

/* The number of threads; 1 for NULL. */
size_t mote_pool_size(const mote_pool *pool);

/* The number of cores that this process may use, at least 1. */
size_t mote_pool_cores(void);

/* Runs task(context, 0 ... tiles - 1) and returns when all are done. If `pool` is NULL, or within a
 * task, runs them in order on the calling thread. Only one thread at a time may call this. */
void mote_pool_run(mote_pool *pool, size_t tiles, mote_task task, void *context);

#ifdef __cplusplus
}
#endif

#endif
