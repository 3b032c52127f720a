/* content.c: the memory that a format loads into. */
#include <stdint.h>
#include <stdlib.h>

#include "core/memory.h"
#include "data/format.h"

void *mote_content_allocate(mote_content *content, size_t count, size_t size, const char *what,
                            mote_error *error) {
    bool fits = content->block_count < MOTE_MAX_CONTENT_BLOCKS &&
                (size == 0 || count <= SIZE_MAX / 2 / size);
    void *block = fits ? mote_memory_allocate(count * size) : NULL;
    if (!block) {
        mote_fail(error, MOTE_MEMORY, "%s: out of memory: %.1f MB are needed", what,
                  (double)count * (double)size / 1e6);
        return NULL;
    }
    content->blocks[content->block_count++] = block;
    return block;
}

void mote_content_free(mote_content *content) {
    for (size_t i = 0; i < content->block_count; i++) {
        free(content->blocks[i]);
    }
    *content = (mote_content){0};
}
