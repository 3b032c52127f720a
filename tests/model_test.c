/* model_test.c: how models are put together, what they refuse, what they remember, and that they
 * compute the same however they are run; and the schedules that training follows.
 */
#include <criterion/criterion.h>

#include "config/fields.h"
#include "mote/optimizer.h"
#include "networks.h"

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

enum {
    MOST_LAYERS = 4
};

typedef struct part {
    const char *type, *json;
} part;

/* ---- what is refused ---- */

typedef struct refusal {
    mote_shape shape;
    part layers[MOST_LAYERS]; /* up to the first without a type */
    part output;
    const char *message;
} refusal;

static void build_parts(mote_model *model, const part *layers, const part *output,
                        mote_error *error) {
    for (size_t i = 0; i < MOST_LAYERS && layers[i].type && error->status == MOTE_OK; i++) {
        mote_model_add(model, layers[i].type, layers[i].json, error);
    }
    if (output->type && error->status == MOTE_OK) {
        mote_model_set_output(model, output->type, output->json, error);
    }
}

static void check_refusal(const refusal *row) {
    mote_error error = {0};
    mote_model *model = mote_model_create(row->shape, &error);
    if (model) {
        build_parts(model, row->layers, &row->output, &error);
    }
    cr_expect_eq(error.status, MOTE_INVALID);
    cr_expect_str_eq(error.message, row->message);
    mote_model_destroy(model);
}

