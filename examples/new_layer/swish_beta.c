/* swish_beta.c: y = x σ(βx), an activation that learns how sharply it bends: from x / 2 at β = 0 to
 * nearly max(x, 0) for large β.
 *
 *   σ = 1 / (1 + e^(−βx))
 *   ∂y/∂x = σ + βx σ (1 − σ)        ∂y/∂β = x² σ (1 − σ)
 *
 * (Ramachandran, Zoph and Le, "Searching for activation functions", 2017.)
 *
 * This file is a template for a layer outside mote's source tree. To write your own:
 *
 * 1. Copy the directory, and replace swish_beta with the name of your layer in all its files. Then
 *    work through the numbers below; include/mote/layer.h has all the details.
 *
 * (An activation without parameters takes less: see src/layers/tanh.c, which is two functions on
 * any run of numbers.)
 */
#include <stdbool.h>
#include <string.h>

#include "mote/kernels.h"
#include "mote/layer.h"
#include "mote/plugin.h"

/* 2. The layer's struct: first the part common to all layers; then what JSON sets, the parameters,
 *    and scratch memory. */
typedef struct swish_beta {
    mote_layer base;
    bool per_channel;
    mote_initializer initializer;
    mote_parameter beta; /* [1], or [channels] */
    mote_real *sums;     /* [TILES × entries of beta] */
} swish_beta;

/* 3. Its JSON keys: parsing, ranges, defaults, errors and ./train --help layers follow from
 *    this. */
static const mote_field fields[] = {
    {.name = "per_channel",
     .kind = MOTE_FIELD_BOOLEAN,
     .offset = offsetof(swish_beta, per_channel),
     .preset = "false",
     .help = "whether each channel of an image, or number of a vector, has its own beta"},
    {.name = "initializer",
     .kind = MOTE_FIELD_INITIALIZER,
     .offset = offsetof(swish_beta, initializer),
     .preset = "1",
     .help = "how beta is initialized"},
    MOTE_FIELDS_END,
};

/* 4. Threads share the tiles of the batch. Their number depends on the batch alone, never on the
 *    threads, and no two write to the same place, so any number of threads gives the same bits. */
enum {
    TILES = 16, /* at most */
    CHUNK = 256 /* numbers processed at a time, in cache */
};

/* 5. Computes output_shape from input_shape, and declares parameters and scratch memory. Rejects
 *    what it cannot work with, saying what it takes and what it found. */
static mote_status build(mote_layer *layer, mote_error *error) {
    swish_beta *self = (swish_beta *)layer;
    mote_shape shape = layer->input_shape;
    if (self->per_channel && shape.rank == 2) {
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_INVALID,
                         "takes a vector or images with \"per_channel\", but %s gives %s",
                         layer->input_name, mote_shape_text(shape, text));
    }
    layer->output_shape = shape;
    size_t betas = self->per_channel ? shape.dims[0] : 1;
    self->beta = (mote_parameter){.name = "beta",
                                  .shape = mote_shape_vector(betas),
                                  .initializer = self->initializer,
                                  .fan_in = 1,
                                  .fan_out = 1};
    mote_status status = mote_layer_add_parameter(layer, &self->beta, error);
    if (status == MOTE_OK) {
        status = mote_layer_add_training_scratch(layer, &self->sums, 0, TILES * betas, error);
    }
    return status;
}

/* What the tiles of a pass share. */
typedef struct job {
    const swish_beta *self;
    size_t count, tiles; /* numbers in the whole batch, and tiles that they are split into */
    const mote_real *x, *dy;
    mote_real *y, *dx;
} job;

static job make_job(const swish_beta *self, const mote_pass *pass, const mote_real *x) {
    size_t width = mote_shape_count(self->base.input_shape);
    return (job){.self = self,
                 .count = pass->batch * width,
                 .tiles = pass->batch < TILES ? pass->batch : TILES,
                 .x = x};
}

static size_t begin_of_tile(const job *j, size_t tile) {
    return j->count * tile / j->tiles;
}

/* The betas of numbers begin ... begin + count - 1. Images are height × width × channels (see 8),
 * so the betas cycle through the channels, as they do through the numbers of a vector. */
