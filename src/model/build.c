/* build.c: builds a model from the settings of its layers and output, in C and in JSON. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/fields.h"
#include "model/model.h"
#include "mote/kernels.h"

mote_model *mote_model_create(mote_shape input_shape, mote_error *error) {
    if (mote_check_sample_shape(input_shape, error) != MOTE_OK) {
        return NULL;
    }
    mote_model *model = calloc(1, sizeof *model);
    if (!model) {
        mote_fail(error, MOTE_MEMORY, "out of memory for a model");
        return NULL;
    }
    model->input_shape = input_shape;
    model->layers = mote_sequence_create("layers", "layers", "the data", input_shape, false);
    if (!model->layers) {
        free(model);
        mote_fail(error, MOTE_MEMORY, "out of memory for a model");
        return NULL;
    }
    mote_blas_prepare();
    return model;
}

static void destroy_output(mote_output *output) {
    if (output) {
        mote_fields_free(output->kind->fields, output);
        free(output);
    }
}

static void free_names(char **names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

/* Frees what came with the output, so that layers can be added again. */
static void reopen_model(mote_model *model) {
    destroy_output(model->output);
    mote_arena_free(&model->values);
    free(model->parameters);
    free(model->class_numbers);
    model->output = NULL;
    model->parameters = NULL;
    model->parameter_count = 0;
    model->class_numbers = NULL;
}

void mote_model_destroy(mote_model *model) {
    if (!model) {
        return;
    }
    reopen_model(model);
    mote_sequence_destroy(model->layers);
    free_names(model->class_names, model->class_name_count);
    free(model->input);
    mote_preprocessing_free(&model->preprocessing);
    mote_arena_free(&model->workspace);
    free(model);
}

/* ---- layers ---- */

mote_status mote_model_add(mote_model *model, const char *type, const char *json,
                           mote_error *error) {
    if (!model || model->output) {
        return mote_fail(error, MOTE_INVALID,
                         model ? "no layer can follow the output" : "there is no model");
    }
    char root[96];
    snprintf(root, sizeof root, "layers[%zu] (%.60s)", model->layers->count, type);
    const mote_layer_class *kind = mote_layer_class_find(type);
    if (!kind) {
        char names[MOTE_NAMES_CAPACITY];
        return mote_fail(error, MOTE_INVALID, "%s: no layer is called that%s", root,
                         mote_suggest_name(type, mote_layer_name_at, names));
    }
    json = json ? json : "{}";
    mote_error reason = {0}; /* *error may hold an earlier failure */
    mote_document *document = mote_document_parse(json, strlen(json), NULL, root, &reason);
    if (!document) {
        return mote_fail(error, reason.status, "%s", reason.message);
    }
    mote_status status =
        mote_sequence_append(model->layers, kind, mote_document_root(document), NULL, error);
    mote_document_destroy(document);
    return status;
}

/* ---- the output ---- */

static const mote_layer *last_layer(const mote_model *model) {
    return model->layers->layers[model->layers->count - 1];
}

static size_t last_width(const mote_model *model) {
    return mote_shape_count(last_layer(model)->output_shape);
}

/* The class of the layer that the model's last numbers come from: reshapes are skipped. */
static const mote_layer_class *last_computing(const mote_model *model) {
    size_t last = model->layers->count - 1;
    while (last > 0 && model->layers->layers[last]->kind->reshapes) {
        last--;
    }
    return model->layers->layers[last]->kind;
}

/* Rejects softmax applied twice, the logarithm of logits, and that of independent probabilities,
 * whose loss is least where all are 1: such models would train badly, without an error. */
static mote_status check_meaning(const mote_model *model, const mote_output_class *kind,
                                 mote_error *error) {
    const mote_layer_class *last = last_computing(model);
    bool independent = last->gives_probabilities && last->forward_elements;
    if (kind->takes == MOTE_TAKES_LOGITS && last->gives_probabilities) {
        return mote_fail(error, MOTE_INVALID,
                         "takes logits, but the last layer, %s, gives probabilities; leave that "
                         "layer out, or use the output cross_entropy",
                         last->type);
    }
    if (kind->takes == MOTE_TAKES_PROBABILITIES && !last->gives_probabilities) {
        return mote_fail(error, MOTE_INVALID,
                         "takes probabilities, but the last layer, %s, gives none; end with a "
                         "softmax or sigmoid layer, or use the output softmax_cross_entropy",
                         last->type);
    }
    if (kind->takes == MOTE_TAKES_PROBABILITIES && independent && last_width(model) > 1) {
        return mote_fail(error, MOTE_INVALID,
                         "takes probabilities that sum to 1, but the last layer, %s, gives %zu "
                         "independent ones; end with a softmax layer, or use the output "
                         "sigmoid_cross_entropy without that layer",
                         last->type, last_width(model));
    }
    return MOTE_OK;
}