Test(models, say_why_they_cannot_be_built) {
    const mote_shape vector = mote_shape_vector(5), image = mote_shape_image(1, 28, 28);
    const part dense = {"dense", "{\"units\": 3}"}, softmax = {"softmax", NULL};
    const part sigmoid = {"sigmoid", NULL}, flatten = {"flatten", NULL};
    const part logits = {"softmax_cross_entropy", NULL}, probabilities = {"cross_entropy", NULL};
    const refusal rows[] = {
        {mote_shape_vector(0), {{0}}, {0}, "samples have 1 to 2147483647 numbers, not 0"},
        {{.rank = 0}, {{0}}, {0}, "samples have 1 to 3 dimensions, not 0"},
        {vector,
         {{0}},
         logits,
         "output (softmax_cross_entropy): there are no layers before the output"},
        {image,
         {dense},
         {0},
         "layers[0] (dense): takes a vector, but the data gives 1 × 28 × 28; "
         "put a flatten layer between them"},
        {image,
         {{"relu", NULL}, dense},
         {0},
         "layers[1] (dense): takes a vector, but layers[0] (relu) gives 1 × 28 × 28; "
         "put a flatten layer between them"},
        {image,
         {softmax},
         {0},
         "layers[0] (softmax): takes a vector, but the data gives 1 × 28 × 28; "
         "put a flatten layer between them"},
        {vector,
         {dense, softmax},
         logits,
         "output (softmax_cross_entropy): takes logits, but the last layer, softmax, gives "
         "probabilities; leave that layer out, or use the output cross_entropy"},
        {vector,
         {dense, softmax, flatten},
         logits,
         "output (softmax_cross_entropy): takes logits, but the last layer, softmax, gives "
         "probabilities; leave that layer out, or use the output cross_entropy"},
        {vector,
         {{"dense", "{\"units\": 1}"}, sigmoid},
         {"sigmoid_cross_entropy", NULL},
         "output (sigmoid_cross_entropy): takes logits, but the last layer, sigmoid, gives "
         "probabilities; leave that layer out, or use the output cross_entropy"},
        {vector,
         {dense},
         probabilities,
         "output (cross_entropy): takes probabilities, but the last layer, dense, gives none; end "
         "with a softmax or sigmoid layer, or use the output softmax_cross_entropy"},
        {vector,
         {dense, sigmoid},
         probabilities,
         "output (cross_entropy): takes probabilities that sum to 1, but the last layer, sigmoid, "
         "gives 3 independent ones; end with a softmax layer, or use the output "
         "sigmoid_cross_entropy without that layer"},
        {vector,
         {dense, {"rleu", NULL}},
         {0},
         "layers[1] (rleu): no layer is called that; did you mean \"relu\"?"},
        {vector,
         {dense},
         {"crossentropy", NULL},
         "output (crossentropy): no output is called that; did you mean \"cross_entropy\"?"},
        {vector,
         {{"dense", "{\"units\": 3"}},
         {0},
         "layers[0] (dense):1:12: this is not JSON: the text ends too early"},
        {vector,
         {{"dense", NULL}},
         {0},
         "layers[0] (dense): the key \"units\" is missing (an integer >= 1 and <= 16777216: number "
         "of outputs)"},
        {vector,
         {{"dense", "{\"units\": \"128\"}"}},
         {0},
         "layers[0] (dense).units: expected an integer >= 1 and <= 16777216, found the string "
         "\"128\""},
        {vector,
         {{"dense", "{\"units\": 0}"}},
         {0},
         "layers[0] (dense).units: expected an integer >= 1 and <= 16777216, found 0"},
        {vector,
         {{"dense", "{\"units\": 3, \"unit\": 3}"}},
         {0},
         "layers[0] (dense).unit: there is no such key here; did you mean \"units\"?"},
        {vector, {{"dense", "[3]"}}, {0}, "layers[0] (dense): expected an object, found a list"},
        {vector,
         {{"leaky_relu", "{\"slope\": 1.5}"}},
         {0},
         "layers[0] (leaky_relu).slope: expected a number >= 0 and <= 1, found 1.5"},
        {image,
         {flatten, {"max_pool2d", "{\"size\": 2}"}},
         {0},
         "layers[1] (max_pool2d): takes images (channels × height × width), but layers[0] "
         "(flatten) "
         "gives 784; put it before layers that give vectors, such as flatten"},
        {vector,
         {{"global_average_pool", NULL}},
         {0},
         "layers[0] (global_average_pool): takes images (channels × height × width), but the data "
         "gives 5; put it before layers that give vectors, such as flatten"},
        {image,
         {{"max_pool2d", "{\"size\": 9}"}, {"average_pool2d", "{\"size\": 6, \"padding\": 1}"}},
         {0},
         "layers[1] (average_pool2d): the window of 6 × 6 is larger than what it slides over: "
         "layers[0] (max_pool2d) gives 1 × 3 × 3, with padding 5 × 5; take a smaller \"size\""},
        {image,
         {{"max_pool2d", "{\"size\": 3, \"padding\": 2}"}},
         {0},
         "layers[0] (max_pool2d): a padding of 2 is more than half of size 3, so some windows "
         "would hold nothing but padding; make it at most 1"},
        {image,
         {{"max_pool2d", "{\"size\": 2, \"stride\": \"half\"}"}},
         {0},
         "layers[0] (max_pool2d).stride: expected an integer >= 1 or \"size\", found the string "
         "\"half\""},
        {mote_shape_image(1 << 30, 1, 1),
         {{"average_pool2d", "{\"size\": 2, \"stride\": 1, \"padding\": 1}"}},
         {0},
         "layers[0] (average_pool2d): its output is refused: samples have 1 to 2147483647 numbers, "
         "not 1073741824 × 2 × 2"},
        {vector,
         {{"dropout", "{\"rate\": 1}"}},
         {0},
         "layers[0] (dropout).rate: expected a number >= 0 and < 1, found 1"},
        {vector,
         {{"elu", "{\"alpha\": 0}"}},
         {0},
         "layers[0] (elu).alpha: expected a number > 0, found 0"},
        {vector,
         {dense},
         {"softmax_cross_entropy", "{\"label_smoothing\": 1}"},
         "output (softmax_cross_entropy).label_smoothing: expected a number >= 0 and < 1, found 1"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_refusal(&rows[i]);
    }
}

Test(models, say_why_their_json_cannot_be_built) {
    static const struct {
        const char *json, *message;
    } rows[] = {
        {"{\"layers\": [], \"output\": {\"type\": \"mean_squared_error\"}}",
         "model.layers: expected a list of at least one layer, found an empty one"},
        {"{\"layers\": {}, \"output\": {\"type\": \"mean_squared_error\"}}",
         "model.layers: expected a list of at least one layer, found an object"},
        {"{\"layers\": [{\"type\": \"rleu\"}], \"output\": {}}",
         "model.layers[0].type: no layer is called \"rleu\"; did you mean \"relu\"?"},
        {"{\"layers\": [{}], \"output\": {}}", "model.layers[0]: the key \"type\" is missing"},
        {"{\"layers\": [{\"type\": \"relu\"}], \"output\": {}}",
         "model.output: the key \"type\" is missing"},
        {"{\"layers\": [{\"type\": \"relu\"}], \"output\": {\"type\": \"MEAN_squared_eror\"}}",
         "model.output.type: no output is called \"MEAN_squared_eror\"; did you mean "
         "\"mean_squared_error\"?"},
        {"{\"layers\": [{\"type\": \"dense\", \"units\": 3}], \"output\": {}}",
         "model.layers[0] (dense): takes a vector, but the data gives 1 × 2 × 3; put a flatten "
         "layer between them"},
        {"{\"layers\": [{\"type\": \"relu\"}], \"output\": {\"type\": \"cross_entropy\"}}",
         "model.output: takes probabilities, but the last layer, relu, gives none; "
         "end with a softmax or sigmoid layer, or use the output softmax_cross_entropy"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mote_error error = {0};
        mote_model *model = network_create(rows[i].json, mote_shape_image(1, 2, 3), &error);
        cr_expect_null(model);
        cr_expect_str_eq(error.message, rows[i].message);
        mote_model_destroy(model);
    }
}

Test(models, take_nothing_after_their_output) {
    mote_error error = {0};
    mote_model *model = mote_model_create(mote_shape_vector(5), &error);
    cr_assert_eq(mote_model_add(model, "dense", "{\"units\": 2}", &error), MOTE_OK);
    cr_assert_eq(mote_model_set_output(model, "mean_squared_error", NULL, &error), MOTE_OK);
    cr_expect_eq(mote_model_add(model, "relu", NULL, &error), MOTE_INVALID);
    cr_expect_str_eq(error.message, "no layer can follow the output");
    error = (mote_error){0};
    cr_expect_eq(mote_model_set_output(model, "mean_squared_error", NULL, &error), MOTE_INVALID);
    cr_expect_str_eq(error.message, "the model has an output already");
    mote_model_destroy(model);
}

Test(models, cannot_be_used_before_they_have_an_output) {
    mote_error error = {0};
    mote_real x[5] = {0}, prediction[5];
    mote_model *model = mote_model_create(mote_shape_vector(5), &error);
    cr_assert_eq(mote_model_add(model, "relu", NULL, &error), MOTE_OK);
    cr_expect_eq(mote_model_predict(model, 1, x, prediction, &error), MOTE_INVALID);
    cr_expect_str_eq(error.message, "the model has no output yet");
    error = (mote_error){0};
    cr_expect_eq(mote_model_initialize(model, 1, &error), MOTE_INVALID);
    cr_expect_str_eq(error.message, "the model has no output yet");
    cr_expect_eq(mote_model_classes(model), 0);
    cr_expect_str_eq(mote_model_class_name(model, 0), "");
    mote_model_destroy(model);
}

Test(models, that_do_not_exist_are_an_error_in_every_call_with_a_status) {
    static const char *const names[] = {"cat"};
    const mote_preprocessing preprocessing = {0};
    mote_real x[5] = {0};
    const mote_status found[] = {
        mote_model_add(NULL, "relu", NULL, NULL),
        mote_model_set_output(NULL, "mean_squared_error", NULL, NULL),
        mote_model_initialize(NULL, 1, NULL),
        mote_model_set_class_names(NULL, names, 1, NULL),
        mote_model_set_input(NULL, "{}", NULL),
        mote_model_set_preprocessing(NULL, &preprocessing, NULL),
        mote_model_predict(NULL, 1, x, x, NULL),
        mote_model_save(NULL, "model.safetensors", NULL),
        mote_model_read_parameters(NULL, "model.safetensors", NULL),
    };
    for (size_t i = 0; i < COUNT_OF(found); i++) {
        cr_expect_eq(found[i], MOTE_INVALID, "call %zu: %s", i, mote_status_name(found[i]));
    }
}

Test(models, return_the_status_of_their_own_failure_after_another_one) {
    mote_error error = {.status = MOTE_FILE, .message = "an earlier failure"};
    mote_model *model = mote_model_create(mote_shape_vector(5), &error);
    cr_expect_eq(mote_model_add(model, "relu", "{", &error), MOTE_INVALID);
    cr_assert_eq(mote_model_add(model, "relu", NULL, &error), MOTE_OK);
    cr_expect_eq(mote_model_set_output(model, "mean_squared_error", "{", &error), MOTE_INVALID);
    cr_expect_str_eq(error.message, "an earlier failure");
    mote_model_destroy(model);
}

/* After a layer or an output has been refused, the right one can follow. */
Test(models, go_on_after_a_refusal) {
    mote_error error = {0};
    mote_model *model = mote_model_create(mote_shape_vector(5), NULL);
    cr_expect_neq(mote_model_add(model, "dense", "{\"units\": -1}", NULL), MOTE_OK);
    cr_expect_eq(mote_model_add(model, "dense", "{\"units\": 2}", &error), MOTE_OK);
    cr_expect_neq(mote_model_set_output(model, "cross_entropy", NULL, NULL), MOTE_OK);
    cr_expect_eq(mote_model_set_output(model, "softmax_cross_entropy", NULL, &error), MOTE_OK);
    cr_expect_eq(mote_model_layer_count(model), 1);
    cr_expect_eq(mote_model_classes(model), 2);
    mote_model_destroy(model);
}

#ifndef MOTE_SANITIZED /* which ends the program when an allocation fails */
Test(models, that_do_not_fit_into_memory_fail_and_stay_usable) {
    mote_error error = {0};
    mote_model *model = mote_model_create(mote_shape_vector((size_t)1 << 30), &error);
    mote_model_add(model, "dense", "{\"units\": 16777216}", &error);
    cr_assert_eq(error.status, MOTE_OK, "%s", error.message);
    cr_expect_eq(mote_model_set_output(model, "softmax_cross_entropy", NULL, &error), MOTE_MEMORY);
    cr_expect_eq(strncmp(error.message, "out of memory: ", 15), 0, "%s", error.message);
    cr_expect_eq(mote_model_predict(model, 1, NULL, NULL, NULL), MOTE_INVALID);
    cr_expect_eq(mote_model_parameter_count(model), 0);
    mote_model_destroy(model);
}

Test(models, can_predict_after_a_plan_for_training_was_too_large, .timeout = 20) {
    mote_error error = {0};
    mote_real x[3] = {1, 2, 3}, prediction[3] = {0};
    mote_model *model = network_create("{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"tanh\"}"
                                       "], \"output\": {\"type\": \"mean_squared_error\"}}",
                                       mote_shape_vector(3), &error);
    cr_assert(model, "%s", error.message);
    cr_expect_eq(mote_model_plan(model, (size_t)1 << 50, true, &error), MOTE_MEMORY);
    cr_expect_eq(mote_model_predict(model, 1, x, prediction, NULL), MOTE_OK);
    cr_expect_float_eq(prediction[0], tanh(1), 1e-6);
    mote_model_destroy(model);
}
#endif

/* ---- targets ---- */

typedef struct match {
    const char *output;
    size_t units, classes, width;
    const char *message; /* NULL: it fits */
} match;

Test(models, fit_their_targets_or_say_why_not) {
    static const match rows[] = {
        {"softmax_cross_entropy", 10, 10, 0, NULL},
        {"softmax_cross_entropy", 10, 0, 10, NULL}, /* distributions */
        {"softmax_cross_entropy", 10, 9, 0,
         "the last layer (dense) gives 10 numbers, which softmax_cross_entropy takes for 10 "
         "classes, but the data has 9"},
        {"sigmoid_cross_entropy", 1, 2, 0, NULL},
        {"sigmoid_cross_entropy", 1, 3, 0,
         "the last layer (dense) gives 1 number, which sigmoid_cross_entropy takes for 2 classes, "
         "but the data has 3"},
        {"mean_squared_error", 3, 3, 0, NULL},
        {"mean_squared_error", 3, 0, 3, NULL},
        {"mean_squared_error", 3, 0, 2,
         "the last layer (dense) gives 3 numbers a sample, but the targets have 2"},
        {"mean_squared_error", 3, 2, 0,
         "the last layer (dense) gives 3 numbers, which mean_squared_error takes for 3 classes, "
         "but the data has 2"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const match *row = &rows[i];
        char json[64];
        mote_error error = {0};
        mote_model *model = mote_model_create(mote_shape_vector(4), &error);
        snprintf(json, sizeof json, "{\"units\": %zu}", row->units);
        mote_model_add(model, "dense", json, &error);
        mote_model_set_output(model, row->output, NULL, &error);
        cr_assert_eq(error.status, MOTE_OK, "%s", error.message);
        size_t classes = mote_model_classes(model);
        mote_status status = mote_model_match_targets(model, row->classes, row->width, &error);
        cr_expect_eq(status, row->message ? MOTE_INVALID : MOTE_OK);
        cr_expect_str_eq(error.message, row->message ? row->message : "");
        bool numbers = !row->message && row->classes == 0 && model->output->kind->takes_numbers;
        cr_expect_eq(mote_model_classes(model), numbers ? 0 : classes,
                     "%s for %zu classes, width %zu: %zu classes afterwards", row->output,
                     row->classes, row->width, mote_model_classes(model));
        mote_model_destroy(model);
    }
}

/* ---- names ---- */

static const char two_layers[] =
    "{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 7}, "
    "{\"type\": \"relu\"}, {\"type\": \"dense\", \"units\": 3, \"bias\": false}], "
    "\"output\": {\"type\": \"softmax_cross_entropy\"}}";

static mote_model *create(const char *json, mote_shape shape) {
    mote_error error = {0};
    mote_model *model = network_create(json, shape, &error);
    cr_assert(model, "%s", error.message);
    return model;
}

Test(models, name_parameters_as_pytorch_does) {
    static const struct {
        const char *name;
        mote_shape shape; /* rank 0: there is none */
    } rows[] = {
        {"layers.1.weight", {2, {7, 12}}},
        {"layers.1.bias", {1, {7}}},
        {"layers.3.weight", {2, {3, 7}}},
        {"layers.3.bias", {0}},
        {"layers.0.weight", {0}},
        {"layers.1", {0}},
        {"", {0}},
    };
    mote_model *model = create(two_layers, mote_shape_image(1, 3, 4));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mote_tensor found = mote_model_parameter(model, rows[i].name);
        char a[MOTE_SHAPE_TEXT_CAPACITY], b[MOTE_SHAPE_TEXT_CAPACITY];
        cr_expect_eq(found.data != NULL, rows[i].shape.rank > 0, "\"%s\"", rows[i].name);
        cr_expect(mote_shape_equal(found.shape, rows[i].shape), "%s is %s instead of %s",
                  rows[i].name, mote_shape_text(found.shape, a), mote_shape_text(rows[i].shape, b));
    }
    cr_expect_eq(mote_model_parameter_count(model), 7 * 12 + 7 + 3 * 7);
    cr_expect_eq(mote_model_layer_count(model), 4);
    cr_expect_null(mote_model_layer(model, 4));
    mote_model_destroy(model);
}

Test(models, name_classes_by_number_until_told_otherwise) {
    static const char *const names[] = {"cat", "dog", "fish"};
    mote_model *model = create(two_layers, mote_shape_image(1, 3, 4));
    cr_expect_str_eq(mote_model_class_name(model, 2), "2");
    cr_expect_str_eq(mote_model_class_name(model, 3), "");
    cr_expect_eq(mote_model_set_class_names(model, names, 3, NULL), MOTE_OK);
    cr_expect_str_eq(mote_model_class_name(model, 0), "cat");
    cr_expect_eq(mote_model_set_class_names(model, names + 1, 2, NULL), MOTE_OK);
    cr_expect_str_eq(mote_model_class_name(model, 1), "fish");
    cr_expect_str_eq(mote_model_class_name(model, 2), "2");
    cr_expect_str_eq(mote_model_class_name(model, 99), "");
    mote_model_destroy(model);
}

Test(models, take_names_of_their_own_for_renaming_one) {
    static const char *const names[] = {"cat", "dog", "fish"};
    mote_model *model = create(two_layers, mote_shape_image(1, 3, 4));
    cr_assert_eq(mote_model_set_class_names(model, names, 3, NULL), MOTE_OK);
    const char *renamed[] = {mote_model_class_name(model, 0), "wolf",
                             mote_model_class_name(model, 2)};
    cr_expect_eq(mote_model_set_class_names(model, renamed, 3, NULL), MOTE_OK);
    cr_expect_str_eq(mote_model_class_name(model, 0), "cat");
    cr_expect_str_eq(mote_model_class_name(model, 1), "wolf");
    cr_expect_str_eq(mote_model_class_name(model, 2), "fish");
    mote_model_destroy(model);
}

/* With every default spelled out; a model built from that writes the same again. */
Test(models, write_the_settings_they_were_built_from) {
    mote_model *model = create(two_layers, mote_shape_image(1, 3, 4));
    cJSON *first = mote_model_to_json(model);
    char *text = cJSON_PrintUnformatted(first);
    mote_model *again = create(text, mote_shape_image(1, 3, 4));
    cJSON *second = mote_model_to_json(again);
    cr_expect(cJSON_Compare(first, second, true), "%s", text);
    cr_expect(strstr(text, "{\"type\":\"dense\",\"units\":7,\"bias\":true,\"initializer\":"
                           "\"he_normal\",\"bias_initializer\":\"zeros\"}"),
              "%s", text);
    cJSON_Delete(first);
    cJSON_Delete(second);
    cJSON_free(text);
    mote_model_destroy(model);
    mote_model_destroy(again);
}

/* ---- windows ---- */

Test(windows, of_pooling_go_by_their_size_unless_told_otherwise) {
    static const struct {
        const char *json;
        size_t height, width;
        const char *written;
    } rows[] = {
        {"{\"size\": 3}", 3, 4, "\"size\":3,\"stride\":\"size\",\"padding\":0}"},
        {"{\"size\": 3, \"stride\": \"size\", \"padding\": 1}", 4, 4,
         "\"size\":3,\"stride\":\"size\",\"padding\":1}"},
        {"{\"size\": 3, \"stride\": 1}", 8, 10, "\"size\":3,\"stride\":1,\"padding\":0}"},
        {"{\"size\": 1, \"stride\": 20}", 1, 1, "\"size\":1,\"stride\":20,\"padding\":0}"},
    };
    static const char *const types[] = {"max_pool2d", "average_pool2d"};
    for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
        const char *type = types[i % 2];
        char wanted[MOTE_SHAPE_TEXT_CAPACITY], found[MOTE_SHAPE_TEXT_CAPACITY];
        mote_error error = {0};
        mote_model *model =
            layer_alone_create(type, rows[i / 2].json, mote_shape_image(5, 10, 12), 1, &error);
        cr_assert(model, "%s", error.message);
        mote_shape_text(mote_shape_image(5, rows[i / 2].height, rows[i / 2].width), wanted);
        mote_shape_text(mote_sequence_output_shape(model->layers), found);
        cr_expect_str_eq(found, wanted, "%s %s gives %s", type, rows[i / 2].json, found);
        cJSON *json = mote_model_to_json(model);
        char *text = cJSON_PrintUnformatted(json);
        cr_expect(strstr(text, rows[i / 2].written), "%s", text);
        cJSON_free(text);
        cJSON_Delete(json);
        network_destroy(model);
    }
}

enum {
    GUARDS = 64
};

/* An array with guards after it. */
static mote_real *guarded_create(size_t count) {
    mote_real *numbers = numbers_create(count + GUARDS);
    for (size_t i = 0; i < GUARDS; i++) {
        numbers[count + i] = 12345;
    }
    return numbers;
}

static void check_guards(const char *what, size_t channels, size_t count, mote_real *numbers) {
    for (size_t i = 0; i < GUARDS; i++) {
        cr_assert(numbers[count + i] == 12345, "%s, %zu channels: wrote %zu numbers past the end",
                  what, channels, i + 1);
    }
    free(numbers);
}

/* Although it processes more channels at a time than there may be. Reads beyond what it owns are
 * left to the address sanitizer. */
static void check_reach(const char *type, const char *json, mote_shape shape) {
    mote_error error = {0};
    mote_model *model = layer_alone_create(type, json, shape, 1, &error);
    cr_assert(model, "%s", error.message);
    mote_layer *layer = model->layers->layers[0];
    size_t in = layer_alone_width_in(model), out = layer_alone_width_out(model);
    mote_real *x = numbers_create(in), *dy = numbers_create(out);
    mote_real *y = guarded_create(out), *dx = guarded_create(in), *scratch = guarded_create(out);
    if (layer->scratch_count > 0) {
        *layer->scratch[0].where = scratch;
    }
    mote_pass pass = {.batch = 1, .training = true};
    layer->kind->forward(layer, &pass, x, y);
    layer->kind->backward(layer, &pass, x, y, dy, dx);
    pass.training = false;
    layer->kind->forward(layer, &pass, x, y);
    check_guards(type, shape.dims[0], out, y);
    check_guards(type, shape.dims[0], in, dx);
    check_guards(type, shape.dims[0], out, scratch);
    free(x);
    free(dy);
    network_destroy(model);
}

Test(windows, of_pooling_reach_no_further_than_their_image) {
    for (size_t channels = 1; channels < 35; channels++) {
        for (size_t side = 2; side < 6; side++) {
            mote_shape shape = mote_shape_image(channels, side, 9 - side);
            check_reach("max_pool2d", "{\"size\": 2}", shape);
            check_reach("max_pool2d", "{\"size\": 2, \"stride\": 1, \"padding\": 1}", shape);
            check_reach("average_pool2d", "{\"size\": 2}", shape);
            check_reach("average_pool2d", "{\"size\": 2, \"stride\": 1, \"padding\": 1}", shape);
            check_reach("global_average_pool", NULL, shape);
        }
    }
}

/* ---- initial values ---- */

static const char *const initializer_names[] = {
#define X(name, text) [MOTE_INITIALIZER_##name] = text,
    MOTE_INITIALIZERS(X)
#undef X
};

/* As in the papers; see field.h. A uniform distribution of variance v ends at √(3 v). */
static double variance_wanted(const char *name, double in, double out) {
    return strncmp(name, "he", 2) == 0       ? 2 / in
           : strncmp(name, "glorot", 6) == 0 ? 2 / (in + out)
           : strncmp(name, "lecun", 5) == 0  ? 1 / in
                                             : 0;
}

static double mean_wanted(const char *name) {
    return strcmp(name, "ones") == 0 ? 1 : strcmp(name, "constant") == 0 ? 0.25 : 0;
}

static mote_model *create_initialized(const char *initializer, size_t in, size_t out,
                                      uint64_t seed) {
    char json[320];
    const char *value = strcmp(initializer, "constant") == 0 ? "0.25" : NULL;
    snprintf(json, sizeof json,
             "{\"layers\": [{\"type\": \"dense\", \"units\": %zu, \"initializer\": %s%s%s}], "
             "\"output\": {\"type\": \"mean_squared_error\"}}",
             out, value ? "" : "\"", value ? value : initializer, value ? "" : "\"");
    mote_model *model = create(json, mote_shape_vector(in));
    cr_assert_eq(mote_model_initialize(model, seed, NULL), MOTE_OK);
    return model;
}

/* Within 6 standard errors: of the mean √(v / n), of the variance at most v √(2 / n). */
Test(initializers, have_the_mean_and_the_variance_of_their_authors) {
    enum {
        IN = 200,
        OUT = 300
    };
    const double n = IN * OUT;
    for (size_t kind = 0; kind < COUNT_OF(initializer_names); kind++) {
        const char *name = initializer_names[kind];
        mote_model *model = create_initialized(name, IN, OUT, 5);
        const mote_real *w = mote_model_parameter(model, "layers.0.weight").data;
        double sum = 0, squares = 0, largest = 0;
        for (size_t i = 0; i < IN * OUT; i++) {
            sum += (double)w[i];
            largest = fmax(largest, fabs((double)w[i]));
        }
        for (size_t i = 0; i < IN * OUT; i++) {
            squares += pow((double)w[i] - sum / n, 2);
        }
        double variance = variance_wanted(name, IN, OUT);
        cr_expect_float_eq(sum / n, mean_wanted(name), 6 * sqrt(variance / n) + 1e-9,
                           "%s: mean %g instead of %g", name, sum / n, mean_wanted(name));
        cr_expect_float_eq(squares / n, variance, 6 * variance * sqrt(2 / n) + 1e-9,
                           "%s: variance %g instead of %g", name, squares / n, variance);
        bool uniform = strstr(name, "uniform"), normal = strstr(name, "normal");
        double bound = sqrt(3 * variance);
        cr_expect(!uniform || (largest <= bound * 1.000001 && largest > 0.99 * bound),
                  "%s: up to %g instead of %g", name, largest, bound);
        cr_expect(!normal || largest > 2 * bound, "%s: no entry above %g", name, largest);
        mote_model_destroy(model);
    }
}

static bool same_weights(const mote_model *a, const mote_model *b) {
    mote_tensor first = mote_model_parameter(a, "layers.0.weight");
    mote_tensor second = mote_model_parameter(b, "layers.0.weight");
    return memcmp(first.data, second.data, mote_shape_count(first.shape) * sizeof *first.data) == 0;
}

Test(initializers, give_the_same_for_the_same_seed_only) {
    mote_model *a = create_initialized("he_normal", 20, 20, 1);
    mote_model *b = create_initialized("he_normal", 20, 20, 1);
    mote_model *c = create_initialized("he_normal", 20, 20, 2);
    cr_expect(same_weights(a, b));
    cr_expect_not(same_weights(a, c));
    mote_model_initialize(c, 1, NULL);
    cr_expect(same_weights(a, c), "a second initialisation gives something else");
    mote_model_destroy(a);
    mote_model_destroy(b);
    mote_model_destroy(c);
}

Test(initializers, draw_each_parameter_from_a_stream_of_its_own) {
    mote_model *model = create("{\"layers\": [{\"type\": \"dense\", \"units\": 5}, "
                               "{\"type\": \"dense\", \"units\": 5}], "
                               "\"output\": {\"type\": \"mean_squared_error\"}}",
                               mote_shape_vector(5));
    mote_model_initialize(model, 1, NULL);
    const mote_real *first = mote_model_parameter(model, "layers.0.weight").data;
    const mote_real *second = mote_model_parameter(model, "layers.1.weight").data;
    for (size_t i = 0; i < 25; i++) {
        cr_expect(first[i] != second[i], "entry %zu is %g in both", i, (double)first[i]);
    }
    mote_model_destroy(model);
}

/* ---- predicting ---- */

static const char digits_network[] =
    "{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 512}, "
    "{\"type\": \"relu\"}, {\"type\": \"dense\", \"units\": 256}, {\"type\": \"tanh\"}, "
    "{\"type\": \"dense\", \"units\": 10}], \"output\": {\"type\": \"softmax_cross_entropy\"}}";

/* Not to the bit: for other numbers of rows BLAS may sum the same products in another order. */
Test(predictions, are_the_same_for_any_number_of_rows_at_once) {
    enum {
        ROWS = 1000,
        IN = 48,
        OUT = 10
    };
    static const size_t counts[] = {1, 2, 255, 256, 257, 1000, 3};
    mote_model *model = create(digits_network, mote_shape_image(3, 4, 4));
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    mote_real *x = numbers_create(ROWS * IN), *wanted = numbers_create(ROWS * OUT);
    mote_real *found = numbers_create(ROWS * OUT);
    mote_model_initialize(model, 1, NULL);
    numbers_uniform(&random, -1, 1, ROWS * IN, x);
    for (size_t row = 0; row < ROWS; row++) {
        cr_assert_eq(mote_model_predict(model, 1, x + row * IN, wanted + row * OUT, NULL), MOTE_OK);
    }
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        memset(found, 0xff, ROWS * OUT * sizeof *found);
        cr_expect_eq(mote_model_predict(model, counts[i], x, found, NULL), MOTE_OK);
        for (size_t k = 0; k < counts[i] * OUT; k++) {
            cr_assert(fabs((double)(found[k] - wanted[k])) < 1e-5,
                      "%zu rows: row %zu, number %zu is %.9g, alone it is %.9g", counts[i], k / OUT,
                      k % OUT, (double)found[k], (double)wanted[k]);
        }
        for (size_t k = counts[i] * OUT; k < ROWS * OUT; k++) {
            cr_assert(isnan(found[k]), "%zu rows: row %zu was written", counts[i], k / OUT);
        }
    }
    cr_expect_eq(mote_model_predict(model, 0, x, found, NULL), MOTE_OK);
    free(x);
    free(wanted);
    free(found);
    mote_model_destroy(model);
}

