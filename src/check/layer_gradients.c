/* layer_gradients.c: checks that a layer's gradients are the derivatives of L = Σ upstream · y.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "check/difference.h"
#include "check/layer_check.h"

static const double EPSILON = (double)FLT_EPSILON;

/* ---- differences ---- */

typedef struct layer_loss {
    mote_alone *alone;
    mote_trial trial;
    size_t first; /* what mote_alone_name counts entry 0 as; SIZE_MAX for x */
} layer_loss;

static void compute(void *context, size_t place) {
    layer_loss *l = context;
    mote_alone_forward(l->alone, &l->trial, &l->alone->results[place]);
}

/* Numbers that are equal in both places have equal rounding errors; each of the others may be off
 * by a few ulp of the largest. */
static double compare(void *context, size_t place, size_t other, double *noise) {
    const mote_alone *alone = ((const layer_loss *)context)->alone;
    size_t count = ((const layer_loss *)context)->trial.rows * alone->out;
    const mote_real *a = alone->results[place].y, *b = alone->results[other].y;
    double difference = 0, weights = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)a[i]));
        if (a[i] != b[i]) {
            difference += (double)alone->upstream[i] * ((double)a[i] - (double)b[i]);
            weights += pow((double)alone->upstream[i], 2);
        }
    }
    *noise += 4 * EPSILON * sqrt(weights) * largest;
    return difference;
}

static char *name_of(void *context, size_t index, char *text) {
    const layer_loss *l = context;
    if (l->first == SIZE_MAX) {
        snprintf(text, MOTE_DIFFERENCE_NAME_CAPACITY, "x[%zu]", index);
        return text;
    }
    return mote_alone_name(l->alone, l->first + index, text);
}

static mote_status check_differences(mote_alone *alone, const mote_trial *trial,
                                     const mote_result *given, size_t most, mote_error *error) {
    layer_loss context = {.alone = alone, .trial = *trial, .first = SIZE_MAX};
    mote_loss loss = {.compute = compute, .compare = compare, .context = &context};
    mote_status status = mote_check_gradient(&loss, trial->rows * alone->in, alone->x, given->dx,
                                             most, name_of, error);
    context.first = 0;
    for (size_t i = 0; status == MOTE_OK && i < alone->model->parameter_count; i++) {
        const mote_parameter *parameter = alone->model->parameters[i].parameter;
        if (!parameter->buffer) {
            status = mote_check_gradient(&loss, parameter->count, parameter->value,
                                         given->gradients + context.first, most, name_of, error);
            context.first += parameter->count;
        }
    }
    return status;
}

/* ---- the ways to request them ---- */

/* Checks that found is wanted + more, up to rounding, as when sums are taken in another order. */
static mote_status check_close(const mote_alone *alone, const mote_real *found,
                               const mote_real *wanted, double more, const char *what,
                               mote_error *error) {
    double largest = fabs(more);
    char name[MOTE_ENTRY_CAPACITY];
    for (size_t i = 0; i < alone->trained; i++) {
        largest = fmax(largest, fabs((double)wanted[i]));
    }
    for (size_t i = 0; i < alone->trained; i++) {
        double expected = (double)wanted[i] + more;
        if (!(fabs((double)found[i] - expected) <= 100 * EPSILON * largest)) {
            return mote_fail(error, MOTE_DATA, "the gradient of %s is %.6g instead of %.6g %s",
                             mote_alone_name(alone, i, name), (double)found[i], expected, what);
        }
    }
    return MOTE_OK;
}

static mote_status check_finite(const mote_alone *alone, size_t rows, mote_error *error) {
    for (size_t i = 0; i < rows * alone->out; i++) {
        if (!isfinite(alone->results[0].y[i])) {
            return mote_fail(error, MOTE_DATA, "y[%zu] is not finite, for x between -2 and 2", i);
        }
    }
    return MOTE_OK;
}

mote_status mote_check_layer_gradients(mote_alone *alone, size_t rows, size_t most,
                                       mote_error *error) {
    mote_result *first = &alone->results[0], *second = &alone->results[1];
    mote_trial trial = {.rows = rows, .memory = 0xff};
    mote_status status = mote_alone_run(alone, &trial, first, error);
    if (status == MOTE_OK) {
        status = check_finite(alone, rows, error);
    }
    mote_trial more = trial;
    more.gradient = 0.5;
    if (status == MOTE_OK) {
        mote_alone_run(alone, &more, second, NULL);
        status = check_close(alone, second->gradients, first->gradients, 0.5,
                             "where it is added to 0.5", error);
    }
    mote_trial bare = trial;
    bare.without_dx = true;
    if (status == MOTE_OK) {
        mote_alone_run(alone, &bare, second, NULL);
        status =
            check_close(alone, second->gradients, first->gradients, 0, "where dx is NULL", error);
    }
    mote_trial handed = trial;
    handed.hands_over = true;
    if (status == MOTE_OK) {
        status = mote_alone_run(alone, &handed, second, error);
    }
    if (status == MOTE_OK) {
        status = check_close(alone, second->gradients, first->gradients, 0,
                             "where it is handed over by mote_gradient_ready", error);
    }
    if (status == MOTE_OK) { /* last: this overwrites y in the results, but not gradients or dx */
        status = check_differences(alone, &trial, first, most, error);
    }
    return status;
}
