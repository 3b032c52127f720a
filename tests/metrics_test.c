/* metrics_test.c: what training reports between epochs, and about weights and gradients: it is
 * correct, it is the same however training is run, stopped and resumed, and asking for it changes
 * no bit of a model.
 */
#include <criterion/criterion.h>

#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layers/conv2d.h"
#include "mote/trainer.h"
#include "networks.h"
#include "scratch.h"
#include "train/run.h"
#include "train/trainer.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

TestSuite(intervals, .init = scratch_enter, .fini = scratch_leave);
TestSuite(norms, .init = scratch_enter, .fini = scratch_leave);

/* ---- what is trained ---- */

enum {
    SIDE = 14,
    CHANNELS = 3,
    WIDTH = CHANNELS * SIDE * SIDE,
    SAMPLES = 100,
    CLASSES = 3,
    EPOCHS = 3,
    MOST_PARAMETERS = 24,
    MOST_TOLD = 64
};

static mote_real numbers[SAMPLES * WIDTH];
static uint32_t labels[SAMPLES];

/* Each way of computing a convolution, and one before a pooling. */
static const char CONVOLUTIONS[] =
    "{\"layers\": [{\"type\": \"conv2d\", \"filters\": 16, \"kernel\": 3, \"padding\": \"same\"}, "
    "{\"type\": \"relu\"}, {\"type\": \"max_pool2d\", \"size\": 2}, "
    "{\"type\": \"conv2d\", \"filters\": 16, \"kernel\": 3, \"padding\": 1}, "
    "{\"type\": \"batch_norm\"}, {\"type\": \"relu\"}, "
    "{\"type\": \"conv2d\", \"filters\": 16, \"kernel\": 3, \"padding\": 1, \"groups\": 16, "
    "\"bias\": false}, "
    "{\"type\": \"conv2d\", \"filters\": 20, \"kernel\": 5, \"stride\": 2, \"padding\": 2}, "
    "{\"type\": \"layer_norm\"}, {\"type\": \"residual\", \"layers\": ["
    "{\"type\": \"conv2d\", \"filters\": 20, \"kernel\": 1}, {\"type\": \"batch_norm\"}]}, "
    "{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 3}], "
    "\"output\": {\"type\": \"softmax_cross_entropy\"}}";

/* With weights of many tiles, and products whose last bits change with some BLAS kernels if they
 * are split differently. */
static const char DENSES[] =
    "{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 300}, {\"type\": "
    "\"relu\"}, "
    "{\"type\": \"dropout\", \"rate\": 0.2}, {\"type\": \"residual\", \"layers\": ["
    "{\"type\": \"dense\", \"units\": 40}, {\"type\": \"batch_norm\"}, {\"type\": \"relu\"}, "
    "{\"type\": \"dense\", \"units\": 70}], \"shortcut\": [{\"type\": \"dense\", \"units\": 70}]}, "
    "{\"type\": \"layer_norm\"}, {\"type\": \"dense\", \"units\": 3}], "
    "\"output\": {\"type\": \"softmax_cross_entropy\"}}";

static const char *const networks[] = {CONVOLUTIONS, DENSES};

/* The weights of one layer, for which formulas can be written down. */
static const char ONE_LAYER[] =
    "{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 3, \"bias\": false}], "
    "\"output\": {\"type\": \"softmax_cross_entropy\"}}";

#define ADAMW "\"optimizer\": {\"type\": \"adamw\", \"learning_rate\": 0.01, \"decay_all\": true}"
#define MOMENTUM                                                                                   \
    "\"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.02, \"momentum\": 0.9, "              \
    "\"nesterov\": true, \"weight_decay\": 0.001}"
#define PLAIN "\"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.5}"

/* 7 steps in an epoch of 80 samples, the last one short; 5 with steps of 3 batches. */
static const char *const settings[] = {
    "\"batch_size\": 12, " PLAIN,
    "\"batch_size\": 12, " MOMENTUM,
    "\"batch_size\": 12, " ADAMW,
    "\"batch_size\": 12, \"weight_average\": 0.9, " MOMENTUM,
    "\"batch_size\": 12, \"clip_gradient_norm\": 0.2, " ADAMW,
    "\"batch_size\": 6, \"accumulate\": 3, " MOMENTUM,
    "\"batch_size\": 6, \"accumulate\": 3, \"clip_gradient_norm\": 0.2, \"weight_average\": "
    "0.9, " ADAMW,
};

