/* train_test.c: training runs: what they reach; that they repeat to the bit however they are run,
 * stopped and resumed; what they refuse; and what they report.
 */
#include <criterion/criterion.h>

#include <math.h>

#include "formats/safetensors.h"
#include "mote/trainer.h"
#include "mote/version.h"
#include "networks.h"
#include "scratch.h"
#include "train/checkpoint.h"
#include "train/step.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

TestSuite(training, .init = scratch_enter, .fini = scratch_leave);
TestSuite(resuming, .init = scratch_enter, .fini = scratch_leave);

/* ---- what is trained ---- */

enum {
    SIDE = 12,
    WIDTH = SIDE * SIDE,
    SAMPLES = 205,
    CLASSES = 3,
    MOST_STEPS = 64
};

/* Noise with a bright column, row or diagonal. */
static void draw_samples(uint8_t *bytes, uint32_t *labels, size_t count) {
    mote_random random = mote_random_create(9, MOTE_RANDOM_DATA, count);
    for (size_t i = 0; i < count; i++) {
        labels[i] = (uint32_t)(i % CLASSES);
        size_t line = (size_t)mote_random_below(&random, SIDE);
        for (size_t k = 0; k < WIDTH; k++) {
            size_t x = k % SIDE, y = k / SIDE;
            bool on = labels[i] == 0   ? x == line
                      : labels[i] == 1 ? y == line
                                       : (x + y) % SIDE == line;
            bytes[i * WIDTH + k] = (uint8_t)(mote_random_below(&random, 100) + (on ? 150 : 0));
        }
    }
}

static uint8_t pictures[SAMPLES * WIDTH];
static uint32_t labels_of_pictures[SAMPLES];

static mote_dataset *dataset_create(const char *json) {
    draw_samples(pictures, labels_of_pictures, SAMPLES);
    mote_samples samples = {.count = SAMPLES,
                            .shape = mote_shape_image(1, SIDE, SIDE),
                            .bytes = pictures,
                            .labels = labels_of_pictures};
    mote_error error = {0};
    mote_dataset *dataset = mote_dataset_from_arrays(&samples, NULL, json, 1, &error);
    cr_assert(dataset, "%s", error.message);
    return dataset;
}

#define WITH_VALIDATION    "{\"validation_fraction\": 0.2}"
#define WITHOUT_VALIDATION "{}"

/* Every augmentation: cutout splits the geometric ones into two runs. */
#define AUGMENTED                                                                                  \
    "{\"validation_fraction\": 0.2, \"augment\": [{\"type\": \"crop\", \"padding\": 1}, "          \
    "{\"type\": "                                                                                  \
    "\"flip\"}, {\"type\": \"cutout\", \"size\": 2}, {\"type\": \"shift\", \"pixels\": 1}, "       \
    "{\"type\": \"rotate\", \"degrees\": 5}, {\"type\": \"scale\", \"factor\": 1.1}, {\"type\": "  \
    "\"elastic\", \"alpha\": 10, \"probability\": 0.5}]}"

static const char NETWORK[] =
    "{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 100}, "
    "{\"type\": \"relu\"}, {\"type\": \"dense\", \"units\": 3}], "
    "\"output\": {\"type\": \"softmax_cross_entropy\"}}";

/* With buffers: running means and variances, also within a container. */
static const char NORMALIZED[] =
    "{\"layers\": [{\"type\": \"batch_norm\"}, {\"type\": \"flatten\"}, {\"type\": \"dense\", "
    "\"units\": 40}, {\"type\": \"batch_norm\"}, {\"type\": \"relu\"}, {\"type\": \"residual\", "
    "\"layers\": [{\"type\": \"dense\", \"units\": 40}, {\"type\": \"batch_norm\"}]}, "
    "{\"type\": \"layer_norm\"}, {\"type\": \"dense\", \"units\": 3}], "
    "\"output\": {\"type\": \"softmax_cross_entropy\"}}";

/* With random numbers drawn in each step, over several tiles. */
static const char DROPPING[] =
    "{\"layers\": [{\"type\": \"dropout\", \"rate\": 0.1}, {\"type\": \"flatten\"}, {\"type\": "
    "\"dense\", \"units\": 500}, {\"type\": \"relu\"}, {\"type\": \"dropout\"}, {\"type\": "
    "\"dense\", \"units\": 3}], \"output\": {\"type\": \"softmax_cross_entropy\"}}";

static const char *const networks[] = {NETWORK, NORMALIZED, DROPPING};

static mote_model *model_create(const char *json, mote_shape shape) {
    mote_error error = {0};
    mote_model *model = network_create(json, shape, &error);
    cr_assert(model, "%s", error.message);
    cr_assert_eq(mote_model_initialize(model, 1, &error), MOTE_OK);
    return model;
}

static mote_model *picture_model_create(const char *network) {
    return model_create(network, mote_shape_image(1, SIDE, SIDE));
}

/* ---- listening ---- */

typedef struct diary {
    uint64_t stop_after;     /* a step; 0: never */
    mote_event_kind stop_at; /* the kind of event at which it then returns false */
    size_t count;
    mote_event events[4 * MOST_STEPS];
} diary;

static bool listen(void *context, const mote_event *event) {
    diary *l = context;
    if (event->kind == MOTE_EVENT_NOTICE) { /* their texts are tested in notices_test.c */
        return true;
    }
    if (l->count < COUNT(l->events)) {
        l->events[l->count++] = *event;
    }
    return !l->stop_after || event->step < l->stop_after || event->kind != l->stop_at;
}

static const mote_event *last_of(const diary *l, mote_event_kind kind) {
    for (size_t i = l->count; i-- > 0;) {
        if (l->events[i].kind == kind) {
            return &l->events[i];
        }
    }
    return NULL;
}

/* A whole run: data set, model and trainer. */
typedef struct run {
    mote_dataset *dataset;
    mote_model *model;
    mote_trainer *trainer;
    diary log;
    mote_error error;
} run;

static void run_open_network(run *r, const char *network, const char *data_json,
                             const char *train_json) {
    *r = (run){.dataset = dataset_create(data_json), .model = picture_model_create(network)};
    r->trainer = mote_trainer_create(r->model, r->dataset, train_json, 5, &r->error);
    cr_assert(r->trainer, "%s", r->error.message);
    mote_trainer_set_listener(r->trainer, listen, &r->log);
}

static void run_open(run *r, const char *data_json, const char *train_json) {
    run_open_network(r, NETWORK, data_json, train_json);
}

static void run_close(run *r) {
    mote_trainer_destroy(r->trainer);
    mote_model_destroy(r->model);
    mote_dataset_destroy(r->dataset);
}

/* Trains to the end and saves the model under that name. */
static void train_network_to(const char *name, const char *network, const char *data_json,
                             const char *train_json) {
    static run r;
    run_open_network(&r, network, data_json, train_json);
    cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
    cr_assert_eq(mote_model_save(r.model, scratch_path(name), &r.error), MOTE_OK);
    run_close(&r);
}

static void train_to(const char *name, const char *data_json, const char *train_json) {
    train_network_to(name, NETWORK, data_json, train_json);
}

/* ---- what training reaches ---- */

#define MOMENTUM "\"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.05, \"momentum\": 0.9}"

Test(training, without_a_trainer_fails_with_a_message) {
    const char *path = scratch_path("checkpoint.safetensors");
    mote_error errors[3] = {0};
    mote_trainer_set_listener(NULL, NULL, NULL);
    mote_trainer_restore(NULL, path, &errors[0]);
    mote_trainer_run(NULL, &errors[1]);
    mote_trainer_save(NULL, path, &errors[2]);
    for (size_t i = 0; i < COUNT(errors); i++) {
        cr_expect_eq(errors[i].status, MOTE_INVALID);
        cr_expect_str_eq(errors[i].message, "there is no trainer");
    }
    mote_trainer_destroy(NULL);
}

Test(training, learns_with_every_variant_of_sgd) {
    static const char *const optimizers[] = {
        "{\"type\": \"sgd\", \"learning_rate\": 0.1}",
        "{\"type\": \"sgd\", \"learning_rate\": 0.02, \"momentum\": 0.9}",
        "{\"type\": \"sgd\", \"learning_rate\": 0.02, \"momentum\": 0.9, \"nesterov\": true}",
        "{\"type\": \"sgd\", \"learning_rate\": 0.1, \"weight_decay\": 0.001}",
    };
    for (size_t i = 0; i < COUNT(optimizers); i++) {
        static run r;
        char json[512];
        snprintf(json, sizeof json,
                 "{\"epochs\": 12, \"batch_size\": 20, \"optimizer\": %s, \"schedule\": {\"type\": "
                 "\"cosine\", \"warmup_epochs\": 1}}",
                 optimizers[i]);
        run_open(&r, WITHOUT_VALIDATION, json);
        mote_part part = mote_dataset_part(r.dataset, MOTE_TRAINING);
        cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
        mote_metrics before = r.log.events[1].train, after;
        mote_trainer_destroy(r.trainer);
        r.trainer = NULL;
        cr_assert_eq(mote_evaluate(r.model, &part, &after, NULL, &r.error), MOTE_OK, "%s",
                     r.error.message);
        cr_expect(after.loss < 0.2 * before.loss && after.accuracy > 0.97,
                  "%s: loss %g to %g, accuracy %g to %g", optimizers[i], before.loss, after.loss,
                  before.accuracy, after.accuracy);
        run_close(&r);
    }
}

