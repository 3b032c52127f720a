/* idx.h: single IDX files, sample by sample, for prediction. */
#ifndef MOTE_DATA_IDX_H
#define MOTE_DATA_IDX_H

#include <stdbool.h>
#include <stdint.h>

#include "mote/status.h"
#include "mote/tensor.h"

/* An open file, of which one sample at a time is in memory. */
typedef struct mote_idx_reader mote_idx_reader;

/* Opens a file and reads its header. NULL on failure. */
mote_idx_reader *mote_idx_open(const char *path, mote_error *error);
void mote_idx_close(mote_idx_reader *reader);

/* The shape of a sample; rank 0: the file holds labels. */
mote_shape mote_idx_shape(const mote_idx_reader *reader);

/* Reads the next sample [shape]; *more becomes false at the end, after checking that no data
 * follows. */
mote_status mote_idx_next(mote_idx_reader *reader, uint8_t *sample, bool *more, mote_error *error);

#endif
