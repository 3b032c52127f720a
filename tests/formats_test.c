/* formats_test.c: safetensors files and model files, whole and damaged. */
#include <criterion/criterion.h>

#include <cjson/cJSON.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "config/json_write.h"
#include "formats/safetensors.h"
#include "mote/random.h"
#include "networks.h"
#include "scratch.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* ---- an independent reader, as strict as the format's specification ---- */

static uint64_t header_length_of(const unsigned char *bytes) {
    uint64_t length = 0;
    for (size_t i = 0; i < 8; i++) {
        length |= (uint64_t)bytes[i] << (8 * i);
    }
    return length;
}

/* Checks all that github.com/huggingface/safetensors requires of a file, and mote's alignment. */
static void expect_strictly_valid(const char *path) {
    size_t count;
    unsigned char *bytes = scratch_read(path, &count);
    cr_assert_geq(count, (size_t)8);
    uint64_t length = header_length_of(bytes);
    cr_assert_leq(length, count - 8);
    cr_expect_eq((8 + length) % 64, 0u, "the data begins at byte %ju", (uintmax_t)(8 + length));
    cr_expect_eq(bytes[8], '{');
    const char *end;
    char *text = strndup((const char *)bytes + 8, (size_t)length);
    cJSON *header = cJSON_ParseWithOpts(text, &end, 0);
    cr_assert(cJSON_IsObject(header));
    for (; *end; end++) {
        cr_expect_eq(*end, ' ', "byte %02x pads the header", (unsigned char)*end);
    }
    double reached = 0;
    for (const cJSON *entry = header->child; entry; entry = entry->next) {
        cr_expect_eq(cJSON_GetObjectItemCaseSensitive(header, entry->string), entry,
                     "\"%s\" stands twice", entry->string);
        if (strcmp(entry->string, "__metadata__") == 0) {
            for (const cJSON *value = entry->child; value; value = value->next) {
                cr_expect(cJSON_IsString(value), "metadata \"%s\" is no string", value->string);
            }
            continue;
        }
        cr_expect_eq(cJSON_GetArraySize(entry), 3, "\"%s\" has other keys", entry->string);
        cr_expect_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "dtype")),
                         "F32");
        double numbers = 1;
        const cJSON *dim;
        cJSON_ArrayForEach(dim, cJSON_GetObjectItemCaseSensitive(entry, "shape")) {
            numbers *= dim->valuedouble;
        }
        const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
        cr_expect_eq(cJSON_GetArrayItem(offsets, 0)->valuedouble, reached, "\"%s\"", entry->string);
        reached += 4 * numbers;
        cr_expect_eq(cJSON_GetArrayItem(offsets, 1)->valuedouble, reached, "\"%s\"", entry->string);
    }
    cr_expect_eq((double)(count - 8 - length), reached);
    cJSON_Delete(header);
    free(text);
    free(bytes);
}

/* ---- writing and reading ---- */

TestSuite(safetensors, .init = scratch_enter, .fini = scratch_leave);

static mote_real first[6] = {1, -2, (mote_real)0.1, 4, (mote_real)1e-40, -0.0f}, second[2] = {7, 8},
                 single[1] = {(mote_real)3.14159};

static const mote_tensor_entry TENSORS[] = {
    {"layers.0.weight", {first, {2, {2, 3}}}},
    {"layers.0.bias", {second, {1, {2}}}},
    {"scale", {single, {0}}},
    {"nothing", {single, {1, {0}}}},
};

static const mote_metadata_entry METADATA[] = {{"mote.kind", "test"},
                                               {"text", "quotes \" and \\, Grüße, 日本\n"}};

static const char *write_sample(void) {
    const char *path = scratch_path("sample.safetensors");
    mote_error error = {0};
    cr_assert_eq(
        mote_safetensors_write(path, TENSORS, COUNT(TENSORS), METADATA, COUNT(METADATA), &error),
        MOTE_OK, "%s", error.message);
    return path;
}

/* Whether a file that was read holds what was written. */
static bool holds_sample(const mote_safetensors *file) {
    for (size_t i = 0; i < COUNT(TENSORS); i++) {
        mote_real numbers[6];
        size_t bytes = mote_shape_count(TENSORS[i].tensor.shape) * sizeof *numbers;
        mote_tensor to = {numbers, TENSORS[i].tensor.shape};
        if (mote_safetensors_copy(file, TENSORS[i].name, to, NULL) != MOTE_OK ||
            memcmp(numbers, TENSORS[i].tensor.data, bytes) != 0) {
            return false;
        }
    }
    for (size_t i = 0; i < COUNT(METADATA); i++) {
        const char *value = mote_safetensors_metadata(file, METADATA[i].key);
        if (!value || strcmp(value, METADATA[i].value) != 0) {
            return false;
        }
    }
    return true;
}

