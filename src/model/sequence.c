/* sequence.c: lists of layers: building, writing, naming their parameters. */
#include "model/sequence.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/fields.h"

mote_sequence *mote_sequence_create(const char *name, const char *prefix, const char *input_name,
                                    mote_shape input_shape, bool channels_last) {
    mote_sequence *sequence = calloc(1, sizeof *sequence);
    if (sequence) {
        snprintf(sequence->name, sizeof sequence->name, "%s", name);
        snprintf(sequence->prefix, sizeof sequence->prefix, "%s", prefix);
        snprintf(sequence->input_name, sizeof sequence->input_name, "%s", input_name);
        sequence->input_shape = input_shape;
        sequence->channels_last = channels_last;
    }
    return sequence;
}

static mote_sequence **sequence_place(const mote_layer *layer, const mote_field *field) {
    return (mote_sequence **)((char *)(uintptr_t)layer + field->offset);
}

mote_sequence *mote_layer_sequence(const mote_layer *layer, size_t index) {
    for (const mote_field *f = layer->kind->fields; f->kind != MOTE_FIELD_NONE; f++) {
        mote_sequence *sequence = f->kind == MOTE_FIELD_LAYERS ? *sequence_place(layer, f) : NULL;
        if (sequence && index-- == 0) {
            return sequence;
        }
    }
    return NULL;
}

static void destroy_layer(mote_layer *layer) {
    if (!layer) {
        return;
    }
    for (const mote_field *f = layer->kind->fields; f->kind != MOTE_FIELD_NONE; f++) {
        if (f->kind == MOTE_FIELD_LAYERS) {
            mote_sequence_destroy(*sequence_place(layer, f));
        }
    }
    mote_fields_free(layer->kind->fields, layer);
    free(layer);
}

void mote_sequence_destroy(mote_sequence *sequence) {
    if (!sequence) {
        return;
    }
    for (size_t i = 0; i < sequence->count; i++) {
        destroy_layer(sequence->layers[i]);
    }
    free(sequence->layers);
    free(sequence->stages);
    free(sequence);
}

/* ---- appending ---- */

