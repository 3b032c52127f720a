/* diagnosis.c: where a number first was not finite. */
#include "train/diagnosis.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "train/jump.h"
#include "train/snapshot.h"
#include "train/step.h"

enum {
    NAME_CAPACITY = 256,
    LISTED_SAMPLES = 10,
    LISTED_ORIGINS = 2,
    ORIGIN_CAPACITY = 4096,
    SHOWN_OF_ORIGIN = 60,
    LISTED_PARAMETERS = 4
};

/* Of the finite ones among some numbers. */
typedef struct range {
    double least, most; /* least > most: there are none */
} range;

/* What is being looked for, and what has been found. */
typedef struct search {
    mote_trainer *trainer;
    mote_step_samples samples;       /* of the step */
    const uint32_t *order;           /* the samples that are gone through, by number */
    bool validation;                 /* they are the validation part's */
    size_t begin, rows;              /* of the batch at work, in the order */
    range *ranges;                   /* [parameters of the model]: before the step */
    uint32_t *affected;              /* [samples of a batch] */
    bool found, nan;                 /* not only infinite */
    bool untouched;                  /* it is no matter of weights: the samples themselves */
    bool updated;                    /* it is a weight, though its gradient was finite */
    char what[NAME_CAPACITY];        /* "the output of layers[1] (dense)" */
    char layer[NAME_CAPACITY];       /* "layers[1] (dense)" */
    const mote_layer *culprit;       /* or NULL */
    const mote_real *x;              /* what it got, or NULL */
    mote_named_parameter *parameter; /* whose gradient or value it is, or NULL */
    size_t affected_count;
    range input;
    bool jumped; /* weights, in a step before */
    mote_jump jump;
} search;

/* ---- numbers ---- */

static range range_of(size_t count, const mote_real *numbers) {
    range r = {.least = (double)INFINITY, .most = -(double)INFINITY};
    for (size_t i = 0; i < count; i++) {
        double number = (double)numbers[i];
        if (isfinite(number)) {
            r.least = fmin(r.least, number);
            r.most = fmax(r.most, number);
        }
    }
    return r;
}

static bool has_nan(size_t count, const mote_real *numbers) {
    for (size_t i = 0; i < count; i++) {
        if (isnan(numbers[i])) {
            return true;
        }
    }
    return false;
}

static void list_row(search *s, size_t row) {
    s->affected[s->affected_count++] = s->order[s->begin + row];
}

/* ---- finding ---- */

static void name_layer(search *s, const mote_sequence *sequence, size_t index) {
    s->culprit = sequence->layers[index];
    snprintf(s->layer, sizeof s->layer, "%s[%zu] (%.40s)", sequence->name, index,
             s->culprit->kind->type);
}

/* The layer that has a parameter, in a list of layers or within one of them. */
static void name_owner(search *s, const mote_sequence *sequence, const mote_parameter *parameter) {
    for (size_t i = 0; i < sequence->count; i++) {
        const mote_layer *layer = sequence->layers[i];
        for (size_t k = 0; k < layer->parameter_count; k++) {
            if (layer->parameters[k] == parameter) {
                name_layer(s, sequence, i);
                s->x = sequence->stages[i].x;
            }
        }
        const mote_sequence *inner;
        for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
            name_owner(s, inner, parameter);
        }
    }
}

static void find_parameter(search *s, const char *what, const mote_parameter *parameter,
                           size_t count, const mote_real *numbers) {
    const mote_model *model = s->trainer->model;
    s->found = true;
    s->nan = has_nan(count, numbers);
    for (size_t i = 0; i < model->parameter_count; i++) {
        if (model->parameters[i].parameter == parameter) {
            s->parameter = &model->parameters[i];
        }
    }
    name_owner(s, model->layers, parameter);
    snprintf(s->what, sizeof s->what, "%s%.100s in %.120s", what, s->parameter->name, s->layer);
}

