/* registry.c: the one list of augmentations. */
#include "core/registry.h"
#include "mote/augmentation.h"

#define AUGMENTATIONS(X)                                                                           \
    X(crop)                                                                                        \
    X(cutout)                                                                                      \
    X(elastic)                                                                                     \
    X(flip)                                                                                        \
    X(rotate)                                                                                      \
    X(scale)                                                                                       \
    X(shift)

#define X(name) extern const mote_augmentation_class mote_augmentation_##name;
AUGMENTATIONS(X)
#undef X

#define X(name) &mote_augmentation_##name,
MOTE_REGISTRY(mote_augmentation, AUGMENTATIONS(X))
#undef X

MOTE_REGISTRY_OPEN(mote_augmentation, "augmentation", !kind->map != !kind->apply,
                   "either map or apply")
