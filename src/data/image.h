/* image.h: picture files to samples. */
#ifndef MOTE_DATA_IMAGE_H
#define MOTE_DATA_IMAGE_H

#include <stdint.h>

#include "mote/preprocessing.h"
#include "mote/status.h"
#include "mote/tensor.h"

/* Reads a PNG, JPEG, BMP, PGM or PPM file into sample [channels × height × width]; 1 channel is
 * grey, 3 are red, green and blue. A picture of another size is scaled to fit, keeping its
 * proportions; what stays free gets the mean colour of its edge. Transparent parts are seen on
 * white. */
mote_status mote_image_read(const char *path, mote_shape shape, uint8_t *sample, mote_error *error);

/* The means of all numbers of `count` samples, and of those on the edges of the pictures, on a scale
 * of 0 ... 1; samples follow each other, or are picked by `indexes` where it is not NULL. */
typedef struct mote_ground {
    double pixel_mean, edge_mean;
} mote_ground;

mote_ground mote_image_ground(mote_shape shape, const uint8_t *samples, const uint32_t *indexes,
                              size_t count);

/* Whether figure and ground are the other way round than in the samples that the preprocessing was
 * made from, such as dark on light for a model of light on dark. False where that cannot be told. */
bool mote_image_looks_inverted(const mote_preprocessing *preprocessing, mote_shape shape,
                               const uint8_t *sample);

#endif
