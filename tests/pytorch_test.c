/* pytorch_test.c: mote computes what PyTorch computes: layers, outputs, optimizers, and networks
 * that take the same path through training.
 *
 * pytorch_values.h holds PyTorch's numbers, computed in double; see pytorch_values.py.
 */
#include <criterion/criterion.h>

#include "config/fields.h"
#include "mote/optimizer.h"
#include "networks.h"

enum {
    MOST_PARAMETERS = 40
};

/* The records of pytorch_values.h. x and dx [batch × shape], y and dy [batch × y_width]. The
 * parameters are followed by the buffers, if any: then y in evaluation is given too, with the
 * buffers as the training pass leaves them. */
typedef struct layer_values {
    const char *type, *json;
    size_t batch;
    mote_shape shape;
    size_t y_width;
    const float *x, *dy, *y, *dx;
    const float *parameters[MOST_PARAMETERS], *gradients[MOST_PARAMETERS];
    const float *buffers_after[MOST_PARAMETERS], *y_in_evaluation;
} layer_values;

typedef struct weighted_values {
    const char *type;
    size_t rows, width;
    const float *z;
    const uint32_t *labels;
    const float *weights;
    float loss;
    const float *dz;
} weighted_values;

typedef struct output_values {
    const char *type, *json;
    size_t rows, width;
    bool numbers; /* the values are numbers to predict, not distributions */
    const float *z, *dz;
    const uint32_t *labels;
    const float *values;
    float loss;
} output_values;

/* NETWORK_BATCHES batches, NETWORK_STEPS steps. Parameters are followed by buffers. */
typedef struct network_values {
    const char *layers, *output, *optimizer, *json;
    mote_shape shape;
    size_t batch;
    const float *x;
    const uint32_t *labels;
    const char *names[MOST_PARAMETERS]; /* "layers." and PyTorch's name */
    const float *start[MOST_PARAMETERS], *losses, *after[MOST_PARAMETERS];
} network_values;

#define FLOATS(...)                                                                                \
    (const float[]) {                                                                              \
        __VA_ARGS__                                                                                \
    }
#define LABELS(...)                                                                                \
    (const uint32_t[]) {                                                                           \
        __VA_ARGS__                                                                                \
    }

#include "pytorch_values.h"

#define COUNT_OF(table) (sizeof(table) / sizeof *(table))

static const double TOLERANCE = 2e-6;
static const double PATH_TOLERANCE = 1e-5; /* after many steps, each of which rounds */

static double largest_of(size_t count, const float *numbers) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)numbers[i]));
    }
    return largest;
}

/* Each entry to within `reach`. */
static void expect_within(const char *what, size_t count, const float *found, const float *wanted,
                          double reach) {
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)found[i] - (double)wanted[i]);
        if (!(difference <= reach)) {
            cr_expect(false, "%s: entry %zu of %zu is %.9g, in PyTorch %.9g", what, i, count,
                      (double)found[i], (double)wanted[i]);
            return;
        }
    }
}

/* Each entry to within `tolerance` of the largest, or of 1 where all are smaller. */
static void expect_close(const char *what, size_t count, const float *found, const float *wanted,
                         double tolerance) {
    expect_within(what, count, found, wanted, tolerance * fmax(1, largest_of(count, wanted)));
}

/* Each entry to within `tolerance` of the largest, however small that is. */
static void expect_close_to_largest(const char *what, size_t count, const float *found,
                                    const float *wanted, double tolerance) {
    expect_within(what, count, found, wanted, tolerance * largest_of(count, wanted));
}

/* ---- layers ---- */

/* After the passes in training. */
static void compare_parameters(const layer_values *row, const mote_model *model) {
    size_t buffers = 0;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        char what[128];
        snprintf(what, sizeof what, "%s %s: %s%s", row->type, row->json,
                 parameter->buffer ? "" : "d", parameter->name);
        expect_close(
            what, parameter->count, parameter->buffer ? parameter->value : parameter->gradient,
            parameter->buffer ? row->buffers_after[buffers++] : row->gradients[i], TOLERANCE);
    }
    cr_expect_eq(buffers > 0, row->y_in_evaluation != NULL, "%s: %zu buffers", row->type, buffers);
}

