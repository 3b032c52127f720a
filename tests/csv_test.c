/* csv_test.c: delimited text, tables as data sets, and rows of tables for prediction. */
#include <criterion/criterion.h>

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/csv/rows.h"
#include "data/dataset.h"
#include "data/dictionary.h"
#include "data/csv/table.h"
#include "mote/model.h"
#include "mote/random.h"
#include "mote/trainer.h"
#include "networks.h"
#include "scratch.h"
#include "train/experiment.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* ---- delimited text ---- */

TestSuite(table, .init = scratch_enter, .fini = scratch_leave);

enum {
    TEXT_CAPACITY = 4096
};

/* All rows as text: the line, then fields in brackets: "1:[a][b] 2:[c][d]"; errors in braces. */
static void describe(mote_table *table, char *text) {
    size_t used = 0;
    text[0] = '\0';
    for (;;) {
        bool more;
        mote_error error = {0};
        mote_status status = mote_table_next(table, &more, &error);
        if (status == MOTE_OK && !more) {
            return;
        }
        used += (size_t)snprintf(text + used, TEXT_CAPACITY - used, "%s", used ? " " : "");
        if (status != MOTE_OK) {
            used += (size_t)snprintf(text + used, TEXT_CAPACITY - used, "{%s}", error.message);
            cr_assert_eq(status, MOTE_DATA);
            continue;
        }
        used += (size_t)snprintf(text + used, TEXT_CAPACITY - used, "%zu:", mote_table_line(table));
        for (size_t i = 0; i < mote_table_count(table); i++) {
            mote_text field = mote_table_field(table, i);
            used += (size_t)snprintf(text + used, TEXT_CAPACITY - used, "[%.*s]", (int)field.length,
                                     field.start);
        }
    }
}

static void expect_rows(const char *content, mote_delimiter delimiter, const char *expected) {
    char text[TEXT_CAPACITY];
    mote_error error = {0};
    FILE *stream = fmemopen((void *)(uintptr_t)content, strlen(content), "rb");
    cr_assert(stream);
    mote_table *table = mote_table_open("t.csv", stream, delimiter, &error);
    if (table) {
        describe(table, text);
    } else {
        snprintf(text, sizeof text, "{%s}", error.message);
    }
    cr_expect_str_eq(text, expected, "%s\n     found %s\n  expected %s", content, text, expected);
    mote_table_close(table);
    fclose(stream);
}

Test(table, rows_are_cut_into_fields) {
    static const struct {
        const char *content, *expected;
    } rows[] = {
        {"a,b\n1,2\n", "1:[a][b] 2:[1][2]"},
        {"a,b\n1,2", "1:[a][b] 2:[1][2]"},
        {"a,b\r\n1,2\r\n", "1:[a][b] 2:[1][2]"},
        {"a,b\r1,2\r", "1:[a][b] 2:[1][2]"},
        {"\xef\xbb\xbf"
         "a,b\n1,2\n",
         "1:[a][b] 2:[1][2]"},
        {"\n\na,b\n\n \n1,2\n\n", "3:[a][b] 6:[1][2]"},
        {" a , b b \n\t1,2\t\n", "1:[a][b b] 2:[1][2]"},
        {"a,\n,b\n,\n", "1:[a][] 2:[][b] 3:[][]"},
        {"a\nb\n", "1:[a] 2:[b]"},
        {"a\n\"\"\nb\n", "1:[a] 2:[] 3:[b]"},
        {"\"a\",\"b\"\n", "1:[a][b]"},
        {" \"a\" , \" b \" \n", "1:[a][ b ]"},
        {"\"a,b\",c\n", "1:[a,b][c]"},
        {"\"a \"\"b\"\" c\",\"\"\"\",\"\"\"\"\"\"\n", "1:[a \"b\" c][\"][\"\"]"},
        {"5\" pipe,6\"\n", "1:[5\" pipe][6\"]"},
        {"a,\"b\nc\",d\n1,2,3\n", "1:[a][b\nc][d] 3:[1][2][3]"},
        {"a,\"b\r\nc\rd\"\r\n1,2\r\n", "1:[a][b\r\nc\rd] 4:[1][2]"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        expect_rows(rows[i].content, MOTE_DELIMITER_COMMA, rows[i].expected);
    }
}

Test(table, the_delimiter_is_found_by_looking) {
    static const struct {
        const char *content, *expected;
    } rows[] = {
        {"a;b\n1;2\n", "1:[a][b] 2:[1][2]"},
        {"a\tb\n1\t2\n", "1:[a][b] 2:[1][2]"},
        {"a|b\n1|2\n", "1:[a][b] 2:[1][2]"},
        {"a;b\n1,5;2,5\n", "1:[a][b] 2:[1,5][2,5]"},
        {"1,5;2,5\n2,5;3,5\n", "1:[1,5][2,5] 2:[2,5][3,5]"},
        {"a,b,c\n1,x;y,2\n", "1:[a][b][c] 2:[1][x;y][2]"},
        {"\"a;b\",c\n\"d;e\",f\n", "1:[a;b][c] 2:[d;e][f]"},
        {"a,b,c\n1,2\n", "1:[a][b][c] 2:[1][2]"},
        {"a\n1\n", "1:[a] 2:[1]"},
        {"\n\n\na;b\n1;2\n", "4:[a][b] 5:[1][2]"},
        {"a,\tb\n1,\t2\n", "1:[a,][b] 2:[1,][2]"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        expect_rows(rows[i].content, MOTE_DELIMITER_AUTO, rows[i].expected);
    }
}

Test(table, what_is_wrong_is_said_with_its_place_and_the_next_row_is_read) {
    static const struct {
        const char *content, *expected;
    } rows[] = {
        {"a,b\n1,\"2\" x\n3,4\n",
         "1:[a][b] {t.csv:2:7: something stands behind a closing quote; a quote within quotes is "
         "doubled} 3:[3][4]"},
        {"a,\"b\nc\xc3\xa4\",\"d\"e\n3,4,5\n",
         "{t.csv:2:8: something stands behind a closing quote; a quote within quotes is doubled} "
         "3:[3][4][5]"},
        {"a,b\n1,\"2\n3,4\n", "1:[a][b] {t.csv:2:3: a quote is opened here and never closed}"},
        {"a,b\n1,\"", "1:[a][b] {t.csv:2:3: a quote is opened here and never closed}"},
        {"a,b\n1,\"\"\"", "1:[a][b] {t.csv:2:3: a quote is opened here and never closed}"},
        {"\n \n", ""},
        {"\n\n", ""},
        {"", "{t.csv: the file is empty}"},
        {"\xef\xbb\xbf", "{t.csv: the file is empty}"},
        {"\xff\xfe"
         "a",
         "{t.csv: is UTF-16; save it as UTF-8}"},
        {"\x1f\x8b\x08", "{t.csv: is compressed; unpack it first (gzip -d)}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        expect_rows(rows[i].content, MOTE_DELIMITER_COMMA, rows[i].expected);
    }
}

static size_t big_field(size_t row, size_t column, char *text) {
    mote_random random = mote_random_create(row, MOTE_RANDOM_DATA, column);
    size_t length = mote_random_below(&random, row == 700 ? 400000 : 60);
    for (size_t i = 0; i < length; i++) {
        text[i] = "ab,\"\r\n;c"[mote_random_below(&random, 8)];
    }
    return length;
}

/* Rows across all boundaries of the reader's buffer, and one larger than it. */
Test(table, large_files_come_whole) {
    enum {
        ROWS = 20000,
        COLUMNS = 3
    };
    char *text = malloc(400000);
    FILE *stream = fopen(scratch_path("big.csv"), "wb");
    cr_assert(stream && text);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < COLUMNS; k++) {
            size_t length = big_field(i, k, text);
            fputs(k ? ",\"" : "\"", stream);
            for (size_t c = 0; c < length; c++) {
                fputs(text[c] == '"' ? "\"\"" : (char[]){text[c], 0}, stream);
            }
            fputc('"', stream);
        }
        fputs("\r\n", stream);
    }
    fclose(stream);
    mote_error error = {0};
    mote_table *table =
        mote_table_open(scratch_path("big.csv"), NULL, MOTE_DELIMITER_COMMA, &error);
    cr_assert(table, "%s", error.message);
    bool more;
    for (size_t i = 0; i < ROWS; i++) {
        cr_assert_eq(mote_table_next(table, &more, &error), MOTE_OK, "%s", error.message);
        cr_assert(more && mote_table_count(table) == COLUMNS, "row %zu", i);
        for (size_t k = 0; k < COLUMNS; k++) {
            mote_text field = mote_table_field(table, k);
            cr_assert(field.length == big_field(i, k, text) &&
                          memcmp(field.start, text, field.length) == 0,
                      "row %zu, column %zu", i, k);
        }
    }
    cr_assert(mote_table_next(table, &more, &error) == MOTE_OK && !more);
    mote_table_close(table);
    free(text);
}

/* At some row, the buffer ends in the middle of a line end. */
Test(table, line_ends_across_the_border_of_the_buffer_are_one) {
    FILE *stream = fopen(scratch_path("t.csv"), "wb");
    cr_assert(stream);
    fputs("1,23456\r\n", stream); /* 9 bytes, the others 8 */
    for (size_t i = 0; i < 100000; i++) {
        fputs("1,2345\r\n", stream);
    }
    fclose(stream);
    mote_error error = {0};
    mote_table *table = mote_table_open(scratch_path("t.csv"), NULL, MOTE_DELIMITER_AUTO, &error);
    cr_assert(table, "%s", error.message);
    size_t lines = 0;
    bool more = true;
    while (mote_table_next(table, &more, &error) == MOTE_OK && more) {
        cr_assert_eq(mote_table_line(table), ++lines);
    }
    cr_expect_eq(lines, (size_t)100001);
    mote_table_close(table);
}

static mote_text text_of(const char *text) {
    return (mote_text){.start = text, .length = strlen(text)};
}

Test(table, numbers_are_read_as_they_should_be) {
    static const char *const good[] = {"0",
                                       "-0",
                                       "1",
                                       "+1",
                                       "-17",
                                       "3.25",
                                       ".5",
                                       "5.",
                                       "1e3",
                                       "1E-3",
                                       "2.5e+2",
                                       "123456789012345",
                                       "0.1",
                                       "1e22",
                                       "1e-22",
                                       "0.000001",
                                       "1e300",
                                       "-1e-300",
                                       "4.9406564584124654e-324",
                                       "1e999",
                                       "-1e999",
                                       "0e9999",
                                       "00012",
                                       "0.00000000000000000000000000000000000001"};
    for (size_t i = 0; i < COUNT(good); i++) {
        double number = NAN;
        cr_expect(mote_text_to_number(text_of(good[i]), &number), "%s", good[i]);
        cr_expect_eq(number, strtod(good[i], NULL), "%s: %.17g", good[i], number);
    }
    static const char *const bad[] = {"",      "-",    ".",   "e5",  "1e",  "1e+",
                                      "1.2.3", "1,5",  "inf", "nan", "0x1", "1 2",
                                      "--1",   "1e5.", "one", "1_0", "+-1", "infinity"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        double number;
        cr_expect(!mote_text_to_number(text_of(bad[i]), &number), "%s", bad[i]);
    }
}

Test(table, long_numbers_are_within_one_unit_of_the_last_place) {
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; i < 20000; i++) {
        double wanted =
            ldexp(mote_random_normal(&random), (int)mote_random_below(&random, 60) - 30);
        char text[64];
        snprintf(text, sizeof text, i % 2 ? "%.17g" : "%.25f", wanted);
        double number, exact = strtod(text, NULL);
        cr_assert(mote_text_to_number(text_of(text), &number), "%s", text);
        cr_assert(fabs(number - exact) <= fabs(exact) * DBL_EPSILON, "%s: %.17g", text, number);
    }
}

