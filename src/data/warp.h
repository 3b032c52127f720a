/* warp.h (internal): where each pixel of an image comes from, and images made by it.
 */
#ifndef MOTE_DATA_WARP_H
#define MOTE_DATA_WARP_H

#include "core/arena.h"
#include "mote/augmentation.h"

/* Places seen from the image's centre: that of a pixel is the linear map of the pixel's point, and
 * the point is the pixel itself as long as there are no others. All memory is one thread's. */
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

/* Back to where every pixel comes from itself, and whether that is so. */
void mote_warp_reset(mote_warp *warp);
bool mote_warp_is_identity(const mote_warp *warp);

/* Makes x [shape] anew from what it holds, bilinear between pixels. Outside is color [channels], or
 * with NULL the nearest pixel. */
void mote_warp_resample(mote_warp *warp, const mote_real *color, mote_real *x);

#endif
