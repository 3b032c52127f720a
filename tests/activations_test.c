/* activations_test.c: element-wise layers: the same bits wherever an element is, and the right
 * values at the extremes.
 */
#include <criterion/criterion.h>
#include <float.h>

#include "networks.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const float INF = INFINITY;

/* ---- every activation ---- */

enum {
    MOST_ELEMENTS = 150 /* not a multiple of any vector length */
};

static void expect_same(const char *type, const char *what, size_t count, const float *found,
                        const float *wanted) {
    for (size_t i = 0; i < count; i++) {
        if (found[i] != wanted[i] && !(isnan(found[i]) && isnan(wanted[i]))) {
            cr_expect(false, "%s, %s: entry %zu of %zu is %.9g instead of %.9g", type, what, i,
                      count, (double)found[i], (double)wanted[i]);
            return;
        }
    }
}

/* Compares runs of any length, from any element on, with one element at a time. */
static void check_places(const mote_layer *layer) {
    static const float special[] = {NAN, INFINITY, -INFINITY, 0, -0.0f, FLT_MAX, -FLT_MAX, 1e-40f};
    const mote_layer_class *kind = layer->kind;
    float x[MOST_ELEMENTS], y[MOST_ELEMENTS], dy[MOST_ELEMENTS], dx[MOST_ELEMENTS];
    float run[MOST_ELEMENTS];
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    numbers_uniform(&random, -9, 9, MOST_ELEMENTS, x);
    numbers_uniform(&random, -2, 2, MOST_ELEMENTS, dy);
    for (size_t i = 0; i < COUNT(special); i++) {
        x[17 * i + 3] = special[i];
    }
    for (size_t i = 0; i < MOST_ELEMENTS; i++) {
        kind->forward_elements(layer, 1, x + i, y + i);
        kind->backward_elements(layer, 1, x + i, y + i, dy + i, dx + i);
    }
    for (size_t begin = 0; begin < MOST_ELEMENTS; begin += 7) {
        for (size_t count = 0; count <= MOST_ELEMENTS - begin; count++) {
            kind->forward_elements(layer, count, x + begin, run);
            expect_same(kind->type, "forward", count, run, y + begin);
            memcpy(run, x + begin, count * sizeof *run);
            kind->forward_elements(layer, count, run, run);
            expect_same(kind->type, "forward in place", count, run, y + begin);
            kind->backward_elements(layer, count, x + begin, y + begin, dy + begin, run);
            expect_same(kind->type, "backward", count, run, dx + begin);
            memcpy(run, dy + begin, count * sizeof *run);
            kind->backward_elements(layer, count, x + begin, y + begin, run, run);
            expect_same(kind->type, "backward in place", count, run, dx + begin);
        }
    }
}

/* Tiles and fused neighbours cut a batch differently: an element of a full vector in one may be
 * part of a remainder in the other. */
Test(activations, give_the_same_bits_wherever_an_element_lies_and_in_place) {
    char json[SETTINGS_CAPACITY];
    size_t found = 0;
    for (const mote_layer_class *const *kind = mote_layer_classes(); *kind; kind++) {
        for (size_t i = 0; (*kind)->forward_elements && i < settings_count((*kind)->fields); i++) {
            settings_text((*kind)->fields, i, json);
            mote_model *model =
                layer_alone_create((*kind)->type, json, mote_shape_vector(1), 1, NULL);
            cr_assert(model, "%s %s", (*kind)->type, json);
            check_places(model->layers->layers[0]);
            network_destroy(model);
            found++;
        }
    }
    cr_expect_gt(found, 0);
}

/* ---- single values ---- */

typedef struct extreme {
    const char *type, *json;
    float x;
    double y, slope;
} extreme;

/* Relative, since small values must be right too. */
static bool is_close(double found, double wanted, double tolerance) {
    return isnan(wanted)   ? isnan(found)
           : isinf(wanted) ? found == wanted
                           : fabs(found - wanted) <= tolerance * fabs(wanted) + FLT_TRUE_MIN;
}