/* Each is computed differently: the update is summed in the momentum itself or apart from it. By
 * hand in double precision, for one weight: y = w x with x = 2, target 6, from w = 0. */
Test(training, one_weight_goes_where_the_formula_says) {
    static const struct {
        const char *optimizer;
        double rate, momentum, decay;
        bool nesterov;
    } rows[] = {
        {"\"learning_rate\": 0.01", 0.01, 0, 0, false},
        {"\"learning_rate\": 0.01, \"weight_decay\": 0.5", 0.01, 0, 0.5, false},
        {"\"learning_rate\": 0.01, \"momentum\": 0.8, \"weight_decay\": 0.5", 0.01, 0.8, 0.5,
         false},
        {"\"learning_rate\": 0.01, \"momentum\": 0.8, \"nesterov\": true, \"weight_decay\": 0.5",
         0.01, 0.8, 0.5, true},
    };
    const mote_real x = 2, target = 6;
    const mote_samples samples = {.count = 1,
                                  .shape = mote_shape_vector(1),
                                  .numbers = &x,
                                  .values = &target,
                                  .value_width = 1};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char json[512];
        snprintf(json, sizeof json, "{\"epochs\": 7, \"optimizer\": {\"type\": \"sgd\", %s}}",
                 rows[i].optimizer);
        mote_error error = {0};
        mote_model *model = model_create(
            "{\"layers\": [{\"type\": \"dense\", \"units\": 1, \"bias\": false, \"initializer\": "
            "\"zeros\"}], \"output\": {\"type\": \"mean_squared_error\"}}",
            mote_shape_vector(1));
        mote_dataset *dataset =
            mote_dataset_from_arrays(&samples, NULL, "{\"normalize\": \"none\"}", 1, &error);
        mote_trainer *trainer = mote_trainer_create(model, dataset, json, 1, &error);
        cr_assert(trainer, "%s", error.message);
        cr_assert_eq(mote_trainer_run(trainer, &error), MOTE_OK, "%s", error.message);
        double w = 0, v = 0;
        for (int step = 0; step < 7; step++) {
            double g = 2 * (w * 2 - 6) * 2 + rows[i].decay * w;
            v = rows[i].momentum * v + g;
            w -= rows[i].rate * (rows[i].nesterov ? g + rows[i].momentum * v : v);
        }
        double found = (double)mote_model_parameter(model, "layers.0.weight").data[0];
        cr_expect_float_eq(found, w, 1e-5, "%s: %g, expected %g", rows[i].optimizer, found, w);
        mote_trainer_destroy(trainer);
        mote_model_destroy(model);
        mote_dataset_destroy(dataset);
    }
}

/* ---- numbers and two classes ---- */

enum {
    POINTS = 120
};

Test(training, learns_numbers_and_two_classes_on_one_node) {
    static mote_real x[2 * POINTS], values[2 * POINTS];
    static uint32_t classes[POINTS];
    mote_random random = mote_random_create(2, MOTE_RANDOM_DATA, 0);
    numbers_uniform(&random, -1, 1, 2 * POINTS, x);
    for (size_t i = 0; i < POINTS; i++) {
        values[2 * i] = 3 * x[2 * i] - x[2 * i + 1] + 1;
        values[2 * i + 1] = x[2 * i + 1] - 2;
        classes[i] = x[2 * i] + x[2 * i + 1] > 0;
    }
    const mote_samples of_values = {.count = POINTS,
                                    .shape = mote_shape_vector(2),
                                    .numbers = x,
                                    .values = values,
                                    .value_width = 2};
    const mote_samples of_classes = {
        .count = POINTS, .shape = mote_shape_vector(2), .numbers = x, .labels = classes};
    const struct {
        const mote_samples *samples;
        size_t units;
        const char *output;
        double most_loss, least_accuracy;
    } rows[] = {
        {&of_values, 2, "mean_squared_error", 1e-6, (double)NAN},
        {&of_classes, 1, "sigmoid_cross_entropy", 0.15, 0.97},
        {&of_classes, 2, "softmax_cross_entropy", 0.15, 0.97},
        {&of_classes, 2, "mean_squared_error", 0.1, 0.95},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char json[256];
        snprintf(json, sizeof json,
                 "{\"layers\": [{\"type\": \"dense\", \"units\": %zu}], \"output\": {\"type\": "
                 "\"%s\"}}",
                 rows[i].units, rows[i].output);
        mote_error error = {0};
        mote_model *model = model_create(json, mote_shape_vector(2));
        mote_dataset *dataset = mote_dataset_from_arrays(
            rows[i].samples, NULL, "{\"validation_fraction\": 0.25}", 1, &error);
        mote_trainer *trainer = mote_trainer_create(
            model, dataset,
            "{\"epochs\": 60, \"batch_size\": 8, \"optimizer\": {\"type\": \"sgd\", "
            "\"learning_rate\": 0.1, \"momentum\": 0.5}}",
            1, &error);
        cr_assert(trainer, "%s", error.message);
        cr_assert_eq(mote_trainer_run(trainer, &error), MOTE_OK, "%s", error.message);
        mote_trainer_destroy(trainer);
        mote_part part = mote_dataset_part(dataset, MOTE_VALIDATION);
        mote_metrics metrics;
        cr_assert_eq(mote_evaluate(model, &part, &metrics, NULL, &error), MOTE_OK);
        cr_expect_lt(metrics.loss, rows[i].most_loss, "%s: loss %g", rows[i].output, metrics.loss);
        cr_expect(isnan(rows[i].least_accuracy) ? isnan(metrics.accuracy)
                                                : metrics.accuracy >= rows[i].least_accuracy,
                  "%s: accuracy %g", rows[i].output, metrics.accuracy);
        mote_model_destroy(model);
        mote_dataset_destroy(dataset);
    }
}

/* ---- the same bits ---- */

Test(training, gives_the_same_bits_on_any_number_of_threads_and_every_time) {
    static const char *const optimizers[] = {
        MOMENTUM, "\"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.1}",
        ("\"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.01, \"momentum\": 0.9, "
         "\"nesterov\": true, \"weight_decay\": 0.001}")};
    static const int threads[] = {1, 1, 2, 3};
    for (size_t i = 0; i < COUNT(optimizers); i++) {
        for (size_t t = 0; t < COUNT(threads); t++) {
            char json[512];
            snprintf(json, sizeof json, "{\"epochs\": 3, \"batch_size\": 64, \"threads\": %d, %s}",
                     threads[t], optimizers[i]);
            train_to(t ? "other" : "one", WITH_VALIDATION, json);
            cr_expect(t == 0 || scratch_same_files("one", "other"), "%s: %d threads", optimizers[i],
                      threads[t]);
        }
    }
}

static void check_threads(const char *network, const char *data_json) {
    for (int threads = 1; threads <= 3; threads++) {
        char json[256];
        snprintf(json, sizeof json, "{\"epochs\": 3, \"batch_size\": 64, \"threads\": %d, %s}",
                 threads, MOMENTUM);
        train_network_to(threads > 1 ? "other" : "one", network, data_json, json);
        cr_expect(threads == 1 || scratch_same_files("one", "other"), "%d threads", threads);
    }
}

Test(training, with_normalization_gives_the_same_bits_on_any_number_of_threads) {
    check_threads(NORMALIZED, WITH_VALIDATION);
}

Test(training, with_dropout_gives_the_same_bits_on_any_number_of_threads) {
    check_threads(DROPPING, WITH_VALIDATION);
}

Test(training, with_augmentation_gives_the_same_bits_on_any_number_of_threads) {
    check_threads(NETWORK, AUGMENTED);
}

Test(training, with_augmentation_changes_training_alone) {
    static run r;
    run_open(&r, AUGMENTED, "{\"epochs\": 2, " MOMENTUM "}");
    train_to("augmented", AUGMENTED, "{\"epochs\": 2, " MOMENTUM "}");
    train_to("plain", WITH_VALIDATION, "{\"epochs\": 2, " MOMENTUM "}");
    cr_expect(!scratch_same_files("augmented", "plain"), "nothing is augmented");
    mote_dataset *plain = dataset_create(WITH_VALIDATION);
    for (mote_part_name name = MOTE_TRAINING; name <= MOTE_VALIDATION; name++) {
        mote_part augmented_part = mote_dataset_part(r.dataset, name);
        mote_part part = mote_dataset_part(plain, name);
        mote_metrics with, without;
        mote_trainer_destroy(r.trainer);
        r.trainer = NULL;
        mote_model_set_preprocessing(r.model, mote_dataset_preprocessing(plain), NULL);
        cr_assert_eq(mote_evaluate(r.model, &augmented_part, &with, NULL, &r.error), MOTE_OK);
        cr_assert_eq(mote_evaluate(r.model, &part, &without, NULL, &r.error), MOTE_OK);
        cr_expect_eq(with.loss, without.loss, "%g, %g", with.loss, without.loss);
    }
    mote_dataset_destroy(plain);
    run_close(&r);
}