Test(safetensors, what_is_written_is_read_to_the_bit) {
    const char *path = write_sample();
    mote_error error = {0};
    mote_safetensors *file = mote_safetensors_read(path, &error);
    cr_assert(file, "%s", error.message);
    cr_expect(holds_sample(file));
    cr_expect_str_eq(mote_safetensors_path(file), path);
    mote_shape shape = {0};
    cr_expect_eq(mote_safetensors_check(file, "Scale", shape, NULL), MOTE_DATA);
    cr_expect_eq(mote_safetensors_check(file, "__metadata__", shape, NULL), MOTE_DATA);
    cr_expect_null(mote_safetensors_metadata(file, "none"));
    mote_safetensors_destroy(file);
}

Test(safetensors, a_strict_reader_finds_nothing_wrong) {
    expect_strictly_valid(write_sample());
    const char *empty = scratch_path("empty.safetensors");
    cr_assert_eq(mote_safetensors_write(empty, NULL, 0, NULL, 0, NULL), MOTE_OK);
    expect_strictly_valid(empty);
    mote_safetensors *file = mote_safetensors_read(empty, NULL);
    cr_expect(file);
    mote_safetensors_destroy(file);
}

Test(safetensors, tensors_that_are_not_as_wanted_are_refused_with_the_reason) {
    static const struct {
        const char *name;
        mote_shape shape;
        const char *message;
    } rows[] = {
        {"layers.1.weight",
         {2, {2, 3}},
         "{D}/sample.safetensors: there is no tensor \"layers.1.weight\""},
        {"__metadata__",
         {2, {2, 3}},
         "{D}/sample.safetensors: there is no tensor \"__metadata__\""},
        {"layers.0.weight",
         {2, {3, 2}},
         "{D}/sample.safetensors: the tensor \"layers.0.weight\" is 2 × 3, but the model needs "
         "3 × 2"},
        {"layers.0.weight",
         {1, {6}},
         "{D}/sample.safetensors: the tensor \"layers.0.weight\" is 2 × 3, but the model needs 6"},
    };
    mote_safetensors *file = mote_safetensors_read(write_sample(), NULL);
    cr_assert(file);
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_real numbers[6];
        mote_error error = {0};
        mote_safetensors_copy(file, rows[i].name, (mote_tensor){numbers, rows[i].shape}, &error);
        scratch_expect_error(&error, MOTE_DATA, rows[i].message, "", rows[i].name);
    }
    mote_safetensors_destroy(file);
}

/* ---- damage ---- */

/* Changes each byte of the file into several others, one at a time. */
Test(safetensors, no_changed_byte_goes_unnoticed) {
    const char *path = write_sample(), *damaged = scratch_path("damaged");
    size_t count;
    unsigned char *bytes = scratch_read(path, &count);
    static const unsigned char flips[] = {1, 2, 4, 8, 16, 32, 64, 128, 255, '0' ^ ' '};
    for (size_t at = 0; at < count; at++) {
        for (size_t i = 0; i < COUNT(flips); i++) {
            bytes[at] ^= flips[i];
            scratch_write(damaged, bytes, count);
            mote_error error = {0};
            mote_safetensors *file = mote_safetensors_read(damaged, &error);
            cr_expect(!file || holds_sample(file) || at < 8 + header_length_of(bytes),
                      "byte %zu, flipped by %02x: read as if nothing had happened", at, flips[i]);
            /* The header may say something wrong only if the tensor then does not fit. */
            for (size_t t = 0; file && t < COUNT(TENSORS); t++) {
                mote_real numbers[6];
                mote_tensor to = {numbers, TENSORS[t].tensor.shape};
                size_t size = mote_shape_count(to.shape) * sizeof *numbers;
                cr_expect(mote_safetensors_copy(file, TENSORS[t].name, to, NULL) != MOTE_OK ||
                              memcmp(numbers, TENSORS[t].tensor.data, size) == 0,
                          "byte %zu, flipped by %02x: \"%s\" is wrong", at, flips[i],
                          TENSORS[t].name);
            }
            for (size_t m = 0; file && m < COUNT(METADATA); m++) {
                const char *value = mote_safetensors_metadata(file, METADATA[m].key);
                cr_expect(!value || strcmp(value, METADATA[m].value) == 0,
                          "byte %zu, flipped by %02x: the metadata is wrong", at, flips[i]);
            }
            cr_expect(file || (error.status == MOTE_DATA && error.message[0]), "byte %zu", at);
            mote_safetensors_destroy(file);
            bytes[at] ^= flips[i];
        }
    }
    free(bytes);
}

