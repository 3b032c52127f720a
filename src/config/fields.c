/* fields.c: JSON objects to structs and back, driven by field tables. */
#include "config/fields.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"

static const double LARGEST_INTEGER = 9007199254740992.0; /* 2^53: JSON numbers are doubles */

static const char *const initializer_names[] = {
#define X(name, text) [MOTE_INITIALIZER_##name] = text,
    MOTE_INITIALIZERS(X)
#undef X
};

enum {
    INITIALIZER_COUNT = sizeof initializer_names / sizeof *initializer_names
};

/* The names that a CHOICE, INTEGER, PATH or INITIALIZER accepts, indexed by the value they stand
 * for. The one at `absent`, if any, is not accepted: a constant is given as a number instead. */
typedef struct name_list {
    const char *const *names;
    size_t count, absent;
} name_list;

static name_list names_of(const mote_field *field) {
    name_list list = {0};
    if (field->kind == MOTE_FIELD_INITIALIZER) {
        list = (name_list){initializer_names, INITIALIZER_COUNT, MOTE_INITIALIZER_CONSTANT};
    } else if (field->choices) {
        list.names = field->choices;
        while (list.names[list.count]) {
            list.count++;
        }
        list.absent = list.count;
    }
    return list;
}

/* The position of a text in the list, or -1. */
static int find_text(const name_list *list, const char *text) {
    for (size_t i = 0; i < list->count; i++) {
        if (i != list->absent && strcmp(text, list->names[i]) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int find_name(const name_list *list, const cJSON *node) {
    return cJSON_IsString(node) ? find_text(list, node->valuestring) : -1;
}

/* ---- what a field expects, in words ---- */

static void describe_range(const mote_field *field, const char *noun, char *text) {
    mote_range r = field->range;
    if (isinf(r.minimum) && isinf(r.maximum)) {
        snprintf(text, MOTE_EXPECTED_CAPACITY, "%s", noun);
    } else if (isinf(r.maximum)) {
        snprintf(text, MOTE_EXPECTED_CAPACITY, "%s %s %.16g", noun,
                 r.above_minimum ? ">" : ">=", r.minimum);
    } else {
        snprintf(text, MOTE_EXPECTED_CAPACITY, "%s %s %.16g and %s %.16g", noun,
                 r.above_minimum ? ">" : ">=", r.minimum, r.below_maximum ? "<" : "<=", r.maximum);
    }
}

/* Appends the names to the text. */
static void describe_names(const char *lead, const mote_field *field, char *text) {
    name_list list = names_of(field);
    size_t used = strlen(text);
    used += (size_t)snprintf(text + used, MOTE_EXPECTED_CAPACITY - used, "%s", lead);
    for (size_t i = 0; i < list.count && used < MOTE_EXPECTED_CAPACITY; i++) {
        if (i != list.absent) {
            used += (size_t)snprintf(text + used, MOTE_EXPECTED_CAPACITY - used, "%s\"%s\"",
                                     i ? ", " : "", list.names[i]);
        }
    }
}

char *mote_field_expected(const mote_field *field, char *text) {
    text[0] = '\0';
    switch (field->kind) {
    case MOTE_FIELD_INTEGER:
        describe_range(field, "an integer", text);
        if (field->choices) {
            describe_names(" or ", field, text);
        }
        break;
    case MOTE_FIELD_NUMBER:
        describe_range(field, "a number", text);
        break;
    case MOTE_FIELD_BOOLEAN:
        snprintf(text, MOTE_EXPECTED_CAPACITY, "true or false");
        break;
    case MOTE_FIELD_STRING:
        snprintf(text, MOTE_EXPECTED_CAPACITY, "a string");
        break;
    case MOTE_FIELD_PATH:
        snprintf(text, MOTE_EXPECTED_CAPACITY, "the path of a file or directory");
        if (field->choices) {
            describe_names(", or ", field, text);
        }
        break;
    case MOTE_FIELD_CHOICE:
        describe_names("one of ", field, text);
        break;
    case MOTE_FIELD_INITIALIZER:
        describe_names("a number or one of ", field, text);
        break;
    case MOTE_FIELD_LAYERS:
        snprintf(text, MOTE_EXPECTED_CAPACITY, "a list of layers");
        break;
    case MOTE_FIELD_PART:
        snprintf(text, MOTE_EXPECTED_CAPACITY, "%s", field->takes ? field->takes : "an object");
        break;
    case MOTE_FIELD_NONE:
        break;
    }
    return text;
}

/* ---- reading ---- */

static void *place_of(const mote_field *field, const mote_binding *binding) {
    return (char *)binding->target + field->offset;
}

static bool in_range(mote_range r, double value) {
    return isfinite(value) && (r.above_minimum ? value > r.minimum : value >= r.minimum) &&
           (r.below_maximum ? value < r.maximum : value <= r.maximum);
}

static bool read_initializer(const mote_field *field, const cJSON *node, mote_initializer *out) {
    if (cJSON_IsNumber(node) && isfinite(node->valuedouble)) {
        *out = (mote_initializer){.kind = MOTE_INITIALIZER_CONSTANT, .constant = node->valuedouble};
        return true;
    }
    name_list list = names_of(field);
    int kind = find_name(&list, node);
    *out = (mote_initializer){.kind = (mote_initializer_kind)(kind >= 0 ? kind : 0)};
    return kind >= 0;
}

static bool read_choice(const mote_field *field, const cJSON *node, int *out) {
    name_list list = names_of(field);
    int position = find_name(&list, node);
    *out = position >= 0 ? position : 0;
    return position >= 0;
}

static bool read_integer(const mote_field *field, const cJSON *node, size_t *out) {
    name_list list = names_of(field);
    int position = find_name(&list, node);
    double number = cJSON_IsNumber(node) ? node->valuedouble : NAN;
    bool valid = in_range(field->range, number) && number == floor(number) && number >= 0 &&
                 number <= LARGEST_INTEGER;
    *out = position >= 0 ? MOTE_NAMED_INTEGER((size_t)position) : valid ? (size_t)number : 0;
    return position >= 0 || valid;
}

/* A copy of a string, or of a path relative to the document's directory; NULL when out of
 * memory. */
static char *copy_text(const mote_field *field, mote_json value) {
    const char *text = value.node->valuestring;
    name_list list = names_of(field);
    return field->kind == MOTE_FIELD_STRING || find_name(&list, value.node) >= 0
               ? strdup(text)
               : mote_path_join(value.document ? mote_document_directory(value.document) : "",
                                text);
}

static mote_status store_text(const mote_field *field, mote_json value, char **place) {
    bool may_be_empty = field->kind == MOTE_FIELD_STRING;
    if (!cJSON_IsString(value.node) || (!may_be_empty && !value.node->valuestring[0])) {
        return MOTE_INVALID;
    }
    *place = copy_text(field, value);
    return *place ? MOTE_OK : MOTE_MEMORY;
}

static mote_status valid_if(bool valid) {
    return valid ? MOTE_OK : MOTE_INVALID;
}

/* Stores a value of the right kind and range; MOTE_INVALID for any other. */
static mote_status store(const mote_field *field, mote_json value, void *place) {
    const cJSON *node = value.node;
    double number = cJSON_IsNumber(node) ? node->valuedouble : NAN;
    switch (field->kind) {
    case MOTE_FIELD_INTEGER:
        return valid_if(read_integer(field, node, place));
    case MOTE_FIELD_NUMBER:
        *(double *)place = number;
        return valid_if(in_range(field->range, number));
    case MOTE_FIELD_BOOLEAN:
        *(bool *)place = cJSON_IsTrue(node);
        return valid_if(cJSON_IsBool(node));
    case MOTE_FIELD_STRING:
    case MOTE_FIELD_PATH:
        return store_text(field, value, place);
    case MOTE_FIELD_CHOICE:
        return valid_if(read_choice(field, node, place));
    case MOTE_FIELD_INITIALIZER:
        return valid_if(read_initializer(field, node, place));
    case MOTE_FIELD_PART:
        *(mote_json *)place = value;
        return MOTE_OK;
    case MOTE_FIELD_LAYERS:
        return valid_if(cJSON_IsArray(node));
    case MOTE_FIELD_NONE:
        break;
    }
    return MOTE_INVALID;
}

static void suggest_name(const mote_field *field, const cJSON *node, char *text) {
    name_list list = names_of(field);
    mote_suggestion suggestion = mote_suggest(cJSON_IsString(node) ? node->valuestring : "");
    for (size_t i = 0; cJSON_IsString(node) && i < list.count; i++) {
        if (i != list.absent) {
            mote_suggest_candidate(&suggestion, list.names[i]);
        }
    }
    mote_suggestion_text(&suggestion, text);
}

static mote_status read_given(const mote_field *field, mote_json value, void *place,
                              mote_error *error) {
    mote_status status = store(field, value, place);
    if (status != MOTE_INVALID) {
        return status == MOTE_OK ? MOTE_OK : mote_fail(error, status, "out of memory");
    }
    char expected[MOTE_EXPECTED_CAPACITY], found[MOTE_JSON_FOUND_CAPACITY];
    char suggestion[MOTE_SUGGESTION_CAPACITY];
    suggest_name(field, value.node, suggestion);
    return mote_fail_at(value, error, "expected %s, found %s%s",
                        mote_field_expected(field, expected), mote_json_found(value, found),
                        suggestion);
}

static mote_status read_preset(const mote_field *field, mote_json object, void *place,
                               mote_error *error) {
    if (!field->preset) {
        if (field->optional) {
            return MOTE_OK; /* the struct was zeroed */
        }
        char expected[MOTE_EXPECTED_CAPACITY];
        return mote_fail_at(object, error, "the key \"%s\" is missing (%s: %s)", field->name,
                            mote_field_expected(field, expected), field->help);
    }
    assert(field->kind != MOTE_FIELD_PART && "a PART is a view: its default would not last");
    bool out_of_memory;
    cJSON *node = mote_json_parse(field->preset, strlen(field->preset), &out_of_memory);
    mote_status status = out_of_memory ? MOTE_MEMORY : MOTE_INVALID;
    if (node) {
        status = store(field, (mote_json){.document = object.document, .node = node}, place);
        cJSON_Delete(node);
    }
    if (status == MOTE_INVALID) { /* in the table of a class registered at run time */
        char expected[MOTE_EXPECTED_CAPACITY];
        return mote_fail_at(object, error, "the default of the key \"%s\" is %s, but should be %s",
                            field->name, field->preset, mote_field_expected(field, expected));
    }
    return status == MOTE_OK ? MOTE_OK : mote_fail(error, status, "out of memory");
}

static const mote_field *find_field(const char *name, const mote_binding *bindings, size_t count) {
    for (size_t b = 0; b < count; b++) {
        for (const mote_field *f = bindings[b].fields; f->kind != MOTE_FIELD_NONE; f++) {
            if (strcmp(f->name, name) == 0) {
                return f;
            }
        }
    }
    return NULL;
}

/* Appends a key to "; available: type, units", or "..." in place of those that do not fit. */
static size_t append_key(char *text, size_t used, const char *name) {
    static const char cut[] = ", ...";
    bool first = text[used - 1] == ':';
    if (!text[used] && used + 2 + strlen(name) < MOTE_NAMES_CAPACITY - sizeof cut) {
        return used + (size_t)sprintf(text + used, "%s%s", first ? " " : ", ", name);
    }
    strcpy(text + used, cut);
    return used;
}

/* Lists all keys, for when none is similar to the unknown one. Returns `text`. */
static char *list_keys(const char *selector, const mote_binding *bindings, size_t count,
                       char *text) {
    size_t used = (size_t)sprintf(text, "; available:");
    used = selector ? append_key(text, used, selector) : used;
    for (size_t b = 0; b < count; b++) {
        for (const mote_field *f = bindings[b].fields; f->kind != MOTE_FIELD_NONE; f++) {
            used = append_key(text, used, f->name);
        }
    }
    if (text[used - 1] == ':') { /* there are none */
        text[0] = '\0';
    }
    return text;
}

static mote_status fail_unknown_key(mote_json member, const char *selector,
                                    const mote_binding *bindings, size_t count, mote_error *error) {
    mote_suggestion suggestion = mote_suggest(member.node->string);
    for (size_t b = 0; b < count; b++) {
        for (const mote_field *f = bindings[b].fields; f->kind != MOTE_FIELD_NONE; f++) {
            mote_suggest_candidate(&suggestion, f->name);
        }
    }
    if (selector) {
        mote_suggest_candidate(&suggestion, selector);
    }
    char text[MOTE_NAMES_CAPACITY];
    return mote_fail_at_key(member, error, "there is no such key here%s",
                            suggestion.best ? mote_suggestion_text(&suggestion, text)
                                            : list_keys(selector, bindings, count, text));
}

/* Each key must be known and appear only once. */
static mote_status check_keys(mote_json object, const char *selector, const mote_binding *bindings,
                              size_t count, mote_error *error) {
    for (const cJSON *node = object.node->child; node; node = node->next) {
        mote_json member = {.document = object.document, .node = node};
        bool known = (selector && strcmp(node->string, selector) == 0) ||
                     find_field(node->string, bindings, count);
        if (!known) {
            return fail_unknown_key(member, selector, bindings, count, error);
        }
        if (cJSON_GetObjectItemCaseSensitive(object.node, node->string) != node) {
            return mote_fail_at_key(member, error, "this key is given twice");
        }
    }
    return MOTE_OK;
}

mote_status mote_fields_read(mote_json object, const char *selector, const mote_binding *bindings,
                             size_t count, mote_error *error) {
    if (object.node && !cJSON_IsObject(object.node)) {
        char found[MOTE_JSON_FOUND_CAPACITY];
        return mote_fail_at(object, error, "expected an object, found %s",
                            mote_json_found(object, found));
    }
    if (object.node && check_keys(object, selector, bindings, count, error)) {
        return MOTE_INVALID;
    }
    for (size_t b = 0; b < count; b++) {
        for (const mote_field *f = bindings[b].fields; f->kind != MOTE_FIELD_NONE; f++) {
            void *place = place_of(f, &bindings[b]);
            mote_json value = mote_json_member(object, f->name);
            mote_status status = value.node ? read_given(f, value, place, error)
                                            : read_preset(f, object, place, error);
            if (status != MOTE_OK) {
                return status;
            }
        }
    }
    return MOTE_OK;
}

void mote_fields_free(const mote_field *fields, void *target) {
    for (const mote_field *f = fields; f->kind != MOTE_FIELD_NONE; f++) {
        if (f->kind == MOTE_FIELD_STRING || f->kind == MOTE_FIELD_PATH) {
            char **place = (char **)(void *)((char *)target + f->offset);
            free(*place);
            *place = NULL;
        }
    }
}

/* ---- writing ---- */

/* NULL if not even the directory exists. */
static char *absolute_path(const char *path) {
    char *absolute = realpath(path, NULL);
    if (absolute) {
        return absolute;
    }
    char *directory = mote_path_directory(path);
    char *place = directory ? realpath(directory[0] ? directory : ".", NULL) : NULL;
    const char *slash = strrchr(path, '/');
    absolute = place ? mote_path_join(place, slash ? slash + 1 : path) : NULL;
    free(directory);
    free(place);
    return absolute;
}

/* Absolute, so that the written config means the same wherever it is moved. */
static cJSON *write_path(const mote_field *field, const char *path) {
    name_list list = names_of(field);
    char *absolute = find_text(&list, path) < 0 ? absolute_path(path) : NULL;
    cJSON *node = cJSON_CreateString(absolute ? absolute : path);
    free(absolute);
    return node;
}

static cJSON *write_initializer(const mote_initializer *initializer) {
    return initializer->kind == MOTE_INITIALIZER_CONSTANT
               ? mote_json_number(initializer->constant)
               : cJSON_CreateString(initializer_names[initializer->kind]);
}

static void write_integer(mote_json_writer *writer, const mote_field *field, size_t value,
                          cJSON *object) {
    size_t position = SIZE_MAX - value;
    if (position < names_of(field).count) {
        mote_json_add_string(writer, object, field->name, field->choices[position]);
    } else {
        mote_json_add_number(writer, object, field->name, (double)value);
    }
}

void mote_fields_write(mote_json_writer *writer, const mote_field *fields, const void *target,
                       cJSON *object) {
    for (const mote_field *f = fields; f->kind != MOTE_FIELD_NONE; f++) {
        const void *place = (const char *)target + f->offset;
        switch (f->kind) {
        case MOTE_FIELD_INTEGER:
            write_integer(writer, f, *(const size_t *)place, object);
            break;
        case MOTE_FIELD_NUMBER:
            mote_json_add_number(writer, object, f->name, *(const double *)place);
            break;
        case MOTE_FIELD_BOOLEAN:
            mote_json_add_boolean(writer, object, f->name, *(const bool *)place);
            break;
        case MOTE_FIELD_STRING:
            if (*(char *const *)place) {
                mote_json_add_string(writer, object, f->name, *(char *const *)place);
            }
            break;
        case MOTE_FIELD_PATH:
            if (*(char *const *)place) {
                mote_json_add(writer, object, f->name, write_path(f, *(char *const *)place));
            }
            break;
        case MOTE_FIELD_CHOICE:
            mote_json_add_string(writer, object, f->name, f->choices[*(const int *)place]);
            break;
        case MOTE_FIELD_INITIALIZER:
            mote_json_add(writer, object, f->name, write_initializer(place));
            break;
        case MOTE_FIELD_PART:
        case MOTE_FIELD_LAYERS:
        case MOTE_FIELD_NONE:
            break;
        }
    }
}

/* ---- selectors ---- */

const char *mote_json_selector(mote_json object, const char *selector, mote_error *error) {
    char found[MOTE_JSON_FOUND_CAPACITY];
    if (!cJSON_IsObject(object.node)) {
        mote_fail_at(object, error, "expected an object with a \"%s\", found %s", selector,
                     mote_json_found(object, found));
        return NULL;
    }
    mote_json value = mote_json_member(object, selector);
    if (!value.node) {
        mote_fail_at(object, error, "the key \"%s\" is missing", selector);
        return NULL;
    }
    if (!cJSON_IsString(value.node)) {
        mote_fail_at(value, error, "expected a string, found %s", mote_json_found(value, found));
        return NULL;
    }
    return value.node->valuestring;
}

mote_status mote_fail_unknown(mote_json object, const char *selector, const char *what,
                              mote_name_at *name_at, bool plugins, mote_error *error) {
    mote_json value = mote_json_member(object, selector);
    const char *name = value.node->valuestring;
    bool generated = mote_document_is_generated(object.document);
    mote_suggestion suggestion = generated ? mote_suggest(name) : mote_suggest_among(name, name_at);
    char text[MOTE_NAMES_CAPACITY] = "";
    if (suggestion.best) {
        mote_suggestion_text(&suggestion, text);
    } else if (!generated) {
        mote_list_names(name_at, text);
    }
    const char *advice =
        plugins && !suggestion.best ? "; if a plugin provides it, pass --plugin FILE.so" : "";
    return mote_fail_at(value, error, "no %s is called \"%s\"%s%s", what, name, text, advice);
}
