/* name_classes.c: renames a model's classes.
 *
 *   name_classes FROM TO NAME...
 */
#include <stdio.h>

#include "mote/mote.h"

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: name_classes FROM TO NAME...\n");
        return 2;
    }
    mote_error error = {0};
    mote_model *model = mote_model_load(argv[1], &error);
    const char *const *names = (const char *const *)(argv + 3);
    if (model && mote_model_set_class_names(model, names, (size_t)argc - 3, &error) == MOTE_OK) {
        mote_model_save(model, argv[2], &error);
    }
    mote_model_destroy(model);
    if (error.status != MOTE_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    return 0;
}