Test(safetensors, a_file_cut_anywhere_is_refused) {
    const char *path = write_sample(), *cut = scratch_path("cut");
    size_t count;
    unsigned char *bytes = scratch_read(path, &count);
    for (size_t length = 0; length < count; length++) {
        scratch_write(cut, bytes, length);
        mote_error error = {0};
        cr_expect_null(mote_safetensors_read(cut, &error), "%zu bytes", length);
        cr_expect_eq(error.status, MOTE_DATA, "%zu bytes: %s", length, error.message);
    }
    bytes[count] = 0;
    scratch_write(cut, bytes, count + 1);
    cr_expect_null(mote_safetensors_read(cut, NULL), "a byte too many");
    free(bytes);
}

/* A header, the length written before it (0: its own), and the number of data bytes after it. */
typedef struct bad_file {
    const char *header;
    uint64_t length;
    size_t data;
    const char *message; /* NULL: it is valid */
} bad_file;

static void write_raw(const char *path, const bad_file *row) {
    unsigned char bytes[1024] = {0};
    uint64_t length = row->length ? row->length : strlen(row->header);
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(length >> (8 * i));
    }
    memcpy(bytes + 8, row->header, strlen(row->header));
    for (size_t i = 0; i < row->data; i++) {
        bytes[8 + strlen(row->header) + i] = (unsigned char)i;
    }
    scratch_write(path, bytes, 8 + strlen(row->header) + row->data);
}

#define ENTRY(shape, offsets) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define NOT_ONE               "{D}/raw: not a safetensors file, or cut short"
#define NONSENSE                                                                                   \
    "{D}/raw: the entry of the tensor \"a\" makes no sense: the file is cut short or damaged"
#define NO_TILES "{D}/raw: the tensors overlap or leave gaps: the file is cut short or damaged"

Test(safetensors, headers_that_make_no_sense_are_refused_with_the_reason) {
    static const bad_file rows[] = {
        {"{}", 0, 0, NULL},
        {"{\"a\":" ENTRY("[2]", "[0,8]") "}", 0, 8, NULL},
        {"{\"b\":" ENTRY("[1]", "[4,8]") ",\"a\":" ENTRY("[1]", "[0,4]") "}", 0, 8, NULL},
        {"{\"a\":{\"dtype\":\"F8_NEW\",\"shape\":[2],\"data_offsets\":[0,2]}}", 0, 2, NULL},
        {"{\"a\":" ENTRY("[0]", "[0,0]") "}", 0, 0, NULL},
        {"{}", 3, 0, NOT_ONE},
        {"{}", UINT64_MAX, 0, NOT_ONE},
        {"{}", UINT64_MAX - 7, 0, NOT_ONE},
        {"{}", (uint64_t)1 << 63, 0, NOT_ONE},
        {"{}", 100000001, 0, NOT_ONE},
        {"[]", 0, 0, "{D}/raw: not a safetensors file: its header is not JSON"},
        {"{\"a\":", 0, 0, "{D}/raw: not a safetensors file: its header is not JSON"},
        {"{\"a\":7}", 0, 0, NONSENSE},
        {"{\"a\":" ENTRY("[2]", "[0,12]") "}", 0, 8, NONSENSE},            /* out of range */
        {"{\"a\":" ENTRY("[3]", "[0,8]") "}", 0, 8, NONSENSE},             /* wrong size */
        {"{\"a\":" ENTRY("[2]", "[8,0]") "}", 0, 8, NONSENSE},             /* back to front */
        {"{\"a\":" ENTRY("[2]", "[-8,0]") "}", 0, 8, NONSENSE},            /* negative */
        {"{\"a\":" ENTRY("[2]", "[0.5,8.5]") "}", 0, 9, NONSENSE},         /* fractional */
        {"{\"a\":" ENTRY("[2]", "[0,1e300]") "}", 0, 8, NONSENSE},         /* huge */
        {"{\"a\":" ENTRY("[2]", "[0,8,8]") "}", 0, 8, NONSENSE},           /* three offsets */
        {"{\"a\":" ENTRY("[2]", "{\"b\":0,\"e\":8}") "}", 0, 8, NONSENSE}, /* not a list */
        {"{\"a\":" ENTRY("[2]", "[\"0\",\"8\"]") "}", 0, 8, NONSENSE},
        {"{\"a\":" ENTRY("[-2]", "[0,8]") "}", 0, 8, NONSENSE},
        {"{\"a\":" ENTRY("[1.5]", "[0,6]") "}", 0, 6, NONSENSE},
        {"{\"a\":" ENTRY("[4294967296,4294967296]", "[0,0]") "}", 0, 0, NONSENSE}, /* 2^64 */
        {"{\"a\":" ENTRY("[4611686018427387906]", "[0,8]") "}", 0, 8, NONSENSE},   /* 2^64 + 8 */
        {"{\"a\":" ENTRY("2", "[0,8]") "}", 0, 8, NONSENSE},
        {"{\"a\":" ENTRY("[2]", "[0,8]") ",\"b\":" ENTRY("[2]", "[0,8]") "}", 0, 8, NO_TILES},
        {"{\"a\":" ENTRY("[2]", "[0,8]") ",\"b\":" ENTRY("[2]", "[4,12]") "}", 0, 12, NO_TILES},
        {"{\"a\":" ENTRY("[1]", "[0,4]") ",\"b\":" ENTRY("[1]", "[8,12]") "}", 0, 12, NO_TILES},
        {"{\"a\":" ENTRY("[2]", "[0,8]") "}", 0, 12, NO_TILES},
        {"{\"a\":" ENTRY("[2]", "[4,12]") "}", 0, 12, NO_TILES},
        {"{\"__metadata__\":{\"mote.checksum\":\"12345678\"}}", 0, 0,
         "{D}/raw: damaged: its checksum is 00000000, but should be 12345678"},
    };
    const char *path = scratch_path("raw");
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_raw(path, &rows[i]);
        mote_error error = {0};
        mote_safetensors *file = mote_safetensors_read(path, &error);
        cr_expect_eq(file != NULL, rows[i].message == NULL, "%s: \"%s\"", rows[i].header,
                     error.message);
        if (rows[i].message) {
            scratch_expect_error(&error, MOTE_DATA, rows[i].message, "", rows[i].header);
        }
        mote_safetensors_destroy(file);
    }
}