/* What a preview shows is what the next step sees. */
Test(training, gathers_the_first_batch_as_the_first_step_does) {
    static run r, s;
    static mote_real x[20 * WIDTH];
    const char *json = "{\"epochs\": 1, \"batch_size\": 20, \"max_steps\": 1, " MOMENTUM "}";
    run_open(&r, AUGMENTED, json);
    run_open(&s, AUGMENTED, json);
    cr_assert_eq(mote_trainer_gather(r.trainer, 0), (size_t)20);
    memcpy(x, r.trainer->batch.x, sizeof x);
    cr_assert_eq(mote_trainer_gather(r.trainer, 0), (size_t)20);
    cr_expect_eq(memcmp(x, r.trainer->batch.x, sizeof x), 0, "a second call gives another batch");
    cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK);
    cr_assert_eq(mote_trainer_run(s.trainer, &s.error), MOTE_OK);
    cr_expect_eq(last_of(&r.log, MOTE_EVENT_EPOCH)->train.loss,
                 last_of(&s.log, MOTE_EVENT_EPOCH)->train.loss);
    run_close(&r);
    run_close(&s);
}

#define LARGE "{\"epochs\": 3, \"batch_size\": 48, " MOMENTUM "}"
#define SMALL "{\"epochs\": 3, \"batch_size\": 16, \"accumulate\": 3, " MOMENTUM "}"

/* The last step of an epoch has 20 of the 164 samples. */
Test(training, accumulates_the_augmented_samples_of_the_large_batch_to_the_bit) {
    static run large, small;
    run_open(&large, AUGMENTED, LARGE);
    run_open(&small, AUGMENTED, SMALL);
    for (uint64_t step = 0; step < 8; step++) {
        mote_position *a = &large.trainer->position, *b = &small.trainer->position;
        a->epoch = b->epoch = step / 4;
        a->epoch_step = b->epoch_step = step % 4;
        size_t count = mote_trainer_gather(large.trainer, 0), done = 0;
        cr_assert_eq(count, step % 4 < 3 ? 48u : 20u);
        while (done < count) {
            size_t rows = mote_trainer_gather(small.trainer, done);
            cr_assert(rows == 16 || (done == 16 && rows == 4), "%zu rows", rows);
            cr_expect_eq(memcmp(small.trainer->batch.x, large.trainer->batch.x + done * WIDTH,
                                rows * WIDTH * sizeof(mote_real)),
                         0, "step %ju, samples from %zu on", (uintmax_t)step, done);
            done += rows;
        }
        cr_assert_eq(done, count);
    }
    run_close(&large);
    run_close(&small);
}

Test(training, on_augmented_samples_accumulates_to_the_large_batch) {
    static run large, small;
    run_open(&large, AUGMENTED, LARGE);
    run_open(&small, AUGMENTED, SMALL);
    cr_assert_eq(mote_trainer_run(large.trainer, &large.error), MOTE_OK);
    cr_assert_eq(mote_trainer_run(small.trainer, &small.error), MOTE_OK);
    const mote_event *wanted = last_of(&large.log, MOTE_EVENT_EPOCH);
    const mote_event *found = last_of(&small.log, MOTE_EVENT_EPOCH);
    cr_expect_eq(found->step, wanted->step);
    cr_expect_eq(found->train.samples, wanted->train.samples);
    cr_expect_float_eq(found->train.loss, wanted->train.loss, 1e-5, "loss %.9g, not %.9g",
                       found->train.loss, wanted->train.loss);
    cr_expect_float_eq(found->validation.loss, wanted->validation.loss, 1e-5, "loss %.9g, not %.9g",
                       found->validation.loss, wanted->validation.loss);
    run_close(&large);
    run_close(&small);
}

Test(training, with_dropout_learns) {
    static run r;
    run_open_network(&r, DROPPING, WITHOUT_VALIDATION,
                     "{\"epochs\": 12, \"batch_size\": 20, " MOMENTUM "}");
    mote_part part = mote_dataset_part(r.dataset, MOTE_TRAINING);
    cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
    mote_trainer_destroy(r.trainer);
    r.trainer = NULL;
    mote_metrics metrics;
    cr_assert_eq(mote_evaluate(r.model, &part, &metrics, NULL, &r.error), MOTE_OK);
    cr_expect_gt(metrics.accuracy, 0.97, "accuracy %g", metrics.accuracy);
    run_close(&r);
}

/* Running means and variances travel with the model. */
Test(training, with_normalization_saves_a_model_that_predicts_the_same_bits) {
    static run r;
    static mote_real x[SAMPLES * WIDTH], p[SAMPLES * CLASSES], loaded_p[SAMPLES * CLASSES];
    run_open_network(&r, NORMALIZED, WITH_VALIDATION,
                     "{\"epochs\": 3, \"batch_size\": 40, " MOMENTUM "}");
    cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
    mote_trainer_destroy(r.trainer);
    r.trainer = NULL;
    mote_preprocess_bytes(mote_model_preprocessing(r.model), SAMPLES * WIDTH, pictures, x);
    cr_assert_eq(mote_model_predict(r.model, SAMPLES, x, p, &r.error), MOTE_OK);
    cr_assert_eq(mote_model_save(r.model, scratch_path("model"), &r.error), MOTE_OK);
    mote_model *loaded = mote_model_load(scratch_path("model"), &r.error);
    cr_assert(loaded, "%s", r.error.message);
    cr_assert_eq(mote_model_predict(loaded, SAMPLES, x, loaded_p, &r.error), MOTE_OK);
    cr_expect_eq(memcmp(p, loaded_p, sizeof p), 0);
    mote_tensor variance = mote_model_parameter(loaded, "layers.5.layers.1.running_var");
    cr_expect(variance.data && variance.data[0] != 1, "the running variance has not moved");
    mote_model_destroy(loaded);
    run_close(&r);
}

Test(training, settings_that_should_change_the_result_do) {
    static const char *const rows[] = {
        "{\"epochs\": 2, \"batch_size\": 32, " MOMENTUM ", \"shuffle\": false}",
        "{\"epochs\": 2, \"batch_size\": 32, " MOMENTUM ", \"drop_last\": true}",
        "{\"epochs\": 2, \"batch_size\": 32, " MOMENTUM ", \"max_steps\": 9}",
        "{\"epochs\": 2, \"batch_size\": 31, " MOMENTUM "}",
        "{\"epochs\": 2, \"batch_size\": 32}",
    };
    train_to("one", WITHOUT_VALIDATION, "{\"epochs\": 2, \"batch_size\": 32, " MOMENTUM "}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        train_to("other", WITHOUT_VALIDATION, rows[i]);
        cr_expect_not(scratch_same_files("one", "other"), "%s changes nothing", rows[i]);
    }
}

/* Without shuffling, an epoch in batches is the plain loop over the samples in their order. */
Test(training, without_shuffling_takes_the_samples_in_their_order) {
    static const mote_real x[] = {1, 2, 3, 4, 5}, y[] = {1, -1, 2, -2, 3};
    const mote_samples samples = {
        .count = 5, .shape = mote_shape_vector(1), .numbers = x, .values = y, .value_width = 1};
    for (int drop = 0; drop < 2; drop++) {
        mote_error error = {0};
        mote_model *model = model_create(
            "{\"layers\": [{\"type\": \"dense\", \"units\": 1, \"bias\": false, \"initializer\": "
            "\"zeros\"}], \"output\": {\"type\": \"mean_squared_error\"}}",
            mote_shape_vector(1));
        mote_dataset *dataset =
            mote_dataset_from_arrays(&samples, NULL, "{\"normalize\": \"none\"}", 1, &error);
        mote_trainer *trainer = mote_trainer_create(
            model, dataset,
            drop ? "{\"epochs\": 2, \"batch_size\": 2, \"shuffle\": false, \"drop_last\": true}"
                 : "{\"epochs\": 2, \"batch_size\": 2, \"shuffle\": false}",
            1, &error);
        cr_assert(trainer, "%s", error.message);
        cr_assert_eq(mote_trainer_run(trainer, &error), MOTE_OK);
        double w = 0;
        for (size_t step = 0; step < 2 * (drop ? 2 : 3); step++) {
            size_t begin = step % (drop ? 2 : 3) * 2, count = begin == 4 ? 1 : 2;
            double gradient = 0;
            for (size_t i = begin; i < begin + count; i++) {
                double at = (double)x[i];
                gradient += 2 * (w * at - (double)y[i]) * at / (double)count;
            }
            w -= 0.01 * gradient;
        }
        double found = (double)mote_model_parameter(model, "layers.0.weight").data[0];
        cr_expect_float_eq(found, w, 1e-6, "drop_last %d: %g, expected %g", drop, found, w);
        mote_trainer_destroy(trainer);
        mote_model_destroy(model);
        mote_dataset_destroy(dataset);
    }
}

/* ---- events ---- */