/* ---- what is reported ---- */

/* A line of metrics.jsonl, without what depends on the clock. */
typedef struct told {
    uint64_t step, steps, samples;
    double loss, accuracy; /* of the interval, or of the epoch */
    mote_event_kind kind;
    size_t norm_count;
    mote_norms norms[MOST_PARAMETERS];
} told;

typedef struct run {
    mote_dataset *dataset;
    mote_model *model;
    mote_trainer *trainer;
    mote_error error;
    uint64_t stop_after; /* a step; 0: never */
    uint64_t bits;       /* a hash of everything trained, after each step */
    size_t count;
    told lines[MOST_TOLD];
} run;

/* An FNV-1a hash, word by word. */
static void add_bits(uint64_t *bits, size_t count, const mote_real *values) {
    for (size_t i = 0; values && i < count; i++) {
        uint32_t word;
        memcpy(&word, &values[i], sizeof word);
        *bits = (*bits ^ word) * 0x100000001b3u;
    }
}

static void add_model(uint64_t *bits, const mote_model *model) {
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        add_bits(bits, parameter->count, parameter->value);
        add_bits(bits, parameter->count, parameter->average);
        for (size_t k = 0; k < MOTE_MAX_STATES; k++) {
            add_bits(bits, parameter->count, parameter->states[k]);
        }
    }
}

static void note(run *r, const mote_event *event) {
    cr_assert_lt(r->count, (size_t)MOST_TOLD);
    cr_assert_leq(event->norm_count, (size_t)MOST_PARAMETERS);
    const mote_metrics *metrics = event->interval ? &event->interval->train : &event->train;
    told *line = &r->lines[r->count++];
    line->step = event->step;
    line->steps = event->interval ? event->interval->steps : 0;
    line->samples = metrics->samples;
    line->loss = metrics->loss;
    line->accuracy = metrics->accuracy;
    line->kind = event->kind;
    line->norm_count = event->norm_count;
    for (size_t i = 0; i < event->norm_count; i++) {
        line->norms[i] = event->norms[i];
    }
}

static bool listen(void *context, const mote_event *event) {
    run *r = context;
    if (event->kind == MOTE_EVENT_STEP) {
        add_model(&r->bits, r->model);
    }
    if (event->interval || event->kind == MOTE_EVENT_EPOCH) {
        note(r, event);
    }
    if (event->kind == MOTE_EVENT_STEP && event->step == r->stop_after) {
        cr_assert_eq(mote_trainer_save(r->trainer, scratch_path("checkpoint"), &r->error), MOTE_OK,
                     "%s", r->error.message);
        return false;
    }
    return true;
}

static mote_dataset *dataset_create(void) {
    mote_random random = mote_random_create(4, MOTE_RANDOM_DATA, 0);
    numbers_uniform(&random, -1, 1, SAMPLES * WIDTH, numbers);
    for (size_t i = 0; i < SAMPLES; i++) {
        labels[i] = (uint32_t)mote_random_below(&random, CLASSES);
        numbers[i * WIDTH + labels[i]] += 2;
    }
    const mote_samples samples = {.count = SAMPLES,
                                  .shape = mote_shape_image(CHANNELS, SIDE, SIDE),
                                  .numbers = numbers,
                                  .labels = labels};
    mote_error error = {0};
    mote_dataset *dataset = mote_dataset_from_arrays(
        &samples, NULL, "{\"normalize\": \"none\", \"validation_fraction\": 0.2}", 1, &error);
    cr_assert(dataset, "%s", error.message);
    return dataset;
}

/* `metrics` is the object's text, or NULL. */
static void run_open(run *r, const char *network, const char *train, const char *metrics,
                     size_t threads) {
    char json[1024];
    snprintf(json, sizeof json, "{\"epochs\": %d, \"threads\": %zu, %s%s%s}", EPOCHS, threads,
             train, metrics ? ", \"metrics\": " : "", metrics ? metrics : "");
    memset(r, 0, sizeof *r); /* so that lines can be compared as bytes */
    r->dataset = dataset_create();
    r->model = network_create(network, mote_shape_image(CHANNELS, SIDE, SIDE), &r->error);
    cr_assert(r->model, "%s", r->error.message);
    cr_assert_eq(mote_model_initialize(r->model, 1, &r->error), MOTE_OK);
    r->trainer = mote_trainer_create(r->model, r->dataset, json, 5, &r->error);
    cr_assert(r->trainer, "%s: %s", json, r->error.message);
    mote_trainer_set_listener(r->trainer, listen, r);
}

