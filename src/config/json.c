/* json.c: JSON documents that can locate each value. */
#include "config/json.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

enum {
    PATH_CAPACITY = 512,
    MAX_DEPTH = 64,
    CONFIG_LIMIT = 16 << 20,
    LONGEST_SHOWN = 40
};

/* A value that --set stored, or an object that it created on the way there. */
typedef struct override {
    const cJSON *node;
    char *assignment;
    struct override *next;
} override;

struct mote_document {
    char *text, *name, *root_name, *directory;
    cJSON *root;
    override *overrides;
    bool generated;
};

/* ---- where a value is ---- */

/* The way from the root to a value: in each container, the child taken and its position. */
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

/* What cJSON takes for whitespace: spaces and all control characters. */
static bool is_space(char c) {
    return c && (unsigned char)c <= ' ';
}

static const char *skip_space(const char *at) {
    while (is_space(*at)) {
        at++;
    }
    return at;
}

/* Skips the byte order mark that some editors put before UTF-8; cJSON skips it too. */
static const char *skip_mark(const char *text) {
    return strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
}

/* The quote that closes the string at `at`, or the end of the text. */
static const char *string_end(const char *at) {
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1]) {
            at++;
        }
    }
    return at;
}

static const char *skip_string(const char *at) {
    at = string_end(at);
    return *at ? at + 1 : at;
}

