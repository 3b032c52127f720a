/* stopping_test.c: training ends when validation stops improving or reaches the target, or time is
 * up; and interrupted runs, resumed, end in the same place.
 */
#include <criterion/criterion.h>

#include "mote/trainer.h"
#include "networks.h"
#include "scratch.h"
#include "train/trainer.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

TestSuite(stopping, .init = scratch_enter, .fini = scratch_leave);

/* ---- the data: a quarter of the labels are random, and can only be memorised ---- */

enum {
    SAMPLES = 120,
    WIDTH = 10,
    MOST_EPOCHS = 60
};

static mote_real numbers[SAMPLES * WIDTH];
static uint32_t labels[SAMPLES];

typedef struct run {
    mote_dataset *dataset;
    mote_model *model;
    mote_trainer *trainer;
    mote_error error;
    uint64_t stop_after; /* an epoch; 0: never */
    size_t epochs;
    double losses[MOST_EPOCHS + 1], accuracies[MOST_EPOCHS + 1]; /* by epoch, from 1 */
    mote_ending ending;
} run;

static bool listen(void *context, const mote_event *event) {
    run *r = context;
    if (event->kind == MOTE_EVENT_EPOCH) {
        r->epochs = event->epoch;
        r->losses[event->epoch] = event->validation.loss;
        r->accuracies[event->epoch] = event->validation.accuracy;
    }
    r->ending = event->ending;
    return !r->stop_after || event->epoch < r->stop_after || event->kind != MOTE_EVENT_EPOCH;
}

static void run_open_on(run *r, const char *dataset_json, const char *json) {
    *r = (run){0};
    mote_random random = mote_random_create(3, MOTE_RANDOM_DATA, 0);
    numbers_uniform(&random, -1, 1, SAMPLES * WIDTH, numbers);
    for (size_t i = 0; i < SAMPLES; i++) {
        bool noise = mote_random_below(&random, 4) == 0;
        labels[i] = noise ? (uint32_t)mote_random_below(&random, 2) : numbers[i * WIDTH] > 0;
    }
    const mote_samples samples = {
        .count = SAMPLES, .shape = mote_shape_vector(WIDTH), .numbers = numbers, .labels = labels};
    r->dataset = mote_dataset_from_arrays(&samples, NULL, dataset_json, 1, &r->error);
    r->model = network_create(
        "{\"layers\": [{\"type\": \"dense\", \"units\": 32}, {\"type\": \"relu\"}, {\"type\": "
        "\"dense\", \"units\": 2}], \"output\": {\"type\": \"softmax_cross_entropy\"}}",
        mote_shape_vector(WIDTH), &r->error);
    cr_assert(r->dataset && r->model, "%s", r->error.message);
    cr_assert_eq(mote_model_initialize(r->model, 1, &r->error), MOTE_OK);
    r->trainer = mote_trainer_create(r->model, r->dataset, json, 5, &r->error);
    cr_assert(r->trainer, "%s", r->error.message);
    mote_trainer_set_listener(r->trainer, listen, r);
}

static void run_open(run *r, const char *json) {
    run_open_on(r, "{\"validation_fraction\": 0.3}", json);
}

static void run_close(run *r) {
    mote_trainer_destroy(r->trainer);
    mote_model_destroy(r->model);
    mote_dataset_destroy(r->dataset);
}

#define TRAIN(more)                                                                                \
    "{\"epochs\": 60, \"batch_size\": 8, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": "   \
    "0.1, \"momentum\": 0.9}" more "}"

/* ---- patience ---- */

/* The epoch at which the rule ends training. */
static size_t last_epoch(const double *values, double sign, double min_delta, size_t patience) {
    double best = sign * values[1];
    for (size_t epoch = 2, waited = 0; epoch <= MOST_EPOCHS; epoch++) {
        bool better = sign * values[epoch] > best + min_delta;
        best = better ? sign * values[epoch] : best;
        waited = better ? 0 : waited + 1;
        if (waited == patience) {
            return epoch;
        }
    }
    return MOST_EPOCHS;
}

