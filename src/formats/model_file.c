/* model_file.c: self-contained models in safetensors files: parameters, and as metadata the
 * architecture, the input, the preprocessing and the class names, each as JSON.
 */
#include "formats/model_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/json_write.h"
#include "formats/safetensors.h"
#include "model/model.h"
#include "mote/version.h"

/* ---- writing ---- */

static char *architecture_text(const mote_model *model) {
    mote_json_writer writer = {0};
    cJSON *object = mote_model_to_json(model);
    cJSON *dims = mote_json_add_array(&writer, object, "input_shape");
    for (size_t i = 0; i < model->input_shape.rank; i++) {
        mote_json_add_number(&writer, dims, NULL, (double)model->input_shape.dims[i]);
    }
    mote_json_add_number(&writer, object, "classes", (double)model->output->classes);
    return mote_json_print(&writer, object, MOTE_JSON_ONE_LINE);
}

static void add_numbers(mote_json_writer *writer, cJSON *object, const char *name, size_t count,
                        const double *numbers) {
    cJSON *list = mote_json_add_array(writer, object, name);
    for (size_t i = 0; i < count; i++) {
        mote_json_add_number(writer, list, NULL, numbers[i]);
    }
}

cJSON *mote_preprocessing_to_json(const mote_preprocessing *preprocessing) {
    const mote_preprocessing *p = preprocessing;
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    mote_json_add_string(&writer, object, "normalize", mote_normalization_names[p->normalize]);
    mote_json_add_boolean(&writer, object, "bytes", p->bytes);
    if (p->normalize == MOTE_NORMALIZE_STANDARD) {
        add_numbers(&writer, object, "mean", p->groups, p->mean);
        add_numbers(&writer, object, "deviation", p->groups, p->deviation);
    }
    mote_json_add_number(&writer, object, "pixel_mean", p->pixel_mean);
    mote_json_add_number(&writer, object, "edge_mean", p->edge_mean);
    return mote_json_finish(&writer, object);
}

static char *preprocessing_text(const mote_preprocessing *preprocessing) {
    cJSON *object = mote_preprocessing_to_json(preprocessing);
    return mote_json_print(&(mote_json_writer){0}, object, MOTE_JSON_ONE_LINE);
}

static char *class_names_text(const mote_model *model) {
    mote_json_writer writer = {0};
    cJSON *list = mote_json_new_array(&writer);
    for (size_t i = 0; i < model->output->classes; i++) {
        mote_json_add_string(&writer, list, NULL, mote_model_class_name(model, i));
    }
    return mote_json_print(&writer, list, MOTE_JSON_ONE_LINE);
}

mote_status mote_model_save(const mote_model *model, const char *path, mote_error *error) {
    if (!model || !model->output) {
        return mote_fail(error, MOTE_INVALID, "the model has no output yet");
    }
    char *architecture = architecture_text(model);
    char *preprocessing = preprocessing_text(&model->preprocessing);
    char *class_names = class_names_text(model);
    size_t count = model->parameter_count;
    mote_tensor_entry *tensors = calloc(count ? count : 1, sizeof *tensors);
    mote_status status;
    if (!architecture || !preprocessing || !class_names || !tensors) {
        status = mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    } else {
        for (size_t i = 0; i < count; i++) {
            const mote_parameter *parameter = model->parameters[i].parameter;
            tensors[i] = (mote_tensor_entry){
                .name = model->parameters[i].name,
                .tensor = {.data = parameter->value, .shape = parameter->shape}};
        }
        const mote_metadata_entry metadata[] = {
            {"mote.kind", "model"},
            {"mote.version", MOTE_VERSION},
            {"mote.model", architecture},
            {"mote.preprocessing", preprocessing},
            {"mote.class_names", class_names},
            {"mote.input", model->input}, /* last, since a model may have none */
        };
        size_t entries = sizeof metadata / sizeof *metadata - (model->input ? 0 : 1);
        status = mote_safetensors_write(path, tensors, count, metadata, entries, error);
    }
    free(tensors);
    free(architecture);
    free(preprocessing);
    free(class_names);
    return status;
}

/* ---- reading ---- */

/* Checks or, with `copies`, copies the file's values of all parameters. */
static mote_status read_tensors(mote_model *model, const mote_safetensors *file, bool copies,
                                mote_error *error) {
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < model->parameter_count; i++) {
        const char *name = model->parameters[i].name;
        const mote_parameter *parameter = model->parameters[i].parameter;
        mote_tensor tensor = {.data = parameter->value, .shape = parameter->shape};
        status = copies ? mote_safetensors_copy(file, name, tensor, error)
                        : mote_safetensors_check(file, name, tensor.shape, error);
    }
    return status;
}