/* Numbers of a batch, row by row. */
static void find_rows(search *s, size_t width, const mote_real *numbers) {
    s->found = true;
    s->nan = has_nan(s->rows * width, numbers);
    for (size_t i = 0; i < s->rows; i++) {
        if (!mote_all_finite(width, numbers + i * width)) {
            list_row(s, i);
        }
    }
}

static void look(void *context, const mote_sequence *sequence, size_t index, bool backward,
                 const mote_real *x, const mote_real *given) {
    search *s = context;
    const mote_layer *layer = sequence->layers[index];
    size_t width = mote_shape_count(backward ? layer->input_shape : layer->output_shape);
    if (s->found || mote_all_finite(s->rows * width, given)) {
        return;
    }
    find_rows(s, width, given);
    name_layer(s, sequence, index);
    s->x = x;
    snprintf(s->what, sizeof s->what, "%s %.120s",
             backward ? "the gradient of the input of" : "the output of", s->layer);
}

static void look_at_gradient(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                             size_t count, const mote_real *gradient) {
    (void)begin;
    search *s = (search *)(uintptr_t)pass->ready_context;
    if (!s->found && !mote_all_finite(count, gradient)) {
        find_parameter(s, "the gradient of ", parameter, count, gradient);
    }
}

/* ---- the step, once more ---- */

static void look_at_samples(search *s) {
    const mote_trainer *trainer = s->trainer;
    const mote_samples *samples = mote_dataset_part(trainer->dataset, MOTE_TRAINING).samples;
    size_t width = mote_shape_count(trainer->model->input_shape), values = samples->value_width;
    if (!mote_all_finite(s->rows * width, trainer->batch.x)) {
        find_rows(s, width, trainer->batch.x);
        snprintf(s->what, sizeof s->what, "a sample");
    } else if (!samples->labels && !mote_all_finite(s->rows * values, trainer->batch.values)) {
        find_rows(s, values, trainer->batch.values);
        snprintf(s->what, sizeof s->what, "a target");
    }
    s->untouched = s->found;
}

/* The loss, row by row, and what it gives back. */
static void look_at_output(search *s, const mote_real *z, mote_score score) {
    const mote_output *output = s->trainer->model->output;
    size_t width = output->width;
    if (isfinite(score.loss) &&
        (s->validation || mote_all_finite(s->rows * width, s->trainer->model->dz))) {
        return;
    }
    snprintf(s->layer, sizeof s->layer, "the output (%.40s)", output->kind->type);
    if (isfinite(score.loss)) {
        find_rows(s, width, s->trainer->model->dz);
        snprintf(s->what, sizeof s->what, "the gradient that %.120s gives", s->layer);
    } else {
        snprintf(s->what, sizeof s->what, "the loss that %.120s gives", s->layer);
        for (size_t i = 0; i < s->rows; i++) {
            if (!isfinite(mote_trainer_row_loss(s->trainer, z, i))) {
                list_row(s, i);
            }
        }
    }
    s->found = true;
    s->nan = s->nan || isnan(score.loss);
    s->input = range_of(s->rows * width, z);
}

static void look_at_loss(search *s, const mote_pass *pass, const mote_real *z) {
    mote_trainer *trainer = s->trainer;
    const mote_real *class_weights =
        s->validation ? NULL : mote_dataset_class_weights(trainer->dataset);
    mote_real scale = s->validation ? 0 : (mote_real)(1 / s->samples.weight);
    mote_score score = mote_model_score_weighted(
        trainer->model, pass, z, mote_trainer_targets(trainer), class_weights, scale);
    look_at_output(s, z, score);
}

/* Values of weights, or those that layers keep of a batch. */
static void look_at_values(search *s, bool buffers) {
    const mote_model *model = s->trainer->model;
    for (size_t i = 0; i < model->parameter_count && !s->found; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        if (parameter->buffer == buffers && !mote_all_finite(parameter->count, parameter->value)) {
            find_parameter(s, "", parameter, parameter->count, parameter->value);
        }
    }
}

