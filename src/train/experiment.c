/* experiment.c: a whole config: data set, model and training. */
#include "train/experiment.h"

#include <string.h>

#include "config/fields.h"
#include "model/model.h"
#include "train/trainer.h"

static const mote_field fields[] = {
    {.name = "name",
     .kind = MOTE_FIELD_STRING,
     .offset = offsetof(mote_experiment, name),
     .optional = true,
     .help = "names the runs, which go to runs/<name>; by default the config file's name"},
    {.name = "seed",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_experiment, seed),
     .range = MOTE_BETWEEN(0, 9007199254740991), /* 2^53 − 1: what JSON numbers hold exactly */
     .preset = "1",
     .help = "seeds everything random: the same config and seed give bit-identical results"},
    {.name = "dataset",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(mote_experiment, dataset_json),
     .help = "the samples"},
    {.name = "model",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(mote_experiment, model_json),
     .help = "layers and output"},
    {.name = "train",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(mote_experiment, train_json),
     .optional = true,
     .help = "how to train"},
    MOTE_FIELDS_END,
};

const mote_field *mote_experiment_fields(void) {
    return fields;
}

/* "mnist" for "configs/mnist.json". */
static char *name_of_file(const char *path) {
    const char *slash = strrchr(path, '/');
    char *name = strdup(slash ? slash + 1 : path);
    char *dot = name ? strrchr(name, '.') : NULL;
    if (dot && dot != name) {
        *dot = '\0';
    }
    return name;
}

static mote_status check_name(mote_experiment *experiment, const char *path, mote_error *error) {
    mote_json root = mote_document_root(experiment->document);
    mote_json value = mote_json_member(root, "name");
    if (!experiment->name) {
        experiment->name = name_of_file(path);
        return experiment->name ? MOTE_OK
                                : mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    }
    const char *name = experiment->name;
    if (!*name || *name == '.' || strpbrk(name, "/\\\n")) {
        return mote_fail_at(value, error,
                            "a name must work as a directory name: not empty, no slash, no leading "
                            "dot; found \"%.60s\"",
                            name);
    }
    return MOTE_OK;
}

static mote_status read_document(mote_experiment *experiment, const char *path,
                                 const char *const *overrides, size_t override_count,
                                 mote_error *error) {
    *experiment = (mote_experiment){.document = mote_document_read(path, error)};
    if (!experiment->document) {
        return error && error->status ? error->status : MOTE_INVALID;
    }
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < override_count; i++) {
        status = mote_document_set(experiment->document, overrides[i], error);
    }
    mote_binding binding = {.fields = fields, .target = experiment};
    if (status == MOTE_OK) {
        status =
            mote_fields_read(mote_document_root(experiment->document), NULL, &binding, 1, error);
    }
    return status == MOTE_OK ? check_name(experiment, path, error) : status;
}

static mote_status status_of(const void *made, const mote_error *error) {
    return made ? MOTE_OK : error && error->status ? error->status : MOTE_INVALID;
}

static mote_status open_data(mote_experiment *experiment, const mote_loading *loading,
                             mote_error *error) {
    experiment->dataset =
        mote_dataset_open(experiment->dataset_json, experiment->seed, loading, error);
    return status_of(experiment->dataset, error);
}

mote_status mote_experiment_open_data(mote_experiment *experiment, const char *path,
                                      const mote_loading *loading, mote_error *error) {
    mote_status status = read_document(experiment, path, NULL, 0, error);
    return status == MOTE_OK ? open_data(experiment, loading, error) : status;
}

static mote_status check_batch_size(const mote_experiment *experiment, mote_error *error) {
    mote_error reason = {0};
    if (mote_check_batch_size(experiment->model, experiment->options.batch_size, &reason) ==
        MOTE_OK) {
        return MOTE_OK;
    }
    mote_json value = mote_json_member(experiment->train_json, "batch_size");
    return mote_fail_because(value.node ? value : mote_document_root(experiment->document), &reason,
                             error);
}

mote_status mote_experiment_open(mote_experiment *experiment, const char *path,
                                 const char *const *overrides, size_t override_count,
                                 const mote_loading *loading, mote_error *error) {
    mote_status status = read_document(experiment, path, overrides, override_count, error);
    if (status == MOTE_OK) {
        status = mote_train_options_read(&experiment->options, experiment->train_json, error);
    }
    if (status == MOTE_OK) {
        status = open_data(experiment, loading, error);
    }
    if (status == MOTE_OK) {
        experiment->model = mote_model_from_json(experiment->model_json,
                                                 mote_dataset_shape(experiment->dataset), error);
        status = status_of(experiment->model, error);
    }
    return status == MOTE_OK ? check_batch_size(experiment, error) : status;
}

/* The last layer in the config, which is to blame if the model does not fit the data. */
static mote_json last_layer(const mote_experiment *experiment) {
    mote_json layers = mote_json_member(experiment->model_json, "layers");
    int count = cJSON_GetArraySize(layers.node);
    return (mote_json){.document = layers.document,
                       .node = cJSON_GetArrayItem(layers.node, count - 1)};
}

mote_status mote_experiment_load(mote_experiment *experiment, const mote_loading *loading,
                                 mote_error *error) {
    mote_status status = mote_dataset_load(experiment->dataset, loading, error);
    if (status != MOTE_OK) {
        return status;
    }
    mote_error reason = {0};
    mote_part part = mote_dataset_part(experiment->dataset, MOTE_TRAINING);
    status = mote_model_match_targets(experiment->model, mote_dataset_classes(experiment->dataset),
                                      part.samples->value_width, &reason);
    return status == MOTE_OK ? MOTE_OK : mote_fail_because(last_layer(experiment), &reason, error);
}

void mote_experiment_close(mote_experiment *experiment) {
    mote_train_options_free(&experiment->options);
    mote_dataset_destroy(experiment->dataset);
    mote_model_destroy(experiment->model);
    mote_document_destroy(experiment->document);
    mote_fields_free(fields, experiment);
    *experiment = (mote_experiment){0};
}

char *mote_experiment_text(const mote_experiment *experiment) {
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    mote_fields_write(&writer, fields, experiment, object);
    mote_json_add(&writer, object, "dataset", mote_dataset_to_json(experiment->dataset));
    mote_json_add(&writer, object, "model", mote_model_to_json(experiment->model));
    mote_json_add(&writer, object, "train", mote_train_options_to_json(&experiment->options));
    return mote_json_print(&writer, object, MOTE_JSON_INDENTED);
}
