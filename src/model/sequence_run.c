/* sequence_run.c: how the layers of a sequence share memory and work, and their passes. */
#include <string.h>

#include "math/order.h"
#include "math/whole.h"
#include "model/sequence.h"

/* A tile of element-wise work: big enough to be worth handing out, small enough to stay in L1. */
enum {
    ELEMENTS_PER_TILE = 4096
};

static size_t width_before(const mote_sequence *sequence, size_t index) {
    return mote_shape_count(sequence->layers[index]->input_shape);
}

static size_t width_after(const mote_sequence *sequence, size_t index) {
    return mote_shape_count(sequence->layers[index]->output_shape);
}

/* The width of the y that a layer stores: the pooled one, if it does the pooling after it too. */
static size_t width_stored(const mote_sequence *sequence, size_t index) {
    const mote_layer *layer = sequence->layers[index], *pool = layer->fused_pool;
    return mote_shape_count(pool ? pool->output_shape : layer->output_shape);
}

static bool is_element_wise(const mote_layer *layer) {
    return layer->kind->forward_elements != NULL;
}

/* Whether y is x itself, which is not moved. */
static bool passes_on(const mote_layer *layer, bool training) {
    return layer->kind->reshapes || (layer->kind->training_only && !training);
}

static bool has_trained_parameters(const mote_layer *layer) {
    for (size_t i = 0; i < layer->parameter_count; i++) {
        if (!layer->parameters[i]->buffer) {
            return true;
        }
    }
    return false;
}

/* ---- the plan: order of numbers ---- */

static bool order_matters(mote_shape shape) {
    return shape.rank == 3 && shape.dims[0] > 1 && shape.dims[1] * shape.dims[2] > 1;
}

/* The order in which a layer wants its x, given the order in which it comes. */
static bool wants_channels_last(const mote_layer *layer, bool as_it_comes) {
    bool any = is_element_wise(layer) || layer->kind->order == MOTE_CHANNELS_ANYWHERE;
    return any ? as_it_comes : layer->kind->order == MOTE_CHANNELS_LAST;
}

static void decide_orders(mote_sequence *sequence) {
    bool last = sequence->channels_last;
    for (size_t i = 0; i < sequence->count; i++) {
        mote_stage *stage = &sequence->stages[i];
        const mote_layer *layer = sequence->layers[i];
        bool wanted = wants_channels_last(layer, last);
        stage->converts = wanted != last && order_matters(layer->input_shape);
        stage->channels_last = last = wanted;
    }
}

static bool ends_in_other_order(const mote_sequence *sequence) {
    size_t last = sequence->count - 1;
    return sequence->stages[last].channels_last != sequence->channels_last &&
           order_matters(sequence->layers[last]->output_shape);
}

/* ---- the plan: stages ---- */

/* The stage whose y layer `index` gets as its x, skipping reshapes; SIZE_MAX for the sequence's
 * input, or if the order changes on the way. */
static size_t real_predecessor(const mote_sequence *sequence, size_t index) {
    while (index > 0 && sequence->layers[index - 1]->kind->reshapes) {
        if (sequence->stages[index - 1].converts) {
            return SIZE_MAX;
        }
        index--;
    }
    return index - 1; /* SIZE_MAX for 0 */
}

static bool decide_inner(const mote_layer *layer, bool needs_dx, bool training) {
    bool trained = false;
    mote_sequence *inner;
    for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
        trained = mote_sequence_decide(inner, needs_dx, training) || trained;
    }
    return trained;
}

static void fuse(mote_sequence *sequence, size_t index, bool training) {
    mote_layer *layer = sequence->layers[index];
    mote_stage *stage = &sequence->stages[index];
    size_t before = real_predecessor(sequence, index);
    if (before == SIZE_MAX || stage->converts) {
        return;
    }
    mote_layer *predecessor = sequence->layers[before];
    if (is_element_wise(layer) && before + 1 == index && predecessor->kind->fuses) {
        predecessor->fused_after = layer;
        stage->forward_fused = true;
        /* Fused pooling does not store its x: the activation before it needs the pool's y. */
        bool keeps_y = sequence->stages[before].forward_fused && predecessor->fused_before;
        stage->in_place = !training || !(layer->kind->keeps_x || keeps_y);
    }
    bool within_reach = !predecessor->kind->keeps_x || sequence->stages[before].forward_fused;
    if (layer->kind->fuses && stage->needs_dx && is_element_wise(predecessor) && within_reach) {
        layer->fused_before = predecessor;
        sequence->stages[before].backward_fused = true;
    }
}

