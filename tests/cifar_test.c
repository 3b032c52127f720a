/* cifar_test.c: the binary files of CIFAR-10 and CIFAR-100. */
#include <stdint.h>

#include "data/dataset.h"
#include "scratch.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    PIXELS = 3072
};

TestSuite(cifar, .init = scratch_enter, .fini = scratch_leave);

static uint8_t pixel(unsigned seed, size_t picture, size_t i) {
    return (uint8_t)(seed * 50 + picture * 13 + i % 251);
}

/* Writes `count` pictures: picture i has the label (first + i) % 10 or, with two labels,
 * (first + i) % 20 and (first + 3 i) % 100. */
static void write_file(const char *name, size_t count, size_t labels, unsigned first) {
    static uint8_t bytes[64 * (PIXELS + 2)];
    uint8_t *at = bytes;
    cr_assert_leq(count, (size_t)64);
    for (size_t picture = 0; picture < count; picture++) {
        *at++ = (uint8_t)((first + picture) % (labels == 1 ? 10 : 20));
        if (labels == 2) {
            *at++ = (uint8_t)((first + 3 * picture) % 100);
        }
        for (size_t i = 0; i < PIXELS; i++) {
            *at++ = pixel(first, picture, i);
        }
    }
    scratch_write(scratch_path(name), bytes, (size_t)(at - bytes));
}

static void write_names(const char *name, size_t count, const char *end) {
    char text[4096];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "thing_%zu%s", i, end);
    }
    scratch_write(scratch_path(name), text, used);
}

static const char *const BATCHES[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                      "data_batch_4.bin", "data_batch_5.bin"};

static void write_cifar10(void) {
    for (unsigned i = 0; i < COUNT(BATCHES); i++) {
        write_file(BATCHES[i], 4, 1, i + 1);
    }
    write_file("test_batch.bin", 3, 1, 9);
    write_names("batches.meta.txt", 10, "\n\n"); /* the real one ends with an empty line */
}

static void write_cifar100(void) {
    write_file("train.bin", 40, 2, 1);
    write_file("test.bin", 8, 2, 7);
    write_names("fine_label_names.txt", 100, "\n");
    write_names("coarse_label_names.txt", 20, "\r\n");
}

static bool listen(void *context, const mote_load_event *event) {
    if (event->notice) {
        snprintf(context, SCRATCH_TEXT, "%s", event->notice);
    }
    return true;
}

static mote_dataset *load(const char *keys, bool test_only, char *notice, mote_error *error) {
    char json[SCRATCH_TEXT];
    snprintf(json, sizeof json, "{\"format\": \"cifar\", \"directory\": \"%s\"%s}",
             scratch_directory, keys);
    mote_document *document = mote_document_parse(json, strlen(json), NULL, "dataset", error);
    mote_loading loading = {
        .test_only = test_only, .listener = notice ? listen : NULL, .listener_context = notice};
    mote_dataset *dataset =
        document ? mote_dataset_open(mote_document_root(document), 1, &loading, error) : NULL;
    if (dataset && mote_dataset_load(dataset, &loading, error) != MOTE_OK) {
        mote_dataset_destroy(dataset);
        dataset = NULL;
    }
    mote_document_destroy(document);
    return dataset;
}

static void expect_picture(const mote_part *part, size_t index, uint32_t label, unsigned seed,
                           size_t picture) {
    cr_expect_eq(part->samples->labels[index], label, "picture %zu: label %u, not %u", index,
                 part->samples->labels[index], label);
    for (size_t i = 0; i < PIXELS; i++) {
        cr_assert_eq(part->samples->bytes[index * PIXELS + i], pixel(seed, picture, i),
                     "picture %zu, byte %zu", index, i);
    }
}

Test(cifar, reads_cifar_10_in_the_order_of_its_files) {
    write_cifar10();
    mote_error error = {0};
    char notice[SCRATCH_TEXT] = "";
    mote_dataset *dataset = load("", false, notice, &error);
    cr_assert(dataset, "%s", error.message);
    cr_expect_str_eq(notice, "");
    cr_expect(mote_shape_equal(mote_dataset_shape(dataset), mote_shape_image(3, 32, 32)));
    cr_expect_eq(mote_dataset_classes(dataset), (size_t)10);
    cr_expect_str_eq(mote_dataset_class_name(dataset, 9), "thing_9");
    mote_part train = mote_dataset_part(dataset, MOTE_TRAINING);
    mote_part test = mote_dataset_part(dataset, MOTE_TEST);
    cr_assert_eq(train.count, (size_t)20);
    cr_assert_eq(test.count, (size_t)3);
    for (size_t i = 0; i < 20; i++) {
        expect_picture(&train, i, (uint32_t)((i / 4 + 1 + i % 4) % 10), (unsigned)(i / 4 + 1),
                       i % 4);
    }
    for (size_t i = 0; i < 3; i++) {
        expect_picture(&test, i, (uint32_t)((9 + i) % 10), 9, i);
    }
    cr_expect_str_eq(mote_dataset_input(dataset), "{\"format\":\"cifar\"}");
    mote_dataset_destroy(dataset);
}