Test(predictions, allocate_only_when_there_are_more_rows_than_before) {
    enum {
        ROWS = 600,
        IN = 12
    };
    static const struct {
        size_t rows, planned;
    } calls[] = {{1, 1}, {1, 1}, {10, 10}, {4, 10}, {10, 10}, {300, 256}, {600, 256}, {2, 256}};
    mote_model *model = create(two_layers, mote_shape_image(1, 3, 4));
    mote_real *x = numbers_create(ROWS * IN), *prediction = numbers_create(ROWS * 3);
    size_t before = 0;
    const void *memory = NULL;
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        cr_assert_eq(mote_model_predict(model, calls[i].rows, x, prediction, NULL), MOTE_OK);
        cr_expect_eq(model->batch, calls[i].planned, "call %zu: planned for %zu rows", i,
                     model->batch);
        cr_expect(calls[i].planned > before || model->workspace.memory == memory,
                  "call %zu allocated", i);
        before = calls[i].planned;
        memory = model->workspace.memory;
    }
    free(x);
    free(prediction);
    mote_model_destroy(model);
}

/* A network without anything to compute: the numbers go straight through. */
Test(predictions, of_a_model_of_reshapes_are_its_input) {
    mote_model *model = create("{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"flatten\"}], "
                               "\"output\": {\"type\": \"mean_squared_error\"}}",
                               mote_shape_image(1, 2, 2));
    const mote_real x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    mote_real prediction[8] = {0};
    cr_expect_eq(mote_model_predict(model, 2, x, prediction, NULL), MOTE_OK);
    cr_expect_arr_eq(x, prediction, sizeof x);
    mote_model_destroy(model);
}

