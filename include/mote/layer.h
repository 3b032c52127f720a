/* layer.h: the interface for writing a layer.
 *
 * A layer computes y [batch × output_shape] from a batch x [batch × input_shape] and, on the way
 * back, dx and its parameters' gradients from dy, the gradient of the loss with respect to y. It is
 * one file that ends in one mote_layer_class. There are two kinds:
 *
 * - An element-wise layer (an activation) provides forward_elements and backward_elements, which
 *   work on any run of elements. mote runs them on tiles with all threads, and fuses them with a
 *   neighbour that supports it.
 * - Any other layer provides build, forward and backward, which see the whole batch. It may ignore
 *   threads altogether, or split its work into tiles for mote_pool_run (see pool.h).
 */
#ifndef MOTE_LAYER_H
#define MOTE_LAYER_H

#include "mote/field.h"
#include "mote/pool.h"
#include "mote/random.h"
#include "mote/status.h"
#include "mote/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MOTE_MAX_LAYER_PARAMETERS 8
#define MOTE_MAX_LAYER_SCRATCH    8
#define MOTE_MAX_STATES           3
#define MOTE_MAX_PARAMETER_NAME   40 /* bytes */

typedef struct mote_layer mote_layer;
typedef struct mote_parameter mote_parameter;
typedef struct mote_pass mote_pass;
typedef struct mote_layer_class mote_layer_class;
typedef struct mote_sequence mote_sequence;

/* A tensor that is part of the model: a trainable weight, or a persistent buffer. A member of its
 * layer's struct. */
struct mote_parameter {
    /* Filled in by the layer's build. */
    const char *name; /* "weight": unique within the layer */
    mote_shape shape;
    mote_initializer initializer;
    size_t fan_in, fan_out;
    bool decay;  /* weight decay applies; by convention not to biases and norms */
    bool buffer; /* not trained: no gradient, no optimizer state */

    /* Filled in by mote; read-only for layers. Arrays are [count]. */
    size_t count;                       /* entries */
    mote_real *value;                   /* valid once the model has its output */
    mote_real *gradient;                /* valid in training */
    mote_real *states[MOTE_MAX_STATES]; /* the optimizer's, in training */
    mote_real *average;                 /* of value over the steps, in training; or NULL */
};

/* The context of a forward or backward pass. Read-only for layers. */
struct mote_pass {
    mote_pool *pool; /* may be NULL: one thread */
    size_t batch;    /* rows of x and y */
    bool training;
    mote_random *random; /* for layers that draw numbers; not NULL in training */

    /* Called with each finished piece of a gradient (see mote_gradient_ready); NULL: gradients are
     * added to parameter->gradient. */
    void (*ready)(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                  size_t count, const mote_real *gradient);
    const void *ready_context;
};

/* Hands over gradient [count], entries begin ... begin + count - 1 of the parameter's gradient, so
 * that the optimizer can update those weights while they are in cache: the weights may change
 * during the call. May be called from tasks. A layer whose class sets `tiles_gradients` hands over
 * each entry exactly once, from wherever it computed it; any other layer adds to
 * parameter->gradient, which mote zeroes beforehand and hands over after the layer's backward
 * pass. */
void mote_gradient_ready(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                         size_t count, const mote_real *gradient);

/* Scratch memory that a layer requests in build. In training it is valid from a forward pass to the
 * matching backward pass, otherwise only during the forward pass. */
typedef struct mote_scratch {
    mote_real **where;
    size_t count_per_sample, count_fixed;
    bool training_only; /* *where is NULL otherwise */
} mote_scratch;

/* The part common to all layers; the first member of each layer's struct. */
struct mote_layer {
    const mote_layer_class *kind;

    /* input_shape is set before build, output_shape by build; both are of one sample. */
    mote_shape input_shape, output_shape;
    char input_name[160]; /* where the input comes from, for errors: "layers[2] (conv2d)" */

