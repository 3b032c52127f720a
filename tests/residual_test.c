/* residual_test.c: models whose layers contain lists of layers: their names, how they are written,
 * what is refused, and that they give the same bits however they are run. gradient_test.c tests
 * their gradients, pytorch_test.c what they compute.
 */
#include <criterion/criterion.h>

#include "mote/trainer.h"
#include "networks.h"
#include "residual_networks.h"
#include "scratch.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

TestSuite(files, .init = scratch_enter, .fini = scratch_leave);

/* With an activation before and after each residual, and sums of several tiles. */
static const residual_network wide_network = {
    "wide",
    {3, {3, 10, 12}},
    R_TANH
    ", " R_BODY(R_SIGMOID) ", " R_RELU ", " R_FLATTEN ", " R_DENSE(200) ", " R_RELU ", " R_BODY(
        R_TANH ", " R_DENSE(150) ", " R_RELU ", " R_DENSE(
            200)) ", " R_RELU
                  ", " R_BOTH(R_DENSE(90) ", " R_TANH ", " R_BODY(R_DENSE(90)) ", " R_DENSE(300),
                              R_DENSE(300)) ", " R_SIGMOID ", " R_DENSE(10),
    "softmax_cross_entropy"};

static mote_model *create(const residual_network *network) {
    char json[RESIDUAL_JSON_CAPACITY];
    mote_error error = {0};
    mote_model *model = network_create(residual_json(network, json), network->shape, &error);
    cr_assert(model, "%s: %s", network->what, error.message);
    return model;
}

/* ---- names ---- */

static const residual_network named_network = {
    "named",
    {1, {5}},
    R_DENSE(4) ", " R_RELU ", " R_FLATTEN
               ", " R_BOTH(R_DENSE(6) ", " R_TANH ", " R_BODY(R_RELU ", " R_BOTH(
                               R_DENSE(6), R_TANH ", " R_DENSE(6))) ", " R_DENSE(3),
                           R_DENSE(3)) ", " R_DENSE(2),
    "softmax_cross_entropy"};

Test(names, of_parameters_say_where_their_layer_is) {
    static const struct {
        const char *name;
        mote_shape shape;
    } rows[] = {
        {"layers.0.weight", {2, {4, 5}}},
        {"layers.0.bias", {1, {4}}},
        {"layers.3.layers.0.weight", {2, {6, 4}}},
        {"layers.3.layers.0.bias", {1, {6}}},
        {"layers.3.layers.2.layers.1.layers.0.weight", {2, {6, 6}}},
        {"layers.3.layers.2.layers.1.layers.0.bias", {1, {6}}},
        {"layers.3.layers.2.layers.1.shortcut.1.weight", {2, {6, 6}}},
        {"layers.3.layers.2.layers.1.shortcut.1.bias", {1, {6}}},
        {"layers.3.layers.3.weight", {2, {3, 6}}},
        {"layers.3.layers.3.bias", {1, {3}}},
        {"layers.3.shortcut.0.weight", {2, {3, 4}}},
        {"layers.3.shortcut.0.bias", {1, {3}}},
        {"layers.4.weight", {2, {2, 3}}},
        {"layers.4.bias", {1, {2}}},
    };
    mote_model *model = create(&named_network);
    size_t numbers = 0;
    cr_assert_eq(model->parameter_count, COUNT(rows));
    for (size_t i = 0; i < COUNT(rows); i++) {
        cr_expect_str_eq(model->parameters[i].name, rows[i].name, "parameter %zu is %s, not %s", i,
                         model->parameters[i].name, rows[i].name);
        mote_tensor found = mote_model_parameter(model, rows[i].name);
        cr_expect(found.data && mote_shape_equal(found.shape, rows[i].shape), "%s", rows[i].name);
        numbers += mote_shape_count(rows[i].shape);
    }
    cr_expect_eq(mote_model_parameter_count(model), numbers);
    cr_expect_eq(mote_model_layer_count(model), 5);
    mote_model_destroy(model);
}