static void copy_betas(const mote_parameter *beta, size_t begin, size_t count, mote_real *betas) {
    size_t channel = begin % beta->count;
    for (size_t i = 0; i < count; i++) {
        betas[i] = beta->value[channel];
        channel = channel + 1 < beta->count ? channel + 1 : 0;
    }
}

/* sigma_i = 1 / (1 + e^(−beta_i x_i)) */
static void compute_sigmas(size_t count, const mote_real *x, const mote_real *betas,
                           mote_real *sigmas) {
    for (size_t i = 0; i < count; i++) {
        sigmas[i] = -betas[i] * x[i];
    }
    mote_exp(count, sigmas, sigmas);
    for (size_t i = 0; i < count; i++) {
        sigmas[i] = 1 / (1 + sigmas[i]);
    }
}

/* 6. Forward: computes y [batch × output_shape] from x [batch × input_shape]. */
static void forward_tile(void *context, size_t tile) {
    const job *j = context;
    size_t end = begin_of_tile(j, tile + 1);
    for (size_t begin = begin_of_tile(j, tile); begin < end; begin += CHUNK) {
        mote_real betas[CHUNK], sigmas[CHUNK];
        size_t count = end - begin < CHUNK ? end - begin : CHUNK;
        copy_betas(&j->self->beta, begin, count, betas);
        compute_sigmas(count, j->x + begin, betas, sigmas);
        for (size_t i = 0; i < count; i++) {
            j->y[begin + i] = j->x[begin + i] * sigmas[i];
        }
    }
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    job j = make_job((swish_beta *)layer, pass, x);
    j.y = y;
    mote_pool_run(pass->pool, j.tiles, forward_tile, &j);
}

/* 7. Backward: computes dx, which is NULL if it is not needed, from dy, the gradient with respect
 *    to y, and adds each parameter's gradient to what is there. Each tile leaves its sums, which
 *    are then added in the order of the tiles, whichever thread computed them. */
static void backward_tile(void *context, size_t tile) {
    const job *j = context;
    const mote_parameter *beta = &j->self->beta;
    mote_real *sums = j->self->sums + tile * beta->count;
    memset(sums, 0, beta->count * sizeof *sums);
    size_t end = begin_of_tile(j, tile + 1), channel = begin_of_tile(j, tile) % beta->count;
    for (size_t begin = begin_of_tile(j, tile); begin < end; begin += CHUNK) {
        mote_real betas[CHUNK], sigmas[CHUNK];
        size_t count = end - begin < CHUNK ? end - begin : CHUNK;
        copy_betas(beta, begin, count, betas);
        compute_sigmas(count, j->x + begin, betas, sigmas);
        for (size_t i = 0; i < count; i++) {
            mote_real x = j->x[begin + i], dy = j->dy[begin + i];
            mote_real bend = x * sigmas[i] * (1 - sigmas[i]);
            if (j->dx) {
                j->dx[begin + i] = dy * (sigmas[i] + betas[i] * bend);
            }
            sums[channel] += dy * x * bend;
            channel = channel + 1 < beta->count ? channel + 1 : 0;
        }
    }
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    swish_beta *self = (swish_beta *)layer;
    job j = make_job(self, pass, x);
    j.dy = dy;
    j.dx = dx;
    mote_pool_run(pass->pool, j.tiles, backward_tile, &j);
    for (size_t tile = 0; tile < j.tiles; tile++) {
        for (size_t i = 0; i < self->beta.count; i++) {
            self->beta.gradient[i] += self->sums[tile * self->beta.count + i];
        }
    }
}

/* 8. The record that describes the layer. `order` is that of images: height × width × channels
 *    here, as convolutions prefer. */
const mote_layer_class mote_layer_swish_beta = {
    .type = "swish_beta",
    .summary = "y = x σ(βx), where β is trained",
    .size = sizeof(swish_beta),
    .fields = fields,
    .build = build,
    .forward = forward,
    .backward = backward,
    .order = MOTE_CHANNELS_LAST,
};

/* 9. Makes a shared object of this file a plugin. (For a layer in mote's source tree, leave it out,
 *    and add a line each to src/layers/registry.c and src/CMakeLists.txt.) */
MOTE_PLUGIN(.name = "swish_beta", .layers = {&mote_layer_swish_beta});
