/* config_test.c: JSON documents, field tables, --set, suggestions, and every message they give. */
#include <criterion/criterion.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/example.h"
#include "config/fields.h"
#include "config/json.h"
#include "config/suggest.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static mote_document *parse(const char *text, const char *name) {
    mote_error error = {0};
    mote_document *document = mote_document_parse(text, strlen(text), name, "", &error);
    cr_assert(document, "%s: %s", text, error.message);
    return document;
}

static mote_json entry_of(mote_json array, size_t index) {
    return (mote_json){.document = array.document,
                       .node = cJSON_GetArrayItem(array.node, (int)index)};
}

/* The value at a path such as "model.layers[1].units", or at "" the root. */
static mote_json value_at(const mote_document *document, const char *path) {
    mote_json value = mote_document_root(document);
    while (*path) {
        char name[64];
        size_t index;
        int length = 0;
        if (sscanf(path, "[%zu]%n", &index, &length) == 1 && length > 0) {
            value = entry_of(value, index);
        } else {
            cr_assert_eq(sscanf(path, "%63[^.[]%n", name, &length), 1, "%s", path);
            value = mote_json_member(value, name);
        }
        cr_assert(value.node, "nothing is at %s", path);
        path += length;
        path += *path == '.';
    }
    return value;
}

static void expect_message(const char *what, const mote_error *error, const char *expected) {
    cr_expect_str_eq(error->message, expected, "%s:\n   found \"%s\"\nexpected \"%s\"", what,
                     error->message, expected);
    cr_expect(expected[0] == '\0' || error->status == MOTE_INVALID, "%s: %s", what,
              mote_status_name(error->status));
}

/* ---- documents ---- */

