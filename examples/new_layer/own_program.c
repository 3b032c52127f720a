/* own_program.c: swish_beta in your own program: registered, then used like any other layer. The
 * model learns the exclusive or, and which beta suits it best.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mote/mote.h"

extern const mote_layer_class mote_layer_swish_beta;

static mote_model *create_model(mote_error *error) {
    mote_model *model = mote_model_create(mote_shape_vector(2), error);
    if (model && (mote_model_add(model, "dense", "{\"units\": 8}", error) ||
                  mote_model_add(model, "swish_beta", NULL, error) ||
                  mote_model_add(model, "dense", "{\"units\": 1}", error) ||
                  mote_model_set_output(model, "sigmoid_cross_entropy", NULL, error) ||
                  mote_model_initialize(model, 1, error))) {
        mote_model_destroy(model);
        return NULL;
    }
    return model;
}

static mote_status train(mote_model *model, mote_error *error) {
    static const mote_real inputs[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
    static const uint32_t labels[4] = {0, 1, 1, 0};
    const mote_samples samples = {
        .count = 4, .shape = mote_shape_vector(2), .numbers = inputs[0], .labels = labels};
    const char *how =
        "{\"epochs\": 500, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.5}}";
    mote_dataset *data = mote_dataset_from_arrays(&samples, NULL, NULL, 1, error);
    mote_trainer *trainer = data ? mote_trainer_create(model, data, how, 1, error) : NULL;
    mote_status status = trainer ? mote_trainer_run(trainer, error) : error->status;
    mote_metrics metrics;
    mote_trainer_destroy(trainer);
    if (status == MOTE_OK) {
        mote_part part = mote_dataset_part(data, MOTE_TRAINING);
        status = mote_evaluate(model, &part, &metrics, NULL, error);
    }
    if (status == MOTE_OK) {
        printf("loss %.4f, accuracy %.0f %%\n", metrics.loss, 100 * metrics.accuracy);
    }
    mote_dataset_destroy(data);
    return status;
}

int main(void) {
    mote_error error = {0};
    mote_layer_register(&mote_layer_swish_beta, &error);
    mote_model *model = error.status == MOTE_OK ? create_model(&error) : NULL;
    if (model && train(model, &error) == MOTE_OK) {
        printf("beta went from 1 to %.2f\n",
               (double)mote_model_parameter(model, "layers.1.beta").data[0]);
    } else {
        fprintf(stderr, "own_program: %s\n", error.message);
    }
    mote_model_destroy(model);
    return error.status == MOTE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
