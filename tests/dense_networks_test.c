/* dense_networks_test.c: the dense networks of the benchmark get the same weights with any number
 * of threads and take no more memory than promised.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "model/model.h"
#include "mote/trainer.h"

enum {
    WIDTH = 784,
    CLASSES = 10
};

typedef struct network {
    size_t hidden[2]; /* 0: none */
    size_t batch;
    size_t samples, steps;
} network;

static char *name_of(const network *n, char *text, size_t capacity) {
    snprintf(text, capacity, "%d-%zu-%zu-%d, batch %zu", WIDTH, n->hidden[0], n->hidden[1], CLASSES,
             n->batch);
    return text;
}

static mote_dataset *dataset_create(size_t count, uint8_t **bytes, uint32_t **labels) {
    *bytes = malloc(count * WIDTH);
    *labels = malloc(count * sizeof **labels);
    cr_assert(*bytes && *labels);
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; i < count * WIDTH; i++) {
        (*bytes)[i] = (uint8_t)mote_random_bits(&random);
    }
    for (size_t i = 0; i < count; i++) {
        (*labels)[i] = (uint32_t)(i % CLASSES);
    }
    mote_samples samples = {
        .count = count, .shape = mote_shape_vector(WIDTH), .bytes = *bytes, .labels = *labels};
    mote_error error = {0};
    mote_dataset *dataset =
        mote_dataset_from_arrays(&samples, NULL, "{\"validation_fraction\": 0.1}", 1, &error);
    cr_assert(dataset, "%s", error.message);
    return dataset;
}

static mote_model *train(const network *n, const mote_dataset *dataset, size_t threads) {
    mote_error error = {0};
    mote_model *model = mote_model_create(mote_shape_vector(WIDTH), &error);
    char json[256];
    for (size_t i = 0; i < 2 && n->hidden[i] > 0; i++) {
        snprintf(json, sizeof json, "{\"units\": %zu}", n->hidden[i]);
        mote_model_add(model, "dense", json, &error);
        mote_model_add(model, "relu", NULL, &error);
    }
    snprintf(json, sizeof json, "{\"units\": %d}", CLASSES);
    mote_model_add(model, "dense", json, &error);
    mote_model_set_output(model, "softmax_cross_entropy", NULL, &error);
    mote_model_initialize(model, 1, &error);
    snprintf(json, sizeof json,
             "{\"max_steps\": %zu, \"batch_size\": %zu, \"threads\": %zu, \"optimizer\": "
             "{\"type\": \"sgd\", \"learning_rate\": 0.01, \"momentum\": 0.9, \"weight_decay\": "
             "0.0001}}",
             n->steps, n->batch, threads);
    mote_trainer *trainer = mote_trainer_create(model, dataset, json, 1, &error);
    cr_assert(trainer, "%s", error.message);
    cr_assert_eq(mote_trainer_run(trainer, &error), MOTE_OK, "%s", error.message);
    mote_trainer_destroy(trainer);
    return model;
}

Test(dense_networks, have_the_same_weights_with_1_to_4_threads, .timeout = 250) {
    static const network rows[] = {{{128, 0}, 32, 700, 12},
                                   {{128, 0}, 128, 700, 6},
                                   {{512, 256}, 32, 700, 6},
                                   {{512, 256}, 128, 700, 4},
                                   {{2048, 2048}, 128, 700, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t *bytes;
        uint32_t *labels;
        mote_dataset *dataset = dataset_create(rows[i].samples, &bytes, &labels);
        mote_model *alone = train(&rows[i], dataset, 1);
        for (size_t threads = 2; threads <= 4; threads++) {
            mote_model *shared = train(&rows[i], dataset, threads);
            for (size_t k = 0; k < alone->parameter_count; k++) {
                const mote_parameter *one = alone->parameters[k].parameter;
                const mote_parameter *other = shared->parameters[k].parameter;
                char text[80];
                cr_expect(memcmp(one->value, other->value, one->count * sizeof *one->value) == 0,
                          "%s: %s differs with %zu threads", name_of(&rows[i], text, sizeof text),
                          alone->parameters[k].name, threads);
            }
            mote_model_destroy(shared);
        }
        mote_model_destroy(alone);
        mote_dataset_destroy(dataset);
        free(bytes);
        free(labels);
    }
}

/* ---- memory ---- */

static double peak_bytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return 1024.0 * (double)usage.ru_maxrss;
}

/* The promise: 8-bit data + 6 × parameters + activations + 20 MB. The 6 is twice the weights,
 * momentum and the best weights so far, which validation keeps. */
static double promised_bytes(const network *n, size_t parameters) {
    double activations = 4.0 * (double)n->batch * (double)(WIDTH + n->hidden[0] + n->hidden[1]);
    return (double)n->samples * WIDTH + 6 * 4.0 * (double)parameters + activations + 20e6;
}

static void expect_little_memory(const network *n) {
#if defined(MOTE_SANITIZED)
    (void)n;
    cr_skip_test("the sanitizers take memory of their own");
#else
    uint8_t *bytes;
    uint32_t *labels;
    mote_dataset *dataset = dataset_create(n->samples, &bytes, &labels);
    mote_model *model = train(n, dataset, 2);
    double promised = promised_bytes(n, mote_model_parameter_count(model));
    char text[80];
    cr_expect(peak_bytes() <= promised, "%s: peak of %.1f MB instead of %.1f",
              name_of(n, text, sizeof text), peak_bytes() / 1e6, promised / 1e6);
    mote_model_destroy(model);
    mote_dataset_destroy(dataset);
    free(bytes);
    free(labels);
#endif
}

/* One test, and so one process, for each, since the peak is a process's. Each trains past a
 * validation. */
Test(dense_networks, need_little_memory_when_small) {
    expect_little_memory(&(network){{128, 0}, 64, 60000, 850});
}

Test(dense_networks, need_little_memory_when_of_middling_size) {
    expect_little_memory(&(network){{512, 256}, 512, 20000, 40});
}

Test(dense_networks, need_little_memory_when_large) {
    expect_little_memory(&(network){{2048, 2048}, 512, 5000, 10});
}
