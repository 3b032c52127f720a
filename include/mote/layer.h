/* layer.h: what a layer is, for those who write one.
 *
 * A layer turns a batch x [batch × input_shape] into y [batch × output_shape], and on the way back
 * the gradient dy of the loss with respect to y into dx and its parameters' gradients. It is
 * one file that ends in one mote_layer_class. There are two kinds:
 *
 * - An element-wise layer (an activation) gives forward_elements and backward_elements, which work
 *   on any run of elements. mote runs them over tiles on all threads, and fuses them with a
 *   neighbour that supports it.
 * - Any other layer gives build, forward and backward, which see the whole batch. It may ignore
 *   threads altogether, or share out tiles with mote_pool_run (see pool.h).
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
    /* Filled by the layer's build. */
    const char *name; /* "weight": no other of the layer has it */
    mote_shape shape;
    mote_initializer initializer;
    size_t fan_in, fan_out;
    bool decay;  /* weight decay applies; by custom not to biases and norms */
    bool buffer; /* not trained: no gradient, no optimizer state */

    /* Filled by the model; read-only for layers. */
    size_t count;                       /* entries */
    mote_real *value;                   /* there since the model has its output */
    mote_real *gradient;                /* there while training */
    mote_real *states[MOTE_MAX_STATES]; /* the optimizer's, in training */
    mote_real *average;                 /* of value over the steps, in training, or NULL */
};

/* What a forward or backward pass runs under. Read-only for layers. */
struct mote_pass {
    mote_pool *pool; /* may be NULL: one thread */
    size_t batch;    /* rows of x and y */
    bool training;
    mote_random *random; /* for layers that draw numbers; not NULL while training */

    /* Called with each finished piece of a gradient (see mote_gradient_ready); NULL: gradients are
     * added to parameter->gradient. */
    void (*ready)(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                  size_t count, const mote_real *gradient);
    const void *ready_context;
};

/* Hands over entries begin ... begin + count - 1 of the parameter's gradient, for the optimizer to
 * update those weights while they are in cache: they may change during the call. May be called from
 * tasks. A layer of class `tiles_gradients` calls it once for each entry, with slices that lie
 * wherever it computed them; any other layer adds to parameter->gradient, which mote has set to 0
 * and hands over when the layer's backward pass is done. */
void mote_gradient_ready(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                         size_t count, const mote_real *gradient);

/* Scratch memory that a layer asks for in build; in training valid from a forward pass to its
 * backward pass, otherwise during the forward pass. */
typedef struct mote_scratch {
    mote_real **where;
    size_t count_per_sample, count_fixed;
    bool training_only; /* *where is NULL otherwise */
} mote_scratch;

/* The part that all layers have in common; the first member of each layer's struct. */
struct mote_layer {
    const mote_layer_class *kind;

    /* input_shape is set before build, output_shape by build; both are of one sample. */
    mote_shape input_shape, output_shape;
    char input_name[160]; /* who gives the input, for errors: "layers[2] (conv2d)" */

    /* Set by build: how many samples a batch needs at least for training; 0: any number. mote
     * raises a container's to the largest of its layers', and refuses smaller batches, a short last
     * one among them, before training starts. */
    size_t least_batch;

    mote_parameter *parameters[MOTE_MAX_LAYER_PARAMETERS];
    size_t parameter_count;
    mote_scratch scratch[MOTE_MAX_LAYER_SCRATCH];
    size_t scratch_count;

    /* Set by the model for classes with `fuses`: element-wise neighbours whose work this layer does
     * on each finished piece of y and of dx; see mote_finish_y and mote_finish_dx. Or NULL. */
    const mote_layer *fused_after, *fused_before;
    ptrdiff_t fused_after_distance;  /* from y to the neighbour's y */
    ptrdiff_t fused_before_distance; /* from x to the neighbour's x, where it keeps that */

    /* Set by build: whether this layer can do the pooling that follows it, or follows the
     * activation after it. fused_pool is then set by the model where some does, or NULL. Such a
     * layer gives fused_pool->kind->pool_sample each sample of its y when it is finished, by
     * mote_finish_y too; its own y is then stored nowhere, and its forward and backward passes get
     * the pooled y and dy. */
    bool pools;
    const mote_layer *fused_pool;
};

/* In which order a layer takes and gives images. mote turns them where neighbours differ. */
typedef enum mote_order {
    MOTE_PLANES,            /* C × H × W */
    MOTE_CHANNELS_LAST,     /* H × W × C */
    MOTE_CHANNELS_ANYWHERE, /* gives them as it gets them; element-wise layers always do */
} mote_order;

/* The record of a type of layer. */
struct mote_layer_class {
    const char *type;    /* its name in JSON */
    const char *summary; /* one line of help */
    size_t size;         /* of the layer's struct, whose first member is `mote_layer base` */
    const mote_field *fields;

    /* For help: a line of JSON, "{\"type\": \"dense\", \"units\": 128}". NULL: the type, and
     * a value for each key that must be given. */
    const char *example;

