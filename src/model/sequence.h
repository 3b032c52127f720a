/* sequence.h (internal): a list of layers that run one after the other, a model's or one within a
 * container layer, and how it is planned and run.
 */
#ifndef MOTE_MODEL_SEQUENCE_H
#define MOTE_MODEL_SEQUENCE_H

#include "config/json.h"
#include "config/json_write.h"
#include "core/arena.h"
#include "mote/layer.h"

#define MOTE_PARAMETER_NAME_CAPACITY 128
#define MOTE_SEQUENCE_NAME_CAPACITY  96

/* A parameter or buffer and its name in files. */
typedef struct mote_named_parameter {
    mote_parameter *parameter;
    char name[MOTE_PARAMETER_NAME_CAPACITY]; /* "layers.1.weight" */
} mote_named_parameter;

/* How one layer runs, decided once per plan. */
typedef struct mote_stage {
    mote_real *y;         /* NULL: the sequence's input, which no layer has changed yet */
    mote_real *converted; /* x in the order that the layer needs; NULL: it already is */
    const mote_real *x;   /* the layer's input in the last forward pass */
    bool converts;        /* x comes in the other order */
    bool channels_last;   /* the order of y */
    bool in_place; /* an element-wise layer that overwrites its predecessor's y, or fused pooling */
    bool forward_fused;  /* an earlier layer does its forward pass */
    bool backward_fused; /* its successor, or that earlier layer, does its backward pass */
    bool needs_backward; /* needs_dx, or a parameter of this layer is trained */
    bool needs_dx; /* a parameter of an earlier layer is trained, or the sequence's dx is wanted */
} mote_stage;

/* An observer of what each layer gives: y after its forward pass, dx after its backward pass, each
 * with pass->batch rows. x is the layer's input in the forward pass. */
typedef struct mote_watch {
    void (*look)(void *context, const mote_sequence *sequence, size_t index, bool backward,
                 const mote_real *x, const mote_real *given);
    void *context;
} mote_watch;

struct mote_sequence {
    char name[MOTE_SEQUENCE_NAME_CAPACITY];        /* in messages: "layers", "layers[3].layers" */
    char prefix[MOTE_PARAMETER_NAME_CAPACITY / 2]; /* in files: "layers", "layers.3.layers" */
    char input_name[160];                          /* where its input comes from, in messages */
    mote_shape input_shape;
    bool channels_last; /* the order of images at both ends */

    mote_layer **layers;
    mote_stage *stages; /* [count] */
    size_t count;
    const mote_watch *watch; /* NULL: none, and neighbours may be fused */

    /* The plan. */
    mote_real *ending; /* the last y in the order of the sequence's end; NULL: it already is */
    mote_real *gradients[2]; /* the dy and dx of the layer being run */
};

/* ---- building ---- */

/* The types of layers, for suggestions. */
const char *mote_layer_name_at(size_t index);

/* An empty sequence. `name` and `prefix` as above, `input_name` as in mote_layer. NULL when out of
 * memory. */
mote_sequence *mote_sequence_create(const char *name, const char *prefix, const char *input_name,
                                    mote_shape input_shape, bool channels_last);
void mote_sequence_destroy(mote_sequence *sequence);

/* Fails unless samples may have that shape: of rank 1 to 3, not empty, and not too large. */
mote_status mote_check_sample_shape(mote_shape shape, mote_error *error);

/* The message for a layer or output whose build fails without one of its own. */
#define MOTE_NO_REASON "it is refused, without a reason"

/* Reads, builds and appends a layer. `selector` is the key that has already been read, or NULL. */
mote_status mote_sequence_append(mote_sequence *sequence, const mote_layer_class *kind,
                                 mote_json object, const char *selector, mote_error *error);

/* Appends a list of layers, each with its "type". */
mote_status mote_sequence_append_list(mote_sequence *sequence, mote_json list, mote_error *error);

/* Writes the layers to a list, in the form in which they are read. */
void mote_sequence_write(const mote_sequence *sequence, mote_json_writer *writer, cJSON *list);

/* The number of parameters and buffers; and their list, appended to `list` from *count on, which is
 * advanced. */
size_t mote_sequence_parameter_count(const mote_sequence *sequence);
void mote_sequence_list_parameters(const mote_sequence *sequence, mote_named_parameter *list,
                                   size_t *count);

/* The fewest samples that a batch needs to train all layers; 0: any number. Otherwise `name` is set
 * to the layer that needs them: "layers[3].layers[0] (batch_norm)". */
size_t mote_sequence_least_batch(const mote_sequence *sequence, char *name, size_t capacity);

/* ---- running; see also layer.h ---- */

/* Decides which passes are needed, which layers do a neighbour's work along with their own, and
 * where images change order. True if needs_dx, or if anything in the sequence is trained. */
bool mote_sequence_decide(mote_sequence *sequence, bool needs_dx, bool training);

/* Sets the watch of its layers, and of those within them, from the next plan on: no layers are
 * fused then, with the same results. NULL: none. */
void mote_sequence_set_watch(mote_sequence *sequence, const mote_watch *watch);

/* Takes memory for `batch` rows from the arena. */
void mote_sequence_carve(mote_sequence *sequence, size_t batch, bool training, mote_arena *arena);

#endif
