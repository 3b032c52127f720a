/* data_test.c: IDX files, splitting, normalisation, batches, synthetic digits, samples in the
 * config, and figure and ground. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/dataset.h"
#include "data/idx.h"
#include "data/image.h"
#include "mote/random.h"
#include "scratch.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* ---- IDX ---- */

static size_t from_hex(const char *hex, unsigned char *bytes) {
    size_t count = 0;
    for (const char *at = hex; *at; at++) {
        unsigned byte;
        if (*at != ' ' && sscanf(at, "%2x", &byte) == 1) {
            bytes[count++] = (unsigned char)byte;
            at++;
        }
    }
    return count;
}

static void write_gzip(const char *path, const void *bytes, size_t count) {
    gzFile stream = gzopen(path, "wb");
    cr_assert(stream);
    cr_assert_eq(gzwrite(stream, bytes, (unsigned)count), (int)count);
    cr_assert_eq(gzclose(stream), Z_OK);
}

/* Writes a file given in hexadecimal to the directory; none for NULL. */
static void write_hex(const char *name, const char *ending, const char *hex) {
    if (hex) {
        unsigned char bytes[512];
        char full[64];
        snprintf(full, sizeof full, "%s%s", name, ending);
        (*ending ? write_gzip : scratch_write)(scratch_path(full), bytes, from_hex(hex, bytes));
    }
}

/* Opens and loads {"format": ..., "directory": the scratch directory, <keys>}. */
static mote_dataset *load_keys(const char *format, const char *keys, uint64_t seed,
                               mote_error *error) {
    char json[2 * SCRATCH_TEXT];
    snprintf(json, sizeof json, "{\"format\": \"%s\"%s%s}", format, *keys ? ", " : "", keys);
    mote_document *document = mote_document_parse(json, strlen(json), NULL, "dataset", error);
    mote_dataset *dataset =
        document ? mote_dataset_open(mote_document_root(document), seed, NULL, error) : NULL;
    if (dataset && mote_dataset_load(dataset, NULL, error) != MOTE_OK) {
        mote_dataset_destroy(dataset);
        dataset = NULL;
    }
    mote_document_destroy(document);
    return dataset;
}

static mote_dataset *load_idx(const char *keys, mote_error *error) {
    char all[SCRATCH_TEXT];
    snprintf(all, sizeof all, "\"directory\": \"%s\"%s%s", scratch_directory, *keys ? ", " : "",
             keys);
    return load_keys("idx", all, 1, error);
}

