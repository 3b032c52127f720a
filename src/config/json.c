/* json.c: JSON documents that remember where each value stands. */
#include "config/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

enum { PATH_CAPACITY = 512, MAX_DEPTH = 64, CONFIG_LIMIT = 16 << 20, LONGEST_SHOWN = 40 };

/* A value that --set put in place. */
typedef struct override {
    const cJSON *node;
    char *assignment;
    struct override *next;
} override;

struct mote_document {
    char *text, *name, *root_name;
    cJSON *root;
    override *overrides;
};

/* ---- where a value stands ---- */

/* The way from the root to a value: in each container, the position among its members. */
typedef struct way {
    const cJSON *nodes[MAX_DEPTH];
    size_t positions[MAX_DEPTH];
    size_t depth;
} way;

static bool find_way(const cJSON *from, const cJSON *to, way *found) {
    if (from == to) {
        return true;
    }
    if (found->depth == MAX_DEPTH) {
        return false;
    }
    size_t position = 0;
    for (const cJSON *child = from->child; child; child = child->next, position++) {
        found->nodes[found->depth] = child;
        found->positions[found->depth] = position;
        found->depth++;
        if (find_way(child, to, found)) {
            return true;
        }
        found->depth--;
    }
    return false;
}

static const char *skip_space(const char *at) {
    return at + strspn(at, " \t\r\n");
}

static const char *skip_string(const char *at) {
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1]) {
            at++;
        }
    }
    return *at ? at + 1 : at;
}

/* The text has been parsed before, so brackets and quotes are known to match. */
static const char *skip_value(const char *at) {
    if (*at == '"') {
        return skip_string(at);
    }
    if (*at != '{' && *at != '[') {
        return at + strcspn(at, ",]} \t\r\n");
    }
    size_t open = 0;
    while (*at) {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        open += *at == '{' || *at == '[';
        open -= *at == '}' || *at == ']';
        at++;
        if (open == 0) {
            break;
        }
    }
    return at;
}

/* The member at that position of the container at `at`: its value, or its key. */
static const char *find_member(const char *at, size_t position, bool key) {
    bool object = *at == '{';
    for (at = skip_space(at + 1); *at; position--) {
        const char *start = at;
        if (object) {
            at = skip_space(skip_string(at));
            at = skip_space(at + 1);
        }
        if (position == 0) {
            return key ? start : at;
        }
        at = skip_space(skip_value(at));
        at = skip_space(at + 1);
    }
    return at;
}

static void line_and_column(const char *text, const char *at, size_t *line, size_t *column) {
    *line = *column = 1;
    for (; text < at; text++) {
        bool continuation = ((unsigned char)*text & 0xc0) == 0x80; /* of a UTF-8 character */
        *column += !continuation;
        if (*text == '\n') {
            ++*line;
            *column = 1;
        }
    }
}

static const override *find_override(const mote_document *document, const cJSON *node) {
    for (const override *o = document->overrides; o; o = o->next) {
        if (o->node == node) {
            return o;
        }
    }
    return NULL;
}

/* Writes "file:line:column: " or "--set assignment: ", or nothing for a text without a name. */
static void describe_place(const mote_document *document, const way *found, bool key, char *text,
                           size_t capacity) {
    for (size_t i = 0; i < found->depth; i++) {
        const override *o = find_override(document, found->nodes[i]);
        if (o) {
            snprintf(text, capacity, "--set %s: ", o->assignment);
            return;
        }
    }
    text[0] = '\0';
    if (document->name) {
        const char *at = skip_space(document->text);
        for (size_t i = 0; i < found->depth; i++) {
            at = find_member(at, found->positions[i], key && i + 1 == found->depth);
        }
        size_t line, column;
        line_and_column(document->text, at, &line, &column);
        snprintf(text, capacity, "%s:%zu:%zu: ", document->name, line, column);
    }
}

