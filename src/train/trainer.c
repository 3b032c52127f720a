/* trainer.c: the training loop. */
#include "train/trainer.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "data/dataset.h"
#include "train/average.h"
#include "train/diagnosis.h"
#include "train/norms.h"
#include "train/notices.h"
#include "train/snapshot.h"
#include "train/step.h"
#include "train/stopping.h"
#include "train/update.h"

/* ---- memory ---- */

static size_t state_count(const mote_trainer *trainer) {
    const mote_optimizer *optimizer = trainer->options.optimizer;
    return optimizer->kind->state_count(optimizer);
}

bool mote_trainer_validates(const mote_trainer *trainer) {
    return mote_dataset_part(trainer->dataset, MOTE_VALIDATION).count > 0;
}

size_t mote_trainer_step_samples(const mote_trainer *trainer) {
    return trainer->options.batch_size * trainer->options.accumulate;
}

static void carve_parameter(mote_trainer *trainer, mote_arena *arena, mote_parameter *parameter) {
    if (parameter->buffer) {
        return;
    }
    for (size_t i = 0; i < state_count(trainer); i++) {
        parameter->states[i] = mote_arena_take(arena, parameter->count, sizeof(mote_real));
    }
}

static void carve(mote_trainer *trainer, mote_arena *arena) {
    const mote_model *model = trainer->model;
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_TRAINING);
    size_t rows = trainer->batch_rows;
    size_t width = mote_shape_count(model->input_shape);
    mote_batch *batch = &trainer->batch;
    batch->x = mote_arena_take(arena, rows * width, sizeof(mote_real));
    batch->labels = mote_arena_take(arena, rows, sizeof(uint32_t));
    batch->values = mote_arena_take(arena, rows * part.samples->value_width, sizeof(mote_real));
    trainer->order = mote_arena_take(arena, part.count, sizeof(uint32_t));
    mote_real **best = mote_arena_take(arena, model->parameter_count, sizeof *best);
    for (size_t i = 0; i < model->parameter_count; i++) {
        mote_parameter *parameter = model->parameters[i].parameter;
        carve_parameter(trainer, arena, parameter);
        mote_real *copy = mote_trainer_validates(trainer)
                              ? mote_arena_take(arena, parameter->count, sizeof(mote_real))
                              : NULL;
        if (best) {
            best[i] = copy;
        }
    }
    trainer->best = best;
    mote_average_carve(trainer, arena);
    mote_update_carve(trainer, arena);
    mote_norms_carve(trainer, arena);
    mote_snapshot_carve(trainer, arena);
    mote_notices_carve(trainer, arena);
}

static void carve_gradients(const mote_trainer *trainer, mote_arena *arena) {
    for (size_t i = 0; i < trainer->model->parameter_count; i++) {
        mote_parameter *parameter = trainer->model->parameters[i].parameter;
        if (!parameter->buffer) {
            parameter->gradient = mote_arena_take(arena, parameter->count, sizeof(mote_real));
        }
    }
}

static mote_status allocate_gradients(mote_trainer *trainer, mote_error *error) {
    mote_arena measured = mote_arena_measure();
    carve_gradients(trainer, &measured);
    mote_status status = mote_arena_reserve(&trainer->gradients, &measured, error);
    if (status == MOTE_OK) {
        carve_gradients(trainer, &trainer->gradients);
        assert(mote_arena_complete(&trainer->gradients));
    }
    return status;
}

static mote_status allocate(mote_trainer *trainer, mote_error *error) {
    mote_arena measured = mote_arena_measure();
    carve(trainer, &measured);
    mote_status status = mote_arena_allocate(&trainer->arena, &measured, error);
    if (status == MOTE_OK) {
        carve(trainer, &trainer->arena);
        assert(mote_arena_complete(&trainer->arena));
        status = allocate_gradients(trainer, error);
    }
    return status == MOTE_OK ? mote_model_plan(trainer->model, trainer->batch_rows, true, error)
                             : status;
}

/* ---- what is refused ---- */

