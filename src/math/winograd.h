/* winograd.h (internal): 3 × 3 convolutions with fewer multiplications.
 *
 * F(2 × 2, 3 × 3) of S. Winograd ("Arithmetic Complexity of Computations", 1980), as applied by A.
 * Lavin and S. Gray ("Fast Algorithms for Convolutional Neural Networks", 2016): a tile of 2 × 2
 * pixels of y, which sees 4 × 4 pixels of x, is
 *
 *   y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A
 *
 * summed over the channels: 16 multiplications per channel and filter instead of 36. Over many
 * tiles, that is a matrix product for each of the 16 places. And since ⟨y, dy⟩ is linear in w,
 *
 *   dw = Gᵀ [(Bᵀ x B) ⊙ (A dy Aᵀ)] G
 *
 * while dx is a convolution of dy with the windows rotated by 180°.
 *
 * Images have channels last; channels and filters are multiples of MOTE_LANES.
 */
#ifndef MOTE_MATH_WINOGRAD_H
#define MOTE_MATH_WINOGRAD_H

#include "math/convolution.h"

/* Places of a tile's transform. */
#define MOTE_WINOGRAD_PLACES ((size_t)16)

/* The most channels, and the most filters. */
#define MOTE_WINOGRAD_MOST_CHANNELS 256

/* A convolution of a batch of images; the window is 3 × 3, with stride and dilation 1 and padding
 * of at most 2. */
typedef struct mote_winograd {
    mote_window window;
    size_t filters;
} mote_winograd;

/* Whether the window is as above, and the shapes make this faster than columns. */
bool mote_winograd_suits(const mote_winograd *convolution);

/* The convolution that takes dy to dx. */
mote_winograd mote_winograd_backward(const mote_winograd *convolution);

/* A chunk of a batch: consecutive pairs of rows of y. The number of chunks depends on shapes
 * alone. */
typedef struct mote_winograd_chunk {
    size_t begin, end;             /* pairs of rows of y, counted over the whole batch */
    size_t first_pixel, end_pixel; /* the same in pixels of y */
} mote_winograd_chunk;

size_t mote_winograd_chunk_count(const mote_winograd *convolution, size_t batch);
mote_winograd_chunk mote_winograd_chunk_at(const mote_winograd *convolution, size_t batch,
                                           size_t index);

/* Transforms the weights [filters × channels × 3 × 3] of MOTE_LANES filters from `first` on to u
 * [16 × channels × filters] and, unless `turned` is NULL, to the u of the backward convolution [16
 * × filters × channels]. */
void mote_winograd_weights(const mote_winograd *convolution, const mote_real *weights, size_t first,
                           mote_real *u, mote_real *turned);

/* y = x convolved with u, for the chunk's pixels. */
void mote_winograd_multiply(const mote_winograd *convolution, const mote_winograd_chunk *chunk,
                            const mote_real *x, const mote_real *u, mote_real *y);

/* du [16 × channels × filters] += the chunk's share of the gradient with respect to u. */
void mote_winograd_gradient(const mote_winograd *convolution, const mote_winograd_chunk *chunk,
                            const mote_real *x, const mote_real *dy, mote_real *du);

/* dw [MOTE_LANES × channels × 3 × 3] of the filters from `first` on, from the sum of `parts` du,
 * which are `stride` apart. */
void mote_winograd_weight_gradient(const mote_winograd *convolution, size_t parts, size_t stride,
                                   const mote_real *du, size_t first, mote_real *dw);

#endif
