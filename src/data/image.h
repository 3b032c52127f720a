/* image.h: turns picture files into samples. */
#ifndef MOTE_DATA_IMAGE_H
#define MOTE_DATA_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mote/preprocessing.h"
#include "mote/status.h"
#include "mote/tensor.h"

/* How a picture of a different size becomes a sample. */
#define MOTE_RESIZES(X)                                                                            \
    X(FIT, "fit")         /* keeps its proportions; fills the rest with its edge's mean colour */  \
    X(FILL, "fill")       /* keeps its proportions; crops what sticks out on two sides */          \
    X(STRETCH, "stretch") /* does not keep its proportions */

typedef enum mote_resize {
#define X(name, text) MOTE_RESIZE_##name,
    MOTE_RESIZES(X)
#undef X
    MOTE_RESIZE_REFUSE, /* it does not: MOTE_INVALID */
} mote_resize;

/* Indexed by mote_resize, without the last one; NULL-terminated. */
extern const char *const mote_resize_names[];

/* Reads a PNG, JPEG, BMP, TGA or PNM (PBM, PGM, PPM) file, whatever its name, into sample
 * [channels × height × width]; 1 channel is grey, 3 are red, green and blue. Transparency is
 * composited onto white, and JPEG files are turned upright by their Exif data. Fails with MOTE_DATA
 * for damaged or truncated files and pictures of more than 32768 pixels a side or 2^28 in all, with
 * MOTE_FILE for files that cannot be read. */
mote_status mote_image_read(const char *path, mote_shape shape, mote_resize resize, uint8_t *sample,
                            mote_error *error);

/* The suffixes of picture files, and whether a name has one, in upper or lower case. */
#define MOTE_IMAGE_SUFFIXES ".png, .jpg, .jpeg, .bmp, .tga, .pbm, .pgm, .ppm, .pnm"
bool mote_image_has_suffix(const char *name);

/* Finds the height and width of the picture in such a file without decoding its pixels. */
mote_status mote_image_measure(const char *path, size_t *height, size_t *width, mote_error *error);

/* The means of all values of `count` samples, and of those on the edges of the pictures, scaled to
 * 0 ... 1. The samples are contiguous, or picked by `indexes` if it is not NULL. */
typedef struct mote_ground {
    double pixel_mean, edge_mean;
} mote_ground;

mote_ground mote_image_ground(mote_shape shape, const uint8_t *samples, const uint32_t *indexes,
                              size_t count);

/* Whether figure and ground are inverted compared with the samples that the preprocessing was made
 * from, such as dark on light for a model trained on light on dark. False if that cannot be
 * determined. */
bool mote_image_looks_inverted(const mote_preprocessing *preprocessing, mote_shape shape,
                               const uint8_t *sample);

#endif
