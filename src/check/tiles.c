/* tiles.c: checks that no two tiles of an operation write to the same place, where a thread would
 * sometimes overwrite what another is about to read.
 *
 * Tiles run one after the other; after each one, memory is compared with its previous contents.
 */
#include "check/tiles.h"

#include <stdint.h>
#include <string.h>

#include "core/pool.h"

enum {
    MOST_REGIONS = 8,
    GRAIN = 4, /* bytes compared as a unit: a float */
    BLOCK = 1 << 10,
    WATCHED = 16 /* tiles of an operation: the others run the same code */
};

typedef struct region {
    const char *name;
    const unsigned char *memory;
    size_t bytes;
    unsigned char *before; /* [bytes]: its contents before the current tile */
    uint32_t *writers;     /* [bytes / GRAIN]: the tile that wrote there, from 1; 0: none */
} region;

typedef struct watch {
    region regions[MOST_REGIONS];
    size_t count;
    mote_arena memory;
    mote_error error; /* the first two tiles that write to the same place */
} watch;

static void add_region(watch *w, const char *name, const void *memory, size_t bytes) {
    if (w->count < MOST_REGIONS && bytes >= GRAIN) {
        w->regions[w->count++] = (region){.name = name, .memory = memory, .bytes = bytes};
    }
}

static void find_regions(watch *w, const mote_alone *alone) {
    const mote_model *model = alone->model;
    add_region(w, "scratch memory or y", model->workspace.memory, model->workspace.capacity);
    add_region(w, "dx or a gradient", alone->memory.memory, alone->memory.capacity);
    add_region(w, "a parameter or buffer", model->values.memory, model->values.capacity);
    for (size_t i = 0; i < model->layers->count; i++) {
        const mote_layer *layer = model->layers->layers[i];
        add_region(w, "the layer's struct", layer, layer->kind->size);
    }
}

static void carve(watch *w, mote_arena *arena) {
    for (size_t i = 0; i < w->count; i++) {
        region *r = &w->regions[i];
        r->before = mote_arena_take(arena, r->bytes, 1);
        r->writers = mote_arena_take(arena, r->bytes / GRAIN, sizeof *r->writers);
    }
}

static void begin_tile(void *context, size_t index, size_t tiles) {
    (void)tiles;
    watch *w = context;
    for (size_t i = 0; i < w->count && index == 0; i++) {
        region *r = &w->regions[i];
        memcpy(r->before, r->memory, r->bytes);
        memset(r->writers, 0, r->bytes / GRAIN * sizeof *r->writers);
    }
}

/* Records where in these bytes the tile wrote. */
static void note_writes(watch *w, region *r, size_t begin, size_t end, size_t tile) {
    for (size_t at = begin; at < end; at += GRAIN) {
        if (memcmp(r->before + at, r->memory + at, GRAIN) == 0) {
            continue;
        }
        uint32_t *writer = &r->writers[at / GRAIN];
        if (*writer != 0) {
            mote_fail(&w->error, MOTE_DATA,
                      "tiles %u and %zu of an operation write the same place, in %s", *writer - 1,
                      tile, r->name);
            return;
        }
        *writer = (uint32_t)tile + 1;
    }
}

static void end_tile(void *context, size_t index) {
    watch *w = context;
    for (size_t i = 0; i < w->count && index < WATCHED; i++) {
        region *r = &w->regions[i];
        for (size_t begin = 0; begin < r->bytes; begin += BLOCK) {
            size_t left = r->bytes - begin, bytes = left < BLOCK ? left : BLOCK;
            if (memcmp(r->before + begin, r->memory + begin, bytes) != 0) {
                note_writes(w, r, begin, begin + bytes, index);
                memcpy(r->before + begin, r->memory + begin, bytes);
            }
        }
    }
}

static mote_status run(watch *w, mote_alone *alone, mote_error *error) {
    const mote_observer observer = {.begin = begin_tile, .end = end_tile, .context = w};
    mote_pool *pool = mote_pool_create(1, error);
    if (!pool) {
        return MOTE_MEMORY;
    }
    mote_pool_observe(pool, &observer);
    const mote_trial trial = {
        .pool = pool, .rows = alone->batch, .hands_over = true, .memory = 0xff};
    mote_status status = mote_alone_run(alone, &trial, alone->results, error);
    mote_pool_destroy(pool);
    return status;
}

mote_status mote_check_tiles(mote_alone *alone, mote_error *error) {
    watch w = {0};
    find_regions(&w, alone);
    mote_arena measured = mote_arena_measure();
    carve(&w, &measured);
    mote_status status = mote_arena_allocate(&w.memory, &measured, error);
    if (status == MOTE_OK) {
        carve(&w, &w.memory);
        status = run(&w, alone, error);
    }
    if (status == MOTE_OK && w.error.status != MOTE_OK) {
        status = mote_fail(error, w.error.status, "%s", w.error.message);
    }
    mote_arena_free(&w.memory);
    return status;
}
