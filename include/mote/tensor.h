/* tensor.h: shapes and views of numbers.
 *
 * A tensor is contiguous and row-major and has at most MOTE_MAX_RANK dimensions; dimension 0 is the
 * batch if there is one. mote_tensor is a view: it owns nothing and may be copied freely.
 */
#ifndef MOTE_TENSOR_H
#define MOTE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The type of every weight, activation and gradient: float. The test suite compiles mote a second
 * time with MOTE_DOUBLE, so that gradients can be checked against finite differences in double
 * precision; nothing else should define it. */
#ifdef MOTE_DOUBLE
typedef double mote_real;
#else
typedef float mote_real;
#endif

#define MOTE_MAX_RANK 4

/* Rank 0 is a single number. Entries of `dims` past the rank are 0. */
typedef struct mote_shape {
    size_t rank;
    size_t dims[MOTE_MAX_RANK];
} mote_shape;

typedef struct mote_tensor {
    mote_real *data;
    mote_shape shape;
} mote_tensor;

/* Shapes by their dimensions: mote_shape_vector(784), mote_shape_image(1, 28, 28). */
mote_shape mote_shape_vector(size_t length);
mote_shape mote_shape_matrix(size_t rows, size_t columns);
mote_shape mote_shape_image(size_t channels, size_t height, size_t width);

/* How many numbers a tensor of this shape holds; 1 for rank 0, SIZE_MAX on overflow. */
size_t mote_shape_count(mote_shape shape);

bool mote_shape_equal(mote_shape a, mote_shape b);

#define MOTE_SHAPE_TEXT_CAPACITY 96

/* Writes "32 × 14 × 14" (UTF-8) to text [MOTE_SHAPE_TEXT_CAPACITY] and returns it. */
char *mote_shape_text(mote_shape shape, char *text);

#ifdef __cplusplus
}
#endif

#endif
