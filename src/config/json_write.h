/* json_write.h: JSON written value by value, checked once at the end.
 *
 * Failures are sticky: a call that runs out of memory sets `failed` and returns NULL, which later
 * calls accept as a parent or an item. The final call then returns NULL, never an incomplete text.
 */
#ifndef MOTE_CONFIG_JSON_WRITE_H
#define MOTE_CONFIG_JSON_WRITE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Starts as {0}. */
typedef struct mote_json_writer {
    bool failed;
} mote_json_writer;

/* A number that reads back bit for bit: cJSON prints only 15 digits if they read back within one
 * unit in the last place. JSON null if it is not finite. NULL when out of memory. */
cJSON *mote_json_number(double number);

/* The root of a text. End it with mote_json_finish or mote_json_print. */
cJSON *mote_json_new_object(mote_json_writer *writer);
cJSON *mote_json_new_array(mote_json_writer *writer);

/* Add to an object under `name`, or to an array, with `name` NULL. The parent takes ownership of an
 * item; if that fails, the item is deleted. */
void mote_json_add(mote_json_writer *writer, cJSON *parent, const char *name, cJSON *item);
cJSON *mote_json_add_object(mote_json_writer *writer, cJSON *parent, const char *name);
cJSON *mote_json_add_array(mote_json_writer *writer, cJSON *parent, const char *name);
void mote_json_add_number(mote_json_writer *writer, cJSON *parent, const char *name, double number);
void mote_json_add_string(mote_json_writer *writer, cJSON *parent, const char *name,
                          const char *text);
void mote_json_add_boolean(mote_json_writer *writer, cJSON *parent, const char *name, bool value);

/* Adds a copy of any value, with bit-identical numbers. */
void mote_json_add_copy(mote_json_writer *writer, cJSON *parent, const char *name,
                        const cJSON *value);

/* Returns the root or, if anything failed, deletes it and returns NULL. */
cJSON *mote_json_finish(const mote_json_writer *writer, cJSON *root);

/* The root's text, which the caller frees; NULL if anything failed. Deletes the root. */
typedef enum mote_json_layout {
    MOTE_JSON_ONE_LINE,
    MOTE_JSON_INDENTED
} mote_json_layout;
char *mote_json_print(const mote_json_writer *writer, cJSON *root, mote_json_layout layout);

#endif
