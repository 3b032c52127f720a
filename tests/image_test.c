/* image_test.c: turning picture files into samples. */
#include <criterion/criterion.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/image.h"
#include "mote/random.h"
#include "pictures.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

TestSuite(image, .init = scratch_enter, .fini = scratch_leave);

static void expect_pixels(const char *path, mote_shape shape, const uint8_t *expected,
                          const char *what) {
    uint8_t sample[1024];
    mote_error error = {0};
    cr_assert_eq(mote_image_read(path, shape, MOTE_RESIZE_FIT, sample, &error), MOTE_OK, "%s: %s",
                 what, error.message);
    for (size_t i = 0; i < mote_shape_count(shape); i++) {
        cr_expect_eq(sample[i], expected[i], "%s: number %zu is %d, expected %d", what, i,
                     sample[i], expected[i]);
    }
}

/* 3 × 2 pixels, as in a file and as in a sample. */
static const uint8_t GREY[] = {0, 10, 20, 128, 200, 255};
static const uint8_t RGB[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 2, 3, 90, 80, 70, 255, 255, 255};
static const uint8_t PLANES[] = {255, 0,  0,   1, 90, 255, 0, 255, 0,
                                 2,   80, 255, 0, 0,  255, 3, 70,  255};

Test(image, at_its_own_size_every_pixel_is_exact) {
    const char *path = scratch_path("picture");
    const mote_shape grey = {3, {1, 2, 3}}, colour = {3, {3, 2, 3}};
    write_pnm(path, "P5\n3 2\n255\n", GREY, sizeof GREY);
    expect_pixels(path, grey, GREY, "PGM");
    write_pnm(path, "P6\n3 2\n255\n", RGB, sizeof RGB);
    expect_pixels(path, colour, PLANES, "PPM");
    write_bmp(path, 3, 2, RGB);
    expect_pixels(path, colour, PLANES, "BMP");
    write_png(path, PNG_GREY, 3, 2, GREY, NULL, 0);
    expect_pixels(path, grey, GREY, "grey PNG");
    write_png(path, PNG_RGB, 3, 2, RGB, NULL, 0);
    expect_pixels(path, colour, PLANES, "coloured PNG");
}

Test(image, a_jpeg_file_is_close_to_what_was_drawn) {
    const char *path = scratch_path("picture.jpg");
    const uint8_t drawn[] = {200, 100, 30};
    uint8_t sample[64 * 3];
    write_jpeg(path);
    cr_assert_eq(mote_image_read(path, mote_shape_image(3, 8, 8), MOTE_RESIZE_FIT, sample, NULL),
                 MOTE_OK);
    for (size_t i = 0; i < sizeof sample; i++) {
        cr_expect_float_eq(sample[i], drawn[i / 64], 6, "number %zu: %d, expected %d", i, sample[i],
                           drawn[i / 64]);
    }
}

Test(image, grey_becomes_colour_and_colour_grey) {
    const char *path = scratch_path("picture");
    write_pnm(path, "P5\n3 2\n255\n", GREY, sizeof GREY);
    uint8_t repeated[18];
    for (size_t i = 0; i < sizeof repeated; i++) {
        repeated[i] = GREY[i % 6];
    }
    expect_pixels(path, mote_shape_image(3, 2, 3), repeated, "grey to colour");

    /* ITU-R BT.601: 0.299 r + 0.587 g + 0.114 b, here in whole numbers. */
    write_pnm(path, "P6\n3 2\n255\n", RGB, sizeof RGB);
    uint8_t sample[6];
    cr_assert_eq(mote_image_read(path, mote_shape_image(1, 2, 3), MOTE_RESIZE_FIT, sample, NULL),
                 MOTE_OK);
    for (size_t i = 0; i < 6; i++) {
        double expected = 0.299 * RGB[3 * i] + 0.587 * RGB[3 * i + 1] + 0.114 * RGB[3 * i + 2];
        cr_expect_float_eq(sample[i], expected, 1.5, "pixel %zu: %d, expected %g", i, sample[i],
                           expected);
    }
}