static mote_status build_output(mote_model *model, mote_output *output, mote_error *error) {
    output->width = output->classes = output->prediction_width = last_width(model);
    mote_status status = check_meaning(model, output->kind, error);
    if (status == MOTE_OK && output->kind->build) {
        status = output->kind->build(output, error);
    }
    return status;
}

/* ---- parameters ---- */

static mote_status list_parameters(mote_model *model, mote_error *error) {
    size_t count = mote_sequence_parameter_count(model->layers);
    model->parameters = calloc(count ? count : 1, sizeof *model->parameters);
    if (!model->parameters) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for a list of %zu parameters", count);
    }
    mote_sequence_list_parameters(model->layers, model->parameters, &model->parameter_count);
    return MOTE_OK;
}

static void carve_values(mote_model *model, mote_arena *arena) {
    for (size_t i = 0; i < model->parameter_count; i++) {
        mote_parameter *parameter = model->parameters[i].parameter;
        parameter->value = mote_arena_take(arena, parameter->count, sizeof(mote_real));
    }
}

static mote_status allocate_values(mote_model *model, mote_error *error) {
    mote_arena measured = mote_arena_measure();
    carve_values(model, &measured);
    mote_status status = mote_arena_allocate(&model->values, &measured, error);
    if (status == MOTE_OK) {
        carve_values(model, &model->values);
        assert(mote_arena_complete(&model->values));
    }
    return status;
}

static mote_status name_class_numbers(mote_model *model, mote_error *error) {
    size_t classes = model->output->classes;
    model->class_numbers = calloc(classes ? classes : 1, sizeof *model->class_numbers);
    if (!model->class_numbers) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for the names of %zu classes", classes);
    }
    for (size_t i = 0; i < classes; i++) {
        snprintf(model->class_numbers[i], sizeof *model->class_numbers, "%zu", i);
    }
    return MOTE_OK;
}

static mote_status close_model(mote_model *model, mote_error *error) {
    mote_status status = name_class_numbers(model, error);
    if (status == MOTE_OK) {
        status = list_parameters(model, error);
    }
    return status == MOTE_OK ? allocate_values(model, error) : status;
}

static mote_status attach_output(mote_model *model, const mote_output_class *kind, mote_json object,
                                 const char *selector, mote_error *error) {
    if (model->layers->count == 0) {
        return mote_fail_at(object, error, "there are no layers before the output");
    }
    mote_output *output = calloc(1, kind->size);
    if (!output) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for the output %s", kind->type);
    }
    output->kind = kind;
    mote_binding binding = {.fields = kind->fields, .target = output};
    mote_status status = mote_fields_read(object, selector, &binding, 1, error);
    if (status == MOTE_OK) {
        mote_error reason = {0};
        status = build_output(model, output, &reason);
        if (status != MOTE_OK) {
            mote_fail(&reason, status, MOTE_NO_REASON);
            mote_fail_because(object, &reason, error);
        }
    }
    if (status != MOTE_OK) {
        destroy_output(output);
        return status;
    }
    model->output = output;
    status = close_model(model, error);
    if (status != MOTE_OK) {
        reopen_model(model);
    }
    return status;
}

static const char *output_name_at(size_t index) {
    const mote_output_class *kind = mote_output_classes()[index];
    return kind ? kind->type : NULL;
}

mote_status mote_model_set_output(mote_model *model, const char *type, const char *json,
                                  mote_error *error) {
    if (!model || model->output) {
        return mote_fail(error, MOTE_INVALID,
                         model ? "the model has an output already" : "there is no model");
    }
    char root[96];
    snprintf(root, sizeof root, "output (%.60s)", type);
    const mote_output_class *kind = mote_output_class_find(type);
    if (!kind) {
        char names[MOTE_NAMES_CAPACITY];
        return mote_fail(error, MOTE_INVALID, "%s: no output is called that%s", root,
                         mote_suggest_name(type, output_name_at, names));
    }
    json = json ? json : "{}";
    mote_error reason = {0}; /* *error may hold an earlier failure */
    mote_document *document = mote_document_parse(json, strlen(json), NULL, root, &reason);
    if (!document) {
        return mote_fail(error, reason.status, "%s", reason.message);
    }
    mote_status status = attach_output(model, kind, mote_document_root(document), NULL, error);
    mote_document_destroy(document);
    return status;
}