/* Nests lists `depth` deep; names have room for only so many. Returns false if that is refused. */
static bool check_depth(size_t depth, const char *list, mote_error *error) {
    char json[4096] = "", name[256] = "layers.0";
    size_t used = 0;
    for (size_t i = 0; i < depth; i++) {
        bool shortcut = strcmp(list, "shortcut") == 0;
        used += (size_t)snprintf(json + used, sizeof json - used,
                                 "{\"type\": \"residual\", %s\"%s\": [",
                                 shortcut ? "\"layers\": [" R_DENSE(2) "], " : "", list);
        snprintf(name + strlen(name), sizeof name - strlen(name), ".%s.0", list);
    }
    used += (size_t)snprintf(json + used, sizeof json - used, R_DENSE(2));
    for (size_t i = 0; i < depth; i++) {
        used += (size_t)snprintf(json + used, sizeof json - used, "]}");
    }
    const residual_network network = {"deep", {1, {2}}, json, "mean_squared_error"};
    char text[RESIDUAL_JSON_CAPACITY];
    mote_model *model = network_create(residual_json(&network, text), network.shape, error);
    strcat(name, ".weight");
    cr_expect(!model || mote_model_parameter(model, name).data, "%s is missing", name);
    mote_model_destroy(model);
    return model != NULL;
}

#define TOO_DEEP                                                                                   \
    "layers within layers are nested too deeply here: the names of their parameters, which tell "  \
    "the place, would be too long"

Test(names, are_never_cut_short_however_deep) {
    static const struct {
        const char *list;
        size_t deepest;
        const char *message;
    } rows[] = {
        {"layers", 6,
         "model.layers[0].layers[0].layers[0].layers[0].layers[0].layers[0].layers[0].layers:"
         " " TOO_DEEP},
        {"shortcut", 5,
         "model.layers[0].shortcut[0].shortcut[0].shortcut[0].shortcut[0].shortcut[0].layers:"
         " " TOO_DEEP},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t depth = 1; depth <= rows[i].deepest + 10; depth++) {
            mote_error error = {0};
            bool taken = check_depth(depth, rows[i].list, &error);
            cr_expect_eq(taken, depth <= rows[i].deepest, "%s, %zu deep: %s", rows[i].list, depth,
                         error.message);
            cr_expect_str_eq(error.message, taken ? "" : rows[i].message);
        }
    }
}

/* ---- what is refused ---- */

