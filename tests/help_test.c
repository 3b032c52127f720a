/* help_test.c: the examples that help shows are valid examples of their classes. */
#include <criterion/criterion.h>

#include "config/example.h"
#include "config/fields.h"
#include "data/dataset.h"
#include "data/format.h"
#include "networks.h"
#include "train/options.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* Parses an example, which must be one line and name the class. */
static mote_document *parse(const char *example, const char *selector, const char *name) {
    mote_error error = {0};
    mote_document *document =
        mote_document_parse(example, strlen(example), NULL, "example", &error);
    cr_assert(document, "%s: %s", example, error.message);
    const char *found = mote_json_selector(mote_document_root(document), selector, &error);
    cr_expect(found && strcmp(found, name) == 0, "%s is no example of %s", example, name);
    cr_expect_null(strchr(example, '\n'), "%s", example);
    return document;
}

Test(examples, of_layers_can_be_built) {
    const mote_shape shapes[] = {mote_shape_vector(10), mote_shape_vector(784),
                                 mote_shape_image(1, 28, 28), mote_shape_image(16, 14, 14)};
    size_t count = 0;
    for (const mote_layer_class *const *kind = mote_layer_classes(); *kind; kind++, count++) {
        char text[MOTE_EXAMPLE_CAPACITY];
        const char *example =
            mote_example((*kind)->example, "type", (*kind)->type, (*kind)->fields, text);
        mote_document *document = parse(example, "type", (*kind)->type);
        mote_error error = {0};
        bool taken = false;
        for (size_t i = 0; i < COUNT(shapes); i++) {
            error = (mote_error){0};
            mote_model *model = mote_model_create(shapes[i], &error);
            taken = mote_sequence_append(model->layers, *kind, mote_document_root(document), "type",
                                         &error) == MOTE_OK ||
                    taken;
            mote_model_destroy(model);
        }
        cr_expect(taken, "%s fits nothing: %s", example, error.message);
        mote_document_destroy(document);
    }
    cr_assert_gt(count, 0);
}

Test(examples, of_outputs_can_be_built) {
    size_t count = 0;
    for (const mote_output_class *const *kind = mote_output_classes(); *kind; kind++, count++) {
        char text[MOTE_EXAMPLE_CAPACITY], json[2 * MOTE_EXAMPLE_CAPACITY];
        const char *example =
            mote_example((*kind)->example, "type", (*kind)->type, (*kind)->fields, text);
        mote_document_destroy(parse(example, "type", (*kind)->type));
        snprintf(json, sizeof json, "{\"layers\": [{\"type\": \"%s\"}], \"output\": %s}",
                 (*kind)->takes == MOTE_TAKES_PROBABILITIES ? "softmax" : "tanh", example);
        mote_error error = {0};
        mote_model *model = network_create(json, mote_shape_vector(10), &error);
        cr_expect(model, "%s: %s", example, error.message);
        mote_model_destroy(model);
    }
    cr_assert_gt(count, 0);
}

/* As part of a config's "train". */
static void check_train(const char *key, const char *example) {
    char json[2 * MOTE_EXAMPLE_CAPACITY];
    snprintf(json, sizeof json, "{\"%s\": %s}", key, example);
    mote_error error = {0};
    mote_train_options options;
    mote_document *document = mote_document_parse(json, strlen(json), NULL, "train", &error);
    cr_assert(document, "%s", error.message);
    cr_expect_eq(mote_train_options_read(&options, mote_document_root(document), &error), MOTE_OK,
                 "%s: %s", example, error.message);
    mote_train_options_free(&options);
    mote_document_destroy(document);
}

Test(examples, of_optimizers_and_schedules_can_be_read) {
    size_t count = 0;
    char text[MOTE_EXAMPLE_CAPACITY];
    for (const mote_optimizer_class *const *kind = mote_optimizer_classes(); *kind;
         kind++, count++) {
        const char *example =
            mote_example((*kind)->example, "type", (*kind)->type, (*kind)->fields, text);
        mote_document_destroy(parse(example, "type", (*kind)->type));
        check_train("optimizer", example);
    }
    for (const mote_schedule_class *const *kind = mote_schedule_classes(); *kind; kind++, count++) {
        const char *example =
            mote_example((*kind)->example, "type", (*kind)->type, (*kind)->fields, text);
        mote_document_destroy(parse(example, "type", (*kind)->type));
        check_train("schedule", example);
    }
    cr_assert_gt(count, 1);
}

/* As part of a config's "dataset", for samples that are images. */
Test(examples, of_augmentations_can_be_read) {
    size_t count = 0;
    for (const mote_augmentation_class *const *kind = mote_augmentation_classes(); *kind;
         kind++, count++) {
        char text[MOTE_EXAMPLE_CAPACITY], json[2 * MOTE_EXAMPLE_CAPACITY];
        const char *example =
            mote_example((*kind)->example, "type", (*kind)->type, (*kind)->fields, text);
        mote_document_destroy(parse(example, "type", (*kind)->type));
        snprintf(json, sizeof json, "[%s]", example);
        mote_error error = {0};
        mote_document *list = mote_document_parse(json, strlen(json), NULL, "augment", &error);
        cr_assert(list, "%s", error.message);
        mote_augment_list read;
        cr_expect_eq(mote_augment_list_read(&read, mote_document_root(list),
                                            mote_shape_image(3, 32, 32), &error),
                     MOTE_OK, "%s: %s", example, error.message);
        mote_augment_list_free(&read);
        mote_document_destroy(list);
    }
    cr_assert_gt(count, 0);
}

/* Their files may be missing. */
Test(examples, of_datasets_can_be_opened) {
    size_t count = 0;
    for (const mote_format_class *const *kind = mote_format_classes(); *kind; kind++, count++) {
        char text[MOTE_EXAMPLE_CAPACITY];
        const char *example =
            mote_example((*kind)->example, "format", (*kind)->type, (*kind)->fields, text);
        mote_document *document = parse(example, "format", (*kind)->type);
        mote_error error = {0};
        mote_dataset *dataset = mote_dataset_open(mote_document_root(document), 1, NULL, &error);
        cr_expect(dataset || error.status == MOTE_FILE, "%s: %s", example, error.message);
        mote_dataset_destroy(dataset);
        mote_document_destroy(document);
    }
    cr_assert_gt(count, 0);
}
