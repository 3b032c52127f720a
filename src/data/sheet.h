/* sheet.h: contact sheets: pictures with captions, side by side in one PNG file. */
#ifndef MOTE_DATA_SHEET_H
#define MOTE_DATA_SHEET_H

#include <stddef.h>
#include <stdint.h>

#include "mote/status.h"
#include "mote/tensor.h"

/* Of a caption, including its NUL. */
#define MOTE_CAPTION_CAPACITY 64

/* How many pictures of that shape fit on a sheet, at least 1. */
size_t mote_sheet_capacity(mote_shape shape);

/* Writes `count` samples [shape], 1 plane of grey or 3 of red, green and blue, row by row;
 * magnifies small ones and subsamples very large ones. Captions are printable ASCII; those too long
 * for their picture are cut, in place. */
mote_status mote_sheet_write(const char *path, mote_shape shape, size_t count,
                             const uint8_t *samples, char (*captions)[MOTE_CAPTION_CAPACITY],
                             mote_error *error);

#endif