Test(document, that_is_no_json_says_where) {
    static const struct {
        const char *text;
        size_t length; /* 0: up to the NUL */
        const char *expected;
    } rows[] = {
        {"", 0, "c.json:1:1: this is not JSON: the text ends too early"},
        {"  \n ", 0, "c.json:2:2: this is not JSON: the text ends too early"},
        {"{\"a\": 1", 0, "c.json:1:8: this is not JSON: the text ends too early"},
        {"{\"a\": 1,}", 0, "c.json:1:9: this is not JSON: unexpected text"},
        {"{\"a\": 1} x", 0, "c.json:1:10: this is not JSON: unexpected text"},
        {"{\n  \"a\": 1\n  \"b\": 2\n}", 0, "c.json:3:3: this is not JSON: unexpected text"},
        {"{\r\n  \"a\": 1\r\n  \"b\": 2\r\n}", 0, "c.json:3:3: this is not JSON: unexpected text"},
        {"{\n\t\"a\": yes\n}", 0, "c.json:2:7: this is not JSON: unexpected text"},
        {"{\"größe\": ja}", 0, "c.json:1:11: this is not JSON: unexpected text"},
        {"\xef\xbb\xbf{\"a\": ja}", 0, "c.json:1:7: this is not JSON: unexpected text"},
        {"{'a': 1}", 0, "c.json:1:2: this is not JSON: unexpected text"},
        {"{a: 1}", 0, "c.json:1:2: this is not JSON: unexpected text"},
        {"{\n  \"a\": 1,\n}\n", 0, "c.json:3:1: this is not JSON: unexpected text"},
        {"{\"a\": 1,, \"b\": 2}", 0, "c.json:1:9: this is not JSON: unexpected text"},
        {"{\"a\": 1, b: 2}", 0, "c.json:1:10: this is not JSON: unexpected text"},
        {"{\"a\"1}", 0, "c.json:1:5: this is not JSON: unexpected text"},
        {"{\"a\": \"b\"1}", 0, "c.json:1:10: this is not JSON: unexpected text"},
        {"[1, 2,]", 0, "c.json:1:7: this is not JSON: unexpected text"},
        {"[1, 2x]", 0, "c.json:1:6: this is not JSON: unexpected text"},
        {"[1,2x]", 0, "c.json:1:5: this is not JSON: unexpected text"},
        {"[1,[x]]", 0, "c.json:1:5: this is not JSON: unexpected text"},
        {"[1 2]", 0, "c.json:1:4: this is not JSON: unexpected text"},
        {"[1}", 0, "c.json:1:3: this is not JSON: unexpected text"},
        {"[-]", 0, "c.json:1:2: this is not JSON: unexpected text"},
        {"{\"a\": \"\\q\"}", 0, "c.json:1:8: this is not JSON: unexpected text"},
        {"{\"a\": \"b}", 0, "c.json:1:7: this is not JSON: this string is not closed"},
        {"{\"a\": \"b}\n", 0, "c.json:1:7: this is not JSON: this string is not closed"},
        {"{\"a\": \"b\\\"}", 0, "c.json:1:7: this is not JSON: this string is not closed"},
        {"{\"a", 0, "c.json:1:2: this is not JSON: this string is not closed"},
        {"{\"a\": 1, ", 0, "c.json:1:10: this is not JSON: the text ends too early"},
        {"{", 0, "c.json:1:2: this is not JSON: the text ends too early"},
        {"[1, ", 0, "c.json:1:5: this is not JSON: the text ends too early"},
        {"{\"a\": 1} // end", 0, "c.json:1:10: this is not JSON: unexpected text"},
        {"{\"a\": 0x10}", 0, "c.json:1:8: this is not JSON: unexpected text"},
        {"{\"a\": 1}\0", 9, "c.json:1:9: this is not JSON: there is a zero byte"},
        {"{\"a\":\0 1}", 9, "c.json:1:6: this is not JSON: there is a zero byte"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t length = rows[i].length ? rows[i].length : strlen(rows[i].text);
        mote_error error = {0};
        cr_expect_null(mote_document_parse(rows[i].text, length, "c.json", "", &error), "%s",
                       rows[i].text);
        expect_message(rows[i].text, &error, rows[i].expected);
    }
}

Test(document, without_a_file_is_called_by_its_root) {
    mote_error nameless = {0}, rooted = {0};
    cr_expect_null(mote_document_parse("{", 1, NULL, "", &nameless));
    expect_message("{", &nameless, "JSON:1:2: this is not JSON: the text ends too early");
    cr_expect_null(mote_document_parse("{", 1, NULL, "layers[1]", &rooted));
    expect_message("{", &rooted, "layers[1]:1:2: this is not JSON: the text ends too early");
}

Test(document, nested_too_deeply_is_an_error_and_no_crash) {
    enum {
        DEPTH = 1000000
    };
    static char text[2 * DEPTH + 1];
    memset(text, '[', DEPTH);
    memset(text + DEPTH, ']', DEPTH);
    mote_error error = {0};
    cr_expect_null(mote_document_parse(text, 2 * DEPTH, "c.json", "", &error));
    expect_message("deep", &error, "c.json:1:1001: this is not JSON: unexpected text");
}

Test(document, nested_deeper_than_paths_go_still_gets_a_message) {
    char text[403];
    memset(text, '[', 200);
    text[200] = '5';
    memset(text + 201, ']', 200);
    text[401] = '\0';
    mote_document *document = parse(text, "c.json");
    mote_json value = mote_document_root(document);
    for (int i = 0; i < 200; i++) {
        value = entry_of(value, 0);
    }
    mote_error error = {0};
    mote_fail_at(value, &error, "so deep");
    expect_message("200 deep", &error, "c.json:1:1: so deep");
    mote_document_destroy(document);
}

Test(document, errors_stand_where_the_value_or_its_key_stands) {
    static const struct {
        const char *text, *path;
        bool key;
        const char *expected;
    } rows[] = {
        {"5", "", false, "c.json:1:1: here"},
        {" \n\t{}", "", false, "c.json:2:2: here"},
        {"{\"a\": 5}", "a", false, "c.json:1:7: a: here"},
        {"{\"a\": 5}", "a", true, "c.json:1:2: a: here"},
        {"{ \"a\" : 5 }", "a", false, "c.json:1:9: a: here"},
        {"{\"a\":1,\"b\":2}", "b", false, "c.json:1:12: b: here"},
        {"{\"a\":1,\"b\":2}", "b", true, "c.json:1:8: b: here"},
        {"{\n  \"a\": 1,\n  \"b\": 2\n}", "b", false, "c.json:3:8: b: here"},
        {"{\r\n\t\"a\": 1,\r\n\t\"b\": 2\r\n}", "b", false, "c.json:3:7: b: here"},
        {"{\"a\": [10, 20, {\"x\": [30]}]}", "a[1]", false, "c.json:1:12: a[1]: here"},
        {"{\"a\": [10, 20, {\"x\": [30]}]}", "a[2].x[0]", false, "c.json:1:23: a[2].x[0]: here"},
        {"[[], {}, [[1]], 7]", "[3]", false, "c.json:1:17: [3]: here"},
        {"[[], {}, [[1]], 7]", "[2][0][0]", false, "c.json:1:12: [2][0][0]: here"},
        /* Structural characters inside strings do not count. */
        {"{\"}\": \"]\\\"},{\", \"b\": 5}", "b", false, "c.json:1:22: b: here"},
        {"{\"a\\\\\": \"\\\\\", \"b\": 5}", "b", false, "c.json:1:20: b: here"},
        {"{\"a\\\"b\": 1, \"c\": [\"x\\\"]\", 5]}", "c[1]", false, "c.json:1:27: c[1]: here"},
        /* Columns count characters, not bytes. */
        {"{\"größe\": \"日本\", \"b\": 5}", "b", false, "c.json:1:22: b: here"},
        {"{\"größe\": 5}", "größe", false, "c.json:1:11: größe: here"},
        {"{\n\"名\": 1, \"b\": 5}", "b", false, "c.json:2:14: b: here"},
        /* A byte order mark at the start, as some editors write it, is skipped. */
        {"\xef\xbb\xbf{\"a\": 1, \"b\": 5}", "b", false, "c.json:1:15: b: here"},
        {"\xef\xbb\xbf{\"a\": 1,\n \"b\": 5}", "b", true, "c.json:2:2: b: here"},
        {"\xef\xbb\xbf"
         "5",
         "", false, "c.json:1:1: here"},
        /* cJSON treats all control characters as whitespace. */
        {"{\f\"a\":\v1\f,\x01\"b\"\f:\f5\f}", "b", false, "c.json:1:18: b: here"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_document *document = parse(rows[i].text, "c.json");
        mote_json value = value_at(document, rows[i].path);
        mote_error error = {0};
        mote_status status = rows[i].key ? mote_fail_at_key(value, &error, "%s", "here")
                                         : mote_fail_at(value, &error, "%s", "here");
        cr_expect_eq(status, MOTE_INVALID);
        expect_message(rows[i].text, &error, rows[i].expected);
        mote_document_destroy(document);
    }
}

Test(document, without_a_name_or_of_nothing_errors_have_no_place) {
    mote_error error = {0};
    mote_document *document = mote_document_parse("{\"a\": [5]}", 10, NULL, "layers[1]", &error);
    cr_assert(document, "%s", error.message);
    mote_fail_at(value_at(document, "a[0]"), &error, "here");
    expect_message("rooted", &error, "layers[1].a[0]: here");
    mote_document_destroy(document);

    mote_error of_nothing = {0};
    mote_fail_at((mote_json){0}, &of_nothing, "nowhere");
    expect_message("nothing", &of_nothing, "nowhere");
}

Test(document, very_long_keys_leave_the_message_readable) {
    char text[1300];
    memset(text, 'k', sizeof text);
    memcpy(text, "{\"", 2);
    memcpy(text + 1200, "\": 5}", 6);
    mote_document *document = parse(text, "c.json");
    mote_error error = {0};
    mote_fail_at((mote_json){document, mote_document_root(document).node->child}, &error, "here");
    const char *end = error.message + strlen(error.message) - 7;
    cr_expect_eq(strncmp(error.message, "c.json:1:1204: kkk", 18), 0, "%s", error.message);
    cr_expect_str_eq(end, "k: here", "%s", error.message);
    mote_document_destroy(document);
}

Test(document, is_read_from_a_file) {
    char path[] = "/tmp/mote_config_test_XXXXXX", expected[128];
    int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    cr_assert_eq(write(descriptor, "{\"a\":\n oops}", 12), 12);
    mote_error error = {0}, missing = {0};
    cr_expect_null(mote_document_read(path, &error));
    snprintf(expected, sizeof expected, "%s:2:2: this is not JSON: unexpected text", path);
    expect_message("file", &error, expected);

    cr_assert_eq(ftruncate(descriptor, 0), 0);
    cr_assert_eq(pwrite(descriptor, "{\"a\": 5}", 8, 0), 8);
    mote_document *document = mote_document_read(path, NULL);
    cr_assert(document);
    cr_expect_eq(value_at(document, "a").node->valueint, 5);
    mote_document_destroy(document);
    close(descriptor);
    unlink(path);

    cr_expect_null(mote_document_read("/nowhere/c.json", &missing));
    cr_expect_eq(missing.status, MOTE_FILE);
    cr_expect_str_eq(missing.message,
                     "/nowhere/c.json: cannot be opened: No such file or directory");
    mote_document_destroy(NULL);
}

Test(document, says_what_it_found) {
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"\"128\"", "the string \"128\""},
        {"\"\"", "the string \"\""},
        {"0.5", "0.5"},
        {"-3", "-3"},
        {"1e300", "1e+300"},
        {"1e999", "inf"},
        {"true", "true"},
        {"false", "false"},
        {"null", "null"},
        {"[1]", "a list"},
        {"{}", "an object"},
        {"\"1234567890123456789012345678901234567890\"",
         "the string \"1234567890123456789012345678901234567890\""},
        {"\"12345678901234567890123456789012345678901\"",
         "the string \"1234567890123456789012345678901234567890...\""},
        /* Cut between characters, not within one: ß takes two bytes, the 40th and 41st. */
        {"\"123456789012345678901234567890123456789ß1\"",
         "the string \"123456789012345678901234567890123456789...\""},
        {"\"日本日本日本日本日本日本日本日本\"", "the string \"日本日本日本日本日本日本日...\""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_document *document = parse(rows[i].text, NULL);
        char found[MOTE_JSON_FOUND_CAPACITY];
        mote_json_found(mote_document_root(document), found);
        cr_expect_str_eq(found, rows[i].expected, "found \"%s\", expected \"%s\"", found,
                         rows[i].expected);
        mote_document_destroy(document);
    }
}

/* ---- fields ---- */

typedef struct settings {
    size_t units;
    double rate, momentum;
    bool bias;
    char *title, *note;
    int mode;
    mote_initializer weight;
    mote_json part, extra;
} settings;

static const char *const modes[] = {"constant", "cosine", "step", NULL};

/* Fields of most kinds; only `units` is required. */
static const mote_field fields[] = {
    {.name = "units",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(settings, units),
     .range = MOTE_AT_LEAST(1),
     .help = "number of outputs"},
    {.name = "rate",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(settings, rate),
     .range = MOTE_ABOVE(0),
     .preset = "0.1",
     .help = "learning rate"},
    {.name = "momentum",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(settings, momentum),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0.9",
     .help = "momentum"},
    {.name = "bias",
     .kind = MOTE_FIELD_BOOLEAN,
     .offset = offsetof(settings, bias),
     .preset = "true",
     .help = "whether there is a bias"},
    {.name = "title",
     .kind = MOTE_FIELD_STRING,
     .offset = offsetof(settings, title),
     .preset = "\"untitled\"",
     .help = "title"},
    {.name = "note",
     .kind = MOTE_FIELD_STRING,
     .offset = offsetof(settings, note),
     .optional = true,
     .help = "note"},
    {.name = "mode",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(settings, mode),
     .choices = modes,
     .preset = "\"cosine\"",
     .help = "mode"},
    {.name = "weight",
     .kind = MOTE_FIELD_INITIALIZER,
     .offset = offsetof(settings, weight),
     .preset = "\"he_normal\"",
     .help = "initial weights"},
    MOTE_FIELDS_END,
};

static const mote_field more_fields[] = {
    {.name = "part",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(settings, part),
     .optional = true,
     .help = "a part"},
    {.name = "extra",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(settings, extra),
     .optional = true,
     .help = "another part"},
    MOTE_FIELDS_END,
};

static mote_status read_settings(mote_json object, settings *s, mote_error *error) {
    mote_binding bindings[] = {{fields, s}, {more_fields, s}};
    return mote_fields_read(object, "type", bindings, COUNT(bindings), error);
}

Test(fields, fill_the_struct_from_given_keys) {
    mote_document *document = parse("{\"type\": \"any\", \"mode\": \"step\", \"units\": 128,"
                                    " \"bias\": false, \"rate\": 1e-3, \"momentum\": 0,"
                                    " \"title\": \"größe\", \"note\": \"\", \"weight\": \"zeros\","
                                    " \"part\": [1, 2]}",
                                    "c.json");
    settings s = {0};
    mote_error error = {0};
    cr_assert_eq(read_settings(mote_document_root(document), &s, &error), MOTE_OK, "%s",
                 error.message);
    cr_expect_eq(s.units, (size_t)128);
    cr_expect_eq(s.rate, 1e-3);
    cr_expect_eq(s.momentum, 0.0);
    cr_expect_eq(s.bias, false);
    cr_expect_str_eq(s.title, "größe");
    cr_expect_str_eq(s.note, "");
    cr_expect_eq(s.mode, 2);
    cr_expect_eq(s.weight.kind, MOTE_INITIALIZER_ZEROS);
    cr_expect_eq(s.part.node, value_at(document, "part").node);
    cr_expect_null(s.extra.node);
    mote_fields_free(fields, &s);
    cr_expect(!s.title && !s.note);
    mote_fields_free(fields, &s);
    mote_document_destroy(document);
}

Test(fields, take_their_presets_where_keys_are_absent) {
    mote_document *document = parse("{\"units\": 1}", NULL);
    settings s = {0};
    mote_error error = {0};
    cr_assert_eq(read_settings(mote_document_root(document), &s, &error), MOTE_OK, "%s",
                 error.message);
    cr_expect_eq(s.rate, 0.1);
    cr_expect_eq(s.momentum, 0.9);
    cr_expect_eq(s.bias, true);
    cr_expect_str_eq(s.title, "untitled");
    cr_expect_null(s.note);
    cr_expect_eq(s.mode, 1);
    cr_expect_eq(s.weight.kind, MOTE_INITIALIZER_HE_NORMAL);
    mote_fields_free(fields, &s);
    mote_document_destroy(document);

    /* No object at all gives the same if nothing is required. */
    settings none = {0};
    mote_binding presets = {fields + 1, &none};
    cr_expect_eq(mote_fields_read((mote_json){0}, NULL, &presets, 1, &error), MOTE_OK);
    cr_expect_eq(none.rate, 0.1);
    mote_fields_free(fields, &none);
}

#define INITIALIZER_NAMES                                                                          \
    "a number or one of \"zeros\", \"ones\", \"he_normal\", \"he_uniform\", \"glorot_normal\", "   \
    "\"glorot_uniform\", \"lecun_normal\", \"lecun_uniform\""

#define AVAILABLE                                                                                  \
    "; available: type, units, rate, momentum, bias, title, note, mode, weight, part, extra"

/* Where a row begins with "units": 8, the next key is at 1:14, and its value at 1:(n + 18) if the
 * key has n letters. */
Test(fields, refuse_what_does_not_fit_in_words) {
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"{\"units\": \"128\"}",
         "c.json:1:11: units: expected an integer >= 1, found the string \"128\""},
        {"{\"units\": 0}", "c.json:1:11: units: expected an integer >= 1, found 0"},
        {"{\"units\": -5}", "c.json:1:11: units: expected an integer >= 1, found -5"},
        {"{\"units\": 1.5}", "c.json:1:11: units: expected an integer >= 1, found 1.5"},
        {"{\"units\": 1e300}", "c.json:1:11: units: expected an integer >= 1, found 1e+300"},
        {"{\"units\": 1e999}", "c.json:1:11: units: expected an integer >= 1, found inf"},
        {"{\"units\": true}", "c.json:1:11: units: expected an integer >= 1, found true"},
        {"{\"units\": null}", "c.json:1:11: units: expected an integer >= 1, found null"},
        {"{\"units\": [8]}", "c.json:1:11: units: expected an integer >= 1, found a list"},
        {"{\"units\": {}}", "c.json:1:11: units: expected an integer >= 1, found an object"},
        {"{\"units\": 8, \"rate\": 0}", "c.json:1:22: rate: expected a number > 0, found 0"},
        {"{\"units\": 8, \"rate\": 1e999}", "c.json:1:22: rate: expected a number > 0, found inf"},
        {"{\"units\": 8, \"rate\": \"fast\"}",
         "c.json:1:22: rate: expected a number > 0, found the string \"fast\""},
        {"{\"units\": 8, \"momentum\": 1}",
         "c.json:1:26: momentum: expected a number >= 0 and < 1, found 1"},
        {"{\"units\": 8, \"momentum\": -0.1}",
         "c.json:1:26: momentum: expected a number >= 0 and < 1, found -0.1"},
        {"{\"units\": 8, \"bias\": 1}", "c.json:1:22: bias: expected true or false, found 1"},
        {"{\"units\": 8, \"bias\": \"true\"}",
         "c.json:1:22: bias: expected true or false, found the string \"true\""},
        {"{\"units\": 8, \"title\": 5}", "c.json:1:23: title: expected a string, found 5"},
        {"{\"units\": 8, \"note\": null}", "c.json:1:22: note: expected a string, found null"},
        {"{\"units\": 8, \"mode\": \"cosin\"}",
         "c.json:1:22: mode: expected one of \"constant\", \"cosine\", \"step\", found the string "
         "\"cosin\"; did you mean \"cosine\"?"},
        {"{\"units\": 8, \"mode\": \"Exponential\"}",
         "c.json:1:22: mode: expected one of \"constant\", \"cosine\", \"step\", found the string "
         "\"Exponential\""},
        {"{\"units\": 8, \"mode\": 1}",
         "c.json:1:22: mode: expected one of \"constant\", \"cosine\", \"step\", found 1"},
        {"{\"units\": 8, \"weight\": \"he_norm\"}",
         "c.json:1:24: weight: expected " INITIALIZER_NAMES ", found the string \"he_norm\"; did "
         "you mean \"he_normal\"?"},
        /* A constant is given as a number, so its name is neither accepted nor suggested. */
        {"{\"units\": 8, \"weight\": \"constant\"}",
         "c.json:1:24: weight: expected " INITIALIZER_NAMES ", found the string \"constant\""},
        {"{\"units\": 8, \"weight\": 1e999}",
         "c.json:1:24: weight: expected " INITIALIZER_NAMES ", found inf"},
        {"{\"units\": 8, \"weight\": [0]}",
         "c.json:1:24: weight: expected " INITIALIZER_NAMES ", found a list"},
        {"{\"bias\": true}",
         "c.json:1:1: the key \"units\" is missing (an integer >= 1: number of outputs)"},
        {"{}", "c.json:1:1: the key \"units\" is missing (an integer >= 1: number of outputs)"},
        {"{\"unit\": 8}", "c.json:1:2: unit: there is no such key here; did you mean \"units\"?"},
        {"{\"units\": 8, \"momentun\": 0.9}",
         "c.json:1:14: momentun: there is no such key here; did you mean \"momentum\"?"},
        {"{\"units\": 8, \"exrta\": 0.9}",
         "c.json:1:14: exrta: there is no such key here; did you mean \"extra\"?"},
        {"{\"units\": 8, \"tpye\": \"x\"}",
         "c.json:1:14: tpye: there is no such key here; did you mean \"type\"?"},
        {"{\"units\": 8, \"Units\": 8}",
         "c.json:1:14: Units: there is no such key here; did you mean \"units\"?"},
        {"{\"units\": 8, \"dilation\": 2}",
         "c.json:1:14: dilation: there is no such key here" AVAILABLE},
        {"{\"units\": 8, \"\": 2}", "c.json:1:14: there is no such key here" AVAILABLE},
        {"{\"units\": 8, \"units\": 8}", "c.json:1:14: units: this key is given twice"},
        {"{\"type\": 1, \"units\": 8,\n \"type\": 2}", "c.json:2:2: type: this key is given twice"},
        {"[]", "c.json:1:1: expected an object, found a list"},
        {"\"relu\"", "c.json:1:1: expected an object, found the string \"relu\""},
        {"null", "c.json:1:1: expected an object, found null"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_document *document = parse(rows[i].text, "c.json");
        settings s = {0};
        mote_error error = {0};
        cr_expect_eq(read_settings(mote_document_root(document), &s, &error), MOTE_INVALID, "%s",
                     rows[i].text);
        expect_message(rows[i].text, &error, rows[i].expected);
        mote_fields_free(fields, &s);
        mote_document_destroy(document);
    }
}

