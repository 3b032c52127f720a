/* image_check.h: whether picture files are whole: what stb_image takes on trust.
 */
#ifndef MOTE_DATA_IMAGE_CHECK_H
#define MOTE_DATA_IMAGE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By the first bytes. */
bool mote_image_is_png(const uint8_t *bytes, size_t count);
bool mote_image_is_jpeg(const uint8_t *bytes, size_t count);

/* Checks what such a file is made up of, from its start to its end: NULL, or the reason why it
 * cannot be read. Other files pass. */
const char *mote_image_check(const uint8_t *bytes, size_t count);

extern const char mote_image_cut_short[]; /* one such reason */

/* What a file is that cannot be read, and what to do: for the formats that pictures often come in
 * under the name of another. NULL for others. */
const char *mote_image_foreign(const uint8_t *bytes, size_t count);

/* A segment of a JPEG file. */
typedef struct mote_image_segment {
    uint8_t code; /* of its marker */
    size_t content,
        length; /* where it is, and its bytes: behind the marker and the length itself */
    size_t end; /* where the next one is looked for; 0 to begin with */
} mote_image_segment;

/* Goes on to the next segment of a JPEG file, over what belongs to none, such as a scan's data.
 * False where there is none, or none that is whole: segment->code is then that of its marker, 0
 * where there is no marker, and the length is SIZE_MAX where it is too small to be one. */
bool mote_image_next_segment(const uint8_t *bytes, size_t count, mote_image_segment *segment);

#endif
