/* arena.h: one block of memory, measured first and carved afterwards.
 *
 * A planning routine runs twice. On an arena without memory (mote_arena_measure), takes return NULL
 * and only add up; mote_arena_allocate then allocates what was measured, and the same routine takes
 * the same pieces out of it, in the same order.
 */
#ifndef MOTE_CORE_ARENA_H
#define MOTE_CORE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "mote/status.h"

typedef struct mote_arena {
    unsigned char *memory; /* NULL while measuring */
    size_t used, capacity;
    bool overflow; /* the sum does not fit size_t */
} mote_arena;

static inline mote_arena mote_arena_measure(void) {
    return (mote_arena){0};
}

/* A zeroed arena of as many bytes as `measured` took. Free it with mote_arena_free. */
mote_status mote_arena_allocate(mote_arena *arena, const mote_arena *measured, mote_error *error);

/* The same, but not zeroed: pages that are never written take no memory. */
mote_status mote_arena_reserve(mote_arena *arena, const mote_arena *measured, mote_error *error);
void mote_arena_free(mote_arena *arena);

/* `count` entries of `size` bytes, 64-byte aligned; NULL while measuring. */
void *mote_arena_take(mote_arena *arena, size_t count, size_t size);

/* True if everything measured has been taken, as every planning routine asserts. */
static inline bool mote_arena_complete(const mote_arena *arena) {
    return arena->used == arena->capacity;
}

#endif
