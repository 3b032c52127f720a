/* convolution.h (internal): windows that slide over images, and the matrices that they make.
 *
 * Images have channels last. An image is worked on in patches: what some consecutive output pixels
 * see of it, copied out with its padding, so that nothing further has to look at borders, and small
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
    size_t patch_rows, patch_columns; /* output pixels of a patch; rows > 1 only for all columns */
} mote_window;

/* Numbers of a patch at most. */
#define MOTE_PATCH_CAPACITY ((size_t)1 << 16)

/* How many places a window finds along one side; 0 where it does not fit. */
size_t mote_window_extent(size_t in, size_t kernel, size_t stride, size_t padding_before,
                          size_t padding_after, size_t dilation);

/* Decides on patches, all else being set; false where even one pixel sees more than a patch can
 * hold. */
bool mote_window_plan(mote_window *window);

/* Output pixels begin ... end - 1, in reading order, and the part of the padded image that they
 * see, of which `row` and `column` may lie before the image. */
typedef struct mote_patch {
    size_t begin, end;
    ptrdiff_t row, column;
    size_t height, width;
} mote_patch;

size_t mote_patch_count(const mote_window *window);
mote_patch mote_patch_at(const mote_window *window, size_t index);

/* image [height × width × channels] to patch [patch.height × patch.width × channels], and back: each
 * number of the patch is added to the image where it came from. */
void mote_patch_load(const mote_window *window, const mote_patch *patch, const mote_real *image,
                     mote_real *numbers);
void mote_patch_add(const mote_window *window, const mote_patch *patch, const mote_real *numbers,
                    mote_real *image);

/* What output pixels begin ... end - 1 of the patch see of `channels` channels from `first` on, a
 * row each [kernel × kernel × channels]; and back: each number is added to the patch. */
void mote_columns_load(const mote_window *window, const mote_patch *patch, const mote_real *numbers,
                       size_t first, size_t channels, size_t begin, size_t end, mote_real *columns);
void mote_columns_add(const mote_window *window, const mote_patch *patch, const mote_real *columns,
                      size_t first, size_t channels, size_t begin, size_t end, mote_real *numbers);

/* ---- without columns, where there are few channels ----
 *
 * For images of so few channels the columns would be copied together number by number, which takes
 * longer than the product. Instead each number is multiplied with a vector of weights over the
 * filters. Windows of at most MOTE_DIRECT_TAPS numbers; weights and dw have a row of
 * `weight_stride`, a multiple of MOTE_LANES, for each of the window's numbers, and dw has rows up to
 * a multiple of 8. y, dy [the patch's pixels × filters]. */
#define MOTE_LANES       (64 / sizeof(mote_real))
#define MOTE_DIRECT_TAPS 128

/* y = what the pixels see × weights + bias, which is as long as a row of weights. */
void mote_direct_forward(const mote_window *window, const mote_patch *patch,
                         const mote_real *numbers, const mote_real *weights, size_t weight_stride,
                         const mote_real *bias, size_t filters, mote_real *y);

/* dw += what the pixels see, transposed, × dy. */
void mote_direct_gradient(const mote_window *window, const mote_patch *patch,
                          const mote_real *numbers, const mote_real *dy, size_t filters,
                          mote_real *dw, size_t weight_stride);

/* ---- one filter for each channel ----
 *
 * weights, dw [kernel × kernel × channels]; y, dy [the patch's pixels × channels]. The first gives
 * y; the others add to what the patch's `numbers` and dw hold. */
void mote_depthwise_forward(const mote_window *window, const mote_patch *patch,
                            const mote_real *numbers, const mote_real *weights, mote_real *y);
void mote_depthwise_backward(const mote_window *window, const mote_patch *patch,
                             const mote_real *dy, const mote_real *weights, mote_real *numbers);
void mote_depthwise_gradient(const mote_window *window, const mote_patch *patch,
                             const mote_real *numbers, const mote_real *dy, mote_real *dw);

#endif