Test(image, transparent_parts_are_seen_on_white) {
    const char *path = scratch_path("picture");
    const uint8_t grey_alpha[] = {100, 255, 100, 0, 0, 0, 0, 255, 0, 51, 255, 128};
    const uint8_t on_white[] = {100, 255, 255, 0, 204, 255};
    write_png(path, PNG_GREY_ALPHA, 3, 2, grey_alpha, NULL, 0);
    expect_pixels(path, mote_shape_image(1, 2, 3), on_white, "grey with alpha");

    const uint8_t rgba[] = {10, 20, 30, 255, 10, 20, 30, 0};
    const uint8_t planes[] = {10, 255, 20, 255, 30, 255};
    write_png(path, PNG_RGBA, 2, 1, rgba, NULL, 0);
    expect_pixels(path, mote_shape_image(3, 1, 2), planes, "colour with alpha");

    const uint8_t keyed[] = {0, 255, 20, 128, 200, 255}; /* where 10 is transparent */
    write_png(path, PNG_GREY, 3, 2, GREY, "\0\x0a", 2);
    expect_pixels(path, mote_shape_image(1, 2, 3), keyed, "a transparent grey");

    const uint8_t colour[] = {10, 20, 30, 1, 2, 3};
    const uint8_t keyed_planes[] = {255, 1, 255, 2, 255, 3};
    write_png(path, PNG_RGB, 2, 1, colour, "\0\x0a\0\x14\0\x1e", 6);
    expect_pixels(path, mote_shape_image(3, 1, 2), keyed_planes, "a transparent colour");
}

/* A white bar of 24 × 8 on a dark ground of 40 × 20 pixels, scaled to 20 × 20: still three times as
 * wide as high, in the middle, with bands above and below as dark as the edge. */
Test(image, scaling_keeps_proportions_and_fills_up_with_the_colour_of_the_edge) {
    static const struct {
        const char *header;
        size_t width, height, ink_width, ink_height;
    } rows[] = {
        {"P5 40 20 255\n", 40, 20, 24, 8}, /* smaller, wide */
        {"P5 20 40 255\n", 20, 40, 8, 24}, /* smaller, tall */
        {"P5 10 5 255\n", 10, 5, 6, 3},    /* larger */
    };
    const char *path = scratch_path("picture");
    for (size_t r = 0; r < COUNT(rows); r++) {
        size_t width = rows[r].width, height = rows[r].height;
        size_t left = (width - rows[r].ink_width) / 2, top = (height - rows[r].ink_height) / 2;
        uint8_t pixels[800], sample[400];
        for (size_t i = 0; i < width * height; i++) {
            size_t x = i % width, y = i / width;
            bool ink = x >= left && x < left + rows[r].ink_width && y >= top &&
                       y < top + rows[r].ink_height;
            pixels[i] = ink ? 255 : 40;
        }
        write_pnm(path, rows[r].header, pixels, width * height);
        mote_error error = {0};
        cr_assert_eq(
            mote_image_read(path, mote_shape_image(1, 20, 20), MOTE_RESIZE_FIT, sample, &error),
            MOTE_OK, "%s", error.message);
        size_t rows_of_ink = 0, columns_of_ink = 0;
        for (size_t i = 0; i < 20; i++) {
            rows_of_ink += sample[i * 20 + 10] > 148;
            columns_of_ink += sample[10 * 20 + i] > 148;
        }
        double scale = 20.0 / (double)(width > height ? width : height);
        cr_expect_float_eq((double)columns_of_ink, scale * (double)rows[r].ink_width, 1,
                           "%s: %zu columns of ink", rows[r].header, columns_of_ink);
        cr_expect_float_eq((double)rows_of_ink, scale * (double)rows[r].ink_height, 1,
                           "%s: %zu rows of ink", rows[r].header, rows_of_ink);
        for (size_t i = 0; i < 20; i++) {
            cr_expect(sample[i] == 40 && sample[380 + i] == 40 && sample[20 * i] == 40 &&
                          sample[20 * i + 19] == 40,
                      "%s: the edge is not as it was", rows[r].header);
        }
    }
}

Test(image, a_line_of_pixels_fits_too) {
    const char *path = scratch_path("picture");
    uint8_t pixels[500], sample[16];
    memset(pixels, 99, sizeof pixels);
    write_pnm(path, "P5 500 1 255\n", pixels, sizeof pixels);
    cr_expect_eq(mote_image_read(path, mote_shape_image(1, 4, 4), MOTE_RESIZE_FIT, sample, NULL),
                 MOTE_OK);
    write_pnm(path, "P5 1 500 255\n", pixels, sizeof pixels);
    cr_expect_eq(mote_image_read(path, mote_shape_image(1, 4, 4), MOTE_RESIZE_FIT, sample, NULL),
                 MOTE_OK);
    for (size_t i = 0; i < 16; i++) {
        cr_expect_eq(sample[i], 99, "number %zu: %d", i, sample[i]);
    }
}

