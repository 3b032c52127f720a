/* optimizers_test.c: optimizers, schedules, and what stands between gradients and weights: clipping,
 * accumulation, averages. They take PyTorch's steps, on any number of threads, stopped and resumed
 * wherever, and refuse what makes no sense.
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

/* What pytorch_optimizers.h is made of. */
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
    const char *layers, *json; /* of the model, and of "train" */
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

static const double TOLERANCE = 1e-5; /* of the largest entry, after steps each of which rounds */

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

/* What falls during the warm-up says nothing of the learning rate. */
Test(schedules, on_plateau_does_not_look_before_the_warm_up_is_over) {
    mote_train_options options =
        read_part("schedule", "on_plateau", "{\"patience\":0,\"warmup_epochs\":3}");
    double state[MOTE_SCHEDULE_STATES] = {0};
    static const double losses[] = {0, 9, 8, 7, 8}, wanted[] = {0, 0, 0, 1, 0.1};
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

/* `train` are the keys of "train", `extra` what goes in front of them. */
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
    school s = school_open(row->layers, row->json, IN_ORDER, PLAIN);
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
        snprintf(what, sizeof what, "%s, %s: %s", row->layers, row->json, row->names[i]);
        expect_close(what, mote_shape_count(tensor.shape), tensor.data, row->after[i]);
    }
    school_close(&s);
}

Test(pytorch, networks_take_the_same_path) {
    for (size_t i = 0; i < COUNT(path_values_table); i++) {
        follow_path(&path_values_table[i]);
    }
}
