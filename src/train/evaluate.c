/* evaluate.c: evaluating a model on a part of a data set. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "data/dataset.h"
#include "outputs/targets.h"
#include "train/trainer.h"

enum {
    EVALUATION_BATCH = 256
};

static mote_targets targets_of(const mote_samples *samples, const mote_batch *batch) {
    return (mote_targets){.labels = samples->labels ? batch->labels : NULL,
                          .values = samples->labels ? NULL : batch->values};
}

/* Gathers one batch of a part and runs it forward. */
static const mote_real *run_batch(mote_model *model, const mote_preprocessing *preprocessing,
                                  const mote_pass *pass, const mote_part *part, size_t begin,
                                  const mote_batch *batch) {
    mote_gather(part->samples, preprocessing, pass->pool, part->indexes + begin, pass->batch,
                batch->x, batch->labels, batch->values);
    return mote_model_forward(model, pass, batch->x);
}

static mote_metrics to_metrics(const mote_model *model, mote_score score, size_t samples) {
    return (mote_metrics){
        .samples = samples,
        .loss = score.loss / (double)samples,
        .accuracy = model->output->classes ? (double)score.correct / (double)samples : (double)NAN};
}

/* Where predictions are counted: [classes × classes], true class (row), predicted (column). */
typedef struct tally {
    mote_real *prediction; /* [batch × prediction width] */
    uint64_t *confusion;
} tally;

static void count_predictions(const mote_model *model, size_t rows, const mote_real *z,
                              mote_targets targets, const tally *t) {
    size_t classes = model->output->classes;
    model->output->kind->predict(model->output, rows, z, t->prediction);
    for (size_t i = 0; i < rows; i++) {
        size_t predicted = mote_largest(classes, t->prediction + i * classes);
        t->confusion[mote_target_class(targets, i, classes) * classes + predicted]++;
    }
}

static mote_metrics measure(mote_model *model, const mote_preprocessing *preprocessing,
                            mote_pool *pool, const mote_part *part, const mote_batch *batch,
                            size_t batch_size, const tally *t) {
    mote_score sum = {0};
    for (size_t begin = 0; begin < part->count; begin += batch_size) {
        size_t left = part->count - begin;
        mote_pass pass = {.pool = pool, .batch = left < batch_size ? left : batch_size};
        const mote_real *z = run_batch(model, preprocessing, &pass, part, begin, batch);
        mote_targets targets = targets_of(part->samples, batch);
        mote_score score = mote_model_score(model, &pass, z, targets, 0);
        sum.loss += score.loss;
        sum.correct += score.correct;
        if (t) {
            count_predictions(model, pass.batch, z, targets, t);
        }
    }
    return to_metrics(model, sum, part->count);
}

mote_metrics mote_measure_part(mote_model *model, const mote_preprocessing *preprocessing,
                               mote_pool *pool, const mote_part *part, const mote_batch *batch,
                               size_t batch_size) {
    return measure(model, preprocessing, pool, part, batch, batch_size, NULL);
}

/* Accuracy according to the confusion matrix, in which logits that differ by too little to show in
 * the probabilities are ties. */
static double accuracy_of(const uint64_t *confusion, size_t classes, size_t samples) {
    uint64_t correct = 0;
    for (size_t i = 0; i < classes; i++) {
        correct += confusion[i * classes + i];
    }
    return (double)correct / (double)samples;
}

static mote_status check_shape(const mote_model *model, const mote_samples *samples,
                               mote_error *error) {
    if (mote_shape_equal(samples->shape, model->input_shape)) {
        return MOTE_OK;
    }
    char found[MOTE_SHAPE_TEXT_CAPACITY], expected[MOTE_SHAPE_TEXT_CAPACITY];
    return mote_fail(error, MOTE_DATA, "the samples are %s, but the model takes %s",
                     mote_shape_text(samples->shape, found),
                     mote_shape_text(model->input_shape, expected));
}

