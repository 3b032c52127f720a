/* scratch.h: files for temporary use, and models through them.
 */
#ifndef MOTE_CHECK_SCRATCH_H
#define MOTE_CHECK_SCRATCH_H

#include "mote/model.h"
#include "mote/status.h"

#define MOTE_SCRATCH_CAPACITY 512

/* Makes an empty file, to be removed with remove(). `path` holds MOTE_SCRATCH_CAPACITY bytes. */
mote_status mote_scratch_create(char *path, mote_error *error);

/* The model, saved and loaded again; with the same settings, or MOTE_DATA. NULL on failure. */
mote_model *mote_check_reload(const mote_model *model, mote_error *error);

#endif