    /* Set by build: the smallest batch that the layer can be trained on; 0: any. mote raises a
     * container's to the largest of its layers', and rejects smaller batches, including a short
     * last one, before training starts. */
    size_t least_batch;

    mote_parameter *parameters[MOTE_MAX_LAYER_PARAMETERS];
    size_t parameter_count;
    mote_scratch scratch[MOTE_MAX_LAYER_SCRATCH];
    size_t scratch_count;

    /* Set by the model for classes with `fuses`: element-wise neighbours whose work this layer does
     * on each finished piece of y and of dx (see mote_finish_y and mote_finish_dx); or NULL. */
    const mote_layer *fused_after, *fused_before;
    ptrdiff_t fused_after_distance;  /* from y to the neighbour's y */
    ptrdiff_t fused_before_distance; /* from x to the neighbour's x, if it keeps x */

    /* `pools` is set by build: this layer can also do the pooling that follows it, directly or
     * after one activation. If there is such a pooling layer, the model sets fused_pool; otherwise
     * it is NULL. With fused_pool set, the layer passes each sample of its y, once mote_finish_y is
     * done with it, to fused_pool->kind->pool_sample; its own y is stored nowhere, and its forward
     * and backward passes get the pooled y and dy. */
    bool pools;
    const mote_layer *fused_pool;
};

/* The order of an image's numbers in a layer's x and y. mote converts between neighbours that
 * differ. */
typedef enum mote_order {
    MOTE_PLANES,            /* C × H × W */
    MOTE_CHANNELS_LAST,     /* H × W × C */
    MOTE_CHANNELS_ANYWHERE, /* y has the order of x; always so for element-wise layers */
} mote_order;

/* Describes a type of layer. */
struct mote_layer_class {
    const char *type;    /* its name in JSON */
    const char *summary; /* one line of help */
    size_t size;         /* of the layer's struct, whose first member is `mote_layer base` */
    const mote_field *fields;

    /* For help: a line of JSON, "{\"type\": \"dense\", \"units\": 128}". NULL: the type, and a
     * value for each required key. */
    const char *example;

    /* Computes layer->output_shape from layer->input_shape and the fields; declares parameters and
     * scratch memory. An error message need not name the layer: mote prepends the name. NULL: the
     * output has the input's shape, and there are no parameters. */
    mote_status (*build)(mote_layer *layer, mote_error *error);

    /* Computes y [batch × output_shape] from x [batch × input_shape]. */
    void (*forward)(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y);

    /* Computes the parameters' gradients (see mote_gradient_ready) and dx, shaped like x, from dy,
     * shaped like y; x and y are those of the preceding forward pass. dx is NULL if it is not
     * needed, and never overlaps x, y or dy. dy may be overwritten. */
    void (*backward)(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx);

    /* For element-wise layers, instead of the two above. All arrays are [count]; y may be x, and dx
     * may be dy:
     *     dx_i = dy_i × f'(x_i)
     * with f'(x_i) computed from y_i, since x may have been overwritten; or, for a class with
     * `keeps_x`, from x_i, which takes memory for both. */
    void (*forward_elements)(const mote_layer *layer, size_t count, const mote_real *x,
                             mote_real *y);
    void (*backward_elements)(const mote_layer *layer, size_t count, const mote_real *x,
                              const mote_real *y, const mote_real *dy, mote_real *dx);
    bool keeps_x;

    /* In addition to forward and backward, for a layer that selects each y from the x of the same
     * channel (max_pool2d): lets a preceding layer do its work. pool_sample computes the y of one
     * sample of the batch from its x, including the activation fused with it; both are channels
     * last. pooled_from returns, for a training pass, at which pixel of x each y of the sample was
     * found. */
    void (*pool_sample)(const mote_layer *layer, const mote_pass *pass, size_t sample,
                        const mote_real *x, mote_real *y);
    const uint32_t *(*pooled_from)(const mote_layer *layer, size_t sample);

    mote_order order;