/* ---- threads ---- */

/* Plain descent, applied to each slice as it is ready. */
static void descend(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                    size_t count, const mote_real *gradient) {
    (void)pass;
    for (size_t i = 0; i < count; i++) {
        parameter->value[begin + i] -= (mote_real)0.01 * gradient[i];
    }
}

/* A few steps of training on `threads` threads; 0: no pool. */
static mote_model *train_on(size_t threads, size_t batch, double *loss) {
    enum {
        STEPS = 3,
        IN = 784
    };
    mote_error error = {0};
    mote_model *model = create(digits_network, mote_shape_image(1, 28, 28));
    mote_pool *pool = threads ? mote_pool_create(threads, &error) : NULL;
    cr_assert_eq(network_plan(model, batch, &error), MOTE_OK, "%s", error.message);
    mote_model_initialize(model, 1, NULL);
    mote_random random = mote_random_create(2, MOTE_RANDOM_DATA, 0);
    mote_real *x = numbers_create(batch * IN);
    uint32_t *labels = calloc(batch, sizeof *labels);
    cr_assert(labels);
    for (size_t step = 0; step < STEPS; step++) {
        numbers_uniform(&random, -1, 1, batch * IN, x);
        for (size_t i = 0; i < batch; i++) {
            labels[i] = (uint32_t)mote_random_below(&random, 10);
        }
        mote_pass pass = {
            .pool = pool, .batch = batch, .training = true, .random = &random, .ready = descend};
        const mote_real *z = mote_model_forward(model, &pass, x);
        *loss = mote_model_score(model, &pass, z, (mote_targets){.labels = labels},
                                 1 / (mote_real)batch)
                    .loss;
        mote_model_backward(model, &pass);
    }
    free(x);
    free(labels);
    mote_pool_destroy(pool);
    return model;
}

