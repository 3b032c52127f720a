/* cache.h: decoded samples in a file, so that they are decoded once and need not fit into memory.
 *
 * A cache is keyed by a text that says what it was made from: the format, its relevant settings,
 * and each file with its size and modification time. The next start maps it into memory. If
 * anything is wrong with it, it is rebuilt with a notice to the user; if it cannot be written,
 * training continues in memory, also with a notice.
 *
 *     if (!mote_cache_open(path, key, loading, content)) {
 *         mote_cache *cache = mote_cache_create(path, shape, most, loading, content, error);
 *         mote_cache_add(cache, count, samples, error);  ... training samples first, then test
 *         mote_cache_finish(cache, key, &rest, error);
 *     }
 */
#ifndef MOTE_DATA_CACHE_H
#define MOTE_DATA_CACHE_H

#include "data/format.h"

typedef struct mote_cache mote_cache; /* one being made */

/* Fills the content's samples, labels and class names from the cache at `path`. False if there is
 * none, or it is unusable: damaged, made by another version, or from something other than `key`
 * says. */
bool mote_cache_open(const char *path, const char *key, const mote_loading *loading,
                     mote_content *content);

/* A cache for at most `most` 8-bit samples, in memory if `path` is NULL or cannot be written. NULL
 * on failure. `content` and `loading` must outlive it. */
mote_cache *mote_cache_create(const char *path, mote_shape shape, size_t most,
                              const mote_loading *loading, mote_content *content,
                              mote_error *error);

/* Appends samples [count × shape]. */
mote_status mote_cache_add(mote_cache *cache, size_t count, const uint8_t *samples,
                           mote_error *error);

/* What a cache holds besides samples; all of it is copied. */
typedef struct mote_cache_rest {
    size_t train, test;     /* samples; together as many as were added */
    size_t validation;      /* as in mote_content */
    const uint32_t *labels; /* [train + test] */
    const char *const *class_names;
    size_t class_count;
    const char
        *note; /* to be repeated at each start, such as how many files are left out; or NULL */
} mote_cache_rest;

/* Moves the cache into place and fills the content from it. Frees the cache, on failure too. */
mote_status mote_cache_finish(mote_cache *cache, const char *key, const mote_cache_rest *rest,
                              mote_error *error);

/* Frees a cache and removes what was written. `cache` may be NULL. */
void mote_cache_abandon(mote_cache *cache);

#endif
