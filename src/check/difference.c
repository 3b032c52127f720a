/* difference.c: derivatives by finite differences, with error estimates.
 *
 *   D(h) = (L(v + h) − L(v − h)) / 2h = L' + h² L''' / 6 + O(h⁴)
 *
 * so (4 D(h) − D(2h)) / 3 is off by O(h⁴) (Richardson, "The deferred approach to the limit", 1927),
 * and by the rounding error of L over h.
 *
 * Two quantities show how far to trust the result: the distance between D(h) and D(2h), and the
 * difference of the slopes on both sides, S(h) = (L(v + h) − 2 L(v) + L(v − h)) / h, which is
 * proportional to h where L is smooth, and the same for any h if there is a kink at v. A wrong
 * gradient affects neither.
 */
#include "check/difference.h"

#include <math.h>

/* Tolerances are relative to the gradient's entry, and to the largest of all entries. */
static const double STEP = 0x1p-6, TOLERANCE = 2e-3, TOLERANCE_OF_ALL = 1e-5;

enum {
    BELOW,
    ABOVE,
    HERE
};

/* For one step: the difference quotient, the difference of slopes, and their rounding error. */
typedef struct quotient {
    double value, bend, noise;
} quotient;

static quotient quotient_at(const mote_loss *loss, mote_real *place, double step) {
    mote_real kept = *place;
    *place = (mote_real)((double)kept + step);
    double above = (double)*place;
    loss->compute(loss->context, ABOVE);
    *place = (mote_real)((double)kept - step);
    double below = (double)*place; /* both as represented */
    loss->compute(loss->context, BELOW);
    *place = kept;
    quotient q = {0};
    double rise = loss->compare(loss->context, ABOVE, HERE, &q.noise) / (above - (double)kept);
    double fall = loss->compare(loss->context, HERE, BELOW, &q.noise) / ((double)kept - below);
    q.value = loss->compare(loss->context, ABOVE, BELOW, &q.noise) / (above - below);
    q.bend = rise - fall;
    q.noise /= step;
    return q;
}

typedef struct estimate {
    double value, doubt;
} estimate;

static estimate derivative(const mote_loss *loss, mote_real *place) {
    quotient near = quotient_at(loss, place, STEP), far = quotient_at(loss, place, 2 * STEP);
    double kink = fabs(2 * near.bend - far.bend);
    return (estimate){.value = (4 * near.value - far.value) / 3,
                      .doubt = 3 * fabs(near.value - far.value) + kink + 2 * near.noise};
}

mote_status mote_check_gradient(const mote_loss *loss, size_t count, mote_real *places,
                                const mote_real *gradient, size_t most,
                                char *(*name)(void *context, size_t index, char *text),
                                mote_error *error) {
    size_t entries = count < most ? count : most, doubtful = 0;
    char text[MOTE_DIFFERENCE_NAME_CAPACITY];
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)gradient[i]));
    }
    loss->compute(loss->context, HERE);
    for (size_t i = 0; i < entries; i++) {
        size_t index = i == 0 ? 0 : (i + 1) * count / entries - 1; /* includes first and last */
        double found = (double)gradient[index];
        estimate wanted = derivative(loss, &places[index]);
        double size = fmax(fabs(found), fabs(wanted.value));
        double allowed = TOLERANCE * size + TOLERANCE_OF_ALL * largest + wanted.doubt;
        if (!(fabs(found - wanted.value) <= allowed)) {
            return mote_fail(error, MOTE_DATA,
                             "the gradient of %s is %.6g, but by finite differences %.6g ± %.1g",
                             name(loss->context, index, text), found, wanted.value, allowed);
        }
        doubtful += wanted.doubt > 0.1 * size + 10 * TOLERANCE;
    }
    if (doubtful > entries / 3 + 1) {
        return mote_fail(error, MOTE_DATA,
                         "%zu of %zu finite differences around %s say nothing, since what is "
                         "computed jumps or bends too much",
                         doubtful, entries, name(loss->context, 0, text));
    }
    return MOTE_OK;
}
