/* layer.c: what layers declare while they are built, and how they hand over gradients. */
#include "mote/layer.h"

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

mote_status mote_layer_add_parameter(mote_layer *layer, mote_parameter *parameter,
                                     mote_error *error) {
    if (layer->parameter_count == MOTE_MAX_LAYER_PARAMETERS) {
        return mote_fail(error, MOTE_INVALID, "declares more than %d parameters",
                         MOTE_MAX_LAYER_PARAMETERS);
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