mote_status mote_trainer_fail_key(const mote_trainer *trainer, const char *key, mote_error *error,
                                  const char *format, ...) {
    mote_error reason = {.status = MOTE_INVALID};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason.message, sizeof reason.message, format, arguments);
    va_end(arguments);
    mote_json value = mote_json_member(trainer->options.json, key);
    return value.node ? mote_fail_because(value, &reason, error)
                      : mote_fail(error, reason.status, "train.%s: %s", key, reason.message);
}

enum {
    LAYER_NAME_CAPACITY = MOTE_SEQUENCE_NAME_CAPACITY + 64
};

mote_status mote_check_batch_size(const mote_model *model, size_t batch_size, mote_error *error) {
    char layer[LAYER_NAME_CAPACITY];
    size_t least = mote_sequence_least_batch(model->layers, layer, sizeof layer);
    if (batch_size < least) {
        return mote_fail(error, MOTE_INVALID,
                         "a batch_size of %zu is too small for %s, which can only be trained on "
                         "batches of at least %zu samples",
                         batch_size, layer, least);
    }
    return MOTE_OK;
}

/* The last batch of an epoch may be short, if it is taken at all. */
static mote_status check_last_batch(const mote_trainer *trainer, mote_error *error) {
    const mote_train_options *options = &trainer->options;
    size_t samples = mote_dataset_part(trainer->dataset, MOTE_TRAINING).count;
    size_t last = samples % options->batch_size;
    char layer[LAYER_NAME_CAPACITY];
    size_t least = mote_sequence_least_batch(trainer->model->layers, layer, sizeof layer);
    if (options->drop_last || last == 0 || last >= least ||
        trainer->total_steps < trainer->epoch_steps) {
        return MOTE_OK;
    }
    const char *advice = samples > last ? "set drop_last to true, or choose another batch_size"
                                        : "it takes more training samples";
    return mote_trainer_fail_key(
        trainer, "batch_size", error,
        "with %zu training %s the last batch of an epoch holds %zu, too small for "
        "%s, which can only be trained on batches of at least %zu samples; %s",
        samples, samples == 1 ? "sample" : "samples", last, layer, least, advice);
}

static mote_status check_batches(const mote_trainer *trainer, mote_error *error) {
    mote_error reason = {0};
    if (mote_check_batch_size(trainer->model, trainer->options.batch_size, &reason) != MOTE_OK) {
        return mote_trainer_fail_key(trainer, "batch_size", error, "%s", reason.message);
    }
    return check_last_batch(trainer, error);
}

/* ---- creation ---- */

static mote_status count_steps(mote_trainer *trainer, mote_error *error) {
    const mote_train_options *options = &trainer->options;
    size_t samples = mote_dataset_part(trainer->dataset, MOTE_TRAINING).count;
    size_t most = mote_trainer_step_samples(trainer);
    size_t rest = options->drop_last ? 0 : most - 1;
    trainer->epoch_steps = (samples + rest) / most;
    if (trainer->epoch_steps == 0) {
        return mote_trainer_fail_key(
            trainer, "drop_last", error,
            "it leaves nothing: there are %zu training samples, fewer than the %s of %zu", samples,
            options->accumulate > 1 ? "batch_size × accumulate" : "batch_size", most);
    }
    trainer->batch_rows = samples < options->batch_size ? samples : options->batch_size;
    uint64_t steps = (uint64_t)options->epochs * trainer->epoch_steps;
    bool limited = options->max_steps > 0 && options->max_steps < steps;
    trainer->total_steps = limited ? options->max_steps : steps;
    return MOTE_OK;
}

static mote_status adopt_data(mote_trainer *trainer, mote_error *error) {
    mote_model *model = trainer->model;
    const mote_dataset *dataset = trainer->dataset;
    mote_shape shape = mote_dataset_shape(dataset);
    if (!mote_shape_equal(shape, model->input_shape)) {
        char found[MOTE_SHAPE_TEXT_CAPACITY], expected[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_INVALID, "the samples are %s, but the model takes %s",
                         mote_shape_text(shape, found),
                         mote_shape_text(model->input_shape, expected));
    }
    size_t classes = mote_dataset_classes(dataset);
    const mote_samples *samples = mote_dataset_part(dataset, MOTE_TRAINING).samples;
    mote_status status = mote_model_match_targets(model, classes, samples->value_width, error);
    if (status == MOTE_OK) {
        status = mote_model_set_preprocessing(model, mote_dataset_preprocessing(dataset), error);
    }
    if (status == MOTE_OK) {
        status = mote_model_set_input(model, mote_dataset_input(dataset), error);
    }
    const char **names = calloc(classes + 1, sizeof *names);
    if (!names) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for the names of %zu classes", classes);
    }
    for (size_t i = 0; i < classes; i++) {
        names[i] = mote_dataset_class_name(dataset, i);
    }
    if (status == MOTE_OK) {
        status = mote_model_set_class_names(model, names, classes, error);
    }
    free(names);
    return status;
}

