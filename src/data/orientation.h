/* orientation.h: how the camera was held.
 */
#ifndef MOTE_DATA_ORIENTATION_H
#define MOTE_DATA_ORIENTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How to turn a stored picture upright: first reverse its rows, its columns or both, then transpose
 * it if needed. */
typedef struct mote_orientation {
    bool transposed, rows_reversed, columns_reversed;
} mote_orientation;

/* The orientation of a JPEG file by its Exif data; that of the stored picture if those are missing
 * or invalid. */
mote_orientation mote_orientation_find(const uint8_t *bytes, size_t count);

/* Whether the picture has to be changed at all. */
bool mote_orientation_turns(mote_orientation orientation);

/* Copies a stored picture of `height` × `width` interleaved pixels, turned upright, into to
 * [width × height × channels] if transposed, else [height × width × channels]. */
void mote_orientation_apply(mote_orientation orientation, size_t height, size_t width,
                            size_t channels, const uint8_t *from, uint8_t *to);

#endif