Test(threads, change_no_bit_of_a_training, .timeout = 120) {
    static const size_t batch_sizes[] = {64, 7}, threads[] = {1, 2, 3};
    for (size_t b = 0; b < COUNT_OF(batch_sizes); b++) {
        double wanted, loss;
        mote_model *alone = train_on(0, batch_sizes[b], &wanted);
        for (size_t t = 0; t < COUNT_OF(threads); t++) {
            mote_model *shared = train_on(threads[t], batch_sizes[b], &loss);
            cr_expect(loss == wanted, "batch %zu, %zu threads: loss %.17g instead of %.17g",
                      batch_sizes[b], threads[t], loss, wanted);
            for (size_t i = 0; i < alone->parameter_count; i++) {
                const mote_parameter *one = alone->parameters[i].parameter;
                const mote_parameter *other = shared->parameters[i].parameter;
                cr_expect(memcmp(one->value, other->value, one->count * sizeof *one->value) == 0,
                          "batch %zu, %zu threads: %s differs", batch_sizes[b], threads[t],
                          alone->parameters[i].name);
            }
            network_destroy(shared);
        }
        network_destroy(alone);
    }
}

enum {
    ALONE = 37 /* images, which no number of tiles divides */
};

/* y, dx and the gradients of a layer's parameters, one after the other; from a fresh model, so that
 * nothing is left over from an earlier run. NULL where the layer refuses. */
