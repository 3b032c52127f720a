/* pictures.h: picture files of all formats, written by tests.
 */
#ifndef MOTE_TESTS_PICTURES_H
#define MOTE_TESTS_PICTURES_H

#include <criterion/criterion.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "scratch.h"

/* A chunk of a PNG file: length, type, data, checksum of type and data. */
static inline void write_chunk(FILE *stream, const char *type, const void *data, size_t count) {
    unsigned long crc = crc32(crc32(0, (const Bytef *)type, 4), data, (uInt)count);
    for (int shift = 24; shift >= 0; shift -= 8) {
        fputc((int)(count >> shift & 255), stream);
    }
    fwrite(type, 1, 4, stream);
    fwrite(data, 1, count, stream);
    for (int shift = 24; shift >= 0; shift -= 8) {
        fputc((int)(crc >> shift & 255), stream);
    }
}

/* PNG's types of pixels. */
typedef enum png_colours {
    PNG_GREY = 0,
    PNG_RGB = 2,
    PNG_PALETTE = 3,
    PNG_GREY_ALPHA = 4,
    PNG_RGBA = 6,
} png_colours;

/* Rows of packed pixels, top first; what is not needed stays 0. */
typedef struct png_file {
    size_t width, height, depth; /* depth: bits per channel */
    png_colours colours;
    const uint8_t *rows;
    size_t row_bytes;
    const char *palette, *transparent;
    size_t palette_bytes, transparent_bytes;
} png_file;

static inline void write_png_file(const char *path, const png_file *png) {
    uint8_t raw[8192], packed[16384];
    size_t count = 0;
    for (size_t y = 0; y < png->height; y++) {
        raw[count++] = 0; /* no filter */
        memcpy(raw + count, png->rows + y * png->row_bytes, png->row_bytes);
        count += png->row_bytes;
    }
    uLongf packed_count = sizeof packed;
    cr_assert_eq(compress(packed, &packed_count, raw, count), Z_OK);
    uint8_t header[13] = {0};
    for (size_t i = 0; i < 4; i++) {
        header[i] = (uint8_t)(png->width >> (24 - 8 * i));
        header[4 + i] = (uint8_t)(png->height >> (24 - 8 * i));
    }
    header[8] = (uint8_t)png->depth;
    header[9] = (uint8_t)png->colours;
    FILE *stream = fopen(path, "wb");
    cr_assert(stream, "%s", path);
    fwrite("\x89PNG\r\n\x1a\n", 1, 8, stream);
    write_chunk(stream, "IHDR", header, sizeof header);
    if (png->palette) {
        write_chunk(stream, "PLTE", png->palette, png->palette_bytes);
    }
    if (png->transparent) {
        write_chunk(stream, "tRNS", png->transparent, png->transparent_bytes);
    }
    write_chunk(stream, "IDAT", packed, packed_count);
    write_chunk(stream, "IEND", "", 0);
    cr_assert_eq(fclose(stream), 0);
}

/* pixels [height × width × channels] of 8 bits; `transparent` is the transparent colour, 16 bits
 * per channel, or NULL. */
static inline void write_png(const char *path, png_colours colours, size_t width, size_t height,
                             const uint8_t *pixels, const char *transparent,
                             size_t transparent_count) {
    static const size_t channels_of[] = {
        [PNG_GREY] = 1, [PNG_RGB] = 3, [PNG_GREY_ALPHA] = 2, [PNG_RGBA] = 4};
    png_file png = {.width = width,
                    .height = height,
                    .depth = 8,
                    .colours = colours,
                    .rows = pixels,
                    .row_bytes = width * channels_of[colours],
                    .transparent = transparent,
                    .transparent_bytes = transparent_count};
    write_png_file(path, &png);
}

/* A 24-bit BMP file: rows from the bottom, blue first, padded to 4 bytes. */
static inline void write_bmp(const char *path, size_t width, size_t height, const uint8_t *rgb) {
    size_t row = (3 * width + 3) / 4 * 4, size = 54 + row * height;
    uint8_t bytes[1024] = {'B', 'M', (uint8_t)size, (uint8_t)(size >> 8)};
    bytes[10] = 54;
    bytes[14] = 40;
    bytes[18] = (uint8_t)width;
    bytes[22] = (uint8_t)height;
    bytes[26] = 1;
    bytes[28] = 24;
    for (size_t i = 0; i < width * height; i++) {
        for (size_t c = 0; c < 3; c++) {
            bytes[54 + (height - 1 - i / width) * row + i % width * 3 + c] = rgb[3 * i + 2 - c];
        }
    }
    scratch_write(path, bytes, size);
}

static inline void write_pnm(const char *path, const char *header, const uint8_t *pixels,
                             size_t count) {
    uint8_t bytes[4096];
    size_t length = strlen(header);
    memcpy(bytes, header, length);
    memcpy(bytes + length, pixels, count);
    scratch_write(path, bytes, length + count);
}

/* A JPEG file of 8 × 8 pixels of red 200, green 100, blue 30. */
static const char JPEG[] =
    "ffd8ffe000104a46494600010100000100010000ffdb008400020101010101020101010202020202040302020202"
    "0504040304060506060605060606070908060709070606080b08090a0a0a0a0a06080b0c0b0a0c090a0a0a010202"
    "02020202050303050a0706070a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
    "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0affc00011080008000803011100021101031101ffc401a200000105010101"
    "01010100000000000000000102030405060708090a0b100002010303020403050504040000017d01020300041105"
    "122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a343536"
    "3738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a9293"
    "9495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3"
    "e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa0100030101010101010101010000000000000102030405060708090a0b"
    "1100020102040403040705040400010277000102031104052131061241510761711322328108144291a1b1c10923"
    "3352f0156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a63"
    "6465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5"
    "b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9faffda000c03"
    "010002110311003f00c7afe303fb7cffd9";

/* Reads bytes of two hexadecimal digits each; returns how many. */
static inline size_t read_digits(const char *digits, uint8_t *bytes) {
    size_t count = 0;
    for (; digits[2 * count]; count++) {
        unsigned byte;
        cr_assert_eq(sscanf(digits + 2 * count, "%2x", &byte), 1);
        bytes[count] = (uint8_t)byte;
    }
    return count;
}

static inline void write_jpeg(const char *path) {
    uint8_t bytes[sizeof JPEG / 2];
    scratch_write(path, bytes, read_digits(JPEG, bytes));
}

/* A JPEG file of 24 × 16 grey pixels, in blocks of 8 × 8: 20, 60, 100 above 140, 180, 220. */
static const char JPEG_BLOCKS[] =
    "ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a"
    "070706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffc0000b08"
    "0010001801011100ffc4001500010100000000000000000000000000000709ffc40014100100000000000000000000"
    "000000000000ffda0008010100003f009be6b351acd66a7fffd9";

/* A TGA file: `kind` is 2 for colour (blue first), 3 for grey, plus 8 if it is compressed; rows
 * from the top. `bytes` follow the header. */
static inline void write_tga(const char *path, uint8_t kind, size_t width, size_t height,
                             uint8_t bits, const uint8_t *bytes, size_t count) {
    uint8_t file[4096] = {0};
    file[2] = kind;
    file[12] = (uint8_t)width;
    file[14] = (uint8_t)height;
    file[16] = bits;
    file[17] = 0x20; /* rows from the top */
    memcpy(file + 18, bytes, count);
    scratch_write(path, file, 18 + count);
}

#endif