Test(stopping, after_so_many_epochs_that_are_no_better) {
    static const struct {
        const char *json;
        size_t patience;
        bool accuracy;
        double min_delta;
    } rows[] = {
        {TRAIN(", \"early_stopping\": {\"patience\": 1}"), 1, false, 0},
        {TRAIN(", \"early_stopping\": {\"patience\": 4}"), 4, false, 0},
        {TRAIN(", \"early_stopping\": {\"patience\": 3, \"min_delta\": 0.05}"), 3, false, 0.05},
        {TRAIN(", \"early_stopping\": {\"patience\": 3, \"metric\": \"accuracy\"}"), 3, true, 0},
    };
    static run whole, stopped;
    run_open(&whole, TRAIN(""));
    cr_assert_eq(mote_trainer_run(whole.trainer, &whole.error), MOTE_OK);
    cr_expect_eq(whole.ending, MOTE_ENDING_STEPS);
    for (size_t i = 0; i < COUNT(rows); i++) {
        run_open(&stopped, rows[i].json);
        cr_expect_eq(mote_trainer_run(stopped.trainer, &stopped.error), MOTE_OK);
        const double *values = rows[i].accuracy ? whole.accuracies : whole.losses;
        size_t last =
            last_epoch(values, rows[i].accuracy ? 1 : -1, rows[i].min_delta, rows[i].patience);
        cr_expect_lt(last, (size_t)MOST_EPOCHS, "row %zu has to end early", i);
        cr_expect_eq(stopped.epochs, last, "row %zu: %zu, not %zu", i, stopped.epochs, last);
        cr_expect_eq(stopped.ending, MOTE_ENDING_PATIENCE);
        double best = 0;
        for (size_t epoch = 1; epoch <= last; epoch++) {
            best = whole.accuracies[epoch] > best ? whole.accuracies[epoch] : best;
        }
        mote_part part = mote_dataset_part(stopped.dataset, MOTE_VALIDATION);
        mote_metrics found;
        mote_trainer_destroy(stopped.trainer);
        stopped.trainer = NULL;
        cr_assert_eq(mote_evaluate(stopped.model, &part, &found, NULL, NULL), MOTE_OK);
        cr_expect_float_eq(found.accuracy, best, 1e-9, "row %zu: %g, best %g", i, found.accuracy,
                           best);
        run_close(&stopped);
    }
    run_close(&whole);
}

/* Interrupts a run after each epoch in turn and resumes it. Leaves a checkpoint of the whole
 * run. */
static void expect_same_end(const char *json) {
    static run whole, part;
    run_open(&whole, json);
    cr_assert_eq(mote_trainer_run(whole.trainer, &whole.error), MOTE_OK);
    for (uint64_t after = 1; after < whole.epochs; after++) {
        run_open(&part, json);
        part.stop_after = after;
        cr_assert_eq(mote_trainer_run(part.trainer, NULL), MOTE_INTERRUPTED);
        cr_expect_eq(part.ending, MOTE_ENDING_NONE);
        cr_assert_eq(mote_trainer_save(part.trainer, scratch_path("c"), NULL), MOTE_OK);
        run_close(&part);
        run_open(&part, json);
        cr_assert_eq(mote_trainer_restore(part.trainer, scratch_path("c"), &part.error), MOTE_OK,
                     "%s", part.error.message);
        cr_assert_eq(mote_trainer_run(part.trainer, NULL), MOTE_OK);
        cr_expect_eq(part.epochs, whole.epochs, "%s after %ju: %zu, not %zu", json,
                     (uintmax_t)after, part.epochs, whole.epochs);
        cr_expect_eq(part.ending, MOTE_ENDING_PATIENCE);
        run_close(&part);
    }
    cr_assert_eq(mote_trainer_save(whole.trainer, scratch_path("end"), NULL), MOTE_OK);
    run_close(&whole);
}

