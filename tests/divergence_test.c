/* divergence_test.c: non-finite numbers are traced to the layer, the parameter and the samples
 * where they first appeared, whenever they show.
 */
#include <criterion/criterion.h>

#include <math.h>

#include "mote/trainer.h"
#include "networks.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* ---- a layer that goes wrong at one sample ---- */

typedef struct trap_layer {
    mote_layer base;
    mote_parameter scale;
    size_t mode;
} trap_layer;

enum {
    NO_TRAP,
    IN_Y,
    IN_GRADIENT,
    IN_DX,
    IN_TIME,
};

static size_t good_passes; /* that IN_TIME has left */

static const mote_field trap_fields[] = {
    {.name = "mode",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(trap_layer, mode),
     .range = MOTE_BETWEEN(0, IN_TIME),
     .preset = "0",
     .help = "where it goes wrong"},
    MOTE_FIELDS_END,
};

static mote_status trap_build(mote_layer *base, mote_error *error) {
    trap_layer *layer = (trap_layer *)base;
    base->output_shape = base->input_shape;
    layer->scale = (mote_parameter){.name = "scale",
                                    .shape = mote_shape_vector(1),
                                    .initializer = {.kind = MOTE_INITIALIZER_ONES},
                                    .fan_in = 1,
                                    .fan_out = 1};
    return mote_layer_add_parameter(base, &layer->scale, error);
}

/* Whether a row has a number as large as in no other sample: what the preceding layers make of it
 * is large, too. */
static bool springs(size_t width, const mote_real *x) {
    for (size_t i = 0; i < width; i++) {
        if (fabs((double)x[i]) > 500) {
            return true;
        }
    }
    return false;
}

static void trap_forward(mote_layer *base, const mote_pass *pass, const mote_real *x,
                         mote_real *y) {
    const trap_layer *layer = (trap_layer *)base;
    size_t width = mote_shape_count(base->input_shape);
    memcpy(y, x, pass->batch * width * sizeof *y);
    for (size_t i = 0; i < pass->batch && layer->mode == IN_Y; i++) {
        if (springs(width, x + i * width)) {
            y[i * width] = (mote_real)INFINITY;
        }
    }
    if (layer->mode == IN_TIME && good_passes == 0) {
        y[0] = (mote_real)NAN;
    } else if (layer->mode == IN_TIME) {
        good_passes--;
    }
}

static void trap_backward(mote_layer *base, const mote_pass *pass, const mote_real *x,
                          const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    const trap_layer *layer = (trap_layer *)base;
    size_t width = mote_shape_count(base->input_shape);
    for (size_t i = 0; i < pass->batch; i++) {
        if (springs(width, x + i * width)) {
            for (size_t k = 0; k < width && layer->mode == IN_DX; k++) {
                dy[i * width + k] = (mote_real)NAN;
            }
            layer->scale.gradient[0] = layer->mode == IN_GRADIENT ? (mote_real)NAN : 0;
        }
    }
    if (dx) {
        memcpy(dx, dy, pass->batch * width * sizeof *dx);
    }
}

static const mote_layer_class trap_class = {.type = "trap",
                                            .summary = "goes wrong at one sample",
                                            .size = sizeof(trap_layer),
                                            .fields = trap_fields,
                                            .build = trap_build,
                                            .forward = trap_forward,
                                            .backward = trap_backward};

/* ---- samples ---- */

enum {
    SAMPLES = 200,
    WIDTH = 6,
    MARKED = 123,
    LISTED = 8
};

#define AS_IT_IS "{\"normalize\": \"none\"}"

static mote_real numbers[SAMPLES * WIDTH];
static uint32_t labels[SAMPLES];

static mote_dataset *dataset_create(double marked, const char *json) {
    mote_random random = mote_random_create(3, MOTE_RANDOM_DATA, 0);
    numbers_uniform(&random, -1, 1, SAMPLES * WIDTH, numbers);
    for (size_t i = 0; i < SAMPLES; i++) {
        labels[i] = numbers[i * WIDTH] > 0;
    }
    for (size_t i = 0; i < WIDTH; i++) {
        numbers[MARKED * WIDTH + i] = (mote_real)marked;
    }
    const mote_samples samples = {
        .count = SAMPLES, .shape = mote_shape_vector(WIDTH), .numbers = numbers, .labels = labels};
    mote_error error = {0};
    mote_dataset *dataset = mote_dataset_from_arrays(&samples, NULL, json, 1, &error);
    cr_assert(dataset, "%s", error.message);
    return dataset;
}