#define LONG_NAME "a_key_of_a_name_so_long_that_not_many_others_find_room_beside_"
#define FIELD(text)                                                                                \
    { .name = text, .kind = MOTE_FIELD_BOOLEAN, .preset = "true" }
#define LONG_FIELD(letter) FIELD(LONG_NAME letter)

Test(fields, list_as_many_keys_as_fit) {
    static const mote_field long_fields[] = {
        LONG_FIELD("a"), LONG_FIELD("b"), LONG_FIELD("c"),       LONG_FIELD("d"),
        LONG_FIELD("e"), LONG_FIELD("f"), LONG_FIELD("g"),       LONG_FIELD("h"),
        LONG_FIELD("i"), LONG_FIELD("j"), LONG_FIELD("k"),       LONG_FIELD("l"),
        LONG_FIELD("m"), LONG_FIELD("n"), FIELD("short_enough"), MOTE_FIELDS_END,
    };
    static const mote_field no_fields[] = {MOTE_FIELDS_END};
    bool value;
    mote_document *document = parse("{\"x\": 1}", "c.json");
    mote_binding binding = {long_fields, &value};
    mote_error error = {0};
    mote_json root = mote_document_root(document);
    cr_expect_eq(mote_fields_read(root, NULL, &binding, 1, &error), MOTE_INVALID);
    const char *end = strstr(error.message, ", " LONG_NAME "k, ...");
    cr_expect(end && strlen(end) == strlen(", " LONG_NAME "k, ..."), "%s", error.message);
    binding.fields = no_fields;
    error = (mote_error){0};
    cr_expect_eq(mote_fields_read(root, NULL, &binding, 1, &error), MOTE_INVALID);
    expect_message("no keys", &error, "c.json:1:2: x: there is no such key here");
    mote_document_destroy(document);
}

