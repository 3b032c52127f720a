/* topics.c: help generated from the field tables. */
#include "cli/topics.h"

#include <stdio.h>
#include <string.h>

#include "config/example.h"
#include "config/fields.h"
#include "data/dataset.h"
#include "data/format.h"
#include "mote/augmentation.h"
#include "mote/layer.h"
#include "mote/optimizer.h"
#include "mote/output.h"
#include "train/experiment.h"

enum {
    LINE_COLUMNS = 80,
    INDENT = 8
};

/* Prints a text that starts after `used` columns, wrapped to fit the screen. */
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
                           : "required",
             f->preset ? f->preset : "");
    printf("    \"%s\":", f->name);
    print_wrapped(text, strlen(f->name) + strlen("    \"\":"));
    printf("%*s", INDENT - 1, "");
    print_wrapped(f->help, INDENT - 1);
}

static void print_fields(const mote_field *fields) {
    for (const mote_field *f = fields; f->kind != MOTE_FIELD_NONE; f++) {
        print_field(f);
    }
}

/* Prints "dense: fully connected ..." and the keys. */
static void print_group(const char *name, const char *summary, const mote_field *fields) {
    printf("%s:", name);
    print_wrapped(summary, strlen(name) + 1);
    print_fields(fields);
}

static void print_example(const char *example) {
    static const char lead[] = "    example:";
    printf("%s", lead);
    print_wrapped(example, strlen(lead));
}

/* ---- topics ---- */

/* A help topic: a section of a config. Its members are classes, such as those of layers, or keys,
 * such as those of "train". */
typedef struct topic {
    const char *name;
    mote_name_at *name_at; /* of the members */
    void (*print)(void);   /* all of them */
    void (*print_member)(size_t index);
} topic;

static void print_shared_dataset_keys(void) {
    print_group("all of them", "keys that every format accepts", mote_dataset_fields());
}

/* The class records have these members in common, but different types. `print_rest` is printed
 * after the classes. */
#define CLASS_TOPIC(topic, classes, selector, print_rest)                                          \
    static const char *topic##_name_at(size_t index) {                                             \
        return classes()[index] ? classes()[index]->type : NULL;                                   \
    }                                                                                              \
                                                                                                   \
    static void print_##topic(void) {                                                              \
        for (size_t i = 0; classes()[i]; i++) {                                                    \
            print_group(classes()[i]->type, classes()[i]->summary, classes()[i]->fields);          \
            printf("\n");                                                                          \
        }                                                                                          \
        print_rest;                                                                                \
    }                                                                                              \
                                                                                                   \
    static void print_##topic##_member(size_t index) {                                             \
        char text[MOTE_EXAMPLE_CAPACITY];                                                          \
        print_group(classes()[index]->type, classes()[index]->summary, classes()[index]->fields);  \
        print_rest;                                                                                \
        print_example(mote_example(classes()[index]->example, selector, classes()[index]->type,    \
                                   classes()[index]->fields, text));                               \
    }

CLASS_TOPIC(datasets, mote_format_classes, "format", print_shared_dataset_keys())
CLASS_TOPIC(augmentations, mote_augmentation_classes, "type", (void)0)
CLASS_TOPIC(layers, mote_layer_classes, "type", (void)0)
CLASS_TOPIC(outputs, mote_output_classes, "type", (void)0)
CLASS_TOPIC(optimizers, mote_optimizer_classes, "type", (void)0)
CLASS_TOPIC(schedules, mote_schedule_classes, "type", (void)0)

/* A topic of keys alone. The table ends with a NULL name. */
#define KEYS_TOPIC(topic, fields, summary, example)                                                \
    static const char *topic##_name_at(size_t index) {                                             \
        return fields()[index].name;                                                               \
    }                                                                                              \
                                                                                                   \
    static void print_##topic(void) {                                                              \
        print_group(#topic, summary, fields());                                                    \
        print_example(example);                                                                    \
    }                                                                                              \
                                                                                                   \
    static void print_##topic##_member(size_t index) {                                             \
        print_field(&fields()[index]);                                                             \
    }

KEYS_TOPIC(
    config, mote_experiment_fields, "what a config file contains",
    "{\"name\": \"digits\", \"seed\": 1, \"dataset\": {\"format\": \"synthetic_digits\"}, "
    "\"model\": {\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 10}], "
    "\"output\": {\"type\": \"softmax_cross_entropy\"}}, \"train\": {\"epochs\": 5}}")
KEYS_TOPIC(train, mote_train_options_fields, "how to train, \"train\" in a config",
           "{\"epochs\": 20, \"batch_size\": 64, \"optimizer\": {\"type\": \"sgd\", "
           "\"learning_rate\": 0.05, \"momentum\": 0.9}, \"schedule\": {\"type\": \"cosine\"}}")
