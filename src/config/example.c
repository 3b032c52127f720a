/* example.c: how a class is configured, for help. */
#include "config/example.h"

#include <math.h>
#include <stdio.h>

enum {
    VALUE_CAPACITY = 64
};

/* A small number in the range: 3, else the middle, or 1 from the only bound. */
static double example_number(mote_range r, bool whole) {
    const double usual = 3;
    if (usual > r.minimum && usual < r.maximum) {
        return usual;
    }
    double middle = isinf(r.maximum)   ? r.minimum + 1
                    : isinf(r.minimum) ? r.maximum - 1
                                       : (r.minimum + r.maximum) / 2;
    return !whole ? middle : r.above_minimum ? ceil(middle) : floor(middle);
}

static const char *example_value(const mote_field *field, char *text) {
    switch (field->kind) {
    case MOTE_FIELD_INTEGER:
    case MOTE_FIELD_NUMBER:
        snprintf(text, VALUE_CAPACITY, "%.15g",
                 example_number(field->range, field->kind == MOTE_FIELD_INTEGER));
        return text;
    case MOTE_FIELD_BOOLEAN:
        return "true";
    case MOTE_FIELD_STRING:
    case MOTE_FIELD_PATH:
        return "\"text\"";
    case MOTE_FIELD_CHOICE:
        snprintf(text, VALUE_CAPACITY, "\"%s\"", field->choices[0]);
        return text;
    case MOTE_FIELD_INITIALIZER:
        return "\"he_normal\"";
    case MOTE_FIELD_LAYERS:
        return "[{\"type\": \"relu\"}]";
    case MOTE_FIELD_PART:
    case MOTE_FIELD_NONE:
        break;
    }
    return "{}";
}

const char *mote_example(const char *example, const char *selector, const char *name,
                         const mote_field *fields, char *text) {
    if (example) {
        return example;
    }
    size_t capacity = MOTE_EXAMPLE_CAPACITY;
    size_t used = (size_t)snprintf(text, capacity, "{\"%s\": \"%s\"", selector, name);
    for (const mote_field *f = fields; f->kind != MOTE_FIELD_NONE && used < capacity; f++) {
        if (!f->preset && !f->optional) {
            char value[VALUE_CAPACITY];
            used += (size_t)snprintf(text + used, capacity - used, ", \"%s\": %s", f->name,
                                     example_value(f, value));
        }
    }
    if (used < capacity) {
        snprintf(text + used, capacity - used, "}");
    }
    return text;
}