/* Started, then for each epoch its steps, the epoch and possibly an improvement; then stopped. */
static void check_events(const char *data_json, const char *train_json, const size_t *epoch_steps,
                         size_t epochs, size_t whole_epoch) {
    static run r;
    run_open(&r, data_json, train_json);
    bool validates = mote_dataset_part(r.dataset, MOTE_VALIDATION).count > 0;
    size_t samples = mote_dataset_part(r.dataset, MOTE_TRAINING).count;
    cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
    const mote_event *e = r.log.events;
    size_t total = 0, done = 0;
    for (size_t i = 0; i < epochs; i++) {
        total += epoch_steps[i];
    }
    cr_assert_eq(e->kind, MOTE_EVENT_STARTED);
    cr_expect(e->epoch == 1 && e->step == 0 && e->total_steps == total && e->epochs == epochs &&
              e->epoch_steps == whole_epoch);
    const mote_metrics unknown[] = {e->train, e->validation, e->best_validation};
    for (size_t i = 0; i < COUNT(unknown); i++) {
        cr_expect(unknown[i].samples == 0 && isnan(unknown[i].loss) && isnan(unknown[i].accuracy),
                  "row %zu: a loss of %g, an accuracy of %g", i, unknown[i].loss,
                  unknown[i].accuracy);
    }
    double best = -1;
    for (size_t epoch = 1; epoch <= epochs; epoch++) {
        size_t seen = 0;
        for (size_t step = 1; step <= epoch_steps[epoch - 1]; step++) {
            e++;
            done++;
            cr_assert_eq(e->kind, MOTE_EVENT_STEP, "epoch %zu, step %zu: %d", epoch, step, e->kind);
            cr_expect(e->epoch == epoch && e->epoch_step == step && e->step == done &&
                          e->train.samples > seen && e->train.samples <= samples &&
                          isfinite(e->train.loss) && e->learning_rate == 0.05 && e->seconds >= 0,
                      "epoch %zu, step %zu: found epoch %zu, step %zu, %ju done, %zu samples",
                      epoch, step, e->epoch, e->epoch_step, (uintmax_t)e->step, e->train.samples);
            seen = e->train.samples;
        }
        e++;
        cr_assert_eq(e->kind, MOTE_EVENT_EPOCH, "epoch %zu: %d", epoch, e->kind);
        cr_expect(e->epoch == epoch && e->step == done && e->train.samples == seen);
        cr_expect_eq(e->validation.samples > 0, validates);
        bool improved = validates && e->validation.accuracy > best;
        if (e[1].kind == MOTE_EVENT_IMPROVED) {
            e++;
            cr_expect(validates && e->validation.accuracy >= best && e->epoch == epoch);
            best = e->validation.accuracy;
            cr_expect_eq(e->best_validation.accuracy, best);
        } else {
            cr_expect_not(improved, "epoch %zu has improved without a word", epoch);
        }
    }
    e++;
    cr_assert_eq(e->kind, MOTE_EVENT_STOPPED, "found %d", e->kind);
    cr_expect(e->epoch == epochs && e->step == total);
    cr_expect_eq((size_t)(e - r.log.events) + 1, r.log.count);
    run_close(&r);
}

Test(training, tells_what_happens_in_order_with_the_right_numbers) {
    check_events(WITHOUT_VALIDATION, "{\"epochs\": 3, \"batch_size\": 50, " MOMENTUM "}",
                 (size_t[]){5, 5, 5}, 3, 5);
    check_events(WITH_VALIDATION, "{\"epochs\": 4, \"batch_size\": 50, " MOMENTUM "}",
                 (size_t[]){4, 4, 4, 4}, 4, 4);
    check_events(WITHOUT_VALIDATION,
                 "{\"epochs\": 2, \"batch_size\": 50, \"drop_last\": true, " MOMENTUM "}",
                 (size_t[]){4, 4}, 2, 4);
    check_events(WITH_VALIDATION,
                 "{\"epochs\": 9, \"batch_size\": 50, \"max_steps\": 6, " MOMENTUM "}",
                 (size_t[]){4, 2}, 2, 4);
}

/* Checks where each event says training is, and stops at the first of a kind. */
typedef struct surveyor {
    mote_event_kind stop_at;
    bool stopped;
} surveyor;

static bool survey(void *context, const mote_event *event) {
    surveyor *s = context;
    cr_expect(event->epoch >= 1 && event->epoch <= event->epochs, "event %d: epoch %zu of %zu",
              event->kind, event->epoch, event->epochs);
    cr_expect_eq(event->step, (event->epoch - 1) * event->epoch_steps + event->epoch_step,
                 "event %d: epoch %zu, step %zu of %zu, %ju in all", event->kind, event->epoch,
                 event->epoch_step, event->epoch_steps, (uintmax_t)event->step);
    cr_expect_eq(event->train.samples > 0, event->epoch_step > 0, "event %d: %zu samples",
                 event->kind, event->train.samples);
    cr_expect(!s->stopped || event->kind != MOTE_EVENT_STEP, "a step after event %d", s->stop_at);
    s->stopped = s->stopped || event->kind == s->stop_at;
    return event->kind != s->stop_at;
}

Test(training, says_at_every_event_where_it_is_and_stops_there) {
    static const mote_event_kind kinds[] = {MOTE_EVENT_STARTED, MOTE_EVENT_STEP, MOTE_EVENT_EPOCH,
                                            MOTE_EVENT_IMPROVED, MOTE_EVENT_NOTICE};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        static run r;
        run_open(&r, WITH_VALIDATION,
                 "{\"epochs\": 9, \"batch_size\": 50, \"max_steps\": 6, " MOMENTUM "}");
        surveyor s = {.stop_at = kinds[i]};
        mote_trainer_set_listener(r.trainer, survey, &s);
        cr_expect_eq(mote_trainer_run(r.trainer, NULL), MOTE_INTERRUPTED, "event %d", kinds[i]);
        s = (surveyor){.stop_at = MOTE_EVENT_STOPPED};
        cr_expect_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK, "event %d", kinds[i]);
        run_close(&r);
    }
}

typedef struct spoiler {
    mote_model *model;
    const char *tensor;
    diary diary;
} spoiler;

/* In the last epoch, erases after each step what the model has learned. */
static bool spoil_last_epoch(void *context, const mote_event *event) {
    spoiler *s = context;
    if (event->kind == MOTE_EVENT_STEP && event->epoch == event->epochs) {
        mote_tensor tensor = mote_model_parameter(s->model, s->tensor);
        memset(tensor.data, 0, mote_shape_count(tensor.shape) * sizeof *tensor.data);
    }
    return listen(&s->diary, event);
}

static void check_best(const char *network, const char *spoilt) {
    static run r;
    static spoiler s;
    run_open_network(&r, network, WITH_VALIDATION,
                     "{\"epochs\": 5, \"batch_size\": 40, " MOMENTUM "}");
    s = (spoiler){.model = r.model, .tensor = spoilt};
    mote_trainer_set_listener(r.trainer, spoil_last_epoch, &s);
    cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
    const mote_event *end = last_of(&s.diary, MOTE_EVENT_STOPPED);
    mote_metrics best = end->best_validation, last = end->validation, found;
    double highest = 0;
    for (size_t i = 0; i < s.diary.count; i++) {
        const mote_event *e = &s.diary.events[i];
        highest = e->kind == MOTE_EVENT_EPOCH ? fmax(highest, e->validation.accuracy) : highest;
    }
    cr_assert_lt(last.accuracy, highest, "the last epoch was the best: nothing is tested");
    mote_trainer_destroy(r.trainer);
    r.trainer = NULL;
    mote_part part = mote_dataset_part(r.dataset, MOTE_VALIDATION);
    cr_assert_eq(mote_evaluate(r.model, &part, &found, NULL, &r.error), MOTE_OK);
    cr_expect_eq(best.accuracy, highest, "best %g, highest %g", best.accuracy, highest);
    cr_expect_eq(found.accuracy, best.accuracy, "found %g, best %g", found.accuracy, best.accuracy);
    cr_expect_float_eq(found.loss, best.loss, 1e-6, "found %g, best %g", found.loss, best.loss);
    run_close(&r);
}

Test(training, ends_with_the_parameters_and_buffers_that_were_best_in_validation) {
    check_best(NETWORK, "layers.3.weight");
    check_best(NORMALIZED, "layers.3.running_var");
}

/* ---- divergence ---- */

Test(training, that_diverges_says_so) {
    static const struct {
        const char *json, *beginning;
    } rows[] = {
        {"{\"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 1e30}}",
         "the output of layers[3] (dense) became "},
        {"{\"max_steps\": 1, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 1e300}}",
         "layers.1.weight in layers[1] (dense) became "}, /* no loss follows that would show it */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        static run r;
        run_open(&r, i ? WITHOUT_VALIDATION : WITH_VALIDATION, rows[i].json);
        cr_expect_eq(mote_trainer_run(r.trainer, &r.error), MOTE_DIVERGED, "%s", rows[i].json);
        cr_expect_eq(strncmp(r.error.message, rows[i].beginning, strlen(rows[i].beginning)), 0,
                     "found \"%s\"", r.error.message);
        cr_expect(strstr(r.error.message, "at a learning rate of 1e+30"), "found \"%s\"",
                  r.error.message);
        cr_expect(last_of(&r.log, MOTE_EVENT_STOPPED));
        run_close(&r);
    }
}

/* ---- what is refused ---- */