static void run_to_end(run *r) {
    mote_status status = mote_trainer_run(r->trainer, &r->error);
    cr_assert_eq(status, r->stop_after ? MOTE_INTERRUPTED : MOTE_OK, "%s", r->error.message);
}

static void run_close(run *r) {
    mote_trainer_destroy(r->trainer);
    mote_model_destroy(r->model);
    mote_dataset_destroy(r->dataset);
}

/* Names are compared as strings: each model has its own copies. */
static bool same_norms(const told *a, const told *b) {
    bool same = a->norm_count == b->norm_count;
    for (size_t i = 0; same && i < a->norm_count; i++) {
        const mote_norms *x = &a->norms[i], *y = &b->norms[i];
        same = x->weight == y->weight && x->gradient == y->gradient &&
               strcmp(x->parameter, y->parameter) == 0;
    }
    return same;
}

/* Compares the lines of `a` from line `first` on with those of `b`. */
static void expect_same_lines(const run *a, size_t first, const run *b, const char *what) {
    cr_expect_eq(a->count - first, b->count, "%s: %zu lines, expected %zu", what, b->count,
                 a->count - first);
    for (size_t i = 0; i < b->count && first + i < a->count; i++) {
        const told *x = &a->lines[first + i], *y = &b->lines[i];
        bool same = x->step == y->step && x->steps == y->steps && x->samples == y->samples &&
                    x->loss == y->loss && x->accuracy == y->accuracy && x->kind == y->kind &&
                    same_norms(x, y);
        cr_expect(same, "%s: line %zu, of step %ju, is another: loss %.17g, expected %.17g", what,
                  i, (uintmax_t)y->step, y->loss, x->loss);
    }
}

/* ---- intervals ---- */

/* The sums of each step, derived from the epoch's figures in the events. */
typedef struct sums {
    double samples, loss, correct; /* of the epoch so far */
    double interval_samples, interval_loss, interval_correct;
    size_t intervals;
} sums;

static bool add_up(void *context, const mote_event *event) {
    sums *s = context;
    if (event->kind == MOTE_EVENT_EPOCH) {
        s->samples = s->loss = s->correct = 0;
    }
    if (event->kind != MOTE_EVENT_STEP) {
        return true;
    }
    double samples = (double)event->train.samples;
    double loss = event->train.loss * samples, correct = event->train.accuracy * samples;
    s->interval_samples += samples - s->samples;
    s->interval_loss += loss - s->loss;
    s->interval_correct += correct - s->correct;
    s->samples = samples;
    s->loss = loss;
    s->correct = correct;
    cr_expect_eq(event->interval != NULL, event->step % 4 == 0, "step %ju", (uintmax_t)event->step);
    if (event->interval) {
        const mote_metrics *found = &event->interval->train;
        cr_expect_eq(event->interval->steps, 4u);
        cr_expect_eq((double)found->samples, s->interval_samples);
        cr_expect_float_eq(found->loss, s->interval_loss / s->interval_samples, 1e-12, "%.15g",
                           found->loss);
        cr_expect_float_eq(found->accuracy, s->interval_correct / s->interval_samples, 1e-12);
        cr_expect(event->interval->samples_per_second > 0 &&
                  isfinite(event->interval->samples_per_second));
        s->interval_samples = s->interval_loss = s->interval_correct = 0;
        s->intervals++;
    }
    return true;
}

Test(intervals, tell_of_the_steps_since_the_last_one_across_epochs) {
    for (size_t i = 0; i < COUNT(settings); i++) {
        static run r;
        run_open(&r, DENSES, settings[i], "{\"every_steps\": 4}", 2);
        sums s = {0};
        mote_trainer_set_listener(r.trainer, add_up, &s);
        run_to_end(&r);
        cr_expect_eq(s.intervals, (size_t)r.trainer->total_steps / 4, "%zu", s.intervals);
        run_close(&r);
    }
}