Test(safetensors, other_types_of_numbers_are_refused_only_when_asked_for) {
    const bad_file row = {
        .header = "{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},\"b\":" ENTRY(
            "[1]", "[4,8]") "}",
        .data = 8};
    const char *path = scratch_path("raw");
    write_raw(path, &row);
    mote_error error = {0};
    mote_safetensors *file = mote_safetensors_read(path, &error);
    cr_assert(file, "%s", error.message);
    mote_real numbers[2];
    cr_expect_eq(mote_safetensors_copy(file, "b", (mote_tensor){numbers, {1, {1}}}, NULL), MOTE_OK);
    cr_expect_null(mote_safetensors_metadata(file, "mote.kind"), "there is no metadata");
    mote_safetensors_copy(file, "a", (mote_tensor){numbers, {1, {2}}}, &error);
    scratch_expect_error(&error, MOTE_DATA,
                         "{D}/raw: the tensor \"a\" holds numbers of type F16; expected F32", "",
                         "F16");
    mote_safetensors_destroy(file);
}

Test(safetensors, a_missing_file_is_another_error) {
    mote_error error = {0};
    cr_expect_null(mote_safetensors_read(scratch_path("none"), &error));
    scratch_expect_error(&error, MOTE_FILE, "{D}/none: cannot be opened: No such file or directory",
                         "", "missing");
}

/* ---- numbers in JSON ---- */

Test(exact_numbers, come_back_to_the_bit) {
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    for (int i = 0; i < 20000; i++) {
        double number = mote_random_normal(&random) * pow(10, i % 300 - 150);
        cJSON *node = mote_json_number(number);
        char *text = cJSON_PrintUnformatted(node);
        cJSON *parsed = cJSON_Parse(text);
        cr_assert(cJSON_IsNumber(parsed), "%s", text);
        cr_assert_eq(parsed->valuedouble, number, "%s is %.17g, expected %.17g", text,
                     parsed->valuedouble, number);
        cJSON_Delete(node);
        cJSON_Delete(parsed);
        free(text);
    }
    cJSON *node = mote_json_number((double)NAN);
    cr_expect(cJSON_IsNull(node));
    cJSON_Delete(node);
}

/* ---- models ---- */

TestSuite(model_file, .init = scratch_enter, .fini = scratch_leave);

#define LAYERS                                                                                     \
    "{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 7}, {\"type\": "      \
    "\"leaky_relu\", \"slope\": 0.0123456789}, {\"type\": \"dense\", \"units\": 3}], \"output\": " \
    "{\"type\": \"softmax_cross_entropy\"}}"

/* For images of 2 × 4 × 5, with preprocessing for two channels whose numbers need more than 15
 * digits. */
static mote_model *model_create(mote_normalization normalize) {
    mote_error error = {0};
    mote_model *model = network_create(LAYERS, mote_shape_image(2, 4, 5), &error);
    cr_assert(model, "%s", error.message);
    cr_assert_eq(mote_model_initialize(model, 3, &error), MOTE_OK);
    mote_preprocessing preprocessing;
    double mean[] = {0.1307123456789012345, 1.0 / 3}, deviation[] = {0.30810987654321098, 2.0 / 7};
    cr_assert_eq(
        mote_preprocessing_create(&preprocessing, normalize, true, 2, mean, deviation, &error),
        MOTE_OK);
    preprocessing.pixel_mean = 1.0 / 7;
    preprocessing.edge_mean = 0.1 + 0.2;
    cr_assert_eq(mote_model_set_preprocessing(model, &preprocessing, &error), MOTE_OK);
    mote_preprocessing_free(&preprocessing);
    return model;
}