Test(fields, take_everything_up_to_their_bounds) {
    static const struct {
        const char *text;
        size_t units;
        double rate, momentum, constant;
    } rows[] = {
        {"{\"units\": 1}", 1, 0.1, 0.9, 0},
        {"{\"units\": 9007199254740992}", (size_t)1 << 53, 0.1, 0.9, 0},
        {"{\"units\": 3e0, \"rate\": 5e-324}", 3, 5e-324, 0.9, 0},
        {"{\"units\": 8, \"rate\": 1.7976931348623157e308}", 8, 1.7976931348623157e308, 0.9, 0},
        {"{\"units\": 8, \"momentum\": 0.99999999999999989}", 8, 0.1, 0.99999999999999989, 0},
        {"{\"units\": 8, \"weight\": -0.25}", 8, 0.1, 0.9, -0.25},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_document *document = parse(rows[i].text, "c.json");
        settings s = {0};
        mote_error error = {0};
        cr_expect_eq(read_settings(mote_document_root(document), &s, &error), MOTE_OK, "%s",
                     error.message);
        cr_expect_eq(s.units, rows[i].units, "%s: %zu", rows[i].text, s.units);
        cr_expect_eq(s.rate, rows[i].rate, "%s: %g", rows[i].text, s.rate);
        cr_expect_eq(s.momentum, rows[i].momentum, "%s: %g", rows[i].text, s.momentum);
        cr_expect_eq(s.weight.constant, rows[i].constant, "%s: %g", rows[i].text,
                     s.weight.constant);
        cr_expect_eq(s.weight.kind == MOTE_INITIALIZER_CONSTANT, rows[i].constant != 0);
        mote_fields_free(fields, &s);
        mote_document_destroy(document);
    }
    mote_document *above = parse("{\"units\": 9007199254740994}", "c.json");
    settings s = {0};
    cr_expect_eq(read_settings(mote_document_root(above), &s, NULL), MOTE_INVALID,
                 "above 2^53 not every integer is a double");
    mote_document_destroy(above);
}