/* Forward, and in training backward, of the batch that has been gathered. */
static void look_at_batch(search *s) {
    mote_trainer *trainer = s->trainer;
    mote_pass pass = {.batch = s->rows,
                      .training = !s->validation,
                      .random = s->validation ? NULL : &trainer->position.layers_random,
                      .ready = look_at_gradient,
                      .ready_context = s};
    look_at_samples(s);
    if (s->found) {
        return;
    }
    const mote_real *z = mote_model_forward(trainer->model, &pass, trainer->batch.x);
    if (!s->found) {
        look_at_loss(s, &pass, z);
    }
    if (!s->found && !s->validation) {
        mote_model_backward(trainer->model, &pass);
        look_at_values(s, true);
    }
    if (s->x) {
        s->input = range_of(s->rows * mote_shape_count(s->culprit->input_shape), s->x);
    }
}

static void gather_batch(search *s) {
    mote_trainer *trainer = s->trainer;
    const mote_batch *batch = &trainer->batch;
    if (!s->validation) {
        s->rows = mote_trainer_gather(trainer, s->begin - s->samples.begin);
        return;
    }
    size_t left = s->samples.count - s->begin;
    s->rows = left < trainer->batch_rows ? left : trainer->batch_rows;
    mote_gather(mote_dataset_part(trainer->dataset, MOTE_VALIDATION).samples,
                &trainer->model->preprocessing, trainer->pool, s->order + s->begin, s->rows,
                batch->x, batch->labels, batch->values);
}

/* All was well up to the gradients of parameters: it is the update, then. */
static void look_at_update(search *s) {
    mote_trainer *trainer = s->trainer;
    mote_position before = trainer->position;
    mote_trainer_step(trainer, NULL);
    trainer->position = before;
    s->begin = s->samples.begin + s->samples.count - s->rows;
    look_at_values(s, false);
    s->updated = s->found;
    s->x = NULL;
}

/* With a plan that fuses nothing, so that each layer's numbers can be seen. */
static void look_at_step(search *s) {
    mote_trainer *trainer = s->trainer;
    mote_model *model = trainer->model;
    mote_watch watch = {.look = look, .context = s};
    mote_sequence_set_watch(model->layers, &watch);
    mote_error error = {0};
    if (mote_model_plan(model, trainer->batch_rows, true, &error) == MOTE_OK) {
        mote_random before = trainer->position.layers_random;
        size_t end = s->samples.begin + s->samples.count;
        for (s->begin = s->samples.begin; s->begin < end && !s->found;) {
            gather_batch(s);
            look_at_batch(s);
            s->begin += s->found ? 0 : s->rows;
        }
        trainer->position.layers_random = before;
    }
    mote_sequence_set_watch(model->layers, NULL);
    if (mote_model_plan(model, trainer->batch_rows, true, &error) == MOTE_OK && !s->found &&
        !s->validation) {
        look_at_update(s);
    }
}

/* ---- which step ---- */

/* Goes on from the last snapshot until something is not finite, and leaves weights and buffers as
 * they were before that step. False where the steps now pass. */
static bool go_back(mote_trainer *trainer) {
    uint64_t last = trainer->position.step;
    mote_snapshot_restore(trainer);
    mote_status status = MOTE_OK;
    bool good = true;
    while (status == MOTE_OK && good && trainer->position.step <= last &&
           trainer->position.epoch_step < trainer->epoch_steps) {
        status = mote_trainer_step(trainer, NULL);
        good = status != MOTE_OK || mote_weights_finite(trainer, true);
    }
    if (good && status == MOTE_OK) {
        return false;
    }
    /* A step that stopped before it changed weights may have changed buffers, and does not
     * count. */
    uint64_t culprit = trainer->position.step - (status == MOTE_OK);
    mote_snapshot_restore(trainer);
    while (trainer->position.step < culprit) {
        mote_trainer_step(trainer, NULL);
    }
    return true;
}