/* A thread for each so many floating-point operations of a step: with less, the threads would spend
 * their time on handing tiles around. */
static const double WORK_PER_THREAD = 5e6;

/* The time in which to augment a number of a sample, in such operations. */
static const double AUGMENTING_PIXEL = 100;

/* The number given, or as many as there are cores and work for. Forward and backward pass take
 * about 6 operations per sample and parameter. */
static size_t choose_threads(const mote_trainer *trainer) {
    if (trainer->options.threads > 0) {
        return trainer->options.threads;
    }
    double work =
        6.0 * (double)trainer->batch_rows * (double)mote_model_parameter_count(trainer->model);
    if (mote_dataset_augment(trainer->dataset)->count > 0) {
        work += AUGMENTING_PIXEL * (double)trainer->batch_rows *
                (double)mote_shape_count(trainer->model->input_shape);
    }
    double useful = work / WORK_PER_THREAD;
    size_t cores = mote_pool_cores();
    return useful <= 1 ? 1 : useful < (double)cores ? (size_t)useful : cores;
}

static mote_status create_augmenter(mote_trainer *trainer, mote_error *error) {
    const mote_augment_list *list = mote_dataset_augment(trainer->dataset);
    if (list->count == 0) {
        return MOTE_OK;
    }
    trainer->augmenter =
        mote_augmenter_create(list, mote_pool_size(trainer->pool), trainer->seed, error);
    return trainer->augmenter ? MOTE_OK : MOTE_MEMORY;
}

static mote_status match_schedule(const mote_trainer *trainer, mote_error *error) {
    const mote_schedule *schedule = trainer->options.schedule;
    bool has_classes = trainer->model->output->classes > 0;
    mote_error reason = {0};
    if (!schedule->kind->match || schedule->kind->match(schedule, mote_trainer_validates(trainer),
                                                        has_classes, &reason) == MOTE_OK) {
        return MOTE_OK;
    }
    return mote_trainer_fail_key(trainer, "schedule", error, "%s", reason.message);
}

static mote_status prepare(mote_trainer *trainer, mote_error *error) {
    mote_status status = count_steps(trainer, error);
    if (status == MOTE_OK) {
        status = check_batches(trainer, error);
    }
    if (status == MOTE_OK) {
        status = adopt_data(trainer, error);
    }
    if (status == MOTE_OK) {
        status = match_schedule(trainer, error);
    }
    if (status == MOTE_OK) {
        status = mote_stopping_check(trainer, error);
    }
    if (status == MOTE_OK) {
        status = allocate(trainer, error);
    }
    if (status == MOTE_OK) {
        trainer->pool = mote_pool_create(choose_threads(trainer), error);
        status = trainer->pool ? MOTE_OK : MOTE_MEMORY;
    }
    return status == MOTE_OK ? create_augmenter(trainer, error) : status;
}

mote_trainer *mote_trainer_create_with(mote_model *model, const mote_dataset *dataset,
                                       mote_train_options *options, uint64_t seed,
                                       mote_error *error) {
    mote_trainer *trainer = calloc(1, sizeof *trainer);
    if (!trainer) {
        mote_train_options_free(options);
        mote_fail(error, MOTE_MEMORY, "out of memory for a trainer");
        return NULL;
    }
    trainer->model = model;
    trainer->dataset = dataset;
    trainer->options = *options;
    *options = (mote_train_options){0};
    trainer->seed = seed;
    trainer->position.layers_random = mote_random_create(seed, MOTE_RANDOM_LAYERS, 0);
    if (prepare(trainer, error) != MOTE_OK) {
        mote_trainer_destroy(trainer);
        return NULL;
    }
    trainer->options.json = (mote_json){0};
    return trainer;
}

