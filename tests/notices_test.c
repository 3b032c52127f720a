/* notices_test.c: warnings about a run that continues nevertheless: each is given once, and only if
 * it applies.
 */
#include <criterion/criterion.h>

#include <math.h>

#include "mote/trainer.h"
#include "networks.h"
#include "scratch.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

enum {
    SAMPLES = 2000,
    WIDTH = 8
};

static mote_real numbers[SAMPLES * WIDTH];
static mote_real targets[SAMPLES];
static uint32_t labels[SAMPLES];

typedef enum task {
    HALVES,     /* two classes, by the first number */
    SENSELESS,  /* two classes, at random */
    RARE,       /* two classes, one of them rare */
    A_SUM,      /* the sum of two numbers, plus 5 */
    CENTS,      /* a hundred times that */
    DEBTS,      /* those below 0 */
    OUTLIER,    /* like A_SUM, but one target is far larger */
    FEW_CENTS,  /* like A_SUM, but of the first 900 of 2000 a hundred times that */
    MORE_CENTS, /* the first 1100 */
    PICTURES,   /* like HALVES, of 2 × 2 × 2 numbers */
    SORTED,     /* sorted into eight classes, each with a number of its own */
} task;

typedef struct notes {
    size_t count;
    char texts[8][512];
    uint64_t first, last; /* steps done at the first notice and at the end */
} notes;

static bool stops;     /* at the first notice */
static bool continues; /* after a stop in the middle */

static bool listen(void *context, const mote_event *event) {
    notes *n = context;
    cr_expect_eq(event->notice != NULL, event->kind == MOTE_EVENT_NOTICE);
    n->last = event->step;
    if (event->notice && n->count < COUNT(n->texts)) {
        n->first = n->count == 0 ? event->step : n->first;
        snprintf(n->texts[n->count++], sizeof n->texts[0], "%s", event->notice);
    }
    bool middle = event->kind == MOTE_EVENT_STEP && 2 * event->step == event->total_steps;
    return !(stops && event->notice) && !(continues && middle);
}

/* The notices of a run that resumes from the checkpoint `from`, unless that is NULL, and is saved
 * to `to`, unless that is NULL. */
static notes notes_between(const char *from, const char *to, const char *network, const char *data,
                           const char *train, task what) {
    mote_random random = mote_random_create(3, MOTE_RANDOM_DATA, 0);
    numbers_uniform(&random, -1, 1, SAMPLES * WIDTH, numbers);
    for (size_t i = 0; i < SAMPLES; i++) {
        double first = (double)numbers[i * WIDTH], limit = what == RARE ? 0.85 : 0;
        labels[i] =
            what == SENSELESS ? (uint32_t)mote_random_below(&random, 2) : (uint32_t)(first > limit);
        if (what == SORTED) {
            labels[i] = i < 1100 ? 0 : (uint32_t)(i - 1100) * (WIDTH - 1) / 900 + 1;
            for (size_t k = 0; k < WIDTH; k++) {
                numbers[i * WIDTH + k] = labels[i] == k;
            }
        }
        targets[i] = (mote_real)(first + (double)numbers[i * WIDTH + 1] + 5);
        bool cents =
            what == CENTS || (what == FEW_CENTS && i < 900) || (what == MORE_CENTS && i < 1100);
        targets[i] *= cents ? 100 : what == DEBTS ? -100 : 1;
    }
    targets[7] *= what == OUTLIER ? 1000 : 1;
    bool regression = what >= A_SUM && what <= MORE_CENTS;
    mote_shape shape = what == PICTURES ? mote_shape_image(2, 2, 2) : mote_shape_vector(WIDTH);
    const mote_samples samples = {.count = SAMPLES,
                                  .shape = shape,
                                  .numbers = numbers,
                                  .labels = regression ? NULL : labels,
                                  .values = regression ? targets : NULL,
                                  .value_width = regression};
    mote_error error = {0};
    mote_dataset *dataset = mote_dataset_from_arrays(&samples, NULL, data, 1, &error);
    mote_model *model = network_create(network, shape, &error);
    cr_assert(dataset && model, "%s", error.message);
    cr_assert_eq(mote_model_initialize(model, 1, &error), MOTE_OK);
    mote_trainer *trainer = mote_trainer_create(model, dataset, train, 5, &error);
    cr_assert(trainer, "%s", error.message);
    if (from) {
        cr_assert_eq(mote_trainer_restore(trainer, scratch_path(from), &error), MOTE_OK, "%s",
                     error.message);
    }
    notes n = {0};
    mote_trainer_set_listener(trainer, listen, &n);
    if (continues) {
        cr_assert_eq(mote_trainer_run(trainer, NULL), MOTE_INTERRUPTED);
    }
    mote_status expected = stops ? MOTE_INTERRUPTED : MOTE_OK;
    cr_expect_eq(mote_trainer_run(trainer, &error), expected, "%s", error.message);
    if (to) {
        cr_assert_eq(mote_trainer_save(trainer, scratch_path(to), &error), MOTE_OK, "%s",
                     error.message);
    }
    mote_trainer_destroy(trainer);
    mote_model_destroy(model);
    mote_dataset_destroy(dataset);
    return n;
}

