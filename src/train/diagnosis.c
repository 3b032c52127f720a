/* diagnosis.c: locating the first non-finite number. */
#include "train/diagnosis.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/dataset.h"
#include "train/diagnosis_report.h"
#include "train/jump.h"
#include "train/snapshot.h"
#include "train/step.h"

/* What is being searched, and what has been found. */
typedef struct search {
    mote_trainer *trainer;
    mote_step_samples samples; /* of the step */
    const uint32_t *order;     /* the samples being searched, by number */
    size_t begin, rows;        /* of the current batch, in the order */
    bool found;
    const mote_real *x; /* the culprit's input, or NULL */
    mote_finding finding;
} search;

/* ---- numbers ---- */

static mote_finite_range range_of(size_t count, const mote_real *numbers) {
    mote_finite_range r = {.least = (double)INFINITY, .most = -(double)INFINITY};
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
    s->finding.affected[s->finding.affected_count++] = s->order[s->begin + row];
}

/* ---- finding ---- */

static void name_layer(search *s, const mote_sequence *sequence, size_t index) {
    s->finding.culprit = sequence->layers[index];
    snprintf(s->finding.layer, sizeof s->finding.layer, "%s[%zu] (%.40s)", sequence->name, index,
             s->finding.culprit->kind->type);
}

/* Names the layer that owns a parameter, in a sequence or in those inside its layers. */
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
    s->finding.nan = has_nan(count, numbers);
    for (size_t i = 0; i < model->parameter_count; i++) {
        if (model->parameters[i].parameter == parameter) {
            s->finding.parameter = &model->parameters[i];
        }
    }
    name_owner(s, model->layers, parameter);
    snprintf(s->finding.what, sizeof s->finding.what, "%s%.100s in %.120s", what,
             s->finding.parameter->name, s->finding.layer);
}

/* Lists the rows of a batch whose numbers are not all finite. */
static void find_rows(search *s, size_t width, const mote_real *numbers) {
    s->found = true;
    s->finding.nan = has_nan(s->rows * width, numbers);
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
    snprintf(s->finding.what, sizeof s->finding.what, "%s %.120s",
             backward ? "the gradient of the input of" : "the output of", s->finding.layer);
}

static void look_at_gradient(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                             size_t count, const mote_real *gradient) {
    (void)begin;
    search *s = (search *)(uintptr_t)pass->ready_context;
    if (!s->found && !mote_all_finite(count, gradient)) {
        find_parameter(s, "the gradient of ", parameter, count, gradient);
    }
}

/* ---- the step again ---- */

static void look_at_samples(search *s) {
    const mote_trainer *trainer = s->trainer;
    const mote_samples *samples = mote_dataset_part(trainer->dataset, MOTE_TRAINING).samples;
    size_t width = mote_shape_count(trainer->model->input_shape), values = samples->value_width;
    if (!mote_all_finite(s->rows * width, trainer->batch.x)) {
        find_rows(s, width, trainer->batch.x);
        snprintf(s->finding.what, sizeof s->finding.what, "a sample");
    } else if (!samples->labels && !mote_all_finite(s->rows * values, trainer->batch.values)) {
        find_rows(s, values, trainer->batch.values);
        snprintf(s->finding.what, sizeof s->finding.what, "a target");
    }
    s->finding.untouched = s->found;
}

/* Checks the loss, row by row, and the gradient that it gives. */
static void look_at_output(search *s, const mote_real *z, mote_score score) {
    const mote_output *output = s->trainer->model->output;
    size_t width = output->width;
    if (isfinite(score.loss) &&
        (s->finding.validation || mote_all_finite(s->rows * width, s->trainer->model->dz))) {
        return;
    }
    snprintf(s->finding.layer, sizeof s->finding.layer, "the output (%.40s)", output->kind->type);
    if (isfinite(score.loss)) {
        find_rows(s, width, s->trainer->model->dz);
        snprintf(s->finding.what, sizeof s->finding.what, "the gradient that %.120s gives",
                 s->finding.layer);
    } else {
        snprintf(s->finding.what, sizeof s->finding.what, "the loss that %.120s gives",
                 s->finding.layer);
        for (size_t i = 0; i < s->rows; i++) {
            if (!isfinite(mote_trainer_row_loss(s->trainer, z, i))) {
                list_row(s, i);
            }
        }
    }
    s->found = true;
    s->finding.nan = s->finding.nan || isnan(score.loss);
    s->finding.input = range_of(s->rows * width, z);
}

static void look_at_loss(search *s, const mote_pass *pass, const mote_real *z) {
    mote_trainer *trainer = s->trainer;
    const mote_real *class_weights =
        s->finding.validation ? NULL : mote_dataset_class_weights(trainer->dataset);
    mote_real scale = s->finding.validation ? 0 : (mote_real)(1 / s->samples.weight);
    mote_score score = mote_model_score_weighted(
        trainer->model, pass, z, mote_trainer_targets(trainer), class_weights, scale);
    look_at_output(s, z, score);
}

/* Checks the values of weights, or of buffers, which layers keep from a batch. */
static void look_at_values(search *s, bool buffers) {
    const mote_model *model = s->trainer->model;
    for (size_t i = 0; i < model->parameter_count && !s->found; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        if (parameter->buffer == buffers && !mote_all_finite(parameter->count, parameter->value)) {
            find_parameter(s, "", parameter, parameter->count, parameter->value);
        }
    }
}

