/* orientation.c: how the camera was held, from the Exif data of a JPEG file, which stb_image
 * ignores.
 *
 * An APP1 segment of a JPEG file holds "Exif", two zeros and a TIFF file: its byte order, and the
 * offset of its first directory, a list of 12-byte entries. The one with tag 0x0112 is a number
 * from 1 to 8 that says which side of the stored picture is up (Exif 2.32, 4.5.4 and 4.6.4).
 */
#include "data/orientation.h"

#include <string.h>

#include "data/image_check.h"

enum {
    APP1 = 0xe1,
    SOS = 0xda, /* the picture begins: nothing after it is read */
    TAG = 0x0112,
    SHORT = 3, /* the type of its value */
    ENTRY_BYTES = 12
};

static const char exif[6] = "Exif\0";

/* The TIFF file. */
typedef struct tiff {
    const uint8_t *bytes;
    size_t count;
    bool little_endian;
} tiff;

static unsigned read_16(const tiff *t, size_t at) {
    unsigned first = t->bytes[at], second = t->bytes[at + 1];
    return t->little_endian ? second << 8 | first : first << 8 | second;
}

static size_t read_32(const tiff *t, size_t at) {
    size_t first = read_16(t, at), second = read_16(t, at + 2);
    return t->little_endian ? second << 16 | first : first << 16 | second;
}

/* The number from 1 to 8; 1 if it is missing or invalid. */
static unsigned read_tiff(tiff t) {
    if (t.count < 8 || (memcmp(t.bytes, "II", 2) != 0 && memcmp(t.bytes, "MM", 2) != 0)) {
        return 1;
    }
    t.little_endian = t.bytes[0] == 'I';
    size_t at = read_32(&t, 4);
    if (at > t.count - 2) {
        return 1;
    }
    size_t entries = read_16(&t, at), room = (t.count - at - 2) / ENTRY_BYTES;
    at += 2;
    for (size_t i = 0; i < entries && i < room; i++, at += ENTRY_BYTES) {
        if (read_16(&t, at) == TAG && read_16(&t, at + 2) == SHORT) {
            unsigned number = read_16(&t, at + 8);
            return number >= 1 && number <= 8 ? number : 1;
        }
    }
    return 1;
}

static mote_orientation from_number(unsigned number) {
    return (mote_orientation){
        .transposed = number >= 5,
        .rows_reversed = number == 3 || number == 4 || number == 6 || number == 7,
        .columns_reversed = number == 2 || number == 3 || number == 7 || number == 8};
}

mote_orientation mote_orientation_find(const uint8_t *bytes, size_t count) {
    mote_image_segment segment = {0};
    while (mote_image_is_jpeg(bytes, count) && mote_image_next_segment(bytes, count, &segment) &&
           segment.code != SOS) {
        const uint8_t *content = bytes + segment.content;
        if (segment.code == APP1 && segment.length >= sizeof exif &&
            memcmp(content, exif, sizeof exif) == 0) {
            return from_number(read_tiff(
                (tiff){.bytes = content + sizeof exif, .count = segment.length - sizeof exif}));
        }
    }
    return from_number(1);
}

bool mote_orientation_turns(mote_orientation orientation) {
    return orientation.transposed || orientation.rows_reversed || orientation.columns_reversed;
}

void mote_orientation_apply(mote_orientation orientation, size_t height, size_t width,
                            size_t channels, const uint8_t *from, uint8_t *to) {
    size_t rows = orientation.transposed ? width : height;
    size_t columns = orientation.transposed ? height : width;
    for (size_t y = 0; y < rows; y++) {
        for (size_t x = 0; x < columns; x++, to += channels) {
            size_t row = orientation.transposed ? x : y, column = orientation.transposed ? y : x;
            row = orientation.rows_reversed ? height - 1 - row : row;
            column = orientation.columns_reversed ? width - 1 - column : column;
            memcpy(to, from + (row * width + column) * channels, channels);
        }
    }
}
