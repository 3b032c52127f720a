/* options.c: a config's "train" object. */
#include "train/options.h"

#include <stdlib.h>

#include "config/fields.h"

static const mote_field fields[] = {
    {.name = "epochs",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_train_options, epochs),
     .range = MOTE_BETWEEN(1, 1e9),
     .preset = "10",
     .help = "how many times to go through the training samples"},
    {.name = "batch_size",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_train_options, batch_size),
     .range = MOTE_BETWEEN(1, 1 << 24),
     .preset = "64",
     .help = "samples per batch; the loss is the mean over the samples of a step"},
    {.name = "accumulate",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_train_options, accumulate),
     .range = MOTE_BETWEEN(1, 1 << 20),
     .preset = "1",
     .help =
         "how many batches to accumulate gradients over for one step: the effect of a batch this "
         "many times as large, in the memory of one, except that batch_norm sees them one by one"},
    {.name = "max_steps",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_train_options, max_steps),
     .range = MOTE_AT_LEAST(0),
     .preset = "0",
     .help = "stop after this many steps, where the schedule ends too; 0: no limit"},
    {.name = "max_minutes",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(mote_train_options, max_minutes),
     .range = MOTE_AT_LEAST(0),
     .preset = "0",
     .help = "stop after this many minutes, with a final validation; 0: no limit"},
    {.name = "target_accuracy",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(mote_train_options, target_accuracy),
     .range = MOTE_BETWEEN(0, 1),
     .preset = "0",
     .help = "stop after the epoch in which the validation accuracy reaches this, such as 0.98; 0: "
             "never"},
    {.name = "clip_gradient_norm",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(mote_train_options, clip_gradient_norm),
     .range = MOTE_AT_LEAST(0),
     .preset = "0",
     .help = "scale the gradient of a step down when its norm, over all parameters, exceeds this; "
             "0: never"},
    {.name = "weight_average",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(mote_train_options, weight_average),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0",
     .help = "validate and save an exponential moving average of the weights, and of batch_norm's "
             "running mean and variance, with this decay, such as 0.999, but at most n / (n + 9) "
             "in step n; 0: the weights themselves"},
    {.name = "shuffle",
     .kind = MOTE_FIELD_BOOLEAN,
     .offset = offsetof(mote_train_options, shuffle),
     .preset = "true",
     .help = "shuffle the training samples anew in each epoch, instead of keeping the order of the "
             "data"},
    {.name = "drop_last",
     .kind = MOTE_FIELD_BOOLEAN,
     .offset = offsetof(mote_train_options, drop_last),
     .preset = "false",
     .help = "leave out the last step of an epoch if it has fewer samples than the others"},
    {.name = "threads",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_train_options, threads),
     .range = MOTE_BETWEEN(0, 256),
     .preset = "0",
     .help = "how many threads to use; 0: one per core, but no more than there is work for"},
    {.name = "optimizer",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(mote_train_options, optimizer_json),
     .optional = true,
     .help = "how gradients update the weights; by default sgd"},
    {.name = "schedule",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(mote_train_options, schedule_json),
     .optional = true,
     .help = "how the learning rate changes; by default constant"},
    {.name = "checkpoint",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(mote_train_options, checkpoint_json),
     .optional = true,
     .help = "when to save everything needed to resume; by default after each epoch"},
    {.name = "early_stopping",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(mote_train_options, early_stopping_json),
     .optional = true,
     .help = "when to stop because validation no longer improves; by default never"},
    {.name = "metrics",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(mote_train_options, metrics_json),
     .optional = true,
     .help = "what to write to metrics.jsonl; by default a line per epoch, without norms"},
    MOTE_FIELDS_END,
};

static const char *const stopping_metrics[] = {
    [MOTE_STOP_BY_LOSS] = "loss", [MOTE_STOP_BY_ACCURACY] = "accuracy", NULL};

