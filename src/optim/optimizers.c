/* optimizers.c: the one list of optimizers. */
#include "core/registry.h"
#include "mote/optimizer.h"

#define OPTIMIZERS(X) X(sgd)

#define X(name)       extern const mote_optimizer_class mote_optimizer_##name;
OPTIMIZERS(X)
#undef X

#define X(name) &mote_optimizer_##name,
MOTE_REGISTRY(mote_optimizer, OPTIMIZERS(X))
#undef X

MOTE_REGISTRY_OPEN(mote_optimizer, "optimizer", kind->state_count && kind->update,
                   "state_count and update")