static const char *const NAMES[] = {"a \"quoted\" \\ name", "Grüße, 日本語", ""};

static bool same_doubles(size_t count, const double *a, const double *b) {
    return memcmp(a, b, count * sizeof *a) == 0;
}

static void expect_same_models(mote_model *a, mote_model *b) {
    mote_real x[40], predictions[2][3];
    for (size_t i = 0; i < 40; i++) {
        x[i] = (mote_real)(0.37 * (double)i - 7);
    }
    cr_assert_eq(mote_model_predict(a, 1, x, predictions[0], NULL), MOTE_OK);
    cr_assert_eq(mote_model_predict(b, 1, x, predictions[1], NULL), MOTE_OK);
    cr_expect_eq(memcmp(predictions[0], predictions[1], sizeof predictions[0]), 0,
                 "%.9g, %.9g, %.9g became %.9g, %.9g, %.9g", (double)predictions[0][0],
                 (double)predictions[0][1], (double)predictions[0][2], (double)predictions[1][0],
                 (double)predictions[1][1], (double)predictions[1][2]);
    for (size_t i = 0; i < 3; i++) {
        cr_expect_str_eq(mote_model_class_name(a, i), mote_model_class_name(b, i));
    }
    const mote_preprocessing *p = mote_model_preprocessing(a), *q = mote_model_preprocessing(b);
    cr_assert(p->groups == q->groups && p->bytes == q->bytes && p->normalize == q->normalize);
    cr_expect(same_doubles(p->groups, p->mean, q->mean), "mean %.17g became %.17g", p->mean[0],
              q->mean[0]);
    cr_expect(same_doubles(p->groups, p->deviation, q->deviation), "deviation %.17g became %.17g",
              p->deviation[0], q->deviation[0]);
    cr_expect(same_doubles(1, &p->pixel_mean, &q->pixel_mean));
    cr_expect(same_doubles(1, &p->edge_mean, &q->edge_mean));
    cr_expect(mote_shape_equal(mote_model_input_shape(a), mote_model_input_shape(b)));
}

Test(model_file, a_model_comes_back_to_the_bit) {
    static const mote_normalization normalizations[] = {MOTE_NORMALIZE_NONE, MOTE_NORMALIZE_UNIT,
                                                        MOTE_NORMALIZE_STANDARD};
    const char *path = scratch_path("model"), *again = scratch_path("again");
    for (size_t i = 0; i < COUNT(normalizations); i++) {
        mote_error error = {0};
        mote_model *model = model_create(normalizations[i]);
        if (i > 0) {
            cr_assert_eq(mote_model_set_class_names(model, NAMES, 3, &error), MOTE_OK);
        }
        cr_assert_eq(mote_model_save(model, path, &error), MOTE_OK, "%s", error.message);
        expect_strictly_valid(path);
        mote_model *loaded = mote_model_load(path, &error);
        cr_assert(loaded, "%s", error.message);
        expect_same_models(model, loaded);
        cr_assert_eq(mote_model_save(loaded, again, &error), MOTE_OK);
        scratch_expect_equal_files(path, again, "saved again");
        mote_model_destroy(model);
        mote_model_destroy(loaded);
    }
}

Test(model_file, a_model_of_numbers_comes_back_as_one) {
    const char *path = scratch_path("model");
    mote_error error = {0};
    mote_model *model = network_create("{\"layers\": [{\"type\": \"dense\", \"units\": 2}], "
                                       "\"output\": {\"type\": \"mean_squared_error\"}}",
                                       mote_shape_vector(3), &error);
    cr_assert(model, "%s", error.message);
    cr_assert_eq(mote_model_match_targets(model, 0, 2, &error), MOTE_OK);
    cr_assert_eq(mote_model_initialize(model, 1, &error), MOTE_OK);
    cr_assert_eq(mote_model_save(model, path, &error), MOTE_OK, "%s", error.message);
    mote_model *loaded = mote_model_load(path, &error);
    cr_assert(loaded, "%s", error.message);
    cr_expect_eq(mote_model_classes(loaded), (size_t)0);
    mote_real x[3] = {1, 2, 3}, predictions[2][2];
    mote_model_predict(model, 1, x, predictions[0], NULL);
    mote_model_predict(loaded, 1, x, predictions[1], NULL);
    cr_expect_eq(memcmp(predictions[0], predictions[1], sizeof predictions[0]), 0);
    mote_model_destroy(model);
    mote_model_destroy(loaded);
}

/* ---- invalid model files ---- */

/* Saves a model with one metadata string replaced, or left out if `value` is NULL, and optionally
 * without its last tensor. */