Test(training, data_and_models_that_do_not_fit_are_refused_with_the_reason) {
    static const struct {
        const char *model;
        mote_shape shape;
        const char *json, *message;
    } rows[] = {
        {NETWORK,
         {3, {1, 12, 13}},
         NULL,
         "the samples are 1 × 12 × 12, but the model takes 1 × 12 × 13"},
        {"{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 4}], \"output\": "
         "{\"type\": \"softmax_cross_entropy\"}}",
         {3, {1, 12, 12}},
         NULL,
         "the last layer (dense) gives 4 numbers, which softmax_cross_entropy takes for 4 classes, "
         "but the data has 3"},
        {"{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 1}], \"output\": "
         "{\"type\": \"sigmoid_cross_entropy\"}}",
         {3, {1, 12, 12}},
         NULL,
         "the last layer (dense) gives 1 number, which sigmoid_cross_entropy takes for 2 classes, "
         "but the data has 3"},
        {NETWORK,
         {3, {1, 12, 12}},
         "{\"batch_size\": 206, \"drop_last\": true}",
         "train.drop_last: it leaves no step: there are 205 training samples, fewer than the "
         "batch_size of 206"},
        {NORMALIZED,
         {3, {1, 12, 12}},
         "{\"batch_size\": 1}",
         "train.batch_size: a batch_size of 1 is too small for layers[3] (batch_norm), which can "
         "only be trained on batches of at least 2 samples"},
        {NORMALIZED,
         {3, {1, 12, 12}},
         "{\"batch_size\": 17}",
         "train.batch_size: with 205 training samples the last batch of an epoch holds 1, too "
         "small "
         "for layers[3] (batch_norm), which can only be trained on batches of at least 2 samples; "
         "set drop_last to true, or choose another batch_size"},
        {NETWORK,
         {3, {1, 12, 12}},
         "{\"optimizer\": {\"type\": \"sgd\", \"nesterov\": true}}",
         "train.optimizer: nesterov needs a momentum above 0, such as \"momentum\": 0.9"},
        {NETWORK,
         {3, {1, 12, 12}},
         "{\"optimizer\": {\"type\": \"sdg\"}}",
         "train.optimizer.type: no optimizer is called \"sdg\"; did you mean \"sgd\"?"},
    };
    mote_dataset *dataset = dataset_create(WITHOUT_VALIDATION);
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_model *model = model_create(rows[i].model, rows[i].shape);
        mote_error error = {0};
        mote_trainer *trainer = mote_trainer_create(model, dataset, rows[i].json, 1, &error);
        cr_expect_null(trainer, "%s", rows[i].message);
        cr_expect_eq(error.status, MOTE_INVALID, "%s", mote_status_name(error.status));
        const char *found = strstr(error.message, "train.");
        cr_expect_str_eq(found ? found : error.message, rows[i].message,
                         "\n     found \"%s\"\n  expected \"%s\"", error.message, rows[i].message);
        mote_trainer_destroy(trainer);
        mote_model_destroy(model);
    }
    mote_dataset_destroy(dataset);
}

/* When no batch of one sample is trained on, or when one sample has many pixels. */
Test(training, of_batch_norm_takes_what_leaves_no_batch_of_one) {
    static const char PIXELS[] = "{\"layers\": [{\"type\": \"batch_norm\"}, {\"type\": "
                                 "\"flatten\"}, {\"type\": \"dense\", \"units\": 3}], "
                                 "\"output\": {\"type\": \"softmax_cross_entropy\"}}";
    static const struct {
        const char *network, *json;
    } rows[] = {
        {NORMALIZED, "{\"epochs\": 1, \"batch_size\": 17, \"drop_last\": true}"},
        {NORMALIZED, "{\"epochs\": 1, \"batch_size\": 17, \"max_steps\": 12}"},
        {NORMALIZED, "{\"epochs\": 1, \"batch_size\": 29}"}, /* the last batch has 2 */
        {PIXELS, "{\"epochs\": 1, \"batch_size\": 1}"},
        {PIXELS, "{\"epochs\": 1, \"batch_size\": 17}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        train_network_to("model", rows[i].network, WITHOUT_VALIDATION, rows[i].json);
    }
}

Test(training, of_batch_norm_refuses_a_single_sample) {
    static const mote_real x[] = {1, 2};
    static const uint32_t label[] = {1};
    const mote_samples samples = {
        .count = 1, .shape = mote_shape_vector(2), .numbers = x, .labels = label};
    mote_error error = {0};
    mote_model *model = model_create("{\"layers\": [{\"type\": \"batch_norm\"}], \"output\": "
                                     "{\"type\": \"softmax_cross_entropy\"}}",
                                     mote_shape_vector(2));
    mote_dataset *dataset =
        mote_dataset_from_arrays(&samples, NULL, "{\"normalize\": \"none\"}", 1, &error);
    cr_assert(dataset, "%s", error.message);
    cr_expect_null(mote_trainer_create(model, dataset, NULL, 1, &error));
    cr_expect_str_eq(
        error.message,
        "train.batch_size: with 1 training sample the last batch of an epoch holds 1, too "
        "small for layers[0] (batch_norm), which can only be trained on batches of at "
        "least 2 samples; it takes more training samples");
    mote_model_destroy(model);
    mote_dataset_destroy(dataset);
}

/* ---- stopping and resuming ---- */

static const char RESUMED[] = "{\"epochs\": 3, \"batch_size\": 40, \"threads\": 2, " MOMENTUM
                              ", \"schedule\": {\"type\": \"cosine\", \"warmup_epochs\": 0.5}}";

/* Stops after a step, saves, and resumes with nothing but the file. */
static void check_resumed(const char *network, const char *data_json, uint64_t step,
                          mote_event_kind at) {
    static run r, s;
    run_open_network(&r, network, data_json, RESUMED);
    r.log.stop_after = step;
    r.log.stop_at = at;
    mote_status status = mote_trainer_run(r.trainer, &r.error);
    uint64_t total = r.log.events[0].total_steps;
    cr_expect_eq(status, at == MOTE_EVENT_EPOCH && step == total ? MOTE_OK : MOTE_INTERRUPTED,
                 "stopped after step %ju: %s", (uintmax_t)step, mote_status_name(status));
    cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("checkpoint"), NULL), MOTE_OK);
    run_close(&r);

    run_open_network(&s, network, data_json, RESUMED);
    network_randomize(s.model, &(mote_random){{1, 2, 3, 4}}); /* must not matter */
    cr_assert_eq(mote_trainer_restore(s.trainer, scratch_path("checkpoint"), &s.error), MOTE_OK,
                 "%s", s.error.message);
    cr_assert_eq(mote_trainer_run(s.trainer, &s.error), MOTE_OK, "%s", s.error.message);
    cr_expect_eq(s.log.events[0].step, step);
    cr_assert_eq(mote_model_save(s.model, scratch_path("resumed"), NULL), MOTE_OK);
    cr_expect(scratch_same_files("whole", "resumed"), "%s, stopped after step %ju, at event %d",
              data_json, (uintmax_t)step, at);
    run_close(&s);
}

Test(resuming, with_augmentation_gives_the_same_bits_as_never_stopping) {
    train_network_to("whole", NETWORK, AUGMENTED, RESUMED);
    for (uint64_t step = 1; step <= 15; step++) {
        check_resumed(NETWORK, AUGMENTED, step, MOTE_EVENT_STEP);
    }
    check_resumed(NETWORK, AUGMENTED, 5, MOTE_EVENT_EPOCH);
}

static void check_resumed_anywhere(const char *network) {
    static const char *const data[] = {WITH_VALIDATION, WITHOUT_VALIDATION};
    static const uint64_t epoch_steps[] = {5, 6}; /* of 164 and 205 samples in batches of 40 */
    for (size_t i = 0; i < COUNT(data); i++) {
        train_network_to("whole", network, data[i], RESUMED);
        for (uint64_t step = 1; step <= 3 * epoch_steps[i]; step++) {
            check_resumed(network, data[i], step, MOTE_EVENT_STEP);
        }
        for (uint64_t epoch = 1; epoch <= 3; epoch++) {
            check_resumed(network, data[i], epoch * epoch_steps[i], MOTE_EVENT_EPOCH);
        }
    }
}

Test(resuming, after_any_step_gives_the_same_bits_as_never_stopping) {
    for (size_t i = 0; i < COUNT(networks); i++) {
        check_resumed_anywhere(networks[i]);
    }
}

Test(resuming, works_in_the_same_trainer_too) {
    train_to("whole", WITH_VALIDATION, RESUMED);
    static run r;
    run_open(&r, WITH_VALIDATION, RESUMED);
    mote_status status = MOTE_INTERRUPTED;
    for (uint64_t step = 1; status == MOTE_INTERRUPTED; step++) {
        mote_error error = {0};
        r.log.stop_after = step;
        r.log.stop_at = MOTE_EVENT_STEP;
        r.log.count = 0;
        cr_assert_lt(step, 100u);
        status = mote_trainer_run(r.trainer, &error);
        char expected[128];
        snprintf(expected, sizeof expected, "training was stopped after step %ju of 15",
                 (uintmax_t)step);
        cr_expect_str_eq(error.message, status == MOTE_OK ? "" : expected);
    }
    cr_assert_eq(status, MOTE_OK);
    cr_assert_eq(mote_model_save(r.model, scratch_path("resumed"), NULL), MOTE_OK);
    cr_expect(scratch_same_files("whole", "resumed"));
    run_close(&r);
}