mote_status mote_model_match_targets(mote_model *model, size_t classes, size_t width,
                                     mote_error *error) {
    mote_output *output = model->output;
    const mote_layer *last = last_layer(model);
    if (classes == 0 && output->kind->takes_numbers) {
        if (output->width != width) {
            return mote_fail(error, MOTE_INVALID,
                             "the last layer (%s) gives %zu numbers a sample, but the targets have "
                             "%zu",
                             last->kind->type, output->width, width);
        }
        output->classes = 0;
        output->prediction_width = output->width;
        return MOTE_OK;
    }
    size_t wanted = classes ? classes : width;
    if (output->classes != wanted) {
        return mote_fail(error, MOTE_INVALID,
                         "the last layer (%s) gives %zu %s, which %s takes for %zu classes, but "
                         "the data has %zu",
                         last->kind->type, output->width, output->width == 1 ? "number" : "numbers",
                         output->kind->type, output->classes, wanted);
    }
    return MOTE_OK;
}

/* ---- JSON ---- */

typedef struct model_keys {
    mote_json layers, output;
} model_keys;

static const mote_field model_fields[] = {
    {.name = "layers",
     .kind = MOTE_FIELD_PART,
     .takes = "a list",
     .offset = offsetof(model_keys, layers),
     .help = "the layers, in order"},
    {.name = "output",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(model_keys, output),
     .help = "what ends the model: its loss and how it predicts"},
    MOTE_FIELDS_END,
};

static mote_status attach_from_json(mote_model *model, mote_json object, mote_error *error) {
    const char *type = mote_json_selector(object, "type", error);
    if (!type) {
        return MOTE_INVALID;
    }
    const mote_output_class *kind = mote_output_class_find(type);
    if (!kind) {
        return mote_fail_unknown(object, "type", "output", output_name_at, true, error);
    }
    return attach_output(model, kind, object, "type", error);
}

static mote_status fill_from_json(mote_model *model, mote_json object, mote_error *error) {
    model_keys keys = {0};
    mote_binding binding = {.fields = model_fields, .target = &keys};
    mote_status status = mote_fields_read(object, NULL, &binding, 1, error);
    if (status != MOTE_OK) {
        return status;
    }
    status = mote_sequence_append_list(model->layers, keys.layers, error);
    return status == MOTE_OK ? attach_from_json(model, keys.output, error) : status;
}

mote_model *mote_model_from_json(mote_json object, mote_shape input_shape, mote_error *error) {
    mote_model *model = mote_model_create(input_shape, error);
    if (model && fill_from_json(model, object, error) != MOTE_OK) {
        mote_model_destroy(model);
        return NULL;
    }
    return model;
}

cJSON *mote_model_to_json(const mote_model *model) {
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    cJSON *list = mote_json_add_array(&writer, object, "layers");
    mote_sequence_write(model->layers, &writer, list);
    const mote_output *output = model->output;
    cJSON *closing = mote_json_add_object(&writer, object, "output");
    mote_json_add_string(&writer, closing, "type", output->kind->type);
    mote_fields_write(&writer, output->kind->fields, output, closing);
    return mote_json_finish(&writer, object);
}

/* ---- names and preprocessing ---- */

static mote_status fail_without_model(mote_error *error) {
    return mote_fail(error, MOTE_INVALID, "there is no model");
}

static char **copy_names(const char *const *names, size_t count) {
    char **copies = calloc(count ? count : 1, sizeof *copies);
    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = strdup(names[i]);
        if (!copies[i]) {
            free_names(copies, i);
            return NULL;
        }
    }
    return copies;
}

/* The names may be the model's own, so they are copied before those are freed. */
mote_status mote_model_set_class_names(mote_model *model, const char *const *names, size_t count,
                                       mote_error *error) {
    if (!model) {
        return fail_without_model(error);
    }
    char **copies = copy_names(names, count);
    if (!copies) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for the names of %zu classes", count);
    }
    free_names(model->class_names, model->class_name_count);
    model->class_names = copies;
    model->class_name_count = count;
    return MOTE_OK;
}

const char *mote_model_class_name(const mote_model *model, size_t class_number) {
    if (class_number < model->class_name_count) {
        return model->class_names[class_number];
    }
    return class_number < mote_model_classes(model) ? model->class_numbers[class_number] : "";
}