mote_trainer *mote_trainer_create(mote_model *model, const mote_dataset *dataset, const char *json,
                                  uint64_t seed, mote_error *error) {
    if (!model || !dataset || !model->output) {
        mote_fail(error, MOTE_INVALID, "a trainer needs a data set and a model with an output");
        return NULL;
    }
    json = json ? json : "{}";
    mote_document *document = mote_document_parse(json, strlen(json), NULL, "train", error);
    if (!document) {
        return NULL;
    }
    mote_train_options options;
    mote_trainer *trainer = NULL;
    if (mote_train_options_read(&options, mote_document_root(document), error) == MOTE_OK) {
        trainer = mote_trainer_create_with(model, dataset, &options, seed, error);
    }
    mote_train_options_free(&options);
    mote_document_destroy(document);
    return trainer;
}

void mote_trainer_destroy(mote_trainer *trainer) {
    if (!trainer) {
        return;
    }
    for (size_t i = 0; i < trainer->model->parameter_count; i++) {
        mote_parameter *parameter = trainer->model->parameters[i].parameter;
        parameter->gradient = NULL;
        parameter->average = NULL;
        memset(parameter->states, 0, sizeof parameter->states);
    }
    mote_model_drop_plan(trainer->model);
    mote_augmenter_destroy(trainer->augmenter);
    mote_pool_destroy(trainer->pool);
    mote_arena_free(&trainer->arena);
    mote_arena_free(&trainer->gradients);
    mote_train_options_free(&trainer->options);
    free(trainer);
}

void mote_trainer_set_listener(mote_trainer *trainer, mote_listener listener, void *context) {
    trainer->listener = listener;
    trainer->listener_context = context;
}

/* ---- events ---- */

static mote_metrics means(const mote_trainer *trainer, uint64_t samples, double loss,
                          uint64_t correct) {
    bool classes = trainer->model->output->classes > 0;
    return (mote_metrics){.samples = samples,
                          .loss = samples ? loss / (double)samples : (double)NAN,
                          .accuracy =
                              samples && classes ? (double)correct / (double)samples : (double)NAN};
}

static double speed(uint64_t samples, double seconds) {
    return seconds > 0 ? (double)samples / seconds : 0;
}

static mote_metrics training_metrics(const mote_trainer *trainer) {
    const mote_position *p = &trainer->position;
    return means(trainer, p->epoch_samples, p->epoch_loss, p->epoch_correct);
}

static double training_speed(const mote_trainer *trainer) {
    const mote_position *p = &trainer->position;
    return speed(p->epoch_samples, p->epoch_seconds);
}

/* Whether the last step ended an interval. It is told at once, and the next one begins, before
 * anything is saved. */
static void look_for_interval(mote_trainer *trainer) {
    mote_position *p = &trainer->position;
    size_t every = trainer->options.metrics.every_steps;
    trainer->interval = (mote_interval){0};
    if (every > 0 && p->step % every == 0) {
        trainer->interval = (mote_interval){
            .steps = p->interval_steps,
            .train = means(trainer, p->interval_samples, p->interval_loss, p->interval_correct),
            .samples_per_second = speed(p->interval_samples, p->interval_seconds)};
        p->interval_steps = p->interval_samples = p->interval_correct = 0;
        p->interval_loss = p->interval_seconds = 0;
    }
}