Test(intervals, and_norms_are_only_told_where_they_are_asked_for) {
    static const struct {
        const char *metrics;
        size_t lines, with_norms; /* of 21 steps */
    } rows[] = {
        {NULL, EPOCHS, 0},
        {"{}", EPOCHS, 0},
        {"{\"every_steps\": 22}", EPOCHS, 0},
        {"{\"norms\": true}", EPOCHS, EPOCHS},
        {"{\"every_steps\": 7}", 2 * EPOCHS, 0},
        {"{\"every_steps\": 1, \"norms\": true}", 24, 24},
        {"{\"every_steps\": 10, \"norms\": true}", EPOCHS + 2, EPOCHS + 2},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        static run r;
        run_open(&r, DENSES, settings[0], rows[i].metrics, 1);
        bool norms = rows[i].with_norms > 0;
        cr_expect_eq(r.trainer->norms != NULL, norms, "memory for norms");
        cr_expect_eq(r.trainer->tiles != NULL, norms, "memory for sums");
        run_to_end(&r);
        size_t with_norms = 0;
        for (size_t k = 0; k < r.count; k++) {
            with_norms += r.lines[k].norm_count > 0;
        }
        cr_expect(r.count == rows[i].lines && with_norms == rows[i].with_norms,
                  "%s: %zu lines, %zu with norms", rows[i].metrics, r.count, with_norms);
        run_close(&r);
    }
}

/* ---- the same bits ---- */

Test(norms, change_no_bit_and_are_the_same_on_any_number_of_threads) {
    for (size_t i = 0; i < COUNT(settings) * COUNT(networks); i++) {
        const char *train = settings[i % COUNT(settings)], *network = networks[i / COUNT(settings)];
        static run plain, first, r;
        run_open(&plain, network, train, NULL, 1);
        run_to_end(&plain);
        for (size_t threads = 1; threads <= 3; threads++) {
            char what[1024];
            snprintf(what, sizeof what, "%s, %s, %zu threads", network, train, threads);
            run *this = threads == 1 ? &first : &r;
            run_open(this, network, train, "{\"every_steps\": 2, \"norms\": true}", threads);
            run_to_end(this);
            cr_expect_eq(this->bits, plain.bits, "%s: other weights than without norms", what);
            expect_same_lines(&first, 0, this, what);
            if (threads > 1) {
                run_close(this);
            }
        }
        run_close(&first);
        run_close(&plain);
    }
}

/* So that no way is left out above. */
Test(norms, are_tested_on_each_way_of_a_convolution) {
    const mote_conv2d_way *const ways[] = {&mote_conv2d_winograd, &mote_conv2d_channelwise,
                                           &mote_conv2d_direct, &mote_conv2d_columns};
    static run r;
    run_open(&r, CONVOLUTIONS, settings[0], NULL, 1);
    bool pools = false;
    for (size_t i = 0; i < COUNT(ways); i++) {
        bool found = false;
        for (size_t k = 0; k < r.model->layers->count; k++) {
            const mote_layer *layer = r.model->layers->layers[k];
            bool convolution = strcmp(layer->kind->type, "conv2d") == 0;
            found = found || (convolution && ((const mote_conv2d *)layer)->way == ways[i]);
            pools = pools || (convolution && layer->fused_pool);
        }
        cr_expect(found, "way %zu", i);
    }
    cr_expect(pools);
    run_close(&r);
}

/* ---- the same however training is stopped ---- */

static void check_resumed(const run *whole, const char *train, const char *metrics, uint64_t step) {
    char what[1024];
    static run stopped, resumed;
    snprintf(what, sizeof what, "%s, %s, stopped after step %ju", train, metrics, (uintmax_t)step);
    run_open(&stopped, DENSES, train, metrics, 2);
    stopped.stop_after = step;
    run_to_end(&stopped);
    run_open(&resumed, DENSES, train, metrics, 1);
    cr_assert_eq(mote_trainer_restore(resumed.trainer, scratch_path("checkpoint"), &resumed.error),
                 MOTE_OK, "%s", resumed.error.message);
    run_to_end(&resumed);
    expect_same_lines(whole, stopped.count, &resumed, what);
    run_close(&stopped);
    run_close(&resumed);
}

/* Also between the last step of an epoch and its end. */
Test(intervals, and_norms_of_a_resumed_run_are_those_of_one_never_stopped) {
    static const char *const metrics[] = {"{\"every_steps\": 4, \"norms\": true}",
                                          "{\"every_steps\": 3}", "{\"norms\": true}"};
    for (size_t i = 0; i < COUNT(settings); i++) {
        const char *asked = metrics[i % COUNT(metrics)];
        static run whole;
        run_open(&whole, DENSES, settings[i], asked, 1);
        run_to_end(&whole);
        for (uint64_t step = 1; step <= whole.trainer->total_steps; step++) {
            check_resumed(&whole, settings[i], asked, step);
        }
        run_close(&whole);
    }
}