/* Copies the file's values into all parameters of the model, by name and shape, or into none. */
static mote_status copy_parameters(mote_model *model, const mote_safetensors *file,
                                   mote_error *error) {
    mote_status status = read_tensors(model, file, false, error);
    return status == MOTE_OK ? read_tensors(model, file, true, error) : status;
}

mote_status mote_model_read_parameters(mote_model *model, const char *path, mote_error *error) {
    if (!model || !model->output) {
        return mote_fail(error, MOTE_INVALID, "the model has no output yet");
    }
    mote_error reason = {0}; /* *error may hold an earlier failure */
    mote_safetensors *file = mote_safetensors_read(path, &reason);
    if (!file) {
        return mote_fail(error, reason.status, "%s", reason.message);
    }
    mote_status status = copy_parameters(model, file, error);
    mote_safetensors_destroy(file);
    return status;
}

static bool read_shape(const cJSON *list, mote_shape *shape) {
    *shape = (mote_shape){0};
    if (!cJSON_IsArray(list)) {
        return false;
    }
    for (const cJSON *dim = list->child; dim; dim = dim->next) {
        if (shape->rank == MOTE_MAX_RANK || !cJSON_IsNumber(dim) || !(dim->valuedouble >= 1) ||
            dim->valuedouble > 0x1p31 || dim->valuedouble != floor(dim->valuedouble)) {
            return false;
        }
        shape->dims[shape->rank++] = (size_t)dim->valuedouble;
    }
    return true;
}

static mote_status fail_metadata(const mote_safetensors *file, const char *key, mote_error *error) {
    return mote_fail(error, MOTE_DATA, "%s: the metadata \"%s\" makes no sense",
                     mote_safetensors_path(file), key);
}

/* Detaches the keys of the architecture that a config's "model" does not have. */
static bool detach_extras(cJSON *architecture, mote_shape *shape, double *classes) {
    cJSON *dims = cJSON_DetachItemFromObjectCaseSensitive(architecture, "input_shape");
    cJSON *count = cJSON_DetachItemFromObjectCaseSensitive(architecture, "classes");
    bool good = read_shape(dims, shape) && cJSON_IsNumber(count);
    *classes = good ? count->valuedouble : 0;
    cJSON_Delete(dims);
    cJSON_Delete(count);
    return good;
}

static mote_status fail_memory(const mote_safetensors *file, mote_error *error) {
    return mote_fail(error, MOTE_MEMORY, "%s: out of memory", mote_safetensors_path(file));
}

/* Parses the JSON under a key; the caller deletes it. */
static mote_status parse_metadata(const mote_safetensors *file, const char *key, cJSON **out,
                                  mote_error *error) {
    const char *text = mote_safetensors_metadata(file, key);
    bool out_of_memory = false;
    *out = text ? mote_json_parse(text, strlen(text), &out_of_memory) : NULL;
    if (out_of_memory) {
        return fail_memory(file, error);
    }
    return *out ? MOTE_OK : fail_metadata(file, key, error);
}

static mote_model *read_architecture(const mote_safetensors *file, mote_error *error) {
    const char *text = mote_safetensors_metadata(file, "mote.model");
    const char *kind = mote_safetensors_metadata(file, "mote.kind");
    if (kind && strcmp(kind, "checkpoint") == 0) {
        mote_fail(error, MOTE_DATA,
                  "%s: is a checkpoint, to resume training from; the model is in "
                  "model.safetensors beside it",
                  mote_safetensors_path(file));
        return NULL;
    }
    if (!text) {
        mote_fail(error, MOTE_DATA,
                  "%s: holds tensors, but not a mote model (its metadata has no \"mote.model\")",
                  mote_safetensors_path(file));
        return NULL;
    }
    mote_shape shape;
    double classes;
    cJSON *architecture;
    if (parse_metadata(file, "mote.model", &architecture, error) != MOTE_OK) {
        return NULL;
    }
    if (!detach_extras(architecture, &shape, &classes)) {
        cJSON_Delete(architecture);
        fail_metadata(file, "mote.model", error);
        return NULL;
    }
    char *plain = mote_json_print(&(mote_json_writer){0}, architecture, MOTE_JSON_ONE_LINE);
    if (!plain) {
        fail_memory(file, error);
        return NULL;
    }
    mote_document *document =
        mote_document_parse(plain, strlen(plain), mote_safetensors_path(file), "model", error);
    free(plain);
    if (document) {
        mote_document_set_generated(document);
    }
    mote_model *model =
        document ? mote_model_from_json(mote_document_root(document), shape, error) : NULL;
    mote_document_destroy(document);
    if (model && classes == 0 &&
        mote_model_match_targets(model, 0, model->output->width, error) != MOTE_OK) {
        mote_model_destroy(model);
        return NULL;
    }
    if (model && classes != (double)model->output->classes) {
        fail_metadata(file, "mote.model", error);
        mote_model_destroy(model);
        return NULL;
    }
    return model;
}