static void rewrite(const mote_model *model, const char *path, const char *key, const char *value,
                    bool without_last) {
    static const char *const keys[] = {"mote.kind", "mote.model", "mote.preprocessing",
                                       "mote.class_names", "mote.input"};
    cr_assert_eq(mote_model_save(model, path, NULL), MOTE_OK);
    mote_safetensors *file = mote_safetensors_read(path, NULL);
    cr_assert(file);
    mote_metadata_entry metadata[COUNT(keys)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT(keys); i++) {
        bool changed = strcmp(keys[i], key) == 0;
        const char *text = changed ? value : mote_safetensors_metadata(file, keys[i]);
        if (text) {
            metadata[count++] = (mote_metadata_entry){keys[i], text};
        }
    }
    mote_tensor_entry tensors[8];
    size_t tensor_count = model->parameter_count - without_last;
    for (size_t i = 0; i < tensor_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        tensors[i] =
            (mote_tensor_entry){model->parameters[i].name, {parameter->value, parameter->shape}};
    }
    cr_assert_eq(mote_safetensors_write(path, tensors, tensor_count, metadata, count, NULL),
                 MOTE_OK);
    mote_safetensors_destroy(file);
}

Test(model_file, files_with_something_missing_or_wrong_are_refused_with_the_reason) {
#define OUTPUT ", \"output\": {\"type\": \"softmax_cross_entropy\"}, "
#define DENSE  "{\"layers\": [{\"type\": \"dense\", \"units\": 3}]" OUTPUT
    static const struct {
        const char *key, *value;
        bool without_last;
        const char *message;
    } rows[] = {
        {"mote.model", NULL, false,
         "{D}/model: holds tensors, but not a mote model (its metadata has no \"mote.model\")"},
        {"mote.model", "{", false, "{D}/model: the metadata \"mote.model\" makes no sense"},
        {"mote.model", "{}", false, "{D}/model: the metadata \"mote.model\" makes no sense"},
        {"mote.model", DENSE "\"input_shape\": [2.5], \"classes\": 3}", false,
         "{D}/model: the metadata \"mote.model\" makes no sense"},
        {"mote.model", DENSE "\"input_shape\": [5], \"classes\": 4}", false,
         "{D}/model: the metadata \"mote.model\" makes no sense"},
        {"mote.model", DENSE "\"input_shape\": [5], \"classes\": 3}", false,
         "{D}/model: there is no tensor \"layers.0.weight\""},
        {"mote.preprocessing", NULL, false,
         "{D}/model: the metadata \"mote.preprocessing\" makes no sense"},
        {"mote.preprocessing", "{\"normalize\": \"sideways\"}", false,
         "{D}/model: the metadata \"mote.preprocessing\" makes no sense"},
        {"mote.preprocessing", "{\"normalize\": \"standard\", \"mean\": [1], \"deviation\": [1]}",
         false, "{D}/model: the metadata \"mote.preprocessing\" makes no sense"},
        {"mote.preprocessing",
         "{\"normalize\": \"standard\", \"mean\": [1, null], \"deviation\": [1, 1]}", false,
         "{D}/model: the metadata \"mote.preprocessing\" makes no sense"},
        {"mote.class_names", NULL, false,
         "{D}/model: the metadata \"mote.class_names\" makes no sense"},
        {"mote.class_names", "[\"a\", \"b\"]", false,
         "{D}/model: the metadata \"mote.class_names\" makes no sense"},
        {"mote.class_names", "[\"a\", \"b\", 3]", false,
         "{D}/model: the metadata \"mote.class_names\" makes no sense"},
        {"mote.input", "[1]", false, "{D}/model: the metadata \"mote.input\" makes no sense"},
        {"mote.input", "{\"format\":3}", false,
         "{D}/model: the metadata \"mote.input\" makes no sense"},
        {"mote.input", "nonsense", false, "{D}/model: the metadata \"mote.input\" makes no sense"},
        {"mote.input", "{}", false, "{D}/model: the metadata \"mote.input\" makes no sense"},
        {"", NULL, true, "{D}/model: there is no tensor \"layers.3.bias\""},
    };
    const char *path = scratch_path("model");
    mote_model *model = model_create(MOTE_NORMALIZE_STANDARD);
    for (size_t i = 0; i < COUNT(rows); i++) {
        rewrite(model, path, rows[i].key, rows[i].value, rows[i].without_last);
        mote_error error = {0};
        mote_model *loaded = mote_model_load(path, &error);
        cr_expect_null(loaded, "%s", rows[i].message);
        scratch_expect_error(&error, MOTE_DATA, rows[i].message, "",
                             rows[i].value ? rows[i].value : rows[i].key);
        mote_model_destroy(loaded);
    }
    mote_model_destroy(model);
}