Test(cifar, reads_cifar_100_with_either_label) {
    write_cifar100();
    static const struct {
        const char *keys;
        size_t classes, step;
        const char *last;
    } rows[] = {{"", 100, 3, "thing_99"},
                {", \"labels\": \"fine\"", 100, 3, "thing_99"},
                {", \"labels\": \"coarse\"", 20, 1, "thing_19"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_error error = {0};
        mote_dataset *dataset = load(rows[i].keys, false, NULL, &error);
        cr_assert(dataset, "%s", error.message);
        cr_expect_eq(mote_dataset_classes(dataset), rows[i].classes);
        cr_expect_str_eq(mote_dataset_class_name(dataset, rows[i].classes - 1), rows[i].last);
        mote_part train = mote_dataset_part(dataset, MOTE_TRAINING);
        cr_assert_eq(train.count, (size_t)40);
        for (size_t k = 0; k < 40; k++) {
            expect_picture(&train, k, (uint32_t)((1 + rows[i].step * k) % rows[i].classes), 1, k);
        }
        mote_dataset_destroy(dataset);
    }
}

Test(cifar, does_without_a_test_part_and_without_names) {
    write_cifar10();
    remove(scratch_path("test_batch.bin"));
    remove(scratch_path("batches.meta.txt"));
    mote_error error = {0};
    char notice[SCRATCH_TEXT] = "";
    mote_dataset *dataset = load("", false, notice, &error);
    cr_assert(dataset, "%s", error.message);
    cr_expect_str_eq(notice,
                     scratch_expand("{D}/batches.meta.txt: no such file: classes are called "
                                    "by their numbers",
                                    ""));
    cr_expect_eq(mote_dataset_part(dataset, MOTE_TEST).count, (size_t)0);
    cr_expect_str_eq(mote_dataset_class_name(dataset, 3), "3");
    mote_dataset_destroy(dataset);
}

/* The content of the training files does not matter then. */
Test(cifar, reads_the_test_part_alone_where_nothing_else_is_wanted) {
    write_cifar10();
    scratch_write(scratch_path("data_batch_2.bin"), "x", 1);
    mote_error error = {0};
    mote_dataset *dataset = load("", true, NULL, &error);
    cr_assert(dataset, "%s", error.message);
    cr_expect_eq(mote_dataset_part(dataset, MOTE_TEST).count, (size_t)3);
    cr_expect_eq(mote_dataset_classes(dataset), (size_t)10);
    mote_dataset_destroy(dataset);
}

/* ---- what is wrong with files ---- */

static void damage_label(void) {
    write_file("data_batch_3.bin", 4, 1, 3);
    FILE *stream = fopen(scratch_path("data_batch_3.bin"), "r+b");
    cr_assert(stream);
    fseek(stream, 2 * 3073, SEEK_SET);
    fputc(10, stream);
    fclose(stream);
}

static void cut(void) {
    static const uint8_t bytes[3 * 3073 - 1];
    scratch_write(scratch_path("data_batch_2.bin"), bytes, sizeof bytes);
}

static void empty(void) {
    scratch_write(scratch_path("data_batch_1.bin"), "", 0);
}

static void lose_a_batch(void) {
    remove(scratch_path("data_batch_4.bin"));
}

static void lose_all(void) {
    lose_a_batch();
    remove(scratch_path("data_batch_1.bin"));
}

static void lose_a_name(void) {
    write_names("batches.meta.txt", 9, "\n");
}

static void nothing(void) {}

Test(cifar, files_that_are_damaged_or_missing_are_refused_with_the_reason) {
    static const struct {
        void (*damage)(void);
        const char *keys;
        mote_status status;
        const char *message;
    } rows[] = {
        {damage_label, "", MOTE_DATA,
         "{D}/data_batch_3.bin: damaged: the label of picture 2 (counted from 0), at byte 6146, is "
         "10, but CIFAR-10 has 10 classes"},
        {cut, "", MOTE_DATA,
         "{D}/data_batch_2.bin: not a complete file of CIFAR-10: of its 9218 bytes, the last 3072 "
         "are not a whole picture of 3073"},
        {empty, "", MOTE_DATA, "{D}/data_batch_1.bin: the file is empty"},
        {lose_a_batch, "", MOTE_FILE,
         "{D}/data_batch_4.bin: cannot be opened: No such file or directory"},
        {lose_all, "", MOTE_FILE,
         "{D}/data_batch_1.bin: no such file, and no train.bin of CIFAR-100 (datasets/get.sh "
         "fetches cifar10 and cifar100)"},
        {lose_a_name, "", MOTE_DATA, "{D}/batches.meta.txt: holds 9 class names instead of 10"},
        {nothing, ", \"labels\": \"coarse\"", MOTE_INVALID,
         "dataset.labels: CIFAR-10, in {D}, has no \"coarse\" labels; CIFAR-100 has"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_cifar10();
        rows[i].damage();
        mote_error error = {0};
        cr_expect_null(load(rows[i].keys, false, NULL, &error));
        scratch_expect_error(&error, rows[i].status, rows[i].message, "", rows[i].message);
    }
}