    /* From layer->input_shape and the fields to layer->output_shape; declares parameters and
     * scratch. On failure the message need not name the layer: mote puts that in front. NULL: the
     * output has the input's shape, and there are no parameters. */
    mote_status (*build)(mote_layer *layer, mote_error *error);

    /* x [batch × input_shape], y [batch × output_shape]. */
    void (*forward)(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y);

    /* x, y as in the forward pass before, dy like y, dx like x. dx is NULL where nobody needs it.
     * dx never overlaps x, y or dy. dy may be overwritten. */
    void (*backward)(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx);

    /* Instead of the two above for element-wise layers. y may be the same place as x, and dx the
     * same as dy:
     *     dx_i = dy_i × f'(x_i)
     * with f'(x_i) computed from y_i, since x may have been overwritten; or, for a class with
     * `keeps_x`, from x_i, which takes memory for both. */
    void (*forward_elements)(const mote_layer *layer, size_t count, const mote_real *x,
                             mote_real *y);
    void (*backward_elements)(const mote_layer *layer, size_t count, const mote_real *x,
                              const mote_real *y, const mote_real *dy, mote_real *dx);
    bool keeps_x;

    /* In addition to forward and backward, for a layer whose every y is one of the x of the same
     * channel (max_pool2d): lets a layer before it do its work. pool_sample makes the y of one
     * sample of the batch out of its x, the activation that is fused with it included; x, y are
     * [channels last]. pooled_from tells at which pixel of x each y of the sample was found, in a
     * pass for training. */
    void (*pool_sample)(const mote_layer *layer, const mote_pass *pass, size_t sample,
                        const mote_real *x, mote_real *y);
    const uint32_t *(*pooled_from)(const mote_layer *layer, size_t sample);

    mote_order order;

    bool reshapes;        /* only the shape changes, the numbers stay: forward, backward unused */
    bool training_only;   /* in evaluation y = x: forward is not called then */
    bool fuses;           /* calls mote_finish_y and mote_finish_dx; its backward ignores its y */
    bool tiles_gradients; /* calls mote_gradient_ready itself */
    bool gives_probabilities; /* y are probabilities, not logits */
    bool dies; /* of an activation: a unit whose y is 0 for all samples learns nothing any more;
                * training tells of such units */
};

/* For build: fail, with advice, unless the layer gets vectors, or images. */
mote_status mote_layer_expect_vector(const mote_layer *layer, mote_error *error);
mote_status mote_layer_expect_image(const mote_layer *layer, mote_error *error);

/* Declares a parameter or buffer in build, once the members that build fills are filled.
 * MOTE_INVALID where its name or shape is not valid, or the layer has too many. */
mote_status mote_layer_add_parameter(mote_layer *layer, mote_parameter *parameter,
                                     mote_error *error);

/* Asks in build for scratch: *where will point to count_fixed + batch × count_per_sample entries,
 * 64-byte aligned, not initialised. */
mote_status mote_layer_add_scratch(mote_layer *layer, mote_real **where, size_t count_per_sample,
                                   size_t count_fixed, mote_error *error);

/* The same for what only training needs: *where is NULL otherwise. */
mote_status mote_layer_add_training_scratch(mote_layer *layer, mote_real **where,
                                            size_t count_per_sample, size_t count_fixed,
                                            mote_error *error);

/* Runs the fused neighbours on a finished run of `count` elements of y; or of dx, whose place in x
 * starts at `x`. Does nothing where nothing is fused. */
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
 * shape, and owns them; a list that is optional and absent or empty is NULL. Their images are in
 * the container's `order` at both ends. */

mote_shape mote_sequence_output_shape(const mote_sequence *sequence);

/* x [batch × the container's input_shape] to what the last of the layers gives, which stays valid
 * until the container's forward pass is done, in training until the next one. */
const mote_real *mote_sequence_forward(mote_sequence *sequence, const mote_pass *pass,
                                       const mote_real *x);

/* From dy to dx, which may be NULL, as a layer's backward: dy may be overwritten. Follows the
 * forward pass of the same x, which must still be there. */
void mote_sequence_backward(mote_sequence *sequence, const mote_pass *pass, mote_real *dy,
                            mote_real *dx);

/* The layer's lists of layers, one after the other, then NULL. */
mote_sequence *mote_layer_sequence(const mote_layer *layer, size_t index);

/* The class of that type, or NULL; and all of them, ended by NULL. */
const mote_layer_class *mote_layer_class_find(const char *type);
const mote_layer_class *const *mote_layer_classes(void);

/* Adds a class to those, for the rest of the process: a model can be made of it, by mote_model_add,
 * from JSON or from a file. MOTE_INVALID where its type is taken, or the record is not complete.
 * Not while other threads use mote. The class is not copied. */
mote_status mote_layer_register(const mote_layer_class *kind, mote_error *error);

#ifdef __cplusplus
}
#endif

#endif
