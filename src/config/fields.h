/* fields.h: JSON objects to structs and back, driven by field tables.
 */
#ifndef MOTE_CONFIG_FIELDS_H
#define MOTE_CONFIG_FIELDS_H

#include "config/json.h"
#include "config/json_write.h"
#include "config/suggest.h"
#include "mote/field.h"

/* A table and the struct it fills. */
typedef struct mote_binding {
    const mote_field *fields;
    void *target;
} mote_binding;

/* Fills each binding's struct from the object's members, absent keys from their presets. Keys in no
 * table are errors, except `selector` (such as "type"; may be NULL), which the caller has read.
 * With object.node NULL all keys are absent. On failure the structs may be partly filled; free them
 * with mote_fields_free either way. */
mote_status mote_fields_read(mote_json object, const char *selector, const mote_binding *bindings,
                             size_t count, mote_error *error);

/* Frees the strings that reading allocated. */
void mote_fields_free(const mote_field *fields, void *target);

/* Adds each field's value to a JSON object, except PARTs and LAYERS, which their owners add. */
void mote_fields_write(mote_json_writer *writer, const mote_field *fields, const void *target,
                       cJSON *object);

/* What kind of value a field takes: "an integer >= 1", "one of \"a\", \"b\"". Returns `text`. */
#define MOTE_EXPECTED_CAPACITY 256
char *mote_field_expected(const mote_field *field, char *text);

/* The selector's value, such as the layer's type; NULL with an error if there is none. */
const char *mote_json_selector(mote_json object, const char *selector, mote_error *error);

/* Fails with `no layer is called "rleu"; did you mean "relu"?` at the selector. `what` is "layer".
 * If no name is near: `no layer is called "transformer"; available: dense, relu` and, with
 * `plugins`, `; if a plugin provides it, pass --plugin FILE.so`. For a generated document, where no
 * name is a typo, only the latter is added. */
mote_status mote_fail_unknown(mote_json object, const char *selector, const char *what,
                              mote_name_at *name_at, bool plugins, mote_error *error);

#endif
