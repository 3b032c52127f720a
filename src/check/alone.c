/* alone.c: single training passes of a layer by itself. */
#include "check/alone.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check/numbers.h"

/* ---- parameters, concatenated ---- */

/* What copy_values copies: all buffers, or all gradients. */
typedef enum values_kind {
    BUFFERS,
    GRADIENTS
} values_kind;

static mote_real *values_of(const mote_parameter *parameter, values_kind kind) {
    return kind == BUFFERS ? parameter->value : parameter->gradient;
}

static void copy_values(const mote_model *model, values_kind kind, bool out, mote_real *list) {
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        if (parameter->buffer == (kind == BUFFERS)) {
            mote_real *values = values_of(parameter, kind);
            memcpy(out ? list : values, out ? values : list, parameter->count * sizeof *list);
            list += parameter->count;
        }
    }
}

enum {
    GUARD = 16 /* numbers that nothing may write to */
};

/* Fills gradients with `value`, and the guard after each with bytes of `memory`. */
static void fill_gradients(const mote_model *model, mote_real value, unsigned char memory) {
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        if (parameter->buffer) {
            continue;
        }
        for (size_t k = 0; k < parameter->count; k++) {
            parameter->gradient[k] = value;
        }
        memset(parameter->gradient + parameter->count, memory, GUARD * sizeof(mote_real));
    }
}

char *mote_alone_name(const mote_alone *alone, size_t index, char *text) {
    text[0] = '\0';
    for (size_t i = 0; i < alone->model->parameter_count; i++) {
        const mote_named_parameter *named = &alone->model->parameters[i];
        if (named->parameter->buffer) {
            continue;
        }
        if (index < named->parameter->count) {
            snprintf(text, MOTE_ENTRY_CAPACITY, "%s[%zu]", named->name, index);
            return text;
        }
        index -= named->parameter->count;
    }
    return text;
}

mote_status mote_alone_initialize(mote_model *model, mote_error *error) {
    mote_status status = mote_model_initialize(model, 1, error);
    mote_random random = mote_random_create(2, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; status == MOTE_OK && i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        for (size_t k = 0; !parameter->buffer && k < parameter->count; k++) {
            parameter->value[k] += (mote_real)(0.8 * mote_random_uniform(&random) - 0.4);
        }
    }
    return status;
}

/* ---- memory ---- */

static void carve_gradients(mote_model *model, mote_arena *arena) {
    for (size_t i = 0; i < model->parameter_count; i++) {
        mote_parameter *parameter = model->parameters[i].parameter;
        if (!parameter->buffer) {
            parameter->gradient =
                mote_arena_take(arena, parameter->count + GUARD, sizeof(mote_real));
        }
    }
}

static void carve(mote_alone *alone, mote_arena *arena) {
    size_t size = sizeof(mote_real), in = alone->batch * alone->in, out = alone->batch * alone->out;
    size_t guarded = (alone->batch + 1) * alone->in;
    alone->x = mote_arena_take(arena, in, size);
    alone->upstream = mote_arena_take(arena, out, size);
    alone->dy = mote_arena_take(arena, out, size);
    alone->kept = mote_arena_take(arena, alone->untrained, size);
    alone->values = mote_arena_take(arena, alone->model->values.capacity, 1);
    alone->times = mote_arena_take(arena, alone->trained, sizeof *alone->times);
    carve_gradients(alone->model, arena);
    for (size_t i = 0; i < MOTE_RESULTS; i++) {
        alone->results[i] =
            (mote_result){.y = mote_arena_take(arena, out, size),
                          .before_dx = mote_arena_take(arena, GUARD, size),
                          .dx = mote_arena_take(arena, guarded, size),
                          .gradients = mote_arena_take(arena, alone->trained, size),
                          .buffers = mote_arena_take(arena, alone->untrained, size)};
    }
}

static void widen_scratch(const mote_model *model, ptrdiff_t count) {
    for (size_t i = 0; i < model->layers->count; i++) {
        mote_layer *layer = model->layers->layers[i];
        for (size_t k = 0; k < layer->scratch_count; k++) {
            layer->scratch[k].count_fixed += (size_t)count;
        }
    }
}

