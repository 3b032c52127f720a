/* layer_check.c: the checks that a layer must pass, as listed in mote/check.h. */
#include "mote/check.h"

#include <string.h>

#include "check/compare.h"
#include "check/layer_check.h"

/* ---- models ---- */

mote_model *mote_check_complete(mote_model *model, mote_error *error) {
    if (model && mote_model_set_output(model, "mean_squared_error", NULL, error) == MOTE_OK &&
        mote_alone_initialize(model, error) == MOTE_OK) {
        return model;
    }
    mote_model_destroy(model);
    return NULL;
}

mote_model *mote_layer_case_model(const mote_layer_case *s, mote_error *error) {
    mote_model *model = mote_model_create(s->shape, error);
    if (model && mote_model_add(model, s->kind->type, s->json, error) != MOTE_OK) {
        mote_model_destroy(model);
        return NULL;
    }
    return mote_check_complete(model, error);
}

mote_status mote_layer_case_alone(mote_alone *alone, const mote_layer_case *s, size_t batch,
                                  mote_error *error) {
    mote_model *model = mote_layer_case_model(s, error);
    *alone = (mote_alone){0};
    return model ? mote_alone_create(alone, model, batch, error) : error->status;
}

void mote_layer_case_free(mote_alone *alone) {
    mote_model *model = alone->model;
    mote_alone_free(alone);
    mote_model_destroy(model);
}

mote_status mote_check_same_results(const mote_alone *alone, size_t rows, const mote_result *found,
                                    const mote_result *wanted, const char *where,
                                    mote_error *error) {
    const struct {
        const char *name;
        size_t count;
        const mote_real *found, *wanted;
    } parts[] = {
        {"y", rows * alone->out, found->y, wanted->y},
        {"dx", rows * alone->in, found->dx, wanted->dx},
        {"buffers", alone->untrained, found->buffers, wanted->buffers},
        {"gradients", alone->trained, found->gradients, wanted->gradients},
    };
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == MOTE_OK; i++) {
        status = mote_check_same((mote_claim){parts[i].name, where}, parts[i].count, parts[i].found,
                                 parts[i].wanted, error);
    }
    return status;
}

/* ---- shapes ---- */

/* If the shape is accepted, runs one pass, handing gradients over to see which entries they hit. */
static mote_status check_other_shape(const mote_layer_case *s, mote_error *error) {
    char text[MOTE_SHAPE_TEXT_CAPACITY];
    mote_error reason = {0};
    mote_alone alone;
    mote_status status = mote_layer_case_alone(&alone, s, MOTE_CHECK_ROWS, &reason);
    bool refused = status == MOTE_INVALID && !strstr(reason.message, MOTE_NO_REASON);
    if (status == MOTE_OK) {
        const mote_trial trial = {.rows = MOTE_CHECK_ROWS, .hands_over = true, .memory = 0xff};
        status = mote_alone_run(&alone, &trial, alone.results, &reason);
    }
    mote_layer_case_free(&alone);
    return status == MOTE_OK || refused
               ? MOTE_OK
               : mote_fail(error, status, "on %s: %s", mote_shape_text(s->shape, text),
                           reason.message);
}

static mote_status check_shapes(const mote_layer_case *s, mote_error *error) {
    const mote_shape shapes[] = {mote_shape_vector(1),          mote_shape_vector(6),
                                 mote_shape_matrix(3, 4),       mote_shape_image(1, 1, 1),
                                 mote_shape_image(2, 5, 3),     mote_shape_image(3, 4, 6),
                                 {.rank = 3, .dims = {1, 1, 7}}};
    mote_model *model = mote_layer_case_model(s, error);
    mote_status status = model ? MOTE_OK : error->status;
    mote_model_destroy(model);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && status == MOTE_OK; i++) {
        mote_layer_case other = *s;
        other.shape = shapes[i];
        status = check_other_shape(&other, error);
    }
    return status;
}

/* ---- gradients ---- */

