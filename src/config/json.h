/* json.h: JSON documents that can locate each value.
 *
 * cJSON parses; this adds what errors need: the file:line:column and path of any value, found by
 * walking the text again, so that no positions are stored.
 */
#ifndef MOTE_CONFIG_JSON_H
#define MOTE_CONFIG_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "mote/status.h"

typedef struct mote_document mote_document;

/* A value in a document; `node` is NULL if there is none. Valid as long as the document. */
typedef struct mote_json {
    const mote_document *document;
    const cJSON *node;
} mote_json;

/* Reads a file. NULL on failure. */
mote_document *mote_document_read(const char *path, mote_error *error);

/* Parses a text. `name` is what errors call it: a file's path, or NULL for a text without one.
 * `root` is what errors call its outermost value, such as "layers[1]", or "". NULL on failure. */
mote_document *mote_document_parse(const char *text, size_t length, const char *name,
                                   const char *root, mote_error *error);
void mote_document_destroy(mote_document *document);

/* Marks the document as written by a program, so that no name in it is taken for a typo. */
void mote_document_set_generated(mote_document *document);
bool mote_document_is_generated(const mote_document *document);

/* cJSON_ParseWithLength, for errors without a position. NULL on failure; *out_of_memory says
 * whether memory, not the text, was the reason. */
cJSON *mote_json_parse(const char *text, size_t length, bool *out_of_memory);

/* The number of that name in an object; NAN if there is none. */
double mote_json_number_of(const cJSON *object, const char *name);

/* Changes one value: "train.epochs=3", "model.layers[1].units=256". A value that is not JSON is
 * taken as a string. Missing objects on the way are created. */
mote_status mote_document_set(mote_document *document, const char *assignment, mote_error *error);

/* The directory of the file that the document was read from; "" if there is none. */
const char *mote_document_directory(const mote_document *document);

mote_json mote_document_root(const mote_document *document);

/* The member of that name; node is NULL if there is none. */
mote_json mote_json_member(mote_json object, const char *name);

/* Fails with "file:line:column: path: <message>", at the position of the value or of its key. */
mote_status mote_fail_at(mote_json value, mote_error *error, const char *format, ...)
    MOTE_PRINTF_LIKE(3, 4);
mote_status mote_fail_at_key(mote_json value, mote_error *error, const char *format, ...)
    MOTE_PRINTF_LIKE(3, 4);

/* Fails at the value with the status and message of `reason`, an error from below it. */
mote_status mote_fail_because(mote_json value, const mote_error *reason, mote_error *error);

/* What errors call a value: "the string \"128\"", "0.5", "an object". Returns `text`. */
#define MOTE_JSON_FOUND_CAPACITY 96
char *mote_json_found(mote_json value, char *text);

#endif
