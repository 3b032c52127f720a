/* orientation.h: how a camera was held.
 */
#ifndef MOTE_DATA_ORIENTATION_H
#define MOTE_DATA_ORIENTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a stored picture becomes the one to be seen: first rows and columns change places, then each
 * of both may run the other way. */
typedef struct mote_orientation {
    bool transposed, rows_reversed, columns_reversed;
} mote_orientation;

/* That of a JPEG file, by its Exif data; as it is stored where there is none, or none that makes
 * sense. */
mote_orientation mote_orientation_find(const uint8_t *bytes, size_t count);

/* Whether anything has to be done. */
bool mote_orientation_turns(mote_orientation orientation);

/* Copies a stored picture of `height` × `width` interleaved pixels so that it can be seen: to
 * to [width × height × channels] where it is transposed, to [height × width × channels]
 * elsewhere. */
void mote_orientation_apply(mote_orientation orientation, size_t height, size_t width,
                            size_t channels, const uint8_t *from, uint8_t *to);

#endif