Test(table, missing_values_are_known) {
    static const char *const missing[] = {"", "?", "NA", "na", "N/A", "#N/A", "NaN", "nan", "NULL"};
    static const char *const there[] = {"0", "-", "none", "nano", "n", "N/B", "NAN0", "??"};
    for (size_t i = 0; i < COUNT(missing); i++) {
        cr_expect(mote_text_is_missing(text_of(missing[i])), "%s", missing[i]);
    }
    for (size_t i = 0; i < COUNT(there); i++) {
        cr_expect(!mote_text_is_missing(text_of(there[i])), "%s", there[i]);
    }
}

Test(table, text_is_utf8_or_not) {
    static const char *const good[] = {"", "a", "ä", "€", "𝄞", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",         "\xc3",         "\xc0\x80",
                                      "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xff",         "a\xe4 b",      "\xe2\x82"};
    for (size_t i = 0; i < COUNT(good); i++) {
        cr_expect(mote_text_is_utf8(text_of(good[i])), "%zu", i);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        cr_expect(!mote_text_is_utf8(text_of(bad[i])), "%zu", i);
    }
    cr_expect(!mote_text_is_utf8((mote_text){.start = "a\0b", .length = 3}));
}

Test(table, what_errors_show_of_a_text_is_short_and_one_line) {
    char found[MOTE_TEXT_FOUND_CAPACITY];
    cr_expect_str_eq(mote_text_found(text_of("a\nb\xff"), found), "\"a b?\"");
    cr_expect_str_eq(mote_text_found(text_of("𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞"), found),
                     "\"𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞...\"");
}

Test(table, dictionaries_number_texts) {
    mote_dictionary dictionary = {0};
    char text[16];
    uint32_t number, changed[1000];
    for (size_t i = 0; i < 3000; i++) {
        snprintf(text, sizeof text, "%zu", 1000 - (i % 1000));
        cr_assert_eq(mote_dictionary_add(&dictionary, text_of(text), &number, NULL), MOTE_OK);
        cr_expect_eq(number, (uint32_t)(i % 1000));
    }
    cr_expect_eq(dictionary.count, (size_t)1000);
    cr_expect(!mote_dictionary_find(&dictionary, text_of("0"), &number));
    cr_assert_eq(mote_dictionary_sort(&dictionary, changed, NULL), MOTE_OK);
    cr_expect_str_eq(mote_dictionary_text(&dictionary, 1), "2"); /* 10 comes after 9 */
    cr_expect_str_eq(mote_dictionary_text(&dictionary, 999), "1000");
    cr_expect_eq(changed[0], 999u);
    cr_expect(mote_dictionary_find(&dictionary, text_of("17"), &number) && number == 16);
    cr_assert_eq(mote_dictionary_add(&dictionary, text_of("x"), &number, NULL), MOTE_OK);
    cr_assert_eq(mote_dictionary_sort(&dictionary, NULL, NULL), MOTE_OK);
    cr_expect_str_eq(mote_dictionary_text(&dictionary, 1), "10"); /* now they are texts */
    mote_dictionary_free(&dictionary);
}

