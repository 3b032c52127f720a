/* arena.c: one block of memory, measured first and carved afterwards. */
#include "core/arena.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* From this size on huge pages save enough TLB misses to be asked for. */
static const size_t HUGE_PAGE = (size_t)2 << 20;

/* A multiple of the alignment, as is what has been taken: rounding up cannot pass it. */
static const size_t LARGEST = SIZE_MAX / 2 / MOTE_ALIGNMENT * MOTE_ALIGNMENT;

mote_status mote_arena_allocate(mote_arena *arena, const mote_arena *measured, mote_error *error) {
    size_t alignment = measured->used >= HUGE_PAGE ? HUGE_PAGE : MOTE_ALIGNMENT;
    *arena = (mote_arena){.capacity = measured->used};
    void *memory = NULL;
    if (measured->overflow ||
        posix_memalign(&memory, alignment, measured->used ? measured->used : MOTE_ALIGNMENT)) {
        return mote_fail(error, MOTE_MEMORY, "out of memory: %.1f MB are needed",
                         measured->overflow ? INFINITY : (double)measured->used / 1e6);
    }
#ifdef MADV_HUGEPAGE
    if (alignment == HUGE_PAGE) {
        (void)madvise(memory, measured->used, MADV_HUGEPAGE); /* a hint; may be refused */
    }
#endif
    memset(memory, 0, measured->used);
    arena->memory = memory;
    return MOTE_OK;
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
