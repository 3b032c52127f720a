/* image.c: turns picture files into samples, using stb_image. */
#include "data/image.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/file.h"
#include "data/image_check.h"
#include "data/orientation.h"
#include "data/pnm.h"

enum {
    MOST_PIXELS_A_SIDE = 32768,
    MOST_PIXELS = 1 << 28,
    MOST_BYTES = 1 << 30 /* of a file */
};

#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS MOST_PIXELS_A_SIDE
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

const char *const mote_resize_names[] = {
#define X(name, text) [MOTE_RESIZE_##name] = text,
    MOTE_RESIZES(X)
#undef X
        NULL,
};

/* Interleaved pixels, as in stb. */
typedef struct picture {
    uint8_t *pixels; /* rows of width × channels, `stride` bytes apart; to be freed with free() */
    size_t width, height, channels, stride;
} picture;

/* ---- reading files ---- */

/* Why a file cannot be read. */
static const char no_pixels[] = "it has no pixels",
                  too_large[] =
                      "it is more than 32768 pixels wide or high, or more than 2^28 in all",
                  out_of_memory[] = "out of memory";

/* A file in memory, which stb reads through callbacks so that reads past the end are noticed: stb
 * itself takes missing bytes for black, or for anything. */
typedef struct source {
    const uint8_t *bytes;
    size_t count, at;
    const char *buffer; /* stb's own, filled ahead: a short read into it is no error */
    bool cut_short;     /* stb needed bytes past the end */
} source;

static int read_source(void *user, char *bytes, int size) {
    source *s = user;
    size_t wanted = (size_t)size, left = s->at < s->count ? s->count - s->at : 0;
    size_t got = wanted < left ? wanted : left;
    s->buffer = s->buffer ? s->buffer : bytes;
    s->cut_short = s->cut_short || got == 0 || (got < wanted && bytes != s->buffer);
    if (got) {
        memcpy(bytes, s->bytes + s->at, got);
    }
    s->at += got;
    return (int)got;
}

static void skip_source(void *user, int count) {
    source *s = user;
    s->at += (size_t)count; /* may go past the end; the next read notices */
}

static int source_has_ended(void *user) {
    const source *s = user;
    return s->at >= s->count;
}

static const stbi_io_callbacks callbacks = {
    .read = read_source, .skip = skip_source, .eof = source_has_ended};

/* What stb found wrong, in words. */
static const char *stb_reason(const source *file) {
    const char *reason = stbi_failure_reason();
    if (strcmp(reason, "unknown image type") == 0) {
        const char *foreign = mote_image_foreign(file->bytes, file->count);
        return file->count == 0 ? "it is empty"
               : foreign        ? foreign
                                : "it is not PNG, JPEG, BMP, TGA or PNM";
    }
    if (strcmp(reason, "outofmem") == 0) {
        return out_of_memory;
    }
    return file->cut_short                    ? mote_image_cut_short
           : strcmp(reason, "too large") == 0 ? too_large
                                              : reason;
}

static const char *check_extent(const picture *p) {
    if (p->width < 1 || p->height < 1) {
        return no_pixels;
    }
    return p->width > MOST_PIXELS_A_SIDE || p->height > MOST_PIXELS_A_SIDE ||
                   p->width > MOST_PIXELS / p->height
               ? too_large
               : NULL;
}

/* Finds only width and height. False on failure: decoding then finds out why. */
static bool measure_stb(const uint8_t *bytes, size_t count, picture *p) {
    source file = {.bytes = bytes, .count = count};
    int width = 0, height = 0, channels;
    if (!stbi_info_from_callbacks(&callbacks, &file, &width, &height, &channels) || width < 0 ||
        height < 0) {
        return false;
    }
    p->width = (size_t)width;
    p->height = (size_t)height;
    return true;
}

/* Drops the last channel, alpha, compositing the picture onto white. */
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

static const char *decode_stb(const uint8_t *bytes, size_t count, size_t channels, picture *p) {
    const char *reason = measure_stb(bytes, count, p) ? check_extent(p) : NULL;
    if (reason) {
        return reason;
    }
    /* A PNG may make one colour transparent without an alpha channel: always ask for alpha. */
    bool alpha = !mote_image_is_jpeg(bytes, count);
    source file = {.bytes = bytes, .count = count};
    int width = 0, height = 0, in_file;
    p->pixels = stbi_load_from_callbacks(&callbacks, &file, &width, &height, &in_file,
                                         (int)channels + alpha);
    if (!p->pixels) {
        return stb_reason(&file);
    }
    if (file.cut_short) {
        return mote_image_cut_short;
    }
    p->width = (size_t)width;
    p->height = (size_t)height;
    p->channels = channels + alpha;
    if (alpha) {
        flatten_alpha(p);
    }
    return NULL;
}