/* ---- running ---- */

typedef struct witness {
    bool told, stopped, validation, updated, lists_marked;
    char layer[128], what[128], parameter[128];
    size_t epoch, affected;
    uint64_t step;
    uint32_t first_affected;
    uint64_t jump_step; /* 0: no jump is reported */
    uint32_t jump_worst;
    double jump_growth, jump_contrast; /* of the worst loss to the median */
} witness;

static bool listen(void *context, const mote_event *event) {
    witness *w = context;
    const mote_divergence *d = event->divergence;
    cr_expect_eq(d != NULL, event->kind == MOTE_EVENT_DIVERGED);
    if (d) {
        cr_expect(!w->told, "told twice");
        w->told = true;
        w->validation = d->validation;
        w->updated = d->updated;
        snprintf(w->layer, sizeof w->layer, "%s", d->layer);
        snprintf(w->what, sizeof w->what, "%s", d->what);
        snprintf(w->parameter, sizeof w->parameter, "%s", d->parameter ? d->parameter : "");
        cr_expect(event->epoch <= event->epochs && event->step <= event->total_steps);
        cr_expect_eq(event->step, (event->epoch - 1) * event->epoch_steps + event->epoch_step);
        cr_expect_eq(event->train.samples > 0, event->epoch_step > 0);
        w->epoch = event->epoch;
        w->step = event->step;
        w->affected = d->affected_count;
        w->first_affected = d->affected_count ? d->affected[0] : 0;
        for (size_t i = 0; i < d->sample_count; i++) {
            w->lists_marked = w->lists_marked || d->samples[i] == MARKED;
        }
        if (d->jump) {
            w->jump_step = d->jump->step;
            w->jump_worst = d->jump->worst_sample;
            w->jump_growth = d->jump->after / d->jump->before;
            w->jump_contrast = d->jump->worst_loss / d->jump->median_loss;
        }
    }
    w->stopped = event->kind == MOTE_EVENT_STOPPED;
    return true;
}

/* Trains what has to diverge. Returns what the listener was told; the report goes to `report`. */
static witness witness_divergence(const char *network, mote_dataset *dataset, const char *train,
                                  mote_error *report) {
    *report = (mote_error){0};
    mote_model *model = network_create(network, mote_dataset_shape(dataset), report);
    cr_assert(model, "%s", report->message);
    cr_assert_eq(mote_model_initialize(model, 1, report), MOTE_OK);
    mote_trainer *trainer = mote_trainer_create(model, dataset, train, 5, report);
    cr_assert(trainer, "%s", report->message);
    witness w = {0};
    mote_trainer_set_listener(trainer, listen, &w);
    cr_expect_eq(mote_trainer_run(trainer, report), MOTE_DIVERGED, "%s: %s", network, train);
    cr_expect(w.stopped);
    mote_trainer_destroy(trainer);
    mote_model_destroy(model);
    mote_dataset_destroy(dataset);
    return w;
}

#define OUTPUT "\"output\": {\"type\": \"softmax_cross_entropy\"}}"
#define PLAIN                                                                                      \
    "{\"layers\": [{\"type\": \"dense\", \"units\": 8, \"bias\": false}, {\"type\": \"relu\"}, "   \
    "{\"type\": \"trap\", \"mode\": %d}, {\"type\": \"dense\", \"units\": 2}], " OUTPUT
#define WITHIN                                                                                     \
    "{\"layers\": [{\"type\": \"dense\", \"units\": 8, \"bias\": false}, {\"type\": "              \
    "\"residual\", \"layers\": [{\"type\": \"trap\", \"mode\": %d}, {\"type\": \"dense\", "        \
    "\"units\": 8}]}, {\"type\": \"dense\", \"units\": 2}], " OUTPUT

static const char *const networks[] = {PLAIN, WITHIN};
static const char *const places[] = {"layers[2] (trap)", "layers[1].layers[0] (trap)"};
static const char *const parameters[] = {"layers.2.scale", "layers.1.layers.0.scale"};

/* In one step, in many, across the end of an epoch, with accumulated gradients, on several
 * threads. */
static const char *const trainings[] = {
    "{\"batch_size\": 200}",
    "{\"batch_size\": 10, \"optimizer\": {\"type\": \"adamw\"}}",
    ("{\"batch_size\": 3, \"threads\": 2, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": "
     "1e-4, \"momentum\": 0.9}, \"weight_average\": 0.9}"),
    "{\"batch_size\": 5, \"accumulate\": 4, \"clip_gradient_norm\": 1}",
    "{\"batch_size\": 7, \"shuffle\": false, \"accumulate\": 2, \"threads\": 2}",
};

