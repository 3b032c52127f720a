/* optimizers_test.c: optimizers, schedules, and what comes between gradients and weights: clipping,
 * accumulation, averages. They take PyTorch's steps, on any number of threads, stopped and resumed
 * anywhere, and refuse settings that make no sense.
 *
 * pytorch_optimizers.h holds PyTorch's numbers, computed in double; see pytorch_optimizers.py.
 */
#include <criterion/criterion.h>

#include <math.h>

#include "mote/trainer.h"
#include "networks.h"
#include "scratch.h"
#include "train/options.h"
#include "train/trainer.h"

enum {
    MOST_TENSORS = 12
};

/* The records of pytorch_optimizers.h. */
typedef struct optimizer_inputs {
    const float *start, *gradients; /* [STEPS × WEIGHTS] */
} optimizer_inputs;

typedef struct optimizer_values {
    const char *type, *json;
    const float *first, *tenth, *last; /* the weights after these steps */
    const float *states[MOTE_MAX_STATES];
} optimizer_values;

typedef struct schedule_values {
    const char *type, *json;
    const double *factors; /* [STEPS] */
} schedule_values;

typedef struct plateau_values {
    const char *json;
    const double *values;  /* [EPOCHS], of the metric */
    const double *factors; /* [EPOCHS], after each */
} plateau_values;

typedef struct path_inputs {
    const float *x; /* [PATH_SAMPLES × PATH_WIDTH] */
    const uint32_t *labels;
} path_inputs;

typedef struct path_values {
    const char *layers, *json, *data; /* of the model, of "train" and of "dataset" */
    const char *names[MOST_TENSORS];
    const float *start[MOST_TENSORS], *after[MOST_TENSORS]; /* STEPS steps */
} path_values;

#define FLOATS(...)                                                                                \
    (const float[]) {                                                                              \
        __VA_ARGS__                                                                                \
    }
#define DOUBLES(...)                                                                               \
    (const double[]) {                                                                             \
        __VA_ARGS__                                                                                \
    }
#define LABELS(...)                                                                                \
    (const uint32_t[]) {                                                                           \
        __VA_ARGS__                                                                                \
    }

#include "pytorch_optimizers.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const double TOLERANCE = 1e-5; /* relative to the largest entry; every step rounds */

/* ---- numbers ---- */

static void expect_close(const char *what, size_t count, const float *found, const float *wanted) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)wanted[i]));
    }
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double)found[i] - (double)wanted[i]) <= TOLERANCE * largest)) {
            cr_expect(false, "%s: entry %zu of %zu is %.9g, expected %.9g; the largest is %.3g",
                      what, i, count, (double)found[i], (double)wanted[i], largest);
            return;
        }
    }
}

static mote_train_options read_options(const char *json) {
    mote_error error = {0};
    mote_train_options options;
    mote_document *document = mote_document_parse(json, strlen(json), NULL, "train", &error);
    cr_assert(document, "%s: %s", json, error.message);
    cr_assert_eq(mote_train_options_read(&options, mote_document_root(document), &error), MOTE_OK,
                 "%s: %s", json, error.message);
    mote_document_destroy(document);
    return options;
}

/* {"optimizer": {"type": "sgd", and what `json` holds}} */
static mote_train_options read_part(const char *part, const char *type, const char *json) {
    char text[512];
    snprintf(text, sizeof text, "{\"%s\": {\"type\": \"%s\"%s%s}", part, type,
             json[1] == '}' ? "" : ", ", json + 1);
    return read_options(text);
}

/* ---- PyTorch: optimizers ---- */

static void follow_optimizer(const optimizer_values *row) {
    mote_train_options options = read_part("optimizer", row->type, row->json);
    const mote_optimizer *optimizer = options.optimizer;
    float weights[WEIGHTS], states[MOTE_MAX_STATES][WEIGHTS] = {{0}};
    mote_slice slice = {.count = WEIGHTS, .weights = weights, .decay = true};
    size_t state_count = optimizer->kind->state_count(optimizer);
    for (size_t i = 0; i < state_count; i++) {
        slice.states[i] = states[i];
    }
    memcpy(weights, optimizer_inputs_table[0].start, sizeof weights);
    char what[256];
    for (size_t number = 1; number <= STEPS; number++) {
        mote_step step = mote_step_create(optimizer, optimizer->learning_rate, number);
        slice.gradient = optimizer_inputs_table[0].gradients + (number - 1) * WEIGHTS;
        optimizer->kind->update(optimizer, &step, &slice);
        const float *wanted = number == 1       ? row->first
                              : number == 10    ? row->tenth
                              : number == STEPS ? row->last
                                                : NULL;
        snprintf(what, sizeof what, "%s %s, step %zu", row->type, row->json, number);
        if (wanted) {
            expect_close(what, WEIGHTS, weights, wanted);
        }
    }
    for (size_t i = 0; i < MOTE_MAX_STATES; i++) {
        snprintf(what, sizeof what, "%s %s, state %zu", row->type, row->json, i);
        cr_assert_eq(i < state_count, row->states[i] != NULL, "%s", what);
        if (i < state_count) {
            expect_close(what, WEIGHTS, states[i], row->states[i]);
        }
    }
    mote_train_options_free(&options);
}

Test(pytorch, optimizers_take_the_same_steps) {
    for (const mote_optimizer_class *const *kind = mote_optimizer_classes(); *kind; kind++) {
        size_t rows = 0;
        for (size_t i = 0; i < COUNT(optimizer_values_table); i++) {
            rows += strcmp(optimizer_values_table[i].type, (*kind)->type) == 0;
        }
        cr_expect_gt(rows, 0u, "%s is in none; add it to OPTIMIZERS of pytorch_optimizers.py",
                     (*kind)->type);
    }
    for (size_t i = 0; i < COUNT(optimizer_values_table); i++) {
        follow_optimizer(&optimizer_values_table[i]);
    }
}

