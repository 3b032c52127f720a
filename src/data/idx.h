/* idx.h: single IDX files, for prediction. */
#ifndef MOTE_DATA_IDX_H
#define MOTE_DATA_IDX_H

#include "data/format.h"

/* Loads the images of one file, without labels, into the content's memory. */
mote_status mote_idx_load(const char *path, mote_content *content, mote_samples *samples,
                          mote_error *error);

#endif
