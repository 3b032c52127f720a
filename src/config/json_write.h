/* json_write.h: JSON written value by value, checked once at the end.
 *
 * A failure stays: where memory runs out, a call sets `failed` and gives NULL, which the calls
 * after it take as a parent or an item. Then the end gives nothing, never a text with a hole.
 */
#ifndef MOTE_CONFIG_JSON_WRITE_H
#define MOTE_CONFIG_JSON_WRITE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Starts as {0}. */
typedef struct mote_json_writer {
    bool failed;
} mote_json_writer;

/* A number that is read back to the bit: cJSON prints 15 digits where what they read as is within
 * one unit in the last place. null where it is not finite. NULL when out of memory. */
cJSON *mote_json_number(double number);

/* What a text begins with. To be ended with mote_json_finish or mote_json_print. */
cJSON *mote_json_new_object(mote_json_writer *writer);
cJSON *mote_json_new_array(mote_json_writer *writer);

/* Add to an object under `name`, or to an array, with `name` NULL. An item becomes the parent's,
 * and is deleted where that fails. */
void mote_json_add(mote_json_writer *writer, cJSON *parent, const char *name, cJSON *item);
cJSON *mote_json_add_object(mote_json_writer *writer, cJSON *parent, const char *name);
cJSON *mote_json_add_array(mote_json_writer *writer, cJSON *parent, const char *name);
void mote_json_add_number(mote_json_writer *writer, cJSON *parent, const char *name, double number);
void mote_json_add_string(mote_json_writer *writer, cJSON *parent, const char *name,
                          const char *text);
void mote_json_add_boolean(mote_json_writer *writer, cJSON *parent, const char *name, bool value);

/* A copy of any value, its numbers the same to the bit. */
void mote_json_add_copy(mote_json_writer *writer, cJSON *parent, const char *name,
                        const cJSON *value);

/* The root; deleted and NULL if anything failed. */
cJSON *mote_json_finish(const mote_json_writer *writer, cJSON *root);

/* The root's text, which the caller frees; NULL if anything failed. Deletes the root. */
typedef enum mote_json_layout {
    MOTE_JSON_ONE_LINE,
    MOTE_JSON_INDENTED
} mote_json_layout;
char *mote_json_print(const mote_json_writer *writer, cJSON *root, mote_json_layout layout);

#endif