/* The text has been parsed before, so brackets and quotes are known to match. */
static const char *skip_value(const char *at) {
    if (*at == '"') {
        return skip_string(at);
    }
    if (*at != '{' && *at != '[') {
        while (*at && !strchr(",]}", *at) && !is_space(*at)) {
            at++;
        }
        return at;
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

/* The value or, with `key`, the key of the member at `position` in the container at `at`. */
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

/* Whether this byte continues a UTF-8 character. */
static bool is_continuation(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

static void line_and_column(const char *text, const char *at, size_t *line, size_t *column) {
    *line = *column = 1;
    for (text = skip_mark(text); text < at; text++) {
        *column += !is_continuation(*text);
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
    for (size_t i = found->depth; i > 0; i--) { /* the innermost was set last */
        const override *o = find_override(document, found->nodes[i - 1]);
        if (o) {
            snprintf(text, capacity, "--set %s: ", o->assignment);
            return;
        }
    }
    text[0] = '\0';
    if (document->name) {
        const char *at = skip_space(skip_mark(document->text));
        for (size_t i = 0; i < found->depth; i++) {
            at = find_member(at, found->positions[i], key && i + 1 == found->depth);
        }
        size_t line, column;
        line_and_column(document->text, at, &line, &column);
        snprintf(text, capacity, "%s:%zu:%zu: ", document->name, line, column);
    }
}

/* Writes "model.layers[1].units: ", "model.layers[1] (dense): " for a list entry with a type, or
 * nothing for the root of a whole file. */
static void describe_path(const mote_document *document, const way *found, char *text,
                          size_t capacity) {
    size_t used = (size_t)snprintf(text, capacity, "%s", document->root_name);
    for (size_t i = 0; i < found->depth && used + 1 < capacity; i++) {
        const char *name = found->nodes[i]->string;
        int written = name ? snprintf(text + used, capacity - used, "%s%s", used ? "." : "", name)
                           : snprintf(text + used, capacity - used, "[%zu]", found->positions[i]);
        used += (size_t)written;
    }
    const cJSON *last = found->depth ? found->nodes[found->depth - 1] : NULL;
    const cJSON *type =
        last && !last->string ? cJSON_GetObjectItemCaseSensitive(last, "type") : NULL;
    if (cJSON_IsString(type) && used < capacity) {
        used += (size_t)snprintf(text + used, capacity - used, " (%.40s)", type->valuestring);
    }
    if (used) {
        strcpy(text + (used < capacity - 3 ? used : capacity - 3), ": ");
    }
}

static mote_status fail_with(mote_json value, bool key, mote_status status, const char *message,
                             mote_error *error) {
    char place[PATH_CAPACITY] = "", path[PATH_CAPACITY] = "";
    if (value.document) {
        way found = {0};
        find_way(value.document->root, value.node, &found);
        describe_place(value.document, &found, key, place, sizeof place);
        describe_path(value.document, &found, path, sizeof path);
    }
    return mote_fail(error, status, "%s%s%s", place, path, message);
}

static mote_status fail_at(mote_json value, bool key, mote_error *error, const char *format,
                           va_list arguments) {
    char message[MOTE_ERROR_CAPACITY];
    vsnprintf(message, sizeof message, format, arguments);
    return fail_with(value, key, MOTE_INVALID, message, error);
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

mote_status mote_fail_because(mote_json value, const mote_error *reason, mote_error *error) {
    return fail_with(value, false, reason->status, reason->message, error);
}

char *mote_json_found(mote_json value, char *text) {
    const cJSON *node = value.node;
    if (cJSON_IsString(node)) {
        bool fits = strlen(node->valuestring) <= LONGEST_SHOWN;
        int shown = LONGEST_SHOWN;
        while (!fits && shown > 0 && is_continuation(node->valuestring[shown])) {
            shown--;
        }
        snprintf(text, MOTE_JSON_FOUND_CAPACITY, "the string \"%.*s%s\"", shown, node->valuestring,
                 fits ? "" : "...");
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

/* Where parsing failed. cJSON points one character too far if it expected a key and found none, as
 * after an extra comma, or if a string is not closed. After a comma, a digit or bracket may also
 * validly begin a value in a list; then cJSON's position is used. */
static const char *place_of_failure(const char *text, const char *end) {
    if (end == text || is_space(end[-1])) {
        return end;
    }
    const char *last = end - 1;
    if (*last == '"') {
        const char *at = text;
        while (at < last) {
            at = *at == '"' ? skip_string(at) : at + 1;
        }
        bool endless = at == last && !*string_end(last);
        return endless ? last : end;
    }
    const char *before = last;
    while (before > text && is_space(before[-1])) {
        before--;
    }
    bool key_wanted = before > text && strchr("{,", before[-1]) && !strchr("[0123456789", *last);
    return key_wanted ? last : end;
}

static const char *describe_failure(const char *at, const char *end) {
    bool endless = *at == '"' && !*string_end(at);
    return endless    ? "this string is not closed"
           : *at      ? "unexpected text"
           : at < end ? "there is a zero byte"
                      : "the text ends too early";
}

/* cJSON does not report why it failed, but malloc sets errno. */
static cJSON *parse_whole(const char *text, const char **end, bool *out_of_memory) {
    errno = 0;
    cJSON *node = cJSON_ParseWithOpts(text, end, true);
    *out_of_memory = !node && errno == ENOMEM;
    return node;
}

cJSON *mote_json_parse(const char *text, size_t length, bool *out_of_memory) {
    errno = 0;
    cJSON *node = cJSON_ParseWithLength(text, length);
    *out_of_memory = !node && errno == ENOMEM;
    return node;
}

double mote_json_number_of(const cJSON *object, const char *name) {
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(number) ? number->valuedouble : (double)NAN;
}

static void fail_parse(const mote_document *document, size_t length, const char *end,
                       mote_error *error) {
    const char *name = document->name, *root = document->root_name;
    size_t line, column;
    const char *at = place_of_failure(document->text, end);
    line_and_column(document->text, at, &line, &column);
    mote_fail(error, MOTE_INVALID, "%s:%zu:%zu: this is not JSON: %s",
              name    ? name
              : *root ? root
                      : "JSON",
              line, column, describe_failure(at, document->text + length));
}

mote_document *mote_document_parse(const char *text, size_t length, const char *name,
                                   const char *root, mote_error *error) {
    mote_document *document = calloc(1, sizeof *document);
    if (document) {
        document->text = malloc(length + 1);
        document->name = name ? strdup(name) : NULL;
        document->root_name = strdup(root);
        document->directory = mote_path_directory(name ? name : "");
    }
    if (!document || !document->text || !document->root_name || !document->directory ||
        (name && !document->name)) {
        mote_document_destroy(document);
        mote_fail(error, MOTE_MEMORY, "%s: out of memory", name ? name : "JSON");
        return NULL;
    }
    memcpy(document->text, text, length);
    document->text[length] = '\0';
    const char *end = document->text;
    bool out_of_memory;
    document->root = parse_whole(document->text, &end, &out_of_memory);
    if (!document->root || strlen(document->text) != length) {
        if (out_of_memory) {
            mote_fail(error, MOTE_MEMORY, "%s: out of memory", name ? name : "JSON");
        } else {
            fail_parse(document, length, end, error);
        }
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
    free(document->directory);
    free(document);
}

void mote_document_set_generated(mote_document *document) {
    document->generated = true;
}

bool mote_document_is_generated(const mote_document *document) {
    return document->generated;
}

const char *mote_document_directory(const mote_document *document) {
    return document->directory;
}

mote_json mote_document_root(const mote_document *document) {
    return (mote_json){.document = document, .node = document->root};
}

mote_json mote_json_member(mote_json object, const char *name) {
    return (mote_json){.document = object.document,
                       .node = cJSON_GetObjectItemCaseSensitive(object.node, name)};
}

/* ---- --set ---- */

/* One step of a path: a member's name, or an index in brackets. */
typedef struct step {
    char name[128];
    int index; /* -1 for a name */
} step;

/* Reads the step at *at and moves past it; false if there is none. */
static bool next_step(const char **at, bool first, step *out) {
    const char *p = *at;
    if (*p == '[') {
        char *end;
        long index = strtol(p + 1, &end, 10);
        bool digit = p[1] >= '0' && p[1] <= '9'; /* strtol also accepts signs and spaces */
        if (!digit || *end != ']' || index > 1000000) {
            return false;
        }
        *out = (step){.index = (int)index};
        *at = end + 1;
        return true;
    }
    if (!first && *p++ != '.') {
        return false;
    }
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

/* Records that --set stored a node; false when out of memory. */
static bool add_override(mote_document *document, const cJSON *node, const char *assignment) {
    override *entry = malloc(sizeof *entry);
    char *copy = strdup(assignment);
    if (!entry || !copy) {
        free(entry);
        free(copy);
        return false;
    }
    *entry = (override){.node = node, .assignment = copy, .next = document->overrides};
    document->overrides = entry;
    return true;
}

/* Drops the overrides within a value about to be replaced. */
static void forget_overrides(mote_document *document, const cJSON *replaced) {
    override **link = &document->overrides;
    while (*link) {
        override *entry = *link;
        if (find_way(replaced, entry->node, &(way){0})) {
            *link = entry->next;
            free(entry->assignment);
            free(entry);
        } else {
            link = &entry->next;
        }
    }
}

/* Replaces a member or an entry. Avoids cJSON_ReplaceItemInObject, which continues without a name
 * when out of memory. */
static mote_status replace_child(mote_document *document, cJSON *parent, const step *s, cJSON *old,
                                 cJSON *child) {
    if (s->index < 0 && !(child->string = strdup(s->name))) {
        return MOTE_MEMORY;
    }
    forget_overrides(document, old);
    cJSON_ReplaceItemViaPointer(parent, old, child);
    return MOTE_OK;
}

/* Adds a child, or replaces an existing one. MOTE_INVALID if there is no such place. Deletes the
 * child on failure. */
static mote_status put_child(mote_document *document, cJSON *parent, const step *s, cJSON *child,
                             const char *assignment) {
    cJSON *old = child_at(parent, s);
    mote_status status = MOTE_OK;
    if (s->index >= 0 ? !old : !cJSON_IsObject(parent)) {
        status = MOTE_INVALID;
    } else if (!add_override(document, child, assignment)) {
        status = MOTE_MEMORY;
    } else if (old) {
        status = replace_child(document, parent, s, old, child);
    } else if (!cJSON_AddItemToObject(parent, s->name, child)) {
        status = MOTE_MEMORY;
    }
    if (status != MOTE_OK) {
        forget_overrides(document, child);
        cJSON_Delete(child);
    }
    return status;
}

/* Walks to the parent of the last step, creating missing objects. */
static mote_status walk_to_parent(mote_document *document, const char *assignment, step *last,
                                  cJSON **parent) {
    cJSON *node = document->root;
    const char *at = assignment;
    if (!next_step(&at, true, last)) {
        return MOTE_INVALID;
    }
    while (*at != '=') {
        cJSON *child = child_at(node, last);
        if (!child) {
            child = cJSON_CreateObject();
            mote_status status =
                child ? put_child(document, node, last, child, assignment) : MOTE_MEMORY;
            if (status != MOTE_OK) {
                return status;
            }
        }
        node = child;
        if (!next_step(&at, false, last)) {
            return MOTE_INVALID;
        }
    }
    *parent = node;
    return MOTE_OK;
}

/* The JSON value in a text, or the text itself as a string. NULL when out of memory. */
static cJSON *read_value(const char *text) {
    bool out_of_memory;
    cJSON *value = parse_whole(text, NULL, &out_of_memory);
    return value || out_of_memory ? value : cJSON_CreateString(text);
}

static mote_status set_value(mote_document *document, const char *assignment, const char *text) {
    step last;
    cJSON *parent;
    mote_status status = walk_to_parent(document, assignment, &last, &parent);
    cJSON *value = status == MOTE_OK ? read_value(text) : NULL;
    if (status == MOTE_OK) {
        status = value ? put_child(document, parent, &last, value, assignment) : MOTE_MEMORY;
    }
    return status;
}

mote_status mote_document_set(mote_document *document, const char *assignment, mote_error *error) {
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment) {
        return mote_fail(error, MOTE_INVALID,
                         "--set %s: expected KEY=VALUE, such as train.epochs=3", assignment);
    }
    mote_status status = set_value(document, assignment, equals + 1);
    if (status == MOTE_MEMORY) {
        return mote_fail(error, MOTE_MEMORY, "--set %s: out of memory", assignment);
    }
    if (status != MOTE_OK) {
        return mote_fail(error, MOTE_INVALID,
                         "--set %s: there is no such place in the config; keys look like "
                         "train.epochs or model.layers[1].units",
                         assignment);
    }
    return MOTE_OK;
}