Test(resuming, in_the_same_trainer_forgets_the_figures_of_later_epochs) {
    static run r;
    run_open(&r, WITH_VALIDATION, RESUMED);
    r.log.stop_after = 1;
    r.log.stop_at = MOTE_EVENT_STEP;
    cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_INTERRUPTED);
    cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("checkpoint"), NULL), MOTE_OK);
    r.log.stop_after = 0;
    cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
    cr_assert_gt(last_of(&r.log, MOTE_EVENT_STOPPED)->validation.samples, 0);
    cr_assert_eq(mote_trainer_restore(r.trainer, scratch_path("checkpoint"), NULL), MOTE_OK);
    r.log.count = 0;
    r.log.stop_after = 2;
    cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_INTERRUPTED);
    for (size_t i = 0; i < r.log.count; i++) {
        const mote_event *e = &r.log.events[i];
        cr_expect(e->validation.samples == 0 && isnan(e->validation.loss),
                  "event %d has a validation loss of %g", e->kind, e->validation.loss);
    }
    const mote_event *end = last_of(&r.log, MOTE_EVENT_STOPPED);
    const mote_event *step = last_of(&r.log, MOTE_EVENT_STEP);
    cr_expect(end->train.samples == step->train.samples && end->train.loss == step->train.loss,
              "the end has a training loss of %g over %zu samples", end->train.loss,
              end->train.samples);
    run_close(&r);
}

/* The figures of an epoch that was interrupted are those of the whole epoch. */
Test(resuming, in_an_epoch_keeps_its_figures) {
    static run whole, r, s;
    run_open(&whole, WITH_VALIDATION, RESUMED);
    cr_assert_eq(mote_trainer_run(whole.trainer, NULL), MOTE_OK);
    run_open(&r, WITH_VALIDATION, RESUMED);
    r.log.stop_after = 8;
    r.log.stop_at = MOTE_EVENT_STEP;
    mote_trainer_run(r.trainer, NULL);
    cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("checkpoint"), NULL), MOTE_OK);
    run_open(&s, WITH_VALIDATION, RESUMED);
    cr_assert_eq(mote_trainer_restore(s.trainer, scratch_path("checkpoint"), NULL), MOTE_OK);
    cr_assert_eq(mote_trainer_run(s.trainer, NULL), MOTE_OK);
    const mote_event *a = last_of(&whole.log, MOTE_EVENT_EPOCH), *b = NULL;
    for (size_t i = 0; i < s.log.count; i++) {
        b = s.log.events[i].kind == MOTE_EVENT_EPOCH && !b ? &s.log.events[i] : b;
    }
    for (const mote_event *e = whole.log.events; e < a; e++) {
        if (e->kind == MOTE_EVENT_EPOCH && e->epoch == 2) {
            cr_assert(b && b->epoch == 2);
            cr_expect(e->train.loss == b->train.loss && e->train.samples == b->train.samples &&
                          e->train.accuracy == b->train.accuracy,
                      "loss %.17g, resumed %.17g", e->train.loss, b->train.loss);
            cr_expect_eq(e->best_validation.loss, b->best_validation.loss);
        }
    }
    run_close(&whole);
    run_close(&r);
    run_close(&s);
}

Test(resuming, with_other_settings_is_refused_naming_the_keys) {
    static const struct {
        const char *train, *data;
        uint64_t seed;
        const char *model, *differences;
    } rows[] = {
        {"{\"batch_size\": 65}", WITH_VALIDATION, 5, NETWORK,
         "train.batch_size was 64 and is now 65"},
        {"{\"shuffle\": false}", WITH_VALIDATION, 5, NETWORK,
         "train.shuffle was true and is now false"},
        {"{\"optimizer\": {\"type\": \"sgd\", \"momentum\": 0.5}}", WITH_VALIDATION, 5, NETWORK,
         "train.optimizer.momentum was 0 and is now 0.5"},
        {"{\"schedule\": {\"type\": \"cosine\"}}", WITH_VALIDATION, 5, NETWORK,
         "train.schedule.type was \"constant\" and is now \"cosine\""},
        {"{\"max_steps\": 7, \"drop_last\": true}", WITH_VALIDATION, 6, NETWORK,
         "train.drop_last was false and is now true, seed was 5 and is now 6"},
        {"{\"accumulate\": 2}", WITH_VALIDATION, 5, NETWORK, "train.accumulate was 1 and is now 2"},
        {"{\"clip_gradient_norm\": 2}", WITH_VALIDATION, 5, NETWORK,
         "train.clip_gradient_norm was 0 and is now 2"},
        {"{\"weight_average\": 0.5}", WITH_VALIDATION, 5, NETWORK,
         "train.weight_average was 0 and is now 0.5"},
        {"{}", WITHOUT_VALIDATION, 5, NETWORK, "dataset.validation_fraction was 0.2 and is now 0"},
        {"{}", "{\"validation_fraction\": 0.2, \"normalize\": \"unit\"}", 5, NETWORK,
         "dataset.normalize was \"standard\" and is now \"unit\""},
        {"{}", "{\"validation_fraction\": 0.2, \"class_weights\": \"balanced\"}", 5, NETWORK,
         "dataset.class_weights was not set and is now \"balanced\""},
        {"{\"batch_size\": 65, \"shuffle\": false, \"accumulate\": 2, \"drop_last\": true}",
         WITH_VALIDATION, 6, NETWORK,
         "train.batch_size was 64 and is now 65, train.accumulate was 1 and is now 2, "
         "train.shuffle was true and is now false, train.drop_last was false and is now true, and "
         "1 more differs"},
        {"{}", AUGMENTED, 5, NETWORK,
         "dataset.augment[0] was not set and is now "
         "{\"type\":\"crop\",\"padding\":1,\"ground\":..., dataset.augment[1] was not set and is "
         "now {\"type\":\"flip\",\"direction\":\"horizont..., dataset.augment[2] was not set and "
         "is now {\"type\":\"cutout\",\"size\":2,\"ground\":\"..., dataset.augment[3] was not set "
         "and is now {\"type\":\"shift\",\"pixels\":1,\"ground\":..., and 3 more differ"},
        {"{}", WITH_VALIDATION, 5,
         "{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 99}, "
         "{\"type\": \"tanh\"}, {\"type\": \"dense\", \"units\": 3}], \"output\": {\"type\": "
         "\"softmax_cross_entropy\"}}",
         "model.layers[1].units was 100 and is now 99, model.layers[2].type was \"relu\" and is "
         "now \"tanh\""},
        {"{}", WITH_VALIDATION, 5,
         "{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 3}], "
         "\"output\": {\"type\": \"softmax_cross_entropy\"}}",
         "model.layers[1].units was 100 and is now 3, model.layers[2] was {\"type\":\"relu\"} and "
         "is no longer set, model.layers[3] was {\"type\":\"dense\",\"units\":3,\"bias\":tru... "
         "and is no longer set"},
        /* What may change on resuming. */
        {"{\"epochs\": 11, \"threads\": 2}", WITH_VALIDATION, 5, NETWORK, NULL},
        {"{\"max_steps\": 7, \"max_minutes\": 1, \"target_accuracy\": 0.9}", WITH_VALIDATION, 5,
         NETWORK, NULL},
        {"{\"checkpoint\": {\"keep\": 1}, \"early_stopping\": {\"patience\": 1}, \"metrics\": "
         "{\"norms\": true}}",
         WITH_VALIDATION, 5, NETWORK, NULL},
    };
    static run r;
    run_open(&r, WITH_VALIDATION, "{\"threads\": 1}");
    const char *path = scratch_path("checkpoint");
    cr_assert_eq(mote_trainer_save(r.trainer, path, NULL), MOTE_OK);
    run_close(&r);
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_dataset *dataset = dataset_create(rows[i].data);
        mote_model *model = model_create(rows[i].model, mote_shape_image(1, SIDE, SIDE));
        mote_error error = {0};
        mote_trainer *trainer =
            mote_trainer_create(model, dataset, rows[i].train, rows[i].seed, &error);
        cr_assert(trainer, "%s", error.message);
        mote_status status = mote_trainer_restore(trainer, path, &error);
        char expected[SCRATCH_TEXT];
        snprintf(expected, sizeof expected,
                 "{D}/checkpoint: the checkpoint was made with other settings: %s",
                 rows[i].differences ? rows[i].differences : "");
        if (rows[i].differences) {
            scratch_expect_error(&error, MOTE_INVALID, expected, "", rows[i].differences);
        }
        cr_expect_eq(status, rows[i].differences ? MOTE_INVALID : MOTE_OK, "%s", error.message);
        mote_trainer_destroy(trainer);
        mote_model_destroy(model);
        mote_dataset_destroy(dataset);
    }
}

/* If the learning rate does not depend on their number, the run is as if they had been asked for
 * from the start. */
Test(resuming, with_more_epochs_is_training_on) {
    static run r;
    train_to("whole", WITH_VALIDATION, "{\"epochs\": 4, " MOMENTUM "}");
    run_open(&r, WITH_VALIDATION, "{\"epochs\": 2, " MOMENTUM "}");
    r.log.stop_after = 4; /* before the best weights replace the last ones */
    r.log.stop_at = MOTE_EVENT_EPOCH;
    mote_trainer_run(r.trainer, NULL);
    cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("checkpoint"), NULL), MOTE_OK);
    run_close(&r);
    run_open(&r, WITH_VALIDATION, "{\"epochs\": 4, " MOMENTUM "}");
    cr_assert_eq(mote_trainer_restore(r.trainer, scratch_path("checkpoint"), &r.error), MOTE_OK,
                 "%s", r.error.message);
    cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
    cr_expect_eq(last_of(&r.log, MOTE_EVENT_EPOCH)->epoch, 4);
    cr_assert_eq(mote_model_save(r.model, scratch_path("resumed"), NULL), MOTE_OK);
    cr_expect(scratch_same_files("whole", "resumed"));
    run_close(&r);
}