/* ---- tables as data sets ---- */

TestSuite(csv, .init = scratch_enter, .fini = scratch_leave);

/* A data set over the table t.csv, and the document it refers to. */
typedef struct opened {
    mote_document *document;
    mote_dataset *dataset;
    mote_error error;
} opened;

static void write_table(const char *name, const char *content) {
    scratch_write(scratch_path(name), content, strlen(content));
}

static opened load_with(const char *keys, uint64_t seed, const mote_loading *loading) {
    char json[2 * SCRATCH_TEXT];
    snprintf(json, sizeof json, "{\"format\": \"csv\", \"file\": \"%s\", %s}",
             scratch_path("t.csv"), scratch_expand(keys, ""));
    opened o = {0};
    o.document = mote_document_parse(json, strlen(json), NULL, "dataset", &o.error);
    cr_assert(o.document, "%s", o.error.message);
    o.dataset = mote_dataset_open(mote_document_root(o.document), seed, loading, &o.error);
    if (o.dataset && mote_dataset_load(o.dataset, loading, &o.error) != MOTE_OK) {
        mote_dataset_destroy(o.dataset);
        o.dataset = NULL;
    }
    return o;
}

static opened load(const char *content, const char *keys) {
    write_table("t.csv", content);
    opened o = load_with(keys, 1, NULL);
    cr_assert(o.dataset, "%s", o.error.message);
    return o;
}

static void destroy(opened *o) {
    mote_dataset_destroy(o->dataset);
    mote_document_destroy(o->document);
}

/* "1 2 >a; 3 4 >b": numbers and class names, or values, of a part. */
static void describe_part(const mote_dataset *dataset, mote_part_name name, char *text) {
    mote_part part = mote_dataset_part(dataset, name);
    size_t used = 0, width = mote_shape_count(mote_dataset_shape(dataset));
    text[0] = '\0';
    for (size_t i = 0; i < part.count && used < SCRATCH_TEXT - 200; i++) {
        const mote_samples *s = part.samples;
        used += (size_t)sprintf(text + used, "%s", i ? "; " : "");
        for (size_t k = 0; k < width; k++) {
            used += (size_t)sprintf(text + used, "%g ",
                                    (double)s->numbers[part.indexes[i] * width + k]);
        }
        if (s->labels) {
            used += (size_t)sprintf(text + used, ">%s",
                                    mote_dataset_class_name(dataset, s->labels[part.indexes[i]]));
        }
        for (size_t k = 0; s->values && k < s->value_width; k++) {
            used += (size_t)sprintf(text + used, ">%g",
                                    (double)s->values[part.indexes[i] * s->value_width + k]);
        }
    }
}

static void expect_part(const opened *o, mote_part_name name, const char *expected,
                        const char *what) {
    char text[SCRATCH_TEXT];
    describe_part(o->dataset, name, text);
    cr_expect_str_eq(text, expected, "%s:\n     found %s\n  expected %s", what, text, expected);
}

#define PETS "legs,name,weight,kind\n4,Rex,30,dog\n4,Tom,4.5,cat\n2,Coco,0.4,bird\n4,Ada,8,dog\n"

