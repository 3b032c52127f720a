/* residual.c: y = body(x) + shortcut(x), both lists of layers; the shortcut may be x itself.
 *
 *   dx = the body's dx + the shortcut's dx
 *
 * (He et al., "Deep residual learning for image recognition", 2016.)
 */
#include <string.h>

#include "math/vector.h"
#include "math/whole.h"
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

static mote_status fail_sides(const residual *self, mote_shape body, mote_shape beside,
                              mote_error *error) {
    char body_text[MOTE_SHAPE_TEXT_CAPACITY], beside_text[MOTE_SHAPE_TEXT_CAPACITY];
    mote_shape_text(body, body_text);
    mote_shape_text(beside, beside_text);
    if (self->shortcut) {
        return mote_fail(
            error, MOTE_INVALID,
            "its body gives %s, but its shortcut gives %s; they are added, so they must match",
            body_text, beside_text);
    }
    const char *remedy = body.rank == 3 && beside.rank == 3   ? ", such as a 1 × 1 conv2d"
                         : body.rank == 1 && beside.rank == 1 ? ", such as a dense layer"
                                                              : "";
    return mote_fail(error, MOTE_INVALID,
                     "its body gives %s, but its input, which is added, is %s; make them match, or "
                     "give it a \"shortcut\" that gives %s%s",
                     body_text, beside_text, body_text, remedy);
}

static mote_status build(mote_layer *layer, mote_error *error) {
    residual *self = (residual *)layer;
    mote_shape body = mote_sequence_output_shape(self->body);
    mote_shape beside =
        self->shortcut ? mote_sequence_output_shape(self->shortcut) : layer->input_shape;
    if (!mote_shape_equal(body, beside)) {
        return fail_sides(self, body, beside, error);
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

/* ---- passes ---- */

enum {
    TILE = 8192
};

/* Shared by the tiles of a sum, or of a copy from a to out. */
typedef struct job {
    const mote_layer *layer;
    size_t count;
    const mote_real *a, *b, *x;
    mote_real *out;
} job;

static size_t count_of_tile(const job *j, size_t index) {
    return mote_minimum(j->count - index * TILE, TILE);
}

static void run_tiles(const mote_pass *pass, mote_task task, job j) {
    mote_pool_run(pass->pool, mote_ceiling_divide(j.count, TILE), task, &j);
}

static void copy_tile(void *context, size_t index) {
    const job *j = context;
    size_t begin = index * TILE;
    memcpy(j->out + begin, j->a + begin, count_of_tile(j, index) * sizeof *j->out);
}

/* sum may be a; the pragma allows vectorising all the same. */
MOTE_MULTIVERSION
static void add(size_t count, const mote_real *a, const mote_real *b, mote_real *sum) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        sum[i] = a[i] + b[i];
    }
}

static void forward_tile(void *context, size_t index) {
    const job *j = context;
    size_t begin = index * TILE, count = count_of_tile(j, index);
    add(count, j->a + begin, j->b + begin, j->out + begin);
    mote_finish_y(j->layer, count, j->out + begin);
}

static void backward_tile(void *context, size_t index) {
    const job *j = context;
    size_t begin = index * TILE, count = count_of_tile(j, index);
    add(count, j->a + begin, j->b + begin, j->out + begin);
    mote_finish_dx(j->layer, count, j->x + begin, j->out + begin);
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    residual *self = (residual *)layer;
    const mote_real *beside = self->shortcut ? mote_sequence_forward(self->shortcut, pass, x) : x;
    const mote_real *body = mote_sequence_forward(self->body, pass, x);
    run_tiles(pass, forward_tile,
              (job){.layer = layer,
                    .count = pass->batch * mote_shape_count(layer->output_shape),
                    .a = body,
                    .b = beside,
                    .out = y});
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    residual *self = (residual *)layer;
    if (dx || self->shortcut) {
        run_tiles(pass, copy_tile,
                  (job){.count = pass->batch * mote_shape_count(layer->output_shape),
                        .a = dy,
                        .out = self->dy});
    }
    mote_sequence_backward(self->body, pass, dy, dx);
    if (self->shortcut) {
        mote_sequence_backward(self->shortcut, pass, self->dy, dx ? self->shortcut_dx : NULL);
    }
    if (dx) {
        run_tiles(pass, backward_tile,
                  (job){.layer = layer,
                        .count = pass->batch * mote_shape_count(layer->input_shape),
                        .a = dx,
                        .b = self->shortcut ? self->shortcut_dx : self->dy,
                        .x = x,
                        .out = dx});
    }
}

const mote_layer_class mote_layer_residual = {
    .type = "residual",
    .summary = "adds its input, or a shortcut's output, to the output of a list of layers",
    .example = "{\"type\": \"residual\", \"layers\": [{\"type\": \"dense\", \"units\": 64}, "
               "{\"type\": \"relu\"}], \"shortcut\": [{\"type\": \"dense\", \"units\": 64}]}",
    .size = sizeof(residual),
    .fields = fields,
    .order = MOTE_CHANNELS_LAST,
    .build = build,
    .forward = forward,
    .backward = backward,
    .fuses = true,
};