/* A layer can do the pooling that follows it, or that follows its fused activation. */
static void fuse_pool(mote_sequence *sequence, size_t index) {
    mote_layer *layer = sequence->layers[index];
    mote_stage *stage = &sequence->stages[index];
    if (!layer->kind->pool_sample || stage->converts || index == 0) {
        return;
    }
    size_t before = index - 1;
    const mote_stage *between = &sequence->stages[before];
    if (is_element_wise(sequence->layers[before])) {
        bool done_in_place = between->forward_fused && between->in_place && before > 0;
        if (!done_in_place || between->converts) {
            return;
        }
        before--;
    }
    if (sequence->layers[before]->pools) {
        sequence->layers[before]->fused_pool = layer;
        stage->forward_fused = stage->backward_fused = stage->in_place = true;
    }
}

bool mote_sequence_decide(mote_sequence *sequence, bool needs_dx, bool training) {
    for (size_t i = 0; i < sequence->count; i++) {
        sequence->layers[i]->fused_after = sequence->layers[i]->fused_before = NULL;
        sequence->layers[i]->fused_pool = NULL;
        sequence->stages[i] = (mote_stage){0};
    }
    decide_orders(sequence);
    bool trained = needs_dx;
    for (size_t i = 0; i < sequence->count; i++) {
        const mote_layer *layer = sequence->layers[i];
        mote_stage *stage = &sequence->stages[i];
        stage->needs_dx = trained;
        bool inner = decide_inner(layer, trained, training);
        trained = stage->needs_backward = trained || inner || has_trained_parameters(layer);
        if (!sequence->watch) {
            fuse(sequence, i, training);
            fuse_pool(sequence, i);
        }
    }
    return trained;
}

void mote_sequence_set_watch(mote_sequence *sequence, const mote_watch *watch) {
    sequence->watch = watch;
    for (size_t i = 0; i < sequence->count; i++) {
        mote_sequence *inner;
        for (size_t k = 0; (inner = mote_layer_sequence(sequence->layers[i], k)); k++) {
            mote_sequence_set_watch(inner, watch);
        }
    }
}

/* ---- the plan: memory ---- */

/* Places each layer's y. In training each has a place of its own, for the backward pass; otherwise
 * two places alternate. */
static void carve_activations(mote_sequence *sequence, size_t batch, bool training,
                              mote_arena *arena) {
    size_t widest = 0;
    for (size_t i = 0; i < sequence->count; i++) {
        size_t width = width_stored(sequence, i);
        widest = width > widest ? width : widest;
    }
    mote_real *turns[2] = {NULL, NULL};
    for (size_t i = 0; i < 2 && !training; i++) {
        turns[i] = mote_arena_take(arena, batch * widest, sizeof(mote_real));
    }
    size_t turn = 0;
    mote_real *last = NULL;
    for (size_t i = 0; i < sequence->count; i++) {
        mote_stage *stage = &sequence->stages[i];
        if (stage->converts) {
            last = stage->converted =
                mote_arena_take(arena, batch * width_before(sequence, i), sizeof(mote_real));
        }
        if (passes_on(sequence->layers[i], training) || stage->in_place) {
            stage->y = last;
        } else if (training) {
            stage->y = mote_arena_take(arena, batch * width_stored(sequence, i), sizeof(mote_real));
        } else {
            stage->y = turns[turn];
            turn = 1 - turn;
        }
        last = stage->y;
    }
    if (ends_in_other_order(sequence)) {
        size_t width = width_after(sequence, sequence->count - 1);
        sequence->ending = mote_arena_take(arena, batch * width, sizeof(mote_real));
    }
}