static notes notes_of(const char *network, const char *data, const char *train, task what) {
    return notes_between(NULL, NULL, network, data, train, what);
}

#define NETWORK(bias)                                                                              \
    "{\"layers\": [{\"type\": \"dense\", \"units\": 20" bias "}, {\"type\": \"relu\"}, "           \
    "{\"type\": \"residual\", \"layers\": [{\"type\": \"dense\", \"units\": 20}, {\"type\": "      \
    "\"relu\"}]}, {\"type\": \"dense\", \"units\": 2}], \"output\": {\"type\": "                   \
    "\"softmax_cross_entropy\"}}"
#define FAST                                                                                       \
    "{\"epochs\": 6, \"batch_size\": 20, \"optimizer\": {\"type\": \"sgd\", "                      \
    "\"learning_rate\": 0.05, \"momentum\": 0.9}}"
#define SHARE "{\"validation_fraction\": 0.2}"

static void check(const notes *found, size_t index, const char *part) {
    cr_assert_lt(index, found->count, "there is no notice \"%s\"", part);
    cr_expect(strstr(found->texts[index], part), "found \"%s\"", found->texts[index]);
}

Test(notices, are_not_given_of_a_run_that_goes_well) {
    static const char *const parts[] = {SHARE, "{}"};
    for (size_t i = 0; i < COUNT(parts); i++) {
        notes n = notes_of(NETWORK(""), parts[i], FAST, HALVES);
        cr_expect_eq(n.count, (size_t)0, "%s", n.texts[0]);
    }
}

/* It falls at once, and then there is nothing left to fall. */
Test(notices, are_not_given_of_a_loss_that_falls_fast) {
    static const char *const batches[] = {"10", "20", "40", "80"};
    for (size_t i = 0; i < COUNT(batches); i++) {
        char train[128];
        snprintf(train, sizeof train,
                 "{\"epochs\": 6, \"batch_size\": %s, \"optimizer\": {\"type\": \"sgd\", "
                 "\"learning_rate\": 0.2}}",
                 batches[i]);
        notes n = notes_of("{\"layers\": [{\"type\": \"dense\", \"units\": 1}], \"output\": "
                           "{\"type\": \"mean_squared_error\"}}",
                           SHARE, train, A_SUM);
        cr_expect_eq(n.count, (size_t)0, "batches of %s: %s", batches[i], n.texts[0]);
    }
}