/* Otherwise a model that had been saved could not be loaded. */
Test(model_file, preprocessing_that_no_file_may_hold_is_refused_when_set) {
    static const struct {
        size_t groups;
        double mean, deviation;
        const char *message;
    } rows[] = {
        {3, 0, 1, "the preprocessing has 3 means, but the model's samples need 2"},
        {1, 0, 1, "the preprocessing has 1 mean, but the model's samples need 2"},
        {2, (double)NAN, 1,
         "mean or deviation 1 (counted from 0) of the preprocessing is not finite"},
        {2, 0, (double)INFINITY,
         "mean or deviation 1 (counted from 0) of the preprocessing is not finite"},
    };
    mote_model *model = mote_model_create(mote_shape_vector(2), NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const double mean[3] = {0, rows[i].mean}, deviation[3] = {1, rows[i].deviation, 1};
        mote_preprocessing preprocessing;
        mote_error error = {0};
        cr_assert_eq(mote_preprocessing_create(&preprocessing, MOTE_NORMALIZE_STANDARD, false,
                                               rows[i].groups, mean, deviation, &error),
                     MOTE_OK);
        cr_expect_eq(mote_model_set_preprocessing(model, &preprocessing, &error), MOTE_INVALID);
        scratch_expect_error(&error, MOTE_INVALID, rows[i].message, "", "preprocessing");
        mote_preprocessing_free(&preprocessing);
    }
    cr_expect_eq(mote_model_preprocessing(model)->groups, 0u);
    mote_model_destroy(model);
}

