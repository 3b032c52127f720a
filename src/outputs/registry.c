/* registry.c: the one list of outputs. */
#include "core/registry.h"
#include "mote/output.h"

#define OUTPUTS(X)                                                                                 \
    X(cross_entropy)                                                                               \
    X(mean_squared_error)                                                                          \
    X(sigmoid_cross_entropy)                                                                       \
    X(softmax_cross_entropy)

#define X(name) extern const mote_output_class mote_output_##name;
OUTPUTS(X)
#undef X

#define X(name) &mote_output_##name,
MOTE_REGISTRY(mote_output, OUTPUTS(X))
#undef X

MOTE_REGISTRY_OPEN(mote_output, "output", kind->score && kind->predict, "score and predict")
