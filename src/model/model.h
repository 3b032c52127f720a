/* model.h (internal): what training and files need to know about a model. */
#ifndef MOTE_MODEL_MODEL_H
#define MOTE_MODEL_MODEL_H

#include "config/json.h"
#include "core/arena.h"
#include "model/sequence.h"
#include "mote/model.h"

struct mote_model {
    mote_shape input_shape;
    mote_sequence *layers;
    mote_output *output; /* NULL while layers are being added */

    mote_named_parameter *parameters;
    size_t parameter_count;
    mote_arena values; /* of all parameters */

    mote_pool *pool; /* not owned; may be NULL */
    char *input;     /* JSON, or NULL */
    mote_preprocessing preprocessing;
    char **class_names; /* [class_name_count] */
    size_t class_name_count;
    char (*class_numbers)[24]; /* names of classes without a name */

    /* The plan: activations, gradients and scratch for `batch` rows. */
    mote_arena workspace;
    size_t batch; /* 0: none */
    bool training;
    mote_real *dz;      /* [batch × output width], while training */
    mote_score *scores; /* [tiles of the output] */
};

/* Plans memory for up to `batch` rows; for training also what the backward pass needs. */
mote_status mote_model_plan(mote_model *model, size_t batch, bool training, mote_error *error);

/* Frees the plan's memory; the next prediction or evaluation makes a new plan. */
void mote_model_drop_plan(mote_model *model);

/* Bytes that the plan and the parameters take. */
size_t mote_model_memory(const mote_model *model);

/* From x [pass->batch × input shape] to what the last layer gives [pass->batch × output width],
 * which stays valid until the next pass. */
const mote_real *mote_model_forward(mote_model *model, const mote_pass *pass, const mote_real *x);

/* Scores the result of a forward pass. If `scale` is not 0, prepares a backward pass: dz = scale ×
 * gradient of the summed loss. */
mote_score mote_model_score(mote_model *model, const mote_pass *pass, const mote_real *z,
                            mote_targets targets, mote_real scale);

/* The same, with each row's loss and gradient multiplied by the weight of its label's class:
 * class_weights [classes]; NULL: all are 1. With weights, the targets must be labels. */
mote_score mote_model_score_weighted(mote_model *model, const mote_pass *pass, const mote_real *z,
                                     mote_targets targets, const mote_real *class_weights,
                                     mote_real scale);

/* From dz to the gradients of all parameters, which go to pass->ready. Must follow a forward pass
 * whose x is still there. */
void mote_model_backward(mote_model *model, const mote_pass *pass);

/* Tells an output that can predict either classes or numbers which it is: numbers if `classes` is
 * 0. Fails where the last layer does not fit. `width` is that of the target values, used if
 * `classes` is 0. */
mote_status mote_model_match_targets(mote_model *model, size_t classes, size_t width,
                                     mote_error *error);

/* A model from {"layers": [...], "output": {...}}, and back. The caller frees the JSON with
 * cJSON_Delete; NULL when out of memory. */
mote_model *mote_model_from_json(mote_json object, mote_shape input_shape, mote_error *error);
cJSON *mote_model_to_json(const mote_model *model);

#endif