/* Checks the optimizer's states, such as the mean of squares: those overflow before any weight
 * does. */
static void look_at_states(search *s) {
    const mote_model *model = s->trainer->model;
    const mote_optimizer_class *optimizer = s->trainer->options.optimizer->kind;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        for (size_t k = 0; k < MOTE_MAX_STATES && parameter->states[k] && !s->found; k++) {
            if (!mote_all_finite(parameter->count, parameter->states[k])) {
                char what[64];
                snprintf(what, sizeof what, "the %.40s of ", optimizer->state_names[k]);
                find_parameter(s, what, parameter, parameter->count, parameter->states[k]);
            }
        }
    }
}

/* Runs the gathered batch forward and, in training, backward. */
static void look_at_batch(search *s) {
    mote_trainer *trainer = s->trainer;
    mote_pass pass = {.batch = s->rows,
                      .training = !s->finding.validation,
                      .random = s->finding.validation ? NULL : &trainer->position.layers_random,
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
    if (!s->found && !s->finding.validation) {
        mote_model_backward(trainer->model, &pass);
        look_at_values(s, true);
    }
    if (s->x) {
        s->finding.input =
            range_of(s->rows * mote_shape_count(s->finding.culprit->input_shape), s->x);
    }
}

static void gather_batch(search *s) {
    mote_trainer *trainer = s->trainer;
    const mote_batch *batch = &trainer->batch;
    if (!s->finding.validation) {
        s->rows = mote_trainer_gather(trainer, s->begin - s->samples.begin);
        return;
    }
    size_t left = s->samples.count - s->begin;
    s->rows = left < trainer->batch_rows ? left : trainer->batch_rows;
    mote_gather(mote_dataset_part(trainer->dataset, MOTE_VALIDATION).samples,
                &trainer->model->preprocessing, trainer->pool, s->order + s->begin, s->rows,
                batch->x, batch->labels, batch->values);
}

/* Everything up to the gradients of parameters was finite, so it must be the update. */
static void look_at_update(search *s) {
    mote_trainer *trainer = s->trainer;
    mote_position before = trainer->position;
    mote_trainer_step(trainer, NULL);
    trainer->position = before;
    s->begin = s->samples.begin + s->samples.count - s->rows;
    look_at_values(s, false);
    look_at_states(s);
    s->finding.updated = s->found;
    s->x = NULL;
}

/* Uses a plan that fuses nothing, so that each layer's numbers can be seen. */
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
        !s->finding.validation) {
        look_at_update(s);
    }
}

/* ---- which step ---- */

/* Replays from the last snapshot until something is not finite, and leaves weights and buffers as
 * they were before that step. False if all steps now pass. */
static bool go_back(mote_trainer *trainer) {
    uint64_t last = trainer->position.step;
    mote_snapshot_restore(trainer);
    mote_status status = MOTE_OK;
    bool good = true;
    while (status == MOTE_OK && good && trainer->position.step <= last &&
           trainer->position.epoch_step < trainer->epoch_steps) {
        status = mote_trainer_step(trainer, NULL);
        good = status != MOTE_OK || mote_weights_finite(trainer);
    }
    if (good && status == MOTE_OK) {
        return false;
    }
    /* A step that failed before it changed weights is not counted, but may have changed buffers. */
    uint64_t culprit = trainer->position.step - (status == MOTE_OK);
    mote_snapshot_replay(trainer, culprit);
    return true;
}

/* ---- the diagnosis ---- */

static void diagnose(search *s, mote_error *error) {
    const mote_model *model = s->trainer->model;
    s->finding.before = calloc(model->parameter_count + 1, sizeof *s->finding.before);
    s->finding.affected = calloc(s->trainer->batch_rows, sizeof *s->finding.affected);
    s->finding.input = (mote_finite_range){.least = 1};
    if (s->finding.before && s->finding.affected) {
        for (size_t i = 0; i < model->parameter_count; i++) {
            const mote_parameter *parameter = model->parameters[i].parameter;
            s->finding.before[i] = range_of(parameter->count, parameter->value);
        }
        look_at_step(s);
    }
    if (s->found) {
        s->finding.jumped = s->finding.jumped && !s->finding.untouched; /* not the weights' doing */
        s->finding.samples = s->order + s->begin;
        s->finding.sample_count = s->rows;
        mote_finding_report(&s->finding, s->trainer, error);
    }
    free(s->finding.before);
    free(s->finding.affected);
}

void mote_diagnose_step(mote_trainer *trainer, mote_error *error) {
    if (mote_weights_finite(trainer) || go_back(trainer)) {
        search s = {.trainer = trainer, .order = trainer->order};
        s.finding.jumped = mote_jump_find(trainer, &s.finding.jump);
        s.samples = mote_trainer_next_samples(trainer);
        trainer->learning_rate = mote_trainer_next_rate(trainer); /* not of a replayed step */
        diagnose(&s, error);
    }
}

void mote_diagnose_validation(mote_trainer *trainer, mote_error *error) {
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_VALIDATION);
    search s = {.trainer = trainer,
                .finding.validation = true,
                .samples.count = part.count,
                .order = part.indexes};
    diagnose(&s, error);
}