Test(stopping, counts_on_where_a_run_goes_on) {
    static run part;
    expect_same_end(TRAIN(", \"early_stopping\": {\"patience\": 4, \"metric\": \"accuracy\"}"));
    expect_same_end(TRAIN(", \"early_stopping\": {\"patience\": 4}"));
    /* With less patience the run stays ended; with more, or no limit, it continues. */
    static const struct {
        const char *json;
        bool goes_on;
    } rows[] = {{TRAIN(", \"early_stopping\": {\"patience\": 2}"), false},
                {TRAIN(", \"early_stopping\": {\"patience\": 9}"), true},
                {TRAIN(""), true}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        run_open(&part, rows[i].json);
        cr_assert_eq(mote_trainer_restore(part.trainer, scratch_path("end"), &part.error), MOTE_OK,
                     "%s", part.error.message);
        cr_assert_eq(mote_trainer_run(part.trainer, NULL), MOTE_OK);
        cr_expect_eq(part.epochs > 0, rows[i].goes_on, "row %zu: epoch %zu", i, part.epochs);
        run_close(&part);
    }
}

/* ---- targets and time ---- */

Test(stopping, at_an_accuracy) {
    static run r;
    run_open(&r, TRAIN(", \"target_accuracy\": 0.75"));
    cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK);
    cr_expect_eq(r.ending, MOTE_ENDING_TARGET);
    for (size_t epoch = 1; epoch <= r.epochs; epoch++) {
        cr_expect_eq(r.accuracies[epoch] >= 0.75, epoch == r.epochs);
    }
    run_close(&r);
}

Test(stopping, when_the_time_is_over) {
    static run r;
    run_open(&r, TRAIN(", \"max_minutes\": 1e-9"));
    cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK);
    cr_expect_eq(r.ending, MOTE_ENDING_TIME);
    cr_expect_eq(r.epochs, (size_t)1);
    run_close(&r);
}

/* After an hour of training before the interruption. */
Test(stopping, when_the_time_of_all_parts_is_over) {
    static run r;
    run_open(&r, TRAIN(", \"max_minutes\": 90"));
    r.stop_after = 1;
    cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_INTERRUPTED);
    r.trainer->position.seconds += 3600;
    cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("c"), NULL), MOTE_OK);
    run_close(&r);
    static const struct {
        const char *json;
        mote_ending ending;
        size_t epochs;
    } rows[] = {{TRAIN(", \"max_minutes\": 90"), MOTE_ENDING_STEPS, MOST_EPOCHS},
                {TRAIN(", \"max_minutes\": 60"), MOTE_ENDING_TIME, 2}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        run_open(&r, rows[i].json);
        cr_assert_eq(mote_trainer_restore(r.trainer, scratch_path("c"), &r.error), MOTE_OK, "%s",
                     r.error.message);
        cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK, "%s", r.error.message);
        cr_expect_eq(r.ending, rows[i].ending, "row %zu", i);
        cr_expect_eq(r.epochs, rows[i].epochs, "row %zu: epoch %zu", i, r.epochs);
        run_close(&r);
    }
}

/* ---- an ended run continues when given more ---- */

/* max_steps ends training in the middle of an epoch, which is validated there; with more steps,
 * training continues that same epoch. */
Test(stopping, in_the_middle_of_an_epoch) {
    static run whole, part;
    run_open(&whole, TRAIN(""));
    cr_assert_eq(mote_trainer_run(whole.trainer, &whole.error), MOTE_OK);
    run_open(&part, TRAIN(", \"max_steps\": 27"));
    cr_assert_eq(mote_trainer_run(part.trainer, &part.error), MOTE_OK);
    cr_expect_eq(part.ending, MOTE_ENDING_STEPS);
    cr_expect_eq(part.epochs, (size_t)3);
    cr_expect_neq(part.losses[3], whole.losses[3]);
    cr_assert_eq(mote_trainer_save(part.trainer, scratch_path("c"), NULL), MOTE_OK);
    run_close(&part);
    static const struct {
        const char *json;
        size_t epochs;
    } rows[] = {{TRAIN(", \"max_steps\": 27"), 0},
                {TRAIN(", \"max_steps\": 31"), 3},
                {TRAIN(""), MOST_EPOCHS}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        run_open(&part, rows[i].json);
        cr_assert_eq(mote_trainer_restore(part.trainer, scratch_path("c"), &part.error), MOTE_OK,
                     "%s", part.error.message);
        cr_assert_eq(mote_trainer_run(part.trainer, NULL), MOTE_OK);
        cr_expect_eq(part.epochs, rows[i].epochs, "row %zu: epoch %zu", i, part.epochs);
        for (size_t epoch = 3; i == 2 && epoch <= MOST_EPOCHS; epoch++) {
            cr_expect_eq(part.losses[epoch], whole.losses[epoch], "epoch %zu", epoch);
        }
        run_close(&part);
    }
    run_close(&whole);
}