/* Writes "model.layers[1].units: ", or nothing for the root of a whole file. */
static void describe_path(const mote_document *document, const way *found, char *text,
                          size_t capacity) {
    size_t used = (size_t)snprintf(text, capacity, "%s", document->root_name);
    for (size_t i = 0; i < found->depth && used + 1 < capacity; i++) {
        const char *name = found->nodes[i]->string;
        int written = name ? snprintf(text + used, capacity - used, "%s%s", used ? "." : "", name)
                           : snprintf(text + used, capacity - used, "[%zu]", found->positions[i]);
        used += (size_t)written;
    }
    if (used && used + 2 < capacity) {
        strcpy(text + used, ": ");
    }
}

static mote_status fail_at(mote_json value, bool key, mote_error *error, const char *format,
                           va_list arguments) {
    way found = {0};
    find_way(value.document->root, value.node, &found);
    char place[PATH_CAPACITY], path[PATH_CAPACITY], message[MOTE_ERROR_CAPACITY];
    describe_place(value.document, &found, key, place, sizeof place);
    describe_path(value.document, &found, path, sizeof path);
    vsnprintf(message, sizeof message, format, arguments);
    return mote_fail(error, MOTE_INVALID, "%s%s%s", place, path, message);
}

mote_status mote_fail_at(mote_json value, mote_error *error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    mote_status status = fail_at(value, false, error, format, arguments);
    va_end(arguments);
    return status;
}

mote_status mote_fail_at_key(mote_json value, mote_error *error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    mote_status status = fail_at(value, true, error, format, arguments);
    va_end(arguments);
    return status;
}

char *mote_json_found(mote_json value, char *text) {
    const cJSON *node = value.node;
    if (cJSON_IsString(node)) {
        bool fits = strlen(node->valuestring) <= LONGEST_SHOWN;
        snprintf(text, MOTE_JSON_FOUND_CAPACITY, "the string \"%.*s%s\"", LONGEST_SHOWN,
                 node->valuestring, fits ? "" : "...");
    } else if (cJSON_IsNumber(node)) {
        snprintf(text, MOTE_JSON_FOUND_CAPACITY, "%.15g", node->valuedouble);
    } else {
        snprintf(text, MOTE_JSON_FOUND_CAPACITY, "%s",
                 cJSON_IsObject(node)  ? "an object"
                 : cJSON_IsArray(node) ? "a list"
                 : cJSON_IsTrue(node)  ? "true"
                 : cJSON_IsFalse(node) ? "false"
                                       : "null");
    }
    return text;
}

/* ---- reading ---- */

mote_document *mote_document_parse(const char *text, size_t length, const char *name,
                                   const char *root, mote_error *error) {
    mote_document *document = calloc(1, sizeof *document);
    if (document) {
        document->text = malloc(length + 1);
        document->name = name ? strdup(name) : NULL;
        document->root_name = strdup(root);
    }
    if (!document || !document->text || !document->root_name || (name && !document->name)) {
        mote_document_destroy(document);
        mote_fail(error, MOTE_MEMORY, "%s: out of memory", name ? name : "JSON");
        return NULL;
    }
    memcpy(document->text, text, length);
    document->text[length] = '\0';
    const char *end = document->text;
    document->root = cJSON_ParseWithOpts(document->text, &end, true);
    if (!document->root || strlen(document->text) != length) {
        size_t line, column;
        line_and_column(document->text, document->root ? strchr(document->text, '\0') : end, &line,
                        &column);
        mote_fail(error, MOTE_INVALID, "%s:%zu:%zu: this is not JSON: %s",
                  name ? name : *root ? root : "JSON", line, column,
                  *end ? "unexpected text" : "the text ends too early");
        mote_document_destroy(document);
        return NULL;
    }
    return document;
}

mote_document *mote_document_read(const char *path, mote_error *error) {
    size_t length = 0;
    char *text = mote_file_read(path, CONFIG_LIMIT, &length, error);
    if (!text) {
        return NULL;
    }
    mote_document *document = mote_document_parse(text, length, path, "", error);
    free(text);
    return document;
}

void mote_document_destroy(mote_document *document) {
    if (!document) {
        return;
    }
    while (document->overrides) {
        override *next = document->overrides->next;
        free(document->overrides->assignment);
        free(document->overrides);
        document->overrides = next;
    }
    cJSON_Delete(document->root);
    free(document->text);
    free(document->name);
    free(document->root_name);
    free(document);
}

