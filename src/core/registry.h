/* registry.h: lists of classes, such as layers: the built-in ones, which a file lists in a table of
 * its own, and those registered at run time.
 *
 *     #define LAYERS(X) X(dense) X(relu)
 *
 *     #define X(name) extern const mote_layer_class mote_layer_##name;
 *     LAYERS(X)
 *     #undef X
 *
 *     #define X(name) &mote_layer_##name,
 *     MOTE_REGISTRY(mote_layer, LAYERS(X))
 *
 * defines mote_layer_classes and mote_layer_class_find.
 */
#ifndef MOTE_CORE_REGISTRY_H
#define MOTE_CORE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "mote/field.h"
#include "mote/status.h"

/* Fixed, so that a list, once returned, never moves. */
#define MOTE_REGISTRY_CAPACITY 255

#define MOTE_REGISTRY(prefix, ...)                                                                 \
    static const prefix##_class *classes[MOTE_REGISTRY_CAPACITY + 1] = {__VA_ARGS__};              \
                                                                                                   \
    const prefix##_class *const *prefix##_classes(void) {                                          \
        return classes;                                                                            \
    }                                                                                              \
                                                                                                   \
    const prefix##_class *prefix##_class_find(const char *type) {                                  \
        for (size_t i = 0; classes[i]; i++) {                                                      \
            if (strcmp(classes[i]->type, type) == 0) {                                             \
                return classes[i];                                                                 \
            }                                                                                      \
        }                                                                                          \
        return NULL;                                                                               \
    }

/* What all kinds of classes have in common, for a class to be registered. */
typedef struct mote_candidate {
    const char *what; /* "layer" */
    const char *type;
    size_t size, least_size; /* of its struct, and of the base that all such structs begin with */
    const mote_field *fields;
    const char *summary;
    bool complete;      /* it has the required functions, */
    const char *wanted; /* which are these */
} mote_candidate;

/* Whether a candidate can be added to a list of `listed` classes; `taken`: one of them has its
 * type. */
mote_status mote_candidate_check(const mote_candidate *candidate, bool taken, size_t listed,
                                 mote_error *error);

/* After MOTE_REGISTRY: defines mote_layer_register, for classes whose struct begins with a
 * mote_layer. `is_complete` is an expression over `kind`. */
#define MOTE_REGISTRY_OPEN(prefix, name_of_kind, is_complete, names_of_functions)                  \
    mote_status prefix##_register(const prefix##_class *kind, mote_error *error) {                 \
        size_t count = 0;                                                                          \
        while (classes[count]) {                                                                   \
            count++;                                                                               \
        }                                                                                          \
        mote_candidate candidate = {.what = name_of_kind,                                          \
                                    .type = kind->type,                                            \
                                    .size = kind->size,                                            \
                                    .least_size = sizeof(prefix),                                  \
                                    .fields = kind->fields,                                        \
                                    .summary = kind->summary,                                      \
                                    .complete = is_complete,                                       \
                                    .wanted = names_of_functions};                                 \
        bool taken = kind->type && prefix##_class_find(kind->type);                                \
        mote_status status = mote_candidate_check(&candidate, taken, count, error);                \
        if (status == MOTE_OK) {                                                                   \
            classes[count] = kind;                                                                 \
        }                                                                                          \
        return status;                                                                             \
    }

#endif