/* ---- the report ---- */

typedef struct text {
    char *at;
    size_t used, capacity;
} text;

static void append(text *t, const char *format, ...) MOTE_PRINTF_LIKE(2, 3);

static void append(text *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(t->at + t->used, t->capacity - t->used, format, arguments);
    va_end(arguments);
    size_t left = t->capacity - t->used - 1;
    t->used += (size_t)length < left ? (size_t)length : left;
}

static void append_range(text *t, const char *name, range r) {
    if (r.least <= r.most) {
        append(t, "\n  %s: %.4g ... %.4g", name, r.least, r.most);
    } else {
        append(t, "\n  %s: nothing finite", name);
    }
}

/* The ranges before: of the input, and of the layer's parameters. */
static void append_ranges(text *t, const search *s) {
    const mote_model *model = s->trainer->model;
    if (!s->untouched && s->input.least <= s->input.most) {
        append_range(t, s->culprit ? "its input" : "its logits", s->input);
    }
    size_t listed = 0;
    for (size_t i = 0; s->culprit && i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        for (size_t k = 0; k < s->culprit->parameter_count && listed < LISTED_PARAMETERS; k++) {
            if (s->culprit->parameters[k] == parameter) {
                char name[MOTE_PARAMETER_NAME_CAPACITY + 24];
                snprintf(name, sizeof name, "%s before", model->parameters[i].name);
                append_range(t, name, s->ranges[i]);
                listed++;
            }
        }
    }
}

static void append_numbers(text *t, size_t count, const uint32_t *numbers) {
    for (size_t i = 0; i < count && i < LISTED_SAMPLES; i++) {
        append(t, "%s%u", i ? ", " : "", numbers[i]);
    }
    if (count > LISTED_SAMPLES) {
        append(t, " ...");
    }
}

/* "\n  123 is iris.csv:125", where that is known; of a long path its end. */
static void append_origin(text *t, const search *s, uint32_t sample) {
    char origin[ORIGIN_CAPACITY];
    if (mote_dataset_origin(s->trainer->dataset, sample, origin, sizeof origin)) {
        size_t length = strlen(origin);
        bool cut = length > SHOWN_OF_ORIGIN;
        append(t, "\n  %u is %s%s", sample, cut ? "..." : "",
               origin + (cut ? length - SHOWN_OF_ORIGIN : 0));
    }
}

static void append_samples(text *t, const search *s) {
    append(t, "\n  samples of the batch, counted from 0: ");
    append_numbers(t, s->rows, s->order + s->begin);
    append(t, " (%zu)", s->rows);
    if (s->affected_count == s->rows) {
        append(t, "\n  it shows in all of them");
    } else if (s->affected_count > 0) {
        append(t, "\n  it shows in %zu of them: ", s->affected_count);
        append_numbers(t, s->affected_count, s->affected);
        for (size_t i = 0; i < s->affected_count && i < LISTED_ORIGINS; i++) {
            append_origin(t, s, s->affected[i]);
        }
    }
}

/* The step before that may be what is to blame, and its samples. */
static void append_jump(text *t, const search *s) {
    const mote_jump *jump = &s->jump;
    append(t,
           "\n  weights had become large in step %llu: from %.4g to %.4g, in %s\n  samples of that "
           "step: ",
           (unsigned long long)jump->step, jump->before, jump->after, jump->parameter);
    append_numbers(t, jump->sample_count, jump->samples);
    append(t, " (%zu)\n  of these, %u had the largest loss, %.4g; half had less than %.4g",
           jump->sample_count, jump->worst_sample, jump->worst_loss, jump->median_loss);
    append_origin(t, s, jump->worst_sample);
}

