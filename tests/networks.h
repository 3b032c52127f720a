/* networks.h: models and single layers as tests want them: from a line of JSON, with gradients, and
 * one layer at a time.
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

/* Plans for training and gives each trained parameter a gradient of zeros; network_destroy frees
 * them. Calling it again changes the batch. */
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

/* Initialises as the classes say, then draws all that is trained anew, so that no gradient is
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

/* Nobody does a neighbour's work: what fusing has to equal. */
static inline void network_unfuse(mote_model *model) {
    for (size_t i = 0; i < model->layer_count; i++) {
        model->layers[i]->fused_after = model->layers[i]->fused_before = NULL;
    }
}

/* A model of one layer for training with up to `batch` rows; NULL where the layer refuses. */
static inline mote_model *layer_alone_create(const char *type, const char *json, mote_shape shape,
                                             size_t batch, mote_error *error) {
    mote_model *model = mote_model_create(shape, error);
    if (!model || mote_model_add(model, type, json, error) != MOTE_OK ||
        mote_model_set_output(model, "mean_squared_error", NULL, error) != MOTE_OK ||
        network_plan(model, batch, error) != MOTE_OK) {
        network_destroy(model);
        return NULL;
    }
    network_unfuse(model);
    return model;
}

static inline size_t layer_alone_width_in(const mote_layer *layer) {
    return mote_shape_count(layer->input_shape);
}

static inline size_t layer_alone_width_out(const mote_layer *layer) {
    return mote_shape_count(layer->output_shape);
}

/* One layer's forward pass, whatever kind of layer it is. */
static inline void layer_alone_forward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                                       mote_real *y) {
    size_t count = pass->batch * layer_alone_width_out(layer);
    if (layer->kind->reshapes) {
        memcpy(y, x, count * sizeof *y);
    } else if (layer->kind->forward_elements) {
        layer->kind->forward_elements(layer, count, x, y);
    } else {
        layer->kind->forward(layer, pass, x, y);
    }
}

/* Its backward pass; dx may be NULL. dy is left as it was. */
static inline void layer_alone_backward(mote_layer *layer, const mote_pass *pass,
                                        const mote_real *x, const mote_real *y, const mote_real *dy,
                                        mote_real *dx) {
    size_t count = pass->batch * layer_alone_width_out(layer);
    mote_real *copy = numbers_create(count);
    memcpy(copy, dy, count * sizeof *copy);
    if (!layer->kind->reshapes && !layer->kind->forward_elements) {
        layer->kind->backward(layer, pass, x, y, copy, dx);
    } else if (dx && layer->kind->reshapes) {
        memcpy(dx, dy, count * sizeof *dx);
    } else if (dx) {
        layer->kind->backward_elements(layer, count, y, dy, dx);
    }
    free(copy);
}

#endif
