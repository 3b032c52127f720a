/* memory.h: allocation of large blocks. */
#ifndef MOTE_CORE_MEMORY_H
#define MOTE_CORE_MEMORY_H

#include <stddef.h>

#define MOTE_ALIGNMENT 64

/* `bytes` bytes, at least 64-byte aligned, not initialised; NULL when out of memory. Free it with
 * free(). Large blocks are put on huge pages if the system has them: samples are read in random
 * order, and with small pages nearly every one would cost a TLB miss. */
void *mote_memory_allocate(size_t bytes);

#endif
