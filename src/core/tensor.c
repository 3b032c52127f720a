/* tensor.c: shapes. */
#include "mote/tensor.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

mote_shape mote_shape_vector(size_t length) {
    return (mote_shape){.rank = 1, .dims = {length}};
}

mote_shape mote_shape_matrix(size_t rows, size_t columns) {
    return (mote_shape){.rank = 2, .dims = {rows, columns}};
}

mote_shape mote_shape_image(size_t channels, size_t height, size_t width) {
    return (mote_shape){.rank = 3, .dims = {channels, height, width}};
}

size_t mote_shape_count(mote_shape shape) {
    size_t count = 1;
    for (size_t i = 0; i < shape.rank; i++) {
        if (shape.dims[i] != 0 && count > SIZE_MAX / shape.dims[i]) {
            return SIZE_MAX;
        }
        count *= shape.dims[i];
    }
    return count;
}

bool mote_shape_equal(mote_shape a, mote_shape b) {
    return a.rank == b.rank && memcmp(a.dims, b.dims, a.rank * sizeof *a.dims) == 0;
}

char *mote_shape_text(mote_shape shape, char *text) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < shape.rank; i++) {
        int written = snprintf(text + used, MOTE_SHAPE_TEXT_CAPACITY - used, "%s%zu",
                               i ? " × " : "", shape.dims[i]);
        used += (size_t)written;
    }
    if (shape.rank == 0) {
        snprintf(text, MOTE_SHAPE_TEXT_CAPACITY, "one number");
    }
    return text;
}
