/* dataset_test.c: the keys that all data sets share, and what is reported while they are loaded. */
#include <math.h>

#include "data/dataset.h"
#include "mote/trainer.h"
#include "scratch.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- limit ---- */

enum {
    SAMPLES = 1000,
    TEST_SAMPLES = 300,
    CLASSES = 4
};

static mote_real numbers[SAMPLES];
static uint32_t labels[SAMPLES];

/* Of every 10 samples, 5 are of class 0, 2 of class 1, 2 of class 2 and 1 of class 3. */
static mote_samples make_samples(size_t count) {
    static const uint32_t pattern[] = {0, 1, 0, 2, 0, 3, 0, 1, 0, 2};
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (mote_real)i;
        labels[i] = pattern[i % 10];
    }
    return (mote_samples){
        .count = count, .shape = mote_shape_vector(1), .numbers = numbers, .labels = labels};
}

static mote_dataset *open_limited(const char *json, uint64_t seed) {
    mote_samples train = make_samples(SAMPLES), test = train;
    test.count = TEST_SAMPLES;
    mote_error error = {0};
    mote_dataset *dataset = mote_dataset_from_arrays(&train, &test, json, seed, &error);
    cr_assert(dataset, "%s", error.message);
    return dataset;
}

static void expect_counts(const mote_dataset *dataset, mote_part_name name,
                          const size_t expected[CLASSES]) {
    mote_part part = mote_dataset_part(dataset, name);
    size_t counts[CLASSES] = {0};
    for (size_t i = 0; i < part.count; i++) {
        counts[part.samples->labels[part.indexes[i]]]++;
        cr_expect(i == 0 || part.indexes[i] > part.indexes[i - 1]);
    }
    for (size_t c = 0; c < CLASSES; c++) {
        cr_expect_eq(counts[c], expected[c], "part %d, class %zu: %zu, not %zu", (int)name, c,
                     counts[c], expected[c]);
    }
}