/* Resumes from the checkpoint, asking for something else. */
static void resume_with(run *r, const char *metrics) {
    run_open(r, DENSES, settings[1], metrics, 1);
    cr_assert_eq(mote_trainer_restore(r->trainer, scratch_path("checkpoint"), &r->error), MOTE_OK,
                 "%s", r->error.message);
}

static void stop_after(uint64_t step, const char *metrics) {
    static run r;
    run_open(&r, DENSES, settings[1], metrics, 1);
    r.stop_after = step;
    run_to_end(&r);
    run_close(&r);
}

Test(intervals, may_become_longer_when_a_run_is_resumed) {
    static run r;
    stop_after(5, "{\"every_steps\": 4}");
    resume_with(&r, "{\"every_steps\": 6}");
    run_to_end(&r);
    cr_expect(r.lines[0].step == 6 && r.lines[0].steps == 2, "step %ju, of %ju",
              (uintmax_t)r.lines[0].step, (uintmax_t)r.lines[0].steps);
    run_close(&r);

    /* What was no longer asked for is forgotten. */
    resume_with(&r, NULL);
    cr_assert_eq(mote_trainer_save(r.trainer, scratch_path("checkpoint"), NULL), MOTE_OK);
    run_close(&r);
    resume_with(&r, "{\"every_steps\": 6}");
    run_to_end(&r);
    cr_expect(r.lines[0].step == 6 && r.lines[0].steps == 1, "step %ju, of %ju",
              (uintmax_t)r.lines[0].step, (uintmax_t)r.lines[0].steps);
    run_close(&r);
}

/* ---- true values ---- */

/* Norms of the gradient of ONE_LAYER's loss and of its weights, by hand in double precision. */
typedef struct reference {
    run *r;
    mote_real before[CLASSES * WIDTH]; /* the weights before the step */
    double weight, gradient;           /* of the last step */
    size_t checked;
} reference;

static double norm_of(size_t count, const mote_real *values) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)values[i] * (double)values[i];
    }
    return sqrt(sum);
}

/* ∂/∂w of −log softmax(w x)_label for one sample: (p − y) xᵀ. */
static void add_gradient(const mote_real *w, const mote_real *x, uint32_t label, double *gradient) {
    double z[CLASSES] = {0}, sum = 0;
    for (size_t c = 0; c < CLASSES; c++) {
        for (size_t i = 0; i < WIDTH; i++) {
            z[c] += (double)w[c * WIDTH + i] * (double)x[i];
        }
        sum += exp(z[c]);
    }
    for (size_t c = 0; c < CLASSES; c++) {
        for (size_t i = 0; i < WIDTH; i++) {
            gradient[c * WIDTH + i] += (exp(z[c]) / sum - (c == label)) * (double)x[i];
        }
    }
}

static double norm_of_step(const reference *ref, size_t begin, size_t end) {
    static double gradient[CLASSES * WIDTH];
    memset(gradient, 0, sizeof gradient);
    for (size_t i = begin; i < end; i++) {
        uint32_t sample = ref->r->trainer->order[i];
        add_gradient(ref->before, numbers + sample * WIDTH, labels[sample], gradient);
    }
    double sum = 0;
    for (size_t i = 0; i < COUNT(gradient); i++) {
        double mean = gradient[i] / (double)(end - begin);
        sum += mean * mean;
    }
    return sqrt(sum);
}

static bool compare_to_formula(void *context, const mote_event *event) {
    reference *ref = context;
    if (event->kind != MOTE_EVENT_STEP && event->kind != MOTE_EVENT_EPOCH) {
        return true;
    }
    mote_tensor weight = mote_model_parameter(ref->r->model, "layers.1.weight");
    if (event->kind == MOTE_EVENT_STEP) {
        size_t most = ref->r->trainer->options.batch_size * ref->r->trainer->options.accumulate;
        size_t begin = (event->epoch_step - 1) * most;
        ref->gradient = norm_of_step(ref, begin, event->train.samples);
        ref->weight = norm_of(CLASSES * WIDTH, weight.data);
        memcpy(ref->before, weight.data, sizeof ref->before);
    }
    cr_assert_eq(event->norm_count, (size_t)1);
    const mote_norms *found = event->norms;
    cr_expect_str_eq(found->parameter, "layers.1.weight");
    cr_expect_float_eq(found->weight, ref->weight, 1e-6 * ref->weight,
                       "step %ju: %.9g, expected %.9g", (uintmax_t)event->step, found->weight,
                       ref->weight);
    cr_expect_float_eq(found->gradient, ref->gradient, 1e-5 * ref->gradient,
                       "step %ju: %.9g, expected %.9g", (uintmax_t)event->step, found->gradient,
                       ref->gradient);
    ref->checked++;
    return true;
}

