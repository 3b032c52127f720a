/* dense.c: y = x Wᵀ + b, the fully connected layer.
 *
 *   x [batch × in], W [units × in], b [units], y [batch × units]
 *
 *   dx = dy W        dW = dyᵀ x        db = column sums of dy
 *
 * Bias and the activation that follows are applied to each tile of y as it leaves the product, and
 * the derivative of the activation before to each tile of dx. Each tile of dW is handed to the
 * optimizer while it is in cache.
 */
#include <string.h>

#include "math/rows.h"
#include "mote/kernels.h"
#include "mote/layer.h"

typedef struct dense {
    mote_layer base;
    size_t units;
    bool bias;
    mote_initializer initializer, bias_initializer;
    mote_parameter weight_parameter, bias_parameter;
} dense;

static const mote_field fields[] = {
    {.name = "units",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(dense, units),
     .range = MOTE_BETWEEN(1, 1 << 24),
     .help = "number of outputs"},
    {.name = "bias",
     .kind = MOTE_FIELD_BOOLEAN,
     .offset = offsetof(dense, bias),
     .preset = "true",
     .help = "whether to add a bias"},
    {.name = "initializer",
     .kind = MOTE_FIELD_INITIALIZER,
     .offset = offsetof(dense, initializer),
     .preset = "\"he_normal\"",
     .help = "how the weights are initialized"},
    {.name = "bias_initializer",
     .kind = MOTE_FIELD_INITIALIZER,
     .offset = offsetof(dense, bias_initializer),
     .preset = "\"zeros\"",
     .help = "how the biases are initialized"},
    MOTE_FIELDS_END,
};

static mote_status build(mote_layer *layer, mote_error *error) {
    dense *self = (dense *)layer;
    if (mote_layer_expect_vector(layer, error) != MOTE_OK) {
        return MOTE_INVALID;
    }
    size_t in = layer->input_shape.dims[0];
    layer->output_shape = mote_shape_vector(self->units);
    self->weight_parameter = (mote_parameter){.name = "weight",
                                              .shape = mote_shape_matrix(self->units, in),
                                              .initializer = self->initializer,
                                              .fan_in = in,
                                              .fan_out = self->units,
                                              .decay = true};
    self->bias_parameter = (mote_parameter){.name = "bias",
                                            .shape = mote_shape_vector(self->units),
                                            .initializer = self->bias_initializer,
                                            .fan_in = in,
                                            .fan_out = self->units};
    mote_status status = mote_layer_add_parameter(layer, &self->weight_parameter, error);
    if (status == MOTE_OK && self->bias) {
        status = mote_layer_add_parameter(layer, &self->bias_parameter, error);
    }
    return status;
}

/* Shared by the tiles of one product. */
typedef struct job {
    const dense *self;
    const mote_pass *pass;
    const mote_real *x, *dy;
} job;

static void finish_forward(void *context, mote_tile tile) {
    const job *j = context;
    size_t units = j->self->units;
    if (j->self->bias) {
        mote_add_to_rows(tile.rows, tile.columns, tile.ldc,
                         j->self->bias_parameter.value + tile.column, tile.c);
    }
    if (tile.columns == units) {
        mote_finish_y(&j->self->base, tile.rows * units, tile.c);
        return;
    }
    for (size_t row = 0; row < tile.rows; row++) {
        mote_finish_y(&j->self->base, tile.columns, tile.c + row * tile.ldc);
    }
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    dense *self = (dense *)layer;
    size_t in = layer->input_shape.dims[0];
    job j = {.self = self, .pass = pass, .x = x};
    mote_gemm_run(pass->pool, &(mote_gemm){.transpose_b = true,
                                           .m = pass->batch,
                                           .n = self->units,
                                           .k = in,
                                           .a = x,
                                           .lda = in,
                                           .b = self->weight_parameter.value,
                                           .ldb = in,
                                           .c = y,
                                           .ldc = self->units,
                                           .after = finish_forward,
                                           .context = &j});
}

static void finish_dx(void *context, mote_tile tile) {
    const job *j = context;
    size_t in = j->self->base.input_shape.dims[0];
    const mote_real *x = j->x + tile.row * in + tile.column;
    if (tile.columns == in) {
        mote_finish_dx(&j->self->base, tile.rows * in, x, tile.c);
        return;
    }
    for (size_t row = 0; row < tile.rows; row++) {
        mote_finish_dx(&j->self->base, tile.columns, x + row * in, tile.c + row * tile.ldc);
    }
}

static void compute_db(const job *j, size_t begin, size_t end) {
    enum {
        SOME = 64
    };
    mote_real sums[SOME];
    for (size_t unit = begin; unit < end; unit += SOME) {
        size_t count = end - unit < SOME ? end - unit : SOME;
        memset(sums, 0, sizeof sums);
        mote_sum_rows(j->pass->batch, count, j->self->units, j->dy + unit, sums);
        mote_gradient_ready(j->pass, &j->self->bias_parameter, unit, count, sums);
    }
}

static void finish_dw(void *context, mote_tile tile) {
    const job *j = context;
    const mote_parameter *weight = &j->self->weight_parameter;
    size_t in = j->self->base.input_shape.dims[0];
    size_t begin = tile.row * in + tile.column;
    if (!j->pass->ready) {
        /* dW is already where it belongs */
    } else if (tile.columns == in && tile.ldc == in) {
        mote_gradient_ready(j->pass, weight, begin, tile.rows * in, tile.c);
    } else {
        for (size_t row = 0; row < tile.rows; row++) {
            mote_gradient_ready(j->pass, weight, begin + row * in, tile.columns,
                                tile.c + row * tile.ldc);
        }
    }
    if (j->self->bias && tile.column == 0) {
        compute_db(j, tile.row, tile.row + tile.rows);
    }
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    dense *self = (dense *)layer;
    size_t in = layer->input_shape.dims[0];
    job j = {.self = self, .pass = pass, .x = x, .dy = dy};
    if (dx) { /* first: it needs the weights before their update */
        mote_gemm_run(pass->pool, &(mote_gemm){.m = pass->batch,
                                               .n = in,
                                               .k = self->units,
                                               .a = dy,
                                               .lda = self->units,
                                               .b = self->weight_parameter.value,
                                               .ldb = in,
                                               .c = dx,
                                               .ldc = in,
                                               .after = finish_dx,
                                               .context = &j});
    }
    mote_gemm_run(pass->pool, &(mote_gemm){.transpose_a = true,
                                           .m = self->units,
                                           .n = in,
                                           .k = pass->batch,
                                           .a = dy,
                                           .lda = self->units,
                                           .b = x,
                                           .ldb = in,
                                           .c = self->weight_parameter.gradient,
                                           .ldc = in,
                                           .beta = pass->ready ? 0 : 1,
                                           .transient = pass->ready != NULL,
                                           .after = finish_dw,
                                           .context = &j});
}

const mote_layer_class mote_layer_dense = {
    .type = "dense",
    .summary = "fully connected: y = x Wᵀ + b",
    .example = "{\"type\": \"dense\", \"units\": 128}",
    .size = sizeof(dense),
    .fields = fields,
    .build = build,
    .forward = forward,
    .backward = backward,
    .fuses = true,
    .tiles_gradients = true,
};
