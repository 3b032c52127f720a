/* initialize.c: the initial values of parameters. */
#include "model/model.h"

#include <math.h>

/* The variance that the initialiser's authors derived; see field.h. */
static double variance_of(const mote_parameter *parameter) {
    double in = (double)parameter->fan_in, out = (double)parameter->fan_out;
    switch (parameter->initializer.kind) {
    case MOTE_INITIALIZER_HE_NORMAL:
    case MOTE_INITIALIZER_HE_UNIFORM:
        return 2 / in;
    case MOTE_INITIALIZER_GLOROT_NORMAL:
    case MOTE_INITIALIZER_GLOROT_UNIFORM:
        return 2 / (in + out);
    case MOTE_INITIALIZER_LECUN_NORMAL:
    case MOTE_INITIALIZER_LECUN_UNIFORM:
        return 1 / in;
    case MOTE_INITIALIZER_ZEROS:
    case MOTE_INITIALIZER_ONES:
    case MOTE_INITIALIZER_CONSTANT:
        break;
    }
    return 0;
}

static void fill_constant(mote_parameter *parameter, double value) {
    for (size_t i = 0; i < parameter->count; i++) {
        parameter->value[i] = (mote_real)value;
    }
}

static void fill_normal(mote_parameter *parameter, mote_random *random) {
    double deviation = sqrt(variance_of(parameter));
    for (size_t i = 0; i < parameter->count; i++) {
        parameter->value[i] = (mote_real)(deviation * mote_random_normal(random));
    }
}

/* Uniform in ±a has the variance a²/3. */
static void fill_uniform(mote_parameter *parameter, mote_random *random) {
    double bound = sqrt(3 * variance_of(parameter));
    for (size_t i = 0; i < parameter->count; i++) {
        parameter->value[i] = (mote_real)(bound * (2 * mote_random_uniform(random) - 1));
    }
}

static void fill(mote_parameter *parameter, mote_random *random) {
    switch (parameter->initializer.kind) {
    case MOTE_INITIALIZER_ZEROS:
        fill_constant(parameter, 0);
        break;
    case MOTE_INITIALIZER_ONES:
        fill_constant(parameter, 1);
        break;
    case MOTE_INITIALIZER_CONSTANT:
        fill_constant(parameter, parameter->initializer.constant);
        break;
    case MOTE_INITIALIZER_HE_NORMAL:
    case MOTE_INITIALIZER_GLOROT_NORMAL:
    case MOTE_INITIALIZER_LECUN_NORMAL:
        fill_normal(parameter, random);
        break;
    case MOTE_INITIALIZER_HE_UNIFORM:
    case MOTE_INITIALIZER_GLOROT_UNIFORM:
    case MOTE_INITIALIZER_LECUN_UNIFORM:
        fill_uniform(parameter, random);
        break;
    }
}

mote_status mote_model_initialize(mote_model *model, uint64_t seed, mote_error *error) {
    if (!model || !model->output) {
        return mote_fail(error, MOTE_INVALID, "the model has no output yet");
    }
    for (size_t i = 0; i < model->parameter_count; i++) {
        mote_random random = mote_random_create(seed, MOTE_RANDOM_INITIALIZE, i);
        fill(model->parameters[i].parameter, &random);
    }
    return MOTE_OK;
}
