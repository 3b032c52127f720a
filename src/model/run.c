/* run.c: how a model's layers share memory, and its forward and backward passes. */
#include <assert.h>
#include <string.h>

#include "model/model.h"

/* A tile of element-wise work: big enough to pay for handing it out, small enough to stay in L1. */
enum {
    ELEMENTS_PER_TILE = 4096,
    OUTPUT_NUMBERS_PER_TILE = 2048,
    LARGEST_PREDICT_BATCH = 256
};

static size_t width_before(const mote_model *model, size_t index) {
    return mote_shape_count(model->layers[index]->input_shape);
}

static size_t width_after(const mote_model *model, size_t index) {
    return mote_shape_count(model->layers[index]->output_shape);
}

static bool is_element_wise(const mote_layer *layer) {
    return layer->kind->forward_elements != NULL;
}

static bool is_trained(const mote_layer *layer) {
    for (size_t i = 0; i < layer->parameter_count; i++) {
        if (!layer->parameters[i]->buffer) {
            return true;
        }
    }
    return false;
}

/* ---- the plan ---- */

/* The layer whose y layer `index` gets as its x, seen through reshapes; NULL for the input. */
static mote_layer *real_predecessor(const mote_model *model, size_t index) {
    while (index > 0 && model->layers[index - 1]->kind->reshapes) {
        index--;
    }
    return index > 0 ? model->layers[index - 1] : NULL;
}

static size_t index_of(const mote_model *model, const mote_layer *layer) {
    size_t index = 0;
    while (model->layers[index] != layer) {
        index++;
    }
    return index;
}

/* Which passes are needed, and who does a neighbour's along with its own. */
static void decide_stages(mote_model *model) {
    bool trained_below = false;
    for (size_t i = 0; i < model->layer_count; i++) {
        mote_layer *layer = model->layers[i];
        mote_layer *before = real_predecessor(model, i);
        mote_stage *stage = &model->stages[i];
        layer->fused_after = layer->fused_before = NULL;
        *stage = (mote_stage){.needs_dx = trained_below,
                              .needs_backward = trained_below || is_trained(layer)};
        trained_below = stage->needs_backward;
        if (is_element_wise(layer) && before && before->kind->fuses &&
            model->layers[i - 1] == before) {
            before->fused_after = layer;
            stage->in_place = stage->forward_fused = true;
        }
        if (layer->kind->fuses && stage->needs_dx && before && is_element_wise(before)) {
            layer->fused_before = before;
            model->stages[index_of(model, before)].backward_fused = true;
        }
    }
}

/* Where each layer's y lies. In training each needs a place of its own, for the backward pass;
 * otherwise two places take turns. */
static void carve_activations(mote_model *model, mote_arena *arena) {
    size_t widest = 0;
    for (size_t i = 0; i < model->layer_count; i++) {
        widest = width_after(model, i) > widest ? width_after(model, i) : widest;
    }
    mote_real *turns[2] = {NULL, NULL};
    if (!model->training) {
        turns[0] = mote_arena_take(arena, model->batch * widest, sizeof(mote_real));
        turns[1] = mote_arena_take(arena, model->batch * widest, sizeof(mote_real));
    }
    size_t turn = 0;
    mote_real *last = NULL;
    for (size_t i = 0; i < model->layer_count; i++) {
        mote_stage *stage = &model->stages[i];
        if (model->layers[i]->kind->reshapes || stage->in_place) {
            stage->y = last;
        } else if (model->training) {
            stage->y =
                mote_arena_take(arena, model->batch * width_after(model, i), sizeof(mote_real));
        } else {
            stage->y = turns[turn];
            turn = 1 - turn;
        }
        last = stage->y;
    }
}

static void carve_gradients(mote_model *model, mote_arena *arena) {
    size_t widest = 0;
    for (size_t i = 0; i < model->layer_count; i++) {
        if (model->stages[i].needs_dx && width_before(model, i) > widest) {
            widest = width_before(model, i);
        }
    }
    model->dz = mote_arena_take(arena, model->batch * model->output->width, sizeof(mote_real));
    for (size_t i = 0; i < 2; i++) {
        model->gradients[i] = mote_arena_take(arena, model->batch * widest, sizeof(mote_real));
    }
}

static void carve_scratch(mote_model *model, mote_arena *arena) {
    for (size_t i = 0; i < model->layer_count; i++) {
        mote_layer *layer = model->layers[i];
        for (size_t j = 0; j < layer->scratch_count; j++) {
            const mote_scratch *scratch = &layer->scratch[j];
            *scratch->where = mote_arena_take(
                arena, scratch->count_fixed + model->batch * scratch->count_per_sample,
                sizeof(mote_real));
        }
    }
}

static size_t output_rows_per_tile(const mote_model *model) {
    return 1 + OUTPUT_NUMBERS_PER_TILE / model->output->width;
}

static size_t output_tiles(const mote_model *model, size_t rows) {
    size_t rows_per_tile = output_rows_per_tile(model);
    return (rows + rows_per_tile - 1) / rows_per_tile;
}

static void carve(mote_model *model, mote_arena *arena) {
    carve_activations(model, arena);
    carve_scratch(model, arena);
    model->scores = mote_arena_take(arena, output_tiles(model, model->batch), sizeof(mote_score));
    if (model->training) {
        carve_gradients(model, arena);
    }
}

