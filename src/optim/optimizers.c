/* optimizers.c: the one list of optimizers, and what they share. */
#include "core/registry.h"
#include "mote/optimizer.h"

#define OPTIMIZERS(X)                                                                              \
    X(adamw)                                                                                       \
    X(sgd)

#define X(name) extern const mote_optimizer_class mote_optimizer_##name;
OPTIMIZERS(X)
#undef X

#define X(name) &mote_optimizer_##name,
MOTE_REGISTRY(mote_optimizer, OPTIMIZERS(X))
#undef X

MOTE_REGISTRY_OPEN(mote_optimizer, "optimizer", kind->state_count && kind->update,
                   "state_count and update")

mote_step mote_step_create(const mote_optimizer *optimizer, double learning_rate, uint64_t number) {
    mote_step step = {.learning_rate = learning_rate, .number = number};
    if (optimizer->kind->prepare) {
        optimizer->kind->prepare(optimizer, &step);
    }
    return step;
}
