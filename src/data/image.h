/* image.h: picture files to samples. */
#ifndef MOTE_DATA_IMAGE_H
#define MOTE_DATA_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mote/preprocessing.h"
#include "mote/status.h"
#include "mote/tensor.h"

/* How a picture of another size becomes a sample. */
#define MOTE_RESIZES(X)                                                                            \
    X(FIT, "fit")         /* keeps its proportions; what stays free gets its edge's mean colour */ \
    X(FILL, "fill")       /* keeps its proportions; what stands out on two sides is cut off */     \
    X(STRETCH, "stretch") /* does not */

typedef enum mote_resize {
#define X(name, text) MOTE_RESIZE_##name,
    MOTE_RESIZES(X)
#undef X
    MOTE_RESIZE_REFUSE, /* it does not: MOTE_INVALID */
} mote_resize;

/* Each at its value but the last one's, ended by NULL. */
extern const char *const mote_resize_names[];

/* Reads a PNG, JPEG, BMP, TGA or PNM (PBM, PGM, PPM) file, whatever its name, into sample
 * [channels × height × width]; 1 channel is grey, 3 are red, green and blue. Transparent parts are
 * seen on white, and JPEG files the way the camera was held (Exif). What is damaged or cut short is
 * refused, as is a picture of more than 32768 pixels a side, with MOTE_DATA; a file that cannot be
 * read with MOTE_FILE. */
mote_status mote_image_read(const char *path, mote_shape shape, mote_resize resize, uint8_t *sample,
                            mote_error *error);

/* How the names of pictures end, and whether a name does so, in small letters or capitals. */
#define MOTE_IMAGE_SUFFIXES ".png, .jpg, .jpeg, .bmp, .tga, .pbm, .pgm, .ppm, .pnm"
bool mote_image_has_suffix(const char *name);

/* Finds the height and width of a picture in such a file, by its header alone. */
mote_status mote_image_measure(const char *path, size_t *height, size_t *width, mote_error *error);

/* The means of all numbers of `count` samples, and of those on the edges of the pictures, on a
 * scale of 0 ... 1; samples follow each other, or are picked by `indexes` where it is not NULL. */
typedef struct mote_ground {
    double pixel_mean, edge_mean;
} mote_ground;

mote_ground mote_image_ground(mote_shape shape, const uint8_t *samples, const uint32_t *indexes,
                              size_t count);

/* Whether figure and ground are the other way round than in the samples that the preprocessing was
 * made from, such as dark on light for a model of light on dark. False where that cannot be
 * told. */
bool mote_image_looks_inverted(const mote_preprocessing *preprocessing, mote_shape shape,
                               const uint8_t *sample);

#endif