/* Builds a container's lists of layers, which all take the container's input. */
static mote_status build_sequences(const mote_sequence *sequence, mote_layer *layer,
                                   mote_json object, mote_error *error) {
    for (const mote_field *f = layer->kind->fields; f->kind != MOTE_FIELD_NONE; f++) {
        mote_json list = {.document = object.document,
                          .node = cJSON_GetObjectItemCaseSensitive(object.node, f->name)};
        if (f->kind != MOTE_FIELD_LAYERS || !list.node || (f->optional && !list.node->child)) {
            continue;
        }
        char name[MOTE_SEQUENCE_NAME_CAPACITY], prefix[MOTE_PARAMETER_NAME_CAPACITY / 2];
        int name_length =
            snprintf(name, sizeof name, "%s[%zu].%s", sequence->name, sequence->count, f->name);
        int prefix_length = snprintf(prefix, sizeof prefix, "%s.%zu.%s", sequence->prefix,
                                     sequence->count, f->name);
        if ((size_t)name_length >= sizeof name || (size_t)prefix_length >= sizeof prefix) {
            return mote_fail_at(list, error,
                                "layers within layers are nested too deeply here: the names of "
                                "their parameters, which tell the place, would be too long");
        }
        mote_sequence **place = sequence_place(layer, f);
        *place = mote_sequence_create(name, prefix, layer->input_name, layer->input_shape,
                                      layer->kind->order == MOTE_CHANNELS_LAST);
        if (!*place) {
            return mote_fail(error, MOTE_MEMORY, "out of memory for %s", name);
        }
        mote_status status = mote_sequence_append_list(*place, list, error);
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

mote_shape mote_sequence_output_shape(const mote_sequence *sequence) {
    return sequence->count > 0 ? sequence->layers[sequence->count - 1]->output_shape
                               : sequence->input_shape;
}

/* The layer that needs the largest batch, the first of several in the list; NULL if none needs
 * any. */
static const mote_layer *most_demanding(const mote_sequence *sequence, size_t *index) {
    const mote_layer *found = NULL;
    for (size_t i = 0; i < sequence->count; i++) {
        if (sequence->layers[i]->least_batch > (found ? found->least_batch : 0)) {
            found = sequence->layers[i];
            *index = i;
        }
    }
    return found;
}

static void adopt_least_batch(mote_layer *layer) {
    const mote_sequence *inner;
    for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
        size_t index;
        const mote_layer *demanding = most_demanding(inner, &index);
        if (demanding && demanding->least_batch > layer->least_batch) {
            layer->least_batch = demanding->least_batch;
        }
    }
}

size_t mote_sequence_least_batch(const mote_sequence *sequence, char *name, size_t capacity) {
    size_t index;
    const mote_layer *demanding = most_demanding(sequence, &index);
    if (!demanding) {
        return 0;
    }
    const mote_sequence *inner;
    for (size_t k = 0; (inner = mote_layer_sequence(demanding, k)); k++) {
        if (mote_sequence_least_batch(inner, name, capacity) == demanding->least_batch) {
            return demanding->least_batch;
        }
    }
    snprintf(name, capacity, "%s[%zu] (%.40s)", sequence->name, index, demanding->kind->type);
    return demanding->least_batch;
}

mote_status mote_check_sample_shape(mote_shape shape, mote_error *error) {
    if (shape.rank < 1 || shape.rank >= MOTE_MAX_RANK) {
        return mote_fail(error, MOTE_INVALID, "samples have 1 to %d dimensions, not %zu",
                         MOTE_MAX_RANK - 1, shape.rank);
    }
    char text[MOTE_SHAPE_TEXT_CAPACITY];
    size_t count = mote_shape_count(shape);
    if (count == 0 || count > INT32_MAX) { /* the range of BLAS integers */
        return mote_fail(error, MOTE_INVALID, "samples have 1 to %d numbers, not %s", INT32_MAX,
                         mote_shape_text(shape, text));
    }
    return MOTE_OK;
}

/* Runs the class's own build; `reason` is set if it fails. */
static void run_build(mote_layer *layer, mote_error *reason) {
    layer->output_shape = layer->input_shape;
    mote_status status = layer->kind->build ? layer->kind->build(layer, reason) : MOTE_OK;
    mote_error refusal = {0};
    if (status != MOTE_OK) {
        mote_fail(reason, status, MOTE_NO_REASON);
    } else if (mote_check_sample_shape(layer->output_shape, &refusal) != MOTE_OK) {
        mote_fail(reason, refusal.status, "its output is refused: %s", refusal.message);
    }
}

static mote_status build_layer(const mote_sequence *sequence, mote_layer *layer, mote_json object,
                               mote_error *error) {
    layer->input_shape = mote_sequence_output_shape(sequence);
    snprintf(layer->input_name, sizeof layer->input_name, "%s", sequence->input_name);
    if (sequence->count > 0) {
        snprintf(layer->input_name, sizeof layer->input_name, "%.90s[%zu] (%.40s)", sequence->name,
                 sequence->count - 1, sequence->layers[sequence->count - 1]->kind->type);
    }
    mote_status status = build_sequences(sequence, layer, object, error);
    if (status != MOTE_OK) {
        return status;
    }
    mote_error reason = {0};
    run_build(layer, &reason);
    if (reason.status != MOTE_OK) {
        return mote_fail_because(object, &reason, error);
    }
    adopt_least_batch(layer);
    return MOTE_OK;
}

mote_status mote_sequence_append(mote_sequence *sequence, const mote_layer_class *kind,
                                 mote_json object, const char *selector, mote_error *error) {
    size_t count = sequence->count + 1;
    mote_layer **layers = realloc(sequence->layers, count * sizeof *layers);
    sequence->layers = layers ? layers : sequence->layers;
    mote_stage *stages = realloc(sequence->stages, count * sizeof *stages);
    sequence->stages = stages ? stages : sequence->stages;
    mote_layer *layer = layers && stages ? calloc(1, kind->size) : NULL;
    if (!layer) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for a %s layer", kind->type);
    }
    layer->kind = kind;
    mote_binding binding = {.fields = kind->fields, .target = layer};
    mote_status status = mote_fields_read(object, selector, &binding, 1, error);
    if (status == MOTE_OK) {
        status = build_layer(sequence, layer, object, error);
    }
    if (status != MOTE_OK) {
        destroy_layer(layer);
        return status;
    }
    sequence->stages[sequence->count] = (mote_stage){0};
    sequence->layers[sequence->count++] = layer;
    return MOTE_OK;
}