/* With β₁ = β₂ = 0, each step has the length of the learning rate and the sign of the gradient,
 * also of one that is tiny after a large one. */
Test(adamw, forgets_past_gradients_completely_if_told_to) {
    static const float gradients[] = {1, -1e-5f, 3e4f, 2e-6f, -1e15f, -0.1f, 1e-4f};
    mote_train_options options = read_part(
        "optimizer", "adamw",
        "{\"learning_rate\":1,\"weight_decay\":0,\"beta1\":0,\"beta2\":0,\"epsilon\":1e-12}");
    const mote_optimizer *optimizer = options.optimizer;
    float m = 0, v = 0;
    for (size_t i = 0; i < COUNT(gradients); i++) {
        float weight = 0;
        mote_slice slice = {
            .count = 1, .weights = &weight, .gradient = &gradients[i], .states = {&m, &v}};
        mote_step step = mote_step_create(optimizer, optimizer->learning_rate, i + 1);
        optimizer->kind->update(optimizer, &step, &slice);
        cr_expect_float_eq((double)weight, gradients[i] > 0 ? -1 : 1, 1e-5, "gradient %g: %g",
                           (double)gradients[i], (double)weight);
    }
    mote_train_options_free(&options);
}

/* ---- PyTorch: schedules ---- */

Test(pytorch, schedules_give_the_same_learning_rates) {
    for (size_t i = 0; i < COUNT(schedule_values_table); i++) {
        const schedule_values *row = &schedule_values_table[i];
        mote_train_options options = read_part("schedule", row->type, row->json);
        for (size_t step = 0; step < STEPS; step++) {
            double found = mote_schedule_factor(options.schedule,
                                                (mote_progress){.step = step,
                                                                .total_steps = STEPS,
                                                                .steps_per_epoch = EPOCH_STEPS});
            if (!(fabs(found - row->factors[step]) <= 1e-12)) {
                cr_expect(false, "%s %s, step %zu: %.15g, in PyTorch %.15g", row->type, row->json,
                          step, found, row->factors[step]);
                break;
            }
        }
        mote_train_options_free(&options);
    }
}

Test(pytorch, the_schedule_on_plateau_reacts_to_the_same_epochs) {
    for (size_t i = 0; i < COUNT(plateau_values_table); i++) {
        const plateau_values *row = &plateau_values_table[i];
        mote_train_options options = read_part("schedule", "on_plateau", row->json);
        bool accuracy = strstr(row->json, "accuracy");
        double state[MOTE_SCHEDULE_STATES] = {0};
        for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
            mote_progress at = {.step = (epoch + 1) * EPOCH_STEPS,
                                .total_steps = EPOCHS * EPOCH_STEPS,
                                .steps_per_epoch = EPOCH_STEPS,
                                .state = state};
            double value = row->values[epoch];
            mote_schedule_observe(options.schedule, at, accuracy ? -1 : value, accuracy ? value : 2,
                                  state);
            double found = mote_schedule_factor(options.schedule, at);
            if (!(fabs(found - row->factors[epoch]) <= 1e-12)) {
                cr_expect(false, "%s, epoch %zu: %.15g, in PyTorch %.15g", row->json, epoch, found,
                          row->factors[epoch]);
                break;
            }
        }
        mote_train_options_free(&options);
    }
}

/* Where lengths are not whole numbers, at the step nearest to their sum. */
Test(schedules, cosine_restarts_at_whole_steps) {
    static const struct {
        double growth;
        uint64_t restarts[5];
    } rows[] = {{1, {10, 20, 30, 40, 50}},
                {1.1, {10, 21, 33, 46, 61}},
                {1.25, {10, 23, 38, 58, 82}}, /* 22.5, 38.125, 57.66, 82.07 */
                {2, {10, 30, 70, 150, 310}}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"restart_epochs\": 1, \"restart_growth\": %g}",
                 rows[i].growth);
        mote_train_options options = read_part("schedule", "cosine", json);
        double before = 2;
        for (uint64_t step = 0, n = 0; step <= rows[i].restarts[4]; step++) {
            bool restarts = step == 0 || step == rows[i].restarts[n];
            double found = mote_schedule_factor(
                options.schedule,
                (mote_progress){.step = step, .total_steps = 1000, .steps_per_epoch = 10});
            cr_expect(restarts ? found == 1 : found < before, "%s, step %ju: %.17g after %g", json,
                      (uintmax_t)step, found, before);
            n += restarts && step > 0;
            before = found;
        }
        mote_train_options_free(&options);
    }
}

