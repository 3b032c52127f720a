/* schedules.c: the one list of schedules. */
#include "core/registry.h"
#include "mote/optimizer.h"

#define SCHEDULES(X)                                                                               \
    X(constant)                                                                                    \
    X(cosine)                                                                                      \
    X(on_plateau)                                                                                  \
    X(one_cycle)                                                                                   \
    X(step)

#define X(name) extern const mote_schedule_class mote_schedule_##name;
SCHEDULES(X)
#undef X

#define X(name) &mote_schedule_##name,
MOTE_REGISTRY(mote_schedule, SCHEDULES(X))
#undef X

MOTE_REGISTRY_OPEN(mote_schedule, "schedule", kind->factor, "factor")
