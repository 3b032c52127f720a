/* sheet.c: contact sheets, using stb_image_write and stb_easy_font. */
#include "data/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>
#include <stb_easy_font.h>

enum {
    SHOWN_SIDE = 96, /* pixels: small pictures are magnified to about this */
    MOST_SIDE = 1024,
    LEAST_WIDTH = 48, /* for the caption */
    GAP = 6,
    TEXT_HEIGHT = 12,
    SHEET_SIDE = 3000,
    BACKGROUND = 224,
    QUADS = 32 * MOTE_CAPTION_CAPACITY, /* more than a caption needs */
};

/* Where everything goes, in pixels of the sheet. */
typedef struct layout {
    size_t zoom, step; /* a pixel becomes zoom × zoom; in large pictures, one in `step` is shown */
    size_t picture_width, picture_height;
    size_t cell_width, cell_height; /* with caption and gap */
    size_t text_zoom;
    size_t columns, rows;
    size_t width, height;
} layout;

/* A sheet being drawn: red, green and blue for each pixel. */
typedef struct canvas {
    layout layout;
    uint8_t *pixels; /* [height × width × 3] */
} canvas;

/* ---- layout ---- */

static layout layout_of(mote_shape shape) {
    size_t height = shape.dims[1], width = shape.dims[2], side = height > width ? height : width;
    layout l = {.zoom = side < SHOWN_SIDE ? (SHOWN_SIDE + side / 2) / side : 1,
                .step = (side + MOST_SIDE - 1) / MOST_SIDE,
                .text_zoom = 2};
    l.picture_width = (width + l.step - 1) / l.step * l.zoom;
    l.picture_height = (height + l.step - 1) / l.step * l.zoom;
    l.cell_width = (l.picture_width < LEAST_WIDTH ? LEAST_WIDTH : l.picture_width) + GAP;
    l.cell_height = l.picture_height + GAP + l.text_zoom * TEXT_HEIGHT;
    return l;
}

size_t mote_sheet_capacity(mote_shape shape) {
    layout l = layout_of(shape);
    return (SHEET_SIDE / l.cell_width) * (SHEET_SIDE / l.cell_height);
}

/* Makes the sheet about as high as wide. */
static void arrange(layout *l, size_t count) {
    size_t most = SHEET_SIDE / l->cell_width;
    l->columns = 1;
    while (l->columns < most &&
           l->columns * l->cell_width < (count + l->columns - 1) / l->columns * l->cell_height) {
        l->columns++;
    }
    l->rows = (count + l->columns - 1) / l->columns;
    l->width = l->columns * l->cell_width + GAP;
    l->height = l->rows * l->cell_height + GAP;
}

/* ---- captions ---- */

static size_t text_width(const layout *l, char *text) {
    return (size_t)stb_easy_font_width(text) * l->text_zoom;
}

/* Chooses small letters if any caption is too wide in large ones. */
static void choose_letters(layout *l, size_t count, char (*captions)[MOTE_CAPTION_CAPACITY]) {
    for (size_t i = 0; i < count && l->text_zoom > 1; i++) {
        if (text_width(l, captions[i]) > l->cell_width - GAP) {
            l->text_zoom = 1;
            l->cell_height -= TEXT_HEIGHT;
        }
    }
}

/* Cuts a caption that is too wide, ending it in two dots. */
static void shorten(const layout *l, char *text) {
    size_t length = strlen(text);
    while (length > 2 && text_width(l, text) > l->cell_width - GAP) {
        length--;
        strcpy(text + length - 2, "..");
    }
}

/* A corner of a rectangle, as stb_easy_font outputs it. */
typedef struct corner {
    float x, y, z;
    unsigned char color[4];
} corner;

static void draw_rectangle(canvas *c, size_t left, size_t top, const corner *corners) {
    const layout *l = &c->layout;
    size_t x0 = left + (size_t)corners[0].x * l->text_zoom;
    size_t x1 = left + (size_t)corners[2].x * l->text_zoom;
    size_t y0 = top + (size_t)corners[0].y * l->text_zoom;
    size_t y1 = top + (size_t)corners[2].y * l->text_zoom;
    for (size_t y = y0; y < y1 && y < l->height; y++) {
        for (size_t x = x0; x < x1 && x < l->width; x++) {
            memset(c->pixels + (y * l->width + x) * 3, 0, 3);
        }
    }
}

static void draw_caption(canvas *c, size_t left, size_t top, char *text) {
    corner corners[4 * QUADS];
    shorten(&c->layout, text);
    int count = stb_easy_font_print(0, 0, text, NULL, corners, (int)sizeof corners);
    for (int i = 0; i < count; i++) {
        draw_rectangle(c, left, top, &corners[4 * i]);
    }
}

/* ---- pictures ---- */

static void draw_picture(canvas *c, size_t left, size_t top, mote_shape shape,
                         const uint8_t *sample) {
    const layout *l = &c->layout;
    size_t plane = shape.dims[1] * shape.dims[2];
    for (size_t y = 0; y < l->picture_height; y++) {
        uint8_t *to = c->pixels + ((top + y) * l->width + left) * 3;
        const uint8_t *row = sample + y / l->zoom * l->step * shape.dims[2];
        for (size_t x = 0; x < l->picture_width; x++) {
            for (size_t k = 0; k < 3; k++) {
                *to++ = row[x / l->zoom * l->step + (shape.dims[0] == 3 ? k * plane : 0)];
            }
        }
    }
}

static void draw(canvas *c, mote_shape shape, size_t count, const uint8_t *samples,
                 char (*captions)[MOTE_CAPTION_CAPACITY]) {
    const layout *l = &c->layout;
    memset(c->pixels, BACKGROUND, l->height * l->width * 3);
    for (size_t i = 0; i < count; i++) {
        size_t left = GAP + i % l->columns * l->cell_width;
        size_t top = GAP + i / l->columns * l->cell_height;
        draw_picture(c, left, top, shape, samples + i * mote_shape_count(shape));
        draw_caption(c, left, top + l->picture_height + 3, captions[i]);
    }
}

/* ---- files ---- */

static void write_bytes(void *context, void *bytes, int count) {
    fwrite(bytes, 1, (size_t)count, context); /* the stream remembers a failure */
}

static mote_status write_file(const canvas *c, const char *path, mote_error *error) {
    mote_file_writer writer;
    mote_status status = mote_file_open(&writer, path, error);
    if (status != MOTE_OK) {
        return status;
    }
    const layout *l = &c->layout;
    if (!stbi_write_png_to_func(write_bytes, writer.stream, (int)l->width, (int)l->height, 3,
                                c->pixels, (int)(3 * l->width))) {
        mote_file_abandon(&writer);
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    }
    return mote_file_commit(&writer, error);
}

mote_status mote_sheet_write(const char *path, mote_shape shape, size_t count,
                             const uint8_t *samples, char (*captions)[MOTE_CAPTION_CAPACITY],
                             mote_error *error) {
    canvas c = {.layout = layout_of(shape)};
    choose_letters(&c.layout, count, captions);
    arrange(&c.layout, count);
    c.pixels = malloc(c.layout.height * c.layout.width * 3);
    if (!c.pixels) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory for %zu × %zu pixels", path,
                         c.layout.width, c.layout.height);
    }
    draw(&c, shape, count, samples, captions);
    mote_status status = write_file(&c, path, error);
    free(c.pixels);
    return status;
}