static const char *const FILES[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

/* Two images of 2 × 3, and their labels. */
#define IMAGES "00000803 00000002 00000002 00000003 000102030405 fafbfcfdfeff"
#define LABELS "00000801 00000002 0100"

TestSuite(idx, .init = scratch_enter, .fini = scratch_leave);

typedef struct bad_idx {
    const char *files[4]; /* hexadecimal; NULL: none */
    const char *keys;
    mote_status status;
    const char *message;
} bad_idx;

static void check_bad_idx(const bad_idx *row, const char *ending) {
    for (size_t i = 0; i < 4; i++) {
        write_hex(FILES[i], ending, row->files[i]);
    }
    mote_error error = {0};
    mote_dataset *dataset = load_idx(row->keys ? row->keys : "", &error);
    cr_expect_null(dataset, "%s", row->message);
    scratch_expect_error(&error, row->status, row->message, ending, row->message);
    mote_dataset_destroy(dataset);
    for (size_t i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", FILES[i], ending);
        remove(scratch_path(name));
    }
}

Test(idx, files_that_do_not_fit_are_refused_with_the_reason) {
    static const bad_idx rows[] = {
        {{"00000803 00000002 00000002 00000003 000102030405 fafbfcfdfe", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: the header promises 2 images of 2 × 3, the data ends "
         "after 1"},
        {{"00000803 00000002 00000002 00000003", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: the header promises 2 images of 2 × 3, the data ends "
         "after 0"},
        {{IMAGES "00", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: the header promises 2 images of 2 × 3, but the data goes "
         "on after them"},
        {{IMAGES, "00000801 00000002 01"},
         NULL,
         MOTE_DATA,
         "{D}/train-labels-idx1-ubyte{Z}: the header promises 2 labels, the data ends after 1"},
        {{IMAGES, "00000801 00000002 010000"},
         NULL,
         MOTE_DATA,
         "{D}/train-labels-idx1-ubyte{Z}: the header promises 2 labels, but the data goes on after "
         "them"},
        {{"00000803 ffffffff 00000002 00000003 0001", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: the header promises 4294967295 images of 2 × 3, far more "
         "than such a small file can hold"},
        {{"00000804 ffffffff ffffffff ffffffff ffffffff", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: the header promises 4294967295 images of 4294967295 × "
         "4294967295 × 4294967295, far more than such a small file can hold"},
        {{"", LABELS}, NULL, MOTE_DATA, "{D}/train-images-idx3-ubyte{Z}: the file is empty"},
        {{"000008", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: too short to be an IDX file"},
        {{"00000803 00000002 000000", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: the file ends within its header"},
        {{"00000803", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: the file ends within its header"},
        {{"00010803 00000001 00000001 00000001 00", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: not an IDX file of unsigned bytes: expected it to start "
         "with 00 00 08 and 1 to 4 dimensions, found 00 01 08 03"},
        {{"00000d03 00000001 00000001 00000001 00000000", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: not an IDX file of unsigned bytes: expected it to start "
         "with 00 00 08 and 1 to 4 dimensions, found 00 00 0d 03"},
        {{"00000800", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: not an IDX file of unsigned bytes: expected it to start "
         "with 00 00 08 and 1 to 4 dimensions, found 00 00 08 00"},
        {{"00000805 00000001 00000001 00000001 00000001 00000001 00", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: not an IDX file of unsigned bytes: expected it to start "
         "with 00 00 08 and 1 to 4 dimensions, found 00 00 08 05"},
        {{"00000803 00000000 00000002 00000003", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: the file holds no samples: its dimension 0 is 0"},
        {{"00000803 00000002 00000002 00000000", LABELS},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: the file holds no samples: its dimension 2 is 0"},
        {{IMAGES, "00000801 00000003 010001"},
         NULL,
         MOTE_DATA,
         "{D}/train-labels-idx1-ubyte{Z}: holds 3 labels, but {D}/train-images-idx3-ubyte{Z} holds "
         "2 images"},
        {{LABELS, IMAGES},
         NULL,
         MOTE_DATA,
         "{D}/train-images-idx3-ubyte{Z}: holds labels, not images; are the names swapped?"},
        {{IMAGES, IMAGES},
         NULL,
         MOTE_DATA,
         "{D}/train-labels-idx1-ubyte{Z}: holds images, not labels; are the names swapped?"},
        {{IMAGES, LABELS, LABELS, IMAGES},
         NULL,
         MOTE_DATA,
         "{D}/t10k-images-idx3-ubyte{Z}: holds labels, not images; are the names swapped?"},
        {{NULL, LABELS},
         NULL,
         MOTE_FILE,
         "{D}/train-images-idx3-ubyte: no such file, with or without .gz (datasets/get.sh fetches "
         "mnist, fashion-mnist and kmnist)"},
        {{IMAGES, NULL},
         NULL,
         MOTE_FILE,
         "{D}/train-labels-idx1-ubyte: no such file, with or without .gz (datasets/get.sh fetches "
         "mnist, fashion-mnist and kmnist)"},
        {{IMAGES, LABELS, IMAGES, NULL},
         NULL,
         MOTE_FILE,
         "{D}: there are test images, but no test labels"},
        {{IMAGES, LABELS, NULL, LABELS},
         NULL,
         MOTE_FILE,
         "{D}: there are test labels, but no test images"},
        {{IMAGES, LABELS},
         "\"train_images\": \"none\"",
         MOTE_FILE,
         "{D}/none: cannot be opened: No such file or directory"},
        {{IMAGES, LABELS},
         "\"train_labels\": \"none\"",
         MOTE_FILE,
         "{D}/none: cannot be opened: No such file or directory"},
        {{IMAGES, LABELS},
         "\"train_images\": \".\"",
         MOTE_FILE,
         "{D}/.: cannot be read: Is a directory"},
        {{IMAGES, "00000801 00000002 0105"},
         "\"classes\": 5",
         MOTE_DATA,
         "the label of training sample 1 (counted from 0) is 5, but with \"classes\" given the "
         "last one is 4"},
        {{IMAGES, LABELS, IMAGES, "00000801 00000002 0102"},
         NULL,
         MOTE_DATA,
         "the label of test sample 1 (counted from 0) is 2, but the training labels go only up to "
         "1"},
        {{IMAGES, LABELS, "00000803 00000002 00000003 00000002 000102030405 fafbfcfdfeff", LABELS},
         NULL,
         MOTE_DATA,
         "the training samples are 1 × 2 × 3, but the test samples 1 × 3 × 2"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_bad_idx(&rows[i], "");
        check_bad_idx(&rows[i], ".gz");
    }
}

/* The compressed images, damaged. */
Test(idx, a_damaged_gzip_file_is_refused_wherever_the_damage_is) {
    unsigned char images[64], packed[512];
    size_t count = from_hex(IMAGES, images);
    const char *path = scratch_path("train-images-idx3-ubyte.gz");
    write_hex(FILES[1], "", LABELS);
    write_gzip(path, images, count);
    size_t length;
    unsigned char *bytes = scratch_read(path, &length);
    cr_assert_lt(length, sizeof packed);

    const struct {
        const char *what, *message; /* NULL: any message about that file */
        size_t from_end, flip;      /* bytes to cut off; distance of a changed byte from the end */
    } rows[] = {
        {"a wrong checksum", "the compressed data is damaged: incorrect data check", 0, 8},
        {"a wrong length", "the compressed data is damaged: incorrect length check", 0, 4},
        {"no length", "the compressed data is cut short at its very end", 4, 0},
        {"no checksum", "the compressed data is cut short at its very end", 8, 0},
        {"half of the data", NULL, 16, 0},
        {"a few bytes", NULL, length - 11, 0},
        {"damage in the middle", NULL, 0, 20},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        memcpy(packed, bytes, length);
        if (rows[i].flip) {
            packed[length - rows[i].flip] ^= 0x5a;
        }
        scratch_write(path, packed, length - rows[i].from_end);
        mote_error error = {0};
        mote_dataset *dataset = load_idx("", &error);
        cr_expect_null(dataset, "%s", rows[i].what);
        cr_expect_eq(error.status, MOTE_DATA, "%s: %s", rows[i].what,
                     mote_status_name(error.status));
        char expected[SCRATCH_TEXT];
        snprintf(expected, sizeof expected, "%s: %s", path, rows[i].message ? rows[i].message : "");
        cr_expect_eq(strncmp(error.message, expected, strlen(expected)), 0,
                     "%s:\n     found \"%s\"\n  expected \"%s\"", rows[i].what, error.message,
                     expected);
        mote_dataset_destroy(dataset);
    }
    free(bytes);
}

/* Reads samples of 2 × 3 to the end of the file; false on failure. */
static bool read_samples(const char *path, size_t capacity, uint8_t *bytes, size_t *count) {
    mote_error error = {0};
    mote_idx_reader *reader = mote_idx_open(path, &error);
    bool more = reader && mote_shape_count(mote_idx_shape(reader)) == 6;
    mote_status status = more ? MOTE_OK : MOTE_DATA;
    for (*count = 0; status == MOTE_OK && more && *count < capacity; *count += more) {
        status = mote_idx_next(reader, bytes + 6 * *count, &more, &error);
    }
    mote_idx_close(reader);
    return status == MOTE_OK;
}

/* Changing or losing any byte of a gzip file must give an error or the same content. */
Test(idx, every_changed_or_missing_byte_of_a_gzip_file_is_noticed) {
    unsigned char images[64];
    size_t count = from_hex(IMAGES, images), length;
    const char *path = scratch_path("images.gz");
    write_gzip(path, images, count);
    unsigned char *bytes = scratch_read(path, &length);
    for (size_t at = 0; at < 2 * length; at++) {
        bool cut = at >= length;
        bytes[at % length] ^= cut ? 0 : 0xff;
        scratch_write(path, bytes, cut ? at - length : length);
        bytes[at % length] ^= cut ? 0 : 0xff;
        uint8_t samples[3 * 6];
        size_t found;
        if (read_samples(path, 3, samples, &found)) {
            cr_expect_not(cut, "cut to %zu bytes of %zu", at - length, length);
            cr_expect(found == 2 && memcmp(samples, images + 16, 12) == 0, "byte %zu", at);
        }
    }
    free(bytes);
}

Test(idx, a_plain_file_named_as_compressed_is_refused) {
    unsigned char images[64];
    scratch_write(scratch_path("train-images-idx3-ubyte.gz"), images, from_hex(IMAGES, images));
    write_hex(FILES[1], "", LABELS);
    mote_error error = {0};
    cr_expect_null(load_idx("", &error));
    scratch_expect_error(&error, MOTE_DATA,
                         "{D}/train-images-idx3-ubyte.gz: not a gzip file, although its name says "
                         "so",
                         "", "plain");
}

/* Images of each rank, compressed or not, under names with and without .gz. */
Test(idx, good_files_give_every_byte) {
    static const struct {
        const char *images;
        size_t header;
        mote_shape shape;
    } rows[] = {
        {"00000802 00000002 00000006 000102030405 fafbfcfdfeff", 12, {1, {6}}},
        {IMAGES, 16, {3, {1, 2, 3}}},
        {"00000804 00000002 00000003 00000001 00000002 000102030405 fafbfcfdfeff",
         20,
         {3, {3, 1, 2}}},
    };
    static const struct {
        const char *name, *labels_name;
        bool packed;
    } names[] = {
        {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", false},
        {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", true},
        {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", true},
    };
    for (size_t i = 0; i < COUNT(rows) * COUNT(names); i++) {
        unsigned char images[64], labels[16];
        size_t row = i / COUNT(names), kind = i % COUNT(names);
        size_t count = from_hex(rows[row].images, images);
        void (*write)(const char *, const void *, size_t) =
            names[kind].packed ? write_gzip : scratch_write;
        write(scratch_path(names[kind].name), images, count);
        write(scratch_path(names[kind].labels_name), labels, from_hex(LABELS, labels));
        mote_error error = {0};
        mote_dataset *dataset = load_idx("\"normalize\": \"none\"", &error);
        cr_assert(dataset, "%s", error.message);
        mote_part part = mote_dataset_part(dataset, MOTE_TRAINING);
        char found[MOTE_SHAPE_TEXT_CAPACITY];
        cr_expect(mote_shape_equal(mote_dataset_shape(dataset), rows[row].shape), "row %zu: %s",
                  row, mote_shape_text(mote_dataset_shape(dataset), found));
        cr_expect_eq(part.count, (size_t)2);
        cr_expect_eq(memcmp(part.samples->bytes, images + rows[row].header, 12), 0, "row %zu", row);
        cr_expect(part.samples->labels[0] == 1 && part.samples->labels[1] == 0);
        cr_expect_eq(mote_dataset_classes(dataset), (size_t)2);
        cr_expect_str_eq(mote_dataset_class_name(dataset, 1), "1");
        cr_expect_eq(mote_dataset_part(dataset, MOTE_TEST).count, (size_t)0);
        mote_dataset_destroy(dataset);
        remove(scratch_path(names[kind].name));
        remove(scratch_path(names[kind].labels_name));
    }
}

Test(idx, names_of_files_and_a_test_part_are_honoured) {
    write_hex("a", "", IMAGES);
    write_hex("b", "", LABELS);
    write_hex("t10k-images-idx3-ubyte", "", IMAGES);
    write_hex("t10k-labels-idx1-ubyte", ".gz", LABELS);
    mote_error error = {0};
    mote_dataset *dataset =
        load_idx("\"train_images\": \"a\", \"train_labels\": \"b\", \"classes\": 7", &error);
    cr_assert(dataset, "%s", error.message);
    cr_expect_eq(mote_dataset_part(dataset, MOTE_TEST).count, (size_t)2);
    cr_expect_eq(mote_dataset_classes(dataset), (size_t)7);
    mote_dataset_destroy(dataset);
}

/* ---- splitting ---- */

enum {
    SPLIT_SAMPLES = 103
};

/* 50 of class 0, 33 of class 1, 20 of class 2, mixed. */
static void fill_labels(uint32_t *labels) {
    for (size_t i = 0; i < SPLIT_SAMPLES; i++) {
        size_t mixed = i * 37 % SPLIT_SAMPLES;
        labels[i] = mixed < 50 ? 0 : mixed < 83 ? 1 : 2;
    }
}

static mote_dataset *split_create(const char *json, uint64_t seed, const uint32_t *labels,
                                  mote_error *error) {
    static mote_real numbers[SPLIT_SAMPLES];
    mote_samples samples = {.count = SPLIT_SAMPLES,
                            .shape = mote_shape_vector(1),
                            .numbers = numbers,
                            .labels = labels};
    for (size_t i = 0; i < SPLIT_SAMPLES; i++) {
        numbers[i] = (mote_real)i;
    }
    return mote_dataset_from_arrays(&samples, NULL, json, seed, error);
}

Test(split, takes_the_fraction_of_each_class_and_keeps_the_order) {
    static const struct {
        const char *json;
        size_t taken[3];
    } rows[] = {
        {"{}", {0, 0, 0}},
        {"{\"validation_fraction\": 0.1}", {5, 3, 2}},
        {"{\"validation_fraction\": 0.5}", {25, 17, 10}},
        {"{\"validation_fraction\": 0.03}", {1, 1, 1}},    /* of 1.5, 0.99 and 0.6 */
        {"{\"validation_fraction\": 0.98}", {49, 32, 19}}, /* every class keeps a sample */
    };
    uint32_t labels[SPLIT_SAMPLES];
    fill_labels(labels);
    for (size_t r = 0; r < COUNT(rows); r++) {
        mote_error error = {0};
        mote_dataset *dataset = split_create(rows[r].json, 1, labels, &error);
        cr_assert(dataset, "%s", error.message);
        size_t taken[3] = {0}, seen[SPLIT_SAMPLES] = {0}, all = 0;
        for (int name = MOTE_TRAINING; name <= MOTE_VALIDATION; name++) {
            mote_part part = mote_dataset_part(dataset, (mote_part_name)name);
            all += part.count;
            for (size_t i = 0; i < part.count; i++) {
                cr_assert_lt(part.indexes[i], SPLIT_SAMPLES);
                cr_expect(i == 0 || part.indexes[i] > part.indexes[i - 1], "%s: not in order",
                          rows[r].json);
                seen[part.indexes[i]]++;
                taken[labels[part.indexes[i]]] += name == MOTE_VALIDATION;
            }
        }
        for (size_t i = 0; i < SPLIT_SAMPLES; i++) {
            cr_expect_eq(seen[i], (size_t)1, "%s: sample %zu is in %zu parts", rows[r].json, i,
                         seen[i]);
        }
        for (size_t c = 0; c < 3; c++) {
            cr_expect_eq(taken[c], rows[r].taken[c], "%s: %zu of class %zu, expected %zu",
                         rows[r].json, taken[c], c, rows[r].taken[c]);
        }
        cr_expect_eq(all, (size_t)SPLIT_SAMPLES);
        mote_dataset_destroy(dataset);
    }
}

static bool same_validation(const mote_dataset *a, const mote_dataset *b) {
    mote_part x = mote_dataset_part(a, MOTE_VALIDATION), y = mote_dataset_part(b, MOTE_VALIDATION);
    return x.count == y.count && memcmp(x.indexes, y.indexes, x.count * sizeof *x.indexes) == 0;
}

Test(split, follows_from_the_seed) {
    uint32_t labels[SPLIT_SAMPLES];
    fill_labels(labels);
    const char *json = "{\"validation_fraction\": 0.3}";
    mote_dataset *one = split_create(json, 1, labels, NULL);
    mote_dataset *again = split_create(json, 1, labels, NULL);
    mote_dataset *other = split_create(json, 2, labels, NULL);
    cr_assert(one && again && other);
    cr_expect(same_validation(one, again));
    cr_expect_not(same_validation(one, other));
    mote_dataset_destroy(one);
    mote_dataset_destroy(again);
    mote_dataset_destroy(other);
}

Test(split, values_are_split_as_if_of_one_class) {
    mote_real numbers[40], values[80];
    for (size_t i = 0; i < 40; i++) {
        numbers[i] = (mote_real)i;
        values[2 * i] = (mote_real)(2 * i);
        values[2 * i + 1] = (mote_real)(2 * i + 1);
    }
    mote_samples samples = {.count = 40,
                            .shape = mote_shape_vector(1),
                            .numbers = numbers,
                            .values = values,
                            .value_width = 2};
    mote_error error = {0};
    mote_dataset *dataset = mote_dataset_from_arrays(
        &samples, NULL, "{\"validation_fraction\": 0.25, \"normalize\": \"none\"}", 3, &error);
    cr_assert(dataset, "%s", error.message);
    cr_expect_eq(mote_dataset_classes(dataset), (size_t)0);
    cr_expect_eq(mote_dataset_part(dataset, MOTE_TRAINING).count, (size_t)30);
    mote_part part = mote_dataset_part(dataset, MOTE_VALIDATION);
    cr_expect_eq(part.count, (size_t)10);
    mote_real x[10], y[20];
    mote_gather(part.samples, mote_dataset_preprocessing(dataset), NULL, part.indexes, 10, x, NULL,
                y);
    for (size_t i = 0; i < 10; i++) {
        cr_expect(x[i] == (mote_real)part.indexes[i] && y[2 * i] == 2 * x[i] &&
                      y[2 * i + 1] == 2 * x[i] + 1,
                  "sample %u: %g and %g, %g", part.indexes[i], (double)x[i], (double)y[2 * i],
                  (double)y[2 * i + 1]);
    }
    mote_dataset_destroy(dataset);
}

/* ---- what from_arrays refuses ---- */

typedef struct bad_arrays {
    mote_samples train, test;
    const char *json;
    mote_status status;
    const char *message;
} bad_arrays;

Test(arrays, that_make_no_sense_are_refused_with_the_reason) {
    static const uint8_t bytes[8];
    static const mote_real numbers[8], holding_nan[8] = {[6] = (mote_real)NAN},
                                       holding_infinity[8] = {[0] = (mote_real)INFINITY};
    static const uint32_t labels[2] = {0, 1}, wrong[2] = {0, UINT32_MAX}, far[2] = {0, 3};
    const mote_shape vector = {1, {4}};
#define SAMPLES .count = 2, .shape = vector
    const mote_samples good = {SAMPLES, .bytes = bytes, .labels = labels};
    const bad_arrays rows[] = {
        {{.count = 0, .shape = vector, .bytes = bytes, .labels = labels},
         {0},
         NULL,
         MOTE_DATA,
         "the data set holds no training samples"},
        {{.count = 2, .shape = {2, {4, 0}}, .bytes = bytes, .labels = labels},
         {0},
         NULL,
         MOTE_INVALID,
         "a training sample of 4 × 0 is not possible"},
        {{.count = 2, .shape = {9, {4}}, .bytes = bytes, .labels = labels},
         {0},
         NULL,
         MOTE_INVALID,
         "a training sample has 1 to 3 dimensions, not 9"},
        {{SAMPLES, .numbers = holding_nan, .labels = labels},
         {0},
         "{\"normalize\": \"standard\"}",
         MOTE_DATA,
         "number 2 of training sample 1 (both counted from 0) is NaN, so there is no mean to "
         "normalize by; correct the sample, or leave it out"},
        {{SAMPLES, .numbers = holding_infinity, .labels = labels},
         {0},
         "{\"normalize\": \"standard\"}",
         MOTE_DATA,
         "number 0 of training sample 0 (both counted from 0) is infinite, so there is no mean to "
         "normalize by; correct the sample, or leave it out"},
        {{SAMPLES, .labels = labels},
         {0},
         NULL,
         MOTE_INVALID,
         "the training samples need either bytes or numbers"},
        {{SAMPLES, .labels = labels, .bytes = bytes, .numbers = numbers},
         {0},
         NULL,
         MOTE_INVALID,
         "the training samples need either bytes or numbers"},
        {{SAMPLES, .bytes = bytes},
         {0},
         NULL,
         MOTE_INVALID,
         "the training samples need either labels, or values and a value_width"},
        {{SAMPLES, .bytes = bytes, .values = numbers},
         {0},
         NULL,
         MOTE_INVALID,
         "the training samples need either labels, or values and a value_width"},
        {good,
         {SAMPLES, .numbers = numbers, .labels = labels},
         NULL,
         MOTE_DATA,
         "the training samples are bytes, but the test samples are numbers"},
        {good,
         {SAMPLES, .bytes = bytes, .values = numbers, .value_width = 1},
         NULL,
         MOTE_DATA,
         "training and test samples have different kinds of targets"},
        {good,
         {.count = 1, .shape = {1, {3}}, .bytes = bytes, .labels = labels},
         NULL,
         MOTE_DATA,
         "the training samples are 4, but the test samples 3"},
        {{SAMPLES, .bytes = bytes, .labels = wrong},
         {0},
         NULL,
         MOTE_DATA,
         "there is a training label of 4294967295; labels are class numbers, counted from 0 and "
         "below 16777216"},
        {{SAMPLES, .bytes = bytes, .labels = far},
         {0},
         "{\"classes\": 3}",
         MOTE_DATA,
         "the label of training sample 1 (counted from 0) is 3, but with \"classes\" given the "
         "last one is 2"},
        {good,
         {SAMPLES, .bytes = bytes, .labels = far},
         NULL,
         MOTE_DATA,
         "the label of test sample 1 (counted from 0) is 3, but the training labels go only up to "
         "1"},
        {good,
         {0},
         "{\"validation_fraction\": 0.4}",
         MOTE_DATA,
         "a validation_fraction of 0.4 of 2 samples leaves none for validation"},
        {good,
         {0},
         "{\"validation_fraction\": 0.5}",
         MOTE_DATA,
         "a validation_fraction of 0.5 of 2 samples leaves none for validation"},
        {good,
         {0},
         "{\"validation_fraction\": 1}",
         MOTE_INVALID,
         "dataset.validation_fraction: expected a number >= 0 and < 1, found 1"},
        {good,
         {0},
         "{\"normalise\": \"unit\"}",
         MOTE_INVALID,
         "dataset.normalise: there is no such key here; did you mean \"normalize\"?"},
    };
#undef SAMPLES
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_error error = {0};
        mote_dataset *dataset = mote_dataset_from_arrays(
            &rows[i].train, rows[i].test.count ? &rows[i].test : NULL, rows[i].json, 1, &error);
        cr_expect_null(dataset, "%s", rows[i].message);
        const char *found = strstr(error.message, "dataset."); /* after line and column */
        cr_expect(error.status == rows[i].status &&
                      strcmp(found ? found : error.message, rows[i].message) == 0,
                  "\n     found %s \"%s\"\n  expected %s \"%s\"", mote_status_name(error.status),
                  error.message, mote_status_name(rows[i].status), rows[i].message);
        mote_dataset_destroy(dataset);
    }
}

/* ---- normalisation ---- */

enum {
    NORMAL_SAMPLES = 90,
    NORMAL_WIDTH = 12
};

/* Bytes and the same as numbers; the columns differ in mean and spread, the last is constant. */
static void fill_samples(uint8_t *bytes, mote_real *numbers, uint32_t *labels) {
    mote_random random = mote_random_create(5, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; i < NORMAL_SAMPLES * NORMAL_WIDTH; i++) {
        size_t column = i % NORMAL_WIDTH;
        bytes[i] = column == NORMAL_WIDTH - 1
                       ? 77
                       : (uint8_t)(10 * column + mote_random_below(&random, 20 + 10 * column));
        numbers[i] = (mote_real)bytes[i] - 40 + (mote_real)0.25;
    }
    for (size_t i = 0; i < NORMAL_SAMPLES; i++) {
        labels[i] = (uint32_t)i % 2;
    }
}

typedef struct statistics {
    double mean, deviation;
} statistics;

/* In two simple passes over the samples that `part` picks and the numbers of group `group`. */
static statistics measure_plainly(const mote_part *part, double full_scale, size_t groups,
                                  size_t group) {
    statistics s = {0};
    size_t stride = NORMAL_WIDTH / groups;
    double count = (double)(part->count * stride);
    for (int round = 0; round < 2; round++) {
        double sum = 0;
        for (size_t i = 0; i < part->count * stride; i++) {
            size_t at = part->indexes[i / stride] * NORMAL_WIDTH + group * stride + i % stride;
            double raw = part->samples->bytes ? (double)part->samples->bytes[at]
                                              : (double)part->samples->numbers[at];
            double x = raw / full_scale;
            sum += round ? (x - s.mean) * (x - s.mean) : x;
        }
        *(round ? &s.deviation : &s.mean) = round ? sqrt(sum / count) : sum / count;
    }
    s.deviation = s.deviation < 1e-12 ? 0 : s.deviation; /* the last column */
    return s;
}

typedef struct normalization {
    const char *name;
    bool bytes;
    mote_shape shape;
    size_t groups;     /* of the statistics; 0: there are none */
    double full_scale; /* what raw numbers are divided by */
} normalization;

static void check_normalization(const normalization *row) {
    static uint8_t bytes[NORMAL_SAMPLES * NORMAL_WIDTH];
    static mote_real numbers[NORMAL_SAMPLES * NORMAL_WIDTH], x[NORMAL_SAMPLES * NORMAL_WIDTH];
    static uint32_t labels[NORMAL_SAMPLES];
    fill_samples(bytes, numbers, labels);
    mote_samples samples = {.count = NORMAL_SAMPLES,
                            .shape = row->shape,
                            .bytes = row->bytes ? bytes : NULL,
                            .numbers = row->bytes ? NULL : numbers,
                            .labels = labels};
    char json[128];
    snprintf(json, sizeof json, "{\"normalize\": \"%s\", \"validation_fraction\": 0.4}", row->name);
    mote_error error = {0};
    mote_dataset *dataset = mote_dataset_from_arrays(&samples, NULL, json, 1, &error);
    cr_assert(dataset, "%s", error.message);
    const mote_preprocessing *p = mote_dataset_preprocessing(dataset);
    mote_part part = mote_dataset_part(dataset, MOTE_TRAINING);
    cr_assert_lt(part.count, (size_t)NORMAL_SAMPLES);
    cr_expect_eq(p->groups, row->groups ? row->groups : (size_t)1);
    cr_expect_eq(p->bytes, row->bytes);
    static uint32_t all[NORMAL_SAMPLES];
    for (uint32_t i = 0; i < NORMAL_SAMPLES; i++) {
        all[i] = i;
    }
    mote_gather(&samples, p, NULL, all, NORMAL_SAMPLES, x, NULL, NULL);
    for (size_t i = 0; i < NORMAL_SAMPLES * NORMAL_WIDTH; i++) {
        size_t groups = row->groups ? row->groups : 1;
        size_t group = i % NORMAL_WIDTH / (NORMAL_WIDTH / groups);
        statistics s = row->groups ? measure_plainly(&part, row->full_scale, groups, group)
                                   : (statistics){0, 1};
        cr_assert_float_eq(p->mean[group], s.mean, 1e-12, "%s: mean %.17g, expected %.17g",
                           row->name, p->mean[group], s.mean);
        double deviation = s.deviation > 0 ? s.deviation : 1;
        cr_assert_float_eq(p->deviation[group], deviation, 1e-12,
                           "%s: deviation %.17g, expected %.17g", row->name, p->deviation[group],
                           deviation);
        double raw = row->bytes ? (double)bytes[i] : (double)numbers[i];
        double expected = (raw / row->full_scale - s.mean) / deviation;
        cr_assert_float_eq((double)x[i], expected, 1e-5, "%s: number %zu: %g, expected %g",
                           row->name, i, (double)x[i], expected);
        if (s.deviation == 0) {
            cr_assert_float_eq((double)x[i], 0, 1e-6, "a constant column becomes %g", (double)x[i]);
        }
    }
    mote_dataset_destroy(dataset);
}

Test(normalize, does_what_its_formula_says_with_the_statistics_of_the_training_part) {
    static const normalization rows[] = {
        {"none", true, {3, {3, 2, 2}}, 0, 1},       {"none", false, {1, {12}}, 0, 1},
        {"unit", true, {3, {3, 2, 2}}, 0, 255},     {"unit", false, {1, {12}}, 0, 1},
        {"standard", true, {3, {3, 2, 2}}, 3, 255}, {"standard", true, {1, {12}}, 12, 255},
        {"standard", false, {3, {3, 2, 2}}, 3, 1},  {"standard", false, {1, {12}}, 12, 1},
        {"standard", true, {2, {3, 4}}, 1, 255},    {"standard", false, {2, {3, 4}}, 1, 1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_normalization(&rows[i]);
    }
}

/* A constant value that is not exact in binary must not become magnified rounding errors. */
Test(normalize, a_constant_column_of_any_value_becomes_zeros) {
    enum {
        ROWS = 10001
    };
    static mote_real numbers[2 * ROWS];
    static uint32_t labels[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        numbers[2 * i] = (mote_real)0.1;
        numbers[2 * i + 1] = (mote_real)-12345.678;
    }
    mote_samples samples = {
        .count = ROWS, .shape = mote_shape_vector(2), .numbers = numbers, .labels = labels};
    mote_dataset *dataset = mote_dataset_from_arrays(&samples, NULL, NULL, 1, NULL);
    cr_assert(dataset);
    mote_real x[2];
    mote_gather(&samples, mote_dataset_preprocessing(dataset), NULL, (uint32_t[]){3}, 1, x, NULL,
                NULL);
    cr_expect(x[0] == 0 && x[1] == 0, "%g, %g", (double)x[0], (double)x[1]);
    cr_expect_eq(mote_dataset_preprocessing(dataset)->deviation[0], 1.0);
    mote_dataset_destroy(dataset);
}

/* Years, temperatures in kelvin, counts in millions: (raw − mean) / deviation, of the numbers as
 * given. */
Test(normalize, is_exact_for_columns_far_from_0) {
    enum {
        ROWS = 1000
    };
    static const double starts[] = {2000, -273.15, 16e6, 1e30};
    static const double steps[] = {1, 1e-4, 2, 1e25};
    static mote_real numbers[ROWS * COUNT(starts)];
    static uint32_t labels[ROWS];
    for (size_t i = 0; i < ROWS * COUNT(starts); i++) {
        size_t c = i % COUNT(starts);
        numbers[i] = (mote_real)(starts[c] + steps[c] * (double)(i / COUNT(starts) % 7));
    }
    mote_samples samples = {.count = ROWS,
                            .shape = mote_shape_vector(COUNT(starts)),
                            .numbers = numbers,
                            .labels = labels};
    mote_dataset *dataset = mote_dataset_from_arrays(&samples, NULL, NULL, 1, NULL);
    cr_assert(dataset);
    for (uint32_t i = 0; i < ROWS; i++) {
        mote_real x[COUNT(starts)];
        mote_gather(&samples, mote_dataset_preprocessing(dataset), NULL, &i, 1, x, NULL, NULL);
        for (size_t c = 0; c < COUNT(starts); c++) {
            double mean = 0, squares = 0;
            for (size_t k = 0; k < ROWS; k++) {
                mean += ((double)numbers[k * COUNT(starts) + c] - starts[c]) / ROWS;
            }
            for (size_t k = 0; k < ROWS; k++) {
                double d = (double)numbers[k * COUNT(starts) + c] - starts[c] - mean;
                squares += d * d / ROWS;
            }
            double expected =
                ((double)numbers[i * COUNT(starts) + c] - starts[c] - mean) / sqrt(squares);
            cr_assert_float_eq((double)x[c], expected, 3e-7, "column %zu, row %u: %.9g, not %.9g",
                               c, i, (double)x[c], expected);
        }
    }
    mote_dataset_destroy(dataset);
}

/* ---- batches ---- */

enum {
    GATHER_SAMPLES = 50,
    GATHER_WIDTH = 784,
    GATHER_MOST = 129
};

Test(gather, is_the_plain_loop_whatever_the_count_and_the_threads) {
    static uint8_t bytes[GATHER_SAMPLES * GATHER_WIDTH];
    static mote_real numbers[GATHER_SAMPLES * GATHER_WIDTH], x[(GATHER_MOST + 1) * GATHER_WIDTH];
    static mote_real expected[GATHER_WIDTH], values[2 * GATHER_SAMPLES], y[2 * GATHER_MOST];
    uint32_t labels[GATHER_SAMPLES], indexes[GATHER_MOST], gathered[GATHER_MOST];
    mote_random random = mote_random_create(7, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; i < GATHER_SAMPLES * GATHER_WIDTH; i++) {
        bytes[i] = (uint8_t)mote_random_below(&random, 256);
        numbers[i] = (mote_real)mote_random_normal(&random);
    }
    for (uint32_t i = 0; i < GATHER_SAMPLES; i++) {
        labels[i] = i % 10;
        values[2 * i] = values[2 * i + 1] = (mote_real)i;
    }
    for (size_t i = 0; i < GATHER_MOST; i++) {
        indexes[i] = (uint32_t)mote_random_below(&random, GATHER_SAMPLES);
    }
    static const size_t counts[] = {1, 2, 3, 7, 20, 21, 22, 43, 64, 129};
    static const mote_shape shapes[] = {{1, {784}}, {3, {1, 28, 28}}, {3, {4, 14, 14}}};
    for (size_t round = 0; round < 2 * COUNT(shapes); round++) {
        bool of_bytes = round % 2;
        mote_samples samples = {.count = GATHER_SAMPLES,
                                .shape = shapes[round / 2],
                                .bytes = of_bytes ? bytes : NULL,
                                .numbers = of_bytes ? NULL : numbers,
                                .labels = labels};
        mote_dataset *dataset = mote_dataset_from_arrays(&samples, NULL, NULL, 1, NULL);
        cr_assert(dataset);
        const mote_preprocessing *p = mote_dataset_preprocessing(dataset);
        samples.values = values; /* gathering copies whatever is set */
        samples.value_width = 2;
        for (size_t threads = 1; threads <= 3; threads++) {
            mote_pool *pool = mote_pool_create(threads, NULL);
            cr_assert(pool);
            for (size_t c = 0; c < COUNT(counts); c++) {
                size_t count = counts[c];
                for (size_t k = 0; k < GATHER_WIDTH; k++) { /* what follows must stay unchanged */
                    x[count * GATHER_WIDTH + k] = -12345;
                }
                mote_gather(&samples, p, pool, indexes, count, x, gathered, y);
                for (size_t i = 0; i < count; i++) {
                    size_t at = indexes[i] * (size_t)GATHER_WIDTH;
                    if (of_bytes) {
                        mote_preprocess_bytes(p, GATHER_WIDTH, bytes + at, expected);
                    } else {
                        mote_preprocess_numbers(p, GATHER_WIDTH, numbers + at, expected);
                    }
                    cr_assert_eq(memcmp(expected, x + i * GATHER_WIDTH, sizeof expected), 0,
                                 "%zu threads, sample %zu of %zu", threads, i, count);
                    cr_assert_eq(gathered[i], indexes[i] % 10);
                    cr_assert(y[2 * i] == (mote_real)indexes[i] && y[2 * i] == y[2 * i + 1]);
                }
                for (size_t k = 0; k < GATHER_WIDTH; k++) {
                    cr_assert_eq(x[count * GATHER_WIDTH + k], -12345);
                }
            }
            mote_pool_destroy(pool);
        }
        mote_dataset_destroy(dataset);
    }
}

/* ---- synthetic digits ---- */

static mote_dataset *digits_create(const char *keys, uint64_t seed) {
    mote_error error = {0};
    mote_dataset *dataset = load_keys("synthetic_digits", keys, seed, &error);
    cr_assert(dataset, "%s", error.message);
    return dataset;
}

static const mote_samples *digits_of(const mote_dataset *dataset, mote_part_name name) {
    return mote_dataset_part(dataset, name).samples;
}

Test(synthetic_digits, follow_from_the_seed_alone_and_not_from_their_number) {
    const size_t width = 28 * 28;
    mote_dataset *few = digits_create("\"samples\": 45, \"test_samples\": 10", 1);
    mote_dataset *many = digits_create("\"samples\": 203, \"test_samples\": 50", 1);
    mote_dataset *other = digits_create("\"samples\": 45, \"test_samples\": 10", 2);
    for (int name = MOTE_TRAINING; name <= MOTE_TEST; name += MOTE_TEST) {
        const mote_samples *a = digits_of(few, (mote_part_name)name);
        const mote_samples *b = digits_of(many, (mote_part_name)name);
        const mote_samples *c = digits_of(other, (mote_part_name)name);
        cr_expect_eq(memcmp(a->bytes, b->bytes, a->count * width), 0, "part %d", name);
        cr_expect_eq(memcmp(a->labels, b->labels, a->count * sizeof *a->labels), 0);
        cr_expect_neq(memcmp(a->bytes, c->bytes, a->count * width), 0, "part %d", name);
    }
    cr_expect_neq(
        memcmp(digits_of(few, MOTE_TRAINING)->bytes, digits_of(few, MOTE_TEST)->bytes, 10 * width),
        0, "the test part is part of the training part");
    mote_dataset_destroy(few);
    mote_dataset_destroy(many);
    mote_dataset_destroy(other);
}

Test(synthetic_digits, are_balanced_pictures_of_light_on_dark) {
    mote_dataset *dataset = digits_create("\"samples\": 200, \"test_samples\": 0", 1);
    const mote_samples *samples = digits_of(dataset, MOTE_TRAINING);
    size_t counts[10] = {0};
    for (size_t i = 0; i < samples->count; i++) {
        cr_assert_lt(samples->labels[i], 10u);
        counts[samples->labels[i]]++;
        size_t bright = 0;
        for (size_t k = 0; k < 28 * 28; k++) {
            bright += samples->bytes[i * 28 * 28 + k] > 128;
        }
        cr_expect(bright > 15 && bright < 350, "sample %zu has %zu bright pixels", i, bright);
    }
    for (size_t c = 0; c < 10; c++) {
        cr_expect_eq(counts[c], (size_t)20, "%zu of digit %zu", counts[c], c);
    }
    const mote_preprocessing *p = mote_dataset_preprocessing(dataset);
    cr_expect_lt(p->edge_mean, p->pixel_mean);
    cr_expect_eq(mote_dataset_classes(dataset), (size_t)10);
    mote_dataset_destroy(dataset);
}

/* ---- samples in the config ---- */

static void expect_numbers(const char *keys, const mote_real *found, size_t count,
                           const double *expected) {
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(found[i], (mote_real)expected[i], "%s: number %zu is %g, expected %g", keys, i,
                     (double)found[i], expected[i]);
    }
}

Test(inline_samples, are_what_the_config_says_in_both_parts) {
    static const struct {
        const char *keys;
        size_t width, classes, value_width;
        double samples[6], targets[6]; /* labels or values */
    } rows[] = {
        {"\"samples\": [[0, 0.1], [-2, 1e-3]], \"labels\": [1, 0]",
         2,
         2,
         0,
         {0, 0.1, -2, 1e-3},
         {1, 0}},
        {"\"samples\": [[5], [-6]], \"labels\": [0, 2.0], \"classes\": 4",
         1,
         4,
         0,
         {5, -6},
         {0, 2}},
        {"\"samples\": [[1, 2, 3], [4, 5, 6]], \"targets\": [0.5, -7]",
         3,
         0,
         1,
         {1, 2, 3, 4, 5, 6},
         {0.5, -7}},
        {"\"samples\": [[3.4e38], [-3.4e38]], \"targets\": [[1, 2, 3], [4, 5, 6e10]]",
         1,
         0,
         3,
         {3.4e38, -3.4e38},
         {1, 2, 3, 4, 5, 6e10}},
        {"\"targets\": [[9], 8], \"samples\": [[1], [2]]", 1, 0, 1, {1, 2}, {9, 8}},
    };
    for (size_t row = 0; row < COUNT(rows); row++) {
        char keys[SCRATCH_TEXT];
        snprintf(keys, sizeof keys, "%s, \"normalize\": \"none\"", rows[row].keys);
        mote_error error = {0};
        mote_dataset *dataset = load_keys("inline", keys, 1, &error);
        cr_assert(dataset, "%s: %s", keys, error.message);
        cr_expect_eq(mote_dataset_classes(dataset), rows[row].classes, "%s", keys);
        cr_expect(mote_shape_equal(mote_dataset_shape(dataset), mote_shape_vector(rows[row].width)),
                  "%s", keys);
        cr_expect_eq(mote_dataset_part(dataset, MOTE_VALIDATION).count, (size_t)0, "%s", keys);
        for (int name = MOTE_TRAINING; name <= MOTE_TEST; name += MOTE_TEST) {
            mote_part part = mote_dataset_part(dataset, (mote_part_name)name);
            cr_assert_eq(part.count, (size_t)2, "%s: part %d", keys, name);
            mote_real x[6], values[6];
            uint32_t labels[2];
            mote_gather(part.samples, mote_dataset_preprocessing(dataset), NULL, part.indexes, 2, x,
                        labels, values);
            for (size_t i = 0; rows[row].classes && i < 2; i++) {
                values[i] = (mote_real)labels[i];
            }
            size_t targets = rows[row].classes ? 1 : rows[row].value_width;
            cr_expect_eq(part.samples->value_width, rows[row].value_width, "%s", keys);
            expect_numbers(keys, x, 2 * rows[row].width, rows[row].samples);
            expect_numbers(keys, values, 2 * targets, rows[row].targets);
        }
        mote_dataset_destroy(dataset);
    }
}

/* The simpler mistakes are in tests/bad_configs. */
Test(inline_samples, that_cannot_be_are_refused_at_their_place) {
    static const struct {
        const char *keys, *message;
    } rows[] = {
        {"\"samples\": [[1], [1e999]], \"labels\": [0, 1]",
         "dataset.samples[1][0]: expected a number that fits into 32 bits, up to 3.4e+38, "
         "found inf"},
        {"\"samples\": [[1], [-3.5e38]], \"labels\": [0, 1]",
         "dataset.samples[1][0]: expected a number that fits into 32 bits, up to 3.4e+38, "
         "found -3.5e+38"},
        {"\"samples\": [[[1]], [[2]]], \"labels\": [0, 1]",
         "dataset.samples[0][0]: expected a number, found a list"},
        {"\"samples\": [[1], {}], \"labels\": [0, 1]",
         "dataset.samples[1]: expected a list of numbers, found an object"},
        {"\"samples\": {}, \"labels\": []", "dataset.samples: expected a list of samples, "
                                            "found an object"},
        {"\"samples\": [[1]], \"labels\": [[0]]",
         "dataset.labels[0]: expected a class number, an integer >= 0 and < 16777216, found "
         "a list"},
        {"\"samples\": [[1]], \"labels\": 0",
         "dataset.labels: expected a list of class numbers, found 0"},
        {"\"samples\": [[1]], \"targets\": []",
         "dataset.targets: expected one for each of the 1 samples, found 0"},
        {"\"samples\": [[1]], \"targets\": [[]]",
         "dataset.targets[0]: expected at least one number, found an empty list"},
        {"\"samples\": [[1], [2]], \"targets\": [1, [1, 2]]",
         "dataset.targets[1]: expected as many numbers as in the first entry, 1, found 2"},
        {"\"samples\": [[1]], \"targets\": 5",
         "dataset.targets: expected a list of numbers or of lists, found 5"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_error error = {0};
        cr_expect_null(load_keys("inline", rows[i].keys, 1, &error), "%s", rows[i].keys);
        scratch_expect_error(&error, MOTE_INVALID, rows[i].message, "", rows[i].keys);
    }
}

/* Including numbers of 17 digits, and −0. */
Test(inline_samples, are_written_with_the_settings_to_the_bit) {
    static const char *const rows[] = {
        "{\"format\":\"inline\",\"samples\":[[0.30000000000000004,-0],[1e-07,3]],"
        "\"labels\":[1,0],\"validation_fraction\":0,\"normalize\":\"none\",\"classes\":2,\"limit\":"
        "0}",
        "{\"format\":\"inline\",\"samples\":[[1],[2]],\"targets\":[[0.1,-5],[2,1e+30]],"
        "\"validation_fraction\":0.5,\"normalize\":\"standard\",\"classes\":0,\"limit\":0}",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_error error = {0};
        mote_document *document =
            mote_document_parse(rows[i], strlen(rows[i]), NULL, "dataset", &error);
        cr_assert(document, "%s", error.message);
        mote_dataset *dataset = mote_dataset_open(mote_document_root(document), 1, NULL, &error);
        cr_assert(dataset, "%s", error.message);
        cJSON *object = mote_dataset_to_json(dataset);
        char *text = cJSON_PrintUnformatted(object);
        cr_expect_str_eq(text, rows[i]);
        cJSON_free(text);
        cJSON_Delete(object);
        mote_dataset_destroy(dataset);
        mote_document_destroy(document);
    }
}

/* ---- figure and ground ---- */

/* A square of ink in the middle of the ground. */
static void draw_square(uint8_t ground, uint8_t ink, uint8_t *sample) {
    for (size_t i = 0; i < 100; i++) {
        size_t x = i % 10, y = i / 10;
        sample[i] = x >= 2 && x < 8 && y >= 2 && y < 8 ? ink : ground;
    }
}

Test(ground, tells_an_inverted_picture_from_the_usual_ones) {
    static const struct {
        uint8_t usual_ground, usual_ink, ground, ink;
        bool inverted;
    } rows[] = {
        {0, 255, 255, 0, true},    {255, 0, 0, 255, true},    {0, 255, 0, 255, false},
        {255, 0, 255, 0, false},   {20, 200, 200, 20, true},  {0, 255, 60, 60, false},
        {120, 125, 0, 255, false}, {120, 125, 255, 0, false}, /* cannot be determined */
        {0, 255, 40, 90, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t usual[100], sample[100];
        draw_square(rows[i].usual_ground, rows[i].usual_ink, usual);
        draw_square(rows[i].ground, rows[i].ink, sample);
        mote_samples samples = {.count = 1,
                                .shape = mote_shape_image(1, 10, 10),
                                .bytes = usual,
                                .labels = (uint32_t[]){0}};
        mote_dataset *dataset = mote_dataset_from_arrays(&samples, NULL, NULL, 1, NULL);
        cr_assert(dataset);
        const mote_preprocessing *p = mote_dataset_preprocessing(dataset);
        double all = (64.0 * rows[i].usual_ground + 36.0 * rows[i].usual_ink) / 100 / 255;
        cr_expect_float_eq(p->pixel_mean, all, 1e-12, "row %zu: %g, expected %g", i, p->pixel_mean,
                           all);
        cr_expect_float_eq(p->edge_mean, rows[i].usual_ground / 255.0, 1e-12, "row %zu: %g", i,
                           p->edge_mean);
        bool found = mote_image_looks_inverted(p, samples.shape, sample);
        cr_expect_eq(found, rows[i].inverted, "row %zu: %d, expected %d", i, found,
                     rows[i].inverted);
        mote_dataset_destroy(dataset);
    }
}