/* Where an interval is empty, or has ended, 0 / 0 must not become a learning rate. */
Test(schedules, give_a_rate_at_every_step) {
    static const struct {
        const char *type, *json;
        uint64_t step, total;
        double wanted;
    } rows[] = {
        {"constant", "{\"warmup_epochs\":15}", 0, 100, 0.01},
        {"constant", "{\"warmup_epochs\":15}", 99, 100, 1},
        {"cosine", "{\"warmup_epochs\":10}", 100, 100, 1}, /* past the end */
        {"cosine", "{\"final_factor\":0.1}", 150, 100, 0.1},
        {"one_cycle", "{}", 150, 100, 4e-6},
        {"one_cycle", "{\"warmup_epochs\":10}", 100, 100, 4e-6},
        {"one_cycle", "{\"rise\":0.01}", 0, 100, 1},
        {"one_cycle", "{\"rise\":0.5}", 0, 1, 4e-6},
        {"one_cycle", "{\"rise\":1}", 0, 1, 4e-6},
        {"step", "{\"every_epochs\":1e9,\"factor\":0}", 99, 100, 1},
        {"step", "{\"every_epochs\":1,\"factor\":0}", 10, 100, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_train_options options = read_part("schedule", rows[i].type, rows[i].json);
        double found =
            mote_schedule_factor(options.schedule, (mote_progress){.step = rows[i].step,
                                                                   .total_steps = rows[i].total,
                                                                   .steps_per_epoch = EPOCH_STEPS});
        cr_expect_float_eq(found, rows[i].wanted, 1e-12, "%s %s, step %ju: %.15g", rows[i].type,
                           rows[i].json, (uintmax_t)rows[i].step, found);
        mote_train_options_free(&options);
    }
}

/* An equal value is no better; of losses below 0, as some outputs give, the lower is better. */
Test(schedules, on_plateau_takes_what_is_better_by_the_threshold) {
    static const struct {
        const char *json;
        double values[4], factor;
    } rows[] = {
        {"{\"patience\":2,\"threshold\":0}", {1, 1, 1, 1}, 0.1},
        {"{\"patience\":2,\"threshold\":0,\"metric\":\"accuracy\"}", {1, 1, 1, 1}, 0.1},
        {"{\"patience\":0,\"threshold\":0.5}", {-1, -1.6, -2.5, -3.8}, 1},
        {"{\"patience\":0,\"threshold\":0.5}", {-1, -1.6, -2.5, -3.7}, 0.1},
        {"{\"patience\":0,\"threshold\":0.5}", {1, 0.4, -0.1, -0.16}, 1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_train_options options = read_part("schedule", "on_plateau", rows[i].json);
        double state[MOTE_SCHEDULE_STATES] = {0}, found = 0;
        for (size_t epoch = 0; epoch < COUNT(rows[i].values); epoch++) {
            double value = rows[i].values[epoch];
            mote_progress at = {.step = (epoch + 1) * EPOCH_STEPS,
                                .total_steps = 100,
                                .steps_per_epoch = EPOCH_STEPS,
                                .state = state};
            mote_schedule_observe(options.schedule, at, value, value, state);
            found = mote_schedule_factor(options.schedule, at);
        }
        cr_expect_float_eq(found, rows[i].factor, 1e-12, "row %zu: %g", i, found);
        mote_train_options_free(&options);
    }
}

/* A loss that rises during the warm-up says nothing about the learning rate. */
Test(schedules, on_plateau_does_not_look_before_the_warm_up_is_over) {
    mote_train_options options =
        read_part("schedule", "on_plateau", "{\"patience\":0,\"warmup_epochs\":3}");
    double state[MOTE_SCHEDULE_STATES] = {0};
    static const double losses[] = {0, 6, 7, 8, 9}, wanted[] = {0, 0, 0, 1, 0.1};
    for (size_t epoch = 1; epoch < COUNT(losses); epoch++) {
        mote_progress at = {
            .step = 10 * epoch, .total_steps = 100, .steps_per_epoch = 10, .state = state};
        mote_schedule_observe(options.schedule, at, losses[epoch], 0, state);
        if (epoch >= 3) {
            double found = mote_schedule_factor(options.schedule, at);
            cr_expect_float_eq(found, wanted[epoch], 1e-12, "epoch %zu: %g", epoch, found);
        }
    }
    mote_train_options_free(&options);
}

/* ---- training ---- */

/* A model in training on samples of PATH_WIDTH numbers. */
typedef struct school {
    mote_dataset *dataset;
    mote_model *model;
    mote_trainer *trainer;
} school;

/* `train` holds the keys of "train", `extra` what is put before them. */
static school school_open(const char *layers, const char *train, const char *extra,
                          const char *data) {
    char text[2048];
    mote_error error = {0};
    const mote_samples samples = {.count = PATH_SAMPLES,
                                  .shape = mote_shape_vector(PATH_WIDTH),
                                  .numbers = path_inputs_table[0].x,
                                  .labels = path_inputs_table[0].labels};
    school s = {.dataset = mote_dataset_from_arrays(&samples, NULL, data, 1, &error)};
    cr_assert(s.dataset, "%s", error.message);
    snprintf(text, sizeof text,
             "{\"layers\": %s, \"output\": {\"type\": \"softmax_cross_entropy\"}}", layers);
    s.model = network_create(text, mote_shape_vector(PATH_WIDTH), &error);
    cr_assert(s.model, "%s", error.message);
    cr_assert_eq(mote_model_initialize(s.model, 1, &error), MOTE_OK, "%s", error.message);
    snprintf(text, sizeof text, "{%s%s", extra, train + 1);
    s.trainer = mote_trainer_create(s.model, s.dataset, text, 1, &error);
    cr_assert(s.trainer, "%s: %s", text, error.message);
    return s;
}

static void school_close(school *s) {
    mote_trainer_destroy(s->trainer);
    mote_model_destroy(s->model);
    mote_dataset_destroy(s->dataset);
}

static void school_run(school *s, const char *what) {
    mote_error error = {0};
    cr_assert_eq(mote_trainer_run(s->trainer, &error), MOTE_OK, "%s: %s", what, error.message);
}

#define PLAIN           "{\"normalize\": \"none\"}"
#define WITH_VALIDATION "{\"normalize\": \"none\", \"validation_fraction\": 0.2}"
#define IN_ORDER        "\"epochs\": 100, \"max_steps\": 100, \"shuffle\": false, \"threads\": 2, "

static void follow_path(const path_values *row) {
    school s = school_open(row->layers, row->json, IN_ORDER, row->data);
    cr_assert_null(row->names[s.model->parameter_count], "%s: PyTorch has more", row->layers);
    for (size_t i = 0; i < s.model->parameter_count; i++) {
        mote_tensor tensor = mote_model_parameter(s.model, row->names[i]);
        cr_assert(tensor.data, "%s: there is no %s", row->layers, row->names[i]);
        memcpy(tensor.data, row->start[i], mote_shape_count(tensor.shape) * sizeof(float));
    }
    school_run(&s, row->json);
    for (size_t i = 0; i < s.model->parameter_count; i++) {
        mote_tensor tensor = mote_model_parameter(s.model, row->names[i]);
        char what[1024];
        snprintf(what, sizeof what, "%s, %s, %s: %s", row->layers, row->json, row->data,
                 row->names[i]);
        expect_close(what, mote_shape_count(tensor.shape), tensor.data, row->after[i]);
    }
    school_close(&s);
}

Test(pytorch, networks_take_the_same_path) {
    for (size_t i = 0; i < COUNT(path_values_table); i++) {
        follow_path(&path_values_table[i]);
    }
}

static bool note_rates(void *context, const mote_event *event) {
    double *rates = context;
    if (event->kind == MOTE_EVENT_STEP) {
        rates[event->epoch - 1] = event->learning_rate;
    }
    return true;
}

/* No epoch is better by that much. */
Test(schedules, on_plateau_is_told_what_validation_comes_to) {
    school s = school_open("[{\"type\": \"dense\", \"units\": 4}]",
                           "{\"epochs\": 4, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": "
                           "0.5}, \"schedule\": {\"type\": \"on_plateau\", \"patience\": 0, "
                           "\"threshold\": 0.99, \"factor\": 0.25}}",
                           "", WITH_VALIDATION);
    double rates[4];
    static const double wanted[] = {0.5, 0.5, 0.125, 0.03125};
    mote_trainer_set_listener(s.trainer, note_rates, rates);
    school_run(&s, "on_plateau");
    for (size_t i = 0; i < COUNT(wanted); i++) {
        cr_expect_float_eq(rates[i], wanted[i], 1e-12, "epoch %zu: %g", i + 1, rates[i]);
    }
    school_close(&s);
}

/* ---- clipping, accumulation, averages ---- */

static const char LAYERS[] = "[{\"type\": \"dense\", \"units\": 150}, {\"type\": \"tanh\"}, "
                             "{\"type\": \"dense\", \"units\": 100}, {\"type\": \"batch_norm\"}, "
                             "{\"type\": \"tanh\"}, {\"type\": \"dropout\", \"rate\": 0.2}, "
                             "{\"type\": \"dense\", \"units\": 4}]";

/* No statistics depend on what a batch holds. */
static const char SMOOTH[] = "[{\"type\": \"dense\", \"units\": 30}, {\"type\": \"tanh\"}, "
                             "{\"type\": \"dense\", \"units\": 4}]";

static void expect_same_weights(const school *found, const school *wanted, const char *what) {
    for (size_t i = 0; i < wanted->model->parameter_count; i++) {
        const mote_parameter *one = found->model->parameters[i].parameter;
        const mote_parameter *other = wanted->model->parameters[i].parameter;
        char name[1024];
        snprintf(name, sizeof name, "%s: %s", what, wanted->model->parameters[i].name);
        expect_close(name, other->count, one->value, other->value);
    }
}

typedef struct epochs {
    size_t count;
    mote_metrics train[20];
} epochs;

static bool note_epoch(void *context, const mote_event *event) {
    epochs *e = context;
    if (event->kind == MOTE_EVENT_EPOCH && e->count < COUNT(e->train)) {
        e->train[e->count++] = event->train;
    }
    return true;
}

/* Trains with each of the two and compares. */
static void expect_same_training(const char *large_json, const char *small_json, const char *data) {
    static const char settings[] =
        "\"epochs\": 8, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.1, \"momentum\": "
        "0.9}, \"schedule\": {\"type\": \"cosine\"}, ";
    school large = school_open(SMOOTH, large_json, settings, data);
    school small = school_open(SMOOTH, small_json, settings, data);
    char what[512];
    snprintf(what, sizeof what, "%s, %s", data, small_json);
    epochs a = {0}, b = {0};
    mote_trainer_set_listener(large.trainer, note_epoch, &a);
    mote_trainer_set_listener(small.trainer, note_epoch, &b);
    school_run(&large, large_json);
    school_run(&small, what);
    cr_expect_eq(small.trainer->position.step, large.trainer->position.step, "%s: %ju steps", what,
                 (uintmax_t)small.trainer->position.step);
    expect_same_weights(&small, &large, what);
    for (size_t e = 0; e < a.count; e++) {
        cr_expect(b.count == a.count && b.train[e].samples == a.train[e].samples &&
                      fabs(b.train[e].loss - a.train[e].loss) < 1e-5,
                  "%s: epoch %zu: loss %g over %zu samples, expected %g over %zu", what, e,
                  b.train[e].loss, b.train[e].samples, a.train[e].loss, a.train[e].samples);
    }
    school_close(&large);
    school_close(&small);
}

/* With class weights, a step divides by the weights of all its samples, not each batch by its own.
 * With 90 samples, the last step of an epoch has fewer. */
Test(accumulation, of_small_batches_is_the_large_batch) {
    static const struct {
        const char *large, *small;
    } rows[] = {
        {"{\"batch_size\": 32}", "{\"batch_size\": 8, \"accumulate\": 4}"},
        {"{\"batch_size\": 40}", "{\"batch_size\": 8, \"accumulate\": 5}"},
        {"{\"batch_size\": 35}", "{\"batch_size\": 5, \"accumulate\": 7}"},
        {"{\"batch_size\": 90}", "{\"batch_size\": 89, \"accumulate\": 1000}"},
        {"{\"batch_size\": 35, \"drop_last\": true}",
         "{\"batch_size\": 7, \"accumulate\": 5, \"drop_last\": true}"},
        {"{\"batch_size\": 32, \"clip_gradient_norm\": 0.1}",
         "{\"batch_size\": 16, \"accumulate\": 2, \"clip_gradient_norm\": 0.1}"},
        {"{\"batch_size\": 32, \"weight_average\": 0.9}",
         "{\"batch_size\": 16, \"accumulate\": 2, \"weight_average\": 0.9}"},
    };
    static const char *const data[] = {
        PLAIN, "{\"normalize\": \"none\", \"class_weights\": [1, 20, 0.25, 5]}"};
    for (size_t i = 0; i < COUNT(rows) * COUNT(data); i++) {
        expect_same_training(rows[i / COUNT(data)].large, rows[i / COUNT(data)].small,
                             data[i % COUNT(data)]);
    }
}

/* As in PyTorch: the sum of weight × loss is divided by that of the weights. */
Test(accumulation, of_class_weights_that_are_all_the_same_changes_nothing) {
    static const char json[] = "{\"epochs\": 8, \"batch_size\": 32}";
    school plain = school_open(SMOOTH, json, "", PLAIN);
    school twice =
        school_open(SMOOTH, json, "", "{\"normalize\": \"none\", \"class_weights\": [2, 2, 2, 2]}");
    epochs a = {0}, b = {0};
    mote_trainer_set_listener(plain.trainer, note_epoch, &a);
    mote_trainer_set_listener(twice.trainer, note_epoch, &b);
    school_run(&plain, json);
    school_run(&twice, json);
    expect_same_weights(&twice, &plain, json);
    for (size_t e = 0; e < a.count; e++) {
        cr_expect(fabs(b.train[e].loss - a.train[e].loss) < 1e-6, "epoch %zu: loss %g, not %g", e,
                  b.train[e].loss, a.train[e].loss);
    }
    school_close(&plain);
    school_close(&twice);
}

/* One step of plain sgd at a learning rate of 1 is as long as the gradient. */
static double step_length(const char *train) {
    school s = school_open(SMOOTH, train,
                           "\"max_steps\": 1, \"optimizer\": {\"type\": \"sgd\", "
                           "\"learning_rate\": 1}, ",
                           PLAIN);
    school before = school_open(SMOOTH, train, "", PLAIN);
    school_run(&s, train);
    double sum = 0;
    for (size_t i = 0; i < s.model->parameter_count; i++) {
        const mote_parameter *after = s.model->parameters[i].parameter;
        for (size_t k = 0; k < after->count; k++) {
            sum += pow((double)after->value[k] -
                           (double)before.model->parameters[i].parameter->value[k],
                       2);
        }
    }
    school_close(&s);
    school_close(&before);
    return sqrt(sum);
}

Test(clipping, leaves_short_gradients_and_shortens_long_ones) {
    double free = step_length("{\"drop_last\": false}");
    static const double parts[] = {1e-6, 0.01, 0.5, 0.999, 1.001, 2, 1e9};
    for (size_t i = 0; i < COUNT(parts); i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"clip_gradient_norm\": %.17g}", parts[i] * free);
        double wanted = fmin(1, parts[i] * free / (free + 1e-6)) * free;
        double found = step_length(json);
        cr_expect(fabs(found - wanted) < 1e-5 * free, "%s: %g, expected %g", json, found, wanted);
    }
    cr_expect_lt(fabs(step_length("{\"clip_gradient_norm\": 1e9}") - free), 1e-6 * free);
}

/* Trains a model of one weight on one sample, with the squared error; returns the weight. */
static double train_one_weight(mote_real initial, mote_real x, mote_real target, const char *train,
                               mote_status expected, mote_error *error) {
    const mote_samples samples = {.count = 1,
                                  .shape = mote_shape_vector(1),
                                  .numbers = &x,
                                  .values = &target,
                                  .value_width = 1};
    mote_model *model = network_create("{\"layers\": [{\"type\": \"dense\", \"units\": 1, "
                                       "\"bias\": false}], \"output\": {\"type\": "
                                       "\"mean_squared_error\"}}",
                                       mote_shape_vector(1), error);
    cr_assert(model, "%s", error->message);
    cr_assert_eq(mote_model_initialize(model, 1, error), MOTE_OK);
    mote_tensor weight = mote_model_parameter(model, "layers.0.weight");
    weight.data[0] = initial;
    mote_dataset *dataset = mote_dataset_from_arrays(&samples, NULL, PLAIN, 1, error);
    cr_assert(dataset, "%s", error->message);
    mote_trainer *trainer = mote_trainer_create(model, dataset, train, 1, error);
    cr_assert(trainer, "%s", error->message);
    cr_assert_eq(mote_trainer_run(trainer, error), expected, "%s", error->message);
    double trained = (double)weight.data[0];
    mote_trainer_destroy(trainer);
    mote_model_destroy(model);
    mote_dataset_destroy(dataset);
    return trained;
}

/* PyTorch adds a millionth to the norm, which makes a short gradient shorter than requested: here
 * the weight's is 2 × x × (0 − target), which is 2e-6. */
Test(clipping, adds_a_millionth_to_the_norm) {
    mote_error error = {0};
    double weight = train_one_weight(
        0, 1e-3f, -1e-3f,
        "{\"clip_gradient_norm\": 1.5e-6, \"max_steps\": 1, \"optimizer\": {\"type\": \"sgd\", "
        "\"learning_rate\": 1}}",
        MOTE_OK, &error);
    cr_expect(fabs(weight + 1e-6) < 1e-11, "%.9g", weight); /* 1.5 / (2 + 1) of −2e-6 */
}

/* The square of a gradient may overflow or underflow a float, or be 0. The weight's gradient is
 * 2 × x × (0 − x) or, at a target of 0, none. */
Test(clipping, takes_gradients_of_any_magnitude) {
    static const struct {
        mote_real x, target;
        const char *train;
        double wanted;
    } rows[] = {
        {1e15f, 1e15f, "{\"clip_gradient_norm\": 0.5, ", 0.5},
        {1e18f, 1e18f, "{\"clip_gradient_norm\": 3, \"accumulate\": 2, ", 3},
        {1e-18f, 1e-18f, "{\"clip_gradient_norm\": 1, ", 2e-36},
        {1e-18f, 1e-18f, "{\"clip_gradient_norm\": 1e-7, ", 2e-37}, /* 1e-7 / 1e-6 of that */
        {1, 0, "{\"clip_gradient_norm\": 1e-30, ", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char train[256];
        snprintf(train, sizeof train,
                 "%s\"max_steps\": 1, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 1}}",
                 rows[i].train);
        mote_error error = {0};
        double weight = train_one_weight(0, rows[i].x, rows[i].target, train, MOTE_OK, &error);
        cr_expect(fabs(weight - rows[i].wanted) <= 1e-5 * fabs(rows[i].wanted),
                  "row %zu: %.9g, expected %.9g", i, weight, rows[i].wanted);
    }
}

/* A finite loss whose gradient overflows a float. */
Test(clipping, of_an_infinite_gradient_ends_the_training_before_any_weight_is_touched) {
    mote_error error = {0};
    double weight =
        train_one_weight(1e-32f, 1e36f, 0, "{\"clip_gradient_norm\": 1}", MOTE_DIVERGED, &error);
    cr_expect(strstr(error.message, "the gradient of layers.0.weight in layers[0] (dense) became "
                                    "infinite in epoch 1, step 1, at a learning rate of 0.01"),
              "%s", error.message);
    cr_expect_eq(weight, (double)1e-32f);
}

/* ---- what the average is used for ---- */

typedef struct gallery {
    school *school;
    mote_tensor view;     /* of a parameter, taken before training */
    mote_real weights[2]; /* of the model, after the last step and at the end of the epoch */
    double validation;    /* of the last epoch that improved */
    size_t epochs, improvements;
} gallery;

static mote_real some_weight(const gallery *g) {
    mote_real weight = mote_model_parameter(g->school->model, "layers.2.weight").data[3];
    cr_expect_eq(g->view.data[3], weight, "a view of a parameter shows another");
    return weight;
}

/* At the end of an epoch the model can be saved, and is what validation measured. */
static bool look_at_weights(void *context, const mote_event *event) {
    gallery *g = context;
    switch (event->kind) {
    case MOTE_EVENT_STEP:
        g->weights[0] = some_weight(g);
        break;
    case MOTE_EVENT_EPOCH:
        g->weights[1] = some_weight(g);
        cr_expect_neq(g->weights[0], g->weights[1], "epoch %zu: no average", ++g->epochs);
        break;
    case MOTE_EVENT_IMPROVED:
        cr_assert_eq(mote_model_save(g->school->model, scratch_path("best"), NULL), MOTE_OK);
        g->validation = event->validation.loss;
        g->improvements++;
        break;
    case MOTE_EVENT_STARTED:
    case MOTE_EVENT_NOTICE:
    case MOTE_EVENT_DIVERGED:
    case MOTE_EVENT_STOPPED:
        break;
    }
    return true;
}

static double loss_of(mote_model *model, const school *s) {
    mote_part part = mote_dataset_part(s->dataset, MOTE_VALIDATION);
    mote_metrics metrics;
    mote_error error = {0};
    cr_assert_eq(mote_evaluate(model, &part, &metrics, NULL, &error), MOTE_OK, "%s", error.message);
    return metrics.loss;
}

TestSuite(averages, .init = scratch_enter, .fini = scratch_leave);
TestSuite(resuming, .init = scratch_enter, .fini = scratch_leave);
TestSuite(bits, .init = scratch_enter, .fini = scratch_leave);

#define AVERAGED                                                                                   \
    "{\"epochs\": 6, \"batch_size\": 16, \"weight_average\": 0.95, \"optimizer\": {\"type\": "     \
    "\"sgd\", \"learning_rate\": 0.05, \"momentum\": 0.9}}"

Test(averages, are_validated_saved_as_best_and_left_in_the_model) {
    school s = school_open(LAYERS, AVERAGED, "", WITH_VALIDATION);
    static gallery g;
    g = (gallery){.school = &s, .view = mote_model_parameter(s.model, "layers.2.weight")};
    mote_trainer_set_listener(s.trainer, look_at_weights, &g);
    school_run(&s, AVERAGED);
    cr_assert_gt(g.improvements, 1u);
    mote_trainer_destroy(s.trainer);
    s.trainer = NULL;
    mote_error error = {0};
    mote_model *best = mote_model_load(scratch_path("best"), &error);
    cr_assert(best, "%s", error.message);
    double saved = loss_of(best, &s), kept = loss_of(s.model, &s);
    cr_expect_float_eq(saved, g.validation, 1e-6, "saved: loss %g, not %g", saved, g.validation);
    cr_expect_eq(saved, kept, "saved: loss %g, in the model: %g", saved, kept);
    mote_model_destroy(best);
    school_close(&s);
}

/* After one step, a tenth of the average is the initial weights; later, hardly any of it. */
Test(averages, begin_with_the_weights) {
    static const char plain[] = "{\"max_steps\": 1, \"batch_size\": 16}",
                      averaged[] =
                          "{\"max_steps\": 1, \"batch_size\": 16, \"weight_average\": 0.9}";
    school before = school_open(LAYERS, plain, "", PLAIN);
    school after = school_open(LAYERS, plain, "", PLAIN);
    school average = school_open(LAYERS, averaged, "", PLAIN);
    school_run(&after, plain);
    school_run(&average, averaged);
    for (size_t i = 0; i < before.model->parameter_count; i++) {
        const mote_parameter *found = average.model->parameters[i].parameter;
        for (size_t k = 0; k < found->count; k++) {
            double wanted = 0.1 * (double)before.model->parameters[i].parameter->value[k] +
                            0.9 * (double)after.model->parameters[i].parameter->value[k];
            if (!(fabs((double)found->value[k] - wanted) <= 1e-6)) {
                cr_expect(false, "%s: entry %zu is %.9g, expected %.9g",
                          before.model->parameters[i].name, k, (double)found->value[k], wanted);
                break;
            }
        }
    }
    school_close(&before);
    school_close(&after);
    school_close(&average);
}

/* Running means and variances must match the averaged weights. */
Test(averages, are_of_buffers_too) {
    school averaged = school_open(LAYERS, AVERAGED, "", PLAIN);
    static const char plain[] = "{\"epochs\": 6, \"batch_size\": 16, \"optimizer\": {\"type\": "
                                "\"sgd\", \"learning_rate\": 0.05, \"momentum\": 0.9}}";
    school last = school_open(LAYERS, plain, "", PLAIN);
    school_run(&averaged, AVERAGED);
    school_run(&last, plain);
    size_t buffers = 0;
    for (size_t i = 0; i < last.model->parameter_count; i++) {
        const mote_parameter *one = averaged.model->parameters[i].parameter;
        const mote_parameter *other = last.model->parameters[i].parameter;
        cr_expect(memcmp(one->value, other->value, one->count * sizeof *one->value) != 0,
                  "%s is not averaged", last.model->parameters[i].name);
        buffers += one->buffer;
    }
    cr_expect_eq(buffers, 2u);
    school_close(&averaged);
    school_close(&last);
}

/* ---- the same bits, however it is run ---- */

#define ADAMW "\"optimizer\": {\"type\": \"adamw\", \"learning_rate\": 0.01, \"decay_all\": true}"
#define MOMENTUM                                                                                   \
    "\"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.05, \"momentum\": 0.9, "              \
    "\"nesterov\": true}"

static const char *const settings[] = {
    "{\"batch_size\": 16, " ADAMW "}",
    "{\"batch_size\": 16, " ADAMW ", \"schedule\": {\"type\": \"one_cycle\"}}",
    "{\"batch_size\": 16, " MOMENTUM
    ", \"schedule\": {\"type\": \"step\", \"every_epochs\": 1, \"warmup_epochs\": 0.5}}",
    "{\"batch_size\": 16, " MOMENTUM ", \"schedule\": {\"type\": \"cosine\", \"restart_epochs\": "
    "0.7, \"restart_growth\": 1.5}}",
    "{\"batch_size\": 16, " MOMENTUM ", \"schedule\": {\"type\": \"on_plateau\", \"patience\": 0, "
    "\"threshold\": 0.2, \"cooldown\": 1, \"warmup_epochs\": 1}}",
    "{\"batch_size\": 16, " MOMENTUM ", \"clip_gradient_norm\": 0.2}",
    "{\"batch_size\": 6, \"accumulate\": 3, " MOMENTUM "}",
    "{\"batch_size\": 16, " MOMENTUM ", \"weight_average\": 0.9}",
    "{\"batch_size\": 6, \"accumulate\": 3, \"clip_gradient_norm\": 0.2, \"weight_average\": 0.9, "
    "\"drop_last\": true, " ADAMW ", \"schedule\": {\"type\": \"on_plateau\", \"metric\": "
    "\"accuracy\", \"patience\": 0, \"threshold\": 0.3, \"factor\": 0.3}}",
};

#define FOUR_EPOCHS "\"epochs\": 4, "

/* Trains to the end and saves the model under that name. */
static void finish(school *s, const char *name, const char *what) {
    school_run(s, what);
    cr_assert_eq(mote_model_save(s->model, scratch_path(name), NULL), MOTE_OK);
    school_close(s);
}

static void train_to(const char *name, const char *train, const char *extra) {
    school s = school_open(LAYERS, train, extra, WITH_VALIDATION);
    finish(&s, name, train);
}

Test(bits, are_the_same_on_any_number_of_threads) {
    for (size_t i = 0; i < COUNT(settings); i++) {
        train_to("one", settings[i], FOUR_EPOCHS "\"threads\": 1, ");
        train_to("two", settings[i], FOUR_EPOCHS "\"threads\": 2, ");
        train_to("three", settings[i], FOUR_EPOCHS "\"threads\": 3, ");
        cr_expect(scratch_same_files("one", "two"), "%s: 2 threads", settings[i]);
        cr_expect(scratch_same_files("one", "three"), "%s: 3 threads", settings[i]);
    }
}

/* Each of the settings changes something. */
Test(bits, differ_between_settings) {
    train_to("first", "{\"batch_size\": 16, " MOMENTUM "}", FOUR_EPOCHS);
    for (size_t i = 0; i < COUNT(settings); i++) {
        train_to("this", settings[i], FOUR_EPOCHS);
        cr_expect_not(scratch_same_files("first", "this"), "%s changes nothing", settings[i]);
    }
}

/* Settings written with every default spelled out read back the same. */
Test(bits, are_the_same_with_settings_written_and_read_again) {
    for (size_t i = 0; i < COUNT(settings); i++) {
        mote_train_options options = read_options(settings[i]);
        cJSON *written = mote_train_options_to_json(&options);
        char *text = cJSON_PrintUnformatted(written);
        mote_train_options again = read_options(text);
        cJSON *rewritten = mote_train_options_to_json(&again);
        cr_expect(cJSON_Compare(written, rewritten, true), "%s becomes %s", settings[i], text);
        train_to("one", settings[i], "\"epochs\": 10, ");
        train_to("two", text, "");
        cr_expect(scratch_same_files("one", "two"), "%s trains otherwise as %s", settings[i], text);
        cJSON_Delete(written);
        cJSON_Delete(rewritten);
        free(text);
        mote_train_options_free(&options);
        mote_train_options_free(&again);
    }
}

/* ---- stopping and resuming ---- */

typedef struct stop {
    mote_trainer *trainer;
    uint64_t step;
    mote_event_kind kind;
    bool saved;
} stop;

/* Saves on the spot, as the programs do, while the model may hold averages. */
static bool stop_there(void *context, const mote_event *event) {
    stop *s = context;
    if (event->step != s->step || event->kind != s->kind) {
        return true;
    }
    cr_assert_eq(mote_trainer_save(s->trainer, scratch_path("checkpoint"), NULL), MOTE_OK);
    s->saved = true;
    return false;
}

static void check_resumed(const char *train, uint64_t step, mote_event_kind kind) {
    school s = school_open(LAYERS, train, FOUR_EPOCHS, WITH_VALIDATION);
    stop there = {.trainer = s.trainer, .step = step, .kind = kind};
    mote_trainer_set_listener(s.trainer, stop_there, &there);
    mote_trainer_run(s.trainer, NULL);
    cr_assert(there.saved, "%s: step %ju", train, (uintmax_t)step);
    school_close(&s);

    mote_error error = {0};
    school resumed = school_open(LAYERS, train, FOUR_EPOCHS, WITH_VALIDATION);
    network_randomize(resumed.model, &(mote_random){{1, 2, 3, 4}}); /* none of it may matter */
    cr_assert_eq(mote_trainer_restore(resumed.trainer, scratch_path("checkpoint"), &error), MOTE_OK,
                 "%s", error.message);
    finish(&resumed, "resumed", train);
    cr_expect(scratch_same_files("whole", "resumed"), "%s, stopped after step %ju, at event %d",
              train, (uintmax_t)step, kind);
}

Test(resuming, anywhere_gives_the_same_bits_as_never_stopping) {
    for (size_t i = 0; i < COUNT(settings); i++) {
        school s = school_open(LAYERS, settings[i], FOUR_EPOCHS, WITH_VALIDATION);
        uint64_t epoch_steps = s.trainer->epoch_steps;
        finish(&s, "whole", settings[i]);
        for (uint64_t step = 1; step <= 4 * epoch_steps; step += 3) {
            check_resumed(settings[i], step, MOTE_EVENT_STEP);
        }
        for (uint64_t epoch = 1; epoch <= 4; epoch++) {
            check_resumed(settings[i], epoch * epoch_steps, MOTE_EVENT_EPOCH);
        }
    }
}

/* A third-party schedule, whose state holds values that no JSON number has. */
static double factor_of_odd(const mote_schedule *schedule, mote_progress progress) {
    (void)schedule;
    const double *state = progress.state;
    bool first = state[0] == 0 && progress.step < progress.steps_per_epoch;
    bool kept = isinf(state[0]) && isnan(state[1]) && signbit(state[2]) && state[3] > 1;
    return first ? 1 : kept ? 1 / state[3] : 0;
}

static void observe_odd(const mote_schedule *schedule, double loss, double accuracy,
                        double *state) {
    (void)schedule, (void)accuracy;
    state[0] = (double)INFINITY;
    state[1] = (double)NAN;
    state[2] = -0.0;
    state[3] += 1 + loss;
}

static const mote_field odd_fields[] = {MOTE_SCHEDULE_FIELDS, MOTE_FIELDS_END};
static const mote_schedule_class odd = {.type = "odd",
                                        .summary = "an odd state",
                                        .example = "{\"type\": \"odd\"}",
                                        .size = sizeof(mote_schedule),
                                        .fields = odd_fields,
                                        .factor = factor_of_odd,
                                        .observe = observe_odd};

Test(resuming, with_any_state_of_a_schedule_gives_the_same_bits) {
    static const char json[] =
        "{\"batch_size\": 16, " MOMENTUM ", \"schedule\": {\"type\": \"odd\"}}";
    mote_error error = {0};
    cr_assert_eq(mote_schedule_register(&odd, &error), MOTE_OK, "%s", error.message);
    school s = school_open(LAYERS, json, FOUR_EPOCHS, WITH_VALIDATION);
    uint64_t epoch_steps = s.trainer->epoch_steps;
    finish(&s, "whole", json);
    check_resumed(json, 2 * epoch_steps, MOTE_EVENT_EPOCH);
    check_resumed(json, 2 * epoch_steps + 1, MOTE_EVENT_STEP);
}

/* ---- what is refused ---- */

Test(refusals, say_what_does_not_fit_the_data_or_the_model) {
    static const struct {
        const char *train, *message;
    } rows[] = {
        {"{\"schedule\": {\"type\": \"on_plateau\"}}",
         "train.schedule: on_plateau follows the validation loss, but the data set has no "
         "validation part; set dataset.validation_fraction, or choose another schedule"},
        {"{\"schedule\": {\"type\": \"on_plateau\", \"metric\": \"accuracy\"}}",
         "train.schedule: on_plateau follows the validation accuracy, but the data set has no "
         "validation part; set dataset.validation_fraction, or choose another schedule"},
        {"{\"batch_size\": 10, \"accumulate\": 10, \"drop_last\": true}",
         "train.drop_last: it leaves no step: there are 90 training samples, fewer than the "
         "batch_size × accumulate of 100"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        school s = school_open(SMOOTH, "{}", "", PLAIN);
        mote_error error = {0};
        mote_trainer_destroy(s.trainer);
        s.trainer = mote_trainer_create(s.model, s.dataset, rows[i].train, 1, &error);
        cr_expect_null(s.trainer, "%s", rows[i].train);
        cr_expect_eq(error.status, MOTE_INVALID);
        cr_expect_str_eq(error.message, rows[i].message);
        school_close(&s);
    }
}

Test(refusals, of_an_accuracy_that_numbers_do_not_have) {
    static mote_real values[PATH_SAMPLES];
    const mote_samples samples = {.count = PATH_SAMPLES,
                                  .shape = mote_shape_vector(PATH_WIDTH),
                                  .numbers = path_inputs_table[0].x,
                                  .values = values,
                                  .value_width = 1};
    mote_error error = {0};
    mote_dataset *dataset = mote_dataset_from_arrays(&samples, NULL, WITH_VALIDATION, 1, &error);
    mote_model *model = network_create("{\"layers\": [{\"type\": \"dense\", \"units\": 1}], "
                                       "\"output\": {\"type\": \"mean_squared_error\"}}",
                                       mote_shape_vector(PATH_WIDTH), &error);
    cr_assert(dataset && model, "%s", error.message);
    cr_expect_null(mote_trainer_create(
        model, dataset, "{\"schedule\": {\"type\": \"on_plateau\", \"metric\": \"accuracy\"}}", 1,
        &error));
    cr_expect_str_eq(error.message, "train.schedule: on_plateau follows the validation accuracy, "
                                    "but the model predicts numbers; set metric to \"loss\"");
    mote_model_destroy(model);
    mote_dataset_destroy(dataset);
}
