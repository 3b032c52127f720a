/* registry.c: the one list of layers. */
#include "core/registry.h"
#include "mote/layer.h"

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

#define X(name) &mote_layer_##name,
MOTE_REGISTRY(mote_layer, LAYERS(X))
#undef X

MOTE_REGISTRY_OPEN(mote_layer, "layer",
                   (kind->forward && kind->backward) || kind->reshapes ||
                       (kind->forward_elements && kind->backward_elements),
                   "forward and backward, or forward_elements and backward_elements")