#define ON_PLATEAU                                                                                 \
    ", \"schedule\": {\"type\": \"on_plateau\", \"patience\": 0, \"threshold\": 0.5, \"factor\": " \
    "0.9}"

/* The first part of an epoch does not count as an epoch without progress. */
Test(stopping, in_the_middle_of_an_epoch_does_not_change_the_learning_rate) {
    static run whole, part;
    run_open(&whole, TRAIN(ON_PLATEAU));
    cr_assert_eq(mote_trainer_run(whole.trainer, NULL), MOTE_OK);
    run_open(&part, TRAIN(ON_PLATEAU ", \"max_steps\": 27"));
    cr_assert_eq(mote_trainer_run(part.trainer, NULL), MOTE_OK);
    cr_expect_neq(part.losses[3], whole.losses[3]);
    cr_assert_eq(mote_trainer_save(part.trainer, scratch_path("c"), NULL), MOTE_OK);
    run_close(&part);
    run_open(&part, TRAIN(ON_PLATEAU));
    cr_assert_eq(mote_trainer_restore(part.trainer, scratch_path("c"), NULL), MOTE_OK);
    cr_assert_eq(mote_trainer_run(part.trainer, NULL), MOTE_OK);
    for (size_t epoch = 3; epoch <= MOST_EPOCHS; epoch++) {
        cr_expect_eq(part.losses[epoch], whole.losses[epoch], "epoch %zu", epoch);
    }
    run_close(&part);
    run_close(&whole);
}

static bool stop_at_once(void *context, const mote_event *event) {
    run *r = context;
    r->ending = event->ending;
    return false;
}

Test(stopping, tells_of_no_ending_that_does_not_hold_any_more) {
    static run r;
    run_open(&r, TRAIN(", \"max_minutes\": 1e-9"));
    cr_assert_eq(mote_trainer_run(r.trainer, &r.error), MOTE_OK);
    cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("c"), NULL), MOTE_OK);
    run_close(&r);
    run_open(&r, TRAIN(""));
    cr_assert_eq(mote_trainer_restore(r.trainer, scratch_path("c"), NULL), MOTE_OK);
    mote_trainer_set_listener(r.trainer, stop_at_once, &r);
    cr_expect_eq(mote_trainer_run(r.trainer, NULL), MOTE_INTERRUPTED);
    cr_expect_eq(r.ending, MOTE_ENDING_NONE, "ending %d", r.ending);
    run_close(&r);
}

/* The model then holds the best weights, or averages; training continues from the last weights,
 * which are saved. */
Test(stopping, at_the_last_epoch_saves_what_more_epochs_go_on_from) {
    static const struct {
        const char *dataset, *train;
        bool validates;
    } rows[] = {{"{\"validation_fraction\": 0.3}", TRAIN(""), true},
                {"{\"validation_fraction\": 0.3}", TRAIN(", \"weight_average\": 0.9"), true},
                {NULL, TRAIN(", \"weight_average\": 0.9"), false}};
    static run whole, part;
    enum {
        LAST = 20
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        run_open_on(&whole, rows[i].dataset, rows[i].train);
        cr_assert_eq(mote_trainer_run(whole.trainer, &whole.error), MOTE_OK);
        mote_tensor expected = mote_model_parameter(whole.model, "layers.0.weight");
        run_open_on(&part, rows[i].dataset, rows[i].train);
        part.trainer->total_steps = LAST * part.trainer->epoch_steps;
        cr_assert_eq(mote_trainer_run(part.trainer, NULL), MOTE_OK);
        cr_assert(!rows[i].validates ||
                  part.trainer->position.best_accuracy > part.accuracies[LAST]);
        cr_assert_eq(mote_trainer_save(part.trainer, scratch_path("c"), NULL), MOTE_OK);
        /* Restores into the trainer that has reached its end, then into a new one. */
        for (size_t again = 0; again < 2; again++) {
            part.trainer->total_steps = MOST_EPOCHS * part.trainer->epoch_steps;
            cr_assert_eq(mote_trainer_restore(part.trainer, scratch_path("c"), NULL), MOTE_OK);
            cr_assert_eq(mote_trainer_run(part.trainer, NULL), MOTE_OK);
            mote_tensor found = mote_model_parameter(part.model, "layers.0.weight");
            cr_expect_arr_eq(found.data, expected.data,
                             mote_shape_count(expected.shape) * sizeof *expected.data,
                             "row %zu, %zu", i, again);
            run_close(&part);
            run_open_on(&part, rows[i].dataset, rows[i].train);
        }
        run_close(&part);
        run_close(&whole);
    }
}

