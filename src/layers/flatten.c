/* flatten.c: turns any shape into a vector; the numbers stay where they are. */
#include "mote/layer.h"

typedef struct flatten {
    mote_layer base;
} flatten;

static const mote_field fields[] = {MOTE_FIELDS_END};

static mote_status build(mote_layer *layer, mote_error *error) {
    (void)error;
    layer->output_shape = mote_shape_vector(mote_shape_count(layer->input_shape));
    return MOTE_OK;
}

const mote_layer_class mote_layer_flatten = {
    .type = "flatten",
    .summary = "turns any shape into a vector",
    .example = "{\"type\": \"flatten\"}",
    .size = sizeof(flatten),
    .fields = fields,
    .build = build,
    .reshapes = true,
};