static void check_trap(int mode, size_t network, const char *training) {
    char json[1024];
    snprintf(json, sizeof json, networks[network], mode);
    mote_error report;
    witness w = witness_divergence(json, dataset_create(1e4, AS_IT_IS), training, &report);
    cr_expect_str_eq(w.layer, places[network], "%s: %s", training, report.message);
    cr_expect_eq(w.epoch, (size_t)1);
    cr_expect(w.lists_marked, "%s: %s", training, report.message);
    if (mode == IN_GRADIENT) {
        cr_expect_str_eq(w.parameter, parameters[network]);
        cr_expect_eq(w.affected, (size_t)0);
    } else {
        cr_expect_str_eq(w.parameter, "");
        cr_expect(w.affected == 1 && w.first_affected == MARKED, "%s: %zu affected, %u", training,
                  w.affected, w.first_affected);
    }
    cr_expect_eq(strncmp(report.message, w.what, strlen(w.what)), 0, "%s", report.message);
}

Test(divergence, names_the_layer_and_the_samples) {
    mote_layer_register(&trap_class, NULL);
    for (int mode = IN_Y; mode <= IN_DX; mode++) {
        for (size_t i = 0; i < COUNT(networks); i++) {
            for (size_t k = 0; k < COUNT(trainings); k++) {
                check_trap(mode, i, trainings[k]);
            }
        }
    }
}

Test(divergence, reports_what_can_be_read) {
    mote_layer_register(&trap_class, NULL);
    char json[1024];
    snprintf(json, sizeof json, PLAIN, IN_GRADIENT);
    mote_error report;
    witness_divergence(json, dataset_create(1e4, AS_IT_IS),
                       "{\"batch_size\": 2, \"shuffle\": false, \"optimizer\": {\"type\": \"sgd\", "
                       "\"learning_rate\": 0.001}}",
                       &report);
    const char *const parts[] = {
        "the gradient of layers.2.scale in layers[2] (trap) became NaN in epoch 1, step 62, at a "
        "learning rate of 0.001\n  its input: 0 ... ",
        "\n  layers.2.scale before: 1 ... 1\n  samples of the batch, counted from 0: 122, 123 (2)\n"
        "try a lower learning rate, a warm-up, clip_gradient_norm, or another normalization of the "
        "data",
    };
    for (size_t i = 0; i < COUNT(parts); i++) {
        cr_expect(strstr(report.message, parts[i]), "found \"%s\"", report.message);
    }
}

/* Although the NaN shows only in the next step, and the preceding ones are replayed. */
Test(divergence, tells_the_learning_rate_of_its_step) {
    mote_layer_register(&trap_class, NULL);
    char json[1024];
    snprintf(json, sizeof json, PLAIN, IN_GRADIENT);
    mote_error report;
    witness_divergence(json, dataset_create(1e4, AS_IT_IS),
                       "{\"batch_size\": 2, \"shuffle\": false, \"optimizer\": {\"type\": \"sgd\", "
                       "\"learning_rate\": 0.001}, \"schedule\": {\"type\": \"constant\", "
                       "\"warmup_epochs\": 1}}",
                       &report);
    cr_expect(strstr(report.message, " step 62, at a learning rate of 0.00062\n"), "found \"%s\"",
              report.message);
}

/* Such a layer is faulty, with a state of its own or an uninitialized number. Steps that succeeded
 * fail when they are replayed. */
Test(divergence, of_a_layer_that_does_not_do_the_same_twice_is_told, .timeout = 20) {
    mote_layer_register(&trap_class, NULL);
    char json[1024];
    snprintf(json, sizeof json, PLAIN, IN_TIME);
    mote_error report;
    good_passes = 30;
    witness w =
        witness_divergence(json, dataset_create(0, AS_IT_IS), "{\"batch_size\": 5}", &report);
    cr_expect_str_eq(w.layer, places[0], "%s", report.message);
    cr_expect_eq(w.step, (uint64_t)30, "%s", report.message);
    cr_expect_eq(w.jump_step, (uint64_t)0, "%s", report.message);
}

#define ORDINARY                                                                                   \
    "{\"layers\": [{\"type\": \"dense\", \"units\": 8}, {\"type\": \"relu\"}, {\"type\": "         \
    "\"dense\", \"units\": 2}], " OUTPUT

