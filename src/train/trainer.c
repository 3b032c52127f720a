/* trainer.c: creating and destroying a trainer: its memory, its checks, its threads. */
#include "train/trainer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "train/average.h"
#include "train/norms.h"
#include "train/notices.h"
#include "train/snapshot.h"
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

/* ---- checks ---- */

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

mote_status mote_trainer_fail_missing(mote_error *error) {
    return mote_fail(error, MOTE_INVALID, "there is no trainer");
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

/* The last batch of an epoch may be short, unless it is dropped or never reached. */
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
            "it leaves no step: there are %zu training samples, fewer than the %s of %zu", samples,
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

/* Floating-point operations of a step per thread: with fewer, the threads would spend their time
 * handing tiles around. */
static const double WORK_PER_THREAD = 5e6;

/* The cost of augmenting one number of a sample, in such operations. */
static const double AUGMENTING_PIXEL = 100;

/* The number given, or as many as there are cores and work for. A forward and backward pass takes
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
    if (trainer) {
        trainer->listener = listener;
        trainer->listener_context = context;
    }
}