/* Sets how far a fused neighbour's y, or x, is from where the neighbour is called. */
static void measure_distances(mote_sequence *sequence) {
    for (size_t i = 1; i < sequence->count; i++) {
        mote_stage *stage = &sequence->stages[i];
        if (stage->forward_fused) {
            sequence->layers[i - 1]->fused_after_distance = stage->y - sequence->stages[i - 1].y;
        }
        mote_layer *layer = sequence->layers[i];
        if (layer->fused_before && layer->fused_before->kind->keeps_x) {
            size_t before = real_predecessor(sequence, i);
            layer->fused_before_distance =
                sequence->stages[before - 1].y - sequence->stages[before].y;
        }
    }
}

static void carve_gradients(mote_sequence *sequence, size_t batch, mote_arena *arena) {
    /* Not from sequence->ending, which is NULL while measuring. */
    bool turns_dy = ends_in_other_order(sequence);
    size_t widest = turns_dy ? width_after(sequence, sequence->count - 1) : 0;
    for (size_t i = 0; i < sequence->count; i++) {
        const mote_stage *stage = &sequence->stages[i];
        bool stored = stage->needs_dx && !stage->backward_fused;
        size_t width = stored ? width_before(sequence, i) : 0;
        widest = width > widest ? width : widest;
    }
    for (size_t i = 0; i < 2; i++) {
        sequence->gradients[i] = mote_arena_take(arena, batch * widest, sizeof(mote_real));
    }
}

static void carve_layer(mote_layer *layer, size_t batch, bool training, mote_arena *arena) {
    for (size_t j = 0; j < layer->scratch_count; j++) {
        const mote_scratch *scratch = &layer->scratch[j];
        size_t count = scratch->count_fixed + batch * scratch->count_per_sample;
        *scratch->where = scratch->training_only && !training
                              ? NULL
                              : mote_arena_take(arena, count, sizeof(mote_real));
    }
    mote_sequence *inner;
    for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
        mote_sequence_carve(inner, batch, training, arena);
    }
}

/* Takes what layers need besides their y: in training until the backward pass, otherwise only while
 * they run, so that all of them share the same memory. */
static void carve_layers(mote_sequence *sequence, size_t batch, bool training, mote_arena *arena) {
    size_t start = arena->used, end = start;
    for (size_t i = 0; i < sequence->count; i++) {
        arena->used = training ? arena->used : start;
        carve_layer(sequence->layers[i], batch, training, arena);
        end = arena->used > end ? arena->used : end;
    }
    arena->used = end;
}

void mote_sequence_carve(mote_sequence *sequence, size_t batch, bool training, mote_arena *arena) {
    sequence->ending = NULL;
    carve_activations(sequence, batch, training, arena);
    carve_layers(sequence, batch, training, arena);
    if (training) {
        carve_gradients(sequence, batch, arena);
    }
    if (arena->memory) {
        measure_distances(sequence);
    }
}

/* ---- element-wise layers ---- */

typedef struct elements_job {
    const mote_layer *layer;
    size_t count;
    const mote_real *x, *y;
    mote_real *out; /* y, or dy and dx in one */
    bool backward;
} elements_job;

static void run_elements_tile(void *context, size_t index) {
    const elements_job *job = context;
    size_t begin = index * ELEMENTS_PER_TILE;
    size_t count = mote_minimum(ELEMENTS_PER_TILE, job->count - begin);
    const mote_layer_class *kind = job->layer->kind;
    mote_real *out = job->out + begin;
    if (job->backward) {
        kind->backward_elements(job->layer, count, job->x + begin, job->y + begin, out, out);
    } else {
        kind->forward_elements(job->layer, count, job->x + begin, out);
    }
}

static void run_elements(mote_pool *pool, elements_job job) {
    size_t tiles = mote_ceiling_divide(job.count, ELEMENTS_PER_TILE);
    mote_pool_run(tiles > 2 ? pool : NULL, tiles, run_elements_tile, &job);
}

/* ---- forward ---- */

static void forward_layer(mote_sequence *sequence, size_t index, const mote_pass *pass) {
    mote_layer *layer = sequence->layers[index];
    const mote_stage *stage = &sequence->stages[index];
    if (stage->forward_fused) {
        return;
    }
    if (!is_element_wise(layer)) {
        layer->kind->forward(layer, pass, stage->x, stage->y);
    } else {
        run_elements(pass->pool, (elements_job){.layer = layer,
                                                .count = pass->batch * width_after(sequence, index),
                                                .x = stage->x,
                                                .out = stage->y});
    }
}