static void compare_evaluation(const layer_values *row, mote_model *model, float *y) {
    mote_pass pass = {.batch = row->batch};
    layer_alone_forward(model, &pass, row->x, y);
    char what[128];
    snprintf(what, sizeof what, "%s %s: y in evaluation", row->type, row->json);
    expect_close(what, row->batch * row->y_width, y, row->y_in_evaluation, TOLERANCE);
}

static void compare_layer(const layer_values *row) {
    mote_error error = {0};
    mote_model *model = layer_alone_create(row->type, row->json, row->shape, row->batch, &error);
    cr_assert(model, "%s %s: %s", row->type, row->json, error.message);
    size_t in = row->batch * mote_shape_count(row->shape), out = row->batch * row->y_width;
    cr_assert_eq(layer_alone_width_out(model), row->y_width);
    for (size_t i = 0; i < model->parameter_count; i++) {
        memcpy(model->parameters[i].parameter->value, row->parameters[i],
               model->parameters[i].parameter->count * sizeof(float));
    }
    float *y = numbers_create(out), *dx = numbers_create(in);
    mote_random random = mote_random_create(1, MOTE_RANDOM_LAYERS, 0);
    mote_pass pass = {.batch = row->batch, .training = true, .random = &random};
    layer_alone_forward(model, &pass, row->x, y);
    layer_alone_backward(model, &pass, row->dy, dx);

    char what[128];
    snprintf(what, sizeof what, "%s %s: y", row->type, row->json);
    expect_close(what, out, y, row->y, TOLERANCE);
    snprintf(what, sizeof what, "%s %s: dx", row->type, row->json);
    expect_close(what, in, dx, row->dx, TOLERANCE);
    compare_parameters(row, model);
    if (row->y_in_evaluation) {
        compare_evaluation(row, model, y);
    }
    free(y);
    free(dx);
    network_destroy(model);
}

Test(pytorch, layers_give_the_same_values_and_gradients) {
    for (size_t i = 0; i < COUNT_OF(layer_values_table); i++) {
        compare_layer(&layer_values_table[i]);
    }
}

/* ---- class weights ---- */

static void compare_weighted(const weighted_values *row) {
    mote_error error = {0};
    mote_model *model = mote_model_create(mote_shape_vector(row->width), &error);
    mote_model_add(model, "flatten", NULL, &error);
    mote_model_set_output(model, row->type, NULL, &error);
    cr_assert_eq(mote_model_plan(model, row->rows, true, &error), MOTE_OK, "%s", error.message);
    float sum = 0;
    for (size_t i = 0; i < row->rows; i++) {
        sum += row->weights[row->labels[i]];
    }
    mote_pass pass = {.batch = row->rows, .training = true};
    mote_targets targets = {.labels = row->labels};
    mote_score score =
        mote_model_score_weighted(model, &pass, row->z, targets, row->weights, 1 / sum);
    double loss = score.loss / (double)sum;
    cr_expect_float_eq(loss, (double)row->loss, 1e-5 * fmax(1, (double)row->loss),
                       "%s of %zu: loss %.9g, expected %.9g", row->type, row->width, loss,
                       (double)row->loss);
    for (size_t i = 0; i < row->rows * row->width; i++) {
        cr_expect_float_eq((double)model->dz[i], (double)row->dz[i], 1e-6,
                           "%s of %zu: dz[%zu] %.9g, expected %.9g", row->type, row->width, i,
                           (double)model->dz[i], (double)row->dz[i]);
    }
    mote_model_destroy(model);
}

Test(pytorch, class_weights_give_the_same_loss_and_gradient) {
    for (size_t i = 0; i < COUNT_OF(weighted_values_table); i++) {
        compare_weighted(&weighted_values_table[i]);
    }
}

/* ---- outputs ---- */

