/* diagnosis_report.c: the report on a non-finite number, in words. */
#include "train/diagnosis_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "data/dataset.h"
#include "train/notices.h"

static const double STANDS_OUT = 1000; /* times the median loss */

enum {
    LISTED_SAMPLES = 10,
    LISTED_ORIGINS = 2,
    SHOWN_OF_ORIGIN = 60,
    LISTED_PARAMETERS = 4
};

/* ---- the text ---- */

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

static void append_range(text *t, const char *name, mote_finite_range r) {
    if (r.least <= r.most) {
        append(t, "\n  %s: %.4g ... %.4g", name, r.least, r.most);
    } else {
        append(t, "\n  %s: nothing finite", name);
    }
}

/* The ranges of the input and of the layer's parameters before the step. */
static void append_ranges(text *t, const mote_finding *f, const mote_trainer *trainer) {
    const mote_model *model = trainer->model;
    if (!f->untouched && f->input.least <= f->input.most) {
        append_range(t, f->culprit ? "its input" : "its logits", f->input);
    }
    size_t listed = 0;
    for (size_t i = 0; f->culprit && i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        for (size_t k = 0; k < f->culprit->parameter_count && listed < LISTED_PARAMETERS; k++) {
            if (f->culprit->parameters[k] == parameter) {
                char name[MOTE_PARAMETER_NAME_CAPACITY + 24];
                snprintf(name, sizeof name, "%s before", model->parameters[i].name);
                append_range(t, name, f->before[i]);
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

/* "\n 123 is iris.csv:125", if that is known; of a long path only the end. */
static void append_origin(text *t, const mote_trainer *trainer, uint32_t sample) {
    char origin[MOTE_ORIGIN_CAPACITY];
    if (mote_dataset_origin(trainer->dataset, sample, origin, sizeof origin)) {
        size_t length = strlen(origin), begin = 0;
        bool cut = length > SHOWN_OF_ORIGIN;
        if (cut) { /* not inside a UTF-8 character */
            begin = length - SHOWN_OF_ORIGIN;
            while (((unsigned char)origin[begin] & 0xC0) == 0x80) {
                begin++;
            }
        }
        append(t, "\n  %u is %s%s", sample, cut ? "..." : "", origin + begin);
    }
}

static void append_samples(text *t, const mote_finding *f, const mote_trainer *trainer) {
    append(t, "\n  samples of the batch, counted from 0: ");
    append_numbers(t, f->sample_count, f->samples);
    append(t, " (%zu)", f->sample_count);
    if (f->affected_count == f->sample_count) {
        append(t, "\n  it shows in all of them");
    } else if (f->affected_count > 0) {
        append(t, "\n  it shows in %zu of them: ", f->affected_count);
        append_numbers(t, f->affected_count, f->affected);
        for (size_t i = 0; i < f->affected_count && i < LISTED_ORIGINS; i++) {
            append_origin(t, trainer, f->affected[i]);
        }
    }
}

/* The earlier step that may be to blame, and its samples. */
static void append_jump(text *t, const mote_jump *jump, const mote_trainer *trainer) {
    append(t,
           "\n  weights had become large in step %llu: from %.4g to %.4g, in %s\n  samples of that "
           "step: ",
           (unsigned long long)jump->step, jump->before, jump->after, jump->parameter);
    append_numbers(t, jump->sample_count, jump->samples);
    append(t, " (%zu)", jump->sample_count);
    if (jump->sample_count > 1) {
        append(t, "\n  of these, %u had the largest loss, %.4g; half had less than %.4g",
               jump->worst_sample, jump->worst_loss, jump->median_loss);
    } else {
        append(t, "\n  its loss was %.4g", jump->worst_loss);
    }
    append_origin(t, trainer, jump->worst_sample);
}

static const char *advice(const mote_finding *f, const mote_trainer *trainer) {
    if (f->untouched) {
        return "it is in the data: correct the sample, or leave it out";
    }
    if (trainer->position.step == 0 && !f->updated) {
        return "no weight had changed yet: look at the values of the data, their normalization, "
               "and the initial weights up to there; then try a lower learning rate or a warm-up";
    }
    return trainer->options.clip_gradient_norm > 0
               ? "try a lower learning rate, a longer warm-up, a smaller clip_gradient_norm, or "
                 "another normalization of the data"
               : "try a lower learning rate, a warm-up, clip_gradient_norm, or another "
                 "normalization of the data";
}

/* Points out data that may be to blame. */
static void append_suspects(text *t, const mote_finding *f, const mote_trainer *trainer) {
    const mote_jump *jump = &f->jump;
    double largest;
    if (f->untouched) {
        return;
    }
    if (mote_targets_are_large(trainer, &largest)) {
        append(t,
               "\ntargets are up to %.4g and not rescaled: give them in larger units, so that most "
               "are around 1",
               largest);
    } else if (f->jumped && jump->sample_count > 1 &&
               jump->worst_loss > STANDS_OUT * jump->median_loss) {
        append(t, "\nlook at sample %u first: its loss stands out", jump->worst_sample);
    }
}

static void write_report(const mote_finding *f, const mote_trainer *trainer, mote_error *error) {
    const mote_position *p = &trainer->position;
    text t = {.at = error->message, .capacity = sizeof error->message};
    append(&t, "%s %s %s ", f->what, f->untouched ? "holds" : "became",
           f->nan         ? "NaN"
           : f->untouched ? "infinity"
                          : "infinite");
    if (f->validation) {
        append(&t, "in the validation after epoch %llu", (unsigned long long)p->epoch + 1);
    } else {
        append(&t, "in epoch %llu, step %llu", (unsigned long long)p->epoch + 1,
               (unsigned long long)p->step + 1);
    }
    append(&t, ", at a learning rate of %g", trainer->learning_rate);
    append_ranges(&t, f, trainer);
    append_samples(&t, f, trainer);
    if (f->jumped) {
        append_jump(&t, &f->jump, trainer);
    }
    append_suspects(&t, f, trainer);
    append(&t, "\n%s", advice(f, trainer));
}

/* ---- telling ---- */

static void tell(const mote_finding *f, mote_trainer *trainer, const char *report) {
    const mote_divergence divergence = {
        .report = report,
        .what = f->what,
        .layer = f->layer,
        .parameter = f->parameter ? f->parameter->name : NULL,
        .samples = f->samples,
        .sample_count = f->sample_count,
        .validation = f->validation,
        .updated = f->updated,
        .affected = f->affected,
        .affected_count = f->affected_count,
        .jump = f->jumped ? &f->jump : NULL,
    };
    mote_event event = mote_trainer_event(trainer, MOTE_EVENT_DIVERGED);
    event.divergence = &divergence;
    if (trainer->listener) {
        trainer->listener(trainer->listener_context, &event);
    }
}

void mote_finding_report(const mote_finding *finding, mote_trainer *trainer, mote_error *error) {
    mote_error unused = {.status = MOTE_DIVERGED};
    error = error ? error : &unused;
    write_report(finding, trainer, error);
    tell(finding, trainer, error->message);
}
