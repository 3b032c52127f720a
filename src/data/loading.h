/* loading.h: what those who load data are told, and what they tell those who wait.
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
    const char *notice; /* a word to the user, one line; NULL: progress */
    const char *what;   /* is going on: "decoding images" */
    size_t done, total; /* how much of it, in units of its own */
} mote_load_event;

/* Returns false to stop loading. */
typedef bool (*mote_load_listener)(void *context, const mote_load_event *event);

/* NULL where a pointer to it is wanted: alone, and silent. */
typedef struct mote_loading {
    uint64_t seed;   /* the config's, for what is made up or split; a data set sets it by itself */
    bool test_only;  /* nobody wants the training samples: a format may leave them out */
    mote_pool *pool; /* NULL: one thread */
    mote_load_listener listener; /* may be NULL */
    void *listener_context;
} mote_loading;

/* Says how far it is; cheap enough for each file or megabyte. Called by the thread that loads, not
 * from tasks. False: the caller wants an end; return mote_load_stopped(error). */
bool mote_load_progress(const mote_loading *loading, const char *what, size_t done, size_t total);
mote_status mote_load_stopped(mote_error *error);

/* A word to the user, without a newline: "pictures.cache: made by another version: built again". */
void mote_load_notice(const mote_loading *loading, const char *format, ...) MOTE_PRINTF_LIKE(2, 3);

#endif