static void compare_output(const output_values *row) {
    mote_error error = {0};
    mote_model *model = mote_model_create(mote_shape_vector(row->width), &error);
    const mote_output_class *kind = mote_output_class_find(row->type);
    cr_assert(kind, "no output is called %s", row->type);
    const char *probabilities = row->width > 1 ? "softmax" : "sigmoid";
    mote_model_add(model, kind->takes == MOTE_TAKES_PROBABILITIES ? probabilities : "flatten", NULL,
                   &error);
    mote_model_set_output(model, row->type, row->json, &error);
    cr_assert_eq(error.status, MOTE_OK, "%s", error.message);
    if (row->numbers) {
        mote_model_match_targets(model, 0, row->width, &error);
    }
    float *dz = numbers_create(row->rows * row->width);
    mote_targets targets = {.labels = row->labels, .values = row->values};
    mote_score score = {0};
    kind->score(model->output, row->rows, row->z, targets, 1 / (float)row->rows, dz, &score);

    char what[128];
    snprintf(what, sizeof what, "%s %s, width %zu, %s", row->type, row->json, row->width,
             row->labels ? "labels" : "values");
    cr_expect_float_eq(score.loss, (double)row->loss, TOLERANCE * fmax(1, (double)row->loss),
                       "%s: the loss is %.9g, in PyTorch %.9g", what, score.loss,
                       (double)row->loss);
    expect_close(what, row->rows * row->width, dz, row->dz, TOLERANCE);
    free(dz);
    mote_model_destroy(model);
}

Test(pytorch, outputs_give_the_same_loss_and_gradient) {
    for (size_t i = 0; i < COUNT_OF(output_values_table); i++) {
        compare_output(&output_values_table[i]);
    }
}

/* ---- networks in training ---- */

static mote_optimizer *create_optimizer(const char *type, const char *json) {
    mote_error error = {0};
    const mote_optimizer_class *kind = mote_optimizer_class_find(type);
    cr_assert(kind, "no optimizer is called %s", type);
    mote_optimizer *optimizer = calloc(1, kind->size);
    mote_document *document = mote_document_parse(json, strlen(json), NULL, type, &error);
    cr_assert(optimizer && document, "%s", error.message);
    mote_binding binding = {.fields = kind->fields, .target = optimizer};
    mote_fields_read(mote_document_root(document), NULL, &binding, 1, &error);
    mote_document_destroy(document);
    optimizer->kind = kind;
    if (kind->check) {
        kind->check(optimizer, &error);
    }
    cr_assert_eq(error.status, MOTE_OK, "%s", error.message);
    return optimizer;
}

/* How gradients reach the optimizer. */
typedef enum delivery {
    AT_THE_END, /* update over whole parameters after the backward pass */
    AS_READY,   /* each slice from pass->ready */
    DELIVERIES,
} delivery;

static const char *const delivery_names[] = {
    [AT_THE_END] = "updated at the end", [AS_READY] = "updated as ready"};

typedef struct training {
    mote_model *model;
    mote_optimizer *optimizer;
    mote_step step;
} training;

static void update_slice(const training *run, const mote_parameter *parameter, size_t begin,
                         size_t count, const mote_real *gradient) {
    mote_slice slice = {.count = count,
                        .weights = parameter->value + begin,
                        .gradient = gradient,
                        .decay = parameter->decay};
    for (size_t i = 0; i < MOTE_MAX_STATES; i++) {
        slice.states[i] = parameter->states[i] ? parameter->states[i] + begin : NULL;
    }
    run->optimizer->kind->update(run->optimizer, &run->step, &slice);
}

static void update_as_ready(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                            size_t count, const mote_real *gradient) {
    update_slice(pass->ready_context, parameter, begin, count, gradient);
}

static training start_training(const network_values *row) {
    char json[2048];
    snprintf(json, sizeof json, "{\"layers\": %s, \"output\": {\"type\": \"%s\"}}", row->layers,
             row->output);
    mote_error error = {0};
    training run = {.model = network_create(json, row->shape, &error),
                    .optimizer = create_optimizer(row->optimizer, row->json)};
    cr_assert(run.model && network_plan(run.model, row->batch, &error) == MOTE_OK, "%s",
              error.message);
    size_t states = run.optimizer->kind->state_count(run.optimizer);
    cr_assert_lt(run.model->parameter_count, MOST_PARAMETERS);
    cr_assert_null(row->names[run.model->parameter_count], "%s: PyTorch has more", json);
    for (size_t i = 0; i < run.model->parameter_count; i++) {
        mote_parameter *parameter = run.model->parameters[i].parameter;
        cr_assert(row->names[i], "%s: PyTorch has no %s", json, run.model->parameters[i].name);
        mote_tensor tensor = mote_model_parameter(run.model, row->names[i]);
        cr_assert(tensor.data, "%s: there is no %s", json, row->names[i]);
        memcpy(tensor.data, row->start[i], mote_shape_count(tensor.shape) * sizeof(float));
        for (size_t s = 0; s < states && !parameter->buffer; s++) {
            parameter->states[s] = numbers_create(parameter->count);
        }
    }
    return run;
}

