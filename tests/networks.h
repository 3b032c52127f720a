/* networks.h: models for tests: from JSON text, with gradients, or made of one layer or output
 * alone.
 */
#ifndef MOTE_TESTS_NETWORKS_H
#define MOTE_TESTS_NETWORKS_H

#include <string.h>

#include "model/model.h"
#include "settings.h"

/* A model from {"layers": [...], "output": {...}}; NULL on failure. */
static inline mote_model *network_create(const char *json, mote_shape shape, mote_error *error) {
    mote_document *document = mote_document_parse(json, strlen(json), NULL, "model", error);
    mote_model *model =
        document ? mote_model_from_json(mote_document_root(document), shape, error) : NULL;
    mote_document_destroy(document);
    return model;
}

/* Plans for training and gives each trained parameter a gradient of zeros, which network_destroy
 * frees. Calling it again changes the batch. */
static inline mote_status network_plan(mote_model *model, size_t batch, mote_error *error) {
    for (size_t i = 0; i < model->parameter_count; i++) {
        mote_parameter *parameter = model->parameters[i].parameter;
        free(parameter->gradient);
        parameter->gradient = parameter->buffer ? NULL : numbers_create(parameter->count);
    }
    return mote_model_plan(model, batch, true, error);
}

static inline void network_destroy(mote_model *model) {
    for (size_t i = 0; model && i < model->parameter_count; i++) {
        free(model->parameters[i].parameter->gradient);
    }
    mote_model_destroy(model);
}

/* Initialises as the classes specify, then redraws every trained parameter, so that no gradient is
 * trivial because a bias is 0 or a scale 1. */
static inline void network_randomize(mote_model *model, mote_random *random) {
    mote_model_initialize(model, 1, NULL);
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        if (!parameter->buffer) {
            numbers_uniform(random, -0.8, 0.8, parameter->count, parameter->value);
        }
    }
}

static inline void network_fill_gradients(mote_model *model, mote_real value) {
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        for (size_t k = 0; !parameter->buffer && k < parameter->count; k++) {
            parameter->gradient[k] = value;
        }
    }
}

/* ---- one output alone ---- */

/* A model of an output and one layer that gives what the output takes. NULL if the output refuses
 * the width. */
static inline mote_model *output_alone_create(const mote_output_class *kind, size_t width,
                                              const char *json) {
    mote_model *model = mote_model_create(mote_shape_vector(width), NULL);
    const char *probabilities = width > 1 ? "softmax" : "sigmoid";
    const char *layer = kind->takes == MOTE_TAKES_PROBABILITIES ? probabilities : "flatten";
    if (!model || mote_model_add(model, layer, NULL, NULL) != MOTE_OK ||
        mote_model_set_output(model, kind->type, json, NULL) != MOTE_OK) {
        mote_model_destroy(model);
        return NULL;
    }
    return model;
}

/* ---- one layer alone ---- */

static inline mote_status layer_alone_plan(mote_model *model, size_t batch, mote_error *error) {
    mote_arena_free(&model->workspace);
    model->batch = batch;
    model->training = true;
    mote_sequence_decide(model->layers, true, true);
    mote_arena measured = mote_arena_measure();
    mote_sequence_carve(model->layers, batch, true, &measured);
    mote_status status = mote_arena_allocate(&model->workspace, &measured, error);
    if (status == MOTE_OK) {
        mote_sequence_carve(model->layers, batch, true, &model->workspace);
        cr_assert(mote_arena_complete(&model->workspace));
    }
    return status;
}

/* A model of one layer, planned to compute dx, for up to `batch` rows; NULL if the layer
 * refuses. */
static inline mote_model *layer_alone_create(const char *type, const char *json, mote_shape shape,
                                             size_t batch, mote_error *error) {
    mote_model *model = mote_model_create(shape, error);
    if (!model || mote_model_add(model, type, json, error) != MOTE_OK ||
        mote_model_set_output(model, "mean_squared_error", NULL, error) != MOTE_OK ||
        network_plan(model, batch, error) != MOTE_OK ||
        layer_alone_plan(model, batch, error) != MOTE_OK) {
        network_destroy(model);
        return NULL;
    }
    return model;
}

static inline size_t layer_alone_width_in(const mote_model *model) {
    return mote_shape_count(model->input_shape);
}

static inline size_t layer_alone_width_out(const mote_model *model) {
    return mote_shape_count(mote_sequence_output_shape(model->layers));
}

/* Its forward pass; images are planes, whatever order of channels the layer prefers. */
static inline void layer_alone_forward(mote_model *model, const mote_pass *pass, const mote_real *x,
                                       mote_real *y) {
    const mote_real *found = mote_sequence_forward(model->layers, pass, x);
    memcpy(y, found, pass->batch * layer_alone_width_out(model) * sizeof *y);
}

/* Its backward pass; dx may be NULL. dy is left unchanged. */
static inline void layer_alone_backward(mote_model *model, const mote_pass *pass,
                                        const mote_real *dy, mote_real *dx) {
    size_t count = pass->batch * layer_alone_width_out(model);
    mote_real *copy = numbers_create(count);
    memcpy(copy, dy, count * sizeof *copy);
    model->layers->stages[0].needs_dx = dx != NULL;
    mote_sequence_backward(model->layers, pass, copy, dx);
    model->layers->stages[0].needs_dx = true;
    free(copy);
}

#endif
