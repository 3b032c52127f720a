/* registry.c: the one list of formats. */
#include "core/registry.h"
#include "data/format.h"

#define FORMATS(X)                                                                                 \
    X(cifar)                                                                                       \
    X(csv)                                                                                         \
    X(idx)                                                                                         \
    X(images)                                                                                      \
    X(inline)                                                                                      \
    X(synthetic_digits)

#define X(name) extern const mote_format_class mote_format_##name;
FORMATS(X)
#undef X

#define X(name) &mote_format_##name,
MOTE_REGISTRY(mote_format, FORMATS(X))
#undef X