Test(csv, rows_become_samples) {
    static const struct {
        const char *content, *keys, *expected;
    } rows[] = {
        {PETS, "\"target\": \"kind\", \"drop\": [\"name\"]",
         "4 30 >dog; 4 4.5 >cat; 2 0.4 >bird; 4 8 >dog"},
        {PETS, "\"target\": 4, \"drop\": 2", "4 30 >dog; 4 4.5 >cat; 2 0.4 >bird; 4 8 >dog"},
        {PETS, "\"target\": -1, \"drop\": [-3, \"legs\"]", "30 >dog; 4.5 >cat; 0.4 >bird; 8 >dog"},
        {PETS, "\"target\": \"legs\", \"drop\": [\"name\", \"kind\"]",
         "30 >4; 4.5 >4; 0.4 >2; 8 >4"},
        {PETS, "\"target\": \"weight\", \"task\": \"regression\", \"drop\": [\"name\", \"kind\"]",
         "4 >30; 4 >4.5; 2 >0.4; 4 >8"},
        {PETS, "\"target\": [\"weight\"], \"task\": \"regression\", \"drop\": [2, 4]",
         "4 >30; 4 >4.5; 2 >0.4; 4 >8"},
        {PETS, "\"target\": \"kind\", \"drop\": \"weight\", \"categories\": [\"name\"]",
         "4 0 0 1 0 >dog; 4 0 0 0 1 >cat; 2 0 1 0 0 >bird; 4 1 0 0 0 >dog"},
        {PETS, "\"target\": \"kind\", \"drop\": \"name\", \"categories\": \"legs\"",
         "0 1 30 >dog; 0 1 4.5 >cat; 1 0 0.4 >bird; 0 1 8 >dog"},
        {"1,2,3\n4,5,6\n7,8,9\n", "\"target\": [-1, 1], \"task\": \"regression\"",
         "2 >3>1; 5 >6>4; 8 >9>7"},
        {"1;a\n2;b\n", "\"target\": 2", "1 >a; 2 >b"},
        {"x,2020\n1,a\n2,b\n", "\"target\": \"2020\", \"header\": \"yes\"", "1 >a; 2 >b"},
        {"a|b\n1|2\n3|4\n", "\"target\": \"b\", \"delimiter\": \"bar\"", "1 >2; 3 >4"},
        {"\"\",x,y\n1,5,a\n2,6,b\n", "\"target\": \"y\", \"drop\": 1", "5 >a; 6 >b"},
        {"x,y\n5,a\nNA,b\n6,?\n7,\n8,b\n", "\"target\": \"y\", \"missing\": \"drop\"",
         "5 >a; 8 >b"},
        {"1,c\n2,a\n3,b\n", "\"target\": 2", "1 >c; 2 >a; 3 >b"},
        {"x,y,z\n5,a,\n6,b,\n", "\"target\": \"y\", \"drop\": \"z\"", "5 >a; 6 >b"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        opened o = load(rows[i].content, rows[i].keys);
        expect_part(&o, MOTE_TRAINING, rows[i].expected, rows[i].keys);
        expect_part(&o, MOTE_TEST, "", rows[i].keys);
        destroy(&o);
    }
}

Test(csv, classes_are_in_order) {
    static const struct {
        const char *content, *first, *last;
    } rows[] = {
        {"x,y\n1,yes\n2,no\n3,maybe\n", "maybe", "yes"},
        {"x,y\n1,10\n2,9\n3,-1\n", "-1", "10"},
        {"x,y\n1,10\n2,9\n3,b\n", "10", "b"},
        {"x,y\n1,True\n2,False\n", "False", "True"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        opened o = load(rows[i].content, "\"target\": \"y\"");
        size_t classes = mote_dataset_classes(o.dataset);
        cr_expect_str_eq(mote_dataset_class_name(o.dataset, 0), rows[i].first);
        cr_expect_str_eq(mote_dataset_class_name(o.dataset, classes - 1), rows[i].last);
        destroy(&o);
    }
}

/* 100 rows of class a, 50 of b, 10 of c, mixed. */
static void write_uneven_table(void) {
    FILE *stream = fopen(scratch_path("t.csv"), "w");
    cr_assert(stream);
    for (int i = 0; i < 160; i++) {
        fprintf(stream, "%d,%c\n", i, i % 16 == 7 ? 'c' : i % 16 < 5 ? 'b' : 'a');
    }
    fclose(stream);
}

Test(csv, a_test_fraction_takes_of_each_class_its_share_picked_by_the_seed) {
    write_uneven_table();
    static const char keys[] = "\"target\": 2, \"test_fraction\": 0.2, "
                               "\"validation_fraction\": 0.25, \"normalize\": \"none\"";
    opened a = load_with(keys, 1, NULL), b = load_with(keys, 1, NULL), c = load_with(keys, 2, NULL);
    cr_assert(a.dataset && b.dataset && c.dataset, "%s", a.error.message);
    size_t counts[MOTE_PART_COUNT][3] = {{0}}, seen[160] = {0};
    for (size_t p = 0; p < MOTE_PART_COUNT; p++) {
        mote_part part = mote_dataset_part(a.dataset, (mote_part_name)p);
        for (size_t i = 0; i < part.count; i++) {
            size_t row = (size_t)part.samples->numbers[part.indexes[i]];
            counts[p][part.samples->labels[part.indexes[i]]]++;
            seen[row]++;
        }
    }
    static const size_t expected[MOTE_PART_COUNT][3] = {
        [MOTE_TRAINING] = {60, 30, 6}, [MOTE_VALIDATION] = {20, 10, 2}, [MOTE_TEST] = {20, 10, 2}};
    cr_expect_arr_eq(counts, expected, sizeof expected);
    for (size_t i = 0; i < 160; i++) {
        cr_expect_eq(seen[i], (size_t)1, "row %zu is in %zu parts", i, seen[i]);
    }
    char texts[3][SCRATCH_TEXT];
    describe_part(a.dataset, MOTE_TEST, texts[0]);
    describe_part(b.dataset, MOTE_TEST, texts[1]);
    describe_part(c.dataset, MOTE_TEST, texts[2]);
    cr_expect_str_eq(texts[0], texts[1]);
    cr_expect_str_neq(texts[0], texts[2]);
    destroy(&a);
    destroy(&b);
    destroy(&c);
}

/* Each row holds its own line number; line breaks in quotes count, too. */
Test(csv, samples_are_known_by_their_lines) {
    opened o = load("line,kind\n2,a\n3,\n4,\"a\nb\"\n6,a\n7,\"a\nb\"\n9,a\n10,\"a\nb\"\n",
                    "\"target\": \"kind\", \"missing\": \"drop\", \"test_fraction\": 0.3, "
                    "\"validation_fraction\": 0.3, \"normalize\": \"none\"");
    size_t seen = 0;
    for (int p = MOTE_TRAINING; p <= MOTE_VALIDATION; p++) {
        mote_part part = mote_dataset_part(o.dataset, (mote_part_name)p);
        cr_expect(part.count > 0);
        for (size_t i = 0; i < part.count; i++, seen++) {
            char origin[SCRATCH_TEXT], expected[64];
            snprintf(expected, sizeof expected, "{D}/t.csv:%.0f",
                     (double)part.samples->numbers[part.indexes[i]]);
            cr_expect(mote_dataset_origin(o.dataset, part.indexes[i], origin, sizeof origin));
            cr_expect_str_eq(origin, scratch_expand(expected, ""));
        }
    }
    cr_expect_eq(seen + mote_dataset_part(o.dataset, MOTE_TEST).count, (size_t)6);
    destroy(&o);
}

Test(csv, a_test_file_may_have_its_columns_in_another_order) {
    write_table("test.csv", "kind;extra;weight;legs\ncat;x;5;4\nbird;y;1;2\n");
    opened o = load(PETS, "\"target\": \"kind\", \"drop\": \"name\", "
                          "\"test_file\": \"{D}/test.csv\"");
    expect_part(&o, MOTE_TEST, "4 5 >cat; 2 1 >bird", "test file");
    cr_expect_eq(mote_dataset_part(o.dataset, MOTE_TRAINING).count, (size_t)4);
    destroy(&o);
}

/* ---- what is reported while loading ---- */

typedef struct said {
    char notices[SCRATCH_TEXT];
    size_t progress, stop_at;
} said;

static bool listen(void *context, const mote_load_event *event) {
    said *s = context;
    if (event->notice) {
        strcat(strcat(s->notices, event->notice), "\n");
        return true;
    }
    cr_expect_leq(event->done, event->total);
    s->progress += strcmp(event->what, "reading t.csv") == 0;
    return s->progress == 0 || s->progress != s->stop_at;
}

Test(csv, dropped_rows_and_found_texts_are_mentioned) {
    write_table("t.csv", PETS "4,Bo,,dog\n");
    said s = {0};
    mote_loading loading = {.listener = listen, .listener_context = &s};
    opened o = load_with("\"target\": \"kind\", \"categories\": \"auto\", \"missing\": \"drop\"", 1,
                         &loading);
    cr_assert(o.dataset, "%s", o.error.message);
    expect_part(&o, MOTE_TRAINING,
                "4 0 0 1 0 30 >dog; 4 0 0 0 1 4.5 >cat; 2 0 1 0 0 0.4 >bird; 4 1 0 0 0 8 >dog",
                "auto");
    const char *expected = scratch_expand(
        "{D}/t.csv:2: column 2 (\"name\") holds text, such as \"Rex\": each different text becomes "
        "a column of 0 and 1\n{D}/t.csv: 1 of 5 rows dropped because of missing values\n",
        "");
    cr_expect_str_eq(s.notices, expected, "%s", s.notices);
    cr_expect_gt(s.progress, (size_t)0);
    destroy(&o);
}

Test(csv, classes_that_are_the_same_number_are_mentioned) {
    write_table("t.csv", "x,y\n1,1\n2,1.0\n3,0\n4,2\n");
    said s = {0};
    mote_loading loading = {.listener = listen, .listener_context = &s};
    opened o = load_with("\"target\": \"y\"", 1, &loading);
    cr_assert(o.dataset, "%s", o.error.message);
    cr_expect_eq(mote_dataset_classes(o.dataset), (size_t)4);
    const char *expected = scratch_expand(
        "{D}/t.csv: the classes \"1\" and \"1.0\" are the same number, but would be two classes\n",
        "");
    cr_expect_str_eq(s.notices, expected, "%s", s.notices);
    destroy(&o);

    write_table("t.csv", "x,y\n1,1\n2,(none)\n3,1.0\n");
    s = (said){0};
    o = load_with("\"target\": \"y\"", 1, &loading);
    cr_assert(o.dataset, "%s", o.error.message);
    cr_expect_str_eq(s.notices, "", "%s", s.notices);
    destroy(&o);
}

Test(csv, loading_can_be_stopped) {
    write_table("t.csv", PETS);
    said s = {.stop_at = 1};
    mote_loading loading = {.listener = listen, .listener_context = &s};
    opened o = load_with("\"target\": \"kind\", \"drop\": \"name\"", 1, &loading);
    cr_expect(!o.dataset && o.error.status == MOTE_INTERRUPTED);
    destroy(&o);
}

/* ---- what is refused ---- */

typedef struct bad_table {
    const char *content, *keys;
    mote_status status;
    const char *message;
} bad_table;

static void check_bad(const bad_table *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        write_table("t.csv", rows[i].content);
        opened o = load_with(rows[i].keys, 1, NULL);
        cr_expect_null(o.dataset, "%s", rows[i].message);
        scratch_expect_error(&o.error, rows[i].status, rows[i].message, "", rows[i].message);
        destroy(&o);
    }
}

#define PETS2 "legs,name,weight,kind\n4,Rex,30,dog\n4,Tom,4.5,cat\n"

Test(csv, tables_with_mistakes_are_refused_with_place_and_reason) {
    static const bad_table rows[] = {
        {"", "\"target\": 1", MOTE_DATA, "{D}/t.csv: the file is empty"},
        {"\n\n", "\"target\": 1", MOTE_DATA, "{D}/t.csv: the file is empty"},
        {" \n \n", "\"target\": 1", MOTE_DATA, "{D}/t.csv: the file is empty"},
        {"x,y\n", "\"target\": \"y\"", MOTE_DATA, "{D}/t.csv: there are no rows"},
        {"x,y\nNA,b\n1,\n", "\"target\": \"y\", \"missing\": \"drop\"", MOTE_DATA,
         "{D}/t.csv: there is a value missing in each row"},
        {"x,y\n1,a\n2\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:2: expected 2 fields as in line 1, found 1"},
        {"x,y\n1,a\n2,b,3\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:5: expected 2 fields as in line 1, found 3"},
        {"1,a\n2\n", "\"target\": 2", MOTE_DATA,
         "{D}/t.csv:2:2: expected 2 fields as in line 1, found 1"},
        {PETS2, "\"target\": \"kind\"", MOTE_DATA,
         "{D}/t.csv:2:3: column 2 (\"name\"): expected a number, found \"Rex\"; \"drop\": "
         "[\"name\"] leaves the column out, \"categories\": [\"name\"] turns its texts into "
         "columns of 0 and 1"},
        {PETS2, "\"target\": \"name\", \"drop\": \"kind\", \"task\": \"regression\"", MOTE_DATA,
         "{D}/t.csv:2:3: column 2 (\"name\"): expected a number, found \"Rex\"; \"task\": "
         "\"classification\" predicts classes"},
        {PETS2, "\"target\": \"Kidn\", \"drop\": \"name\"", MOTE_INVALID,
         "dataset.target: {D}/t.csv has no column \"Kidn\"; did you mean \"kind\"?"},
        {PETS2, "\"target\": \"species\", \"drop\": \"name\"", MOTE_INVALID,
         "dataset.target: {D}/t.csv has no column \"species\"; available: legs, name, weight, "
         "kind"},
        {PETS2, "\"target\": \"kind\", \"drop\": [\"nmae\"]", MOTE_INVALID,
         "dataset.drop[0]: {D}/t.csv has no column \"nmae\"; did you mean \"name\"?"},
        {PETS2, "\"target\": \"kind\", \"drop\": [\"name\", \"kind\"]", MOTE_INVALID,
         "dataset.drop[1]: column 4 is already to be predicted"},
        {PETS2, "\"target\": \"kind\", \"drop\": [\"name\", 2]", MOTE_INVALID,
         "dataset.drop[1]: column 2 is already among those to \"drop\""},
        {PETS2, "\"target\": \"kind\", \"drop\": \"name\", \"categories\": \"name\"", MOTE_INVALID,
         "dataset.categories: column 2 is already among those to \"drop\""},
        {PETS2, "\"target\": 5", MOTE_INVALID,
         "dataset.target: there is no column 5: {D}/t.csv has 4"},
        {PETS2, "\"target\": -5", MOTE_INVALID,
         "dataset.target: there is no column -5: {D}/t.csv has 4"},
        {PETS2, "\"target\": 0", MOTE_INVALID,
         "dataset.target: expected the number of a column, counted from 1 (-1: the last), found 0"},
        {PETS2, "\"target\": 1.5", MOTE_INVALID,
         "dataset.target: expected the number of a column, counted from 1 (-1: the last), found "
         "1.5"},
        {PETS2, "\"target\": true", MOTE_INVALID,
         "dataset.target: expected the name of a column, or its number, counted from 1 (-1: the "
         "last), found true"},
        {PETS2, "\"target\": []", MOTE_INVALID,
         "dataset.target: expected at least one column, found none"},
        {PETS2, "\"target\": [1, 4]", MOTE_INVALID,
         "dataset.target: classes come from a single column; several are for \"task\": "
         "\"regression\""},
        {PETS2, "\"target\": 1, \"drop\": [2, 3, 4]", MOTE_INVALID,
         "dataset.target: none of the 4 columns of {D}/t.csv is left to predict it from"},
        {"1,a\n2,b\n", "\"target\": \"y\"", MOTE_INVALID,
         "dataset.target: {D}/t.csv has no header line: give the column's number, counted from 1, "
         "or set \"header\" to \"yes\" if it has one"},
        {"1,a\n2,b\n", "\"target\": \"y\", \"header\": \"no\"", MOTE_INVALID,
         "dataset.target: {D}/t.csv has no header line: give the column's number, counted from 1"},
        {"x,y,x\n1,a,2\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:1:5: columns 1 and 3 are both called \"x\"; rename one of them"},
        {"x,y\n1,a\n2,a\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv: column 2 (\"y\"): there is only one class, \"a\", but at least two are "
         "needed"},
        {"x,y\n1,a\n,b\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:1: column 1 (\"x\"): the value is missing; \"missing\": \"drop\" leaves such "
         "rows out"},
        {"x,y\n1,a\n2,\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:3: column 2 (\"y\"): the value is missing; \"missing\": \"drop\" leaves such "
         "rows out"},
        {"x,y,\n1,a,\n2,b,\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:2:5: column 3: the value is missing; \"drop\": [3] leaves the column out, "
         "\"missing\": \"drop\" such rows"},
        {"x,y\n1,a\nnan,b\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:1: column 1 (\"x\"): the value is missing: found \"nan\"; \"missing\": "
         "\"drop\" leaves such rows out"},
        {"x,y\n1,a\n-inf,b\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:1: column 1 (\"x\"): expected a finite number, found \"-inf\""},
        {"x,y\n1,a\n12O,b\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:1: column 1 (\"x\"): expected a number, found \"12O\""},
        {"x,y\n1,a\n1e39,b\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:1: column 1 (\"x\"): expected a number that fits into 32 bits, up to "
         "3.4e+38, found \"1e39\""},
        {"x;y\n1;a\n2,5;b\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:1: column 1 (\"x\"): expected a number, found \"2,5\"; write numbers with a "
         "decimal point"},
        {"x,y\n1,a\n\"2\n3\",b\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:1: column 1 (\"x\"): expected a number, found \"2 3\""},
        {"x,y\n1,a\n2,\"b\"c\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:6: something stands behind a closing quote; a quote within quotes is "
         "doubled"},
        {"x,y\n1,a\n2,\"b\n", "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:3:3: a quote is opened here and never closed"},
        {"name,2020\n1,a\n2,b\n", "\"target\": 2", MOTE_DATA,
         "{D}/t.csv:1:1: column 1: expected a number, found \"name\"; if the first line holds the "
         "names of the columns, set \"header\" to \"yes\""},
        {"x,y\n1,caf\xe9"
         "\n2,b\n",
         "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:2:3: column 2 (\"y\"): expected text in UTF-8, found \"caf?\"; save the file "
         "as UTF-8"},
        {"\xe4"
         ",y\n1,a\n2,b\n",
         "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv:1:1: the name of column 1 is not UTF-8: \"?\"; save the file as UTF-8"},
        {"c,y\n\xe4"
         ",a\nb,b\n",
         "\"target\": \"y\", \"categories\": \"c\"", MOTE_DATA,
         "{D}/t.csv:2:1: column 1 (\"c\"): expected text in UTF-8, found \"?\"; save the file as "
         "UTF-8"},
        {"x,y\n0,0\n1,1\n2,4\n3,9\n4,16\n5,25\n6,36\n7,49\n8,64\n9,81\n10,100\n11,121\n12,144\n13,"
         "169\n14,196\n15,225\n16,256\n17,289\n18,324\n19,361\n",
         "\"target\": \"y\"", MOTE_DATA,
         "{D}/t.csv: column 2 (\"y\"): 20 different values in 20 rows are too many for classes; "
         "\"task\": \"regression\" predicts numbers"},
        {"x,y\n1,a\n2,b\n", "\"target\": \"y\", \"test_file\": \"{D}/test.csv\"", MOTE_DATA,
         "{D}/test.csv:3:3: column 2 (\"y\"): \"c\" is not one of the 2 classes of {D}/t.csv"},
        {"x,y\n1,a\n2,b\n", "\"target\": \"y\", \"test_file\": \"{D}/wide.csv\"", MOTE_DATA,
         "{D}/wide.csv:1:1: there is no column \"y\"; available: x, z"},
        {"1,a\n2,b\n3,a\n", "\"target\": 2, \"test_file\": \"{D}/PETS\"", MOTE_DATA,
         "{D}/PETS:1:11: expected 2 fields, as in the table that was trained on, found 4"},
        {"x,y\n1,a\n2,b\n", "\"target\": \"y\", \"test_file\": \"{D}/none.csv\"", MOTE_FILE,
         "{D}/none.csv: cannot be opened: No such file or directory"},
        {"x,y\n1,a\n2,b\n", "\"target\": \"y\", \"test_file\": \"{D}\"", MOTE_FILE,
         "{D}: is a directory"},
        {"x,y\n1,a\n2,b\n",
         "\"target\": \"y\", \"test_file\": \"{D}/test.csv\", \"test_fraction\": 0.5", MOTE_INVALID,
         "dataset: expected either a \"test_file\" or a \"test_fraction\", found both"},
        {"x,y\n1,a\n2,b\n", "\"target\": \"y\", \"test_fraction\": 0.1", MOTE_DATA,
         "{D}/t.csv: a test_fraction of 0.1 of 2 rows leaves none for testing"},
        {"x,y\n1,a\n2,b\n", "\"target\": \"y\", \"delimiter\": \"colon\"", MOTE_INVALID,
         "dataset.delimiter: expected one of \"auto\", \"comma\", \"semicolon\", \"tab\", \"bar\", "
         "found the string \"colon\""},
        {"x,y\n1,a\n2,b\n", "\"target\": \"y\", \"task\": \"regresion\"", MOTE_INVALID,
         "dataset.task: expected one of \"classification\", \"regression\", found the string "
         "\"regresion\"; did you mean \"regression\"?"},
        {"x,y\n1,a\n2,b\n", "\"target\": \"y\", \"header\": true", MOTE_INVALID,
         "dataset.header: expected one of \"auto\", \"yes\", \"no\", found true"},
    };
    write_table("test.csv", "x,y\n1,a\n2,c\n");
    write_table("wide.csv", "x,z\n1,a\n");
    write_table("PETS", PETS2);
    check_bad(rows, COUNT(rows));
}

Test(csv, tables_with_too_many_different_values_are_refused) {
    FILE *stream = fopen(scratch_path("t.csv"), "w");
    cr_assert(stream);
    fprintf(stream, "x,y\n");
    for (int i = 0; i < 1001; i++) {
        fprintf(stream, "t%d,%d\n", i, i);
    }
    fclose(stream);
    opened o = load_with("\"target\": \"x\", \"categories\": [\"y\"]", 1, NULL);
    scratch_expect_error(&o.error, MOTE_DATA,
                         "{D}/t.csv:1002:7: column 2 (\"y\"): more than 1000 different texts are "
                         "too many to turn into columns of 0 and 1; \"drop\" leaves the column out",
                         "", "categories");
    destroy(&o);
    o = load_with("\"target\": \"y\", \"drop\": \"x\", \"categories\": []", 1, NULL);
    cr_expect(o.error.status == MOTE_INVALID, "%s", o.error.message);
    destroy(&o);
    write_table("t.csv", "x,y\n1,1\n2,2\n3,3\n4,4\n5,5\n6,6\n7,7\n8,8\n9,9\n10,10\n11,1\n12,2\n"
                         "13,3\n14,4\n15,5\n16,6\n17,7\n18,8\n19,9\n20,11\n");
    o = load_with("\"target\": \"y\"", 1, NULL);
    scratch_expect_error(&o.error, MOTE_DATA,
                         "{D}/t.csv: column 2 (\"y\"): 11 different values in 20 rows are too many "
                         "for classes; \"task\": \"regression\" predicts numbers",
                         "", "classes");
    destroy(&o);
}

/* The file changes between opening and loading. */
Test(csv, files_that_change_underway_are_refused) {
    static const struct {
        const char *content, *message; /* NULL: it is removed */
    } rows[] = {
        {NULL, "{D}/t.csv: cannot be opened: No such file or directory"},
        {"", "{D}/t.csv: the file is empty"},
        {"u,v\n1,a\n2,b\n", "{D}/t.csv:1:1: there is no column \"x\"; available: u, v"},
        {"x,y\ngreen,a\n", "{D}/t.csv:2:1: column 1 (\"x\"): \"green\" is not one of the 2 texts "
                           "that this column had in training"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_table("t.csv", "x,y\nred,a\nblue,b\n");
        char json[SCRATCH_TEXT];
        snprintf(json, sizeof json,
                 "{\"format\": \"csv\", \"file\": \"%s\", \"target\": \"y\", \"categories\": "
                 "\"auto\"}",
                 scratch_path("t.csv"));
        mote_error error = {0};
        mote_document *document = mote_document_parse(json, strlen(json), NULL, "dataset", &error);
        mote_dataset *dataset = mote_dataset_open(mote_document_root(document), 1, NULL, &error);
        cr_assert(dataset, "%s", error.message);
        remove(scratch_path("t.csv"));
        if (rows[i].content) {
            write_table("t.csv", rows[i].content);
        }
        cr_expect_neq(mote_dataset_load(dataset, NULL, &error), MOTE_OK);
        scratch_expect_error(&error, error.status, rows[i].message, "", rows[i].message);
        mote_dataset_destroy(dataset);
        mote_document_destroy(document);
    }
}

/* ---- rows for prediction ---- */

/* "2: 4 30; 3: 4 4.5": samples by line; errors in braces. */
static void describe_samples(const char *content, const char *input, char *text) {
    mote_error error = {0};
    FILE *stream = fmemopen((void *)(uintptr_t)content, strlen(content), "rb");
    mote_csv_rows *rows = mote_csv_rows_open("-", stream, input, &error);
    size_t used = (size_t)sprintf(text, "%s", rows ? "" : error.message);
    for (bool more = true; rows;) {
        mote_real sample[16];
        cr_assert_leq(mote_csv_rows_width(rows), COUNT(sample));
        error = (mote_error){0};
        mote_status status = mote_csv_rows_next(rows, sample, &more, &error);
        if (status == MOTE_OK && !more) {
            break;
        }
        used += (size_t)sprintf(text + used, "%s", used ? "; " : "");
        if (status != MOTE_OK) {
            used += (size_t)sprintf(text + used, "{%s}", error.message);
            continue;
        }
        used += (size_t)sprintf(text + used, "%zu:", mote_csv_rows_line(rows));
        for (size_t i = 0; i < mote_csv_rows_width(rows); i++) {
            used += (size_t)sprintf(text + used, " %g", (double)sample[i]);
        }
    }
    mote_csv_rows_close(rows);
    fclose(stream);
}

typedef struct predicted {
    const char *content, *expected;
} predicted;

static void check_predicted(const opened *o, const predicted *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char text[2 * SCRATCH_TEXT];
        describe_samples(rows[i].content, mote_dataset_input(o->dataset), text);
        cr_expect_str_eq(text, rows[i].expected, "%s\n     found %s\n  expected %s",
                         rows[i].content, text, rows[i].expected);
    }
}

Test(csv, rows_for_prediction_are_read_as_in_training) {
    opened o = load(PETS, "\"target\": \"kind\", \"drop\": \"weight\", \"categories\": \"name\"");
    static const predicted rows[] = {
        {"legs,name,weight,kind\n4,Rex,30,dog\n3,Ada,,\n", "2: 4 0 0 1 0; 3: 3 1 0 0 0"},
        {"name;legs\nRex;4\n\n\"Ada\";3\n", "2: 4 0 0 1 0; 4: 3 1 0 0 0"},
        {"4,Rex\n3,Ada\n", "1: 4 0 0 1 0; 2: 3 1 0 0 0"},
        {"4,Rex,30,dog\n3,Ada,?,?\n", "1: 4 0 0 1 0; 2: 3 1 0 0 0"},
        {"legs,name\n,Rex\nfour,Rex\n4,Max\n4\n4,Rex,1\n4,Rex\n",
         "{-:2:1: column 1 (\"legs\"): the value is missing}; {-:3:1: column 1 (\"legs\"): "
         "expected a number, found \"four\"}; {-:4:3: column 2 (\"name\"): \"Max\" is not one of "
         "the 4 texts that this column had in training}; {-:5:2: expected 2 fields as in line 1, "
         "found 1}; {-:6:7: expected 2 fields as in line 1, found 3}; 7: 4 0 0 1 0"},
        {"legs,nane\n4,Rex\n", "-:1:1: there is no column \"name\"; did you mean \"nane\"?"},
        {"4,Rex,30\n", "-:1:9: expected 2 fields, the columns that the model takes, or 4, all "
                       "columns of the table it was trained on, found 3"},
        {"", "-: the file is empty"},
    };
    check_predicted(&o, rows, COUNT(rows));
    destroy(&o);
    o = load("1;2;a\n3;4;b\n", "\"target\": -1, \"delimiter\": \"semicolon\"");
    static const predicted nameless[] = {
        {"1;2\n", "1: 1 2"},
        {"1;2;b\n3;4;\n", "1: 1 2; 2: 3 4"},
        {"x;y\n1;2\n", "{-:1:1: column 1: expected a number, found \"x\"}; 2: 1 2"},
    };
    check_predicted(&o, nameless, COUNT(nameless));
    destroy(&o);
}

Test(csv, an_input_that_makes_no_sense_is_refused) {
    static const char good[] =
        "{\"format\": \"csv\", \"delimiter\": \"auto\", \"header\": true, \"width\": 2, "
        "\"columns\": [{\"name\": \"x\", \"number\": 1}], \"targets\": [{\"number\": 2}]}";
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"{", ""},
        {"\"auto\"", "\"colon\""},
        {"\"auto\"", "1"},
        {"true", "\"yes\""},
        {"\"width\": 2", "\"width\": 0"},
        {"\"width\": 2", "\"width\": 1.5"},
        {"\"x\"", "1"},
        {"\"number\": 1", "\"number\": 0"},
        {"\"number\": 1", "\"number\": 3"},
        {"\"number\": 1", "\"number\": 1, \"categories\": []"},
        {"\"number\": 1", "\"number\": 1, \"categories\": [1]"},
        {"\"number\": 1", "\"number\": 1, \"categories\": [\"a\", \"a\"]"},
        {"\"columns\"", "\"cells\""},
        {"\"targets\"", "\"goals\""},
    };
    char text[2 * SCRATCH_TEXT], json[SCRATCH_TEXT];
    describe_samples("x\n5\n", good, text);
    cr_expect_str_eq(text, "2: 5");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *at = strstr(good, rows[i].from);
        cr_assert(at, "%s", rows[i].from);
        snprintf(json, sizeof json, "%.*s%s%s", (int)(at - good), good, rows[i].to,
                 at + strlen(rows[i].from));
        describe_samples("x\n5\n", json, text);
        cr_expect_str_eq(text, "the metadata \"mote.input\" makes no sense", "%s: %s", json, text);
    }
}

