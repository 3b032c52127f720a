/* arena.c: one block of memory, measured first and carved afterwards. */
#include "core/arena.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* A multiple of the alignment, like `used`, so that rounding up cannot exceed it. */
static const size_t LARGEST = SIZE_MAX / 2 / MOTE_ALIGNMENT * MOTE_ALIGNMENT;

mote_status mote_arena_reserve(mote_arena *arena, const mote_arena *measured, mote_error *error) {
    *arena = (mote_arena){.capacity = measured->used};
    void *memory = measured->overflow ? NULL : mote_memory_allocate(measured->used);
    if (!memory) {
        return mote_fail(error, MOTE_MEMORY, "out of memory: %.1f MB are needed",
                         measured->overflow ? INFINITY : (double)measured->used / 1e6);
    }
    arena->memory = memory;
    return MOTE_OK;
}

mote_status mote_arena_allocate(mote_arena *arena, const mote_arena *measured, mote_error *error) {
    mote_status status = mote_arena_reserve(arena, measured, error);
    if (status == MOTE_OK) {
        memset(arena->memory, 0, measured->used);
    }
    return status;
}

void mote_arena_free(mote_arena *arena) {
    free(arena->memory);
    *arena = (mote_arena){0};
}

void *mote_arena_take(mote_arena *arena, size_t count, size_t size) {
    if (size && count > (LARGEST - arena->used) / size) {
        arena->overflow = true;
        return NULL;
    }
    size_t bytes = (count * size + MOTE_ALIGNMENT - 1) / MOTE_ALIGNMENT * MOTE_ALIGNMENT;
    size_t offset = arena->used;
    arena->used += bytes;
    if (!arena->memory) {
        return NULL;
    }
    assert(arena->used <= arena->capacity && "carving takes more than was measured");
    return arena->memory + offset;
}
