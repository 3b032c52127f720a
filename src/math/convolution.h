/* convolution.h (internal): windows that slide over images, and the matrices made from them.
 *
 * Images have channels last. An image is processed in patches: what some consecutive output pixels
 * see of it, copied out with its padding, so that nothing else has to check borders, and small
 * enough to stay in cache.
 */
#ifndef MOTE_MATH_CONVOLUTION_H
#define MOTE_MATH_CONVOLUTION_H

#include "mote/tensor.h"

/* A square window that slides over images of height × width × channels. */
typedef struct mote_window {
    size_t height, width, channels;
    size_t kernel, stride, dilation;
    size_t padding_top, padding_left;
    size_t output_height, output_width;
    size_t patch_rows, patch_columns; /* output pixels of a patch; whole rows if rows > 1 */
} mote_window;

/* A patch has memory for MOTE_PATCH_CAPACITY numbers but holds at most MOTE_PATCH_NUMBERS: vectors
 * may reach up to MOTE_PATCH_OVER beyond its end. */
#define MOTE_PATCH_CAPACITY ((size_t)1 << 16)
#define MOTE_PATCH_OVER     8
#define MOTE_PATCH_NUMBERS  (MOTE_PATCH_CAPACITY - MOTE_PATCH_OVER)

/* How many positions a window has along one side; 0 if it does not fit. */
size_t mote_window_extent(size_t in, size_t kernel, size_t stride, size_t padding_before,
                          size_t padding_after, size_t dilation);

/* Sets the size of patches, once all else is set; false if even one pixel sees more than a patch
 * can hold. */
bool mote_window_plan(mote_window *window);

/* Output pixels begin ... end - 1, in row-major order, and the part of the padded image that they
 * see; `row` and `column` are negative where it begins in the padding. */
typedef struct mote_patch {
    size_t begin, end;
    ptrdiff_t row, column;
    size_t height, width;
} mote_patch;

size_t mote_patch_count(const mote_window *window);
mote_patch mote_patch_at(const mote_window *window, size_t index);

/* How many output pixels each of its rows has. */
static inline size_t mote_patch_columns(const mote_window *window, const mote_patch *patch) {
    bool whole_rows = window->patch_columns == window->output_width;
    return whole_rows ? window->output_width : patch->end - patch->begin;
}

/* Copies image [height × width × channels] to a patch [patch.height × patch.width × channels]; and
 * back: adds each number of the patch to where in the image it came from. MOTE_PATCH_OVER zeros
 * follow a loaded patch. */
void mote_patch_load(const mote_window *window, const mote_patch *patch, const mote_real *image,
                     mote_real *numbers);
void mote_patch_add(const mote_window *window, const mote_patch *patch, const mote_real *numbers,
                    mote_real *image);

/* Steps from output pixel to output pixel: where in the patch each finds its first number. */
typedef struct mote_cursor {
    size_t offset, column, columns;
    size_t step, wrap; /* to the next pixel, and added after the last of a row */
} mote_cursor;

mote_cursor mote_cursor_at(const mote_window *window, const mote_patch *patch, size_t pixel);

static inline void mote_cursor_advance(mote_cursor *c) {
    c->offset += c->step;
    if (++c->column == c->columns) {
        c->column = 0;
        c->offset += c->wrap;
    }
}

/* The offset of the number at (row, column) of the window from a pixel's first number. */
static inline size_t mote_tap_offset(const mote_window *w, const mote_patch *patch, size_t row,
                                     size_t column) {
    return (row * patch->width + column) * w->dilation * w->channels;
}

/* What output pixels begin ... end - 1 of the patch see of `channels` channels from `first` on, one
 * row each [kernel × kernel × channels]; and back: each number is added to the patch. */
void mote_columns_load(const mote_window *window, const mote_patch *patch, const mote_real *numbers,
                       size_t first, size_t channels, size_t begin, size_t end, mote_real *columns);
void mote_columns_add(const mote_window *window, const mote_patch *patch, const mote_real *columns,
                      size_t first, size_t channels, size_t begin, size_t end, mote_real *numbers);

#endif