/* Converts one channel to three by repeating it, or three to one by ITU-R BT.601 luma as stb
 * computes it. */
static void convert(const uint8_t *from, size_t pixels, size_t channels, uint8_t *to) {
    for (size_t i = 0; i < pixels && channels == 3; i++) {
        to[3 * i] = to[3 * i + 1] = to[3 * i + 2] = from[i];
    }
    for (size_t i = 0; i < pixels && channels == 1; i++) {
        const uint8_t *rgb = from + 3 * i;
        to[i] = (uint8_t)((77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2]) >> 8);
    }
}

static const char *measure_pnm(const uint8_t *bytes, size_t count, mote_pnm *pnm, picture *p) {
    const char *reason = mote_pnm_open(pnm, bytes, count);
    p->width = pnm->width;
    p->height = pnm->height;
    return reason ? reason : check_extent(p);
}

static const char *decode_pnm(const uint8_t *bytes, size_t count, size_t channels, picture *p) {
    mote_pnm pnm;
    const char *reason = measure_pnm(bytes, count, &pnm, p);
    if (!reason && !mote_pnm_may_be_whole(&pnm)) {
        reason = mote_image_cut_short; /* before allocating memory */
    }
    if (reason) {
        return reason;
    }
    size_t pixels = p->width * p->height;
    p->pixels = malloc(pixels * pnm.channels);
    reason = p->pixels ? mote_pnm_read(&pnm, p->pixels) : out_of_memory;
    p->channels = channels;
    if (!reason && pnm.channels != channels) {
        uint8_t *converted = malloc(pixels * channels);
        if (!converted) {
            return out_of_memory;
        }
        convert(p->pixels, pixels, channels, converted);
        free(p->pixels);
        p->pixels = converted;
    }
    return reason;
}

static const char *decode_bytes(const uint8_t *bytes, size_t count, size_t channels, picture *p) {
    return mote_pnm_is(bytes, count) ? decode_pnm(bytes, count, channels, p)
                                     : decode_stb(bytes, count, channels, p);
}

static const char *measure_bytes(const uint8_t *bytes, size_t count, picture *p) {
    if (mote_pnm_is(bytes, count)) {
        mote_pnm pnm;
        return measure_pnm(bytes, count, &pnm, p);
    }
    return measure_stb(bytes, count, p) ? check_extent(p) : decode_stb(bytes, count, 1, p);
}

/* Turns a picture upright; without pixels, only its width and height change. */
static const char *turn(mote_orientation orientation, picture *p) {
    if (!mote_orientation_turns(orientation)) {
        return NULL;
    }
    if (p->pixels) {
        uint8_t *turned = malloc(p->width * p->height * p->channels);
        if (!turned) {
            return out_of_memory;
        }
        mote_orientation_apply(orientation, p->height, p->width, p->channels, p->pixels, turned);
        free(p->pixels);
        p->pixels = turned;
    }
    size_t width = p->width;
    p->width = orientation.transposed ? p->height : width;
    p->height = orientation.transposed ? width : p->height;
    return NULL;
}

static mote_status fail_picture(const char *path, const char *reason, mote_error *error) {
    if (reason == out_of_memory) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    }
    return mote_fail(error, MOTE_DATA, "%s: cannot be read as a picture: %s", path, reason);
}

/* Fills *p, possibly without pixels if `channels` is 0. The caller frees p->pixels in any case. */
static mote_status read_picture(const char *path, size_t channels, picture *p, mote_error *error) {
    size_t count;
    mote_error own = {0};
    uint8_t *bytes = (uint8_t *)mote_file_read(path, MOST_BYTES, &count, &own);
    if (!bytes) {
        return mote_fail(error, own.status, "%s", own.message);
    }
    const char *reason = mote_image_check(bytes, count);
    if (!reason) {
        reason =
            channels > 0 ? decode_bytes(bytes, count, channels, p) : measure_bytes(bytes, count, p);
    }
    if (!reason) {
        reason = turn(mote_orientation_find(bytes, count), p);
    }
    free(bytes);
    p->stride = p->width * p->channels;
    return reason ? fail_picture(path, reason, error) : MOTE_OK;
}