static const char *advice(const search *s) {
    if (s->untouched) {
        return "it is in the data: correct the sample, or leave it out";
    }
    if (s->trainer->position.step == 0 && !s->updated) {
        return "no weight had changed yet: look at the values of the data, their normalization, "
               "and the layers in front; then try a lower learning rate or a warm-up";
    }
    return s->trainer->options.clip_gradient_norm > 0
               ? "try a lower learning rate, a longer warm-up, a smaller clip_gradient_norm, or "
                 "another normalization of the data"
               : "try a lower learning rate, a warm-up, clip_gradient_norm, or another "
                 "normalization of the data";
}

static void write_report(const search *s, mote_error *error) {
    const mote_position *p = &s->trainer->position;
    text t = {.at = error->message, .capacity = sizeof error->message};
    append(&t, "%s %s %s ", s->what, s->untouched ? "holds" : "became",
           s->nan         ? "NaN"
           : s->untouched ? "infinity"
                          : "infinite");
    if (s->validation) {
        append(&t, "in the validation after epoch %llu", (unsigned long long)p->epoch + 1);
    } else {
        append(&t, "in epoch %llu, step %llu", (unsigned long long)p->epoch + 1,
               (unsigned long long)p->step + 1);
    }
    append(&t, ", at a learning rate of %g", s->trainer->learning_rate);
    append_ranges(&t, s);
    append_samples(&t, s);
    if (s->jumped) {
        append_jump(&t, s);
    }
    append(&t, "\n%s", advice(s));
}

static void tell(const search *s, const char *report) {
    const mote_trainer *trainer = s->trainer;
    const mote_position *p = &trainer->position;
    const mote_divergence divergence = {
        .report = report,
        .what = s->what,
        .layer = s->layer,
        .parameter = s->parameter ? s->parameter->name : NULL,
        .samples = s->order + s->begin,
        .sample_count = s->rows,
        .validation = s->validation,
        .affected = s->affected,
        .affected_count = s->affected_count,
        .jump = s->jumped ? &s->jump : NULL,
    };
    const mote_event event = {.kind = MOTE_EVENT_DIVERGED,
                              .trainer = s->trainer,
                              .epoch = (size_t)p->epoch + 1,
                              .step = p->step,
                              .total_steps = trainer->total_steps,
                              .epoch_step = (size_t)p->epoch_step + 1,
                              .epoch_steps = trainer->epoch_steps,
                              .learning_rate = trainer->learning_rate,
                              .seconds = p->seconds,
                              .divergence = &divergence};
    if (trainer->listener) {
        trainer->listener(trainer->listener_context, &event);
    }
}

static void diagnose(search *s, mote_error *error) {
    const mote_model *model = s->trainer->model;
    s->ranges = calloc(model->parameter_count + 1, sizeof *s->ranges);
    s->affected = calloc(s->trainer->batch_rows, sizeof *s->affected);
    s->input = (range){.least = 1};
    if (s->ranges && s->affected) {
        for (size_t i = 0; i < model->parameter_count; i++) {
            const mote_parameter *parameter = model->parameters[i].parameter;
            s->ranges[i] = range_of(parameter->count, parameter->value);
        }
        look_at_step(s);
    }
    if (s->found) {
        mote_error unused = {.status = MOTE_DIVERGED};
        error = error ? error : &unused;
        write_report(s, error);
        tell(s, error->message);
    }
    free(s->ranges);
    free(s->affected);
}

void mote_diagnose_step(mote_trainer *trainer, mote_error *error) {
    if (mote_weights_finite(trainer, true) || go_back(trainer)) {
        search s = {.trainer = trainer,
                    .samples = mote_trainer_next_samples(trainer),
                    .order = trainer->order};
        s.jumped = mote_jump_find(trainer, &s.jump);
        diagnose(&s, error);
    }
}

void mote_diagnose_validation(mote_trainer *trainer, mote_error *error) {
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_VALIDATION);
    search s = {
        .trainer = trainer, .validation = true, .samples.count = part.count, .order = part.indexes};
    diagnose(&s, error);
}
