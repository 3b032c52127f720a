/* optimizers.c: the one list of optimizers. */
#include "mote/optimizer.h"

#include <string.h>

#define OPTIMIZERS(X) X(sgd)

#define X(name)       extern const mote_optimizer_class mote_optimizer_##name;
OPTIMIZERS(X)
#undef X

static const mote_optimizer_class *const classes[] = {
#define X(name) &mote_optimizer_##name,
    OPTIMIZERS(X)
#undef X
        NULL,
};

const mote_optimizer_class *const *mote_optimizer_classes(void) {
    return classes;
}

const mote_optimizer_class *mote_optimizer_class_find(const char *type) {
    for (size_t i = 0; classes[i]; i++) {
        if (strcmp(classes[i]->type, type) == 0) {
            return classes[i];
        }
    }
    return NULL;
}
