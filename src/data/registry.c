/* registry.c: the one list of formats. */
#include "data/format.h"

#include <string.h>

#define FORMATS(X)                                                                                 \
    X(idx)                                                                                         \
    X(synthetic_digits)

#define X(name) extern const mote_format_class mote_format_##name;
FORMATS(X)
#undef X

static const mote_format_class *const classes[] = {
#define X(name) &mote_format_##name,
    FORMATS(X)
#undef X
        NULL,
};

const mote_format_class *const *mote_format_classes(void) {
    return classes;
}

const mote_format_class *mote_format_class_find(const char *type) {
    for (size_t i = 0; classes[i]; i++) {
        if (strcmp(classes[i]->type, type) == 0) {
            return classes[i];
        }
    }
    return NULL;
}