Test(model_file, the_parameters_of_another_architecture_are_refused) {
    const char *path = scratch_path("model");
    mote_model *model = model_create(MOTE_NORMALIZE_STANDARD);
    cr_assert_eq(mote_model_save(model, path, NULL), MOTE_OK);
    static const struct {
        const char *layers, *message;
    } rows[] = {
        {"{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 8}",
         "{D}/model: the tensor \"layers.1.weight\" is 7 × 40, but the model needs 8 × 40"},
        {"{\"type\": \"flatten\"}, {\"type\": \"relu\"}, {\"type\": \"dense\", \"units\": 7}",
         "{D}/model: there is no tensor \"layers.2.weight\""},
        {"{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 7}, {\"type\": \"relu\"}, "
         "{\"type\": \"dense\", \"units\": 4}",
         "{D}/model: the tensor \"layers.3.weight\" is 3 × 7, but the model needs 4 × 7"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char json[512];
        snprintf(json, sizeof json,
                 "{\"layers\": [%s], \"output\": {\"type\": \"softmax_cross_entropy\"}}",
                 rows[i].layers);
        mote_model *other = network_create(json, mote_shape_image(2, 4, 5), NULL);
        cr_assert(other);
        mote_error error = {0};
        cr_expect_eq(mote_model_read_parameters(other, path, &error), MOTE_DATA);
        scratch_expect_error(&error, MOTE_DATA, rows[i].message, "", rows[i].layers);
        mote_tensor weight = mote_model_parameter(other, "layers.1.weight");
        for (size_t k = 0; weight.data && k < mote_shape_count(weight.shape); k++) {
            cr_assert_eq(weight.data[k], 0, "%s: the file's values are in it", rows[i].layers);
        }
        mote_model_destroy(other);
    }
    mote_model_destroy(model);
}

/* Also to a model that has already predicted. */
Test(model_file, gives_its_parameters_to_another_model) {
    const char *path = scratch_path("model");
    mote_model *model = model_create(MOTE_NORMALIZE_STANDARD);
    mote_model *other = model_create(MOTE_NORMALIZE_STANDARD);
    mote_tensor bias = mote_model_parameter(other, "layers.3.bias");
    bias.data[0] += 1;
    cr_assert_eq(mote_model_save(other, path, NULL), MOTE_OK);
    expect_same_models(other, other);
    mote_error error = {0};
    cr_assert_eq(mote_model_initialize(other, 4, &error), MOTE_OK);
    cr_assert_eq(mote_model_read_parameters(other, path, &error), MOTE_OK, "%s", error.message);
    mote_model_parameter(model, "layers.3.bias").data[0] += 1;
    expect_same_models(model, other);
    mote_model_destroy(other);
    mote_model_destroy(model);
}

Test(model_file, a_model_without_an_output_cannot_be_saved_or_read_into) {
    mote_model *model = mote_model_create(mote_shape_vector(3), NULL);
    cr_assert(model);
    mote_error error = {0};
    cr_expect_eq(mote_model_save(model, scratch_path("model"), &error), MOTE_INVALID);
    scratch_expect_error(&error, MOTE_INVALID, "the model has no output yet", "", "no output");
    error = (mote_error){0};
    cr_expect_eq(mote_model_read_parameters(model, scratch_path("model"), &error), MOTE_INVALID);
    scratch_expect_error(&error, MOTE_INVALID, "the model has no output yet", "", "no output");
    cr_expect_eq(mote_model_read_parameters(NULL, scratch_path("model"), NULL), MOTE_INVALID);
    mote_model_destroy(model);
}

Test(model_file, the_status_of_a_failure_does_not_depend_on_the_error_passed) {
    mote_model *model = mote_model_create(mote_shape_vector(3), NULL);
    mote_model_add(model, "dense", "{\"units\": 2}", NULL);
    cr_assert_eq(mote_model_set_output(model, "softmax_cross_entropy", NULL, NULL), MOTE_OK);
    const char *path = scratch_path("none");
    mote_error earlier = {.status = MOTE_INVALID, .message = "an earlier failure"};
    cr_expect_eq(mote_model_read_parameters(model, path, NULL), MOTE_FILE);
    cr_expect_eq(mote_model_read_parameters(model, path, &earlier), MOTE_FILE);
    cr_expect_str_eq(earlier.message, "an earlier failure");
    mote_model_destroy(model);
}

/* A change to any byte of a model file gives an error or the same model. */
Test(model_file, no_changed_byte_goes_unnoticed) {
    const char *path = scratch_path("model"), *damaged = scratch_path("damaged");
    mote_model *model = model_create(MOTE_NORMALIZE_STANDARD);
    cr_assert_eq(mote_model_save(model, path, NULL), MOTE_OK);
    size_t count, loaded_count = 0;
    unsigned char *bytes = scratch_read(path, &count);
    for (size_t at = 0; at < count; at++) {
        bytes[at] ^= (unsigned char)(1 << at % 8);
        scratch_write(damaged, bytes, count);
        bytes[at] ^= (unsigned char)(1 << at % 8);
        mote_error error = {0};
        mote_model *loaded = mote_model_load(damaged, &error);
        if (loaded) {
            loaded_count++;
            expect_same_models(model, loaded);
        } else {
            cr_expect_eq(error.status, MOTE_DATA, "byte %zu: %s", at, error.message);
        }
        mote_model_destroy(loaded);
    }
    cr_expect_lt(loaded_count, (size_t)120, "%zu of %zu changes did nothing", loaded_count, count);
    free(bytes);
    mote_model_destroy(model);
}

/* ---- places that cannot be written to ---- */

/* A limit on the size of files stands in for a full disk. */
Test(model_file, a_full_disk_leaves_the_old_file_whole_and_nothing_else) {
    const char *path = scratch_path("model");
    mote_model *model = model_create(MOTE_NORMALIZE_UNIT);
    mote_model *other = model_create(MOTE_NORMALIZE_STANDARD);
    cr_assert_eq(mote_model_save(model, path, NULL), MOTE_OK);
    size_t count, count_after;
    unsigned char *before = scratch_read(path, &count);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit, tight;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    for (rlim_t room = 0; room < count; room += 97) {
        tight = limit;
        tight.rlim_cur = room;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
        mote_error error = {0};
        mote_status status = mote_model_save(other, path, &error);
        setrlimit(RLIMIT_FSIZE, &limit);
        cr_expect_eq(status, MOTE_FILE, "room for %zu bytes", (size_t)room);
        scratch_expect_error(&error, MOTE_FILE, "{D}/model: cannot be written: File too large", "",
                             "full");
        cr_expect_eq(scratch_count(), (size_t)1, "%zu files are there", scratch_count());
        unsigned char *after = scratch_read(path, &count_after);
        cr_expect(count == count_after && memcmp(before, after, count) == 0);
        free(after);
    }
    free(before);
    mote_model_destroy(model);
    mote_model_destroy(other);
}

Test(model_file, a_place_that_cannot_be_written_is_named_with_the_reason) {
    mote_model *model = model_create(MOTE_NORMALIZE_UNIT);
    mote_error none = {0}, directory = {0};
    cr_expect_eq(mote_model_save(model, scratch_path("none/model"), &none), MOTE_FILE);
    scratch_expect_error(&none, MOTE_FILE,
                         "{D}/none/model: cannot be written: No such file or directory", "",
                         "none");
    cr_assert_eq(mkdir(scratch_path("taken"), 0700), 0);
    cr_expect_eq(mote_model_save(model, scratch_path("taken"), &directory), MOTE_FILE);
    scratch_expect_error(&directory, MOTE_FILE, "{D}/taken: cannot be written: Is a directory", "",
                         "taken");
    cr_expect_eq(scratch_count(), (size_t)1, "%zu files are there", scratch_count());
    if (geteuid() != 0) { /* root may write anywhere */
        mote_error locked = {0};
        cr_assert_eq(chmod(scratch_path("taken"), 0500), 0);
        cr_expect_eq(mote_model_save(model, scratch_path("taken/model"), &locked), MOTE_FILE);
        scratch_expect_error(&locked, MOTE_FILE,
                             "{D}/taken/model: cannot be written: Permission denied", "", "locked");
        chmod(scratch_path("taken"), 0700);
    }
    mote_model_destroy(model);
}