Test(image, what_is_no_picture_is_refused_with_the_reason) {
    const char *path = scratch_path("picture"), *gone = scratch_path("gone");
    const mote_shape shape = {3, {1, 2, 3}};
    uint8_t sample[64];
    char expected[SCRATCH_TEXT];

    mote_error missing = {0};
    cr_expect_eq(mote_image_read(gone, shape, MOTE_RESIZE_FIT, sample, &missing), MOTE_FILE);
    scratch_expect_error(&missing, MOTE_FILE,
                         "{D}/gone: cannot be opened: No such file or directory", "", "missing");

    write_png(scratch_path("whole.png"), PNG_GREY, 3, 2, GREY, NULL, 0);
    size_t count;
    unsigned char *png = scratch_read(scratch_path("whole.png"), &count);
    const struct {
        const char *what;
        const void *bytes;
        size_t count;
    } rows[] = {
        {"an empty file", "", 0},
        {"text", "this is no picture at all, only text", 36},
        {"half a PNG file", png, 45},
        {"the header of a PGM file", "P5\n3 2\n255\n", 11},
        {"a PGM file of nothing", "P5\n0 0\n255\n", 11},
        {"a PGM file that is too large", "P5\n999999 999999\n255\n", 21},
    };
    snprintf(expected, sizeof expected, "%s: cannot be read as a picture: ", path);
    for (size_t i = 0; i < COUNT(rows); i++) {
        scratch_write(path, rows[i].bytes, rows[i].count);
        mote_error error = {0};
        cr_expect_eq(mote_image_read(path, shape, MOTE_RESIZE_FIT, sample, &error), MOTE_DATA, "%s",
                     rows[i].what);
        cr_expect_eq(strncmp(error.message, expected, strlen(expected)), 0, "%s: \"%s\"",
                     rows[i].what, error.message);
        cr_expect_gt(strlen(error.message), strlen(expected), "%s: no reason", rows[i].what);
    }
    free(png);

    mote_error vector = {0};
    cr_expect_eq(mote_image_read(path, mote_shape_vector(6), MOTE_RESIZE_FIT, sample, &vector),
                 MOTE_INVALID);
    scratch_expect_error(
        &vector, MOTE_INVALID,
        "{D}/picture: the model takes 6, which is not a picture of 1 or 3 channels", "",
        "a vector");
}

Test(image, a_file_that_is_cut_anywhere_is_refused) {
    const char *path = scratch_path("picture");
    for (int kind = 0; kind < 4; kind++) {
        size_t spare = 0; /* trailing bytes that do not matter */
        if (kind == 0) {
            write_png(path, PNG_RGB, 3, 2, RGB, NULL, 0);
        } else if (kind == 1) {
            write_bmp(path, 3, 2, RGB);
            spare = 3;
        } else if (kind == 2) {
            write_pnm(path, "P6\n3 2\n255\n", RGB, sizeof RGB);
        } else {
            write_jpeg(path);
        }
        size_t count;
        unsigned char *bytes = scratch_read(path, &count);
        for (size_t length = 0; length < count - spare; length++) {
            scratch_write(path, bytes, length);
            uint8_t sample[18];
            mote_error error = {0};
            mote_status status =
                mote_image_read(path, mote_shape_image(3, 2, 3), MOTE_RESIZE_FIT, sample, &error);
            cr_expect_eq(status, MOTE_DATA, "kind %d, %zu bytes of %zu: %s", kind, length, count,
                         mote_status_name(status));
        }
        free(bytes);
    }
}

/* ---- orientation ---- */

/* JPEG_BLOCKS with an APP1 segment after the first marker, its content in hexadecimal. */
static void write_exif(const char *path, const char *content) {
    uint8_t bytes[512] = {0xff, 0xd8, 0xff, 0xe1}, rest[sizeof JPEG_BLOCKS / 2];
    size_t length = read_digits(content, bytes + 6), count = read_digits(JPEG_BLOCKS, rest);
    bytes[4] = (uint8_t)((length + 2) >> 8);
    bytes[5] = (uint8_t)(length + 2);
    memcpy(bytes + 6 + length, rest + 2, count - 2);
    scratch_write(path, bytes, 6 + length + count - 2);
}

/* "Exif", and a TIFF file of either byte order whose directory holds a width and an orientation. */
#define EXIF "457869660000"
#define BIG_ENDIAN_EXIF                                                                            \
    EXIF "4d4d002a000000080002" /* two entries: tag, type, count, value */                         \
         "010000030000000100180000"                                                                \
         "011200030000000100%02x0000"
#define LITTLE_ENDIAN_EXIF                                                                         \
    EXIF "49492a00080000000200"                                                                    \
         "000103000100000018000000"                                                                \
         "1201030001000000%02x000000"

/* The rows of blocks turned upright, by the standard's definition of each number: which visual
 * sides row 0 and column 0 of the stored picture are. */
static const struct {
    size_t height, width; /* in blocks */
    uint8_t seen[6];
} ORIENTATIONS[] = {
    {2, 3, {20, 60, 100, 140, 180, 220}}, /* not given */
    {2, 3, {20, 60, 100, 140, 180, 220}}, /* 1: top, left */
    {2, 3, {100, 60, 20, 220, 180, 140}}, /* 2: top, right */
    {2, 3, {220, 180, 140, 100, 60, 20}}, /* 3: bottom, right */
    {2, 3, {140, 180, 220, 20, 60, 100}}, /* 4: bottom, left */
    {3, 2, {20, 140, 60, 180, 100, 220}}, /* 5: left, top */
    {3, 2, {140, 20, 180, 60, 220, 100}}, /* 6: right, top */
    {3, 2, {220, 100, 180, 60, 140, 20}}, /* 7: right, bottom */
    {3, 2, {100, 220, 60, 180, 20, 140}}, /* 8: left, bottom */
};

