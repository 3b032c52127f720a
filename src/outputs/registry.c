/* registry.c: the one list of outputs. */
#include "mote/output.h"

#include <string.h>

#define OUTPUTS(X)                                                                                 \
    X(cross_entropy)                                                                               \
    X(mean_squared_error)                                                                          \
    X(sigmoid_cross_entropy)                                                                       \
    X(softmax_cross_entropy)

#define X(name) extern const mote_output_class mote_output_##name;
OUTPUTS(X)
#undef X

static const mote_output_class *const classes[] = {
#define X(name) &mote_output_##name,
    OUTPUTS(X)
#undef X
        NULL,
};

const mote_output_class *const *mote_output_classes(void) {
    return classes;
}

const mote_output_class *mote_output_class_find(const char *type) {
    for (size_t i = 0; classes[i]; i++) {
        if (strcmp(classes[i]->type, type) == 0) {
            return classes[i];
        }
    }
    return NULL;
}