/* Seven samples in a hundred are of the rare class, and a third of them have been recognized. */
Test(notices, of_accuracy_where_classes_are_uneven) {
    notes n = notes_of(NETWORK(""), SHARE,
                       "{\"epochs\": 1, \"batch_size\": 1, \"optimizer\": {\"type\": \"adamw\", "
                       "\"learning_rate\": 0.005}}",
                       RARE);
    cr_expect_eq(n.count, (size_t)0, "%s", n.texts[0]);
    n = notes_of(NETWORK(""), SHARE, "{\"epochs\": 1}", RARE);
    cr_expect_eq(n.count, (size_t)1, "%zu notices, the last: %s", n.count, n.texts[1]);
    check(&n, 0, " %; with classes this imbalanced, go by the per-class figures (./evaluate)");
}

/* In the first row, the learning rate is close to 0 at first; in the second, an epoch is a single
 * step, so that only the accuracy before that step is known. */
Test(notices, of_accuracy_are_not_given_before_there_was_time_to_learn) {
    static const char *const trainings[] = {
        "{\"epochs\": 12, \"batch_size\": 100, \"optimizer\": {\"type\": \"sgd\", "
        "\"learning_rate\": "
        "0.02}, \"schedule\": {\"type\": \"constant\", \"warmup_epochs\": 6}}",
        "{\"epochs\": 40, \"batch_size\": 2000, \"optimizer\": {\"type\": \"adamw\", "
        "\"learning_rate\": 0.01}}",
    };
    for (size_t i = 0; i < COUNT(trainings); i++) {
        notes n = notes_of(NETWORK(""), "{}", trainings[i], HALVES);
        cr_expect_eq(n.count, (size_t)0, "row %zu: %s", i, n.texts[0]);
    }
}