/* ---- end to end ---- */

/* A model trained on the data set with the keys of a config's "train". */
static mote_model *train(const mote_dataset *dataset, const char *layers_and_output,
                         const char *train_json) {
    mote_error error = {0};
    mote_model *model = network_create(layers_and_output, mote_dataset_shape(dataset), &error);
    cr_assert(model, "%s", error.message);
    cr_assert_eq(mote_model_initialize(model, 1, &error), MOTE_OK, "%s", error.message);
    mote_trainer *trainer = mote_trainer_create(model, dataset, train_json, 1, &error);
    cr_assert(trainer, "%s", error.message);
    cr_assert_eq(mote_trainer_run(trainer, &error), MOTE_OK, "%s", error.message);
    mote_trainer_destroy(trainer);
    return model;
}

static mote_metrics evaluate(mote_model *model, const mote_dataset *dataset) {
    mote_error error = {0};
    mote_metrics metrics = {0};
    mote_part part = mote_dataset_part(dataset, MOTE_TEST);
    cr_assert_eq(mote_evaluate(model, &part, &metrics, NULL, &error), MOTE_OK, "%s", error.message);
    return metrics;
}

/* Reads a table as predict does, with nothing but the model's file. Returns how many rows are
 * predicted as the class in their last field. */
static size_t predict_table(const char *model_path, const char *table_path) {
    mote_error error = {0};
    mote_model *model = mote_model_load(model_path, &error);
    cr_assert(model, "%s", error.message);
    mote_csv_rows *rows = mote_csv_rows_open(table_path, NULL, mote_model_input(model), &error);
    mote_table *names = mote_table_open(table_path, NULL, MOTE_DELIMITER_AUTO, &error);
    cr_assert(rows && names, "%s", error.message);
    size_t right = 0, width = mote_csv_rows_width(rows);
    bool more;
    mote_real sample[16], x[16], y[16];
    cr_assert_eq(mote_table_next(names, &more, &error), MOTE_OK);
    while (mote_csv_rows_next(rows, sample, &more, &error) == MOTE_OK && more) {
        mote_preprocess_numbers(mote_model_preprocessing(model), width, sample, x);
        cr_assert_eq(mote_model_predict(model, 1, x, y, &error), MOTE_OK, "%s", error.message);
        size_t best = 0;
        for (size_t i = 1; i < mote_model_classes(model); i++) {
            best = y[i] > y[best] ? i : best;
        }
        mote_table_next(names, &more, &error);
        mote_text wanted = mote_table_field(names, mote_table_count(names) - 1);
        const char *found = mote_model_class_name(model, best);
        right += strlen(found) == wanted.length && memcmp(found, wanted.start, wanted.length) == 0;
    }
    cr_expect_eq(error.status, MOTE_OK, "%s", error.message);
    mote_csv_rows_close(rows);
    mote_table_close(names);
    mote_model_destroy(model);
    return right;
}