#define LINEAR(between)                                                                            \
    "{\"layers\": [{\"type\": \"dense\", \"units\": 8}, " between                                  \
    "{\"type\": \"dense\", \"units\": 2}], " OUTPUT

/* What sample 123, in step 25 of an epoch of 40, does to the weights is still finite. The next step
 * overflows, whatever its samples are. */
Test(divergence, tells_of_the_step_before_that_made_weights_large) {
    static const char *const rows[] = {
        "{\"batch_size\": 5, \"shuffle\": false}",
        "{\"batch_size\": 5, \"shuffle\": false, \"clip_gradient_norm\": 1e30, \"threads\": 2}",
        "{\"batch_size\": 1, \"accumulate\": 5, \"shuffle\": false, \"weight_average\": 0.9}",
    };
    static const char *const linear[] = {LINEAR(""),
                                         LINEAR("{\"type\": \"dropout\", \"rate\": 0.2}, ")};
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t k = 0; k < COUNT(linear); k++) {
            mote_error report;
            witness w =
                witness_divergence(linear[k], dataset_create(1e25, AS_IT_IS), rows[i], &report);
            cr_expect_eq(w.step % 40, (uint64_t)25, "%s: %s", rows[i], report.message);
            cr_expect_eq(w.jump_step, w.step, "%s: %s", rows[i], report.message);
            cr_expect_eq(w.jump_worst, (uint32_t)MARKED, "%s: %s", rows[i], report.message);
            cr_expect(w.jump_growth > 1e10, "%s: %s", rows[i], report.message);
            cr_expect(w.jump_contrast > 1e6, "%s: %s", rows[i], report.message);
            cr_expect(
                strstr(report.message,
                       "\n  samples of that step: 120, 121, 122, 123, 124 (5)\n  of these, 123 "
                       "had the largest loss, "),
                "%s", report.message);
            cr_expect(strstr(report.message, "\nlook at sample 123 first: its loss stands out\n"
                                             "try a lower"),
                      "%s", report.message);
        }
    }
}

Test(divergence, compares_no_sample_with_itself) {
    mote_error report;
    witness w = witness_divergence(LINEAR(""), dataset_create(1e25, AS_IT_IS),
                                   "{\"batch_size\": 1, \"shuffle\": false}", &report);
    cr_expect_eq(w.jump_step % SAMPLES, (uint64_t)MARKED + 1, "%s", report.message);
    cr_expect(strstr(report.message, "\n  samples of that step: 123 (1)\n  its loss was "), "%s",
              report.message);
}

/* The first step makes them five hundred times larger, which is not worth reporting. */
Test(divergence, tells_of_no_weights_that_began_next_to_0) {
    mote_error report;
    witness w = witness_divergence(
        "{\"layers\": [{\"type\": \"dense\", \"units\": 2, \"initializer\": 0.001}], " OUTPUT,
        dataset_create(3e38, AS_IT_IS),
        "{\"batch_size\": 5, \"shuffle\": false, \"optimizer\": {\"type\": \"adamw\", "
        "\"learning_rate\": 0.5}}",
        &report);
    cr_expect_str_eq(w.layer, "layers[0] (dense)", "%s", report.message);
    cr_expect_eq(w.jump_step, (uint64_t)0, "%s", report.message);
}

/* The first step, on samples of 1, sets the weight to the mean of their targets; the next sample
 * overflows. `after` are further layers. */
static witness witness_first_step(double initial, const char *after, const double targets[3],
                                  mote_error *report) {
    static const mote_real ones[] = {1, 1, 1, (mote_real)3e38};
    mote_real values[4] = {0};
    for (size_t i = 0; i < 3; i++) {
        values[i] = (mote_real)targets[i];
    }
    const mote_samples samples = {.count = COUNT(ones),
                                  .shape = mote_shape_vector(1),
                                  .numbers = ones,
                                  .values = values,
                                  .value_width = 1};
    char network[256];
    snprintf(network, sizeof network,
             "{\"layers\": [{\"type\": \"dense\", \"units\": 1, \"bias\": false, "
             "\"initializer\": %g}%s], \"output\": {\"type\": \"mean_squared_error\"}}",
             initial, after);
    return witness_divergence(network, mote_dataset_from_arrays(&samples, NULL, AS_IT_IS, 1, NULL),
                              "{\"batch_size\": 3, \"shuffle\": false, \"optimizer\": "
                              "{\"type\": \"sgd\", \"learning_rate\": 0.5}}",
                              report);
}