/* Given later, and only once, even if the run ends in the middle of the next epoch. */
Test(notices, of_accuracy_say_after_how_many_epochs) {
    static const struct {
        const char *train, *begin;
    } rows[] = {
        {"{\"epochs\": 8, \"batch_size\": 100, \"max_steps\": 30}", "after an epoch the "},
        {"{\"epochs\": 8, \"batch_size\": 100, \"max_steps\": 70, \"schedule\": {\"type\": "
         "\"constant\", \"warmup_epochs\": 3}}",
         "after 3 epochs the "},
        {"{\"epochs\": 70, \"batch_size\": 2000}", "after 20 epochs the "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        notes n = notes_of(NETWORK(""), "{}", rows[i].train, SENSELESS);
        size_t found = 0;
        for (size_t k = 0; k < n.count; k++) {
            found += strstr(n.texts[k], "no better than chance") != NULL;
            cr_expect(!strstr(n.texts[k], "chance") || strstr(n.texts[k], rows[i].begin), "%s",
                      n.texts[k]);
        }
        cr_expect_eq(found, (size_t)1, "row %zu: %zu times", i, found);
    }
}

Test(notices, of_a_validation_part_that_is_too_small) {
    notes n = notes_of(NETWORK(""), "{\"validation_fraction\": 0.01}", FAST, HALVES);
    cr_expect_eq(n.count, (size_t)1);
    check(&n, 0, "the validation part has only 20 samples: each is 5 % of its accuracy");
    n = notes_of(NETWORK(""), "{\"validation_fraction\": 0.01}", FAST, SENSELESS);
    for (size_t i = 0; i < n.count; i++) {
        cr_expect(!strstr(n.texts[i], "chance"), "by so few samples: %s", n.texts[i]);
    }
}

Test(notices, of_a_loss_that_does_not_move_and_accuracy_at_chance) {
    static const char *const trainings[] = {
        "{\"epochs\": 5, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 1e-9}}",
        "{\"epochs\": 5}",
    };
    for (size_t i = 0; i < COUNT(trainings); i++) {
        notes n = notes_of(NETWORK(""), SHARE, trainings[i], SENSELESS);
        cr_expect_eq(n.count, (size_t)2, "row %zu: %zu notices", i, n.count);
        check(&n, 0, "the loss is not falling: it is ");
        check(&n, 0, "; try a higher one, and check that the labels match the data and that ");
        check(&n, 1, "% is no better than chance: ");
    }
}

/* Steps so long that each leads to weights as bad as the previous ones. */
Test(notices, of_a_loss_that_steps_too_long_have_raised) {
    notes n = notes_of("{\"layers\": [{\"type\": \"dense\", \"units\": 2}], \"output\": {\"type\": "
                       "\"softmax_cross_entropy\"}}",
                       SHARE,
                       "{\"epochs\": 5, \"optimizer\": {\"type\": \"sgd\", "
                       "\"learning_rate\": 1e4}}",
                       SENSELESS);
    check(&n, 0, "the loss is not falling: it is ");
    check(&n, 0, "; try a lower one, ");
}

Test(notices, of_a_warmup_that_is_longer_than_training) {
    static const struct {
        double epochs;
        size_t steps; /* at most; 0: no limit */
        const char *notice;
    } rows[] = {{2, 0, NULL},
                {2.1, 0,
                 "the warm-up of 2.1 epochs is longer than training, which reaches the learning "
                 "rate only in its last step; lower train.schedule.warmup_epochs"},
                {1, 32, NULL},
                {1, 31, "the warm-up of 1 epoch is longer than training, which "}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char train[256];
        snprintf(train, sizeof train,
                 "{\"epochs\": 2, \"schedule\": {\"type\": \"constant\", \"warmup_epochs\": %g}, "
                 "\"max_steps\": %zu, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.05}}",
                 rows[i].epochs, rows[i].steps);
        notes n = notes_of(NETWORK(""), "{}", train, HALVES);
        bool told = n.count > 0 && strstr(n.texts[0], "the warm-up of");
        cr_expect_eq(told, rows[i].notice != NULL, "row %zu: %s", i, n.texts[0]);
        if (rows[i].notice) {
            check(&n, 0, rows[i].notice);
        }
    }
}

/* Most of those that are trained on must be: a single one is no reason. */
Test(notices, of_targets_that_are_large) {
    static const char network[] = "{\"layers\": [{\"type\": \"dense\", \"units\": 1}], \"output\": "
                                  "{\"type\": \"mean_squared_error\"}}";
    static const char train[] = "{\"epochs\": 1, \"optimizer\": {\"type\": \"sgd\", "
                                "\"learning_rate\": 0.05}}";
    notes n = notes_of(network, SHARE, train, CENTS);
    cr_expect_eq(n.count, (size_t)1, "%zu notices, the last: %s", n.count, n.texts[1]);
    check(&n, 0, "most targets are beyond ±100, up to 69");
    check(&n, 0, "; they are not rescaled, and large ones train badly: ");
    static const struct {
        task task;
        bool large;
    } rows[] = {{OUTLIER, false}, {DEBTS, true}, {FEW_CENTS, false}, {MORE_CENTS, true}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        n = notes_of(network, SHARE, train, rows[i].task);
        bool large = n.count > 0 && strstr(n.texts[0], "targets");
        cr_expect_eq(large, rows[i].large, "row %zu: %s", i, n.texts[0]);
    }
}

/* What holds from the start is said when training starts, not when it continues. */
Test(notices, of_the_start_are_not_repeated_in_the_same_trainer) {
    continues = true;
    notes n = notes_of("{\"layers\": [{\"type\": \"dense\", \"units\": 1}], \"output\": "
                       "{\"type\": \"mean_squared_error\"}}",
                       "{\"validation_fraction\": 0.01}",
                       "{\"epochs\": 2, \"schedule\": {\"type\": \"constant\", "
                       "\"warmup_epochs\": 3}}",
                       CENTS);
    cr_expect_eq(n.count, (size_t)3, "%zu notices", n.count);
    check(&n, 0, "validation part");
    check(&n, 1, "warm-up");
    check(&n, 2, "targets");
}

/* At the start, after a step and after an epoch. */
Test(notices, are_where_a_listener_can_stop_training) {
    static const struct {
        const char *data, *train;
        task task;
    } rows[] = {
        {"{\"validation_fraction\": 0.01}", FAST, HALVES},
        {"{}", "{\"epochs\": 5, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 1e-9}}",
         SENSELESS},
        {"{}", "{\"epochs\": 70, \"batch_size\": 2000}", SENSELESS},
    };
    stops = true;
    for (size_t i = 0; i < COUNT(rows); i++) {
        notes n = notes_of(NETWORK(""), rows[i].data, rows[i].train, rows[i].task);
        cr_expect_eq(n.count, (size_t)1);
        cr_expect_eq(n.last, n.first, "row %zu: stopped in step %ju, goes on to %ju", i,
                     (uintmax_t)n.first, (uintmax_t)n.last);
    }
}

TestSuite(resumed_notices, .init = scratch_enter, .fini = scratch_leave);

/* What was reported about the beginning is not reported again when the run is resumed. */
Test(resumed_notices, are_not_of_the_beginning) {
    notes n = notes_between(NULL, "c", NETWORK(""), "{}", "{\"epochs\": 2}", SENSELESS);
    check(&n, 0, "% is no better than chance: ");
    n = notes_between("c", NULL, NETWORK(""), "{}", "{\"epochs\": 5}", SENSELESS);
    cr_expect_eq(n.count, (size_t)0, "%s", n.texts[0]);
}

/* It falls by more than a thousandth, but by no more than it changes from step to step. */
Test(notices, of_a_loss_that_falls_by_chance) {
    notes n = notes_of(NETWORK(""), "{}",
                       "{\"epochs\": 1, \"batch_size\": 20, \"shuffle\": false, \"optimizer\": "
                       "{\"type\": \"sgd\", \"learning_rate\": 1e-9}}",
                       SENSELESS);
    check(&n, 0, "the loss is not falling: it is ");
    check(&n, 0, "; try a higher one, ");
}

/* The loss falls while the steps are short, and then rises: far above the first loss, or not. */
Test(notices, of_a_loss_that_rises_again) {
    static const char *const settings[] = {
        "\"batch_size\": 40, \"optimizer\": {\"type\": \"adamw\", \"learning_rate\": 1}",
        "\"batch_size\": 80, \"optimizer\": {\"type\": \"adamw\", \"learning_rate\": 3}",
    };
    for (size_t i = 0; i < COUNT(settings); i++) {
        char train[256];
        snprintf(
            train, sizeof train,
            "{\"epochs\": 2, \"schedule\": {\"type\": \"constant\", \"warmup_epochs\": 1}, %s}",
            settings[i]);
        notes n = notes_of(NETWORK(""), "{}", train, HALVES);
        check(&n, 0, "the loss is not falling: it is ");
        check(&n, 0, "; try a lower one, ");
    }
}

/* Each step overshoots the minimum and ends a little further away on the other side. */
Test(notices, of_a_loss_that_rises_a_little) {
    notes n = notes_of("{\"layers\": [{\"type\": \"dense\", \"units\": 1}], \"output\": "
                       "{\"type\": \"mean_squared_error\"}}",
                       "{}",
                       "{\"epochs\": 25, \"batch_size\": 2000, \"optimizer\": {\"type\": \"sgd\", "
                       "\"learning_rate\": 0.98}}",
                       A_SUM);
    check(&n, 0, "the loss is not falling: it is ");
    check(&n, 0, "; try a lower one, ");
}

/* A unit that is active only for classes other than the first is not dead. */
Test(notices, of_dead_units_are_by_samples_of_all_classes) {
    notes n = notes_of("{\"layers\": [{\"type\": \"dense\", \"units\": 20}, {\"type\": \"relu\"}, "
                       "{\"type\": \"dense\", \"units\": 8}], \"output\": {\"type\": "
                       "\"softmax_cross_entropy\"}}",
                       "{\"normalize\": \"none\"}", FAST, SORTED);
    cr_expect_eq(n.count, (size_t)0, "%s", n.texts[0]);
}

/* Within a container, and with a bias that keeps most units from ever exceeding 0. Given once,
 * though they are checked after each of the epochs 1, 2 and 4. */
Test(notices, of_dead_units) {
    notes n = notes_of(NETWORK(", \"bias_initializer\": -50"), SHARE, "{\"epochs\": 4}", HALVES);
    size_t found = 0;
    for (size_t i = 0; i < n.count; i++) {
        found += strstr(n.texts[i], "20 of the 20 units of layers[1] (relu) are dead: 0 for "
                                    "all of 1024 samples") != NULL;
    }
    cr_expect_eq(found, (size_t)1, "%zu of %zu notices, the first: %s", found, n.count, n.texts[0]);
}

/* A fifth of a layer's units is many. */
Test(notices, of_dead_units_are_of_many_of_them) {
    static const struct {
        const char *network, *dead;
    } rows[] = {{NETWORK(", \"bias_initializer\": -3.25"), NULL},
                {NETWORK(", \"bias_initializer\": -3.5"), "4 of the 20 units of layers[1] (relu)"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        notes n = notes_of(rows[i].network, "{}",
                           "{\"epochs\": 1, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": "
                           "1e-6}}",
                           HALVES);
        bool found = false;
        for (size_t k = 0; k < n.count; k++) {
            bool dead = strstr(n.texts[k], "dead") != NULL;
            cr_expect(!dead || (rows[i].dead && strstr(n.texts[k], rows[i].dead)), "%s",
                      n.texts[k]);
            found = found || dead;
        }
        cr_expect_eq(found, rows[i].dead != NULL, "row %zu", i);
    }
}

/* A channel is dead if all its pixels are, whether or not pooling is fused with the preceding
 * layer. */
Test(notices, of_dead_channels) {
    static const char *const between[] = {
        "", "{\"type\": \"max_pool2d\", \"size\": 2}, ",
        "{\"type\": \"conv2d\", \"filters\": 3, \"kernel\": 3, \"padding\": 1}, ",
        "{\"type\": \"batch_norm\"}, "};
    for (size_t i = 0; i < COUNT(between); i++) {
        char network[512];
        snprintf(network, sizeof network,
                 "{\"layers\": [{\"type\": \"conv2d\", \"filters\": 24, \"kernel\": 1, "
                 "\"bias_initializer\": -3}, {\"type\": \"relu\"}, %s{\"type\": \"flatten\"}, "
                 "{\"type\": \"dense\", \"units\": 2}], \"output\": {\"type\": "
                 "\"softmax_cross_entropy\"}}",
                 between[i]);
        notes n = notes_of(network, "{}",
                           "{\"epochs\": 1, \"optimizer\": {\"type\": \"sgd\", \"learning_rate\": "
                           "1e-6}}",
                           PICTURES);
        bool found = false;
        for (size_t k = 0; k < n.count; k++) {
            found = found || strstr(n.texts[k], "15 of the 24 units of layers[1] (relu) are dead");
        }
        cr_expect(found, "%s: %s", between[i], n.count ? n.texts[n.count - 1] : "no notice");
    }
    /* Uniform numbers of standard deviation 1 lie within ±√3. */
    mote_error error = {0};
    mote_model *model = network_create("{\"layers\": [{\"type\": \"conv2d\", \"filters\": 24, "
                                       "\"kernel\": 1}, {\"type\": \"flatten\"}, {\"type\": "
                                       "\"dense\", \"units\": 2}], \"output\": {\"type\": "
                                       "\"softmax_cross_entropy\"}}",
                                       mote_shape_image(2, 2, 2), &error);
    cr_assert(model, "%s", error.message);
    cr_assert_eq(mote_model_initialize(model, 1, &error), MOTE_OK);
    const mote_real *weight = mote_model_parameter(model, "layers.0.weight").data;
    size_t dead = 0;
    for (size_t i = 0; i < 24; i++) {
        double most = sqrt(3) * (fabs((double)weight[2 * i]) + fabs((double)weight[2 * i + 1]));
        dead += most <= 3;
    }
    cr_expect_eq(dead, (size_t)15, "%zu", dead);
    mote_model_destroy(model);
}