static mote_real *run_alone(const char *type, const char *json, mote_shape shape, mote_pool *pool,
                            size_t *count) {
    mote_model *model = layer_alone_create(type, json, shape, ALONE, NULL);
    if (!model) {
        return NULL;
    }
    size_t in = ALONE * layer_alone_width_in(model), out = ALONE * layer_alone_width_out(model);
    *count = out + in + mote_model_parameter_count(model);
    mote_real *x = numbers_create(in), *dy = numbers_create(out), *all = numbers_create(*count);
    mote_random random = mote_random_create(3, MOTE_RANDOM_DATA, 0);
    numbers_spaced(&random, in, x);
    numbers_uniform(&random, -1, 1, out, dy);
    network_randomize(model, &random);
    mote_pass pass = {.pool = pool, .batch = ALONE, .training = true, .random = &random};
    layer_alone_forward(model, &pass, x, all);
    layer_alone_backward(model, &pass, dy, all + out);
    mote_real *place = all + out + in;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        if (!parameter->buffer) {
            memcpy(place, parameter->gradient, parameter->count * sizeof *place);
            place += parameter->count;
        }
    }
    free(x);
    free(dy);
    network_destroy(model);
    return all;
}

static bool threads_change_nothing(const char *type, const char *json, mote_shape shape) {
    size_t count;
    mote_real *wanted = run_alone(type, json, shape, NULL, &count);
    bool taken = wanted != NULL;
    for (size_t threads = 1; taken && threads <= 3; threads++) {
        mote_pool *pool = mote_pool_create(threads, NULL);
        mote_real *found = run_alone(type, json, shape, pool, &count);
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        cr_expect_eq(memcmp(found, wanted, count * sizeof *found), 0, "%s %s of %s: %zu threads",
                     type, json, mote_shape_text(shape, text), threads);
        free(found);
        mote_pool_destroy(pool);
    }
    free(wanted);
    return taken;
}