static void expect_blocks(const char *path, size_t orientation, size_t channels, const char *what) {
    const uint8_t *seen = ORIENTATIONS[orientation].seen;
    size_t height = 8 * ORIENTATIONS[orientation].height;
    size_t width = 8 * ORIENTATIONS[orientation].width, found_height, found_width;
    uint8_t sample[3 * 24 * 16];
    mote_error error = {0};
    cr_assert_eq(mote_image_measure(path, &found_height, &found_width, &error), MOTE_OK);
    cr_expect_eq(found_height, height, "%s: height %zu", what, found_height);
    cr_expect_eq(found_width, width, "%s: width %zu", what, found_width);
    cr_assert_eq(mote_image_read(path, mote_shape_image(channels, height, width),
                                 MOTE_RESIZE_REFUSE, sample, &error),
                 MOTE_OK, "%s: %s", what, error.message);
    for (size_t i = 0; i < channels * height * width; i++) {
        size_t y = i / width % height, x = i % width;
        cr_assert_eq(sample[i], seen[y / 8 * (width / 8) + x / 8], "%s: number %zu is %d", what, i,
                     sample[i]);
    }
}

Test(image, jpeg_files_are_seen_the_way_the_camera_was_held) {
    const char *path = scratch_path("picture.jpg");
    for (unsigned number = 1; number <= 8; number++) {
        char content[200], what[40];
        snprintf(what, sizeof what, "orientation %u", number);
        snprintf(content, sizeof content, BIG_ENDIAN_EXIF, number);
        write_exif(path, content);
        expect_blocks(path, number, 1, what);
        snprintf(content, sizeof content, LITTLE_ENDIAN_EXIF, number);
        write_exif(path, content);
        expect_blocks(path, number, 3, what);
    }
}

Test(image, exif_data_that_make_no_sense_turn_nothing) {
    static const char *const contents[] = {
        "",
        "4578",
        EXIF,
        EXIF "4d4d002a",
        EXIF "4d4d002a00000008",
        EXIF "4d4d002affffffff",
        EXIF "4d4d002a0000000800",
        EXIF "4d4d002a0000000a0001",
        EXIF "4d4d002a00000008ffff",
        EXIF "4d4d002a000000080001011200030000000100",            /* ends within the entry */
        EXIF "5858002a0000000800010112000300000001000600000000",  /* with no byte order */
        EXIF "4d4d002a0000000800010112000400000001000600000000",  /* of another type */
        EXIF "4d4d002a0000000800010112000300000001000000000000",  /* 0 */
        EXIF "4d4d002a0000000800010112000300000001000900000000",  /* 9 */
        "687474703a00004d4d002a00000008000101120003000000010006", /* another kind of APP1 */
    };
    const char *path = scratch_path("picture.jpg");
    for (size_t i = 0; i < COUNT(contents); i++) {
        write_exif(path, contents[i]);
        expect_blocks(path, 0, 1, contents[i]);
    }
}

/* ---- other formats ---- */

static void write_text(const char *path, const char *text, size_t count) {
    scratch_write(path, text, count);
}

#define TEXT(literal) literal, sizeof(literal) - 1