KEYS_TOPIC(checkpoint, mote_checkpoint_options_fields,
           "when a run saves everything needed to resume it, in \"train\"",
           "{\"every_minutes\": 5, \"keep\": 2}")
KEYS_TOPIC(early_stopping, mote_early_stopping_fields,
           "when to stop because validation no longer improves, in \"train\"; the best weights are "
           "kept, those of the highest accuracy or, without classes, of the lowest loss",
           "{\"patience\": 5, \"metric\": \"accuracy\"}")
KEYS_TOPIC(metrics, mote_metrics_options_fields,
           "what to write to metrics.jsonl besides a line per epoch, in \"train\"",
           "{\"every_steps\": 100, \"norms\": true}")

#define TOPIC(name)                                                                                \
    { #name, name##_name_at, print_##name, print_##name##_member }

static const topic topics[] = {
    TOPIC(config),     TOPIC(train),          TOPIC(datasets),   TOPIC(augmentations),
    TOPIC(layers),     TOPIC(outputs),        TOPIC(optimizers), TOPIC(schedules),
    TOPIC(checkpoint), TOPIC(early_stopping), TOPIC(metrics),    {0},
};

const char help_topics[] = "config, train, datasets, augmentations, layers, outputs, optimizers,\n "
                           "       schedules, checkpoint, early_stopping, metrics; or a single "
                           "entry: layers.dense,\n        train.epochs, seed";

/* ---- finding one ---- */

static const char *topic_name_at(size_t index) {
    return topics[index].name;
}

/* The index of the member of that name; SIZE_MAX if there is none. */
static size_t find_member(const topic *t, const char *name) {
    for (size_t i = 0; t->name_at(i); i++) {
        if (strcmp(t->name_at(i), name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Prints a member of a topic. If there is none of that name, `more` suggests the nearest or lists
 * all. */
static bool print_member_called(const topic *t, const char *name, char *more) {
    size_t index = find_member(t, name);
    if (index != SIZE_MAX) {
        t->print_member(index);
        return true;
    }
    mote_suggestion suggestion = mote_suggest_among(name, t->name_at);
    if (!suggestion.best) {
        mote_list_names(t->name_at, more);
        return false;
    }
    char full[MOTE_SUGGESTION_CAPACITY];
    snprintf(full, sizeof full, "%s.%s", t->name, suggestion.best);
    suggestion.best = full;
    mote_suggestion_text(&suggestion, more);
    return false;
}

/* Considers `compared`; if it is the nearest so far, suggests a copy of `suggested`, in `kept`. */
static void consider(mote_suggestion *suggestion, const char *compared, const char *suggested,
                     char kept[MOTE_SUGGESTION_CAPACITY]) {
    mote_suggest_candidate(suggestion, compared);
    if (suggestion->best == compared) {
        snprintf(kept, MOTE_SUGGESTION_CAPACITY, "%s", suggested);
        suggestion->best = kept;
    }
}

/* Suggests a topic, or a member by its full name, "layers.dense", or its own. */
static void suggest_topic(const char *name, char *more) {
    char full[MOTE_SUGGESTION_CAPACITY], kept[MOTE_SUGGESTION_CAPACITY];
    mote_suggestion suggestion = mote_suggest(name);
    for (const topic *t = topics; t->name; t++) {
        consider(&suggestion, t->name, t->name, kept);
        for (size_t i = 0; t->name_at(i); i++) {
            bool top = t->print == print_config;
            snprintf(full, sizeof full, "%s%s%s", top ? "" : t->name, top ? "" : ".",
                     t->name_at(i));
            consider(&suggestion, t->name_at(i), full, kept);
            consider(&suggestion, full, full, kept);
        }
    }
    if (suggestion.best) {
        mote_suggestion_text(&suggestion, more);
    } else {
        mote_list_names(topic_name_at, more);
    }
}

/* The topic named by the first `length` characters; NULL if there is none. */
static const topic *find_topic(const char *name, size_t length) {
    for (const topic *t = topics; t->name; t++) {
        if (strlen(t->name) == length && strncmp(t->name, name, length) == 0) {
            return t;
        }
    }
    return NULL;
}

bool help_print(const char *name, char more[MOTE_NAMES_CAPACITY]) {
    size_t length = strcspn(name, ".");
    const topic *found = find_topic(name, length), *config = find_topic("config", 6);
    if (found && name[length]) {
        return print_member_called(found, name + length + 1, more);
    }
    size_t key = find_member(config, name);
    if (found) {
        found->print();
    } else if (key != SIZE_MAX) {
        config->print_member(key);
    } else {
        suggest_topic(name, more);
        return false;
    }
    return true;
}
