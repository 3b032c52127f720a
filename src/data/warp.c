/* warp.c: maps each pixel of an image to the place it comes from, and resamples images.
 *
 * Augmentations are composed from last to first, since the last one says where a pixel of the
 * result comes from, and the one before it where that place comes from.
 */
#include "data/warp.h"

#include <string.h>

#include "math/vector.h"

/* The margin around a plane: one pixel on the left and top, two on the right and bottom, so that
 * any place up to one pixel outside the plane has a right and a lower neighbour. */
enum {
    MARGIN = 3
};

static size_t padded_count(size_t height, size_t width) {
    return (height + MARGIN) * (width + MARGIN);
}

void mote_warp_carve(mote_warp *warp, mote_shape shape, mote_arena *arena) {
    size_t channels = shape.dims[0], height = shape.dims[1], width = shape.dims[2];
    size_t planes = channels > 2 ? channels : 2; /* displacements need two */
    warp->shape = shape;
    warp->points_x = mote_arena_take(arena, height * width, sizeof *warp->points_x);
    warp->points_y = mote_arena_take(arena, height * width, sizeof *warp->points_y);
    warp->padded = mote_arena_take(arena, planes * padded_count(height, width), sizeof(mote_real));
    warp->row_x = mote_arena_take(arena, width, sizeof *warp->row_x);
    warp->row_y = mote_arena_take(arena, width, sizeof *warp->row_y);
    warp->index = mote_arena_take(arena, width, sizeof *warp->index);
    warp->color = mote_arena_take(arena, channels, sizeof *warp->color);
}

static void set_linear_identity(mote_warp *warp) {
    warp->xx = warp->yy = 1;
    warp->xy = warp->yx = warp->x = warp->y = 0;
}

void mote_warp_reset(mote_warp *warp) {
    set_linear_identity(warp);
    warp->has_points = false;
}

bool mote_warp_is_identity(const mote_warp *warp) {
    return !warp->has_points && warp->xx == 1 && warp->yy == 1 && warp->xy == 0 && warp->yx == 0 &&
           warp->x == 0 && warp->y == 0;
}

void mote_warp_move(mote_warp *warp, double right, double down) {
    warp->x += right;
    warp->y += down;
}

void mote_warp_linear(mote_warp *warp, double xx, double xy, double yx, double yy) {
    mote_warp w = *warp;
    warp->xx = xx * w.xx + xy * w.yx;
    warp->xy = xx * w.xy + xy * w.yy;
    warp->x = xx * w.x + xy * w.y;
    warp->yx = yx * w.xx + yy * w.yx;
    warp->yy = yx * w.xy + yy * w.yy;
    warp->y = yx * w.x + yy * w.y;
}

/* ---- places ---- */

static double center_of(size_t length) {
    return ((double)length - 1) / 2;
}

/* x_j = a j + b */
MOTE_MULTIVERSION
static void place_pixels(size_t count, mote_real a, mote_real b, mote_real *x) {
    for (size_t j = 0; j < count; j++) {
        x[j] = a * (mote_real)(int32_t)j + b;
    }
}

/* z_j = a x_j + b y_j + c */
MOTE_MULTIVERSION
static void place_points(size_t count, mote_real a, mote_real b, mote_real c, const mote_real *x,
                         const mote_real *y, mote_real *z) {
    for (size_t j = 0; j < count; j++) {
        z[j] = a * x[j] + b * y[j] + c;
    }
}

/* Stores where the pixels of a row come from in row_x and row_y, relative to the centre of the
 * upper left pixel. */
static void place_row(const mote_warp *w, size_t row) {
    size_t height = w->shape.dims[1], width = w->shape.dims[2];
    double center_x = center_of(width), center_y = center_of(height);
    if (w->has_points) {
        const mote_real *x = w->points_x + row * width, *y = w->points_y + row * width;
        place_points(width, (mote_real)w->xx, (mote_real)w->xy, (mote_real)(w->x + center_x), x, y,
                     w->row_x);
        place_points(width, (mote_real)w->yx, (mote_real)w->yy, (mote_real)(w->y + center_y), x, y,
                     w->row_y);
        return;
    }
    double v = (double)row - center_y; /* the first pixel is at (-center_x, v) */
    place_pixels(width, (mote_real)w->xx,
                 (mote_real)(w->xy * v - w->xx * center_x + w->x + center_x), w->row_x);
    place_pixels(width, (mote_real)w->yx,
                 (mote_real)(w->yy * v - w->yx * center_x + w->y + center_y), w->row_y);
}

/* Turns places into the index of the upper left neighbour in a padded plane, and the distances from
 * it. Places more than one pixel outside the plane, and NaN, are clamped to the margin. */
MOTE_MULTIVERSION
static void locate(size_t count, size_t height, size_t width, mote_real *x, mote_real *y,
                   int32_t *index) {
    int32_t stride = (int32_t)(width + MARGIN);
    mote_real most_x = (mote_real)(width + 1), most_y = (mote_real)(height + 1);
    for (size_t j = 0; j < count; j++) {
        mote_real right = x[j] + 1, down = y[j] + 1; /* in the padded plane */
        right = right > 0 ? right : 0;
        down = down > 0 ? down : 0;
        right = right < most_x ? right : most_x;
        down = down < most_y ? down : most_y;
        int32_t column = (int32_t)right, row = (int32_t)down;
        x[j] = right - (mote_real)column;
        y[j] = down - (mote_real)row;
        index[j] = row * stride + column;
    }
}

