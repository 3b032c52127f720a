/* xor.c: training in your own program: xor [SEED] learns the exclusive or of two numbers, prints
 * the four answers, and exits with 0 if all are right. Next: predict_digit.c. */
#include <stdio.h>
#include <stdlib.h>

#include "mote/mote.h"

int main(int argc, char **argv) {
    const mote_real inputs[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
    const uint32_t labels[4] = {0, 1, 1, 0};
    const mote_samples samples = {
        .count = 4, .shape = mote_shape_vector(2), .numbers = inputs[0], .labels = labels};
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    mote_error error = {0}; /* keeps the first failure, so one check at the end is enough */
    mote_dataset *data =
        mote_dataset_from_arrays(&samples, NULL, "{\"normalize\": \"none\"}", seed, &error);
    mote_model *model = mote_model_create(samples.shape, &error);
    mote_model_add(model, "dense", "{\"units\": 8}", &error);
    mote_model_add(model, "tanh", NULL, &error);
    mote_model_add(model, "dense", "{\"units\": 1}", &error);
    mote_model_set_output(model, "sigmoid_cross_entropy", NULL, &error);
    mote_model_initialize(model, seed, &error);
    const char *how = "{\"epochs\": 500, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 1}}";
    mote_trainer *trainer = mote_trainer_create(model, data, how, seed, &error);
    mote_real p[4][2]; /* the probabilities of 0 and of 1 */
    int right = 0;
    if (trainer && mote_trainer_run(trainer, &error) == MOTE_OK &&
        mote_model_predict(model, 4, inputs[0], p[0], &error) == MOTE_OK) {
        for (int i = 0; i < 4; i++) {
            right += (p[i][1] > p[i][0]) == labels[i];
            printf("%g xor %g is 1 with probability %.4f\n", inputs[i][0], inputs[i][1], p[i][1]);
        }
    } else {
        fprintf(stderr, "xor: %s\n", error.message);
    }
    mote_trainer_destroy(trainer);
    mote_model_destroy(model);
    mote_dataset_destroy(data);
    return right == 4 ? EXIT_SUCCESS : EXIT_FAILURE;
}
