/* scratch.h: temporary files, and models saved to and loaded from them.
 */
#ifndef MOTE_CHECK_SCRATCH_H
#define MOTE_CHECK_SCRATCH_H

#include "mote/model.h"
#include "mote/status.h"

#define MOTE_SCRATCH_CAPACITY 512

/* Creates an empty file and writes its name to path [MOTE_SCRATCH_CAPACITY]. Remove it with
 * remove(). MOTE_FILE on failure. */
mote_status mote_scratch_create(char *path, mote_error *error);

/* Saves the model and loads it again. NULL on failure, with MOTE_DATA if its settings have changed;
 * owned by the caller. */
mote_model *mote_check_reload(const mote_model *model, mote_error *error);

#endif