const char *mote_layer_name_at(size_t index) {
    const mote_layer_class *kind = mote_layer_classes()[index];
    return kind ? kind->type : NULL;
}

static mote_status append_from_json(mote_sequence *sequence, mote_json object, mote_error *error) {
    const char *type = mote_json_selector(object, "type", error);
    if (!type) {
        return MOTE_INVALID;
    }
    const mote_layer_class *kind = mote_layer_class_find(type);
    if (!kind) {
        return mote_fail_unknown(object, "type", "layer", mote_layer_name_at, true, error);
    }
    return mote_sequence_append(sequence, kind, object, "type", error);
}

mote_status mote_sequence_append_list(mote_sequence *sequence, mote_json list, mote_error *error) {
    if (!cJSON_IsArray(list.node) || !list.node->child) {
        char found[MOTE_JSON_FOUND_CAPACITY];
        return mote_fail_at(list, error, "expected a list of at least one layer, found %s",
                            cJSON_IsArray(list.node) ? "an empty one"
                                                     : mote_json_found(list, found));
    }
    mote_status status = MOTE_OK;
    for (const cJSON *node = list.node->child; node && status == MOTE_OK; node = node->next) {
        mote_json layer = {.document = list.document, .node = node};
        status = append_from_json(sequence, layer, error);
    }
    return status;
}

/* ---- writing ---- */

static void write_layer(const mote_layer *layer, mote_json_writer *writer, cJSON *object) {
    mote_json_add_string(writer, object, "type", layer->kind->type);
    mote_fields_write(writer, layer->kind->fields, layer, object);
    for (const mote_field *f = layer->kind->fields; f->kind != MOTE_FIELD_NONE; f++) {
        const mote_sequence *inner =
            f->kind == MOTE_FIELD_LAYERS ? *sequence_place(layer, f) : NULL;
        if (inner) {
            mote_sequence_write(inner, writer, mote_json_add_array(writer, object, f->name));
        }
    }
}

void mote_sequence_write(const mote_sequence *sequence, mote_json_writer *writer, cJSON *list) {
    for (size_t i = 0; i < sequence->count; i++) {
        write_layer(sequence->layers[i], writer, mote_json_add_object(writer, list, NULL));
    }
}

/* ---- parameters ---- */

size_t mote_sequence_parameter_count(const mote_sequence *sequence) {
    size_t count = 0;
    for (size_t i = 0; i < sequence->count; i++) {
        const mote_layer *layer = sequence->layers[i];
        count += layer->parameter_count;
        const mote_sequence *inner;
        for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
            count += mote_sequence_parameter_count(inner);
        }
    }
    return count;
}

void mote_sequence_list_parameters(const mote_sequence *sequence, mote_named_parameter *list,
                                   size_t *count) {
    for (size_t i = 0; i < sequence->count; i++) {
        const mote_layer *layer = sequence->layers[i];
        for (size_t j = 0; j < layer->parameter_count; j++) {
            mote_named_parameter *named = &list[(*count)++];
            named->parameter = layer->parameters[j];
            snprintf(named->name, sizeof named->name, "%s.%zu.%.*s", sequence->prefix, i,
                     MOTE_MAX_PARAMETER_NAME, named->parameter->name);
        }
        const mote_sequence *inner;
        for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
            mote_sequence_list_parameters(inner, list, count);
        }
    }
}