bool mote_trainer_tell(mote_trainer *trainer, mote_event_kind kind) {
    if (!trainer->listener) {
        return true;
    }
    const mote_position *p = &trainer->position;
    bool within = (kind == MOTE_EVENT_STEP || kind == MOTE_EVENT_STARTED) && !p->finished;
    bool interval = kind == MOTE_EVENT_STEP && trainer->interval.steps > 0;
    bool norms = (interval || kind == MOTE_EVENT_EPOCH) && mote_norms_known(trainer);
    bool ended_within = p->finished && p->epoch_step > 0;
    mote_event event = {
        .kind = kind,
        .trainer = trainer,
        .epoch = (size_t)p->epoch + (within || ended_within),
        .epochs =
            (size_t)((trainer->total_steps + trainer->epoch_steps - 1) / trainer->epoch_steps),
        .step = p->step,
        .total_steps = trainer->total_steps,
        .epoch_step = (size_t)p->epoch_step,
        .epoch_steps = trainer->epoch_steps,
        .learning_rate = trainer->learning_rate,
        .seconds = p->seconds,
        .samples_per_second = within ? training_speed(trainer) : trainer->epoch_speed,
        .train = within ? training_metrics(trainer) : trainer->epoch_metrics,
        .validation = trainer->validation,
        .best_validation = {.samples = p->has_best ? p->best_samples : 0,
                            .loss = p->best_loss,
                            .accuracy = p->best_accuracy},
        .notice = trainer->notices.text,
        .ending = (mote_ending)p->ending,
        .interval = interval ? &trainer->interval : NULL,
        .norms = norms ? trainer->norms : NULL,
        .norm_count = norms ? trainer->norm_count : 0,
    };
    return trainer->listener(trainer->listener_context, &event);
}

/* ---- epochs ---- */

static void keep_best(mote_trainer *trainer) {
    const mote_model *model = trainer->model;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        memcpy(trainer->best[i], parameter->value, parameter->count * sizeof *parameter->value);
    }
}

/* They change places number by number, as in mote_average_show. */
static void show_best(mote_trainer *trainer, bool shown) {
    const mote_model *model = trainer->model;
    for (size_t i = 0; trainer->shows_best != shown && i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        for (size_t k = 0; k < parameter->count; k++) {
            mote_real number = parameter->value[k];
            parameter->value[k] = trainer->best[i][k];
            trainer->best[i][k] = number;
        }
    }
    trainer->shows_best = shown;
}

void mote_trainer_show_weights(mote_trainer *trainer) {
    show_best(trainer, false);
    mote_average_show(trainer, false);
}

/* Better is the higher accuracy, and among equal ones, or without classes, the lower loss. */
static bool is_better(const mote_metrics *metrics, const mote_position *position) {
    if (!position->has_best) {
        return true;
    }
    if (isfinite(metrics->accuracy) && metrics->accuracy != position->best_accuracy) {
        return metrics->accuracy > position->best_accuracy;
    }
    return metrics->loss < position->best_loss;
}

/* Evaluates the validation part, if there is one. */
static mote_status validate(mote_trainer *trainer, mote_error *error) {
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_VALIDATION);
    if (part.count == 0) {
        return MOTE_OK;
    }
    trainer->validation =
        mote_measure_part(trainer->model, &trainer->model->preprocessing, trainer->pool, &part,
                          &trainer->batch, trainer->batch_rows);
    if (!isfinite(trainer->validation.loss)) {
        mote_fail(error, MOTE_DIVERGED,
                  "the validation loss is not finite after epoch %llu, at a learning rate of %g; "
                  "try a lower one, a warm-up, or another normalization of the data",
                  (unsigned long long)trainer->position.epoch + 1, trainer->learning_rate);
        mote_diagnose_validation(trainer, error);
        return MOTE_DIVERGED;
    }
    return MOTE_OK;
}

/* Remembers the best, tells; false where the listener wants to stop. */
static bool finish_epoch(mote_trainer *trainer, double *clock) {
    mote_position *p = &trainer->position;
    bool improved = trainer->validation.samples > 0 && is_better(&trainer->validation, p);
    if (improved) {
        p->has_best = true;
        p->best_loss = trainer->validation.loss;
        p->best_accuracy = trainer->validation.accuracy;
        p->best_samples = trainer->validation.samples;
        keep_best(trainer);
    }
    trainer->epoch_metrics = training_metrics(trainer);
    trainer->epoch_speed = training_speed(trainer);
    if (p->epoch_step == trainer->epoch_steps) { /* else it goes on where there are more steps */
        p->epoch++;
        p->epoch_step = p->epoch_samples = p->epoch_correct = 0;
        p->epoch_loss = p->epoch_seconds = 0;
    }
    double time = mote_clock();
    p->seconds += time - *clock;
    *clock = time;
    mote_stopping_observe(trainer);
    bool go_on = mote_trainer_tell(trainer, MOTE_EVENT_EPOCH);
    mote_notices_epoch(trainer);
    return (!improved || mote_trainer_tell(trainer, MOTE_EVENT_IMPROVED)) && go_on;
}

