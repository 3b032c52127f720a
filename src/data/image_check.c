/* image_check.c: integrity checks on picture files that stb_image skips.
 *
 * It ignores the checksums of PNG files, and lets the Huffman tables of JPEG files overflow its
 * buffers (version 2.27).
 */
#include "data/image_check.h"

#include <string.h>
#include <zlib.h>

const char mote_image_cut_short[] = "it is cut short";

static const char damaged_tables[] = "it is damaged: its Huffman tables are not possible";

/* The markers of a JPEG file that matter here (ITU-T T.81, table B.1). */
enum {
    SOI = 0xd8,     /* the start; has no segment */
    DHT = 0xc4,     /* Huffman tables */
    RST0 = 0xd0,    /* up to RST7: have no segment, occur within scan data */
    EOI = 0xd9,     /* the end */
    TABLE_HEAD = 17 /* bytes of a table before its values */
};

static bool is_png(const uint8_t *bytes, size_t count) {
    return count >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0;
}

/* As in stb_image, which accepts any number of 0xff bytes before a marker's code. */
bool mote_image_is_jpeg(const uint8_t *bytes, size_t count) {
    size_t at = 0;
    while (at < count && bytes[at] == 0xff) {
        at++;
    }
    return at > 0 && at < count && bytes[at] == SOI;
}

static size_t big_endian(const uint8_t *b) {
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

/* A chunk is its length, a type of four letters, data, and a checksum of type and data. */
static const char *check_png(const uint8_t *bytes, size_t count) {
    bool last = false;
    for (size_t at = 8; !last;) {
        size_t length = count - at >= 12 ? big_endian(bytes + at) : SIZE_MAX;
        if (length > count - at || count - at - length < 12) {
            return mote_image_cut_short;
        }
        const uint8_t *type = bytes + at + 4;
        if (crc32(0, type, (uInt)length + 4) != big_endian(type + 4 + length)) {
            return "it is damaged: a checksum is wrong";
        }
        last = memcmp(type, "IEND", 4) == 0;
        at += length + 12;
    }
    return NULL;
}

/* Checks a segment of Huffman tables. Each table is a byte that identifies it, 16 bytes that count
 * its codes of 1 to 16 bits, and the codes' values. */
static const char *check_tables(const uint8_t *at, size_t length) {
    while (length >= TABLE_HEAD) {
        size_t values = 0, room = 1; /* prefixes of `bits` bits that no code starts with */
        for (size_t bits = 1; bits <= 16; bits++) {
            size_t codes = at[bits];
            room = 2 * room;
            if (codes > room) {
                return damaged_tables;
            }
            room -= codes;
            values += codes;
        }
        if (values > 256 || values > length - TABLE_HEAD) {
            return damaged_tables;
        }
        at += TABLE_HEAD + values;
        length -= TABLE_HEAD + values;
    }
    return length == 0 ? NULL : damaged_tables;
}

/* The offset of the next marker's two bytes, skipping what belongs to none, such as scan data,
 * where a 0 follows each 0xff. `count` if there is none. */
static size_t next_marker(const uint8_t *bytes, size_t count, size_t at) {
    for (; at + 1 < count; at++) {
        uint8_t code = bytes[at + 1];
        bool alone = code == 0 || code == SOI || code == 0xff || (code >= RST0 && code < RST0 + 8);
        if (bytes[at] == 0xff && !alone) {
            return at;
        }
    }
    return count;
}

/* The marker is followed by the length, which includes its own two bytes, and the content. */
bool mote_image_next_segment(const uint8_t *bytes, size_t count, mote_image_segment *segment) {
    size_t at = next_marker(bytes, count, segment->end), left = count - at;
    *segment = (mote_image_segment){.code = left ? bytes[at + 1] : 0, .content = at + 4};
    if (left < 4 || segment->code == EOI) {
        return false;
    }
    size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
    segment->length = length < 2 ? SIZE_MAX : length - 2;
    segment->end = at + 2 + length;
    return length >= 2 && length <= left - 2;
}

static const char *check_jpeg(const uint8_t *bytes, size_t count) {
    mote_image_segment segment = {0};
    while (mote_image_next_segment(bytes, count, &segment)) {
        const char *reason =
            segment.code == DHT ? check_tables(bytes + segment.content, segment.length) : NULL;
        if (reason) {
            return reason;
        }
    }
    return segment.code == EOI          ? NULL
           : segment.length == SIZE_MAX ? "it is damaged: a segment has no length"
                                        : mote_image_cut_short;
}

/* stb_image negates negative heights, which overflows for this one. */
static const char *check_bmp(const uint8_t *bytes, size_t count) {
    static const uint8_t least[] = {0, 0, 0, 0x80};
    return count >= 26 && memcmp(bytes + 22, least, 4) == 0 ? "it is damaged: its height is -2^31"
                                                            : NULL;
}

const char *mote_image_check(const uint8_t *bytes, size_t count) {
    return is_png(bytes, count)                        ? check_png(bytes, count)
           : mote_image_is_jpeg(bytes, count)          ? check_jpeg(bytes, count)
           : count >= 2 && memcmp(bytes, "BM", 2) == 0 ? check_bmp(bytes, count)
                                                       : NULL;
}

/* Whether it is an ISO base media file with one of these brands (ISO/IEC 23008-12, and AVIF). */
static bool is_heif(const uint8_t *bytes, size_t count) {
    static const char *const brands[] = {"heic", "heix", "hevc", "heim", "heis",
                                         "mif1", "msf1", "avif", "avis"};
    for (size_t i = 0; count >= 12 && i < sizeof brands / sizeof *brands; i++) {
        if (memcmp(bytes + 4, "ftyp", 4) == 0 && memcmp(bytes + 8, brands[i], 4) == 0) {
            return true;
        }
    }
    return false;
}

const char *mote_image_foreign(const uint8_t *bytes, size_t count) {
    if (count >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0) {
        return "it is a WebP picture; convert it to PNG or JPEG";
    }
    if (count >= 4 && memcmp(bytes, "GIF8", 4) == 0) {
        return "it is a GIF picture; convert it to PNG";
    }
    if (count >= 4 && (memcmp(bytes, "II*\0", 4) == 0 || memcmp(bytes, "MM\0*", 4) == 0)) {
        return "it is a TIFF picture; convert it to PNG or JPEG";
    }
    return is_heif(bytes, count) ? "it is a HEIC or AVIF picture; convert it to PNG or JPEG" : NULL;
}