Test(resuming, with_no_more_epochs_than_are_done_ends_at_once) {
    static run r, s;
    run_open(&r, WITH_VALIDATION, "{\"epochs\": 4, " MOMENTUM "}");
    r.log.stop_after = 7; /* 3 per epoch */
    r.log.stop_at = MOTE_EVENT_STEP;
    mote_trainer_run(r.trainer, NULL);
    cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("checkpoint"), NULL), MOTE_OK);
    run_close(&r);
    for (int epochs = 1; epochs <= 2; epochs++) {
        char json[128], expected[64];
        snprintf(json, sizeof json, "{\"epochs\": %d, " MOMENTUM "}", epochs);
        train_to("whole", WITH_VALIDATION, "{\"epochs\": 2, " MOMENTUM "}");
        run_open(&s, WITH_VALIDATION, json);
        cr_assert_eq(mote_trainer_restore(s.trainer, scratch_path("checkpoint"), &s.error), MOTE_OK,
                     "%s", s.error.message);
        cr_assert_eq(mote_trainer_run(s.trainer, &s.error), MOTE_OK, "%s", s.error.message);
        snprintf(expected, sizeof expected, "%d epochs", epochs);
        cr_expect_eq(s.log.count, 2, "%s: %zu events", expected, s.log.count);
        cr_assert_eq(mote_model_save(s.model, scratch_path("ended"), NULL), MOTE_OK);
        cr_expect(scratch_same_files("whole", "ended"), "%s", expected);
        cr_expect_eq(s.log.events[1].ending, MOTE_ENDING_STEPS, "%s", expected);
        run_close(&s);
    }
}

Test(resuming, of_a_run_that_is_done_tells_of_no_further_epoch) {
    static run r;
    run_open(&r, WITH_VALIDATION, "{\"epochs\": 2, " MOMENTUM "}");
    cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
    cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("checkpoint"), NULL), MOTE_OK);
    cr_assert_eq(mote_trainer_restore(r.trainer, scratch_path("checkpoint"), NULL), MOTE_OK);
    r.log.count = 0;
    cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
    cr_assert_eq(r.log.count, 2);
    for (size_t i = 0; i < 2; i++) {
        cr_expect_eq(r.log.events[i].epoch, 2, "event %zu: epoch %zu", i, r.log.events[i].epoch);
        cr_expect_eq(r.log.events[i].train.samples, 0);
    }
    run_close(&r);
}

/* As with --force, or with a signal right after resuming. */
Test(resuming, from_what_was_saved_beyond_the_last_step_is_training_on) {
    static run r;
    const char *path = scratch_path("checkpoint");
    train_to("whole", WITH_VALIDATION, "{\"epochs\": 4, " MOMENTUM "}");
    run_open(&r, WITH_VALIDATION, "{\"epochs\": 4, " MOMENTUM "}");
    r.log.stop_after = 7; /* 3 per epoch */
    r.log.stop_at = MOTE_EVENT_STEP;
    mote_trainer_run(r.trainer, NULL);
    cr_assert_eq(mote_trainer_save(r.trainer, path, NULL), MOTE_OK);
    run_close(&r);
    static const struct {
        const char *json;
        uint64_t step; /* of its last validation; 0: none */
    } rows[] = {{"{\"epochs\": 1, " MOMENTUM "}", 0},
                {"{\"max_steps\": 7, " MOMENTUM "}", 7},
                {"{\"epochs\": 4, " MOMENTUM "}", 12}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        run_open(&r, WITH_VALIDATION, rows[i].json);
        cr_assert_eq(mote_trainer_restore(r.trainer, path, &r.error), MOTE_OK, "%s",
                     r.error.message);
        cr_assert_eq(mote_trainer_save(r.trainer, path, NULL), MOTE_OK);
        cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
        cr_assert_eq(mote_model_save(r.model, scratch_path("resumed"), NULL), MOTE_OK);
        cr_expect_eq(scratch_same_files("whole", "resumed"), i == 2, "%s", rows[i].json);
        const mote_event *last = last_of(&r.log, MOTE_EVENT_EPOCH);
        cr_expect_eq(last ? last->step : 0, rows[i].step, "%s", rows[i].json);
        run_close(&r);
    }
}

/* Whatever fits is used; if the batches differ, the epoch starts again. */
Test(resuming, by_force_goes_on_with_other_settings) {
    static const char *const changed[] = {
        "{\"epochs\": 3, \"shuffle\": false}", "{\"epochs\": 3, \"batch_size\": 20}",
        "{\"epochs\": 3, \"optimizer\": {\"type\": \"sgd\", \"weight_decay\": 0.01}}"};
    static run r;
    const char *path = scratch_path("checkpoint");
    run_open(&r, WITH_VALIDATION, "{\"epochs\": 3}");
    r.log.stop_after = 5;
    r.log.stop_at = MOTE_EVENT_STEP;
    mote_trainer_run(r.trainer, NULL);
    cr_assert_eq(mote_trainer_save(r.trainer, path, NULL), MOTE_OK);
    run_close(&r);
    for (size_t i = 0; i < COUNT(changed); i++) {
        run_open(&r, WITH_VALIDATION, changed[i]);
        cr_expect_eq(mote_checkpoint_restore(r.trainer, path, false, NULL), MOTE_INVALID);
        cr_assert_eq(mote_checkpoint_restore(r.trainer, path, true, &r.error), MOTE_OK, "%s",
                     r.error.message);
        cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
        const mote_event *last = last_of(&r.log, MOTE_EVENT_EPOCH);
        cr_expect_eq(last->epoch, 3, "%s", changed[i]);
        cr_expect_eq(last->step, 3 * last->epoch_steps, "%s", changed[i]);
        cr_expect_eq(last->train.samples, 164, "%s", changed[i]);
        run_close(&r);
    }
    run_open(&r, WITH_VALIDATION, "{\"optimizer\": {\"type\": \"sgd\", \"momentum\": 0.9}}");
    mote_checkpoint_restore(r.trainer, path, true, &r.error);
    scratch_expect_error(
        &r.error, MOTE_INVALID,
        "{D}/checkpoint: there is no tensor \"optimizer.momentum.layers.1.weight\", which the "
        "current train.optimizer needs; its weights can still start a new run (--init-from "
        "{D}/checkpoint)",
        "", "another optimizer");
    run_close(&r);
}

/* What counts is the epochs done, however many steps they had. */
Test(resuming, by_force_with_other_batches_ends_after_the_same_epochs) {
    static const struct {
        const char *json;
        size_t epochs; /* more */
    } rows[] = {{"{\"epochs\": 2, \"batch_size\": 20}", 0},
                {"{\"epochs\": 2, \"batch_size\": 164}", 0},
                {"{\"epochs\": 3, \"batch_size\": 20}", 1},
                {"{\"epochs\": 3, \"batch_size\": 164}", 1}};
    static run r;
    const char *path = scratch_path("checkpoint");
    run_open(&r, WITH_VALIDATION, "{\"epochs\": 2, \"batch_size\": 64}");
    cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
    cr_assert_eq(mote_trainer_save(r.trainer, path, NULL), MOTE_OK);
    run_close(&r);
    for (size_t i = 0; i < COUNT(rows); i++) {
        run_open(&r, WITH_VALIDATION, rows[i].json);
        cr_assert_eq(mote_checkpoint_restore(r.trainer, path, true, NULL), MOTE_OK);
        cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
        size_t epochs = 0;
        for (size_t k = 0; k < r.log.count; k++) {
            epochs += r.log.events[k].kind == MOTE_EVENT_EPOCH;
        }
        cr_expect_eq(epochs, rows[i].epochs, "%s: %zu more epochs", rows[i].json, epochs);
        run_close(&r);
    }
}

/* Seeds that are equal as doubles. */
Test(resuming, tells_neighbouring_huge_seeds_apart) {
    mote_dataset *dataset = dataset_create(WITHOUT_VALIDATION);
    mote_model *model = picture_model_create(NETWORK);
    const char *path = scratch_path("checkpoint");
    for (uint64_t i = 0; i < 2; i++) {
        mote_trainer *trainer = mote_trainer_create(model, dataset, NULL, UINT64_MAX - i, NULL);
        cr_assert(trainer);
        if (i == 0) {
            cr_assert_eq(mote_trainer_save(trainer, path, NULL), MOTE_OK);
        }
        mote_status status = mote_trainer_restore(trainer, path, NULL);
        cr_expect_eq(status, i ? MOTE_INVALID : MOTE_OK, "%s", mote_status_name(status));
        mote_trainer_destroy(trainer);
    }
    mote_model_destroy(model);
    mote_dataset_destroy(dataset);
}