Test(image, pictures_of_formats_that_are_not_read_are_called_by_name) {
    static const struct {
        const char *bytes;
        size_t count;
        const char *expected;
    } rows[] = {
        {TEXT("RIFF\x24\0\0\0WEBPVP8 "), "a WebP picture; convert it to PNG or JPEG"},
        {TEXT("GIF89a\1\0\1\0\x80\0\0"), "a GIF picture; convert it to PNG"},
        {TEXT("II*\0\x08\0\0\0\0\0"), "a TIFF picture; convert it to PNG or JPEG"},
        {TEXT("MM\0*\0\0\0\x08\0\0"), "a TIFF picture; convert it to PNG or JPEG"},
        {TEXT("\0\0\0\x18"
              "ftypheic\0\0\0\0"),
         "a HEIC or AVIF picture; convert it to PNG or JPEG"},
        {TEXT("\0\0\0\x20"
              "ftypavif\0\0\0\0"),
         "a HEIC or AVIF picture; convert it to PNG or JPEG"},
        {TEXT("RIFF\x24\0\0\0WAVEfmt "), "not PNG, JPEG, BMP, TGA or PNM"},
        {TEXT("<html>"), "not PNG, JPEG, BMP, TGA or PNM"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char expected[160];
        uint8_t sample[4];
        mote_error error = {0};
        snprintf(expected, sizeof expected, "{D}/x.jpg: cannot be read as a picture: it is %s",
                 rows[i].expected);
        write_text(scratch_path("x.jpg"), rows[i].bytes, rows[i].count);
        mote_image_read(scratch_path("x.jpg"), mote_shape_image(1, 2, 2), MOTE_RESIZE_FIT, sample,
                        &error);
        scratch_expect_error(&error, MOTE_DATA, expected, "", rows[i].expected);
    }
}

Test(image, netpbm_pictures_of_all_kinds_are_read) {
    static const struct {
        const char *text;
        size_t count, channels;
        uint8_t expected[6]; /* of 2 × 1 pixels */
    } rows[] = {
        {TEXT("P1 2 1 10"), 1, {0, 255}},
        {TEXT("P1\n# 1 is black\n2 1\n1 0\n"), 1, {0, 255}},
        {TEXT("P2 2 1 255 7 200"), 1, {7, 200}},
        {TEXT("P2\n#c\n2#d\n1\n15\n# e\n15\n3\n"), 1, {255, 51}},
        {TEXT("P2 2 1 65535 65535 32768"), 1, {255, 128}},
        {TEXT("P3 2 1 255 1 2 3 4 5 6"), 3, {1, 4, 2, 5, 3, 6}},
        {TEXT("P3 2 1 1 1 0 1 0 1 0"), 3, {255, 0, 0, 255, 255, 0}},
        {TEXT("P4 2 1\n\x80"), 1, {0, 255}},
        {TEXT("P5 2 1 255\n\x07\xc8"), 1, {7, 200}},
        {TEXT("P5 2 1 100\n\x00\x64"), 1, {0, 255}},
        {TEXT("P5 2 1 65535\n\xff\xff\x80\x00"), 1, {255, 128}},
        {TEXT("P5 2 1 1023\r\x03\xff\x00\x00"), 1, {255, 0}},
        {TEXT("P6 2 1 255\n\x01\x02\x03\x04\x05\x06"), 3, {1, 4, 2, 5, 3, 6}},
        {TEXT("P6 2 1 3\n\x03\x02\x01\x00\x03\x03"), 3, {255, 0, 170, 255, 85, 255}},
        {TEXT("P6 2 1 256\n\x01\x00\x00\x00\x00\x80\x01\x00\x01\x00\x01\x00"),
         3,
         {255, 255, 0, 255, 128, 255}},
    };
    const char *path = scratch_path("picture");
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_text(path, rows[i].text, rows[i].count);
        expect_pixels(path, mote_shape_image(rows[i].channels, 1, 2), rows[i].expected,
                      rows[i].text);
    }
}

Test(image, damaged_netpbm_pictures_are_refused_with_the_reason) {
    static const struct {
        const char *text;
        size_t count;
        const char *reason;
    } rows[] = {
        {TEXT("P5"), "it is cut short"},
        {TEXT("P5 2"), "it is cut short"},
        {TEXT("P5 2 1 255"), "it is cut short"},
        {TEXT("P5 2 1 255\n\x07"), "it is cut short"},
        {TEXT("P5 2 1 65535\n\x07\x07\x07"), "it is cut short"},
        {TEXT("P6 999999999 9 255\n123456"),
         "it is more than 32768 pixels wide or high, or more than 2^28 in all"},
        {TEXT("P2 30000 30000 255 1"),
         "it is more than 32768 pixels wide or high, or more than 2^28 in all"},
        {TEXT("P2 9999999999 1 255 1"), "it holds a number that is far too large"},
        {TEXT("P5 0 1 255\n"), "it has no pixels"},
        {TEXT("P5 1 0 255\n"), "it has no pixels"},
        {TEXT("P5 2 x 255\n12"), "it holds something else where a number should be"},
        {TEXT("P5 2 -1 255\n12"), "it holds something else where a number should be"},
        {TEXT("P5 2 1 0\n12"),
         "the brightest value that its header names is not within 1 and 65535"},
        {TEXT("P5 2 1 65536\n1234"),
         "the brightest value that its header names is not within 1 and 65535"},
        {TEXT("P5 2 1 255#\n12"), "its header does not end with a white space"},
        {TEXT("P5 2 1 15\n\x03\x10"),
         "it holds a value above the brightest one that its header names"},
        {TEXT("P2 2 1 15 16 0"), "it holds a value above the brightest one that its header names"},
        {TEXT("P2 2 1 255 7"), "it is cut short"},
        {TEXT("P2 2 1 255 7 x"), "it holds something else where a number should be"},
        {TEXT("P1 2 1 12"), "it holds something else than 0 and 1"},
    };
    const char *path = scratch_path("picture");
    for (size_t i = 0; i < COUNT(rows); i++) {
        char expected[SCRATCH_TEXT];
        uint8_t sample[2];
        mote_error error = {0};
        write_text(path, rows[i].text, rows[i].count);
        snprintf(expected, sizeof expected, "{D}/picture: cannot be read as a picture: %s",
                 rows[i].reason);
        mote_image_read(path, mote_shape_image(1, 1, 2), MOTE_RESIZE_FIT, sample, &error);
        scratch_expect_error(&error, MOTE_DATA, expected, "", rows[i].text);
    }
}