/* Puts a guard ahead of y: the first layer's y comes first. */
static void carve_workspace(mote_model *model, size_t batch, mote_arena *arena) {
    mote_arena_take(arena, GUARD, sizeof(mote_real));
    mote_sequence_carve(model->layers, batch, true, arena);
}

/* Plans for one more row than there will be, and for a guard at the end of scratch memory; nothing
 * may write to these. */
static mote_status plan(mote_model *model, size_t batch, mote_error *error) {
    mote_model_drop_plan(model);
    mote_sequence_decide(model->layers, true, true);
    widen_scratch(model, GUARD);
    mote_arena measured = mote_arena_measure();
    carve_workspace(model, batch + 1, &measured);
    mote_status status = mote_arena_allocate(&model->workspace, &measured, error);
    if (status == MOTE_OK) {
        carve_workspace(model, batch + 1, &model->workspace);
    }
    widen_scratch(model, -GUARD);
    return status;
}

mote_status mote_alone_create(mote_alone *alone, mote_model *model, size_t batch,
                              mote_error *error) {
    *alone = (mote_alone){.model = model, .batch = batch};
    alone->in = mote_shape_count(model->input_shape);
    alone->out = mote_shape_count(mote_sequence_output_shape(model->layers));
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        *(parameter->buffer ? &alone->untrained : &alone->trained) += parameter->count;
    }
    mote_arena measured = mote_arena_measure();
    carve(alone, &measured);
    mote_status status = mote_arena_allocate(&alone->memory, &measured, error);
    if (status == MOTE_OK) {
        carve(alone, &alone->memory);
        status = plan(model, batch, error);
    }
    if (status == MOTE_OK) {
        mote_random random = mote_random_create(3, MOTE_RANDOM_DATA, batch);
        numbers_spaced(&random, batch * alone->in, alone->x);
        numbers_uniform(&random, -1, 1, batch * alone->out, alone->upstream);
        copy_values(model, BUFFERS, true, alone->kept);
    }
    return status;
}

void mote_alone_free(mote_alone *alone) {
    for (size_t i = 0; alone->model && i < alone->model->parameter_count; i++) {
        alone->model->parameters[i].parameter->gradient = NULL;
    }
    if (alone->model) {
        mote_model_drop_plan(alone->model);
    }
    mote_arena_free(&alone->memory);
    *alone = (mote_alone){0};
}

/* ---- passes ---- */

static const uint64_t SEED = 4; /* the same for each pass */

static void prepare(mote_alone *alone, const mote_trial *trial) {
    copy_values(alone->model, BUFFERS, false, alone->kept);
    memcpy(alone->values, alone->model->values.memory, alone->model->values.capacity);
    memset(alone->model->workspace.memory, trial->memory, alone->model->workspace.capacity);
}

/* Returns y where the layers left it. */
static const mote_real *forward(mote_alone *alone, const mote_pass *pass, mote_result *result) {
    const mote_real *y = mote_sequence_forward(alone->model->layers, pass, alone->x);
    memcpy(result->y, y, pass->batch * alone->out * sizeof *y);
    return y;
}

void mote_alone_forward(mote_alone *alone, const mote_trial *trial, mote_result *result) {
    mote_random random = mote_random_create(SEED, MOTE_RANDOM_LAYERS, 0);
    mote_pass pass = {
        .pool = trial->pool, .batch = trial->rows, .training = true, .random = &random};
    prepare(alone, trial);
    forward(alone, &pass, result);
}

/* ---- bounds ---- */

/* Whether numbers begin ... end - 1 are still what they were before the pass. */
static bool is_untouched(const mote_real *numbers, size_t begin, size_t end, unsigned char memory) {
    const unsigned char *bytes = (const unsigned char *)(numbers + begin);
    for (size_t i = 0; i < (end - begin) * sizeof *numbers; i++) {
        if (bytes[i] != memory) {
            return false;
        }
    }
    return true;
}

