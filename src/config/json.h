/* json.h: JSON documents that remember where each value stands.
 *
 * cJSON parses; this adds what errors need: file:line:column and path of any value, found by
 * walking the text again, so nothing is kept for documents without errors.
 */
#ifndef MOTE_CONFIG_JSON_H
#define MOTE_CONFIG_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "mote/status.h"

typedef struct mote_document mote_document;

/* A value in a document; `node` is NULL where there is none. Valid as long as the document. */
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

/* Says that a program wrote the document, so that no name in it is a slip of the finger. */
void mote_document_set_generated(mote_document *document);
bool mote_document_is_generated(const mote_document *document);

/* cJSON_ParseWithLength, where no error has to tell a place. NULL on failure; *out_of_memory says
 * whether the text is not to blame. */
cJSON *mote_json_parse(const char *text, size_t length, bool *out_of_memory);

/* The number of that name in an object; NAN where there is none. */
double mote_json_number_of(const cJSON *object, const char *name);

/* Changes one value: "train.epochs=3", "model.layers[1].units=256". A value that is no JSON is
 * taken as a string. Objects on the way are made where they are missing. */
mote_status mote_document_set(mote_document *document, const char *assignment, mote_error *error);

/* The directory of the file that the document was read from; "" where there is none. */
const char *mote_document_directory(const mote_document *document);

mote_json mote_document_root(const mote_document *document);

/* The member of that name; node is NULL where there is none. */
mote_json mote_json_member(mote_json object, const char *name);

/* Fails with "file:line:column: path: <message>", the position being that of the value, or of its
 * key. */
mote_status mote_fail_at(mote_json value, mote_error *error, const char *format, ...)
    MOTE_PRINTF_LIKE(3, 4);
mote_status mote_fail_at_key(mote_json value, mote_error *error, const char *format, ...)
    MOTE_PRINTF_LIKE(3, 4);

/* Fails at the value for a reason that something below it gave: its status, its message. */
mote_status mote_fail_because(mote_json value, const mote_error *reason, mote_error *error);

/* What errors call a value: "the string \"128\"", "0.5", "an object". Returns `text`. */
#define MOTE_JSON_FOUND_CAPACITY 96
char *mote_json_found(mote_json value, char *text);

#endif