Test(image, targa_pictures_are_read) {
    static const uint8_t colour[] = {0, 0, 255, 0,  255, 0,  255, 0,   0,
                                     3, 2, 1,   70, 80,  90, 255, 255, 255};
    static const uint8_t packed[] = {0x82, 9, 2, 1, 2, 3}; /* three 9s, then three others */
    static const uint8_t unpacked[] = {9, 9, 9, 1, 2, 3};
    const char *path = scratch_path("picture.tga");
    write_tga(path, 2, 3, 2, 24, colour, sizeof colour);
    expect_pixels(path, mote_shape_image(3, 2, 3), PLANES, "colour");
    write_tga(path, 3, 3, 2, 8, GREY, sizeof GREY);
    expect_pixels(path, mote_shape_image(1, 2, 3), GREY, "grey");
    write_tga(path, 11, 3, 2, 8, packed, sizeof packed);
    expect_pixels(path, mote_shape_image(1, 2, 3), unpacked, "packed");
}

Test(image, png_pictures_of_other_depths_and_with_palettes_are_read) {
    static const uint8_t deep[] = {0x00, 0xff, 0x80, 0x00, 0xff, 0xff};
    static const uint8_t deep_colour[] = {10, 0, 20, 0, 30, 0, 40, 255, 50, 255, 60, 255};
    static const uint8_t bits[] = {0xa0}, indexes[] = {0x18}; /* 0, 1, 2, 0 in two bits each */
    static const struct {
        png_file png;
        size_t channels;
        uint8_t expected[9];
    } rows[] = {
        {{.width = 3, .height = 1, .depth = 16, .rows = deep, .row_bytes = 6}, 1, {0, 128, 255}},
        {{.width = 2,
          .height = 1,
          .depth = 16,
          .colours = PNG_RGB,
          .rows = deep_colour,
          .row_bytes = 12},
         3,
         {10, 40, 20, 50, 30, 60}},
        {{.width = 3, .height = 1, .depth = 1, .rows = bits, .row_bytes = 1}, 1, {255, 0, 255}},
        {{.width = 3,
          .height = 1,
          .depth = 2,
          .colours = PNG_PALETTE,
          .rows = indexes,
          .row_bytes = 1,
          .palette = "\x0a\x14\x1e\x01\x02\x03\xc8\xc9\xca",
          .palette_bytes = 9},
         3,
         {10, 1, 200, 20, 2, 201, 30, 3, 202}},
        {{.width = 3, /* the second colour is transparent */
          .height = 1,
          .depth = 2,
          .colours = PNG_PALETTE,
          .rows = indexes,
          .row_bytes = 1,
          .palette = "\x0a\x14\x1e\x01\x02\x03\xc8\xc9\xca",
          .palette_bytes = 9,
          .transparent = "\xff\x00",
          .transparent_bytes = 2},
         3,
         {10, 255, 200, 20, 255, 201, 30, 255, 202}},
    };
    const char *path = scratch_path("picture.png");
    for (size_t i = 0; i < COUNT(rows); i++) {
        char what[32];
        snprintf(what, sizeof what, "row %zu", i);
        write_png_file(path, &rows[i].png);
        expect_pixels(path, mote_shape_image(rows[i].channels, 1, rows[i].png.width),
                      rows[i].expected, what);
    }
}

/* ---- sizes ---- */

