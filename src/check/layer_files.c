/* layer_files.c: checks that a layer, saved and loaded, continues as if nothing had happened. */
#include <string.h>

#include "check/compare.h"
#include "check/layer_check.h"
#include "check/numbers.h"
#include "check/scratch.h"

enum {
    ROWS = MOTE_CHECK_ROWS,
    STEPS = 3
};

/* Takes some steps, so that parameters and buffers differ from their initial values. */
static mote_status train(mote_alone *alone, mote_error *error) {
    const mote_trial trial = {.rows = ROWS, .memory = 0xff};
    mote_status status = MOTE_OK;
    for (size_t step = 0; step < STEPS && status == MOTE_OK; step++) {
        status = mote_alone_run(alone, &trial, alone->results, error);
        mote_alone_adopt_buffers(alone, alone->results);
        for (size_t i = 0; i < alone->model->parameter_count; i++) {
            const mote_parameter *parameter = alone->model->parameters[i].parameter;
            for (size_t k = 0; !parameter->buffer && k < parameter->count; k++) {
                parameter->value[k] -= (mote_real)0.01 * parameter->gradient[k];
            }
        }
    }
    return status;
}

/* Compares what both models predict. */
static mote_status check_predictions(mote_model *model, mote_model *loaded, mote_error *error) {
    size_t in = ROWS * mote_shape_count(model->input_shape), out = ROWS * model->output->width;
    mote_arena arena = mote_arena_measure(), memory = {0};
    mote_arena_take(&arena, in + 2 * out, sizeof(mote_real));
    mote_status status = mote_arena_allocate(&memory, &arena, error);
    if (status == MOTE_OK) {
        mote_real *x = mote_arena_take(&memory, in + 2 * out, sizeof *x);
        mote_real *wanted = x + in, *found = wanted + out;
        mote_random random = mote_random_create(7, MOTE_RANDOM_DATA, 0);
        numbers_spaced(&random, in, x);
        mote_model_predict(model, ROWS, x, wanted, error);
        status = mote_model_predict(loaded, ROWS, x, found, error);
        if (status == MOTE_OK) {
            status = mote_check_same((mote_claim){"y", "in prediction, loaded from a file"}, out,
                                     found, wanted, error);
        }
    }
    mote_arena_free(&memory);
    return status;
}

/* Compares one more training pass of both models. */
static mote_status check_training(mote_model *model, mote_model *loaded, mote_error *error) {
    const mote_trial trial = {.rows = ROWS, .memory = 0xff};
    mote_alone one, other;
    mote_status status = mote_alone_create(&one, model, ROWS, error);
    mote_status other_status = mote_alone_create(&other, loaded, ROWS, error);
    if (status == MOTE_OK && other_status == MOTE_OK) {
        mote_alone_run(&one, &trial, one.results, error);
        mote_alone_run(&other, &trial, other.results, error);
        status = mote_check_same_results(&one, ROWS, other.results, one.results,
                                         "in training, loaded from a file", error);
    }
    mote_alone_free(&one);
    mote_alone_free(&other);
    return status == MOTE_OK ? other_status : status;
}

mote_status mote_check_layer_files(const mote_layer_case *layer, mote_error *error) {
    mote_alone alone;
    mote_status status = mote_layer_case_alone(&alone, layer, ROWS, error);
    if (status == MOTE_OK) {
        status = train(&alone, error);
    }
    mote_model *model = alone.model;
    mote_alone_free(&alone);
    mote_model *loaded = NULL;
    if (status == MOTE_OK) {
        loaded = mote_check_reload(model, error);
        status = loaded ? MOTE_OK : error->status;
    }
    if (status == MOTE_OK) {
        status = check_predictions(model, loaded, error);
    }
    if (status == MOTE_OK) {
        status = check_training(model, loaded, error);
    }
    mote_model_destroy(model);
    mote_model_destroy(loaded);
    return status;
}