static bool is_in_workspace(const mote_alone *alone, const mote_real *numbers) {
    uintptr_t begin = (uintptr_t)alone->model->workspace.memory, at = (uintptr_t)numbers;
    return at >= begin && at - begin < alone->model->workspace.capacity;
}

static mote_status check_scratch(const mote_alone *alone, const mote_layer *layer,
                                 const mote_trial *trial, mote_error *error) {
    for (size_t i = 0; i < layer->scratch_count; i++) {
        const mote_scratch *scratch = &layer->scratch[i];
        size_t used = scratch->count_fixed + trial->rows * scratch->count_per_sample;
        size_t end = scratch->count_fixed + GUARD + (alone->batch + 1) * scratch->count_per_sample;
        if (!is_untouched(*scratch->where, used, end, trial->memory)) {
            return mote_fail(error, MOTE_DATA,
                             "layers of type %s write past the end of what they asked for as "
                             "scratch memory number %zu, %zu entries for a batch of %zu",
                             layer->kind->type, i, used, trial->rows);
        }
    }
    return MOTE_OK;
}

/* A trained parameter must not change, nor what lies between any parameter and the next. */
static mote_status check_values(const mote_alone *alone, size_t index, mote_error *error) {
    const mote_arena *values = &alone->model->values;
    const mote_named_parameter *named = &alone->model->parameters[index];
    const mote_parameter *parameter = named->parameter;
    bool last = index + 1 == alone->model->parameter_count;
    const unsigned char *begin = (const unsigned char *)parameter->value;
    const unsigned char *end = (const unsigned char *)(parameter->value + parameter->count);
    const unsigned char *next =
        last ? values->memory + values->capacity : (const unsigned char *)named[1].parameter->value;
    const unsigned char *before = alone->values + (begin - values->memory);
    if (!parameter->buffer && memcmp(begin, before, (size_t)(end - begin)) != 0) {
        return mote_fail(error, MOTE_DATA,
                         "%s changes in a pass, but what is trained is only the optimizer's to "
                         "change",
                         named->name);
    }
    if (memcmp(end, before + (end - begin), (size_t)(next - end)) != 0) {
        return mote_fail(error, MOTE_DATA, "%s is written to past its %zu entries", named->name,
                         parameter->count);
    }
    return MOTE_OK;
}

static mote_status check_parameters(const mote_alone *alone, const mote_trial *trial,
                                    mote_error *error) {
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < alone->model->parameter_count && status == MOTE_OK; i++) {
        const mote_parameter *parameter = alone->model->parameters[i].parameter;
        size_t count = parameter->count;
        status = check_values(alone, i, error);
        if (status == MOTE_OK && !parameter->buffer &&
            !is_untouched(parameter->gradient, count, count + GUARD, trial->memory)) {
            status =
                mote_fail(error, MOTE_DATA, "the gradient of %s is written to past its %zu entries",
                          alone->model->parameters[i].name, count);
        }
    }
    return status;
}

/* `y` is where the layers left it. */
static mote_status check_bounds(const mote_alone *alone, const mote_trial *trial,
                                const mote_real *y, const mote_result *result, mote_error *error) {
    size_t rows = trial->rows, all = alone->batch + 1;
    const mote_real *front = (const mote_real *)(const void *)alone->model->workspace.memory;
    if (!is_untouched(front, 0, GUARD, trial->memory)) {
        return mote_fail(error, MOTE_DATA, "y is written to before its first entry");
    }
    for (size_t i = 0; i < alone->model->layers->count; i++) {
        mote_status status = check_scratch(alone, alone->model->layers->layers[i], trial, error);
        if (status != MOTE_OK) {
            return status;
        }
    }
    if (is_in_workspace(alone, y) &&
        !is_untouched(y, rows * alone->out, all * alone->out, trial->memory)) {
        return mote_fail(error, MOTE_DATA, "y is written to past the last of %zu rows", rows);
    }
    if (!is_untouched(result->dx, rows * alone->in, all * alone->in, trial->memory)) {
        return mote_fail(error, MOTE_DATA, "dx is written to past the last of %zu rows", rows);
    }
    if (!is_untouched(result->before_dx, 0, GUARD, trial->memory)) {
        return mote_fail(error, MOTE_DATA, "dx is written to before its first entry");
    }
    return check_parameters(alone, trial, error);
}