static const mote_field stopping_fields[] = {
    {.name = "patience",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_early_stopping, patience),
     .range = MOTE_AT_LEAST(0),
     .help = "stop after this many epochs in a row without an improvement on the best; 0: never"},
    {.name = "metric",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(mote_early_stopping, metric),
     .choices = stopping_metrics,
     .preset = "\"loss\"",
     .help = "which validation metric has to improve"},
    {.name = "min_delta",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(mote_early_stopping, min_delta),
     .range = MOTE_AT_LEAST(0),
     .preset = "0",
     .help = "the metric has to improve by more than this to count"},
    MOTE_FIELDS_END,
};

static const mote_field checkpoint_fields[] = {
    {.name = "every_steps",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_checkpoint_options, every_steps),
     .range = MOTE_AT_LEAST(0),
     .preset = "0",
     .help = "save each time this many steps are done; 0: never for this reason"},
    {.name = "every_epochs",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_checkpoint_options, every_epochs),
     .range = MOTE_AT_LEAST(0),
     .preset = "1",
     .help = "save each time this many epochs are done; 0: never for this reason"},
    {.name = "every_minutes",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(mote_checkpoint_options, every_minutes),
     .range = MOTE_AT_LEAST(0),
     .preset = "0",
     .help = "save when the last save was this many minutes ago; 0: never for this reason"},
    {.name = "keep",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_checkpoint_options, keep),
     .range = MOTE_BETWEEN(0, 1e6),
     .preset = "0",
     .help = "how many older checkpoints to keep beside checkpoint.safetensors, as "
             "checkpoint-<step>.safetensors"},
    MOTE_FIELDS_END,
};

static const mote_field metrics_fields[] = {
    {.name = "every_steps",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_metrics_options, every_steps),
     .range = MOTE_AT_LEAST(0),
     .preset = "0",
     .help = "write a line each time this many steps are done, with means over those steps, "
             "besides the line per epoch; 0: none"},
    {.name = "norms",
     .kind = MOTE_FIELD_BOOLEAN,
     .offset = offsetof(mote_metrics_options, norms),
     .preset = "false",
     .help = "add to each line the Euclidean norms of each trained parameter after that step and "
             "of its gradient in it, before clipping"},
    MOTE_FIELDS_END,
};

const mote_field *mote_train_options_fields(void) {
    return fields;
}

const mote_field *mote_checkpoint_options_fields(void) {
    return checkpoint_fields;
}

const mote_field *mote_early_stopping_fields(void) {
    return stopping_fields;
}

const mote_field *mote_metrics_options_fields(void) {
    return metrics_fields;
}

/* Allocates a struct of `size` bytes for the table and reads it. */
static void *read_record(size_t size, const mote_field *record_fields, mote_json object,
                         mote_error *error) {
    void *record = calloc(1, size);
    if (!record) {
        mote_fail(error, MOTE_MEMORY, "out of memory for the settings of training");
        return NULL;
    }
    mote_binding binding = {.fields = record_fields, .target = record};
    if (mote_fields_read(object, "type", &binding, 1, error) != MOTE_OK) {
        mote_fields_free(record_fields, record);
        free(record);
        return NULL;
    }
    return record;
}

static const char *optimizer_name_at(size_t index) {
    const mote_optimizer_class *kind = mote_optimizer_classes()[index];
    return kind ? kind->type : NULL;
}

static const char *schedule_name_at(size_t index) {
    const mote_schedule_class *kind = mote_schedule_classes()[index];
    return kind ? kind->type : NULL;
}

static mote_status read_optimizer(mote_train_options *options, mote_error *error) {
    mote_json object = options->optimizer_json;
    const char *type = object.node ? mote_json_selector(object, "type", error) : "sgd";
    const mote_optimizer_class *kind = type ? mote_optimizer_class_find(type) : NULL;
    if (!kind) {
        return type ? mote_fail_unknown(object, "type", "optimizer", optimizer_name_at, true, error)
                    : MOTE_INVALID;
    }
    mote_optimizer *optimizer = read_record(kind->size, kind->fields, object, error);
    if (!optimizer) {
        return error && error->status ? error->status : MOTE_INVALID;
    }
    optimizer->kind = kind;
    options->optimizer = optimizer;
    mote_error reason = {0};
    if (kind->check && kind->check(optimizer, &reason) != MOTE_OK) {
        return mote_fail_because(object, &reason, error);
    }
    return MOTE_OK;
}

