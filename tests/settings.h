/* settings.h: settings for any class in the registries, made from its field table alone, so that
 * tests over all classes need no list of them; and arrays of numbers.
 *
 * Settings number 0 gives the required keys only. In those that follow, each field in turn takes
 * its other values, one at a time; in the last, all fields take another value at once.
 */
#ifndef MOTE_TESTS_SETTINGS_H
#define MOTE_TESTS_SETTINGS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/numbers.h"
#include "mote/field.h"

enum {
    SETTINGS_CAPACITY = 2048,
    SETTINGS_VALUE_CAPACITY = 128
};

static inline bool settings_in_range(mote_range r, double value) {
    return (r.above_minimum ? value > r.minimum : value >= r.minimum) &&
           (r.below_maximum ? value < r.maximum : value <= r.maximum);
}

/* The first candidate in the range that is neither `taken` nor the preset; else the minimum. */
static inline double settings_pick(const mote_field *field, size_t count, const double *candidates,
                                   double taken) {
    double preset = field->preset ? strtod(field->preset, NULL) : NAN;
    for (size_t i = 0; i < count; i++) {
        if (settings_in_range(field->range, candidates[i]) && candidates[i] != taken &&
            candidates[i] != preset) {
            return candidates[i];
        }
    }
    return field->range.minimum;
}

static inline double settings_number(const mote_field *field, bool second) {
    mote_range r = field->range;
    bool whole = field->kind == MOTE_FIELD_INTEGER;
    double low = isfinite(r.minimum) ? r.minimum : -1;
    double width = isfinite(r.maximum) ? r.maximum - low : 2;
    const double parts[] = {low + width / 2, low + width / 4, low + width * 3 / 4};
    const double numbers[] = {3, 2, 1, low, low + 1};
    const double few[] = {1, 2, 3}; /* where 0 is allowed, as for padding */
    const double *candidates = !whole ? parts : low == 0 ? few : numbers;
    size_t count = whole && low != 0 ? 5 : 3;
    double first = settings_pick(field, count, candidates, NAN);
    return second && !field->preset ? settings_pick(field, count, candidates, first) : first;
}

/* How many values a field is tried with besides its first, which is the preset if there is one. */
static inline size_t settings_alternatives(const mote_field *field) {
    size_t names = 0;
    while (field->choices && field->choices[names]) {
        names++;
    }
    switch (field->kind) {
    case MOTE_FIELD_INTEGER:
        return 1 + names;
    case MOTE_FIELD_NUMBER:
    case MOTE_FIELD_BOOLEAN:
    case MOTE_FIELD_INITIALIZER:
    case MOTE_FIELD_LAYERS:
        return 1;
    case MOTE_FIELD_CHOICE:
        return field->preset ? names : names - 1;
    default:
        return 0;
    }
}

/* Writes a value of the field as JSON: 0 is the first of a required field, 1 ... the
 * alternatives. */
static inline void settings_value(const mote_field *field, size_t alternative, char *text) {
    size_t capacity = SETTINGS_VALUE_CAPACITY;
    bool preset_is_true = field->preset && strcmp(field->preset, "true") == 0;
    switch (field->kind) {
    case MOTE_FIELD_INTEGER:
    case MOTE_FIELD_NUMBER:
        if (alternative > 1) { /* an integer by name */
            snprintf(text, capacity, "\"%s\"", field->choices[alternative - 2]);
        } else {
            snprintf(text, capacity, "%.15g", settings_number(field, alternative > 0));
        }
        break;
    case MOTE_FIELD_BOOLEAN:
        snprintf(text, capacity, "%s", (alternative > 0) != preset_is_true ? "true" : "false");
        break;
    case MOTE_FIELD_CHOICE: {
        size_t position = field->preset && alternative ? alternative - 1 : alternative;
        snprintf(text, capacity, "\"%s\"", field->choices[position]);
        break;
    }
    case MOTE_FIELD_INITIALIZER:
        snprintf(text, capacity, "%s", alternative ? "0.25" : "\"lecun_uniform\"");
        break;
    case MOTE_FIELD_LAYERS: /* of layers that keep every shape */
        snprintf(text, capacity, "[%s{\"type\": \"tanh\"}]",
                 alternative ? "{\"type\": \"sigmoid\"}, " : "");
        break;
    default:
        snprintf(text, capacity, "\"a\"");
        break;
    }
}

static inline size_t settings_count(const mote_field *fields) {
    size_t count = 1;
    for (const mote_field *f = fields; f->kind != MOTE_FIELD_NONE; f++) {
        count += settings_alternatives(f);
    }
    return count > 2 ? count + 1 : count;
}

/* Writes settings number 0 ... settings_count - 1 as a JSON object. Returns `text`. */
static inline const char *settings_text(const mote_field *fields, size_t number, char *text) {
    bool all = number > 0 && settings_count(fields) > 2 && number == settings_count(fields) - 1;
    size_t used = (size_t)snprintf(text, SETTINGS_CAPACITY, "{");
    size_t begin = 1; /* the number of the field's first alternative */
    for (const mote_field *f = fields; f->kind != MOTE_FIELD_NONE; f++) {
        size_t alternatives = settings_alternatives(f);
        bool varied = number >= begin && number < begin + alternatives;
        size_t alternative = varied ? number - begin + 1 : all && alternatives ? 1 : 0;
        begin += alternatives;
        if (alternative || (!f->preset && !f->optional)) {
            char value[SETTINGS_VALUE_CAPACITY];
            settings_value(f, alternative, value);
            used += (size_t)snprintf(text + used, SETTINGS_CAPACITY - used, "%s\"%s\": %s",
                                     used > 1 ? ", " : "", f->name, value);
        }
    }
    snprintf(text + used, SETTINGS_CAPACITY - used, "}");
    return text;
}

/* ---- numbers ---- */

static inline mote_real *numbers_create(size_t count) {
    mote_real *numbers = calloc(count ? count : 1, sizeof *numbers);
    if (!numbers) {
        abort();
    }
    return numbers;
}

#endif
