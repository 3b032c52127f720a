/* layer_neighbours.c: checks that a layer computes the same between two activations as by itself.
 * mote may fuse them with it, run them in place on its numbers, and reorder images between them.
 */
#include <string.h>

#include "check/compare.h"
#include "check/layer_check.h"

static const char NEIGHBOUR[] = "tanh";

/* The preceding activation, the layer, the following activation; and all three in one model. */
typedef struct quartet {
    mote_alone before, layer, after, together;
} quartet;

static mote_status create_neighbour(mote_alone *alone, mote_shape shape, mote_error *error) {
    const mote_layer_case neighbour = {.kind = mote_layer_class_find(NEIGHBOUR), .shape = shape};
    return mote_layer_case_alone(alone, &neighbour, MOTE_CHECK_ROWS, error);
}

static mote_status create_together(mote_alone *alone, const mote_layer_case *layer,
                                   mote_error *error) {
    mote_model *model = mote_model_create(layer->shape, error);
    if (model && (mote_model_add(model, NEIGHBOUR, NULL, error) != MOTE_OK ||
                  mote_model_add(model, layer->kind->type, layer->json, error) != MOTE_OK ||
                  mote_model_add(model, NEIGHBOUR, NULL, error) != MOTE_OK)) {
        mote_model_destroy(model);
        return error->status;
    }
    model = mote_check_complete(model, error);
    return model ? mote_alone_create(alone, model, MOTE_CHECK_ROWS, error) : error->status;
}

/* The neighbours have no parameters, so the layer's are all there are. */
static void copy_parameters(const mote_model *from, mote_model *to) {
    memcpy(to->values.memory, from->values.memory, from->values.capacity);
}

static mote_status create(quartet *q, const mote_layer_case *layer, mote_error *error) {
    *q = (quartet){0};
    mote_status status = mote_layer_case_alone(&q->layer, layer, MOTE_CHECK_ROWS, error);
    if (status == MOTE_OK) {
        status = create_neighbour(&q->before, layer->shape, error);
    }
    if (status == MOTE_OK) {
        mote_shape shape = mote_sequence_output_shape(q->layer.model->layers);
        status = create_neighbour(&q->after, shape, error);
    }
    if (status == MOTE_OK) {
        status = create_together(&q->together, layer, error);
    }
    if (status == MOTE_OK) {
        copy_parameters(q->layer.model, q->together.model);
    }
    return status;
}

static void destroy(quartet *q) {
    mote_layer_case_free(&q->before);
    mote_layer_case_free(&q->layer);
    mote_layer_case_free(&q->after);
    mote_layer_case_free(&q->together);
}

static void copy(size_t count, const mote_real *from, mote_real *to) {
    memcpy(to, from, MOTE_CHECK_ROWS * count * sizeof *to);
}

/* Runs one after the other, forward and back, on the x and upstream of all three together. */
static mote_status run_apart(quartet *q, mote_error *error) {
    const mote_trial trial = {.rows = MOTE_CHECK_ROWS, .memory = 0xff};
    copy(q->before.in, q->together.x, q->before.x);
    mote_alone_forward(&q->before, &trial, q->before.results);
    copy(q->layer.in, q->before.results[0].y, q->layer.x);
    mote_alone_forward(&q->layer, &trial, q->layer.results);
    copy(q->after.in, q->layer.results[0].y, q->after.x);
    copy(q->after.out, q->together.upstream, q->after.upstream);
    mote_status status = mote_alone_run(&q->after, &trial, q->after.results, error);
    copy(q->layer.out, q->after.results[0].dx, q->layer.upstream);
    status =
        status == MOTE_OK ? mote_alone_run(&q->layer, &trial, q->layer.results, error) : status;
    copy(q->before.out, q->layer.results[0].dx, q->before.upstream);
    return status == MOTE_OK ? mote_alone_run(&q->before, &trial, q->before.results, error)
                             : status;
}

mote_status mote_check_layer_neighbours(const mote_layer_case *layer, mote_error *error) {
    quartet q;
    mote_status status = create(&q, layer, error);
    if (status == MOTE_OK) {
        status = run_apart(&q, error);
    }
    if (status == MOTE_OK) {
        const mote_trial trial = {.rows = MOTE_CHECK_ROWS, .memory = 0xff};
        status = mote_alone_run(&q.together, &trial, q.together.results, error);
    }
    if (status == MOTE_OK) {
        const struct {
            const char *name;
            size_t count;
            const mote_real *found, *wanted;
        } parts[] = {
            {"y", MOTE_CHECK_ROWS * q.after.out, q.together.results[0].y, q.after.results[0].y},
            {"dx", MOTE_CHECK_ROWS * q.before.in, q.together.results[0].dx, q.before.results[0].dx},
            {"gradients", q.layer.trained, q.together.results[0].gradients,
             q.layer.results[0].gradients},
        };
        for (size_t i = 0; i < sizeof parts / sizeof *parts && status == MOTE_OK; i++) {
            status = mote_check_close((mote_claim){parts[i].name, "between two tanh layers"},
                                      parts[i].count, parts[i].found, parts[i].wanted,
                                      MOTE_CHECK_ROUNDING, error);
        }
    }
    destroy(&q);
    return status;
}
