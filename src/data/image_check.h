/* image_check.h: integrity checks on picture files that stb_image skips.
 */
#ifndef MOTE_DATA_IMAGE_CHECK_H
#define MOTE_DATA_IMAGE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Judged by the first bytes. */
bool mote_image_is_jpeg(const uint8_t *bytes, size_t count);

/* Checks the structure of a PNG or JPEG file from start to end, and the height of a BMP file. NULL,
 * or the reason why it cannot be read. Other files pass. */
const char *mote_image_check(const uint8_t *bytes, size_t count);

extern const char mote_image_cut_short[]; /* one such reason */

/* Names an unsupported format and the remedy, for formats that often come under another one's file
 * name. NULL for others. */
const char *mote_image_foreign(const uint8_t *bytes, size_t count);

/* A segment of a JPEG file. */
typedef struct mote_image_segment {
    uint8_t code; /* of its marker */
    size_t content,
        length; /* offset and size in bytes, without the marker and the length field itself */
    size_t end; /* where to look for the next one; initially 0 */
} mote_image_segment;

/* Advances to the next segment of a JPEG file, skipping what belongs to none, such as scan data.
 * False if there is none, or it is incomplete: segment->code is then its marker's code, or 0
 * without a marker, and the length is SIZE_MAX if the length field is too small to be valid. */
bool mote_image_next_segment(const uint8_t *bytes, size_t count, mote_image_segment *segment);

#endif