mote_json mote_document_root(const mote_document *document) {
    return (mote_json){.document = document, .node = document->root};
}

mote_json mote_json_member(mote_json object, const char *name) {
    return (mote_json){.document = object.document,
                       .node = cJSON_GetObjectItemCaseSensitive(object.node, name)};
}

mote_json mote_json_entry(mote_json array, size_t index) {
    return (mote_json){.document = array.document,
                       .node = cJSON_GetArrayItem(array.node, (int)index)};
}

/* ---- --set ---- */

/* One step of a path: a member's name, or an index in brackets. */
typedef struct step {
    char name[128];
    int index; /* -1 for a name */
} step;

/* Reads the step at *at and moves past it; false where there is none. */
static bool next_step(const char **at, bool first, step *out) {
    const char *p = *at;
    if (*p == '[') {
        char *end;
        long index = strtol(p + 1, &end, 10);
        if (end == p + 1 || *end != ']' || index < 0 || index > 1000000) {
            return false;
        }
        *out = (step){.index = (int)index};
        *at = end + 1;
        return true;
    }
    p += !first && *p == '.';
    size_t length = strcspn(p, ".[=");
    if (length == 0 || length >= sizeof out->name) {
        return false;
    }
    *out = (step){.index = -1};
    memcpy(out->name, p, length);
    *at = p + length;
    return true;
}

static cJSON *child_at(const cJSON *parent, const step *s) {
    if (s->index < 0) {
        return cJSON_GetObjectItemCaseSensitive(parent, s->name);
    }
    return cJSON_IsArray(parent) ? cJSON_GetArrayItem(parent, s->index) : NULL;
}

static bool put_child(cJSON *parent, const step *s, cJSON *child) {
    bool there = child_at(parent, s) != NULL;
    if (s->index >= 0) {
        return there && cJSON_ReplaceItemInArray(parent, s->index, child);
    }
    if (!cJSON_IsObject(parent)) {
        return false;
    }
    return there ? cJSON_ReplaceItemInObjectCaseSensitive(parent, s->name, child)
                 : cJSON_AddItemToObject(parent, s->name, child);
}

/* Walks to the parent of the last step, making objects that are missing. */
static cJSON *walk_to_parent(mote_document *document, const char *path, step *last) {
    cJSON *node = document->root;
    const char *at = path;
    if (!next_step(&at, true, last)) {
        return NULL;
    }
    while (*at != '=') {
        cJSON *child = child_at(node, last);
        if (!child) {
            child = cJSON_CreateObject();
            if (!child || !put_child(node, last, child)) {
                cJSON_Delete(child);
                return NULL;
            }
        }
        node = child;
        if (!next_step(&at, false, last)) {
            return NULL;
        }
    }
    return node;
}

mote_status mote_document_set(mote_document *document, const char *assignment, mote_error *error) {
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment) {
        return mote_fail(error, MOTE_INVALID,
                         "--set %s: expected KEY=VALUE, such as train.epochs=3", assignment);
    }
    cJSON *value = cJSON_ParseWithOpts(equals + 1, NULL, true);
    value = value ? value : cJSON_CreateString(equals + 1);
    step last;
    cJSON *parent = walk_to_parent(document, assignment, &last);
    if (!value || !parent || !put_child(parent, &last, value)) {
        cJSON_Delete(value);
        return mote_fail(error, MOTE_INVALID,
                         "--set %s: there is no such place in the config; keys look like "
                         "train.epochs or model.layers[1].units",
                         assignment);
    }
    override *entry = calloc(1, sizeof *entry);
    if (!entry || !(entry->assignment = strdup(assignment))) {
        free(entry);
        return mote_fail(error, MOTE_MEMORY, "--set %s: out of memory", assignment);
    }
    *entry = (override){.node = value, .assignment = entry->assignment,
                        .next = document->overrides};
    document->overrides = entry;
    return MOTE_OK;
}
