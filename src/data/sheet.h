/* sheet.h: pictures beside each other in one PNG file, each with a caption. */
#ifndef MOTE_DATA_SHEET_H
#define MOTE_DATA_SHEET_H

#include <stddef.h>
#include <stdint.h>

#include "mote/status.h"
#include "mote/tensor.h"

/* Of a caption, with its NUL. */
#define MOTE_CAPTION_CAPACITY 64

/* How many pictures of that shape a sheet has room for, at least 1. */
size_t mote_sheet_capacity(mote_shape shape);

/* Writes `count` samples [shape], 1 or 3 planes of grey or of red, green and blue, row by row;
 * small ones magnified, very large ones thinned out. Captions are printable ASCII; what is too long
 * for its picture is cut. */
mote_status mote_sheet_write(const char *path, mote_shape shape, size_t count,
                             const uint8_t *samples, char (*captions)[MOTE_CAPTION_CAPACITY],
                             mote_error *error);

#endif