/* 6 × 2 pixels, 10, 20 ... 60 in both rows, resized to 2 × 2. */
Test(image, resizing_fits_fills_stretches_or_refuses) {
    static const uint8_t wide[] = {10, 20, 30, 40, 50, 60, 10, 20, 30, 40, 50, 60};
    const char *path = scratch_path("picture.pgm");
    const mote_shape shape = mote_shape_image(1, 2, 2);
    uint8_t sample[4];
    write_pnm(path, "P5 6 2 255\n", wide, sizeof wide);

    cr_assert_eq(mote_image_read(path, shape, MOTE_RESIZE_FILL, sample, NULL), MOTE_OK);
    const uint8_t middle[] = {30, 40, 30, 40};
    cr_expect_arr_eq(sample, middle, 4, "fill: the middle as it was");

    cr_assert_eq(mote_image_read(path, shape, MOTE_RESIZE_STRETCH, sample, NULL), MOTE_OK);
    for (size_t i = 0; i < 4; i++) {
        cr_expect_float_eq(sample[i], i % 2 ? 50 : 20, 4, "stretch: %d", sample[i]);
    }

    cr_assert_eq(mote_image_read(path, shape, MOTE_RESIZE_FIT, sample, NULL), MOTE_OK);
    for (size_t i = 2; i < 4; i++) {
        cr_expect_eq(sample[i], 35, "fit: the ground is of the edge's colour, found %d", sample[i]);
    }

    mote_error error = {0};
    cr_expect_eq(mote_image_read(path, shape, MOTE_RESIZE_REFUSE, sample, &error), MOTE_INVALID);
    scratch_expect_error(&error, MOTE_INVALID,
                         "{D}/picture.pgm: is 2 × 6 pixels (height × width), but expected 2 × 2",
                         "", "refuse");
    uint8_t same[12];
    cr_assert_eq(mote_image_read(path, mote_shape_image(1, 2, 6), MOTE_RESIZE_REFUSE, same, NULL),
                 MOTE_OK);
    cr_expect_arr_eq(same, wide, sizeof wide);
}

/* A tall colour picture whose middle differs in colour from its ends. */
Test(image, filling_cuts_off_what_stands_out_above_and_below) {
    uint8_t pixels[3 * 4 * 12], sample[3 * 4 * 4];
    for (size_t i = 0; i < sizeof pixels; i++) {
        size_t y = i / 12;
        pixels[i] = y >= 4 && y < 8 ? (uint8_t)(50 * (i % 3 + 1)) : 255;
    }
    const char *path = scratch_path("picture.ppm");
    write_pnm(path, "P6 4 12 255\n", pixels, sizeof pixels);
    cr_assert_eq(mote_image_read(path, mote_shape_image(3, 4, 4), MOTE_RESIZE_FILL, sample, NULL),
                 MOTE_OK);
    for (size_t i = 0; i < sizeof sample; i++) {
        cr_expect_eq(sample[i], 50 * (i / 16 + 1), "number %zu is %d", i, sample[i]);
    }
}

Test(image, measuring_finds_height_and_width_of_every_format) {
    const char *path = scratch_path("picture");
    for (int kind = 0; kind < 4; kind++) {
        if (kind == 0) {
            write_png(path, PNG_GREY, 3, 2, GREY, NULL, 0);
        } else if (kind == 1) {
            write_bmp(path, 3, 2, RGB);
        } else if (kind == 2) {
            write_pnm(path, "P5 3 2 255\n", GREY, sizeof GREY);
        } else {
            write_tga(path, 3, 3, 2, 8, GREY, sizeof GREY);
        }
        size_t height = 0, width = 0;
        cr_expect_eq(mote_image_measure(path, &height, &width, NULL), MOTE_OK, "kind %d", kind);
        cr_expect(height == 2 && width == 3, "kind %d: %zu × %zu", kind, height, width);
    }
}

/* ---- damage ---- */

/* A header that promises a million pixels a side, or none. */
Test(image, png_pictures_that_cannot_be_are_refused_before_any_memory_is_asked_for) {
    static const struct {
        size_t width, height;
        const char *reason;
    } rows[] = {
        {1000000, 1000000, "it is more than 32768 pixels wide or high, or more than 2^28 in all"},
        {1, 1000000, "it is more than 32768 pixels wide or high, or more than 2^28 in all"},
        {30000, 30000, "it is more than 32768 pixels wide or high, or more than 2^28 in all"},
        {0, 1, "0-pixel image"},
        {1, 0, "0-pixel image"},
    };
    const char *path = scratch_path("picture.png");
    uint8_t sample[1];
    for (size_t i = 0; i < COUNT(rows); i++) {
        png_file png = {.width = rows[i].width, .height = rows[i].height, .depth = 8, .rows = GREY};
        char expected[SCRATCH_TEXT];
        mote_error error = {0};
        png.row_bytes = 0;
        size_t height = png.height;
        png.height = height < 1000 ? height : 1000; /* rows actually written */
        write_png_file(path, &png);
        size_t count;
        unsigned char *bytes = scratch_read(path, &count);
        for (size_t k = 0; k < 4; k++) {
            bytes[20 + k] = (unsigned char)(height >> (24 - 8 * k));
        }
        unsigned long crc = crc32(0, bytes + 12, 17);
        for (size_t k = 0; k < 4; k++) {
            bytes[29 + k] = (unsigned char)(crc >> (24 - 8 * k));
        }
        scratch_write(path, bytes, count);
        free(bytes);
        snprintf(expected, sizeof expected, "{D}/picture.png: cannot be read as a picture: %s",
                 rows[i].reason);
        mote_image_read(path, mote_shape_image(1, 1, 1), MOTE_RESIZE_FIT, sample, &error);
        scratch_expect_error(&error, MOTE_DATA, expected, "", rows[i].reason);
    }
}

