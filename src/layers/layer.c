/* layer.c: what layers declare while they are built, and how they hand over gradients. */
#include "mote/layer.h"

#include <stdint.h>
#include <string.h>

mote_status mote_layer_expect_vector(const mote_layer *layer, mote_error *error) {
    if (layer->input_shape.rank == 1) {
        return MOTE_OK;
    }
    char text[MOTE_SHAPE_TEXT_CAPACITY];
    return mote_fail(error, MOTE_INVALID,
                     "takes a vector, but %s gives %s; put a flatten layer between them",
                     layer->input_name, mote_shape_text(layer->input_shape, text));
}

mote_status mote_layer_expect_image(const mote_layer *layer, mote_error *error) {
    if (layer->input_shape.rank == 3) {
        return MOTE_OK;
    }
    char text[MOTE_SHAPE_TEXT_CAPACITY];
    return mote_fail(error, MOTE_INVALID,
                     "takes images (channels × height × width), but %s gives %s; put it before "
                     "layers that give vectors, such as flatten",
                     layer->input_name, mote_shape_text(layer->input_shape, text));
}

static mote_status check_name(const mote_layer *layer, const char *name, mote_error *error) {
    size_t length = name ? strlen(name) : 0;
    if (length == 0 || length > MOTE_MAX_PARAMETER_NAME) {
        return mote_fail(error, MOTE_INVALID,
                         "the name of parameter %zu has %zu bytes, instead of 1 to %d",
                         layer->parameter_count, length, MOTE_MAX_PARAMETER_NAME);
    }
    for (size_t i = 0; i < layer->parameter_count; i++) {
        if (strcmp(layer->parameters[i]->name, name) == 0) {
            return mote_fail(error, MOTE_INVALID, "two parameters are called \"%s\"", name);
        }
    }
    return MOTE_OK;
}

static mote_status check_parameter(const mote_layer *layer, const mote_parameter *parameter,
                                   mote_error *error) {
    mote_status status = check_name(layer, parameter->name, error);
    if (status != MOTE_OK) {
        return status;
    }
    if (parameter->shape.rank > MOTE_MAX_RANK) {
        return mote_fail(error, MOTE_INVALID,
                         "the parameter \"%s\" has %zu dimensions; %d are the most",
                         parameter->name, parameter->shape.rank, MOTE_MAX_RANK);
    }
    char text[MOTE_SHAPE_TEXT_CAPACITY];
    size_t count = mote_shape_count(parameter->shape);
    if (count == 0 || count == SIZE_MAX) {
        return mote_fail(error, MOTE_INVALID, "the parameter \"%s\" has %s entries: %s",
                         parameter->name, count == 0 ? "no" : "too many",
                         mote_shape_text(parameter->shape, text));
    }
    return MOTE_OK;
}

mote_status mote_layer_add_parameter(mote_layer *layer, mote_parameter *parameter,
                                     mote_error *error) {
    if (layer->parameter_count == MOTE_MAX_LAYER_PARAMETERS) {
        return mote_fail(error, MOTE_INVALID, "declares more than %d parameters",
                         MOTE_MAX_LAYER_PARAMETERS);
    }
    mote_status status = check_parameter(layer, parameter, error);
    if (status != MOTE_OK) {
        return status;
    }
    parameter->count = mote_shape_count(parameter->shape);
    layer->parameters[layer->parameter_count++] = parameter;
    return MOTE_OK;
}

static mote_status add_scratch(mote_layer *layer, mote_scratch scratch, mote_error *error) {
    if (layer->scratch_count == MOTE_MAX_LAYER_SCRATCH) {
        return mote_fail(error, MOTE_INVALID, "asks for more than %d pieces of scratch memory",
                         MOTE_MAX_LAYER_SCRATCH);
    }
    layer->scratch[layer->scratch_count++] = scratch;
    return MOTE_OK;
}

mote_status mote_layer_add_scratch(mote_layer *layer, mote_real **where, size_t count_per_sample,
                                   size_t count_fixed, mote_error *error) {
    return add_scratch(layer,
                       (mote_scratch){.where = where,
                                      .count_per_sample = count_per_sample,
                                      .count_fixed = count_fixed},
                       error);
}

mote_status mote_layer_add_training_scratch(mote_layer *layer, mote_real **where,
                                            size_t count_per_sample, size_t count_fixed,
                                            mote_error *error) {
    return add_scratch(layer,
                       (mote_scratch){.where = where,
                                      .count_per_sample = count_per_sample,
                                      .count_fixed = count_fixed,
                                      .training_only = true},
                       error);
}

void mote_gradient_ready(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                         size_t count, const mote_real *gradient) {
    if (pass->ready) {
        pass->ready(pass, parameter, begin, count, gradient);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        parameter->gradient[begin + i] += gradient[i];
    }
}
