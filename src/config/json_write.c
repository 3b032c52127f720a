/* json_write.c: JSON written value by value, checked once at the end. */
#include "config/json_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Replaces the locale's decimal separator with a point. */
static void use_point(char *text) {
    size_t point = strspn(text, "-0123456789e+");
    if (text[point]) {
        size_t rest = point + strcspn(text + point, "0123456789");
        text[point] = '.';
        memmove(text + point + 1, text + rest, strlen(text + rest) + 1);
    }
}

cJSON *mote_json_number(double number) {
    char text[40];
    if (!isfinite(number)) {
        return cJSON_CreateNull();
    }
    snprintf(text, sizeof text, "%.15g", number);
    bool negative_zero = number == 0 && signbit(number); /* which cJSON prints as 0 */
    if (strtod(text, NULL) == number && !negative_zero) {
        return cJSON_CreateNumber(number);
    }
    snprintf(text, sizeof text, "%.17g", number);
    use_point(text);
    return cJSON_CreateRaw(text);
}

static cJSON *keep(mote_json_writer *writer, cJSON *root) {
    writer->failed = writer->failed || !root;
    return root;
}

cJSON *mote_json_new_object(mote_json_writer *writer) {
    return keep(writer, cJSON_CreateObject());
}

cJSON *mote_json_new_array(mote_json_writer *writer) {
    return keep(writer, cJSON_CreateArray());
}

/* Adds the item and returns it; on failure deletes it and returns NULL. */
static cJSON *place(mote_json_writer *writer, cJSON *parent, const char *name, cJSON *item) {
    bool good =
        parent && item &&
        (name ? cJSON_AddItemToObject(parent, name, item) : cJSON_AddItemToArray(parent, item));
    if (!good) {
        cJSON_Delete(item);
        writer->failed = true;
    }
    return good ? item : NULL;
}

void mote_json_add(mote_json_writer *writer, cJSON *parent, const char *name, cJSON *item) {
    place(writer, parent, name, item);
}

cJSON *mote_json_add_object(mote_json_writer *writer, cJSON *parent, const char *name) {
    return place(writer, parent, name, cJSON_CreateObject());
}

cJSON *mote_json_add_array(mote_json_writer *writer, cJSON *parent, const char *name) {
    return place(writer, parent, name, cJSON_CreateArray());
}

void mote_json_add_number(mote_json_writer *writer, cJSON *parent, const char *name,
                          double number) {
    place(writer, parent, name, mote_json_number(number));
}

void mote_json_add_string(mote_json_writer *writer, cJSON *parent, const char *name,
                          const char *text) {
    place(writer, parent, name, cJSON_CreateString(text));
}

void mote_json_add_boolean(mote_json_writer *writer, cJSON *parent, const char *name, bool value) {
    place(writer, parent, name, cJSON_CreateBool(value));
}

void mote_json_add_copy(mote_json_writer *writer, cJSON *parent, const char *name,
                        const cJSON *value) {
    if (cJSON_IsNumber(value)) {
        mote_json_add_number(writer, parent, name, value->valuedouble);
    } else if (!cJSON_IsArray(value) && !cJSON_IsObject(value)) {
        place(writer, parent, name, cJSON_Duplicate(value, false));
    } else {
        bool list = cJSON_IsArray(value);
        cJSON *copy = list ? mote_json_add_array(writer, parent, name)
                           : mote_json_add_object(writer, parent, name);
        for (const cJSON *child = value->child; child; child = child->next) {
            mote_json_add_copy(writer, copy, list ? NULL : child->string, child);
        }
    }
}

cJSON *mote_json_finish(const mote_json_writer *writer, cJSON *root) {
    if (writer->failed) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

char *mote_json_print(const mote_json_writer *writer, cJSON *root, mote_json_layout layout) {
    root = mote_json_finish(writer, root);
    bool indented = layout == MOTE_JSON_INDENTED;
    char *text = !root ? NULL : indented ? cJSON_Print(root) : cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}