/* ---- images ---- */

static void fill(size_t count, mote_real value, mote_real *x) {
    for (size_t i = 0; i < count; i++) {
        x[i] = value;
    }
}

/* Copies a plane and adds the margin: *value or, if NULL, the nearest pixel. */
static void pad(size_t height, size_t width, const mote_real *plane, const mote_real *value,
                mote_real *padded) {
    size_t stride = width + MARGIN;
    for (size_t i = 0; i < height + MARGIN; i++, padded += stride) {
        size_t from = i < 1 ? 0 : i - 1 < height ? i - 1 : height - 1;
        bool outside = i < 1 || i > height;
        const mote_real *row = plane + from * width;
        if (value && outside) {
            fill(stride, *value, padded);
        } else {
            padded[0] = value ? *value : row[0];
            memcpy(padded + 1, row, width * sizeof *row);
            fill(MARGIN - 1, value ? *value : row[width - 1], padded + 1 + width);
        }
    }
}

/* Interpolates between four pixels, the first at `p`. Exact at the pixels themselves. */
static inline mote_real between(const mote_real *p, size_t stride, mote_real right,
                                mote_real down) {
    mote_real above = p[0] + right * (p[1] - p[0]);
    mote_real below = p[stride] + right * (p[stride + 1] - p[stride]);
    return above + down * (below - above);
}

MOTE_MULTIVERSION
static void sample_row(size_t width, const mote_real *padded, const int32_t *index,
                       const mote_real *right, const mote_real *down, mote_real *y) {
    for (size_t j = 0; j < width; j++) {
        y[j] = between(padded + index[j], width + MARGIN, right[j], down[j]);
    }
}

void mote_warp_resample(mote_warp *warp, const mote_real *color, mote_real *x) {
    size_t channels = warp->shape.dims[0], height = warp->shape.dims[1],
           width = warp->shape.dims[2];
    size_t plane = height * width, padded_plane = padded_count(height, width);
    for (size_t c = 0; c < channels; c++) {
        pad(height, width, x + c * plane, color ? color + c : NULL,
            warp->padded + c * padded_plane);
    }
    for (size_t i = 0; i < height; i++) {
        place_row(warp, i);
        locate(width, height, width, warp->row_x, warp->row_y, warp->index);
        for (size_t c = 0; c < channels; c++) {
            sample_row(width, warp->padded + c * padded_plane, warp->index, warp->row_x,
                       warp->row_y, x + c * plane + i * width);
        }
    }
}

/* ---- displacements ---- */

MOTE_MULTIVERSION
static void add_sampled_row(size_t width, const mote_real *padded, const int32_t *index,
                            const mote_real *right, const mote_real *down, mote_real *y) {
    for (size_t j = 0; j < width; j++) {
        y[j] += between(padded + index[j], width + MARGIN, right[j], down[j]);
    }
}

/* Sets the points to the pixels, displaced. */
static void displace_pixels(mote_warp *warp, const mote_real *dx, const mote_real *dy) {
    size_t height = warp->shape.dims[1], width = warp->shape.dims[2];
    mote_real center_x = (mote_real)center_of(width), center_y = (mote_real)center_of(height);
    mote_real *x = warp->points_x, *y = warp->points_y;
    for (size_t i = 0; i < height; i++, x += width, y += width, dx += width, dy += width) {
        mote_real v = (mote_real)i - center_y;
        for (size_t j = 0; j < width; j++) {
            x[j] = (mote_real)(int32_t)j - center_x + dx[j];
            y[j] = v + dy[j];
        }
    }
}

/* Sets the points to the places mapped so far, displaced by dx and dy interpolated there. */
static void displace_places(mote_warp *warp, const mote_real *dx, const mote_real *dy) {
    size_t height = warp->shape.dims[1], width = warp->shape.dims[2];
    mote_real center_x = (mote_real)center_of(width), center_y = (mote_real)center_of(height);
    mote_real *padded_x = warp->padded, *padded_y = padded_x + padded_count(height, width);
    pad(height, width, dx, NULL, padded_x);
    pad(height, width, dy, NULL, padded_y);
    for (size_t i = 0; i < height; i++) {
        place_row(warp, i);
        mote_real *x = warp->points_x + i * width, *y = warp->points_y + i * width;
        for (size_t j = 0; j < width; j++) {
            x[j] = warp->row_x[j] - center_x;
            y[j] = warp->row_y[j] - center_y;
        }
        locate(width, height, width, warp->row_x, warp->row_y, warp->index);
        add_sampled_row(width, padded_x, warp->index, warp->row_x, warp->row_y, x);
        add_sampled_row(width, padded_y, warp->index, warp->row_x, warp->row_y, y);
    }
}

void mote_warp_displace(mote_warp *warp, const mote_real *dx, const mote_real *dy) {
    if (mote_warp_is_identity(warp)) {
        displace_pixels(warp, dx, dy);
    } else {
        displace_places(warp, dx, dy);
    }
    warp->has_points = true;
    set_linear_identity(warp);
}