/* Trains the config with a seed and returns the accuracy on the fifth held out; the model goes to a
 * file. */
static double train_iris(uint64_t seed, const char *path) {
    mote_experiment experiment;
    mote_error error = {0};
    char assignment[32];
    snprintf(assignment, sizeof assignment, "seed=%d", (int)seed);
    const char *overrides[] = {assignment};
    cr_assert_eq(mote_experiment_open(&experiment, MOTE_ROOT "/configs/iris.json", overrides, 1,
                                      NULL, &error),
                 MOTE_OK, "%s", error.message);
    cr_assert_eq(mote_dataset_load(experiment.dataset, NULL, &error), MOTE_OK, "%s", error.message);
    cr_expect_eq(mote_dataset_part(experiment.dataset, MOTE_TEST).count, (size_t)30);
    char *train_json = cJSON_PrintUnformatted(experiment.train_json.node);
    mote_model_initialize(experiment.model, seed, &error);
    mote_trainer *trainer =
        mote_trainer_create(experiment.model, experiment.dataset, train_json, seed, &error);
    cr_assert(trainer, "%s", error.message);
    cr_assert_eq(mote_trainer_run(trainer, &error), MOTE_OK, "%s", error.message);
    mote_trainer_destroy(trainer);
    free(train_json);
    double accuracy = evaluate(experiment.model, experiment.dataset).accuracy;
    cr_expect_eq(mote_model_save(experiment.model, path, &error), MOTE_OK, "%s", error.message);
    mote_experiment_close(&experiment);
    return accuracy;
}