/* For a part with labels. */
static mote_status check_labels(const mote_model *model, const mote_part *part, mote_error *error) {
    size_t classes = model->output->classes;
    if (classes == 0) {
        return mote_fail(error, MOTE_DATA,
                         "the model predicts numbers, but the samples have classes");
    }
    for (size_t i = 0; i < part->count; i++) {
        uint32_t label = part->samples->labels[part->indexes[i]];
        if (label >= classes) {
            return mote_fail(error, MOTE_DATA,
                             "the label of sample %u (counted from 0) is %u, but the model knows "
                             "only %zu classes",
                             part->indexes[i], label, classes);
        }
    }
    return MOTE_OK;
}

/* For samples with values: numbers to predict, or distributions over the classes. */
static mote_status check_values(const mote_model *model, const mote_samples *samples,
                                mote_error *error) {
    size_t classes = model->output->classes, width = classes ? classes : model->output->width;
    if (samples->value_width == width) {
        return MOTE_OK;
    }
    return classes ? mote_fail(error, MOTE_DATA,
                               "the model predicts classes, but the samples have numbers")
                   : mote_fail(error, MOTE_DATA,
                               "the model predicts %zu numbers a sample, but the samples have %zu",
                               width, samples->value_width);
}

static mote_status check_fit(const mote_model *model, const mote_part *part, mote_error *error) {
    if (!model || !model->output) {
        return mote_fail(error, MOTE_INVALID, "the model has no output yet");
    }
    if (part->count == 0) {
        return mote_fail(error, MOTE_DATA, "there are no samples to evaluate on");
    }
    mote_status status = check_shape(model, part->samples, error);
    if (status != MOTE_OK) {
        return status;
    }
    return part->samples->labels ? check_labels(model, part, error)
                                 : check_values(model, part->samples, error);
}

static void carve(mote_arena *arena, const mote_model *model, const mote_part *part,
                  mote_batch *batch, mote_real **prediction) {
    size_t width = mote_shape_count(model->input_shape);
    batch->x = mote_arena_take(arena, EVALUATION_BATCH * width, sizeof(mote_real));
    batch->labels = mote_arena_take(arena, EVALUATION_BATCH, sizeof(uint32_t));
    batch->values =
        mote_arena_take(arena, EVALUATION_BATCH * part->samples->value_width, sizeof(mote_real));
    *prediction = mote_arena_take(arena, EVALUATION_BATCH * model->output->prediction_width,
                                  sizeof(mote_real));
}

/* Plans the model for batches of EVALUATION_BATCH; one planned by a trainer must have room for
 * them. */
static mote_status prepare_model(mote_model *model, mote_error *error) {
    if (!model->training && model->batch != EVALUATION_BATCH) {
        return mote_model_plan(model, EVALUATION_BATCH, false, error);
    }
    return model->batch >= EVALUATION_BATCH
               ? MOTE_OK
               : mote_fail(error, MOTE_INVALID,
                           "the model is being trained; destroy its trainer before evaluating it");
}

mote_status mote_evaluate(mote_model *model, const mote_part *part, mote_metrics *metrics,
                          uint64_t *confusion, mote_error *error) {
    mote_batch batch;
    mote_real *prediction;
    mote_status status = check_fit(model, part, error);
    if (status == MOTE_OK) {
        status = prepare_model(model, error);
    }
    mote_arena measured = mote_arena_measure(), arena;
    if (status == MOTE_OK) {
        carve(&measured, model, part, &batch, &prediction);
        status = mote_arena_allocate(&arena, &measured, error);
    }
    if (status != MOTE_OK) {
        return status;
    }
    carve(&arena, model, part, &batch, &prediction);
    assert(mote_arena_complete(&arena));
    size_t classes = model->output->classes;
    bool counts = confusion && classes > 0;
    tally t = {.prediction = prediction, .confusion = confusion};
    if (counts) {
        memset(confusion, 0, classes * classes * sizeof *confusion);
    }
    *metrics = measure(model, &model->preprocessing, model->pool, part, &batch, EVALUATION_BATCH,
                       counts ? &t : NULL);
    if (counts) {
        metrics->accuracy = accuracy_of(confusion, classes, part->count);
    }
    mote_arena_free(&arena);
    return MOTE_OK;
}
