/* schedules.c: the one list of schedules. */
#include "mote/optimizer.h"

#include <string.h>

#define SCHEDULES(X)                                                                               \
    X(constant)                                                                                    \
    X(cosine)

#define X(name) extern const mote_schedule_class mote_schedule_##name;
SCHEDULES(X)
#undef X

static const mote_schedule_class *const classes[] = {
#define X(name) &mote_schedule_##name,
    SCHEDULES(X)
#undef X
        NULL,
};

const mote_schedule_class *const *mote_schedule_classes(void) {
    return classes;
}

const mote_schedule_class *mote_schedule_class_find(const char *type) {
    for (size_t i = 0; classes[i]; i++) {
        if (strcmp(classes[i]->type, type) == 0) {
            return classes[i];
        }
    }
    return NULL;
}
