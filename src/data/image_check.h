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

/* Checks what such a file is made up of, from its start to its end: NULL, or the reason why it cannot
 * be read. Other files pass. */
const char *mote_image_check(const uint8_t *bytes, size_t count);

extern const char mote_image_cut_short[]; /* one such reason */

#endif
