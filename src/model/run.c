/* run.c: a model's plan, its passes, its output, and prediction. */
#include <assert.h>

#include "math/whole.h"
#include "model/model.h"

enum {
    OUTPUT_NUMBERS_PER_TILE = 2048,
    LARGEST_PREDICT_BATCH = 256
};

/* ---- the plan ---- */

static size_t output_rows_per_tile(const mote_model *model) {
    return 1 + OUTPUT_NUMBERS_PER_TILE / model->output->width;
}

static size_t output_tiles(const mote_model *model, size_t rows) {
    size_t rows_per_tile = output_rows_per_tile(model);
    return mote_ceiling_divide(rows, rows_per_tile);
}

static void carve(mote_model *model, mote_arena *arena) {
    mote_sequence_carve(model->layers, model->batch, model->training, arena);
    model->scores = mote_arena_take(arena, output_tiles(model, model->batch), sizeof(mote_score));
    if (model->training) {
        model->dz = mote_arena_take(arena, model->batch * model->output->width, sizeof(mote_real));
    }
}

mote_status mote_model_plan(mote_model *model, size_t batch, bool training, mote_error *error) {
    mote_arena_free(&model->workspace);
    model->batch = batch;
    model->training = training;
    mote_sequence_decide(model->layers, false, training);
    mote_arena measured = mote_arena_measure();
    carve(model, &measured);
    mote_status status = mote_arena_allocate(&model->workspace, &measured, error);
    if (status != MOTE_OK) {
        model->batch = 0;
        model->training = false; /* so that a prediction can make a new plan */
        return status;
    }
    carve(model, &model->workspace);
    assert(mote_arena_complete(&model->workspace));
    return MOTE_OK;
}

void mote_model_drop_plan(mote_model *model) {
    mote_arena_free(&model->workspace);
    model->batch = 0;
    model->training = false;
}

size_t mote_model_memory(const mote_model *model) {
    return model->workspace.capacity + model->values.capacity;
}

/* ---- passes ---- */

const mote_real *mote_model_forward(mote_model *model, const mote_pass *pass, const mote_real *x) {
    assert(pass->batch <= model->batch);
    return mote_sequence_forward(model->layers, pass, x);
}

void mote_model_backward(mote_model *model, const mote_pass *pass) {
    assert(model->training && pass->batch <= model->batch);
    mote_sequence_backward(model->layers, pass, model->dz, NULL);
}

/* ---- the output ---- */

typedef struct score_job {
    mote_model *model;
    size_t rows;
    const mote_real *z;
    mote_targets targets;
    const mote_real *class_weights;
    mote_real scale;
} score_job;

/* Scores rows that all have the same weight. */
static void score_rows(const score_job *job, size_t begin, size_t rows, mote_real weight,
                       mote_score *sum) {
    const mote_model *model = job->model;
    const mote_output *output = model->output;
    size_t target_width = output->classes ? output->classes : output->width;
    mote_targets targets = {
        .labels = job->targets.labels ? job->targets.labels + begin : NULL,
        .values = job->targets.values ? job->targets.values + begin * target_width : NULL,
    };
    mote_real *dz = job->scale != 0 ? model->dz + begin * output->width : NULL;
    mote_score score = {0};
    output->kind->score(output, rows, job->z + begin * output->width, targets, job->scale * weight,
                        dz, &score);
    sum->loss += (double)weight * score.loss;
    sum->correct += score.correct;
}

static void score_tile(void *context, size_t index) {
    const score_job *job = context;
    const mote_model *model = job->model;
    size_t begin = index * output_rows_per_tile(model), end = begin + output_rows_per_tile(model);
    end = end < job->rows ? end : job->rows;
    mote_score *sum = &model->scores[index];
    *sum = (mote_score){0};
    if (!job->class_weights) {
        score_rows(job, begin, end - begin, 1, sum);
        return;
    }
    const uint32_t *labels = job->targets.labels;
    for (size_t row = begin, next; row < end; row = next) {
        for (next = row + 1; next < end && labels[next] == labels[row];) {
            next++;
        }
        score_rows(job, row, next - row, job->class_weights[labels[row]], sum);
    }
}

mote_score mote_model_score(mote_model *model, const mote_pass *pass, const mote_real *z,
                            mote_targets targets, mote_real scale) {
    return mote_model_score_weighted(model, pass, z, targets, NULL, scale);
}

mote_score mote_model_score_weighted(mote_model *model, const mote_pass *pass, const mote_real *z,
                                     mote_targets targets, const mote_real *class_weights,
                                     mote_real scale) {
    assert(!class_weights || targets.labels);
    score_job job = {.model = model,
                     .rows = pass->batch,
                     .z = z,
                     .targets = targets,
                     .class_weights = class_weights,
                     .scale = scale};
    size_t tiles = output_tiles(model, pass->batch);
    mote_pool_run(pass->pool, tiles, score_tile, &job);
    mote_score sum = {0};
    for (size_t i = 0; i < tiles; i++) { /* in order, whichever thread did which */
        sum.loss += model->scores[i].loss;
        sum.correct += model->scores[i].correct;
    }
    return sum;
}

/* ---- prediction ---- */

mote_status mote_model_predict(mote_model *model, size_t rows, const mote_real *x,
                               mote_real *prediction, mote_error *error) {
    if (!model || !model->output) {
        return mote_fail(error, MOTE_INVALID, "the model has no output yet");
    }
    size_t batch = rows < LARGEST_PREDICT_BATCH ? rows : LARGEST_PREDICT_BATCH;
    if (model->batch < batch && !model->training &&
        mote_model_plan(model, batch, false, error) != MOTE_OK) {
        return MOTE_MEMORY;
    }
    size_t width = mote_shape_count(model->input_shape);
    size_t prediction_width = model->output->prediction_width;
    for (size_t done = 0; done < rows;) {
        size_t count = rows - done < model->batch ? rows - done : model->batch;
        mote_pass pass = {.pool = model->pool, .batch = count};
        const mote_real *z = mote_model_forward(model, &pass, x + done * width);
        model->output->kind->predict(model->output, count, z, prediction + done * prediction_width);
        done += count;
    }
    return MOTE_OK;
}
