/* evaluate.c: how good a model is on a part of a data set. */
#include <math.h>
#include <string.h>

#include "data/dataset.h"
#include "train/trainer.h"

enum { EVALUATION_BATCH = 256 };

static mote_targets targets_of(const mote_samples *samples, const mote_batch *batch) {
    return (mote_targets){.labels = samples->labels ? batch->labels : NULL,
                          .values = samples->labels ? NULL : batch->values};
}

/* One batch of a part, gathered and run forward. */
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

mote_metrics mote_measure_part(mote_model *model, const mote_preprocessing *preprocessing,
                               mote_pool *pool, const mote_part *part, const mote_batch *batch,
                               size_t batch_size) {
    mote_score sum = {0};
    for (size_t begin = 0; begin < part->count; begin += batch_size) {
        size_t left = part->count - begin;
        mote_pass pass = {.pool = pool, .batch = left < batch_size ? left : batch_size};
        const mote_real *z = run_batch(model, preprocessing, &pass, part, begin, batch);
        mote_score score =
            mote_model_score(model, &pass, z, targets_of(part->samples, batch), 0);
        sum.loss += score.loss;
        sum.correct += score.correct;
    }
    return to_metrics(model, sum, part->count);
}

/* The predicted class of a row of probabilities. */
static size_t most_probable(const mote_real *prediction, size_t classes) {
    size_t best = 0;
    for (size_t i = 1; i < classes; i++) {
        best = prediction[i] > prediction[best] ? i : best;
    }
    return best;
}

static void count_confusion(mote_model *model, const mote_part *part, const mote_batch *batch,
                            mote_real *prediction, uint64_t *confusion) {
    size_t classes = model->output->classes;
    memset(confusion, 0, classes * classes * sizeof *confusion);
    for (size_t begin = 0; begin < part->count; begin += EVALUATION_BATCH) {
        size_t left = part->count - begin;
        mote_pass pass = {.pool = model->pool,
                          .batch = left < EVALUATION_BATCH ? left : EVALUATION_BATCH};
        const mote_real *z =
            run_batch(model, &model->preprocessing, &pass, part, begin, batch);
        model->output->kind->predict(model->output, pass.batch, z, prediction);
        for (size_t i = 0; i < pass.batch; i++) {
            size_t predicted = most_probable(prediction + i * classes, classes);
            confusion[batch->labels[i] * classes + predicted]++;
        }
    }
}

static mote_status check_fit(mote_model *model, const mote_part *part, mote_error *error) {
    if (part->count == 0) {
        return mote_fail(error, MOTE_DATA, "there are no samples to evaluate on");
    }
    if (!mote_shape_equal(part->samples->shape, model->input_shape)) {
        char found[MOTE_SHAPE_TEXT_CAPACITY], expected[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_DATA, "the samples are %s, but the model takes %s",
                         mote_shape_text(part->samples->shape, found),
                         mote_shape_text(model->input_shape, expected));
    }
    if (!part->samples->labels != (model->output->classes == 0)) {
        return mote_fail(error, MOTE_DATA, "the model predicts %s, but the samples have %s",
                         model->output->classes ? "classes" : "numbers",
                         model->output->classes ? "numbers" : "classes");
    }
    if (!part->samples->labels && part->samples->value_width != model->output->width) {
        return mote_fail(error, MOTE_DATA,
                         "the model predicts %zu numbers a sample, but the samples have %zu",
                         model->output->width, part->samples->value_width);
    }
    for (size_t i = 0; part->samples->labels && i < part->count; i++) {
        uint32_t label = part->samples->labels[part->indexes[i]];
        if (label >= model->output->classes) {
            return mote_fail(error, MOTE_DATA,
                             "the label of sample %u (counted from 0) is %u, but the model knows "
                             "only %zu classes",
                             part->indexes[i], label, model->output->classes);
        }
    }
    return MOTE_OK;
}

static void carve(mote_arena *arena, const mote_model *model, const mote_part *part,
                  mote_batch *batch, mote_real **prediction) {
    size_t width = mote_shape_count(model->input_shape);
    batch->x = mote_arena_take(arena, EVALUATION_BATCH * width, sizeof(mote_real));
    batch->labels = mote_arena_take(arena, EVALUATION_BATCH, sizeof(uint32_t));
    batch->values = mote_arena_take(arena, EVALUATION_BATCH * part->samples->value_width,
                                    sizeof(mote_real));
    *prediction = mote_arena_take(arena, EVALUATION_BATCH * model->output->prediction_width,
                                  sizeof(mote_real));
}

mote_status mote_evaluate(mote_model *model, const mote_part *part, mote_metrics *metrics,
                          uint64_t *confusion, mote_error *error) {
    mote_status status = check_fit(model, part, error);
    if (status == MOTE_OK && !model->training && model->batch != EVALUATION_BATCH) {
        status = mote_model_plan(model, EVALUATION_BATCH, false, error);
    }
    if (status != MOTE_OK) {
        return status;
    }
    if (model->batch < EVALUATION_BATCH) {
        return mote_fail(error, MOTE_INVALID,
                         "the model is being trained; destroy its trainer before evaluating it");
    }
    mote_batch batch;
    mote_real *prediction;
    mote_arena measured = mote_arena_measure(), arena;
    carve(&measured, model, part, &batch, &prediction);
    status = mote_arena_allocate(&arena, &measured, error);
    if (status != MOTE_OK) {
        return status;
    }
    carve(&arena, model, part, &batch, &prediction);
    *metrics = mote_measure_part(model, &model->preprocessing, model->pool, part, &batch,
                                 EVALUATION_BATCH);
    if (confusion && model->output->classes) {
        count_confusion(model, part, &batch, prediction, confusion);
    }
    mote_arena_free(&arena);
    return MOTE_OK;
}
