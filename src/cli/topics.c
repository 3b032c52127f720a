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

enum {
    LINE_COLUMNS = 80,
    INDENT = 8
};

/* Prints a text that goes on after `used` columns, in lines that fit on a screen. */
static void print_wrapped(const char *text, size_t used) {
    while (*text) {
        size_t length = strcspn(text, " ");
        char word[MOTE_EXPECTED_CAPACITY];
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        if (used + 1 + columns_of(word) > LINE_COLUMNS) {
            printf("\n%*s", INDENT - 1, "");
            used = INDENT - 1;
        }
        printf(" %s", word);
        used += 1 + columns_of(word);
        text += length + strspn(text + length, " ");
    }
    printf("\n");
}

static void print_field(const mote_field *f) {
    char expected[MOTE_EXPECTED_CAPACITY], text[2 * MOTE_EXPECTED_CAPACITY];
    snprintf(text, sizeof text, "%s; %s%s", mote_field_expected(f, expected),
             f->preset     ? "default "
             : f->optional ? "optional"
                           : "must be given",
             f->preset ? f->preset : "");
    printf("    \"%s\":", f->name);
    print_wrapped(text, strlen(f->name) + strlen("    \"\":"));
    printf("%*s", INDENT - 1, "");
    print_wrapped(f->help, INDENT - 1);
}

static void print_class(const char *type, const char *summary, const mote_field *fields) {
    printf("%s:", type);
    print_wrapped(summary, strlen(type) + 1);
    for (const mote_field *f = fields; f->kind != MOTE_FIELD_NONE; f++) {
        print_field(f);
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

static void print_layers(void) {
    PRINT_ALL(mote_layer_classes());
}

static void print_outputs(void) {
    PRINT_ALL(mote_output_classes());
}

static void print_optimizers(void) {
    PRINT_ALL(mote_optimizer_classes());
}

static void print_schedules(void) {
    PRINT_ALL(mote_schedule_classes());
}

static void print_datasets(void) {
    PRINT_ALL(mote_format_classes());
    print_class("all of them", "keys that every format takes", mote_dataset_fields());
}

const cli_topic help_topics[] = {
    {"layers", print_layers},       {"outputs", print_outputs},   {"optimizers", print_optimizers},
    {"schedules", print_schedules}, {"datasets", print_datasets}, {0},
};