static void look(const mote_sequence *sequence, size_t index, bool backward,
                 const mote_real *given) {
    const mote_watch *watch = sequence->watch;
    if (watch && given) {
        watch->look(watch->context, sequence, index, backward, sequence->stages[index].x, given);
    }
}

const mote_real *mote_sequence_forward(mote_sequence *sequence, const mote_pass *pass,
                                       const mote_real *x) {
    for (size_t i = 0; i < sequence->count; i++) {
        const mote_layer *layer = sequence->layers[i];
        mote_stage *stage = &sequence->stages[i];
        if (stage->converts) {
            mote_reorder(pass->pool, pass->batch, layer->input_shape, stage->channels_last, x,
                         stage->converted);
            x = stage->converted;
        }
        stage->x = x;
        if (!passes_on(layer, pass->training)) {
            forward_layer(sequence, i, pass);
            x = stage->y;
        }
        look(sequence, i, false, x);
    }
    if (sequence->ending) {
        mote_reorder(pass->pool, pass->batch, mote_sequence_output_shape(sequence),
                     sequence->channels_last, x, sequence->ending);
        x = sequence->ending;
    }
    return x;
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

static void backward_whole_layer(mote_layer *layer, const mote_pass *pass, const mote_stage *stage,
                                 mote_real *dy, mote_real *dx) {
    bool hands_over = pass->ready && !layer->kind->tiles_gradients;
    if (hands_over) {
        clear_gradients(layer);
    }
    layer->kind->backward(layer, pass, stage->x, stage->y, dy, dx);
    if (hands_over) {
        hand_over_gradients(layer, pass);
    }
}

/* The gradient on its way back: two places alternate. */
typedef struct way_back {
    mote_sequence *sequence;
    const mote_pass *pass;
    mote_real *dy;
    size_t turn;
} way_back;

static mote_real *next_place(way_back *way) {
    mote_real *place = way->sequence->gradients[way->turn];
    way->turn = 1 - way->turn;
    return place;
}

static void reorder_gradient(way_back *way, mote_shape shape, bool to_channels_last) {
    mote_real *place = next_place(way);
    mote_reorder(way->pass->pool, way->pass->batch, shape, to_channels_last, way->dy, place);
    way->dy = place;
}

/* From dy to dx of one layer. `dx`: where the sequence's dx should go, or NULL. */
static void backward_layer(way_back *way, size_t index, mote_real *dx) {
    mote_sequence *sequence = way->sequence;
    mote_layer *layer = sequence->layers[index];
    const mote_stage *stage = &sequence->stages[index];
    if (stage->backward_fused || layer->kind->reshapes) {
        /* nothing is left to do */
    } else if (is_element_wise(layer)) {
        run_elements(way->pass->pool,
                     (elements_job){.layer = layer,
                                    .count = way->pass->batch * width_after(sequence, index),
                                    .x = stage->x,
                                    .y = stage->y,
                                    .out = way->dy,
                                    .backward = true});
    } else {
        bool direct = index == 0 && dx && !stage->converts;
        mote_real *place = direct ? dx : stage->needs_dx ? next_place(way) : NULL;
        backward_whole_layer(layer, way->pass, stage, way->dy, place);
        way->dy = place;
    }
    look(sequence, index, true, way->dy);
    if (stage->converts && stage->needs_dx) {
        reorder_gradient(way, layer->input_shape, !stage->channels_last);
    }
}

void mote_sequence_backward(mote_sequence *sequence, const mote_pass *pass, mote_real *dy,
                            mote_real *dx) {
    way_back way = {.sequence = sequence, .pass = pass, .dy = dy};
    if (sequence->ending) {
        reorder_gradient(&way, mote_sequence_output_shape(sequence), !sequence->channels_last);
    }
    for (size_t i = sequence->count; i-- > 0 && sequence->stages[i].needs_backward;) {
        backward_layer(&way, i, dx);
    }
    if (dx && way.dy != dx) {
        size_t count = pass->batch * mote_shape_count(sequence->input_shape);
        memcpy(dx, way.dy, count * sizeof *dx);
    }
}