static int find_normalization(const cJSON *node) {
    for (size_t i = 0; cJSON_IsString(node) && mote_normalization_names[i]; i++) {
        if (strcmp(node->valuestring, mote_normalization_names[i]) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool read_numbers(const cJSON *list, size_t count, double *numbers) {
    if (!cJSON_IsArray(list) || (size_t)cJSON_GetArraySize(list) != count) {
        return false;
    }
    const cJSON *node = list->child;
    for (size_t i = 0; i < count; i++, node = node->next) {
        if (!cJSON_IsNumber(node)) {
            return false;
        }
        numbers[i] = node->valuedouble;
    }
    return true;
}

static mote_status read_preprocessing(mote_model *model, const mote_safetensors *file,
                                      mote_error *error) {
    cJSON *object;
    mote_status status = parse_metadata(file, "mote.preprocessing", &object, error);
    if (status != MOTE_OK) {
        return status;
    }
    int normalize = find_normalization(cJSON_GetObjectItemCaseSensitive(object, "normalize"));
    size_t groups = mote_preprocessing_groups(model->input_shape);
    double *mean = calloc(2 * groups, sizeof *mean);
    if (!mean) {
        cJSON_Delete(object);
        return fail_memory(file, error);
    }
    bool good = normalize >= 0;
    if (good && normalize == MOTE_NORMALIZE_STANDARD) {
        good = read_numbers(cJSON_GetObjectItemCaseSensitive(object, "mean"), groups, mean) &&
               read_numbers(cJSON_GetObjectItemCaseSensitive(object, "deviation"), groups,
                            mean + groups);
    }
    status = good ? mote_preprocessing_create(
                        &model->preprocessing, (mote_normalization)normalize,
                        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "bytes")), groups,
                        mean, mean + groups, error)
                  : fail_metadata(file, "mote.preprocessing", error);
    const cJSON *pixel = cJSON_GetObjectItemCaseSensitive(object, "pixel_mean");
    const cJSON *edge = cJSON_GetObjectItemCaseSensitive(object, "edge_mean");
    model->preprocessing.pixel_mean = cJSON_IsNumber(pixel) ? pixel->valuedouble : 0;
    model->preprocessing.edge_mean = cJSON_IsNumber(edge) ? edge->valuedouble : 0;
    free(mean);
    cJSON_Delete(object);
    return status;
}

static mote_status read_class_names(mote_model *model, const mote_safetensors *file,
                                    mote_error *error) {
    cJSON *list;
    mote_status status = parse_metadata(file, "mote.class_names", &list, error);
    if (status != MOTE_OK) {
        return status;
    }
    size_t count = cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    const char **names = calloc(count + 1, sizeof *names);
    if (!names) {
        cJSON_Delete(list);
        return fail_memory(file, error);
    }
    bool good = cJSON_IsArray(list) && count == model->output->classes;
    for (size_t i = 0; good && i < count; i++) {
        names[i] = cJSON_GetStringValue(cJSON_GetArrayItem(list, (int)i));
        good = names[i] != NULL;
    }
    status = good ? mote_model_set_class_names(model, names, count, error)
                  : fail_metadata(file, "mote.class_names", error);
    free(names);
    cJSON_Delete(list);
    return status;
}

/* Models trained on arrays, and those written by an older mote, have no input. */
static mote_status read_input(mote_model *model, const mote_safetensors *file, mote_error *error) {
    const char *text = mote_safetensors_metadata(file, "mote.input");
    if (!text) {
        return MOTE_OK;
    }
    mote_status status = mote_model_set_input(model, text, NULL);
    return status == MOTE_OK       ? MOTE_OK
           : status == MOTE_MEMORY ? fail_memory(file, error)
                                   : fail_metadata(file, "mote.input", error);
}

mote_model *mote_model_load(const char *path, mote_error *error) {
    mote_safetensors *file = mote_safetensors_read(path, error);
    mote_model *model = file ? read_architecture(file, error) : NULL;
    if (model && (copy_parameters(model, file, error) != MOTE_OK ||
                  read_input(model, file, error) != MOTE_OK ||
                  read_preprocessing(model, file, error) != MOTE_OK ||
                  read_class_names(model, file, error) != MOTE_OK)) {
        mote_model_destroy(model);
        model = NULL;
    }
    mote_safetensors_destroy(file);
    return model;
}