/* Of the weights, not of their average, and before clipping. */
Test(norms, are_those_of_the_formula) {
    for (size_t i = 0; i < COUNT(settings); i++) {
        static run r;
        run_open(&r, ONE_LAYER, settings[i], "{\"every_steps\": 1, \"norms\": true}", 2);
        reference ref = {.r = &r};
        memcpy(ref.before, mote_model_parameter(r.model, "layers.1.weight").data,
               sizeof ref.before);
        mote_trainer_set_listener(r.trainer, compare_to_formula, &ref);
        run_to_end(&r);
        cr_expect_eq(ref.checked, (size_t)r.trainer->total_steps + EPOCHS);
        run_close(&r);
    }
}

/* Plain SGD subtracts the learning rate times the gradient from a weight. */
typedef struct difference {
    run *r;
    mote_real *before[MOST_PARAMETERS];
} difference;

static void keep_weights(difference *d) {
    const mote_model *model = d->r->model;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        d->before[i] = d->before[i] ? d->before[i] : numbers_create(parameter->count);
        memcpy(d->before[i], parameter->value, parameter->count * sizeof *parameter->value);
    }
}

static bool compare_to_difference(void *context, const mote_event *event) {
    difference *d = context;
    const mote_model *model = d->r->model;
    size_t trained = 0;
    for (size_t i = 0; event->kind == MOTE_EVENT_STEP && i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        if (parameter->buffer) {
            continue;
        }
        cr_assert_lt(trained, event->norm_count);
        const mote_norms *found = &event->norms[trained++];
        double weight = norm_of(parameter->count, parameter->value);
        for (size_t k = 0; k < parameter->count; k++) {
            d->before[i][k] -= parameter->value[k];
        }
        double gradient = norm_of(parameter->count, d->before[i]) / event->learning_rate;
        double rounding = 1e-7 * weight / event->learning_rate;
        cr_expect_str_eq(found->parameter, model->parameters[i].name);
        cr_expect_float_eq(found->weight, weight, 1e-6 * weight, "%s: %.9g, expected %.9g",
                           found->parameter, found->weight, weight);
        cr_expect(fabs(found->gradient - gradient) <= 1e-4 * gradient + rounding,
                  "%s: %.9g, expected %.9g", found->parameter, found->gradient, gradient);
    }
    if (event->kind == MOTE_EVENT_STEP) {
        cr_expect_eq(event->norm_count, trained);
        keep_weights(d);
    }
    return true;
}

Test(norms, are_what_plain_steps_take_off_the_weights_of_any_layer) {
    for (size_t i = 0; i < COUNT(networks); i++) {
        static run r;
        run_open(&r, networks[i], settings[0], "{\"every_steps\": 1, \"norms\": true}", 2);
        difference d = {.r = &r};
        keep_weights(&d);
        mote_trainer_set_listener(r.trainer, compare_to_difference, &d);
        run_to_end(&r);
        for (size_t k = 0; k < MOST_PARAMETERS; k++) {
            free(d.before[k]);
        }
        run_close(&r);
    }
}

/* ---- what is not known, and what is not finite ---- */

static bool end_in_time(void *context, const mote_event *event) {
    run *r = context;
    if (event->kind == MOTE_EVENT_STEP && event->step == 3) {
        r->trainer->options.max_minutes = 1e-12;
    }
    return listen(context, event);
}

Test(norms, of_gradients_are_not_known_where_the_time_is_over) {
    for (size_t first = 0; first < 2; first++) {
        static run r;
        run_open(&r, DENSES, first ? "\"max_minutes\": 1e-12" : settings[0], "{\"norms\": true}",
                 1);
        mote_trainer_set_listener(r.trainer, end_in_time, &r);
        run_to_end(&r);
        cr_assert_eq(r.count, (size_t)1);
        cr_expect_eq(r.lines[0].step, first ? 1u : 3u);
        cr_expect_gt(r.lines[0].norm_count, (size_t)1);
        for (size_t i = 0; i < r.lines[0].norm_count; i++) {
            const mote_norms *norms = &r.lines[0].norms[i];
            mote_tensor tensor = mote_model_parameter(r.model, norms->parameter);
            double weight = norm_of(mote_shape_count(tensor.shape), tensor.data);
            cr_expect_float_eq(norms->weight, weight, 1e-6 * weight, "%s", norms->parameter);
            cr_expect(isnan(norms->gradient), "%s: %g", norms->parameter, norms->gradient);
        }
        run_close(&r);
    }
}