/* stb_image would not notice changed pixels or a missing last chunk. */
Test(image, every_changed_byte_of_a_png_file_is_noticed) {
    const char *path = scratch_path("picture.png");
    write_png(path, PNG_RGB, 3, 2, RGB, NULL, 0);
    size_t count;
    unsigned char *bytes = scratch_read(path, &count);
    for (size_t i = 0; i < count; i++) {
        uint8_t sample[18];
        mote_error error = {0};
        bytes[i] ^= 0x10;
        scratch_write(path, bytes, count);
        bytes[i] ^= 0x10;
        cr_expect_eq(
            mote_image_read(path, mote_shape_image(3, 2, 3), MOTE_RESIZE_FIT, sample, &error),
            MOTE_DATA, "byte %zu of %zu", i, count);
    }
    free(bytes);
}

/* Headers on which stb_image would overflow a table or a number's absolute value. */
Test(image, headers_that_would_lead_astray_are_refused_with_the_reason) {
    const char *path = scratch_path("picture");
    uint8_t sample[3];
    for (int kind = 0; kind < 3; kind++) {
        mote_error error = {0};
        if (kind == 0) {
            write_bmp(path, 3, 2, RGB);
        } else {
            write_jpeg(path);
        }
        size_t count, height, width;
        unsigned char *bytes = scratch_read(path, &count);
        size_t tables = 0;
        while (kind > 0 && !(bytes[tables] == 0xff && bytes[tables + 1] == 0xc4)) {
            tables++;
        }
        if (kind == 0) {
            bytes[22] = 0;
            bytes[25] = 0x80;
        } else if (kind == 1) {
            bytes[tables + 4 + 16] = 255; /* codes of 16 bits, and as many values */
        } else {
            bytes[tables + 4 + 1] = 3; /* codes of one bit */
        }
        scratch_write(path, bytes, count);
        free(bytes);
        mote_image_read(path, mote_shape_image(3, 1, 1), MOTE_RESIZE_FIT, sample, &error);
        scratch_expect_error(&error, MOTE_DATA,
                             kind == 0 ? "{D}/picture: cannot be read as a picture: it is damaged: "
                                         "its height is -2^31"
                                       : "{D}/picture: cannot be read as a picture: it is damaged: "
                                         "its Huffman tables are not possible",
                             "", "read");
        cr_expect_eq(mote_image_measure(path, &height, &width, NULL), MOTE_DATA);
    }
}

/* Any content gives a picture or a reason. Under the sanitizers, nothing is read out of bounds. */
Test(image, damaged_files_of_every_format_do_no_harm) {
    enum {
        ROUNDS = 400
    };
    const char *path = scratch_path("picture");
    mote_random random = mote_random_create(3, MOTE_RANDOM_DATA, 0);
    size_t read = 0, refused = 0;
    for (int kind = 0; kind < 6; kind++) {
        if (kind == 0) {
            write_jpeg(path);
        } else if (kind == 1) {
            write_bmp(path, 3, 2, RGB);
        } else if (kind == 2) {
            write_pnm(path, "P6 3 2 77\n", RGB, sizeof RGB);
        } else if (kind == 3) {
            write_text(path, TEXT("P3 2 1 255 1 2 3 4 5 6"));
        } else if (kind == 4) {
            write_tga(path, 11, 3, 2, 8, (const uint8_t[]){0x82, 9, 2, 1, 2, 3}, 6);
        } else {
            write_png(path, PNG_RGB, 3, 2, RGB, "\0\x0a\0\x14\0\x1e", 6);
        }
        size_t count;
        unsigned char *bytes = scratch_read(path, &count);
        for (size_t round = 0; round < ROUNDS; round++) {
            unsigned char *damaged = malloc(count);
            cr_assert(damaged);
            memcpy(damaged, bytes, count);
            for (uint64_t k = mote_random_below(&random, 4) + 1; k-- > 0;) {
                damaged[mote_random_below(&random, count)] =
                    (unsigned char)mote_random_below(&random, 256);
            }
            scratch_write(path, damaged, count - (size_t)mote_random_below(&random, 4));
            free(damaged);
            uint8_t sample[3 * 5 * 4];
            mote_error error = {0};
            mote_status status =
                mote_image_read(path, mote_shape_image(3, 5, 4), MOTE_RESIZE_FILL, sample, &error);
            cr_expect(status == MOTE_OK || status == MOTE_DATA, "kind %d, round %zu: %s", kind,
                      round, error.message);
            *(status == MOTE_OK ? &read : &refused) += 1;
            size_t height, width;
            mote_image_measure(path, &height, &width, NULL);
        }
        free(bytes);
    }
    cr_expect(read > 100 && refused > 100, "%zu read, %zu refused", read, refused);
}