/* Here the steps fail in the search itself, or while they are replayed after it. */
Test(divergence, of_a_layer_that_fails_at_any_time_is_told, .timeout = 20) {
    mote_layer_register(&trap_class, NULL);
    static const double targets[] = {1000, 1000, 1000};
    char trap[64];
    snprintf(trap, sizeof trap, ", {\"type\": \"trap\", \"mode\": %d}", IN_TIME);
    for (size_t passes = 0; passes < 10; passes++) {
        mote_error report;
        good_passes = passes;
        witness w = witness_first_step(1, trap, targets, &report);
        cr_expect(w.told, "%zu: %s", passes, report.message);
    }
}

/* Weights jump if a step makes the largest more than a hundred times larger, where those below 0.1
 * count as 0.1. A loss stands out if it is more than a thousand times the median. */
Test(divergence, tells_of_jumps_and_of_losses_that_stand_out) {
    static const struct {
        double initial, targets[3];
        bool jumps, stands_out;
    } rows[] = {
        {1, {99, 99, 99}, false, false}, {1, {101, 101, 101}, true, false},
        {0.01, {9, 9, 9}, false, false}, {0.01, {11, 11, 11}, true, false},
        {0, {9, 9, 9}, false, false},    {0, {1, 1, 31}, true, false},
        {0, {1, 1, 32}, true, true},     {0, {1, 1, -32.5}, true, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_error report;
        witness w = witness_first_step(rows[i].initial, "", rows[i].targets, &report);
        cr_expect_eq(w.step, (uint64_t)1, "row %zu: %s", i, report.message);
        cr_expect_eq(w.jump_step, (uint64_t)rows[i].jumps, "row %zu: %s", i, report.message);
        bool told = strstr(report.message, "\nlook at sample 2 first: its loss stands out\n");
        cr_expect_eq(told, rows[i].stands_out, "row %zu: %s", i, report.message);
    }
}

/* A running variance grows to that of the data, however large. */
Test(divergence, tells_of_no_buffers_that_became_large) {
    static const mote_real pairs[] = {100, -100, (mote_real)3e38, (mote_real)-3e38},
                           values[COUNT(pairs)];
    const mote_samples samples = {.count = COUNT(pairs),
                                  .shape = mote_shape_vector(1),
                                  .numbers = pairs,
                                  .values = values,
                                  .value_width = 1};
    mote_error report;
    witness w = witness_divergence(
        "{\"layers\": [{\"type\": \"batch_norm\"}, {\"type\": \"dense\", \"units\": 1}], "
        "\"output\": {\"type\": \"mean_squared_error\"}}",
        mote_dataset_from_arrays(&samples, NULL, AS_IT_IS, 1, NULL),
        "{\"batch_size\": 2, \"shuffle\": false}", &report);
    cr_expect_str_eq(w.parameter, "layers.0.running_var", "%s", report.message);
    cr_expect_eq(w.step, (uint64_t)1, "%s", report.message);
    cr_expect_eq(w.jump_step, (uint64_t)0, "%s", report.message);
}

Test(divergence, of_an_update_names_the_parameter) {
    mote_error report;
    witness w = witness_divergence(
        ORDINARY, dataset_create(0, AS_IT_IS),
        "{\"max_steps\": 1, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 1e300}}",
        &report);
    cr_expect_str_eq(w.what, "layers.0.weight in layers[0] (dense)", "%s", report.message);
    cr_expect_str_eq(w.parameter, "layers.0.weight");
    cr_expect(w.updated, "%s", report.message);
    cr_expect_eq(w.step, (uint64_t)0);
    cr_expect(strstr(report.message, "\ntry a lower learning rate"), "%s", report.message);
}

/* The square of a gradient overflows, but no weight does before the next step, at samples that have
 * nothing to do with it. */
Test(divergence, of_what_the_optimizer_keeps_is_found_in_its_step) {
    static const char *const rows[] = {
        "{\"batch_size\": 5, \"shuffle\": false, \"optimizer\": {\"type\": \"adamw\"}}",
        "{\"batch_size\": 5, \"clip_gradient_norm\": 1e30, \"shuffle\": false, \"threads\": 2, "
        "\"weight_average\": 0.9, \"optimizer\": {\"type\": \"adamw\"}}",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_error report;
        witness w =
            witness_divergence(LINEAR(""), dataset_create(1e25, AS_IT_IS), rows[i], &report);
        cr_expect_str_eq(w.what, "the second_moment of layers.0.weight in layers[0] (dense)", "%s",
                         report.message);
        cr_expect(w.lists_marked && w.updated, "%s: %s", rows[i], report.message);
        cr_expect_eq(w.step % 40, (uint64_t)24, "%s: %s", rows[i], report.message);
    }
}

/* The step is repeated with the same random numbers: with others, what went wrong would mostly be
 * dropped. */
Test(divergence, behind_dropout_is_found) {
    mote_layer_register(&trap_class, NULL);
    mote_error report;
    for (size_t size = 1; size <= 10; size++) {
        char train[64];
        snprintf(train, sizeof train, "{\"epochs\": 100, \"batch_size\": %zu}", size);
        witness w = witness_divergence("{\"layers\": [{\"type\": \"dropout\", \"rate\": 0.95}, "
                                       "{\"type\": \"trap\", \"mode\": 1}, {\"type\": "
                                       "\"dense\", \"units\": 2}], " OUTPUT,
                                       dataset_create(1e4, AS_IT_IS), train, &report);
        cr_expect_str_eq(w.layer, "layers[1] (trap)", "%s: %s", train, report.message);
        cr_expect(w.affected == 1 && w.first_affected == MARKED, "%s: %s", train, report.message);
    }
}

/* The variance of a batch overflows, but no number of that batch does: x / √∞ is 0. It shows at the
 * end of the epoch. */
Test(divergence, of_a_buffer_names_it) {
    mote_error report;
    for (size_t i = 0; i < COUNT(trainings); i++) {
        witness w = witness_divergence("{\"layers\": [{\"type\": \"batch_norm\"}, {\"type\": "
                                       "\"dense\", \"units\": 2}], " OUTPUT,
                                       dataset_create(1e25, AS_IT_IS), trainings[i], &report);
        cr_expect_str_eq(w.what, "layers.0.running_var in layers[0] (batch_norm)", "%s: %s",
                         trainings[i], report.message);
        cr_expect(!w.updated, "%s: %s", trainings[i], report.message);
        cr_expect(w.lists_marked, "%s: %s", trainings[i], report.message);
        cr_expect(strstr(report.message, "layers.0.running_var before: ") &&
                      !strstr(report.message, "nothing finite"),
                  "%s: %s", trainings[i], report.message);
    }
}

Test(divergence, of_samples_names_them) {
    mote_error report;
    witness w = witness_divergence(ORDINARY, dataset_create((double)NAN, AS_IT_IS), "{}", &report);
    cr_expect_str_eq(w.what, "a sample", "%s", report.message);
    cr_expect(w.affected == 1 && w.first_affected == MARKED, "%s", report.message);
    cr_expect(strstr(report.message, "it is in the data"), "%s", report.message);
}

/* Correcting the sample comes first. */
Test(divergence, of_samples_does_not_tell_of_large_targets) {
    static const mote_real x[] = {0, (mote_real)NAN}, values[] = {1000, 2000};
    const mote_samples samples = {.count = COUNT(x),
                                  .shape = mote_shape_vector(1),
                                  .numbers = x,
                                  .values = values,
                                  .value_width = 1};
    mote_error report;
    witness w = witness_divergence(
        "{\"layers\": [{\"type\": \"dense\", \"units\": 1}], \"output\": {\"type\": "
        "\"mean_squared_error\"}}",
        mote_dataset_from_arrays(&samples, NULL, AS_IT_IS, 1, NULL), "{}", &report);
    cr_expect_str_eq(w.what, "a sample", "%s", report.message);
    cr_expect(!strstr(report.message, "targets"), "%s", report.message);
}

/* The sample is not trained on, but in validation 3e38 × weight overflows. */
Test(divergence, in_validation_names_layer_and_samples) {
    mote_dataset *dataset =
        dataset_create(3e38, "{\"normalize\": \"none\", \"validation_fraction\": 0.6}");
    mote_part part = mote_dataset_part(dataset, MOTE_VALIDATION);
    bool validates = false;
    for (size_t i = 0; i < part.count; i++) {
        validates = validates || part.indexes[i] == MARKED;
    }
    cr_assert(validates, "the seed has to put sample %d there", MARKED);
    mote_error report;
    witness w = witness_divergence(ORDINARY, dataset, "{\"batch_size\": 16}", &report);
    cr_expect(w.validation);
    cr_expect_str_eq(w.layer, "layers[0] (dense)", "%s", report.message);
    cr_expect(w.affected == 1 && w.first_affected == MARKED, "%s", report.message);
    cr_expect(strstr(report.message, "in the validation after epoch 1"), "%s", report.message);
}