static bool record(void *context, const mote_event *event) {
    mote_run_record(context, NULL, event);
    return true;
}

/* A gradient of −2 × 3 × 10³⁸ overflows, while the loss is still 1. */
Test(norms, that_are_not_finite_are_written_as_null) {
    const mote_real x = 3e38f, target = 1;
    const mote_samples samples = {.count = 1,
                                  .shape = mote_shape_vector(1),
                                  .numbers = &x,
                                  .values = &target,
                                  .value_width = 1};
    mote_error error = {0};
    mote_dataset *dataset =
        mote_dataset_from_arrays(&samples, NULL, "{\"normalize\": \"none\"}", 1, &error);
    mote_model *model = network_create(
        "{\"layers\": [{\"type\": \"dense\", \"units\": 1, \"initializer\": \"zeros\"}], "
        "\"output\": {\"type\": \"mean_squared_error\"}}",
        mote_shape_vector(1), &error);
    cr_assert(dataset && model, "%s", error.message);
    cr_assert_eq(mote_model_initialize(model, 1, &error), MOTE_OK);
    mote_trainer *trainer =
        mote_trainer_create(model, dataset,
                            "{\"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 0.5}, "
                            "\"metrics\": {\"every_steps\": 1, \"norms\": true}}",
                            1, &error);
    cr_assert(trainer, "%s", error.message);
    mote_run directory;
    cr_assert_eq(mote_run_create(&directory, scratch_path("run"), NULL, &error), MOTE_OK);
    mote_trainer_set_listener(trainer, record, &directory);
    cr_expect_eq(mote_trainer_run(trainer, &error), MOTE_DIVERGED);
    size_t length;
    char *text = (char *)scratch_read(scratch_path("run/metrics.jsonl"), &length);
    text[length] = '\0';
    const char *wanted = "\"steps\":1,\"loss\":1,\"accuracy\":null,\"norms\":{\"layers.0.weight\":"
                         "{\"weight\":null,\"gradient\":null},\"layers.0.bias\":{\"weight\":1,"
                         "\"gradient\":2}}}\n";
    cr_expect(strstr(text, wanted), "%s", text);
    free(text);
    mote_run_close(&directory);
    mote_trainer_destroy(trainer);
    mote_model_destroy(model);
    mote_dataset_destroy(dataset);
}

/* ---- what cannot be written at once ---- */

typedef struct disturbed {
    run *r;
    mote_run directory;
    bool noted; /* the late line was written before the next checkpoint */
} disturbed;

/* Blocks the file at the first line, until the step after it. */
static bool disturb(void *context, const mote_event *event) {
    disturbed *d = context;
    const char *path = scratch_path("run/metrics.jsonl");
    if (event->kind == MOTE_EVENT_EPOCH && event->epoch == 1) {
        cr_assert_eq(mkdir(path, 0777), 0);
    }
    bool after = event->kind == MOTE_EVENT_STEP && event->epoch == 2 && event->epoch_step == 1;
    if (after) {
        cr_assert_eq(rmdir(path), 0);
    }
    mote_run_record(&d->directory, d->r->model, event);
    if (after) {
        size_t length;
        free(scratch_read(path, &length));
        d->noted = length > 0 && length == d->r->trainer->position.metrics_bytes;
    }
    return !after;
}

/* Removes the file during training. */
static bool remove_file(void *context, const mote_event *event) {
    disturbed *d = context;
    if (event->kind == MOTE_EVENT_EPOCH && event->epoch == 2) {
        cr_assert_eq(unlink(scratch_path("run/metrics.jsonl")), 0);
    }
    mote_run_record(&d->directory, d->r->model, event);
    return true;
}