static void end_training(training *run) {
    for (size_t i = 0; i < run->model->parameter_count; i++) {
        mote_parameter *parameter = run->model->parameters[i].parameter;
        for (size_t s = 0; s < MOTE_MAX_STATES; s++) {
            free(parameter->states[s]);
        }
    }
    network_destroy(run->model);
    free(run->optimizer);
}

static double train_step(training *run, const network_values *row, delivery how, mote_pool *pool,
                         size_t number) {
    size_t begin = number % NETWORK_BATCHES * row->batch;
    const float *x = row->x + begin * mote_shape_count(row->shape);
    mote_targets targets = {.labels = row->labels + begin};
    mote_random random = mote_random_create(1, MOTE_RANDOM_LAYERS, 0);
    mote_pass pass = {.pool = pool, .batch = row->batch, .training = true, .random = &random};
    run->step = mote_step_create(run->optimizer, run->optimizer->learning_rate, number + 1);
    if (how != AT_THE_END) {
        pass.ready = update_as_ready;
        pass.ready_context = run;
    }
    if (how == AT_THE_END) {
        network_fill_gradients(run->model, 0);
    }
    const float *z = mote_model_forward(run->model, &pass, x);
    double samples = (double)row->batch;
    double loss =
        mote_model_score(run->model, &pass, z, targets, 1.f / (float)samples).loss / samples;
    mote_model_backward(run->model, &pass);
    for (size_t i = 0; how == AT_THE_END && i < run->model->parameter_count; i++) {
        const mote_parameter *parameter = run->model->parameters[i].parameter;
        if (!parameter->buffer) {
            update_slice(run, parameter, 0, parameter->count, parameter->gradient);
        }
    }
    return loss;
}

static double mean_of_batches(const float *losses) {
    double sum = 0;
    for (size_t i = 0; i < NETWORK_BATCHES; i++) {
        sum += (double)losses[i];
    }
    return sum / NETWORK_BATCHES;
}

static void follow_network(const network_values *row, delivery how) {
    char what[2048], name[2304];
    training run = start_training(row);
    mote_pool *pool = mote_pool_create(2, NULL);
    float losses[NETWORK_STEPS];
    for (size_t step = 0; step < NETWORK_STEPS; step++) {
        losses[step] = (float)train_step(&run, row, how, pool, step);
    }
    snprintf(what, sizeof what, "%s, %s %s, %s", row->layers, row->optimizer, row->json,
             delivery_names[how]);
    cr_expect_lt(mean_of_batches(losses + NETWORK_STEPS - NETWORK_BATCHES), mean_of_batches(losses),
                 "%s: nothing was learnt", what);
    snprintf(name, sizeof name, "%s: loss", what);
    expect_close_to_largest(name, NETWORK_STEPS, losses, row->losses, PATH_TOLERANCE);
    for (size_t i = 0; i < run.model->parameter_count; i++) {
        mote_tensor tensor = mote_model_parameter(run.model, row->names[i]);
        snprintf(name, sizeof name, "%s: %s", what, row->names[i]);
        expect_close_to_largest(name, mote_shape_count(tensor.shape), tensor.data, row->after[i],
                                PATH_TOLERANCE);
    }
    end_training(&run);
    mote_pool_destroy(pool);
}

Test(pytorch, networks_take_the_same_path_however_gradients_reach_the_optimizer) {
    for (size_t i = 0; i < COUNT_OF(network_values_table); i++) {
        for (delivery how = 0; how < DELIVERIES; how++) {
            follow_network(&network_values_table[i], how);
        }
    }
}

Test(pytorch, networks_hold_every_layer) {
    for (const mote_layer_class *const *kind = mote_layer_classes(); *kind; kind++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "\"type\":\"%s\"", (*kind)->type);
        bool found = false;
        for (size_t k = 0; k < COUNT_OF(network_values_table) && !found; k++) {
            found = strstr(network_values_table[k].layers, wanted) != NULL;
        }
        cr_expect(found, "%s is in none; add one to NETWORKS of pytorch_values.py", wanted);
    }
}