bool mote_image_has_suffix(const char *name) {
    static const char *const known[] = {".png", ".jpg", ".jpeg", ".bmp", ".tga",
                                        ".pbm", ".pgm", ".ppm",  ".pnm"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(dot, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

mote_status mote_image_measure(const char *path, size_t *height, size_t *width, mote_error *error) {
    picture p = {0};
    mote_status status = read_picture(path, 0, &p, error);
    *height = p.height;
    *width = p.width;
    free(p.pixels);
    return status;
}

/* ---- making samples ---- */

/* The mean colour of the outermost pixels, which is taken for the ground's. */
static void edge_colour(const picture *p, uint8_t *colour) {
    for (size_t c = 0; c < p->channels; c++) {
        uint64_t sum = 0, count = 0;
        for (size_t y = 0; y < p->height; y++) {
            size_t step = y == 0 || y == p->height - 1 || p->width == 1 ? 1 : p->width - 1;
            for (size_t x = 0; x < p->width; x += step, count++) {
                sum += p->pixels[y * p->stride + x * p->channels + c];
            }
        }
        colour[c] = (uint8_t)((sum + count / 2) / count);
    }
}

/* Scales to to->width × to->height. */
static bool scale(const picture *from, picture *to) {
    to->channels = from->channels;
    to->stride = to->width * to->channels;
    to->pixels = malloc(to->height * to->stride);
#if defined(MOTE_STB_RESIZE2)
    return to->pixels &&
           stbir_resize_uint8_linear(from->pixels, (int)from->width, (int)from->height,
                                     (int)from->stride, to->pixels, (int)to->width, (int)to->height,
                                     0, from->channels == 1 ? STBIR_1CHANNEL : STBIR_RGB);
#else
    return to->pixels &&
           stbir_resize_uint8(from->pixels, (int)from->width, (int)from->height, (int)from->stride,
                              to->pixels, (int)to->width, (int)to->height, 0, (int)from->channels);
#endif
}

/* The largest size with the picture's proportions within width × height. */
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

/* A view of the middle of the picture, as large as possible with the proportions of
 * width × height. */
static picture middle(const picture *p, size_t width, size_t height) {
    picture part = *p, proportions = {.width = width, .height = height};
    fit(&proportions, p->width, p->height, &part);
    size_t top = (p->height - part.height) / 2, left = (p->width - part.width) / 2;
    part.pixels = p->pixels + top * p->stride + left * p->channels;
    return part;
}

/* Copies the picture to the middle of the sample, plane by plane, and fills the rest with
 * `ground`. */
static void place(const picture *p, const uint8_t *ground, mote_shape shape, uint8_t *sample) {
    size_t height = shape.dims[1], width = shape.dims[2];
    size_t top = (height - p->height) / 2, left = (width - p->width) / 2;
    for (size_t c = 0; c < p->channels; c++) {
        uint8_t *plane = sample + c * height * width;
        memset(plane, ground[c], height * width);
        for (size_t y = 0; y < p->height; y++) {
            for (size_t x = 0; x < p->width; x++) {
                plane[(top + y) * width + left + x] =
                    p->pixels[y * p->stride + x * p->channels + c];
            }
        }
    }
}

static mote_status bring_to_shape(const char *path, const picture *file, mote_shape shape,
                                  mote_resize resize, uint8_t *sample, mote_error *error) {
    size_t height = shape.dims[1], width = shape.dims[2];
    if (resize == MOTE_RESIZE_REFUSE && (file->height != height || file->width != width)) {
        return mote_fail(error, MOTE_INVALID,
                         "%s: is %zu × %zu pixels (height × width), but expected %zu × %zu", path,
                         file->height, file->width, height, width);
    }
    picture from = resize == MOTE_RESIZE_FILL ? middle(file, width, height) : *file;
    picture to = {.width = width, .height = height};
    if (resize == MOTE_RESIZE_FIT) {
        fit(file, width, height, &to);
    }
    uint8_t ground[3];
    edge_colour(file, ground);
    mote_status status = MOTE_OK;
    if (to.width == from.width && to.height == from.height) {
        place(&from, ground, shape, sample);
    } else if (scale(&from, &to)) {
        place(&to, ground, shape, sample);
    } else {
        status = fail_picture(path, out_of_memory, error);
    }
    free(to.pixels);
    return status;
}

mote_status mote_image_read(const char *path, mote_shape shape, mote_resize resize, uint8_t *sample,
                            mote_error *error) {
    if (shape.rank != 3 || (shape.dims[0] != 1 && shape.dims[0] != 3)) {
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_INVALID,
                         "%s: the model takes %s, which is not a picture of 1 or 3 channels", path,
                         mote_shape_text(shape, text));
    }
    picture file = {0};
    mote_status status = read_picture(path, shape.dims[0], &file, error);
    if (status == MOTE_OK) {
        status = bring_to_shape(path, &file, shape, resize, sample, error);
    }
    free(file.pixels);
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