Test(fields, that_must_be_given_are_missed_even_where_there_is_no_object) {
    settings s = {0};
    mote_error error = {0};
    cr_expect_eq(read_settings((mote_json){0}, &s, &error), MOTE_INVALID);
    expect_message("no object", &error,
                   "the key \"units\" is missing (an integer >= 1: number of outputs)");
}

static const char *const one_stride[] = {"size", NULL}, *const strides[] = {"size", "half", NULL};

Test(fields, describe_what_they_expect) {
    static const struct {
        mote_field field;
        const char *expected;
    } rows[] = {
        {{.kind = MOTE_FIELD_INTEGER, .range = MOTE_AT_LEAST(0)}, "an integer >= 0"},
        {{.kind = MOTE_FIELD_INTEGER, .range = MOTE_BETWEEN(1, 4)}, "an integer >= 1 and <= 4"},
        {{.kind = MOTE_FIELD_NUMBER, .range = MOTE_ANY_NUMBER}, "a number"},
        {{.kind = MOTE_FIELD_NUMBER, .range = MOTE_ABOVE(0)}, "a number > 0"},
        {{.kind = MOTE_FIELD_NUMBER, .range = MOTE_FROM_BELOW(0, 1)}, "a number >= 0 and < 1"},
        {{.kind = MOTE_FIELD_BOOLEAN}, "true or false"},
        {{.kind = MOTE_FIELD_STRING}, "a string"},
        {{.kind = MOTE_FIELD_CHOICE, .choices = modes},
         "one of \"constant\", \"cosine\", \"step\""},
        {{.kind = MOTE_FIELD_INTEGER, .range = MOTE_AT_LEAST(1), .choices = one_stride},
         "an integer >= 1 or \"size\""},
        {{.kind = MOTE_FIELD_INTEGER, .range = MOTE_BETWEEN(1, 4), .choices = strides},
         "an integer >= 1 and <= 4 or \"size\", \"half\""},
        {{.kind = MOTE_FIELD_INITIALIZER}, INITIALIZER_NAMES},
        {{.kind = MOTE_FIELD_LAYERS}, "a list of layers"},
        {{.kind = MOTE_FIELD_PART}, "an object"},
        {{.kind = MOTE_FIELD_PART, .takes = "a list"}, "a list"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[MOTE_EXPECTED_CAPACITY];
        mote_field_expected(&rows[i].field, text);
        cr_expect_str_eq(text, rows[i].expected, "found \"%s\", expected \"%s\"", text,
                         rows[i].expected);
    }
}

/* ---- writing back ---- */

Test(fields, write_back_what_reads_as_the_same) {
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"{\"units\":8}",
         "{\"units\":8,\"rate\":0.1,\"momentum\":0.9,\"bias\":true,\"title\":\"untitled\","
         "\"mode\":\"cosine\",\"weight\":\"he_normal\"}"},
        {"{\"note\":\"a \\\"b\\\"\",\"units\":3000000000,\"rate\":1e-7,\"momentum\":0.5,"
         "\"bias\":false,\"title\":\"größe\",\"mode\":\"step\",\"weight\":-0.25,\"part\":{}}",
         "{\"units\":3000000000,\"rate\":1e-07,\"momentum\":0.5,\"bias\":false,"
         "\"title\":\"größe\",\"note\":\"a \\\"b\\\"\",\"mode\":\"step\",\"weight\":-0.25}"},
        /* Numbers that need more than 15 digits. */
        {"{\"units\":9007199254740991,\"rate\":0.30000000000000004,\"momentum\":0.1,"
         "\"weight\":0.12345678901234568}",
         "{\"units\":9007199254740991,\"rate\":0.30000000000000004,\"momentum\":0.1,\"bias\":true,"
         "\"title\":\"untitled\",\"mode\":\"cosine\",\"weight\":0.12345678901234568}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *text = rows[i].text;
        char *written = NULL;
        for (int round = 0; round < 2; round++) { /* the second time, what the first one wrote */
            mote_document *document = parse(text, "c.json");
            settings s = {0};
            mote_error error = {0};
            cr_assert_eq(read_settings(mote_document_root(document), &s, &error), MOTE_OK, "%s",
                         error.message);
            cJSON *object = cJSON_CreateObject();
            mote_json_writer writer = {0};
            mote_fields_write(&writer, fields, &s, object);
            mote_fields_write(&writer, more_fields, &s, object); /* left to their owners */
            cr_assert(!writer.failed);
            free(written);
            text = written = cJSON_PrintUnformatted(object);
            cr_expect_str_eq(written, rows[i].expected, "\n   found %s\nexpected %s", written,
                             rows[i].expected);
            cJSON_Delete(object);
            mote_fields_free(fields, &s);
            mote_document_destroy(document);
        }
        free(written);
    }
}

Test(writer, copies_any_value_to_the_bit) {
    static const char text[] =
        "{\"list\":[0.30000000000000004,-0,1e-07,[],{}],\"names\":{\"a\":\"b\","
        "\"c\":[true,false,null]},\"number\":12}";
    mote_document *document = parse(text, "c.json");
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    mote_json_add_copy(&writer, object, "copy", mote_document_root(document).node);
    mote_document_destroy(document); /* the copy shares nothing with it */
    char *written = mote_json_print(&writer, object, MOTE_JSON_ONE_LINE);
    char expected[sizeof text + 16];
    snprintf(expected, sizeof expected, "{\"copy\":%s}", text);
    cr_expect_str_eq(written, expected);
    free(written);
}

/* ---- integers by name ---- */

static const mote_field stride_fields[] = {
    {.name = "stride",
     .kind = MOTE_FIELD_INTEGER,
     .range = MOTE_AT_LEAST(1),
     .choices = strides,
     .preset = "\"size\"",
     .help = "stride"},
    MOTE_FIELDS_END,
};