Test(limit, takes_of_each_class_its_share) {
    static const struct {
        const char *json;
        size_t training[CLASSES], validation[CLASSES], test[CLASSES];
    } rows[] = {
        {"{}", {500, 200, 200, 100}, {0}, {150, 60, 60, 30}},
        {"{\"limit\": 1000}", {500, 200, 200, 100}, {0}, {150, 60, 60, 30}},
        {"{\"limit\": 5000}", {500, 200, 200, 100}, {0}, {150, 60, 60, 30}},
        {"{\"limit\": 100}", {50, 20, 20, 10}, {0}, {50, 20, 20, 10}},
        {"{\"limit\": 400}", {200, 80, 80, 40}, {0}, {150, 60, 60, 30}},
        {"{\"limit\": 100, \"validation_fraction\": 0.2}",
         {40, 16, 16, 8},
         {10, 4, 4, 2},
         {50, 20, 20, 10}},
        {"{\"limit\": 1, \"normalize\": \"none\"}", {1, 0, 0, 0}, {0}, {1, 0, 0, 0}},
        {"{\"limit\": 7}", {4, 1, 1, 1}, {0}, {4, 1, 1, 1}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_dataset *dataset = open_limited(rows[i].json, 1);
        expect_counts(dataset, MOTE_TRAINING, rows[i].training);
        expect_counts(dataset, MOTE_VALIDATION, rows[i].validation);
        expect_counts(dataset, MOTE_TEST, rows[i].test);
        cr_expect_eq(mote_dataset_classes(dataset), (size_t)CLASSES);
        mote_dataset_destroy(dataset);
    }
}

static bool same_part(const mote_dataset *a, const mote_dataset *b, mote_part_name name) {
    mote_part of_a = mote_dataset_part(a, name), of_b = mote_dataset_part(b, name);
    return of_a.count == of_b.count &&
           memcmp(of_a.indexes, of_b.indexes, of_a.count * sizeof *of_a.indexes) == 0;
}

Test(limit, is_picked_by_the_seed) {
    mote_dataset *a = open_limited("{\"limit\": 100}", 1), *b = open_limited("{\"limit\": 100}", 1);
    mote_dataset *c = open_limited("{\"limit\": 100}", 2);
    cr_expect(same_part(a, b, MOTE_TRAINING) && same_part(a, b, MOTE_TEST));
    cr_expect(!same_part(a, c, MOTE_TRAINING) && !same_part(a, c, MOTE_TEST));
    mote_dataset_destroy(a);
    mote_dataset_destroy(b);
    mote_dataset_destroy(c);
}

/* ---- class weights ---- */

Test(class_weights, are_what_the_setting_says) {
    static const struct {
        const char *json;
        double weights[CLASSES];
    } rows[] = {
        {"{\"class_weights\": \"balanced\"}", {0.5, 1.25, 1.25, 2.5}},
        {"{\"class_weights\": \"balanced\", \"validation_fraction\": 0.5}", {0.5, 1.25, 1.25, 2.5}},
        {"{\"class_weights\": [1, 2, 0.5, 8]}", {1, 2, 0.5, 8}},
        {"{\"class_weights\": {\"3\": 4, \"0\": 0.25}}", {0.25, 1, 1, 4}},
        {"{\"class_weights\": {}}", {1, 1, 1, 1}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_dataset *dataset = open_limited(rows[i].json, 1);
        const mote_real *weights = mote_dataset_class_weights(dataset);
        cr_assert(weights);
        for (size_t c = 0; c < CLASSES; c++) {
            cr_expect_float_eq((double)weights[c], rows[i].weights[c], 1e-6, "%s", rows[i].json);
        }
        mote_dataset_destroy(dataset);
    }
    mote_dataset *dataset = open_limited(NULL, 1);
    cr_expect_null(mote_dataset_class_weights(dataset));
    mote_dataset_destroy(dataset);
}

Test(class_weights, of_a_class_without_samples_do_no_harm) {
    mote_dataset *dataset = open_limited("{\"class_weights\": \"balanced\", \"classes\": 5}", 1);
    cr_expect_eq((double)mote_dataset_class_weights(dataset)[4], 1.0);
    mote_dataset_destroy(dataset);
}

Test(class_weights, that_make_no_sense_are_refused_with_place_and_reason) {
    static const struct {
        const char *json, *message;
    } rows[] = {
        {"\"even\"", "expected \"balanced\", a list of numbers, one for each class, or an object "
                     "with numbers by class name, found the string \"even\""},
        {"true", "expected \"balanced\", a list of numbers, one for each class, or an object with "
                 "numbers by class name, found true"},
        {"[1, 2, 3]", "expected one weight for each of the 4 classes, found 3"},
        {"[]", "expected one weight for each of the 4 classes, found 0"},
        {"[1, 2, 3, -1]", "[3]: expected a number > 0, found -1"},
        {"[1, 0, 3, 1]", "[1]: expected a number > 0, found 0"},
        {"[1, 2, 3, \"4\"]", "[3]: expected a number > 0, found the string \"4\""},
        {"[1, 2, 3, 1e39]", "[3]: expected a number > 0, found 1e+39"},
        {"{\"3\": 2, \"4\": 2}", "there is no class of that name"},
        {"{\"3\": 2, \"2\": null}", "expected a number > 0, found null"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char json[SCRATCH_TEXT], path[64] = "dataset.class_weights";
        snprintf(json, sizeof json, "{\"class_weights\": %s}", rows[i].json);
        mote_samples train = make_samples(SAMPLES);
        mote_error error = {0};
        cr_expect_null(mote_dataset_from_arrays(&train, NULL, json, 1, &error), "%s", json);
        cr_expect_eq(error.status, MOTE_INVALID, "%s", json);
        cr_expect(strncmp(error.message, path, strlen(path)) == 0, "%s", error.message);
        cr_expect(strstr(error.message, rows[i].message), "%s: %s", json, error.message);
    }
}

Test(class_weights, want_classes) {
    mote_samples train = make_samples(SAMPLES);
    train.values = numbers;
    train.value_width = 1;
    train.labels = NULL;
    mote_error error = {0};
    cr_expect_null(
        mote_dataset_from_arrays(&train, NULL, "{\"class_weights\": \"balanced\"}", 1, &error));
    cr_expect_str_eq(error.message, "dataset.class_weights: expected classes to weigh, but the "
                                    "data set has numbers to predict");
}

/* ---- training with class weights ---- */

enum {
    ROWS = 12,
    STEPS = 5,
    WIDTH = 2
};

static const mote_real POINTS[ROWS * WIDTH] = {
    0.1f,  1.2f, -0.5f, 0.3f,  2.1f,  -1.f, 0.7f, 0.7f,  -1.4f, 0.2f,  0.9f, -0.3f,
    -0.2f, 1.1f, 1.3f,  -2.2f, -0.8f, 0.4f, 0.6f, -0.9f, 0.35f, 0.45f, 1.7f, 0.15f};
static const uint32_t POINT_LABELS[ROWS] = {0, 1, 2, 0, 0, 1, 0, 0, 2, 0, 1, 0};

typedef struct losses {
    size_t count;
    double loss[STEPS], validation;
} losses;

static bool on_event(void *context, const mote_event *event) {
    losses *l = context;
    if (event->kind == MOTE_EVENT_EPOCH) {
        l->loss[l->count++] = event->train.loss;
        l->validation = event->validation.loss;
    }
    return true;
}

/* Trains on full batches; weights and losses go to w [(WIDTH + 1) × 3] and *l. */
static void train(const mote_samples *samples, const char *json, const char *options, mote_real *w,
                  losses *l) {
    mote_error error = {0};
    mote_model *model = mote_model_create(mote_shape_vector(WIDTH), &error);
    mote_model_add(model, "dense", "{\"units\": 3}", &error);
    mote_model_set_output(model, "softmax_cross_entropy", NULL, &error);
    mote_model_initialize(model, 1, &error);
    mote_dataset *dataset = mote_dataset_from_arrays(samples, NULL, json, 1, &error);
    cr_assert(dataset, "%s", error.message);
    mote_trainer *trainer = mote_trainer_create(model, dataset, options, 1, &error);
    cr_assert(trainer, "%s", error.message);
    *l = (losses){0};
    mote_trainer_set_listener(trainer, on_event, l);
    cr_assert_eq(mote_trainer_run(trainer, &error), MOTE_OK, "%s", error.message);
    memcpy(w, mote_model_parameter(model, "layers.0.weight").data, 3 * WIDTH * sizeof *w);
    memcpy(w + 3 * WIDTH, mote_model_parameter(model, "layers.0.bias").data, 3 * sizeof *w);
    mote_trainer_destroy(trainer);
    mote_dataset_destroy(dataset);
    mote_model_destroy(model);
}

static const char OPTIONS[] = "{\"epochs\": 5, \"batch_size\": 100, \"shuffle\": false, "
                              "\"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.5}}";

/* Having samples of class 1 twice and of class 2 three times equals weights of 2 and 3. */
Test(class_weights, train_as_samples_that_are_there_several_times) {
    mote_real points[ROWS * 3 * WIDTH];
    uint32_t point_labels[ROWS * 3];
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        for (uint32_t times = 0; times <= POINT_LABELS[i]; times++, count++) {
            memcpy(points + count * WIDTH, POINTS + i * WIDTH, WIDTH * sizeof *points);
            point_labels[count] = POINT_LABELS[i];
        }
    }
    mote_samples repeated = {.count = count,
                             .shape = mote_shape_vector(WIDTH),
                             .numbers = points,
                             .labels = point_labels};
    mote_samples once = {.count = ROWS,
                         .shape = mote_shape_vector(WIDTH),
                         .numbers = POINTS,
                         .labels = POINT_LABELS};
    static const char *const weighted[] = {
        "{\"normalize\": \"none\", \"class_weights\": [1, 2, 3]}",
        "{\"normalize\": \"none\", \"class_weights\": {\"0\": 10, \"1\": 20, \"2\": 30}}"};
    mote_real wanted[3 * WIDTH + 3], found[3 * WIDTH + 3];
    losses wanted_losses, found_losses;
    train(&repeated, "{\"normalize\": \"none\"}", OPTIONS, wanted, &wanted_losses);
    for (size_t i = 0; i < COUNT(weighted); i++) {
        train(&once, weighted[i], OPTIONS, found, &found_losses);
        for (size_t k = 0; k < COUNT(wanted); k++) {
            cr_expect_float_eq((double)found[k], (double)wanted[k], 1e-5, "%s: weight %zu",
                               weighted[i], k);
        }
        for (size_t k = 0; k < STEPS; k++) {
            cr_expect_float_eq(found_losses.loss[k], wanted_losses.loss[k], 1e-5, "%s: loss %zu",
                               weighted[i], k);
        }
    }
}

/* Equal weights are the same as none, to the bit; and validation is not weighted. */
Test(class_weights, leave_validation_alone) {
    static mote_real points[10 * ROWS * WIDTH];
    static uint32_t point_labels[10 * ROWS];
    for (size_t i = 0; i < 10 * ROWS; i++) {
        memcpy(points + i * WIDTH, POINTS + i % ROWS * WIDTH, WIDTH * sizeof *points);
        point_labels[i] = POINT_LABELS[i % ROWS];
    }
    mote_samples samples = {.count = 10 * ROWS,
                            .shape = mote_shape_vector(WIDTH),
                            .numbers = points,
                            .labels = point_labels};
    static const char still[] = "{\"epochs\": 1, \"optimizer\": {\"type\": \"sgd\", "
                                "\"learning_rate\": 1e-30}}";
    mote_real w[3 * WIDTH + 3];
    losses plain, even, weighted;
    train(&samples, "{\"validation_fraction\": 0.25}", still, w, &plain);
    train(&samples, "{\"validation_fraction\": 0.25, \"class_weights\": [1, 1, 1]}", still, w,
          &even);
    train(&samples, "{\"validation_fraction\": 0.25, \"class_weights\": [1, 5, 9]}", still, w,
          &weighted);
    cr_expect_float_eq(even.loss[0], plain.loss[0], 1e-9);
    cr_expect(fabs(weighted.loss[0] - plain.loss[0]) > 1e-3);
    cr_expect_eq(weighted.validation, plain.validation);
}

/* ---- loading ---- */

typedef struct heard {
    size_t progress, notices;
    size_t stop_after; /* reports; 0: never */
} heard;

static bool listen(void *context, const mote_load_event *event) {
    heard *h = context;
    h->progress += !event->notice;
    h->notices += event->notice != NULL;
    cr_expect(event->notice || (event->what && event->done <= event->total));
    return h->stop_after == 0 || h->progress < h->stop_after;
}

static mote_status load_digits(const char *keys, const mote_loading *loading, mote_dataset **out,
                               mote_error *error) {
    char json[SCRATCH_TEXT];
    snprintf(json, sizeof json, "{\"format\": \"synthetic_digits\", %s}", keys);
    mote_document *document = mote_document_parse(json, strlen(json), NULL, "dataset", error);
    cr_assert(document);
    *out = mote_dataset_open(mote_document_root(document), 1, loading, error);
    cr_assert(*out, "%s", error->message);
    mote_status status = mote_dataset_load(*out, loading, error);
    mote_document_destroy(document);
    return status;
}

Test(loading, says_how_far_it_is_and_stops_when_asked) {
    heard all = {0};
    mote_loading loading = {.listener = listen, .listener_context = &all};
    mote_dataset *dataset;
    mote_error error = {0};
    static const char keys[] = "\"samples\": 9000, \"test_samples\": 50";
    cr_assert_eq(load_digits(keys, &loading, &dataset, &error), MOTE_OK, "%s", error.message);
    mote_dataset_destroy(dataset);
    cr_expect_gt(all.progress, 10);
    cr_expect_eq(all.notices, 0);
    for (size_t after = 1; after <= all.progress; after++) {
        heard some = {.stop_after = after};
        loading.listener_context = &some;
        error = (mote_error){0};
        cr_expect_eq(load_digits(keys, &loading, &dataset, &error), MOTE_INTERRUPTED, "%zu of %zu",
                     after, all.progress);
        cr_expect_eq(some.progress, after);
        mote_dataset_destroy(dataset);
    }
}

Test(loading, of_the_test_part_alone_gives_that_and_nothing_else) {
    static const char keys[] = "\"samples\": 200, \"test_samples\": 50, "
                               "\"validation_fraction\": 0.1, \"class_weights\": \"balanced\"";
    mote_loading loading = {.test_only = true};
    mote_dataset *all, *test;
    mote_error error = {0};
    cr_assert_eq(load_digits(keys, NULL, &all, &error), MOTE_OK, "%s", error.message);
    cr_assert_eq(load_digits(keys, &loading, &test, &error), MOTE_OK, "%s", error.message);
    mote_part wanted = mote_dataset_part(all, MOTE_TEST);
    mote_part found = mote_dataset_part(test, MOTE_TEST);
    cr_assert_eq(found.count, (size_t)50);
    cr_expect_eq(mote_dataset_classes(test), (size_t)10);
    cr_expect_eq(mote_dataset_part(test, MOTE_TRAINING).count, (size_t)0);
    cr_expect_eq(mote_dataset_part(test, MOTE_VALIDATION).count, (size_t)0);
    cr_expect_eq(memcmp(found.samples->bytes, wanted.samples->bytes,
                        50 * mote_shape_count(found.samples->shape)),
                 0);
    mote_dataset_destroy(all);
    mote_dataset_destroy(test);
    cr_assert_eq(load_digits("\"samples\": 20, \"test_samples\": 0", &loading, &test, &error),
                 MOTE_OK);
    cr_expect_eq(mote_dataset_part(test, MOTE_TEST).count, (size_t)0);
    mote_dataset_destroy(test);
}

/* ---- what is stored with a model ---- */

TestSuite(input, .init = scratch_enter, .fini = scratch_leave);

Test(input, goes_with_the_model_through_its_file) {
    mote_dataset *dataset;
    mote_error error = {0};
    cr_assert_eq(load_digits("\"samples\": 20", NULL, &dataset, &error), MOTE_OK);
    cr_expect_str_eq(mote_dataset_input(dataset), "{\"format\":\"synthetic_digits\"}");
    mote_model *model = mote_model_create(mote_dataset_shape(dataset), &error);
    mote_model_add(model, "flatten", NULL, &error);
    mote_model_add(model, "dense", "{\"units\": 10}", &error);
    mote_model_set_output(model, "softmax_cross_entropy", NULL, &error);
    mote_model_initialize(model, 1, &error);
    const char *path = scratch_path("model");
    cr_expect_null(mote_model_input(model));
    cr_assert_eq(mote_model_save(model, path, &error), MOTE_OK);
    mote_model *without = mote_model_load(path, &error);
    cr_assert(without, "%s", error.message);
    cr_expect_null(mote_model_input(without));
    mote_model_destroy(without);

    mote_trainer *trainer = mote_trainer_create(model, dataset, NULL, 1, &error);
    cr_assert(trainer, "%s", error.message);
    mote_trainer_destroy(trainer);
    mote_dataset_destroy(dataset);
    cr_expect_str_eq(mote_model_input(model), "{\"format\":\"synthetic_digits\"}");
    cr_assert_eq(mote_model_set_input(model, "{\"format\":\"csv\",\"columns\":[\"ä\"]}", &error),
                 MOTE_OK);
    cr_assert_eq(mote_model_save(model, path, &error), MOTE_OK);
    mote_model *with = mote_model_load(path, &error);
    cr_assert(with, "%s", error.message);
    cr_expect_str_eq(mote_model_input(with), "{\"format\":\"csv\",\"columns\":[\"ä\"]}");
    mote_model_destroy(with);

    static const char *const bad[] = {"[1]", "{\"format\":3}", "nonsense", "{}"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        mote_error refused = {0};
        cr_expect_eq(mote_model_set_input(model, bad[i], &refused), MOTE_INVALID, "%s", bad[i]);
        scratch_expect_error(&refused, MOTE_INVALID,
                             "the input of a model must be a JSON object with a \"format\"", "",
                             bad[i]);
        cr_expect_str_eq(mote_model_input(model), "{\"format\":\"csv\",\"columns\":[\"ä\"]}");
    }
    mote_model_destroy(model);
}