Test(threads, change_no_bit_of_any_layer, .timeout = 120) {
    const mote_shape shapes[] = {mote_shape_vector(300), mote_shape_image(6, 17, 20),
                                 mote_shape_image(40, 9, 9)};
    char json[SETTINGS_CAPACITY];
    for (const mote_layer_class *const *kind = mote_layer_classes(); *kind; kind++) {
        size_t taken = 0;
        for (size_t number = 0; number < settings_count((*kind)->fields); number++) {
            settings_text((*kind)->fields, number, json);
            for (size_t s = 0; s < COUNT_OF(shapes); s++) {
                taken += threads_change_nothing((*kind)->type, json, shapes[s]);
            }
        }
        cr_expect_gt(taken, 0, "%s was not tried", (*kind)->type);
    }
}

/* ---- evaluation ---- */

/* Without the memory that only training needs, layers give the same as in training. */
Test(evaluation, needs_none_of_the_memory_of_training) {
    enum {
        BATCH = 3,
        IN = 5 * 9 * 8,
        OUT = 4
    };
    static const char json[] =
        "{\"layers\": [{\"type\": \"max_pool2d\", \"size\": 3, \"stride\": 1, \"padding\": 1}, "
        "{\"type\": \"max_pool2d\", \"size\": 2}, "
        "{\"type\": \"average_pool2d\", \"size\": 2, \"stride\": 1}, "
        "{\"type\": \"global_average_pool\"}, {\"type\": \"dense\", \"units\": 4}], "
        "\"output\": {\"type\": \"mean_squared_error\"}}";
    mote_error error = {0};
    mote_model *model = create(json, mote_shape_image(5, 9, 8));
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    mote_real x[BATCH * IN], trained[BATCH * OUT];
    numbers_uniform(&random, -1, 1, BATCH * IN, x);
    cr_assert_eq(network_plan(model, BATCH, &error), MOTE_OK, "%s", error.message);
    network_randomize(model, &random);
    mote_pass pass = {.batch = BATCH, .training = true, .random = &random};
    memcpy(trained, mote_model_forward(model, &pass, x), sizeof trained);
    const mote_layer *first = model->layers->layers[0];
    cr_assert(first->scratch_count == 1 && *first->scratch[0].where,
              "there is nothing to leave out");
    size_t size = model->workspace.capacity;

    cr_assert_eq(mote_model_plan(model, BATCH, false, &error), MOTE_OK, "%s", error.message);
    cr_expect_null(*first->scratch[0].where);
    cr_expect_lt(model->workspace.capacity, size);
    pass.training = false;
    const mote_real *evaluated = mote_model_forward(model, &pass, x);
    cr_expect_arr_eq(evaluated, trained, sizeof trained);
    network_destroy(model);
}

/* ---- optimizers and schedules ---- */

/* A record of `size` bytes filled from JSON. */
static void *fill(const mote_field *fields, size_t size, const char *json) {
    mote_error error = {0};
    void *target = calloc(1, size);
    mote_document *document = mote_document_parse(json, strlen(json), NULL, "", &error);
    cr_assert(target && document, "%s", error.message);
    mote_binding binding = {.fields = fields, .target = target};
    mote_fields_read(mote_document_root(document), NULL, &binding, 1, &error);
    cr_assert_eq(error.status, MOTE_OK, "%s", error.message);
    mote_document_destroy(document);
    return target;
}

Test(optimizers, refuse_nesterov_without_momentum) {
    const mote_optimizer_class *kind = mote_optimizer_class_find("sgd");
    mote_error error = {0};
    mote_optimizer *sgd = fill(kind->fields, kind->size, "{\"nesterov\": true}");
    cr_expect_eq(kind->check(sgd, &error), MOTE_INVALID);
    cr_expect_str_eq(error.message, "nesterov needs a momentum above 0, such as \"momentum\": 0.9");
    free(sgd);
}

/* A parameter is updated the same in one slice as in many, which tiles rely on. */
Test(optimizers, of_every_class_treat_each_entry_alone) {
    enum {
        COUNT = 53,
        STEPS = 4
    };
    char json[SETTINGS_CAPACITY];
    for (const mote_optimizer_class *const *kind = mote_optimizer_classes(); *kind; kind++) {
        for (size_t number = 0; number < settings_count((*kind)->fields); number++) {
            settings_text((*kind)->fields, number, json);
            mote_optimizer *optimizer = fill((*kind)->fields, (*kind)->size, json);
            optimizer->kind = *kind;
            if ((*kind)->check && (*kind)->check(optimizer, NULL) != MOTE_OK) {
                free(optimizer);
                continue;
            }
            mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
            mote_real weights[2][COUNT], gradient[2][COUNT], states[2][MOTE_MAX_STATES][COUNT];
            memset(states, 0, sizeof states);
            numbers_uniform(&random, -1, 1, COUNT, weights[0]);
            memcpy(weights[1], weights[0], sizeof *weights);
            for (uint64_t step = 1; step <= STEPS; step++) {
                mote_step now = mote_step_create(optimizer, 0.1, step);
                numbers_uniform(&random, -1, 1, COUNT, gradient[0]);
                memcpy(gradient[1], gradient[0], sizeof *gradient);
                for (size_t pieces = 0; pieces < 2; pieces++) {
                    size_t length = pieces ? 7 : COUNT;
                    for (size_t begin = 0; begin < COUNT; begin += length) {
                        mote_slice slice = {.decay = true};
                        slice.count = begin + length < COUNT ? length : COUNT - begin;
                        slice.weights = weights[pieces] + begin;
                        slice.gradient = gradient[pieces] + begin;
                        for (size_t s = 0; s < (*kind)->state_count(optimizer); s++) {
                            slice.states[s] = states[pieces][s] + begin;
                        }
                        (*kind)->update(optimizer, &now, &slice);
                    }
                }
            }
            cr_expect_eq(memcmp(weights[0], weights[1], sizeof *weights), 0, "%s %s", (*kind)->type,
                         json);
            cr_expect_eq(memcmp(states[0], states[1], sizeof *states), 0, "%s %s", (*kind)->type,
                         json);
            free(optimizer);
        }
    }
}

typedef struct schedule_row {
    const char *type, *json;
    struct {
        uint64_t step, total_steps, steps_per_epoch;
    } at;
    double factor;
} schedule_row;

