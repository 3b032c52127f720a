/* registry.c: the one list of layers. */
#include "mote/layer.h"

#include <string.h>

#define LAYERS(X)                                                                                  \
    X(average_pool2d)                                                                              \
    X(batch_norm)                                                                                  \
    X(conv2d)                                                                                      \
    X(dense)                                                                                       \
    X(dropout)                                                                                     \
    X(elu)                                                                                         \
    X(flatten)                                                                                     \
    X(gelu)                                                                                        \
    X(global_average_pool)                                                                         \
    X(layer_norm)                                                                                  \
    X(leaky_relu)                                                                                  \
    X(max_pool2d)                                                                                  \
    X(relu)                                                                                        \
    X(residual)                                                                                    \
    X(sigmoid)                                                                                     \
    X(silu)                                                                                        \
    X(softmax)                                                                                     \
    X(tanh)

#define X(name) extern const mote_layer_class mote_layer_##name;
LAYERS(X)
#undef X

static const mote_layer_class *const classes[] = {
#define X(name) &mote_layer_##name,
    LAYERS(X)
#undef X
        NULL,
};

const mote_layer_class *const *mote_layer_classes(void) {
    return classes;
}

const mote_layer_class *mote_layer_class_find(const char *type) {
    for (size_t i = 0; classes[i]; i++) {
        if (strcmp(classes[i]->type, type) == 0) {
            return classes[i];
        }
    }
    return NULL;
}
