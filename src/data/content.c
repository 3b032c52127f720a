/* content.c: the memory that a format loads into. */
#include <stdint.h>
#include <stdlib.h>

#include "data/format.h"

enum { ALIGNMENT = 64 };

void *mote_content_allocate(mote_content *content, size_t count, size_t size, const char *what,
                            mote_error *error) {
    void *block = NULL;
    size_t bytes = count > 0 ? count * size : 1; /* where it overflows, the next line says so */
    if (content->block_count == MOTE_MAX_CONTENT_BLOCKS || (size && count > SIZE_MAX / 2 / size) ||
        posix_memalign(&block, ALIGNMENT, bytes)) {
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