Test(resuming, from_what_is_no_checkpoint_or_damaged_is_refused_and_changes_nothing) {
    static run r;
    train_to("whole", WITH_VALIDATION, RESUMED);
    run_open(&r, WITH_VALIDATION, RESUMED);
    const char *model_path = scratch_path("model"), *path = scratch_path("checkpoint");
    cr_assert_eq(mote_model_save(r.model, model_path, NULL), MOTE_OK);
    cr_assert_eq(mote_trainer_save(r.trainer, path, NULL), MOTE_OK);

    mote_error model_error = {0}, missing = {0};
    cr_expect_eq(mote_trainer_restore(r.trainer, model_path, &model_error), MOTE_DATA);
    scratch_expect_error(&model_error, MOTE_DATA, "{D}/model: not a checkpoint", "", "model");
    mote_trainer_restore(r.trainer, scratch_path("none"), &missing);
    scratch_expect_error(&missing, MOTE_FILE,
                         "{D}/none: cannot be opened: No such file or directory", "", "missing");
    cr_expect_null(mote_model_load(path, NULL), "a checkpoint is no model");

    size_t count;
    unsigned char *bytes = scratch_read(path, &count);
    for (size_t at = 0; at < count; at += 1 + count / 60) {
        bytes[at] ^= 4;
        scratch_write(scratch_path("damaged"), bytes, count);
        bytes[at] ^= 4;
        mote_error error = {0};
        mote_status status = mote_trainer_restore(r.trainer, scratch_path("damaged"), &error);
        cr_expect(status != MOTE_OK || at < 4096, "byte %zu of %zu", at, count);
        scratch_write(scratch_path("damaged"), bytes, at);
        cr_expect_neq(mote_trainer_restore(r.trainer, scratch_path("damaged"), NULL), MOTE_OK,
                      "cut to %zu bytes", at);
    }
    free(bytes);
    cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
    cr_assert_eq(mote_model_save(r.model, scratch_path("after"), NULL), MOTE_OK);
    cr_expect(scratch_same_files("whole", "after"),
              "a refused checkpoint has left something behind");
    run_close(&r);
}

/* A checksum covers data and metadata; a damaged entry of a tensor does not fit. The file is to
 * blame, even with force, and not the settings, since another checkpoint may work. */
Test(resuming, from_a_checkpoint_with_any_byte_of_its_header_damaged_blames_the_file) {
    static run r;
    run_open(&r, WITH_VALIDATION, RESUMED);
    r.log.stop_after = 5;
    r.log.stop_at = MOTE_EVENT_EPOCH;
    mote_trainer_run(r.trainer, NULL);
    const char *path = scratch_path("checkpoint"), *damaged = scratch_path("damaged");
    cr_assert_eq(mote_trainer_save(r.trainer, path, NULL), MOTE_OK);
    size_t count;
    unsigned char *bytes = scratch_read(path, &count);
    const char *text = (const char *)bytes + 8, *sum = strstr(text, "mote.checksum");
    size_t end = strcspn(text, " "), unneeded = (size_t)(sum - text),
           length = strlen("mote.checksum");
    cr_assert(unneeded + length < end);
    for (size_t i = 0; i < end; i += 3) {
        unsigned char bit = (unsigned char)(1 << i % 8);
        bytes[8 + i] ^= bit;
        scratch_write(damaged, bytes, count);
        bytes[8 + i] ^= bit;
        mote_error error = {0};
        mote_status status = mote_checkpoint_restore(r.trainer, damaged, i % 2, &error);
        bool good = i >= unneeded && i < unneeded + length; /* the checksum is then not checked */
        cr_expect_eq(status, good ? MOTE_OK : MOTE_DATA, "\"%.20s\": %s", text + i, error.message);
    }
    free(bytes);
    run_close(&r);
}

/* A checkpoint written by another version of mote may lack what this one needs. */
Test(resuming, from_a_checkpoint_of_another_version_says_so) {
    static const struct {
        const char *version, *message;
    } rows[] = {
        {MOTE_VERSION, "{D}/old: the metadata \"mote.position\" makes no sense"},
        {"0.0.1", "{D}/old: written by mote 0.0.1, whose checkpoints mote " MOTE_VERSION
                  " cannot resume from; its weights can still start a new run (--init-from)"},
    };
    static run r;
    run_open(&r, WITH_VALIDATION, RESUMED);
    const char *path = scratch_path("checkpoint"), *old = scratch_path("old");
    cr_assert_eq(mote_trainer_save(r.trainer, path, NULL), MOTE_OK);
    mote_safetensors *file = mote_safetensors_read(path, NULL);
    cr_assert(file);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const mote_metadata_entry metadata[] = {
            {"mote.kind", "checkpoint"},
            {"mote.version", rows[i].version},
            {"mote.settings", mote_safetensors_metadata(file, "mote.settings")},
            {"mote.position", "{\"step\":1}"}};
        cr_assert_eq(mote_safetensors_write(old, NULL, 0, metadata, COUNT(metadata), NULL),
                     MOTE_OK);
        mote_error error = {0};
        mote_trainer_restore(r.trainer, old, &error);
        scratch_expect_error(&error, MOTE_DATA, rows[i].message, "", rows[i].version);
    }
    mote_safetensors_destroy(file);
    run_close(&r);
}

/* ---- evaluation ---- */

Test(evaluation, is_what_one_sample_at_a_time_adds_up_to) {
    mote_dataset *dataset = dataset_create(WITHOUT_VALIDATION);
    mote_model *model = picture_model_create(NETWORK);
    mote_model_set_preprocessing(model, mote_dataset_preprocessing(dataset), NULL);
    mote_part part = mote_dataset_part(dataset, MOTE_TRAINING);
    double loss = 0;
    uint64_t expected[CLASSES * CLASSES] = {0}, correct = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        mote_real x[WIDTH], p[CLASSES];
        mote_preprocess_bytes(mote_model_preprocessing(model), WIDTH, pictures + i * WIDTH, x);
        cr_assert_eq(mote_model_predict(model, 1, x, p, NULL), MOTE_OK);
        size_t best = p[1] > p[0] ? 1 : 0;
        best = p[2] > p[best] ? 2 : best;
        expected[labels_of_pictures[i] * CLASSES + best]++;
        correct += best == labels_of_pictures[i];
        loss -= log((double)p[labels_of_pictures[i]]) / SAMPLES;
    }
    mote_metrics first = {0};
    for (size_t threads = 1; threads <= 3; threads++) {
        mote_pool *pool = mote_pool_create(threads, NULL);
        mote_model_set_pool(model, pool);
        uint64_t confusion[CLASSES * CLASSES];
        memset(confusion, 0xff, sizeof confusion); /* whatever was there */
        mote_metrics metrics;
        mote_error error = {0};
        cr_assert_eq(mote_evaluate(model, &part, &metrics, confusion, &error), MOTE_OK, "%s",
                     error.message);
        cr_expect_eq(metrics.samples, (size_t)SAMPLES);
        cr_expect_float_eq(metrics.loss, loss, 1e-5, "loss %g, expected %g", metrics.loss, loss);
        cr_expect_eq(metrics.accuracy, (double)correct / SAMPLES);
        for (size_t i = 0; i < CLASSES * CLASSES; i++) {
            cr_expect_eq(confusion[i], expected[i], "entry %zu: %ju, expected %ju", i,
                         (uintmax_t)confusion[i], (uintmax_t)expected[i]);
        }
        first = threads == 1 ? metrics : first;
        cr_expect(metrics.loss == first.loss && metrics.accuracy == first.accuracy,
                  "%zu threads: %.17g, with one %.17g", threads, metrics.loss, first.loss);
        mote_model_set_pool(model, NULL);
        mote_pool_destroy(pool);
    }
    mote_model_destroy(model);
    mote_dataset_destroy(dataset);
}

Test(evaluation, of_samples_that_do_not_fit_is_refused_with_the_reason) {
    static const mote_real x[8], values[8];
    static const uint32_t classes[2] = {0, 3}, indexes[2] = {0, 1};
    const mote_samples wide = {.count = 2, .shape = {1, {4}}, .numbers = x, .labels = classes};
    const mote_samples many = {.count = 2, .shape = {1, {2}}, .numbers = x, .labels = classes};
    const mote_samples numbers = {
        .count = 2, .shape = {1, {2}}, .numbers = x, .values = values, .value_width = 1};
    const struct {
        const mote_samples *samples;
        size_t count;
        bool regression;
        const char *message;
    } rows[] = {
        {&many, 0, false, "there are no samples to evaluate on"},
        {&wide, 2, false, "the samples are 4, but the model takes 2"},
        {&many, 2, false,
         "the label of sample 1 (counted from 0) is 3, but the model knows only 3 classes"},
        {&numbers, 2, false, "the model predicts classes, but the samples have numbers"},
        {&many, 2, true, "the model predicts numbers, but the samples have classes"},
        {&numbers, 2, true, "the model predicts 3 numbers a sample, but the samples have 1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_model *model = model_create("{\"layers\": [{\"type\": \"dense\", \"units\": 3}], "
                                         "\"output\": {\"type\": \"mean_squared_error\"}}",
                                         mote_shape_vector(2));
        if (rows[i].regression) {
            cr_assert_eq(mote_model_match_targets(model, 0, 3, NULL), MOTE_OK);
        }
        mote_part part = {rows[i].samples, indexes, rows[i].count};
        mote_metrics metrics;
        mote_error error = {0};
        mote_evaluate(model, &part, &metrics, NULL, &error);
        scratch_expect_error(&error, MOTE_DATA, rows[i].message, "", rows[i].message);
        mote_model_destroy(model);
    }
}