/* Cosine: (1 + cos(π t / T)) / 2 is 1/2 + √2/4 at a quarter, 1/2 half-way. */
Test(schedules, give_the_factors_of_their_formulas) {
    const double quarter = 0.5 + sqrt(2) / 4;
    const schedule_row rows[] = {
        {"constant", "{}", {0, 100, 10}, 1},
        {"constant", "{}", {99, 100, 10}, 1},
        {"cosine", "{}", {0, 100, 10}, 1},
        {"cosine", "{}", {25, 100, 10}, quarter},
        {"cosine", "{}", {50, 100, 10}, 0.5},
        {"cosine", "{}", {100, 100, 10}, 0},
        {"cosine", "{}", {150, 100, 10}, 0}, /* past the end it does not rise again */
        {"cosine", "{\"final_factor\": 0.2}", {50, 100, 10}, 0.6},
        {"cosine", "{\"final_factor\": 0.2}", {100, 100, 10}, 0.2},
        /* the k-th of w warm-up steps: k / w, the last of them at the full rate */
        {"constant", "{\"warmup_epochs\": 1}", {0, 100, 10}, 0.1},
        {"constant", "{\"warmup_epochs\": 1}", {8, 100, 10}, 0.9},
        {"constant", "{\"warmup_epochs\": 1}", {9, 100, 10}, 1},
        {"constant", "{\"warmup_epochs\": 1}", {10, 100, 10}, 1},
        {"constant", "{\"warmup_epochs\": 0.25}", {0, 100, 10}, 1 / 3.},
        {"constant", "{\"warmup_epochs\": 0.01}", {0, 100, 10}, 1},
        /* what follows counts from the end of the warm-up */
        {"cosine", "{\"warmup_epochs\": 2}", {19, 100, 10}, 1},
        {"cosine", "{\"warmup_epochs\": 2}", {20, 100, 10}, 1},
        {"cosine", "{\"warmup_epochs\": 2}", {40, 100, 10}, quarter},
        {"cosine", "{\"warmup_epochs\": 2}", {60, 100, 10}, 0.5},
        {"cosine", "{\"warmup_epochs\": 2, \"final_factor\": 0.5}", {100, 100, 10}, 0.5},
        /* a warm-up longer than training takes all of it, and reaches the full rate */
        {"cosine", "{\"warmup_epochs\": 50}", {0, 20, 10}, 0.05},
        {"cosine", "{\"warmup_epochs\": 50}", {19, 20, 10}, 1},
        {"constant", "{\"warmup_epochs\": 2}", {9, 20, 10}, 0.5},
        /* no steps at all must not give NaN */
        {"constant", "{}", {0, 0, 0}, 1},
        {"cosine", "{}", {0, 0, 0}, 1},
        {"cosine", "{\"warmup_epochs\": 3}", {0, 0, 0}, 1},
        {"cosine", "{\"warmup_epochs\": 3}", {0, 0, 10}, 1},
        {"step", "{\"every_epochs\": 1}", {0, 0, 0}, 1},
        {"one_cycle", "{\"final_factor\": 0.5}", {0, 0, 0}, 0.5},
        {"on_plateau", "{}", {0, 0, 0}, 1},
        /* restarts after 10, 20, 40 ... steps: half-way in each, and at each */
        {"cosine", "{\"restart_epochs\": 1, \"restart_growth\": 2}", {5, 100, 10}, 0.5},
        {"cosine", "{\"restart_epochs\": 1, \"restart_growth\": 2}", {10, 100, 10}, 1},
        {"cosine", "{\"restart_epochs\": 1, \"restart_growth\": 2}", {20, 100, 10}, 0.5},
        {"cosine", "{\"restart_epochs\": 1, \"restart_growth\": 2}", {30, 100, 10}, 1},
        {"cosine", "{\"restart_epochs\": 1, \"restart_growth\": 2}", {40, 100, 10}, quarter},
        {"cosine", "{\"restart_epochs\": 0.5}", {97, 100, 10}, (1 + cos(0.4 * acos(-1))) / 2},
        {"cosine", "{\"restart_epochs\": 1e-9}", {97, 100, 10}, 1}, /* every step */
        {"cosine", "{\"restart_epochs\": 1, \"warmup_epochs\": 1}", {15, 100, 10}, 0.5},
        /* the last step of a stretch, and the first after the warm-up */
        {"step", "{\"every_epochs\": 2}", {19, 100, 10}, 1},
        {"step", "{\"every_epochs\": 2}", {20, 100, 10}, 0.1},
        {"step", "{\"every_epochs\": 0.25, \"factor\": 0.5}", {10, 100, 10}, 0.125},
        {"step", "{\"every_epochs\": 1, \"factor\": 0}", {9, 100, 10}, 1},
        {"step", "{\"every_epochs\": 1, \"factor\": 0}", {10, 100, 10}, 0},
        {"step", "{\"every_epochs\": 1, \"warmup_epochs\": 0.5}", {14, 100, 10}, 1},
        {"step", "{\"every_epochs\": 1, \"warmup_epochs\": 0.5}", {15, 100, 10}, 0.1},
        /* up to step 39 of 100, down to step 99 */
        {"one_cycle", "{\"rise\": 0.4}", {0, 100, 10}, 0.04},
        {"one_cycle", "{\"rise\": 0.4}", {13, 100, 10}, 0.04 + 0.96 * 0.25},
        {"one_cycle", "{\"rise\": 0.4}", {39, 100, 10}, 1},
        {"one_cycle", "{\"rise\": 0.4, \"final_factor\": 0}", {59, 100, 10}, 0.75},
        {"one_cycle", "{\"rise\": 0.4}", {99, 100, 10}, 4e-6},
        {"one_cycle", "{\"rise\": 0.4}", {150, 100, 10}, 4e-6},
        {"one_cycle", "{\"rise\": 1, \"initial_factor\": 0}", {99, 100, 10}, 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const schedule_row *row = &rows[i];
        const mote_schedule_class *kind = mote_schedule_class_find(row->type);
        cr_assert(kind, "no schedule is called %s", row->type);
        mote_schedule *schedule = fill(kind->fields, kind->size, row->json);
        schedule->kind = kind;
        double found = mote_schedule_factor(
            schedule, (mote_progress){.step = row->at.step,
                                      .total_steps = row->at.total_steps,
                                      .steps_per_epoch = row->at.steps_per_epoch});
        cr_expect_float_eq(found, row->factor, 1e-12, "%s %s, step %zu of %zu: %.12g, not %.12g",
                           row->type, row->json, (size_t)row->at.step, (size_t)row->at.total_steps,
                           found, row->factor);
        free(schedule);
    }
}

/* Whatever the schedule: from the first step to the last a factor between 0 and 1. */
Test(schedules, of_every_class_stay_between_0_and_1) {
    char json[SETTINGS_CAPACITY];
    for (const mote_schedule_class *const *kind = mote_schedule_classes(); *kind; kind++) {
        for (size_t number = 0; number < settings_count((*kind)->fields); number++) {
            settings_text((*kind)->fields, number, json);
            mote_schedule *schedule = fill((*kind)->fields, (*kind)->size, json);
            schedule->kind = *kind;
            for (uint64_t step = 0; step < 60; step++) {
                mote_progress at = {.step = step, .total_steps = 60, .steps_per_epoch = 20};
                double factor = mote_schedule_factor(schedule, at);
                cr_expect(factor >= 0 && factor <= 1, "%s %s, step %zu: %g", (*kind)->type, json,
                          (size_t)step, factor);
            }
            free(schedule);
        }
    }
}