/* ---- both passes ---- */

typedef struct receipt {
    mote_alone *alone;
    mote_result *result;
} receipt;

static bool is_trained(const mote_model *model, const mote_parameter *parameter) {
    for (size_t i = 0; i < model->parameter_count; i++) {
        if (model->parameters[i].parameter == parameter) {
            return !parameter->buffer;
        }
    }
    return false;
}

static void receive(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                    size_t count, const mote_real *gradient) {
    const receipt *to = pass->ready_context;
    const mote_model *model = to->alone->model;
    if (!is_trained(model, parameter) || begin > parameter->count ||
        count > parameter->count - begin) {
        atomic_store(&to->alone->strayed, true);
        return;
    }
    for (size_t i = 0; model->parameters[i].parameter != parameter; i++) {
        const mote_parameter *other = model->parameters[i].parameter;
        begin += other->buffer ? 0 : other->count;
    }
    memcpy(to->result->gradients + begin, gradient, count * sizeof *gradient);
    for (size_t k = begin; k < begin + count; k++) {
        to->alone->times[k]++;
    }
}

static mote_status check_times(const mote_alone *alone, mote_error *error) {
    char name[MOTE_ENTRY_CAPACITY];
    if (atomic_load(&alone->strayed)) {
        return mote_fail(error, MOTE_DATA,
                         "mote_gradient_ready is called for entries that no trained parameter of "
                         "the layer has");
    }
    for (size_t i = 0; i < alone->trained; i++) {
        if (alone->times[i] != 1) {
            return mote_fail(error, MOTE_DATA,
                             "the gradient of %s was handed over %u times, instead of once, by "
                             "mote_gradient_ready",
                             mote_alone_name(alone, i, name), alone->times[i]);
        }
    }
    return MOTE_OK;
}

static void backward(mote_alone *alone, const mote_pass *pass, const mote_trial *trial,
                     mote_result *result) {
    mote_sequence *sequence = alone->model->layers;
    memcpy(alone->dy, alone->upstream, pass->batch * alone->out * sizeof *alone->dy);
    mote_sequence_backward(sequence, pass, alone->dy, trial->without_dx ? NULL : result->dx);
}

mote_status mote_alone_run(mote_alone *alone, const mote_trial *trial, mote_result *result,
                           mote_error *error) {
    mote_random random = mote_random_create(SEED, MOTE_RANDOM_LAYERS, 0);
    receipt to = {.alone = alone, .result = result};
    mote_pass pass = {.pool = trial->pool,
                      .batch = trial->rows,
                      .training = true,
                      .random = &random,
                      .ready = trial->hands_over ? receive : NULL,
                      .ready_context = &to};
    prepare(alone, trial);
    memset(result->before_dx, trial->memory, GUARD * sizeof *result->before_dx);
    memset(result->dx, trial->memory, (alone->batch + 1) * alone->in * sizeof *result->dx);
    const mote_real *y = forward(alone, &pass, result);
    memset(alone->times, 0, alone->trained * sizeof *alone->times);
    atomic_store(&alone->strayed, false);
    fill_gradients(alone->model, trial->hands_over ? (mote_real)NAN : trial->gradient,
                   trial->memory);
    alone->model->layers->stages[0].needs_dx = !trial->without_dx;
    backward(alone, &pass, trial, result);
    alone->model->layers->stages[0].needs_dx = true;
    copy_values(alone->model, BUFFERS, true, result->buffers);
    mote_status status = check_bounds(alone, trial, y, result, error);
    if (trial->hands_over) {
        return status == MOTE_OK ? check_times(alone, error) : status;
    }
    copy_values(alone->model, GRADIENTS, true, result->gradients);
    return status;
}

void mote_alone_adopt_buffers(mote_alone *alone, const mote_result *result) {
    memcpy(alone->kept, result->buffers, alone->untrained * sizeof *alone->kept);
}