Test(fields, take_integers_by_name_and_write_them_so) {
    static const struct {
        const char *text;
        size_t stride;
        const char *written; /* or the error after the place */
    } rows[] = {
        {"{}", MOTE_NAMED_INTEGER(0), "{\"stride\":\"size\"}"},
        {"{\"stride\": \"size\"}", MOTE_NAMED_INTEGER(0), "{\"stride\":\"size\"}"},
        {"{\"stride\": \"half\"}", MOTE_NAMED_INTEGER(1), "{\"stride\":\"half\"}"},
        {"{\"stride\": 1}", 1, "{\"stride\":1}"},
        {"{\"stride\": 9007199254740992}", (size_t)1 << 53, "{\"stride\":9007199254740992}"},
        {"{\"stride\": \"siez\"}", 0, "found the string \"siez\"; did you mean \"size\"?"},
        {"{\"stride\": \"Half of it\"}", 0, "found the string \"Half of it\""},
        {"{\"stride\": \"1\"}", 0, "found the string \"1\""},
        {"{\"stride\": \"\"}", 0, "found the string \"\""},
        {"{\"stride\": 0}", 0, "found 0"},
        {"{\"stride\": -1}", 0, "found -1"},
        {"{\"stride\": 1.5}", 0, "found 1.5"},
        {"{\"stride\": 18446744073709551615}", 0, "found 1.84467440737096e+19"},
        {"{\"stride\": null}", 0, "found null"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_document *document = parse(rows[i].text, "c.json");
        size_t stride = 5;
        mote_binding binding = {stride_fields, &stride};
        mote_error error = {0};
        mote_json object = mote_document_root(document);
        if (mote_fields_read(object, NULL, &binding, 1, &error) == MOTE_OK) {
            cJSON *written = cJSON_CreateObject();
            mote_json_writer writer = {0};
            mote_fields_write(&writer, stride_fields, &stride, written);
            char *text = cJSON_PrintUnformatted(written);
            cr_expect_str_eq(text, rows[i].written, "%s is written as %s", rows[i].text, text);
            cr_expect_eq(stride, rows[i].stride, "%s: %zu", rows[i].text, stride);
            cJSON_free(text);
            cJSON_Delete(written);
        } else {
            char expected[256];
            snprintf(expected, sizeof expected,
                     "c.json:1:12: stride: expected an integer >= 1 or \"size\", \"half\", %s",
                     rows[i].written);
            expect_message(rows[i].text, &error, expected);
        }
        mote_document_destroy(document);
    }
}

/* ---- selectors ---- */

Test(selector, is_a_string_that_names_a_record) {
    static const struct {
        const char *text, *expected; /* NULL: no error */
    } rows[] = {
        {"{\"type\": \"relu\"}", NULL},
        {"{\"units\": 5}", "c.json:1:1: the key \"type\" is missing"},
        {"{\"type\": 5}", "c.json:1:10: type: expected a string, found 5"},
        {"\"relu\"", "c.json:1:1: expected an object with a \"type\", found the string \"relu\""},
        {"[]", "c.json:1:1: expected an object with a \"type\", found a list"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_document *document = parse(rows[i].text, "c.json");
        mote_error error = {0};
        const char *type = mote_json_selector(mote_document_root(document), "type", &error);
        if (rows[i].expected) {
            cr_expect_null(type);
            expect_message(rows[i].text, &error, rows[i].expected);
        } else {
            cr_expect_str_eq(type, "relu");
        }
        mote_document_destroy(document);
    }
}

/* ---- the messages that the design shows ---- */

static const char mnist[] = "{\n"
                            "  \"name\": \"mnist\",\n"
                            "  \"seed\": 1,\n"
                            "  \"dataset\": {\"format\": \"idx\"},\n"
                            "  \"model\": {\n"
                            "    \"layers\": [\n"
                            "      {\"type\": \"flatten\"},\n"
                            "\n"
                            "      {\"type\": \"dense\", \"units\": \"128\"},\n"
                            "      {\"type\": \"rleu\"}\n"
                            "    ]\n"
                            "  }\n"
                            "}\n";

Test(design, wrong_type_in_a_layer) {
    mote_document *document = parse(mnist, "configs/mnist.json");
    settings s = {0};
    mote_error error = {0};
    cr_expect_eq(read_settings(value_at(document, "model.layers[1]"), &s, &error), MOTE_INVALID);
    expect_message("units", &error,
                   "configs/mnist.json:9:34: model.layers[1].units: expected an integer >= 1, "
                   "found the string \"128\"");
    mote_fields_free(fields, &s);
    mote_document_destroy(document);
}

static const char *name_at(size_t index) {
    static const char *const names[] = {"flatten", "dense", "relu", NULL};
    return names[index];
}

Test(design, unknown_layer) {
    mote_document *document = parse(mnist, "configs/mnist.json");
    mote_error error = {0};
    cr_expect_eq(mote_fail_unknown(value_at(document, "model.layers[2]"), "type", "layer", name_at,
                                   true, &error),
                 MOTE_INVALID);
    expect_message("type", &error,
                   "configs/mnist.json:10:16: model.layers[2].type: no layer is called \"rleu\"; "
                   "did you mean \"relu\"?");
    mote_document_destroy(document);
}

/* A name that a program wrote is no typo, so a plugin must be missing. */
Test(design, unknown_layer_of_a_plugin) {
    static const struct {
        const char *type;
        bool generated, plugins;
        const char *ending;
    } rows[] = {
        {"rleu", false, true, "; did you mean \"relu\"?"},
        {"rleu", false, false, "; did you mean \"relu\"?"},
        {"RELU", false, true, "; did you mean \"relu\"?"},
        {"rleu", true, true, "; if a plugin provides it, pass --plugin FILE.so"},
        {"rleu", true, false, ""},
        {"transformer", false, true,
         "; available: flatten, dense, relu; if a plugin provides it, pass --plugin FILE.so"},
        {"transformer", false, false, "; available: flatten, dense, relu"},
        {"transformer", true, true, "; if a plugin provides it, pass --plugin FILE.so"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64], message[160];
        snprintf(text, sizeof text, "{\"type\": \"%s\"}", rows[i].type);
        snprintf(message, sizeof message, "m:1:10: type: no layer is called \"%s\"%s", rows[i].type,
                 rows[i].ending);
        mote_document *document = parse(text, "m");
        if (rows[i].generated) {
            mote_document_set_generated(document);
        }
        mote_error error = {0};
        mote_fail_unknown(mote_document_root(document), "type", "layer", name_at, rows[i].plugins,
                          &error);
        expect_message(text, &error, message);
        mote_document_destroy(document);
    }
}

/* ---- --set ---- */

#define NO_SUCH_PLACE                                                                              \
    "there is no such place in the config; keys look like train.epochs or model.layers[1].units"
#define NO_ASSIGNMENT "expected KEY=VALUE, such as train.epochs=3"

Test(set, changes_one_value_or_says_why_it_cannot) {
    static const struct {
        const char *text, *assignment;
        const char *expected; /* the document afterwards, or the error after "--set ...: " */
    } rows[] = {
        {"{\"a\":1,\"b\":2}", "a=3", "{\"a\":3,\"b\":2}"},
        {"{\"a\":1}", "b=3", "{\"a\":1,\"b\":3}"},
        {"{}", "a.b.c=3", "{\"a\":{\"b\":{\"c\":3}}}"},
        {"{\"a\":{\"b\":1}}", "a.c=2", "{\"a\":{\"b\":1,\"c\":2}}"},
        {"{\"a\":[1,{\"b\":2},3]}", "a[1].b=5", "{\"a\":[1,{\"b\":5},3]}"},
        {"{\"a\":[1,{\"b\":2},3]}", "a[1].c=5", "{\"a\":[1,{\"b\":2,\"c\":5},3]}"},
        {"{\"a\":[1,2,3]}", "a[2]=5", "{\"a\":[1,2,5]}"},
        {"{\"a\":[[1],[2]]}", "a[1][0]=5", "{\"a\":[[1],[5]]}"},
        {"[1,2]", "[0]=5", "[5,2]"},
        /* Values that are JSON are taken as such, others as strings. */
        {"{}", "a=x", "{\"a\":\"x\"}"},
        {"{}", "a=", "{\"a\":\"\"}"},
        {"{}", "a=../data/my file", "{\"a\":\"../data/my file\"}"},
        {"{}", "a=1 2", "{\"a\":\"1 2\"}"},
        {"{}", "a=\"3\"", "{\"a\":\"3\"}"},
        {"{}", "a=b=c", "{\"a\":\"b=c\"}"},
        {"{}", "a=[1,true,null]", "{\"a\":[1,true,null]}"},
        {"{\"a\":1}", "a={\"b\":2}", "{\"a\":{\"b\":2}}"},
        {"{\"A\":1}", "a=2", "{\"A\":1,\"a\":2}"},
        /* Not an assignment, or not a place. */
        {"{}", "", NO_ASSIGNMENT},
        {"{}", "a", NO_ASSIGNMENT},
        {"{}", "=3", NO_ASSIGNMENT},
        {"{}", ".a=3", NO_SUCH_PLACE},
        {"[1,2]", "[+0]=3", NO_SUCH_PLACE},
        {"[1,2]", "[ 0]=3", NO_SUCH_PLACE},
        {"[1,2]", "[-0]=3", NO_SUCH_PLACE},
        {"{}", "a.=3", NO_SUCH_PLACE},
        {"{}", "a..b=3", NO_SUCH_PLACE},
        {"{\"a\":1}", "a.b=3", NO_SUCH_PLACE},
        {"{\"a\":1}", "a[0]=3", NO_SUCH_PLACE},
        {"{\"a\":{}}", "a[0]=3", NO_SUCH_PLACE},
        {"{\"a\":[1]}", "a[1]=3", NO_SUCH_PLACE},
        {"{\"a\":[1]}", "a[-1]=3", NO_SUCH_PLACE},
        {"{\"a\":[1]}", "a[x]=3", NO_SUCH_PLACE},
        {"{\"a\":[1]}", "a[]=3", NO_SUCH_PLACE},
        {"{\"a\":[1]}", "a[0=3", NO_SUCH_PLACE},
        {"{\"a\":[1]}", "a[99999999999999999999]=3", NO_SUCH_PLACE},
        {"{\"a\":[1]}", "a.b=3", NO_SUCH_PLACE},
        {"{\"a\":[1]}", "a[7].b=3", NO_SUCH_PLACE},
        {"{\"a\":[{}]}", "a[0]b=3", NO_SUCH_PLACE},
        {"[1]", "a=3", NO_SUCH_PLACE},
        {"5", "a=3", NO_SUCH_PLACE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_document *document = parse(rows[i].text, "c.json");
        mote_error error = {0};
        if (mote_document_set(document, rows[i].assignment, &error) == MOTE_OK) {
            char *found = cJSON_PrintUnformatted(mote_document_root(document).node);
            cr_expect_str_eq(found, rows[i].expected, "--set %s of %s: found %s, expected %s",
                             rows[i].assignment, rows[i].text, found, rows[i].expected);
            free(found);
        } else {
            char expected[256];
            snprintf(expected, sizeof expected, "--set %s: %s", rows[i].assignment,
                     rows[i].expected);
            expect_message(rows[i].text, &error, expected);
        }
        mote_document_destroy(document);
    }
}

/* An error about a value from --set names the assignment; any other names the place in the file. */
Test(set, is_named_by_errors_about_what_it_did) {
    static const struct {
        const char *assignments[5];
        const char *path;
        const char *expected;
    } rows[] = {
        {{"a=3"}, "a", "--set a=3: a: here"},
        {{"a=3"}, "b[1].x", "c.json:2:17: b[1].x: here"},
        {{"b[1].x=3"}, "b[1].x", "--set b[1].x=3: b[1].x: here"},
        {{"b[1].x=3"}, "b[1]", "c.json:2:11: b[1]: here"},
        {{"b[1].y=3"}, "b[1].y", "--set b[1].y=3: b[1].y: here"},
        {{"b[1].y=3"}, "b[1].x", "c.json:2:17: b[1].x: here"},
        {{"b[0]={\"y\": [3]}"}, "b[0].y[0]", "--set b[0]={\"y\": [3]}: b[0].y[0]: here"},
        {{"b[0]={\"y\": [3]}"}, "b[1].x", "c.json:2:17: b[1].x: here"},
        /* The last assignment counts. */
        {{"a=3", "a=4"}, "a", "--set a=4: a: here"},
        {{"a={\"x\":3}", "a.x=4"}, "a.x", "--set a.x=4: a.x: here"},
        {{"a={\"x\":3}", "a.y=4"}, "a.x", "--set a={\"x\":3}: a.x: here"},
        {{"a={\"x\":3}", "a.x=4", "a=5"}, "a", "--set a=5: a: here"},
        /* A value that was set and then replaced is forgotten, even if its memory is reused. */
        {{"a=[3]", "a[0]=4", "a=5", "c=[1,[2]]"}, "c[0]", "--set c=[1,[2]]: c[0]: here"},
        {{"a=[3]", "a[0]=4", "a=5", "c=[1,[2]]"}, "c[1]", "--set c=[1,[2]]: c[1]: here"},
        {{"a=[3]", "a[0]=4", "a=5", "c=[1,[2]]"}, "c[1][0]", "--set c=[1,[2]]: c[1][0]: here"},
        /* Objects created along the way have no place in the file. */
        {{"trian.epochs=3"}, "trian", "--set trian.epochs=3: trian: here"},
        {{"d.e.f=3", "d.g=4"}, "d.e", "--set d.e.f=3: d.e: here"},
        {{"d.e.f=3", "d.g=4"}, "d.g", "--set d.g=4: d.g: here"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int key = 0; key < 2; key++) {
            mote_document *document = parse("{\"a\": 1,\n \"b\": [2, {\"x\": 5}]}", "c.json");
            mote_error error = {0};
            for (size_t j = 0; rows[i].assignments[j]; j++) {
                cr_assert_eq(mote_document_set(document, rows[i].assignments[j], &error), MOTE_OK,
                             "%s", error.message);
            }
            mote_json value = value_at(document, rows[i].path);
            if (!key) {
                mote_fail_at(value, &error, "here");
                expect_message(rows[i].path, &error, rows[i].expected);
            } else if (strncmp(rows[i].expected, "--set", 5) == 0) {
                mote_fail_at_key(value, &error, "here");
                expect_message(rows[i].path, &error, rows[i].expected);
            }
            mote_document_destroy(document);
        }
    }
}

Test(set, gives_the_same_messages_as_a_file_would) {
    static const struct {
        const char *assignment, *expected;
    } rows[] = {
        {"units=many",
         "--set units=many: units: expected an integer >= 1, found the string \"many\""},
        {"units=0", "--set units=0: units: expected an integer >= 1, found 0"},
        {"unist=5", "--set unist=5: unist: there is no such key here; did you mean \"units\"?"},
        {"tpye.x=5", "--set tpye.x=5: tpye: there is no such key here; did you mean \"type\"?"},
        {"rate=x", "--set rate=x: rate: expected a number > 0, found the string \"x\""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_document *document = parse("{\"units\": 5}", "c.json");
        settings s = {0};
        mote_error error = {0};
        cr_assert_eq(mote_document_set(document, rows[i].assignment, NULL), MOTE_OK);
        cr_expect_eq(read_settings(mote_document_root(document), &s, &error), MOTE_INVALID);
        expect_message(rows[i].assignment, &error, rows[i].expected);
        mote_fields_free(fields, &s);
        mote_document_destroy(document);
    }
}

/* ---- suggestions ---- */

Test(suggest, takes_two_letters_in_the_wrong_order_for_one_slip) {
    mote_suggestion suggestion = mote_suggest("sdg");
    mote_suggest_candidate(&suggestion, "adam"); /* too far */
    cr_expect_null(suggestion.best);
    mote_suggest_candidate(&suggestion, "seg"); /* one letter differs: as near, and first */
    mote_suggest_candidate(&suggestion, "sgd");
    cr_expect_str_eq(suggestion.best, "seg", "found \"%s\"", suggestion.best);
    suggestion = mote_suggest("sdg");
    mote_suggest_candidate(&suggestion, "sea"); /* two letters differ */
    mote_suggest_candidate(&suggestion, "sgd");
    cr_expect_str_eq(suggestion.best, "sgd", "found \"%s\"", suggestion.best);
}

Test(suggest, finds_the_slip_of_a_finger_and_nothing_else) {
    static const char *const candidates[] = {"dense",      "relu", "conv2d",        "momentum",
                                             "batch_size", "sgd",  "learning_rate", NULL};
    static const struct {
        const char *word, *expected; /* NULL: nothing is near */
    } rows[] = {
        {"rleu", "relu"},
        {"elu", "relu"},
        {"reluu", "relu"},
        {"Dense", "dense"},
        {"ReLU", "relu"},
        {"RLEU", "relu"},
        {"Conv2D", "conv2d"},
        {"BatchSize", "batch_size"},
        {"LEARNING_RATE", "learning_rate"},
        {"dence", "dense"},
        {"conv2", "conv2d"},
        {"convd2", "conv2d"},
        {"batchsize", "batch_size"},
        {"batch-size", "batch_size"},
        {"momentun", "momentum"},
        {"lerning_rate", "learning_rate"},
        {"learnign_rates", "learning_rate"},
        {"sdg", "sgd"},
        {"", NULL},
        {"x", NULL},
        {"attention", NULL},
        {"rate", NULL},
        {"a word that is so long that nothing in any table of settings is like it", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_suggestion suggestion = mote_suggest(rows[i].word);
        char text[MOTE_SUGGESTION_CAPACITY], expected[64] = "";
        for (size_t j = 0; candidates[j]; j++) {
            mote_suggest_candidate(&suggestion, candidates[j]);
        }
        if (rows[i].expected) {
            snprintf(expected, sizeof expected, "; did you mean \"%s\"?", rows[i].expected);
        }
        mote_suggestion_text(&suggestion, text);
        cr_expect_str_eq(text, expected, "\"%s\": found \"%s\", expected \"%s\"", rows[i].word,
                         text, expected);
    }
}

static const char *only_name_at(size_t index) {
    return index == 0 ? "sgd" : NULL;
}

/* 199 names of 9 letters. */
static const char *many_names_at(size_t index) {
    static char name[16];
    snprintf(name, sizeof name, "layer_%03zu", index);
    return index < 199 ? name : NULL;
}

Test(suggest, lists_what_there_is_where_nothing_is_near) {
    char text[MOTE_NAMES_CAPACITY];
    cr_expect_str_eq(mote_suggest_name("Relu", name_at, text), "; did you mean \"relu\"?");
    cr_expect_str_eq(mote_suggest_name("transformer", name_at, text),
                     "; available: flatten, dense, relu");
    cr_expect_str_eq(mote_suggest_name("", name_at, text), "; available: flatten, dense, relu");
    cr_expect_str_eq(mote_suggest_name("adam", only_name_at, text), "; available: sgd");
    mote_suggest_name("transformer", many_names_at, text);
    cr_expect_eq(strncmp(text, "; available: layer_000, layer_001, ", 35), 0, "%s", text);
    cr_expect_str_eq(text + strlen(text) - 14, "layer_067, ...", "%s", text);
}

/* ---- examples ---- */

Test(example, is_made_from_what_must_be_given) {
    static const char *const choices[] = {"one", "two", NULL};
    static const mote_field all[] = {
        {.name = "a", .kind = MOTE_FIELD_INTEGER, .range = MOTE_AT_LEAST(1)},
        {.name = "b", .kind = MOTE_FIELD_INTEGER, .range = MOTE_BETWEEN(0, 1)},
        {.name = "c", .kind = MOTE_FIELD_INTEGER, .range = MOTE_AT_LEAST(5)},
        {.name = "d", .kind = MOTE_FIELD_NUMBER, .range = MOTE_FROM_BELOW(0, 1)},
        {.name = "e", .kind = MOTE_FIELD_NUMBER, .range = MOTE_ANY_NUMBER},
        {.name = "f", .kind = MOTE_FIELD_BOOLEAN},
        {.name = "g", .kind = MOTE_FIELD_STRING},
        {.name = "h", .kind = MOTE_FIELD_CHOICE, .choices = choices},
        {.name = "i", .kind = MOTE_FIELD_INITIALIZER},
        {.name = "j", .kind = MOTE_FIELD_LAYERS},
        {.name = "k", .kind = MOTE_FIELD_STRING, .optional = true},
        {.name = "m", .kind = MOTE_FIELD_PART},
        {.name = "l", .kind = MOTE_FIELD_BOOLEAN, .preset = "true"},
        MOTE_FIELDS_END,
    };
    static const mote_field none[] = {MOTE_FIELDS_END};
    char text[MOTE_EXAMPLE_CAPACITY];
    cr_expect_str_eq(mote_example(NULL, "type", "relu", none, text), "{\"type\": \"relu\"}");
    cr_expect_str_eq(mote_example("{}", "type", "relu", all, text), "{}");
    const char *found = mote_example(NULL, "format", "x", all, text);
    cr_expect_str_eq(found,
                     "{\"format\": \"x\", \"a\": 3, \"b\": 0, \"c\": 6, \"d\": 0.5, \"e\": 3, "
                     "\"f\": true, \"g\": \"text\", \"h\": \"one\", \"i\": \"he_normal\", "
                     "\"j\": [{\"type\": \"relu\"}], \"m\": {}}",
                     "%s", found);
}
