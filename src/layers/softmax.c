/* softmax.c: turns logits into probabilities.
 *
 *   p_i = e^(z_i − m) / Σ_c e^(z_c − m),  m = max_c z_c
 *
 * The Jacobian is ∂p_i/∂z_j = p_i (δ_ij − p_j). Applied to a gradient g it needs no matrix:
 *
 *   dz = p ⊙ (g − ⟨g, p⟩)
 *
 * For training, the output softmax_cross_entropy on the logits does softmax and loss at once and
 * stays exact where p rounds to 0 or 1.
 */
#include "math/vector.h"
#include "math/whole.h"
#include "mote/kernels.h"
#include "mote/layer.h"

typedef struct softmax {
    mote_layer base;
} softmax;

static const mote_field fields[] = {MOTE_FIELDS_END};

static mote_status build(mote_layer *layer, mote_error *error) {
    if (mote_layer_expect_vector(layer, error) != MOTE_OK) {
        return MOTE_INVALID;
    }
    layer->output_shape = layer->input_shape;
    return MOTE_OK;
}

/* Rows are cut into tiles of about this many numbers. */
enum {
    TILE = 8192
};

typedef struct job {
    size_t rows, columns, rows_per_tile;
    const mote_real *in, *dy;
    mote_real *out;
} job;

static job make_job(const mote_layer *layer, const mote_pass *pass) {
    size_t columns = layer->input_shape.dims[0];
    return (job){.rows = pass->batch, .columns = columns, .rows_per_tile = 1 + TILE / columns};
}

static size_t tile_count(const job *j) {
    return mote_ceiling_divide(j->rows, j->rows_per_tile);
}

static size_t rows_of_tile(const job *j, size_t index) {
    return mote_minimum(j->rows - index * j->rows_per_tile, j->rows_per_tile);
}

static void forward_tile(void *context, size_t index) {
    const job *j = context;
    size_t offset = index * j->rows_per_tile * j->columns;
    mote_softmax(rows_of_tile(j, index), j->columns, j->in + offset, j->out + offset);
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    job j = make_job(layer, pass);
    j.in = x;
    j.out = y;
    mote_pool_run(pass->pool, tile_count(&j), forward_tile, &j);
}

MOTE_MULTIVERSION
static void multiply_by_jacobian(size_t rows, size_t columns, const mote_real *p,
                                 const mote_real *g, mote_real *dz) {
    for (size_t row = 0; row < rows; row++, p += columns, g += columns, dz += columns) {
        mote_real product = 0;
#pragma omp simd reduction(+ : product)
        for (size_t i = 0; i < columns; i++) {
            product += g[i] * p[i];
        }
        for (size_t i = 0; i < columns; i++) {
            dz[i] = p[i] * (g[i] - product);
        }
    }
}

static void backward_tile(void *context, size_t index) {
    const job *j = context;
    size_t offset = index * j->rows_per_tile * j->columns;
    multiply_by_jacobian(rows_of_tile(j, index), j->columns, j->in + offset, j->dy + offset,
                         j->out + offset);
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)x;
    if (!dx) {
        return;
    }
    job j = make_job(layer, pass);
    j.in = y;
    j.dy = dy;
    j.out = dx;
    mote_pool_run(pass->pool, tile_count(&j), backward_tile, &j);
}

const mote_layer_class mote_layer_softmax = {
    .type = "softmax",
    .summary = "turns logits into probabilities",
    .example = "{\"type\": \"softmax\"}",
    .size = sizeof(softmax),
    .fields = fields,
    .build = build,
    .forward = forward,
    .backward = backward,
    .gives_probabilities = true,
};