/* Of 30 flowers held out, one or two may lie among those of another species, whatever the model, so
 * one seed may be below 95 %, while the mean of several is above. */
Test(csv, irises_are_told_apart) {
    enum {
        SEEDS = 10
    };
    double sum = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        sum += train_iris(seed, scratch_path("iris.safetensors"));
        size_t right =
            predict_table(scratch_path("iris.safetensors"), MOTE_ROOT "/datasets/iris/iris.csv");
        cr_expect_geq(right, (size_t)143, "seed %d: %zu of 150", (int)seed, right);
    }
    cr_expect_geq(sum / SEEDS, 0.95, "%g", sum / SEEDS);
}

static double noise(size_t row, size_t column) {
    mote_random random = mote_random_create(row, MOTE_RANDOM_DATA, column);
    return mote_random_normal(&random);
}

/* Two classes separated by a circle, whose radius depends on a text. */
Test(csv, two_classes_are_learned_on_one_sigmoid_node) {
    static const char *const colours[] = {"red", "green", "blue"};
    FILE *stream = fopen(scratch_path("t.csv"), "w");
    cr_assert(stream);
    fprintf(stream, "\"x\";\"y\";\"colour\";\"inside\"\n");
    for (size_t i = 0; i < 1000; i++) {
        double x = noise(i, 0), y = noise(i, 1);
        double radius = i % 3 == 2 ? 1.5 : 1;
        fprintf(stream, "%.4f;%.4f;%s;%s\n", 1000 + x, 0.001 * y, colours[i % 3],
                x * x + y * y < radius * radius ? "yes" : "no");
    }
    fclose(stream);
    opened o = load_with("\"target\": \"inside\", \"categories\": [\"colour\"], "
                         "\"test_fraction\": 0.2",
                         1, NULL);
    cr_assert(o.dataset, "%s", o.error.message);
    cr_expect_eq(mote_dataset_classes(o.dataset), (size_t)2);
    mote_model *model =
        train(o.dataset,
              "{\"layers\": [{\"type\": \"dense\", \"units\": 32}, {\"type\": \"relu\"}, "
              "{\"type\": \"dense\", \"units\": 1}], \"output\": {\"type\": "
              "\"sigmoid_cross_entropy\"}}",
              "{\"epochs\": 60, \"batch_size\": 16, \"optimizer\": {\"type\": \"sgd\", "
              "\"learning_rate\": 0.05, \"momentum\": 0.9}}");
    mote_metrics metrics = evaluate(model, o.dataset);
    cr_expect_eq(metrics.samples, (size_t)200);
    cr_expect_geq(metrics.accuracy, 0.93, "%g", metrics.accuracy);
    mote_error error = {0};
    cr_expect_eq(mote_model_save(model, scratch_path("m.safetensors"), &error), MOTE_OK);
    size_t right = predict_table(scratch_path("m.safetensors"), scratch_path("t.csv"));
    cr_expect_geq(right, (size_t)940, "%zu of 1000", right);
    mote_model_destroy(model);
    destroy(&o);
}