Test(refusals, name_the_layer_and_what_to_do) {
    const mote_shape vector = {1, {5}}, image = {3, {2, 4, 3}};
    const struct {
        mote_shape shape;
        const char *json, *message;
    } rows[] = {
        {vector, NULL,
         "layers[1] (residual): the key \"layers\" is missing (a list of layers: the body, whose "
         "output is added to the shortcut's)"},
        {vector, "{\"layers\": []}",
         "layers[1] (residual).layers: expected a list of at least one layer, found an empty one"},
        {vector, "{\"layers\": {}}",
         "layers[1] (residual).layers: expected a list of layers, found an object"},
        {vector, "{\"layers\": [" R_TANH "], \"shortcut\": null}",
         "layers[1] (residual).shortcut: expected a list of layers, found null"},
        {vector, "{\"layers\": [\"tanh\"]}",
         "layers[1] (residual).layers[0]: expected an object with a \"type\", found the string "
         "\"tanh\""},
        {vector, "{\"layers\": [{\"type\": \"tahn\"}]}",
         "layers[1] (residual).layers[0].type: no layer is called \"tahn\"; did you mean "
         "\"tanh\"?"},
        {vector, "{\"layers\": [" R_TANH "], \"shortcut\": [" R_TANH ", {\"type\": \"dense\"}]}",
         "layers[1] (residual).shortcut[1] (dense): the key \"units\" is missing (an integer >= 1 "
         "and <= 16777216: number of outputs)"},
        {vector, "{\"layers\": [" R_TANH "], \"shortcuts\": []}",
         "layers[1] (residual).shortcuts: there is no such key here; did you mean \"shortcut\"?"},
        {vector, "{\"layers\": [" R_DENSE(3) "]}",
         "layers[1] (residual): its body gives 3, but its input, which is added, is 5; make them "
         "match, or give it a \"shortcut\" that gives 3, such as a dense layer"},
        {vector, "{\"layers\": [" R_DENSE(3) "], \"shortcut\": [" R_DENSE(4) "]}",
         "layers[1] (residual): its body gives 3, but its shortcut gives 4; they are added, so "
         "they must match"},
        {image, "{\"layers\": [" R_TANH "], \"shortcut\": [" R_FLATTEN "]}",
         "layers[1] (residual): its body gives 2 × 4 × 3, but its shortcut gives 24; they are "
         "added, so they must match"},
        {image, "{\"layers\": [" R_FLATTEN "]}",
         "layers[1] (residual): its body gives 24, but its input, which is added, is 2 × 4 × 3; "
         "make them match, or give it a \"shortcut\" that gives 24"},
        {image, "{\"layers\": [" R_DENSE(3) "]}",
         "layers[1] (residual).layers[0] (dense): takes a vector, but layers[0] (relu) gives "
         "2 × 4 × 3; put a flatten layer between them"},
        {image, "{\"layers\": [" R_TANH ", " R_DENSE(3) "]}",
         "layers[1] (residual).layers[1] (dense): takes a vector, but layers[1].layers[0] (tanh) "
         "gives 2 × 4 × 3; put a flatten layer between them"},
        {image, "{\"layers\": [" R_TANH "], \"shortcut\": [" R_BODY(R_TANH) ", " R_SOFTMAX "]}",
         "layers[1] (residual).shortcut[1] (softmax): takes a vector, but layers[1].shortcut[0] "
         "(residual) gives 2 × 4 × 3; put a flatten layer between them"},
        {image, "{\"layers\": [" R_TANH ", " R_BODY(R_FLATTEN) "]}",
         "layers[1] (residual).layers[1] (residual): its body gives 24, but its input, which is "
         "added, is 2 × 4 × 3; make them match, or give it a \"shortcut\" that gives 24"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_error error = {0};
        mote_model *model = mote_model_create(rows[i].shape, &error);
        cr_assert_eq(mote_model_add(model, "relu", NULL, &error), MOTE_OK);
        cr_expect_eq(mote_model_add(model, "residual", rows[i].json, &error), MOTE_INVALID);
        cr_expect_str_eq(error.message, rows[i].message, "\n     found \"%s\"\n  expected \"%s\"",
                         error.message, rows[i].message);
        /* Nothing of it is left, and the model stays usable. */
        cr_expect_eq(mote_model_layer_count(model), 1);
        error = (mote_error){0};
        cr_expect_eq(mote_model_add(model, "residual", "{\"layers\": [" R_TANH "]}", &error),
                     MOTE_OK, "%s", error.message);
        mote_model_destroy(model);
    }
}

/* ---- files ---- */

static char *text_of(const mote_model *model) {
    cJSON *json = mote_model_to_json(model);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

Test(files, settings_are_written_as_they_were_read) {
#define RELU_TEXT "{\"type\":\"relu\"}"
#define DENSE_TEXT                                                                                 \
    "{\"type\":\"dense\",\"units\":5,\"bias\":true,\"initializer\":\"he_normal\","                 \
    "\"bias_initializer\":\"zeros\"}"
    static const struct {
        const char *layers, *text;
    } rows[] = {
        {R_BODY(R_DENSE(5)), "{\"type\":\"residual\",\"layers\":[" DENSE_TEXT "]}"},
        {R_BOTH(R_RELU, ""), "{\"type\":\"residual\",\"layers\":[" RELU_TEXT "]}"},
        {R_BOTH(R_RELU ", " R_DENSE(5), R_BODY(R_RELU) ", " R_RELU),
         "{\"type\":\"residual\",\"layers\":[" RELU_TEXT "," DENSE_TEXT
         "],\"shortcut\":[{\"type\":\"residual\",\"layers\":[" RELU_TEXT "]}," RELU_TEXT "]}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char expected[1024];
        const residual_network network = {
            rows[i].text, {1, {5}}, rows[i].layers, "mean_squared_error"};
        mote_model *model = create(&network);
        char *text = text_of(model);
        snprintf(expected, sizeof expected,
                 "{\"layers\":[%s],\"output\":{\"type\":\"mean_squared_error\"}}", rows[i].text);
        cr_expect_str_eq(text, expected, "\n     found %s\n  expected %s", text, expected);
        cJSON_free(text);
        mote_model_destroy(model);
    }
}

/* Through JSON, and through a model file, which has the parameters too. */
Test(files, models_come_back_as_they_were) {
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; i < RESIDUAL_NETWORKS; i++) {
        const residual_network *network = &residual_networks[i];
        mote_error error = {0};
        mote_model *model = create(network);
        network_randomize(model, &random);
        cr_assert_eq(mote_model_save(model, scratch_path("model"), &error), MOTE_OK, "%s",
                     error.message);
        mote_model *loaded = mote_model_load(scratch_path("model"), &error);
        cr_assert(loaded, "%s: %s", network->what, error.message);
        char *text = text_of(model), *loaded_text = text_of(loaded);
        cr_expect_str_eq(text, loaded_text, "%s", network->what);
        mote_model *again = network_create(text, network->shape, &error);
        cr_assert(again, "%s: %s", network->what, error.message);
        char *text_again = text_of(again);
        cr_expect_str_eq(text, text_again, "%s", network->what);

        enum {
            ROWS = 7
        };
        size_t in = mote_shape_count(network->shape);
        size_t out = mote_model_prediction_width(model);
        mote_real *x = numbers_create(ROWS * in), *y = numbers_create(ROWS * out);
        mote_real *loaded_y = numbers_create(ROWS * out);
        numbers_uniform(&random, -1, 1, ROWS * in, x);
        cr_assert_eq(mote_model_predict(model, ROWS, x, y, &error), MOTE_OK);
        cr_assert_eq(mote_model_predict(loaded, ROWS, x, loaded_y, &error), MOTE_OK);
        cr_expect_arr_eq(y, loaded_y, ROWS * out * sizeof *y, "%s", network->what);
        free(x);
        free(y);
        free(loaded_y);
        cJSON_free(text);
        cJSON_free(loaded_text);
        cJSON_free(text_again);
        mote_model_destroy(model);
        mote_model_destroy(loaded);
        mote_model_destroy(again);
    }
}

/* ---- the same bits ---- */

/* A model ready to train, and a batch for it. */
typedef struct bench {
    mote_model *model;
    mote_pool *pool;
    size_t batch;
    mote_real *x;
    uint32_t *labels;
    mote_arena unfused; /* memory of a plan in which nothing is fused */
} bench;

static void bench_open(bench *b, const residual_network *network, size_t batch, size_t threads) {
    mote_error error = {0};
    *b = (bench){.model = create(network), .batch = batch};
    b->pool = threads ? mote_pool_create(threads, &error) : NULL;
    cr_assert_eq(network_plan(b->model, batch, &error), MOTE_OK, "%s", error.message);
    mote_random random = mote_random_create(3, MOTE_RANDOM_DATA, batch);
    network_randomize(b->model, &random);
    size_t in = mote_shape_count(network->shape);
    b->x = numbers_create(batch * in);
    b->labels = calloc(batch, sizeof *b->labels);
    cr_assert(b->labels);
    numbers_uniform(&random, -1, 1, batch * in, b->x);
    for (size_t i = 0; i < batch; i++) {
        b->labels[i] = (uint32_t)mote_random_below(&random, mote_model_classes(b->model));
    }
}

static void bench_close(bench *b) {
    free(b->x);
    free(b->labels);
    network_destroy(b->model);
    mote_pool_destroy(b->pool);
    mote_arena_free(&b->unfused);
}

/* Plain gradient descent, applied to each slice as soon as it is ready. */
static void descend(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                    size_t count, const mote_real *gradient) {
    (void)pass;
    for (size_t i = 0; i < count; i++) {
        parameter->value[begin + i] -= (mote_real)0.01 * gradient[i];
    }
}

/* A few steps of training; returns the last loss. */
static double bench_train(bench *b) {
    double loss = 0;
    mote_random random = mote_random_create(4, MOTE_RANDOM_LAYERS, 0);
    mote_pass pass = {
        .pool = b->pool, .batch = b->batch, .training = true, .random = &random, .ready = descend};
    for (size_t step = 0; step < 3; step++) {
        const mote_real *z = mote_model_forward(b->model, &pass, b->x);
        mote_targets targets = {.labels = b->labels};
        loss = mote_model_score(b->model, &pass, z, targets, 1 / (mote_real)b->batch).loss;
        mote_model_backward(b->model, &pass);
    }
    return loss;
}

static void expect_same_training(bench *a, bench *b, const char *what) {
    double a_loss = bench_train(a), b_loss = bench_train(b);
    cr_expect(a_loss == b_loss, "%s: loss %.17g and %.17g", what, a_loss, b_loss);
    for (size_t i = 0; i < a->model->parameter_count; i++) {
        const mote_parameter *one = a->model->parameters[i].parameter;
        const mote_parameter *other = b->model->parameters[i].parameter;
        cr_expect(memcmp(one->value, other->value, one->count * sizeof *one->value) == 0,
                  "%s: %s differs", what, a->model->parameters[i].name);
    }
}

/* The networks of the table, then the wide one, whose sums have several tiles. */
static const residual_network *network_at(size_t index) {
    return index < RESIDUAL_NETWORKS ? &residual_networks[index] : &wide_network;
}

Test(bits, are_the_same_on_any_number_of_threads, .timeout = 120) {
    static const size_t batches[] = {64, 7};
    for (size_t i = 0; i <= RESIDUAL_NETWORKS; i++) {
        for (size_t k = 0; k < COUNT(batches); k++) {
            for (size_t threads = 1; threads <= 3; threads++) {
                bench alone, shared;
                char what[160];
                bench_open(&alone, network_at(i), batches[k], 0);
                bench_open(&shared, network_at(i), batches[k], threads);
                snprintf(what, sizeof what, "%s, batch %zu, %zu threads", network_at(i)->what,
                         batches[k], threads);
                expect_same_training(&alone, &shared, what);
                bench_close(&alone);
                bench_close(&shared);
            }
        }
    }
}

/* Undoes all fusing; returns how many passes were fused. */
static size_t unfuse(mote_sequence *sequence) {
    size_t count = 0;
    for (size_t i = 0; i < sequence->count; i++) {
        mote_layer *layer = sequence->layers[i];
        mote_stage *stage = &sequence->stages[i];
        count += stage->forward_fused + stage->backward_fused;
        layer->fused_after = layer->fused_before = NULL;
        stage->forward_fused = stage->backward_fused = stage->in_place = false;
        mote_sequence *inner;
        for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
            count += unfuse(inner);
        }
    }
    return count;
}

static size_t plan_unfused(bench *b) {
    size_t count = unfuse(b->model->layers);
    mote_arena measured = mote_arena_measure();
    mote_sequence_carve(b->model->layers, b->batch, true, &measured);
    cr_assert_eq(mote_arena_allocate(&b->unfused, &measured, NULL), MOTE_OK);
    mote_sequence_carve(b->model->layers, b->batch, true, &b->unfused);
    cr_assert(mote_arena_complete(&b->unfused));
    return count;
}

Test(bits, are_the_same_fused_or_not, .timeout = 120) {
    size_t fused = 0;
    for (size_t i = 0; i <= RESIDUAL_NETWORKS; i++) {
        bench one, other;
        bench_open(&one, network_at(i), 70, 2);
        bench_open(&other, network_at(i), 70, 2);
        fused = plan_unfused(&other);
        expect_same_training(&one, &other, network_at(i)->what);
        bench_close(&one);
        bench_close(&other);
    }
    /* In the wide network, the last: 6 forward, 2 after dense layers and 4 after residuals; and 6
     * backward, 3 of them done by residuals. */
    cr_expect_eq(fused, 12, "%zu passes of activations are fused", fused);
}

/* Without the memory that a backward pass needs, activations share buffers. */
Test(bits, are_the_same_in_evaluation) {
    for (size_t i = 0; i <= RESIDUAL_NETWORKS; i++) {
        bench b;
        bench_open(&b, network_at(i), 9, 2);
        size_t count = 9 * b.model->output->width;
        mote_random random = mote_random_create(4, MOTE_RANDOM_LAYERS, 0);
        mote_pass pass = {.pool = b.pool, .batch = 9, .training = true, .random = &random};
        mote_real *wanted = numbers_create(count);
        memcpy(wanted, mote_model_forward(b.model, &pass, b.x), count * sizeof *wanted);
        cr_assert_eq(mote_model_plan(b.model, 9, false, NULL), MOTE_OK);
        pass = (mote_pass){.pool = b.pool, .batch = 9};
        for (size_t turn = 0; turn < 2; turn++) {
            const mote_real *found = mote_model_forward(b.model, &pass, b.x);
            cr_expect_arr_eq(found, wanted, count * sizeof *wanted, "%s, %zu", network_at(i)->what,
                             turn);
        }
        free(wanted);
        bench_close(&b);
    }
}

/* ---- memory ---- */

/* The bytes needed to evaluate `count` residuals in a row. */
static size_t memory_of(size_t count) {
    char layers[RESIDUAL_JSON_CAPACITY] = R_BOTH(R_TANH ", " R_SIGMOID, R_TANH);
    for (size_t i = 1; i < count; i++) {
        strcat(layers, ", " R_BOTH(R_TANH ", " R_SIGMOID, R_TANH));
    }
    const residual_network network = {"a row", {1, {1000}}, layers, "mean_squared_error"};
    mote_model *model = create(&network);
    cr_assert_eq(mote_model_plan(model, 8, false, NULL), MOTE_OK);
    size_t bytes = mote_model_memory(model);
    mote_model_destroy(model);
    return bytes;
}

/* Only one of them runs at a time. */
Test(memory, of_evaluation_does_not_grow_with_the_number_of_residuals) {
    cr_expect_gt(memory_of(1), 8 * 1000 * sizeof(mote_real));
    cr_expect_eq(memory_of(2), memory_of(1));
    cr_expect_eq(memory_of(10), memory_of(1));
}

/* ---- resuming ---- */

enum {
    SAMPLES = 110,
    WIDTH = 3 * 10 * 12
};

typedef struct run {
    mote_dataset *dataset;
    mote_model *model;
    mote_trainer *trainer;
    uint64_t stop_after; /* 0: never */
    uint64_t steps;
} run;

static bool count_steps(void *context, const mote_event *event) {
    run *r = context;
    r->steps = event->step;
    return !r->stop_after || event->step < r->stop_after;
}

static void run_open(run *r) {
    static uint8_t bytes[SAMPLES * WIDTH];
    static uint32_t labels[SAMPLES];
    mote_random random = mote_random_create(5, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; i < SAMPLES; i++) {
        labels[i] = (uint32_t)(i % 10);
        for (size_t k = 0; k < WIDTH; k++) {
            bytes[i * WIDTH + k] = (uint8_t)mote_random_below(&random, 25 * (labels[i] + 1));
        }
    }
    mote_samples samples = {
        .count = SAMPLES, .shape = wide_network.shape, .bytes = bytes, .labels = labels};
    mote_error error = {0};
    *r = (run){.model = create(&wide_network)};
    r->dataset =
        mote_dataset_from_arrays(&samples, NULL, "{\"validation_fraction\": 0.2}", 1, &error);
    mote_model_initialize(r->model, 1, &error);
    r->trainer = mote_trainer_create(r->model, r->dataset,
                                     "{\"epochs\": 3, \"batch_size\": 20, \"threads\": 2, "
                                     "\"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.01, "
                                     "\"momentum\": 0.9, \"weight_decay\": 0.001}}",
                                     1, &error);
    cr_assert(r->trainer, "%s", error.message);
    mote_trainer_set_listener(r->trainer, count_steps, r);
}

static void run_close(run *r) {
    mote_trainer_destroy(r->trainer);
    mote_model_destroy(r->model);
    mote_dataset_destroy(r->dataset);
}

Test(files, a_checkpoint_goes_on_to_the_same_bits) {
    run whole, stopped, resumed;
    mote_error error = {0};
    run_open(&whole);
    cr_assert_eq(mote_trainer_run(whole.trainer, &error), MOTE_OK, "%s", error.message);
    cr_assert_eq(mote_model_save(whole.model, scratch_path("whole"), &error), MOTE_OK);
    for (uint64_t step = 1; step < whole.steps; step++) {
        error = (mote_error){0};
        run_open(&stopped);
        stopped.stop_after = step;
        cr_assert_eq(mote_trainer_run(stopped.trainer, NULL), MOTE_INTERRUPTED);
        cr_assert_eq(mote_trainer_save(stopped.trainer, scratch_path("checkpoint"), &error),
                     MOTE_OK, "%s", error.message);
        run_close(&stopped);
        run_open(&resumed);
        cr_assert_eq(mote_trainer_restore(resumed.trainer, scratch_path("checkpoint"), &error),
                     MOTE_OK, "%s", error.message);
        cr_assert_eq(mote_trainer_run(resumed.trainer, &error), MOTE_OK, "%s", error.message);
        cr_assert_eq(mote_model_save(resumed.model, scratch_path("resumed"), &error), MOTE_OK);
        scratch_expect_equal_files(scratch_path("whole"), scratch_path("resumed"), "resumed");
        run_close(&resumed);
    }
    run_close(&whole);
}
