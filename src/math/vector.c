/* vector.c: vector functions. */
#include "math/vector.h"

#include "mote/kernels.h"

MOTE_MULTIVERSION
void mote_exp(size_t count, const mote_real *x, mote_real *y) {
    for (size_t i = 0; i < count; i++) {
        y[i] = mote_exp_one(x[i]);
    }
}

MOTE_MULTIVERSION
void mote_softmax(size_t rows, size_t columns, const mote_real *z, mote_real *p) {
    for (size_t row = 0; row < rows; row++, z += columns, p += columns) {
        mote_real shift = z[0];
        for (size_t i = 1; i < columns; i++) {
            shift = z[i] > shift ? z[i] : shift;
        }
        mote_real sum = 0;
        for (size_t i = 0; i < columns; i++) {
            p[i] = mote_exp_one(z[i] - shift);
            sum += p[i];
        }
        /* NaN in z (which the maximum may have skipped), +inf, or only −inf makes some p[i] NaN,
         * and so the sum and every p. */
        mote_real factor = 1 / sum;
        for (size_t i = 0; i < columns; i++) {
            p[i] *= factor;
        }
    }
}