const char *mote_model_input(const mote_model *model) {
    return model->input;
}

static mote_status fail_input_memory(mote_error *error) {
    return mote_fail(error, MOTE_MEMORY, "out of memory for the input of a model");
}

/* A model file with any other input could not be loaded. */
static mote_status check_input(const char *json, mote_error *error) {
    bool out_of_memory;
    cJSON *object = mote_json_parse(json, strlen(json), &out_of_memory);
    bool good = cJSON_IsString(cJSON_GetObjectItemCaseSensitive(object, "format"));
    cJSON_Delete(object);
    if (out_of_memory) {
        return fail_input_memory(error);
    }
    return good ? MOTE_OK
                : mote_fail(error, MOTE_INVALID,
                            "the input of a model must be a JSON object with a \"format\"");
}

mote_status mote_model_set_input(mote_model *model, const char *json, mote_error *error) {
    if (!model) {
        return fail_without_model(error);
    }
    mote_status status = json ? check_input(json, error) : MOTE_OK;
    if (status != MOTE_OK) {
        return status;
    }
    char *copy = json ? strdup(json) : NULL;
    if (json && !copy) {
        return fail_input_memory(error);
    }
    free(model->input);
    model->input = copy;
    return MOTE_OK;
}

const mote_preprocessing *mote_model_preprocessing(const mote_model *model) {
    return &model->preprocessing;
}

/* A model file with any other preprocessing could not be loaded. */
static mote_status check_preprocessing(const mote_model *model, const mote_preprocessing *p,
                                       mote_error *error) {
    if (p->normalize != MOTE_NORMALIZE_STANDARD) {
        return MOTE_OK;
    }
    size_t groups = mote_preprocessing_groups(model->input_shape);
    if (p->groups != groups) {
        return mote_fail(error, MOTE_INVALID,
                         "the preprocessing has %zu mean%s, but the model's samples need %zu",
                         p->groups, p->groups == 1 ? "" : "s", groups);
    }
    for (size_t g = 0; g < groups; g++) {
        if (!isfinite(p->mean[g]) || !isfinite(p->deviation[g])) {
            return mote_fail(error, MOTE_INVALID,
                             "mean or deviation %zu (counted from 0) of the preprocessing is not "
                             "finite",
                             g);
        }
    }
    return MOTE_OK;
}

mote_status mote_model_set_preprocessing(mote_model *model, const mote_preprocessing *preprocessing,
                                         mote_error *error) {
    if (!model) {
        return fail_without_model(error);
    }
    mote_status status = check_preprocessing(model, preprocessing, error);
    if (status != MOTE_OK) {
        return status;
    }
    mote_preprocessing copy;
    status = mote_preprocessing_create(&copy, preprocessing->normalize, preprocessing->bytes,
                                       preprocessing->groups, preprocessing->mean,
                                       preprocessing->deviation, error);
    if (status == MOTE_OK) {
        copy.pixel_mean = preprocessing->pixel_mean;
        copy.edge_mean = preprocessing->edge_mean;
        mote_preprocessing_free(&model->preprocessing);
        model->preprocessing = copy;
    }
    return status;
}

/* ---- inspecting a model ---- */

mote_shape mote_model_input_shape(const mote_model *model) {
    return model->input_shape;
}

size_t mote_model_classes(const mote_model *model) {
    return model->output ? model->output->classes : 0;
}

size_t mote_model_prediction_width(const mote_model *model) {
    return model->output ? model->output->prediction_width : 0;
}

size_t mote_model_parameter_count(const mote_model *model) {
    size_t count = 0;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        count += parameter->buffer ? 0 : parameter->count;
    }
    return count;
}

size_t mote_model_layer_count(const mote_model *model) {
    return model->layers->count;
}

const mote_layer *mote_model_layer(const mote_model *model, size_t index) {
    return index < model->layers->count ? model->layers->layers[index] : NULL;
}

const mote_output *mote_model_output(const mote_model *model) {
    return model->output;
}

mote_tensor mote_model_parameter(const mote_model *model, const char *name) {
    for (size_t i = 0; i < model->parameter_count; i++) {
        if (strcmp(model->parameters[i].name, name) == 0) {
            const mote_parameter *parameter = model->parameters[i].parameter;
            return (mote_tensor){.data = parameter->value, .shape = parameter->shape};
        }
    }
    return (mote_tensor){0};
}

void mote_model_set_pool(mote_model *model, mote_pool *pool) {
    model->pool = pool;
}