static mote_status read_schedule(mote_train_options *options, mote_error *error) {
    mote_json object = options->schedule_json;
    const char *type = object.node ? mote_json_selector(object, "type", error) : "constant";
    const mote_schedule_class *kind = type ? mote_schedule_class_find(type) : NULL;
    if (!kind) {
        return type ? mote_fail_unknown(object, "type", "schedule", schedule_name_at, true, error)
                    : MOTE_INVALID;
    }
    mote_schedule *schedule = read_record(kind->size, kind->fields, object, error);
    if (!schedule) {
        return error && error->status ? error->status : MOTE_INVALID;
    }
    schedule->kind = kind;
    options->schedule = schedule;
    mote_error reason = {0};
    if (kind->check && kind->check(schedule, &reason) != MOTE_OK) {
        return mote_fail_because(object, &reason, error);
    }
    return MOTE_OK;
}

mote_status mote_train_options_read(mote_train_options *options, mote_json object,
                                    mote_error *error) {
    *options = (mote_train_options){.json = object};
    mote_binding binding = {.fields = fields, .target = options};
    mote_status status = mote_fields_read(object, NULL, &binding, 1, error);
    if (status == MOTE_OK) {
        status = read_optimizer(options, error);
    }
    if (status == MOTE_OK) {
        status = read_schedule(options, error);
    }
    binding = (mote_binding){.fields = checkpoint_fields, .target = &options->checkpoint};
    if (status == MOTE_OK) {
        status = mote_fields_read(options->checkpoint_json, NULL, &binding, 1, error);
    }
    binding = (mote_binding){.fields = stopping_fields, .target = &options->early_stopping};
    if (status == MOTE_OK && options->early_stopping_json.node) { /* else zeros: never */
        status = mote_fields_read(options->early_stopping_json, NULL, &binding, 1, error);
    }
    binding = (mote_binding){.fields = metrics_fields, .target = &options->metrics};
    if (status == MOTE_OK) {
        status = mote_fields_read(options->metrics_json, NULL, &binding, 1, error);
    }
    options->optimizer_json = options->schedule_json = options->metrics_json = (mote_json){0};
    options->checkpoint_json = options->early_stopping_json = (mote_json){0};
    return status;
}

void mote_train_options_free(mote_train_options *options) {
    if (options->optimizer) {
        mote_fields_free(options->optimizer->kind->fields, options->optimizer);
    }
    if (options->schedule) {
        mote_fields_free(options->schedule->kind->fields, options->schedule);
    }
    free(options->optimizer);
    free(options->schedule);
    *options = (mote_train_options){0};
}

static void write_record(mote_json_writer *writer, const char *type,
                         const mote_field *record_fields, const void *record, cJSON *object) {
    mote_json_add_string(writer, object, "type", type);
    mote_fields_write(writer, record_fields, record, object);
}

cJSON *mote_train_options_to_json(const mote_train_options *options) {
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    const mote_optimizer_class *optimizer = options->optimizer->kind;
    const mote_schedule_class *schedule = options->schedule->kind;
    mote_fields_write(&writer, fields, options, object);
    write_record(&writer, optimizer->type, optimizer->fields, options->optimizer,
                 mote_json_add_object(&writer, object, "optimizer"));
    write_record(&writer, schedule->type, schedule->fields, options->schedule,
                 mote_json_add_object(&writer, object, "schedule"));
    mote_fields_write(&writer, checkpoint_fields, &options->checkpoint,
                      mote_json_add_object(&writer, object, "checkpoint"));
    mote_fields_write(&writer, stopping_fields, &options->early_stopping,
                      mote_json_add_object(&writer, object, "early_stopping"));
    mote_fields_write(&writer, metrics_fields, &options->metrics,
                      mote_json_add_object(&writer, object, "metrics"));
    return mote_json_finish(&writer, object);
}
