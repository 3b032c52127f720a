/* content.c: the memory that a format loads into. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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
    content->blocks[content->block_count++] = (mote_content_block){.memory = block};
    return block;
}

const void *mote_content_map(mote_content *content, int file, size_t bytes, const char *what,
                             mote_error *error) {
    errno = ENOMEM;
    bool fits = content->block_count < MOTE_MAX_CONTENT_BLOCKS;
    void *memory = fits ? mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
    if (memory == MAP_FAILED) {
        mote_fail(error, MOTE_FILE, "%s: cannot be mapped into memory: %s", what, strerror(errno));
        return NULL;
    }
    content->blocks[content->block_count++] =
        (mote_content_block){.memory = memory, .mapped = bytes};
    return memory;
}

void mote_content_take(mote_content *content, mote_content *from) {
    assert(content->block_count + from->block_count <= MOTE_MAX_CONTENT_BLOCKS);
    memcpy(content->blocks + content->block_count, from->blocks,
           from->block_count * sizeof *from->blocks);
    content->block_count += from->block_count;
    content->train = from->train;
    content->test = from->test;
    content->validation = from->validation;
    content->class_names = from->class_names;
    content->class_count = from->class_count;
    content->lines = from->lines;
    from->block_count = 0;
    mote_content_free(from);
}

void mote_content_free(mote_content *content) {
    for (size_t i = 0; i < content->block_count; i++) {
        const mote_content_block *block = &content->blocks[i];
        if (block->mapped) {
            munmap(block->memory, block->mapped);
        } else {
            free(block->memory);
        }
    }
    free(content->input);
    *content = (mote_content){0};
}