/* Two numbers to predict, each linear in the features, with noise of standard deviation 0.1. */
Test(csv, numbers_are_predicted_as_they_stand_in_the_table) {
    FILE *stream = fopen(scratch_path("t.csv"), "w");
    cr_assert(stream);
    fprintf(stream, "a\tsum\tb\tdifference\n");
    for (size_t i = 0; i < 500; i++) {
        double a = noise(i, 0), b = noise(i, 1);
        fprintf(stream, "%g\t%g\t%g\t%g\n", a, 10 + 2 * a + 3 * b + 0.1 * noise(i, 2), 50 * b,
                a - b + 0.1 * noise(i, 3));
    }
    fclose(stream);
    opened o = load_with("\"target\": [\"difference\", \"sum\"], \"task\": \"regression\", "
                         "\"test_fraction\": 0.2",
                         1, NULL);
    cr_assert(o.dataset, "%s", o.error.message);
    cr_expect_eq(mote_dataset_classes(o.dataset), (size_t)0);
    mote_model *model =
        train(o.dataset,
              "{\"layers\": [{\"type\": \"dense\", \"units\": 2}], \"output\": {\"type\": "
              "\"mean_squared_error\"}}",
              "{\"epochs\": 40, \"batch_size\": 16, \"optimizer\": {\"type\": \"sgd\", "
              "\"learning_rate\": 0.02, \"momentum\": 0.9}}");
    mote_metrics metrics = evaluate(model, o.dataset);
    cr_expect_eq(metrics.samples, (size_t)100);
    cr_expect(metrics.loss > 0.005 && metrics.loss < 0.02, "%g", metrics.loss);
    mote_error error = {0};
    mote_real raw[] = {1, 100}, x[2], y[2];
    mote_preprocess_numbers(mote_model_preprocessing(model), 2, raw, x);
    cr_expect_eq(mote_model_predict(model, 1, x, y, &error), MOTE_OK, "%s", error.message);
    cr_expect_float_eq((double)y[0], -1.0, 0.05, "difference: %g", (double)y[0]);
    cr_expect_float_eq((double)y[1], 18.0, 0.05, "sum: %g", (double)y[1]);
    mote_model_destroy(model);
    destroy(&o);
}