    bool reshapes;        /* changes only the shape, not the numbers: forward, backward unused */
    bool training_only;   /* in evaluation y = x, and forward is not called */
    bool fuses;           /* calls mote_finish_y and mote_finish_dx; its backward ignores its y */
    bool tiles_gradients; /* calls mote_gradient_ready itself */
    bool gives_probabilities; /* y are probabilities, not logits */
    bool dies; /* for an activation: a unit whose y is 0 for all samples stops learning;
                * training reports such units */
};

/* For build: fail with MOTE_INVALID and advice unless the layer's input is a vector, or an
 * image. */
mote_status mote_layer_expect_vector(const mote_layer *layer, mote_error *error);
mote_status mote_layer_expect_image(const mote_layer *layer, mote_error *error);

/* For build: declares a parameter or buffer, once the members that build fills in are filled in.
 * Keeps the pointer. MOTE_INVALID if its name or shape is invalid, or the layer has too many. */
mote_status mote_layer_add_parameter(mote_layer *layer, mote_parameter *parameter,
                                     mote_error *error);

/* For build: requests scratch memory. *where, which must stay valid, will point to count_fixed +
 * batch × count_per_sample numbers, 64-byte aligned, uninitialised. MOTE_INVALID if the layer has
 * requested too many pieces. */
mote_status mote_layer_add_scratch(mote_layer *layer, mote_real **where, size_t count_per_sample,
                                   size_t count_fixed, mote_error *error);

/* The same, for what only training needs: *where is NULL otherwise. */
mote_status mote_layer_add_training_scratch(mote_layer *layer, mote_real **where,
                                            size_t count_per_sample, size_t count_fixed,
                                            mote_error *error);

/* Run the fused neighbour, if any, on a finished run of `count` elements: of y, or of dx, where `x`
 * points to the matching elements of x. */
static inline void mote_finish_y(const mote_layer *layer, size_t count, mote_real *y) {
    if (layer->fused_after) {
        layer->fused_after->kind->forward_elements(layer->fused_after, count, y,
                                                   y + layer->fused_after_distance);
    }
}

static inline void mote_finish_dx(const mote_layer *layer, size_t count, const mote_real *x,
                                  mote_real *dx) {
    if (layer->fused_before) {
        layer->fused_before->kind->backward_elements(layer->fused_before, count,
                                                     x + layer->fused_before_distance, x, dx, dx);
    }
}

/* ---- containers ----
 *
 * A container is a layer with lists of layers: members of type mote_sequence *, each with a field
 * of kind MOTE_FIELD_LAYERS. mote builds them before the container, from the container's input
 * shape, and owns them; an optional list that is absent or empty is NULL. Images enter and leave a
 * list in the container's `order`. */

mote_shape mote_sequence_output_shape(const mote_sequence *sequence);

/* Runs x [batch × the container's input_shape] through the layers and returns the last one's y,
 * which stays valid until the container's forward pass is done; in training, until the next one. */
const mote_real *mote_sequence_forward(mote_sequence *sequence, const mote_pass *pass,
                                       const mote_real *x);

/* Computes dx, which may be NULL, from dy, like a layer's backward: dy may be overwritten. Follows
 * the forward pass of the same x, which must still be intact. */
void mote_sequence_backward(mote_sequence *sequence, const mote_pass *pass, mote_real *dy,
                            mote_real *dx);

/* The layer's list of layers number `index`; NULL past the last. */
mote_sequence *mote_layer_sequence(const mote_layer *layer, size_t index);

/* The class of that type, or NULL; and all classes, NULL-terminated. */
const mote_layer_class *mote_layer_class_find(const char *type);
const mote_layer_class *const *mote_layer_classes(void);

/* Adds a class for the rest of the process: mote_model_add, configs and model files can then use
 * it. The class is not copied. MOTE_INVALID if its type is taken, the record is incomplete, or
 * there are too many classes. Not while other threads use mote. */
mote_status mote_layer_register(const mote_layer_class *kind, mote_error *error);

#ifdef __cplusplus
}
#endif

#endif