Test(intervals, go_on_in_a_new_file_where_theirs_was_removed) {
    static run r;
    run_open(&r, ONE_LAYER, "\"checkpoint\": {\"every_steps\": 1}", NULL, 1);
    disturbed d = {.r = &r};
    cr_assert_eq(mote_run_create(&d.directory, scratch_path("run"), NULL, &r.error), MOTE_OK);
    mote_trainer_set_listener(r.trainer, remove_file, &d);
    cr_expect_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
    size_t length;
    char *text = (char *)scratch_read(scratch_path("run/metrics.jsonl"), &length);
    cr_expect_eq(strnlen(text, length), length, "a NUL byte at %zu of %zu", strnlen(text, length),
                 length);
    cr_expect_eq(strncmp(text, "{\"epoch\":2,", strlen("{\"epoch\":2,")), 0, "%.40s", text);
    cr_expect_eq(length, d.directory.metrics.bytes);
    free(text);
    mote_run_close(&d.directory);
    run_close(&r);
}

/* Truncates the file in the middle of a line. */
static bool cut_file(void *context, const mote_event *event) {
    disturbed *d = context;
    if (event->kind == MOTE_EVENT_EPOCH && event->epoch == 3) {
        off_t whole = (off_t)d->directory.metrics.bytes;
        cr_assert_eq(truncate(scratch_path("run/metrics.jsonl"), whole - 5), 0);
    }
    mote_run_record(&d->directory, d->r->model, event);
    return true;
}

Test(intervals, go_on_behind_the_last_whole_line_where_their_file_was_cut_off) {
    static run r;
    run_open(&r, ONE_LAYER, "\"checkpoint\": {\"every_steps\": 1}", NULL, 1);
    disturbed d = {.r = &r};
    cr_assert_eq(mote_run_create(&d.directory, scratch_path("run"), NULL, &r.error), MOTE_OK);
    mote_trainer_set_listener(r.trainer, cut_file, &d);
    cr_expect_eq(mote_trainer_run(r.trainer, NULL), MOTE_OK);
    size_t length;
    char *text = (char *)scratch_read(scratch_path("run/metrics.jsonl"), &length);
    const char *second = memchr(text, '\n', length);
    cr_assert(second);
    cr_expect_eq(strncmp(text, "{\"epoch\":1,", strlen("{\"epoch\":1,")), 0, "%.40s", text);
    cr_expect_eq(strncmp(second, "\n{\"epoch\":3,", strlen("\n{\"epoch\":3,")), 0, "%.40s", second);
    cr_expect_eq(length, d.directory.metrics.bytes);
    free(text);
    mote_run_close(&d.directory);
    run_close(&r);
}

/* For example because the process has too many files open. */
Test(intervals, are_not_thrown_away_where_their_file_cannot_be_opened) {
    const char *path = scratch_path("metrics.jsonl");
    FILE *file = fopen(path, "w");
    cr_assert(file && fputs("{}\n{}\n", file) >= 0 && fclose(file) == 0);
    struct rlimit usual;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = usual.rlim_max};
    mote_metrics_log log = {.directory = scratch_path(".")};
    mote_error error = {0};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    mote_status status = mote_metrics_log_rewind(&log, 3, &error);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
    cr_expect_eq(status, MOTE_FILE);
    cr_expect(strstr(error.message, "metrics.jsonl: cannot be opened: "), "%s", error.message);
    size_t length;
    free(scratch_read(path, &length));
    cr_expect_eq(length, 6, "%zu bytes are left", length);
    cr_expect_eq(mote_metrics_log_rewind(&log, 3, NULL), MOTE_OK);
    free(scratch_read(path, &length));
    cr_expect_eq(length, 3, "%zu bytes are left", length);
    /* One that is gone has nothing to lose. */
    cr_assert_eq(unlink(path), 0);
    cr_expect_eq(mote_metrics_log_rewind(&log, 3, NULL), MOTE_OK);
    cr_expect_eq(log.bytes, (uint64_t)0);
}

/* Otherwise they would be missing in a run resumed from there. */
Test(intervals, that_were_late_are_written_before_the_next_checkpoint) {
    static run r;
    run_open(&r, ONE_LAYER, "\"checkpoint\": {\"every_steps\": 1}", NULL, 1);
    disturbed d = {.r = &r};
    cr_assert_eq(mote_run_create(&d.directory, scratch_path("run"), NULL, &r.error), MOTE_OK);
    mote_trainer_set_listener(r.trainer, disturb, &d);
    cr_expect_eq(mote_trainer_run(r.trainer, NULL), MOTE_INTERRUPTED);
    cr_expect(d.noted);
    mote_run_close(&d.directory);
    run_close(&r);
}
