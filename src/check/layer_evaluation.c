/* layer_evaluation.c: checks that a layer, outside training, treats samples independently and does
 * nothing else.
 */
#include <math.h>
#include <string.h>

#include "check/compare.h"
#include "check/layer_check.h"
#include "check/numbers.h"

typedef struct evaluation {
    mote_model *model;
    size_t rows, in, out;
    mote_arena memory;
    mote_real *x;         /* [rows × in] */
    mote_real *y, *other; /* [rows × out] */
    unsigned char *saved; /* all parameters and buffers before */
} evaluation;

static void carve(evaluation *e, mote_arena *arena) {
    e->x = mote_arena_take(arena, e->rows * e->in, sizeof *e->x);
    e->y = mote_arena_take(arena, e->rows * e->out, sizeof *e->y);
    e->other = mote_arena_take(arena, e->rows * e->out, sizeof *e->other);
    e->saved = mote_arena_take(arena, e->model->values.capacity, 1);
}

static mote_status create(evaluation *e, const mote_layer_case *layer, size_t rows,
                          mote_error *error) {
    *e = (evaluation){.model = mote_layer_case_model(layer, error), .rows = rows};
    if (!e->model) {
        return error->status;
    }
    e->in = mote_shape_count(layer->shape);
    e->out = e->model->output->width;
    mote_arena measured = mote_arena_measure();
    carve(e, &measured);
    mote_status status = mote_arena_allocate(&e->memory, &measured, error);
    if (status == MOTE_OK) {
        carve(e, &e->memory);
        mote_random random = mote_random_create(5, MOTE_RANDOM_DATA, 0);
        numbers_spaced(&random, e->rows * e->in, e->x);
        memcpy(e->saved, e->model->values.memory, e->model->values.capacity);
        status = mote_model_plan(e->model, e->rows, false, error);
    }
    return status;
}

static void destroy(evaluation *e) {
    mote_model_destroy(e->model);
    mote_arena_free(&e->memory);
}

/* Passes a generator that must not be used; in prediction there is none. */
static mote_status check_draws(evaluation *e, mote_error *error) {
    const mote_random before = mote_random_create(6, MOTE_RANDOM_LAYERS, 0);
    mote_random random = before;
    mote_pass pass = {.batch = e->rows, .random = &random};
    memset(e->model->workspace.memory, 0xff, e->model->workspace.capacity);
    const mote_real *y = mote_model_forward(e->model, &pass, e->x);
    memcpy(e->y, y, e->rows * e->out * sizeof *y);
    if (memcmp(&random, &before, sizeof random) != 0) {
        return mote_fail(error, MOTE_DATA,
                         "it draws random numbers where pass->training is false, where "
                         "pass->random may be NULL");
    }
    for (size_t i = 0; i < e->rows * e->out; i++) {
        if (!isfinite(e->y[i])) {
            return mote_fail(error, MOTE_DATA, "y[%zu] is not finite, for x between -2 and 2", i);
        }
    }
    return MOTE_OK;
}

static mote_status check_rows(evaluation *e, mote_error *error) {
    mote_status status = mote_model_predict(e->model, e->rows, e->x, e->other, error);
    if (status == MOTE_OK) {
        status = mote_check_same((mote_claim){"y", "when the same is predicted again"},
                                 e->rows * e->out, e->other, e->y, error);
    }
    for (size_t row = 0; row < e->rows && status == MOTE_OK; row += 1 + e->rows / 16) {
        status = mote_model_predict(e->model, 1, e->x + row * e->in, e->other, error);
        if (status == MOTE_OK) {
            status = mote_check_close((mote_claim){"y", "for a sample by itself"}, e->out, e->other,
                                      e->y + row * e->out, MOTE_CHECK_ROUNDING, error);
        }
    }
    return status;
}

static mote_status check_threads(evaluation *e, mote_error *error) {
    mote_pool *pool = mote_pool_create(3, error);
    if (!pool) {
        return MOTE_MEMORY;
    }
    mote_model_set_pool(e->model, pool);
    mote_status status = mote_model_predict(e->model, e->rows, e->x, e->other, error);
    mote_model_set_pool(e->model, NULL);
    mote_pool_destroy(pool);
    return status == MOTE_OK ? mote_check_same((mote_claim){"y", "with 3 threads"},
                                               e->rows * e->out, e->other, e->y, error)
                             : status;
}

/* A fault upstream must not be hidden, and must stay in its own sample. */
static mote_status check_nan(evaluation *e, mote_error *error) {
    for (size_t i = 0; i < e->in; i++) {
        e->x[i] = (mote_real)NAN;
    }
    mote_status status = mote_model_predict(e->model, e->rows, e->x, e->other, error);
    size_t nans = 0;
    for (size_t i = 0; i < e->out; i++) {
        nans += isnan(e->other[i]) ? 1 : 0;
    }
    if (status == MOTE_OK && nans == 0) {
        status = mote_fail(error, MOTE_DATA, "y holds no NaN for a sample that is all NaN");
    }
    if (status == MOTE_OK) {
        status = mote_check_close((mote_claim){"y", "beside a sample that is all NaN"},
                                  (e->rows - 1) * e->out, e->other + e->out, e->y + e->out,
                                  MOTE_CHECK_ROUNDING, error);
    }
    return status;
}

static mote_status check_batch(const mote_layer_case *layer, size_t rows, mote_error *error) {
    static mote_status (*const checks[])(evaluation * e, mote_error * error) = {
        check_draws, check_rows, check_threads, check_nan};
    evaluation e;
    mote_status status = create(&e, layer, rows, error);
    for (size_t i = 0; i < sizeof checks / sizeof *checks && status == MOTE_OK; i++) {
        status = checks[i](&e, error);
    }
    if (status == MOTE_OK &&
        memcmp(e.saved, e.model->values.memory, e.model->values.capacity) != 0) {
        status = mote_fail(error, MOTE_DATA,
                           "a parameter or buffer changes where pass->training is false");
    }
    destroy(&e);
    return status;
}

mote_status mote_check_layer_evaluation(const mote_layer_case *layer, mote_error *error) {
    mote_status status = check_batch(layer, MOTE_CHECK_ROWS, error);
    return status == MOTE_OK ? check_batch(layer, mote_check_many_rows(layer), error) : status;
}