static mote_status check_batch(const mote_layer_case *s, size_t rows, size_t most,
                               mote_error *error) {
    mote_alone alone;
    mote_error reason = {0};
    mote_status status = mote_layer_case_alone(&alone, s, rows, &reason);
    if (status == MOTE_OK && rows >= mote_model_layer(alone.model, 0)->least_batch) {
        status = mote_check_layer_gradients(&alone, rows, most, &reason);
    }
    if (status != MOTE_OK) {
        mote_fail(error, status, "with a batch of %zu, %s", rows, reason.message);
    }
    mote_layer_case_free(&alone);
    return status;
}

/* Many entries with small batches, and a few with one of many tiles. */
static mote_status check_gradients(const mote_layer_case *s, mote_error *error) {
    static const size_t batches[] = {1, 2, MOTE_CHECK_ROWS};
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < sizeof batches / sizeof *batches && status == MOTE_OK; i++) {
        status = check_batch(s, batches[i], 60, error);
    }
    return status == MOTE_OK ? check_batch(s, mote_check_many_rows(s), 8, error) : status;
}

/* ---- passes ---- */

/* Each follows the passes listed before it. */
static const struct {
    size_t rows;
    unsigned char memory;
    const char *where;
} passes[] = {
    {MOTE_CHECK_ROWS, 0xff, "in a second pass like the first"},
    {MOTE_CHECK_ROWS, 0, "where memory, scratch included, held zeros at first, and not NaN"},
    {2, 0xff, "after a pass of fewer rows"},
};

static mote_status check_passes(const mote_layer_case *s, mote_error *error) {
    mote_alone alone;
    mote_status status = mote_layer_case_alone(&alone, s, MOTE_CHECK_ROWS, error);
    const mote_trial trial = {.rows = MOTE_CHECK_ROWS, .memory = 0xff};
    mote_result *first = &alone.results[0], *other = &alone.results[1];
    if (status == MOTE_OK) {
        status = mote_alone_run(&alone, &trial, first, error);
    }
    for (size_t i = 0; i < sizeof passes / sizeof *passes && status == MOTE_OK; i++) {
        const mote_trial next = {.rows = passes[i].rows, .memory = passes[i].memory};
        status = mote_alone_run(&alone, &next, other, error);
        if (status == MOTE_OK && next.rows != MOTE_CHECK_ROWS) {
            status = mote_alone_run(&alone, &trial, other, error);
        }
        if (status == MOTE_OK) {
            status = mote_check_same_results(&alone, MOTE_CHECK_ROWS, other, first, passes[i].where,
                                             error);
        }
    }
    mote_layer_case_free(&alone);
    return status;
}

/* ---- all of it ---- */

static mote_status register_class(const mote_layer_class *kind, mote_error *error) {
    const mote_layer_class *known = kind->type ? mote_layer_class_find(kind->type) : NULL;
    return known == kind ? MOTE_OK : mote_layer_register(kind, error);
}

static const struct {
    const char *name;
    mote_status (*check)(const mote_layer_case *layer, mote_error *error);
} checks[] = {
    {"shapes", check_shapes},
    {"passes", check_passes},
    {"gradients", check_gradients},
    {"threads", mote_check_layer_threads},
    {"evaluation", mote_check_layer_evaluation},
    {"neighbours", mote_check_layer_neighbours},
    {"files", mote_check_layer_files},
};

mote_status mote_layer_check(const mote_layer_class *kind, const char *json, mote_shape shape,
                             mote_error *error) {
    mote_status status = register_class(kind, error);
    const mote_layer_case layer = {.kind = kind, .json = json, .shape = shape};
    for (size_t i = 0; i < sizeof checks / sizeof *checks && status == MOTE_OK; i++) {
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        mote_error reason = {0};
        status = checks[i].check(&layer, &reason);
        if (status != MOTE_OK) {
            mote_fail(error, status, "%s %s on %s: %s: %s", kind->type, json ? json : "{}",
                      mote_shape_text(shape, text), checks[i].name, reason.message);
        }
    }
    return status;
}