static void check_extreme(const extreme *row, double tolerance, double slope_tolerance) {
    mote_model *model = layer_alone_create(row->type, row->json, mote_shape_vector(1), 1, NULL);
    cr_assert(model, "%s", row->type);
    float y, dx;
    const float one = 1;
    mote_pass pass = {.batch = 1, .training = true};
    layer_alone_forward(model, &pass, &row->x, &y);
    layer_alone_backward(model, &pass, &one, &dx);
    cr_expect(is_close((double)y, row->y, tolerance), "%s of %g is %.9g instead of %.9g", row->type,
              (double)row->x, (double)y, row->y);
    cr_expect(is_close((double)dx, row->slope, slope_tolerance),
              "the slope of %s at %g is %.9g instead of %.9g", row->type, (double)row->x,
              (double)dx, row->slope);
    network_destroy(model);
}

/* At ±∞ as in PyTorch: 0 × ∞ is NaN. In floats, 1 + erf(x / √2) would be 0 for all x below −5.5. */
Test(activations, gelu_is_right_where_its_numbers_are_extreme) {
    const extreme rows[] = {
        {"gelu", NULL, INF, INFINITY, NAN},
        {"gelu", NULL, -INF, NAN, NAN},
        {"gelu", NULL, NAN, NAN, NAN},
        {"gelu", NULL, FLT_MAX, FLT_MAX, 1},
        {"gelu", NULL, -FLT_MAX, 0, 0},
        {"gelu", NULL, 1e4f, 1e4, 1},
        {"gelu", NULL, -1e4f, 0, 0},
        {"gelu", NULL, 30, 30, 1},
        {"gelu", NULL, -30, 0, 0},
        {"gelu", NULL, -12, -2.1317785344932e-32, -2.5578956616749e-31},
        {"gelu", NULL, -8, -4.9767684594174e-15, -3.9796072610868e-14},
        {"gelu", NULL, -6, -5.9195258702262e-9, -3.5468709453902e-8},
        {"gelu", NULL, -5, -1.433257859396e-6, -7.1469460017923e-6},
        {"gelu", NULL, 5, 4.9999985667421, 1.000007146946},
        {"gelu", NULL, 0, 0, 0.5},
        {"gelu", NULL, 1e-7f, 5e-8, 0.5},
        {"gelu", NULL, -1e-30f, -5e-31, 0.5},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_extreme(&rows[i], 1e-5, 1e-5);
    }
}

Test(activations, silu_is_right_where_its_numbers_are_extreme) {
    const extreme rows[] = {
        {"silu", NULL, INF, INFINITY, NAN},
        {"silu", NULL, -INF, NAN, NAN},
        {"silu", NULL, NAN, NAN, NAN},
        {"silu", NULL, FLT_MAX, FLT_MAX, 1},
        {"silu", NULL, -FLT_MAX, 0, 0},
        {"silu", NULL, 1e4f, 1e4, 1},
        {"silu", NULL, -1e4f, 0, 0},
        {"silu", NULL, -90, -7.3746113615915e-38, -7.2926712353516e-38},
        {"silu", NULL, -80, -1.4438811102763e-33, -1.4258325963979e-33},
        {"silu", NULL, -20, -4.1223072363804e-8, -3.9161918660647e-8},
        {"silu", NULL, 20, 19.999999958777, 1.0000000391619},
        {"silu", NULL, 0, 0, 0.5},
        {"silu", NULL, 1e-7f, 5e-8, 0.5},
        {"silu", NULL, -1e-30f, -5e-31, 0.5},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_extreme(&rows[i], 1e-6, 1e-6);
    }
}

/* Near 0, e^x − 1 would lose most digits of x. */
Test(activations, elu_is_right_where_its_numbers_are_extreme) {
    static const char *const two = "{\"alpha\": 2}";
    const extreme rows[] = {
        {"elu", two, INF, INFINITY, 1},   {"elu", two, -INF, -2, 0},
        {"elu", two, NAN, NAN, NAN},      {"elu", two, FLT_MAX, FLT_MAX, 1},
        {"elu", two, -FLT_MAX, -2, 0},    {"elu", two, -1e4f, -2, 0},
        {"elu", two, -30, -2, 0},         {"elu", two, -1e-7f, -1.9999999e-7, 1.9999998},
        {"elu", two, -1e-30f, -2e-30, 2}, {"elu", two, 0, 0, 2},
        {"elu", two, 1e-30f, 1e-30, 1},   {"elu", NULL, -1, -0.63212055882856, 0.36787944117144},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_extreme(&rows[i], 1e-6, 1e-6);
    }
}
