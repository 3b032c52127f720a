/* loading.h: what the code that loads data is given, and how it reports progress and notices.
 */
#ifndef MOTE_DATA_LOADING_H
#define MOTE_DATA_LOADING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mote/pool.h"
#include "mote/status.h"

/* Either a notice or progress. */
typedef struct mote_load_event {
    const char *notice; /* for the user, one line; NULL: progress */
    const char *what;   /* the activity: "decoding images" */
    size_t done, total; /* how much of it, in its own units */
} mote_load_event;

/* Returns false to stop loading. */
typedef bool (*mote_load_listener)(void *context, const mote_load_event *event);

/* A NULL pointer to it means one thread and no reports. */
typedef struct mote_loading {
    uint64_t seed;   /* the config's, for generating and splitting; set by the data set itself */
    bool test_only;  /* training samples are not needed: a format may leave them out */
    mote_pool *pool; /* NULL: one thread */
    mote_load_listener listener; /* may be NULL */
    void *listener_context;
} mote_loading;

/* Reports progress; cheap enough for each file or megabyte. Call it from the loading thread, not
 * from tasks. False: the listener wants to stop; return mote_load_stopped(error). */
bool mote_load_progress(const mote_loading *loading, const char *what, size_t done, size_t total);
mote_status mote_load_stopped(mote_error *error);

/* Gives the user a notice, without a newline: "pets.cache: rebuilding the cache: it is damaged". */
void mote_load_notice(const mote_loading *loading, const char *format, ...) MOTE_PRINTF_LIKE(2, 3);

#endif