static mote_status fail_weights(mote_trainer *trainer, mote_error *error) {
    mote_fail(error, MOTE_DIVERGED,
              "a weight is not finite in epoch %llu, after step %llu, at a learning rate of %g; "
              "try a lower one, a warm-up, or another normalization of the data",
              (unsigned long long)trainer->position.epoch + 1,
              (unsigned long long)trainer->position.step, trainer->learning_rate);
    mote_diagnose_step(trainer, error);
    return MOTE_DIVERGED;
}

/* Validates, remembers, tells, with the averages of the weights in the model if there are any. */
static mote_status end_epoch(mote_trainer *trainer, double *clock, mote_error *error) {
    mote_norms_complete(trainer);
    mote_average_show(trainer, true);
    mote_status status = validate(trainer, error);
    if (status == MOTE_OK) {
        mote_trainer_tell_schedule(trainer);
        bool go_on = finish_epoch(trainer, clock);
        status = go_on || trainer->position.finished ? MOTE_OK : MOTE_INTERRUPTED;
    }
    mote_average_show(trainer, false);
    return status;
}

/* Runs steps, at least one, to the end of the epoch, or of training. */
static mote_status run_epoch(mote_trainer *trainer, double *clock, mote_error *error) {
    mote_position *p = &trainer->position;
    double begin = mote_clock(); /* what came before, such as saving, is not the epoch's */
    p->seconds += begin - *clock;
    *clock = begin;
    while (p->epoch_step < trainer->epoch_steps &&
           (p->epoch_step == 0 || !mote_stopping_now(trainer))) {
        double loss = p->epoch_loss, samples = (double)p->epoch_samples;
        mote_status status = mote_trainer_step(trainer, error);
        double time = mote_clock();
        p->seconds += time - *clock;
        p->epoch_seconds += time - *clock;
        p->interval_seconds += trainer->options.metrics.every_steps ? time - *clock : 0;
        *clock = time;
        if (status != MOTE_OK) {
            mote_diagnose_step(trainer, error);
            return status;
        }
        look_for_interval(trainer);
        mote_notices_step(trainer, (p->epoch_loss - loss) / ((double)p->epoch_samples - samples));
        if (!mote_trainer_tell(trainer, MOTE_EVENT_STEP)) {
            return MOTE_INTERRUPTED;
        }
        if (!mote_snapshot_refresh(trainer, *clock)) {
            return fail_weights(trainer, error);
        }
    }
    if (!mote_weights_finite(trainer, true)) { /* no loss follows the last update */
        return fail_weights(trainer, error);
    }
    mote_status status = end_epoch(trainer, clock, error);
    mote_snapshot_take(trainer);
    return status;
}

mote_status mote_trainer_run(mote_trainer *trainer, mote_error *error) {
    if (!trainer) {
        return mote_fail(error, MOTE_INVALID, "there is no trainer");
    }
    mote_position *p = &trainer->position;
    double clock = mote_clock();
    mote_trainer_show_weights(trainer);
    mote_status status =
        mote_trainer_tell(trainer, MOTE_EVENT_STARTED) ? MOTE_OK : MOTE_INTERRUPTED;
    mote_notices_start(trainer);
    mote_snapshot_take(trainer);
    if (status == MOTE_OK) {
        mote_stopping_begin(trainer);
    }
    while (status == MOTE_OK && !p->finished) {
        status = run_epoch(trainer, &clock, error);
    }
    if (status == MOTE_OK && p->has_best) {
        show_best(trainer, true);
    } else if (status == MOTE_OK) {
        mote_average_show(trainer, true);
    }
    mote_trainer_tell(trainer, MOTE_EVENT_STOPPED);
    return status == MOTE_INTERRUPTED
               ? mote_fail(error, status, "training was stopped after step %llu of %llu",
                           (unsigned long long)p->step, (unsigned long long)trainer->total_steps)
               : status;
}
