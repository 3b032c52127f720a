/* residual.c: y = body(x) + shortcut(x), where both are lists of layers, and the shortcut may be x.
 *
 *   dx = the body's dx + the shortcut's dx
 *
 * (He et al., "Deep residual learning for image recognition", 2016.)
 */
#include <string.h>

#include "math/vector.h"
#include "mote/layer.h"

typedef struct residual {
    mote_layer base;
    mote_sequence *body, *shortcut; /* shortcut: NULL for x itself */
    mote_real *dy;                  /* a copy, since the body may overwrite it */
    mote_real *shortcut_dx;
} residual;

static const mote_field fields[] = {
    {.name = "layers",
     .kind = MOTE_FIELD_LAYERS,
     .offset = offsetof(residual, body),
     .help = "the body, whose output is added to the shortcut's"},
    {.name = "shortcut",
     .kind = MOTE_FIELD_LAYERS,
     .offset = offsetof(residual, shortcut),
     .optional = true,
     .help = "layers beside the body; without them the input itself is added"},
    MOTE_FIELDS_END,
};

static mote_status build(mote_layer *layer, mote_error *error) {
    residual *self = (residual *)layer;
    mote_shape body = mote_sequence_output_shape(self->body);
    mote_shape beside =
        self->shortcut ? mote_sequence_output_shape(self->shortcut) : layer->input_shape;
    if (!mote_shape_equal(body, beside)) {
        char body_text[MOTE_SHAPE_TEXT_CAPACITY], beside_text[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(
            error, MOTE_INVALID, "its body gives %s, but %s %s, which cannot be added; %s",
            mote_shape_text(body, body_text),
            self->shortcut ? "its shortcut gives" : "its input is",
            mote_shape_text(beside, beside_text),
            self->shortcut ? "make them equal" : "give it a \"shortcut\", such as a 1 × 1 conv2d");
    }
    layer->output_shape = body;
    mote_status status =
        mote_layer_add_training_scratch(layer, &self->dy, mote_shape_count(body), 0, error);
    if (status == MOTE_OK && self->shortcut) {
        status = mote_layer_add_training_scratch(layer, &self->shortcut_dx,
                                                 mote_shape_count(layer->input_shape), 0, error);
    }
    return status;
}

/* ---- sums ---- */

enum {
    TILE = 8192
};

typedef struct sum_job {
    size_t count;
    const mote_real *a, *b;
    mote_real *sum;
} sum_job;

MOTE_MULTIVERSION
static void add(size_t count, const mote_real *a, const mote_real *b, mote_real *sum) {
    for (size_t i = 0; i < count; i++) {
        sum[i] = a[i] + b[i];
    }
}

static void add_tile(void *context, size_t index) {
    const sum_job *j = context;
    size_t begin = index * TILE, left = j->count - begin;
    add(left < TILE ? left : TILE, j->a + begin, j->b + begin, j->sum + begin);
}

static void run_sum(mote_pool *pool, size_t count, const mote_real *a, const mote_real *b,
                    mote_real *sum) {
    sum_job j = {.count = count, .a = a, .b = b, .sum = sum};
    mote_pool_run(pool, (count + TILE - 1) / TILE, add_tile, &j);
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    residual *self = (residual *)layer;
    const mote_real *beside = self->shortcut ? mote_sequence_forward(self->shortcut, pass, x) : x;
    const mote_real *body = mote_sequence_forward(self->body, pass, x);
    run_sum(pass->pool, pass->batch * mote_shape_count(layer->output_shape), body, beside, y);
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)x;
    (void)y;
    residual *self = (residual *)layer;
    size_t count = pass->batch * mote_shape_count(layer->output_shape);
    if (dx || self->shortcut) {
        memcpy(self->dy, dy, count * sizeof *dy);
    }
    mote_sequence_backward(self->body, pass, dy, dx);
    if (self->shortcut) {
        mote_sequence_backward(self->shortcut, pass, self->dy, dx ? self->shortcut_dx : NULL);
    }
    if (dx) {
        run_sum(pass->pool, pass->batch * mote_shape_count(layer->input_shape), dx,
                self->shortcut ? self->shortcut_dx : self->dy, dx);
    }
}

const mote_layer_class mote_layer_residual = {
    .type = "residual",
    .summary = "adds its input, or a shortcut's output, to the output of a list of layers",
    .size = sizeof(residual),
    .fields = fields,
    .order = MOTE_CHANNELS_LAST,
    .build = build,
    .forward = forward,
    .backward = backward,
};
