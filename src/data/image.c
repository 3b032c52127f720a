/* image.c: picture files to samples, through stb_image. */
#include "data/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#define STBI_ONLY_PNM
#define STBI_MAX_DIMENSIONS 32768
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>
#define STB_IMAGE_RESIZE_STATIC
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#if defined(MOTE_STB_RESIZE2)
#include <stb_image_resize2.h>
#else
#include <stb_image_resize.h>
#endif

/* Interleaved pixels, as stb has them. */
typedef struct picture {
    uint8_t *pixels; /* [height × width × channels], to be freed with free() */
    size_t width, height, channels;
} picture;

/* Drops the last channel, alpha, showing the picture on white. */
static void flatten_alpha(picture *p) {
    size_t colours = p->channels - 1;
    for (size_t i = 0; i < p->width * p->height; i++) {
        unsigned alpha = p->pixels[i * p->channels + colours];
        for (size_t c = 0; c < colours; c++) {
            unsigned colour = p->pixels[i * p->channels + c];
            p->pixels[i * colours + c] = (uint8_t)((colour * alpha + 255 * (255 - alpha)) / 255);
        }
    }
    p->channels = colours;
}

/* A file as stb reads it: first into its buffer, later that again or straight to where it wants it.
 * stb itself takes what it does not get for black, or for anything. */
typedef struct source {
    FILE *stream;
    int buffer_size;
    bool cut_short; /* something was wanted that was not there */
} source;

static int read_source(void *user, char *bytes, int size) {
    source *s = user;
    int got = (int)fread(bytes, 1, (size_t)size, s->stream);
    s->buffer_size = s->buffer_size ? s->buffer_size : size;
    s->cut_short = s->cut_short || got == 0 || (got < size && size != s->buffer_size);
    return got;
}

static void skip_source(void *user, int count) {
    source *s = user;
    fseek(s->stream, count, SEEK_CUR); /* also over the end, which only reading finds out */
    int next = fgetc(s->stream);
    if (next != EOF) {
        ungetc(next, s->stream);
    }
}

static int source_has_ended(void *user) {
    source *s = user;
    return feof(s->stream) || ferror(s->stream);
}

/* The next number of a PGM's or PPM's header, behind white space and comments; -1 for none. */
static int header_number(FILE *stream) {
    int c = fgetc(stream), number = 0;
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#') {
        bool comment = c == '#';
        while (comment && c != '\n' && c != EOF) {
            c = fgetc(stream);
        }
        c = c == EOF ? c : fgetc(stream);
    }
    if (c < '0' || c > '9') {
        return -1;
    }
    for (; c >= '0' && c <= '9' && number < 1000000; c = fgetc(stream)) {
        number = 10 * number + (c - '0');
    }
    return number;
}

/* stb_image takes the brightest value of every PGM and PPM for 255; other pictures give 255 here. */
static int brightest_value(FILE *stream) {
    int first = fgetc(stream), second = fgetc(stream), brightest = 255;
    if (first == 'P' && (second == '5' || second == '6')) {
        for (int i = 0; i < 3; i++) { /* width, height, brightest value */
            brightest = header_number(stream);
        }
    }
    rewind(stream);
    return brightest;
}

static mote_status decode(const char *path, size_t channels, picture *p, mote_error *error) {
    static const stbi_io_callbacks callbacks = {
        .read = read_source, .skip = skip_source, .eof = source_has_ended};
    source file = {.stream = fopen(path, "rb")};
    if (!file.stream) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    }
    int brightest = brightest_value(file.stream);
    if (brightest != 255 && brightest != -1) { /* without a number it is no picture: see below */
        fclose(file.stream);
        return mote_fail(error, MOTE_DATA,
                         "%s: its header says that the brightest value is %d; only 255 can be read",
                         path, brightest);
    }
    /* Asks for alpha in any case: a PNG file may make one colour transparent without it. */
    int width = 0, height = 0, in_file;
    p->pixels =
        stbi_load_from_callbacks(&callbacks, &file, &width, &height, &in_file, (int)channels + 1);
    fclose(file.stream);
    const char *reason = !p->pixels                ? stbi_failure_reason()
                         : width < 1 || height < 1 ? "it has no pixels"
                         : file.cut_short          ? "it is cut short"
                                                   : NULL;
    if (reason) {
        free(p->pixels);
        return mote_fail(error, MOTE_DATA,
                         "%s: no picture that can be read (PNG, JPEG, BMP, PGM or PPM): %s", path,
                         reason);
    }
    p->width = (size_t)width;
    p->height = (size_t)height;
    p->channels = channels + 1;
    flatten_alpha(p);
    return MOTE_OK;
}