mote_status mote_model_plan(mote_model *model, size_t batch, bool training, mote_error *error) {
    mote_arena_free(&model->workspace);
    model->batch = batch;
    model->training = training;
    decide_stages(model);
    mote_arena measured = mote_arena_measure();
    carve(model, &measured);
    mote_status status = mote_arena_allocate(&model->workspace, &measured, error);
    if (status != MOTE_OK) {
        model->batch = 0;
        model->training = false; /* so that a prediction may plan anew */
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

/* ---- element-wise layers ---- */

typedef struct elements_job {
    const mote_layer *layer;
    size_t count;
    const mote_real *x; /* y in the backward pass */
    const mote_real *dy;
    mote_real *out;
} elements_job;

static void run_elements_tile(void *context, size_t index) {
    const elements_job *job = context;
    size_t begin = index * ELEMENTS_PER_TILE;
    size_t count = job->count - begin;
    count = count < ELEMENTS_PER_TILE ? count : ELEMENTS_PER_TILE;
    const mote_layer_class *kind = job->layer->kind;
    if (job->dy) {
        kind->backward_elements(job->layer, count, job->x + begin, job->dy + begin,
                                job->out + begin);
    } else {
        kind->forward_elements(job->layer, count, job->x + begin, job->out + begin);
    }
}

static void run_elements(mote_pool *pool, elements_job job) {
    size_t tiles = (job.count + ELEMENTS_PER_TILE - 1) / ELEMENTS_PER_TILE;
    mote_pool_run(tiles > 2 ? pool : NULL, tiles, run_elements_tile, &job);
}

/* ---- forward ---- */

const mote_real *mote_model_forward(mote_model *model, const mote_pass *pass, const mote_real *x) {
    assert(pass->batch <= model->batch);
    for (size_t i = 0; i < model->layer_count; i++) {
        mote_layer *layer = model->layers[i];
        const mote_stage *stage = &model->stages[i];
        if (layer->kind->reshapes) {
            continue;
        }
        if (is_element_wise(layer)) {
            if (!stage->forward_fused) {
                run_elements(pass->pool,
                             (elements_job){.layer = layer,
                                            .count = pass->batch * width_after(model, i),
                                            .x = x,
                                            .out = stage->y});
            }
        } else {
            layer->kind->forward(layer, pass, x, stage->y);
        }
        x = stage->y;
    }
    return x;
}

/* ---- the output ---- */

typedef struct score_job {
    mote_model *model;
    size_t rows;
    const mote_real *z;
    mote_targets targets;
    mote_real scale;
} score_job;

static void score_tile(void *context, size_t index) {
    const score_job *job = context;
    const mote_model *model = job->model;
    const mote_output *output = model->output;
    size_t begin = index * output_rows_per_tile(model);
    size_t rows = job->rows - begin;
    rows = rows < output_rows_per_tile(model) ? rows : output_rows_per_tile(model);
    size_t target_width = output->classes ? output->classes : output->width;
    mote_targets targets = {
        .labels = job->targets.labels ? job->targets.labels + begin : NULL,
        .values = job->targets.values ? job->targets.values + begin * target_width : NULL,
    };
    mote_real *dz = job->scale != 0 ? model->dz + begin * output->width : NULL;
    model->scores[index] = (mote_score){0};
    output->kind->score(output, rows, job->z + begin * output->width, targets, job->scale, dz,
                        &model->scores[index]);
}

mote_score mote_model_score(mote_model *model, const mote_pass *pass, const mote_real *z,
                            mote_targets targets, mote_real scale) {
    score_job job = {
        .model = model, .rows = pass->batch, .z = z, .targets = targets, .scale = scale};
    size_t tiles = output_tiles(model, pass->batch);
    mote_pool_run(pass->pool, tiles, score_tile, &job);
    mote_score sum = {0};
    for (size_t i = 0; i < tiles; i++) { /* in this order whoever did which */
        sum.loss += model->scores[i].loss;
        sum.correct += model->scores[i].correct;
    }
    return sum;
}

/* ---- backward ---- */

static void clear_gradients(const mote_layer *layer) {
    for (size_t i = 0; i < layer->parameter_count; i++) {
        const mote_parameter *parameter = layer->parameters[i];
        if (!parameter->buffer) {
            memset(parameter->gradient, 0, parameter->count * sizeof *parameter->gradient);
        }
    }
}

static void hand_over_gradients(const mote_layer *layer, const mote_pass *pass) {
    for (size_t i = 0; i < layer->parameter_count; i++) {
        const mote_parameter *parameter = layer->parameters[i];
        if (!parameter->buffer) {
            mote_gradient_ready(pass, parameter, 0, parameter->count, parameter->gradient);
        }
    }
}

static void run_backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                         const mote_real *y, mote_real *dy, mote_real *dx) {
    bool hands_over = pass->ready && !layer->kind->tiles_gradients;
    if (hands_over) {
        clear_gradients(layer);
    }
    layer->kind->backward(layer, pass, x, y, dy, dx);
    if (hands_over) {
        hand_over_gradients(layer, pass);
    }
}

void mote_model_backward(mote_model *model, const mote_pass *pass, const mote_real *x) {
    assert(model->training && pass->batch <= model->batch);
    mote_real *dy = model->dz;
    size_t turn = 0;
    for (size_t i = model->layer_count; i-- > 0 && model->stages[i].needs_backward;) {
        mote_layer *layer = model->layers[i];
        const mote_stage *stage = &model->stages[i];
        const mote_real *layer_x = i > 0 && model->stages[i - 1].y ? model->stages[i - 1].y : x;
        if (layer->kind->reshapes) {
            continue;
        }
        if (is_element_wise(layer)) {
            if (!stage->backward_fused) {
                run_elements(pass->pool,
                             (elements_job){.layer = layer,
                                            .count = pass->batch * width_after(model, i),
                                            .x = stage->y,
                                            .dy = dy,
                                            .out = dy});
            }
            continue;
        }
        mote_real *dx = stage->needs_dx ? model->gradients[turn] : NULL;
        run_backward(layer, pass, layer_x, stage->y, dy, dx);
        dy = dx;
        turn = 1 - turn;
    }
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
