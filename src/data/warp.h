/* warp.h (internal): maps each pixel of an image to the place it comes from, and resamples images.
 */
#ifndef MOTE_DATA_WARP_H
#define MOTE_DATA_WARP_H

#include "core/arena.h"
#include "mote/augmentation.h"

/* Places are relative to the image's centre. A pixel comes from the linear map of its point, which
 * is the pixel itself unless has_points is set. All memory belongs to one thread. */
struct mote_warp {
    mote_shape shape; /* channels × height × width */
    double xx, xy, x, yx, yy, y;
    bool has_points;

    mote_real *points_x, *points_y; /* [height × width] */
    mote_real *padded;              /* [channels, at least 2] images with a margin */
    mote_real *row_x, *row_y;       /* [width]: places of a row of pixels */
    int32_t *index;                 /* [width]: their upper left neighbours in `padded` */
    mote_real *color;               /* [channels] */
};

/* Takes memory for images of that shape; see arena.h. */
void mote_warp_carve(mote_warp *warp, mote_shape shape, mote_arena *arena);

/* Resets to the identity, where each pixel comes from itself; tells whether it is that. */
void mote_warp_reset(mote_warp *warp);
bool mote_warp_is_identity(const mote_warp *warp);

/* Resamples x [shape] in place, with bilinear interpolation. Outside the image is color [channels]
 * or, if NULL, the nearest pixel. */
void mote_warp_resample(mote_warp *warp, const mote_real *color, mote_real *x);

#endif
