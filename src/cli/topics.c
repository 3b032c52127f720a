/* topics.c: help out of the field tables. */
#include "cli/topics.h"

#include <stdio.h>
#include <string.h>

#include "config/fields.h"
#include "data/dataset.h"
#include "data/format.h"
#include "mote/layer.h"
#include "mote/optimizer.h"
#include "mote/output.h"

static void print_class(const char *type, const char *summary, const mote_field *fields) {
    printf("%s: %s\n", type, summary);
    for (const mote_field *f = fields; f->kind != MOTE_FIELD_NONE; f++) {
        char expected[MOTE_EXPECTED_CAPACITY];
        printf("    \"%s\": %s; ", f->name, mote_field_expected(f, expected));
        if (f->preset) {
            printf("default %s\n", f->preset);
        } else {
            printf(f->optional ? "optional\n" : "must be given\n");
        }
        printf("        %s\n", f->help);
    }
    printf("\n");
}

/* The class records have the same first members, but different types. */
#define PRINT_ALL(classes)                                                                         \
    do {                                                                                           \
        for (size_t i = 0; (classes)[i]; i++) {                                                    \
            print_class((classes)[i]->type, (classes)[i]->summary, (classes)[i]->fields);          \
        }                                                                                          \
    } while (0)

bool topic_print(const char *topic) {
    if (strcmp(topic, "layers") == 0) {
        PRINT_ALL(mote_layer_classes());
    } else if (strcmp(topic, "outputs") == 0) {
        PRINT_ALL(mote_output_classes());
    } else if (strcmp(topic, "optimizers") == 0) {
        PRINT_ALL(mote_optimizer_classes());
    } else if (strcmp(topic, "schedules") == 0) {
        PRINT_ALL(mote_schedule_classes());
    } else if (strcmp(topic, "datasets") == 0) {
        PRINT_ALL(mote_format_classes());
        print_class("all of them", "keys that every format takes", mote_dataset_fields());
    } else {
        return false;
    }
    return true;
}
