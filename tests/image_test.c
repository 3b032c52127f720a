/* image_test.c: picture files to samples. */
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

/* 3 × 2 pixels, as file and as sample. */
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

    const uint8_t keyed[] = {0, 255, 20, 128, 200, 255}; /* where 10 counts as transparent */
    write_png(path, PNG_GREY, 3, 2, GREY, "\0\x0a", 2);
    expect_pixels(path, mote_shape_image(1, 2, 3), keyed, "a transparent grey");

    const uint8_t colour[] = {10, 20, 30, 1, 2, 3};
    const uint8_t keyed_planes[] = {255, 1, 255, 2, 255, 3};
    write_png(path, PNG_RGB, 2, 1, colour, "\0\x0a\0\x14\0\x1e", 6);
    expect_pixels(path, mote_shape_image(3, 1, 2), keyed_planes, "a transparent colour");
}

/* A white bar of 24 × 8 on a dark ground of 40 × 20 pixels, onto 20 × 20: still three times as
 * wide as high, in the middle, the bands above and below as dark as the edge. */
Test(image, scaling_keeps_proportions_and_fills_up_with_the_colour_of_the_edge) {
    static const struct {
        const char *header;
        size_t width, height, ink_width, ink_height;
    } rows[] = {
        {"P5 40 20 255\n", 40, 20, 24, 8}, /* smaller, wide */
        {"P5 20 40 255\n", 20, 40, 8, 24}, /* smaller, high */
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
    scratch_expect_error(&vector, MOTE_INVALID,
                         "{D}/picture: the model takes 6, which is no picture of 1 or 3 channels",
                         "", "a vector");
}

Test(image, a_file_that_is_cut_anywhere_is_refused) {
    const char *path = scratch_path("picture");
    for (int kind = 0; kind < 4; kind++) {
        size_t spare = 0; /* bytes at the end that say nothing */
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
