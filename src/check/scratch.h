/* scratch.h: files for temporary use. */
#ifndef MOTE_CHECK_SCRATCH_H
#define MOTE_CHECK_SCRATCH_H

#include "mote/status.h"

#define MOTE_SCRATCH_CAPACITY 512

/* Makes an empty file for temporary use, to be removed with remove(). `path` holds
 * MOTE_SCRATCH_CAPACITY bytes. */
mote_status mote_scratch_create(char *path, mote_error *error);

#endif