/* The mean colour of the outermost pixels: what the ground looks like. */
static void edge_colour(const picture *p, uint8_t *colour) {
    for (size_t c = 0; c < p->channels; c++) {
        uint64_t sum = 0, count = 0;
        for (size_t y = 0; y < p->height; y++) {
            size_t step = y == 0 || y == p->height - 1 || p->width == 1 ? 1 : p->width - 1;
            for (size_t x = 0; x < p->width; x += step, count++) {
                sum += p->pixels[(y * p->width + x) * p->channels + c];
            }
        }
        colour[c] = (uint8_t)((sum + count / 2) / count);
    }
}

static bool resize(const picture *from, picture *to) {
    to->channels = from->channels;
    to->pixels = malloc(to->width * to->height * to->channels);
#if defined(MOTE_STB_RESIZE2)
    return to->pixels &&
           stbir_resize_uint8_linear(from->pixels, (int)from->width, (int)from->height, 0,
                                     to->pixels, (int)to->width, (int)to->height, 0,
                                     from->channels == 1 ? STBIR_1CHANNEL : STBIR_RGB);
#else
    return to->pixels &&
           stbir_resize_uint8(from->pixels, (int)from->width, (int)from->height, 0, to->pixels,
                              (int)to->width, (int)to->height, 0, (int)from->channels);
#endif
}

/* The largest size of the picture's proportions that fits. */
static void fit(const picture *p, size_t width, size_t height, picture *fitted) {
    fitted->width = width;
    fitted->height = height;
    if (p->width * height > width * p->height) {
        fitted->height = (p->height * width + p->width / 2) / p->width;
    } else {
        fitted->width = (p->width * height + p->height / 2) / p->height;
    }
    fitted->width = fitted->width ? fitted->width : 1;
    fitted->height = fitted->height ? fitted->height : 1;
}

/* Into the middle of the sample, plane by plane. */
static void place(const picture *p, const uint8_t *ground, mote_shape shape, uint8_t *sample) {
    size_t height = shape.dims[1], width = shape.dims[2];
    size_t top = (height - p->height) / 2, left = (width - p->width) / 2;
    for (size_t c = 0; c < p->channels; c++) {
        uint8_t *plane = sample + c * height * width;
        memset(plane, ground[c], height * width);
        for (size_t y = 0; y < p->height; y++) {
            for (size_t x = 0; x < p->width; x++) {
                plane[(top + y) * width + left + x] =
                    p->pixels[(y * p->width + x) * p->channels + c];
            }
        }
    }
}

mote_status mote_image_read(const char *path, mote_shape shape, uint8_t *sample,
                            mote_error *error) {
    if (shape.rank != 3 || (shape.dims[0] != 1 && shape.dims[0] != 3)) {
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_INVALID,
                         "%s: the model takes %s, which is no picture of 1 or 3 channels", path,
                         mote_shape_text(shape, text));
    }
    picture file = {0}, fitted = {0};
    mote_status status = decode(path, shape.dims[0], &file, error);
    if (status != MOTE_OK) {
        return status;
    }
    uint8_t ground[4];
    edge_colour(&file, ground);
    fit(&file, shape.dims[2], shape.dims[1], &fitted);
    if (fitted.width == file.width && fitted.height == file.height) {
        place(&file, ground, shape, sample);
    } else if (resize(&file, &fitted)) {
        place(&fitted, ground, shape, sample);
    } else {
        status = mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    }
    free(file.pixels);
    free(fitted.pixels);
    return status;
}

mote_ground mote_image_ground(mote_shape shape, const uint8_t *samples, const uint32_t *indexes,
                              size_t count) {
    size_t height = shape.dims[1], width = shape.dims[2], numbers = mote_shape_count(shape);
    double all = 0, edge = 0, edge_count = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *sample = samples + (indexes ? indexes[i] : i) * numbers;
        for (size_t k = 0; k < numbers; k++) {
            size_t row = k / width % height, column = k % width;
            bool on_edge = row == 0 || row == height - 1 || column == 0 || column == width - 1;
            all += sample[k];
            edge += on_edge ? sample[k] : 0;
            edge_count += on_edge;
        }
    }
    return (mote_ground){.pixel_mean = all / ((double)count * (double)numbers * 255),
                         .edge_mean = edge / (edge_count * 255)};
}

bool mote_image_looks_inverted(const mote_preprocessing *preprocessing, mote_shape shape,
                               const uint8_t *sample) {
    const double clear = 0.08; /* how far figure and ground must differ to be told apart */
    double usual = preprocessing->edge_mean - preprocessing->pixel_mean;
    if (shape.rank != 3 || (usual < clear && usual > -clear)) {
        return false;
    }
    mote_ground ground = mote_image_ground(shape, sample, NULL, 1);
    double contrast = ground.edge_mean - ground.pixel_mean;
    return usual > 0 ? contrast < -clear / 2 : contrast > clear / 2;
}