/* A run that would have ended there anyway does not continue with more epochs. */
Test(stopping, for_more_reasons_than_one_stays) {
    static const struct {
        const char *json;
        mote_ending ending;
    } rows[] = {{TRAIN(", \"target_accuracy\": 0.75"), MOTE_ENDING_TARGET},
                {TRAIN(", \"early_stopping\": {\"patience\": 2}"), MOTE_ENDING_PATIENCE}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        static run r;
        run_open(&r, rows[i].json);
        cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
        size_t steps = r.epochs * r.trainer->epoch_steps;
        run_close(&r);
        run_open(&r, rows[i].json);
        r.trainer->total_steps = steps;
        cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
        cr_expect_eq(r.ending, rows[i].ending, "row %zu: ending %d", i, r.ending);
        cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("c"), NULL), MOTE_OK);
        run_close(&r);
        run_open(&r, rows[i].json);
        cr_assert_eq(mote_trainer_restore(r.trainer, scratch_path("c"), NULL), MOTE_OK);
        cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
        cr_expect_eq(r.epochs, (size_t)0, "row %zu: epoch %zu", i, r.epochs);
        cr_expect_eq(r.ending, rows[i].ending, "row %zu: ending %d", i, r.ending);
        run_close(&r);
    }
}

#define IMPATIENT ", \"early_stopping\": {\"patience\": 1, \"min_delta\": 100}"

Test(stopping, is_not_for_lack_of_patience_in_the_middle_of_an_epoch) {
    static run r;
    run_open(&r, TRAIN(IMPATIENT));
    r.trainer->total_steps = r.trainer->epoch_steps + 3;
    cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
    cr_expect_eq(r.ending, MOTE_ENDING_STEPS, "ending %d", r.ending);
    cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("c"), NULL), MOTE_OK);
    run_close(&r);
    run_open(&r, TRAIN(IMPATIENT));
    cr_assert_eq(mote_trainer_restore(r.trainer, scratch_path("c"), NULL), MOTE_OK);
    cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
    cr_expect(r.epochs == 2 && r.ending == MOTE_ENDING_PATIENCE, "epoch %zu", r.epochs);
    run_close(&r);
}

/* Accuracies are not compared with the best loss, nor losses with the best accuracy. */
Test(stopping, by_another_metric_counts_anew) {
    static const char *const jsons[] = {TRAIN(", \"early_stopping\": {\"patience\": 2}"),
                                        TRAIN(", \"early_stopping\": {\"patience\": 2, "
                                              "\"metric\": \"accuracy\"}")};
    static run whole, r;
    run_open(&whole, TRAIN(""));
    cr_assert_eq(mote_trainer_run(whole.trainer, &whole.error), MOTE_OK);
    for (size_t to = 0; to < COUNT(jsons); to++) {
        run_open(&r, jsons[1 - to]);
        cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
        cr_assert_eq(r.ending, MOTE_ENDING_PATIENCE);
        cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("c"), NULL), MOTE_OK);
        size_t before = r.epochs;
        run_close(&r);
        run_open(&r, jsons[to]);
        cr_assert_eq(mote_trainer_restore(r.trainer, scratch_path("c"), NULL), MOTE_OK);
        cr_assert_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
        const double *values = to ? whole.accuracies : whole.losses;
        size_t after = last_epoch(values + before, to ? 1 : -1, 0, 2);
        cr_expect_eq(r.epochs, before + after, "row %zu: %zu, not %zu + %zu", to, r.epochs, before,
                     after);
        run_close(&r);
    }
    run_close(&whole);
}
