/* images_test.c: the data set format images: which files are found, what happens to bad ones, the
 * cache, and that training on pictures equals training on their pixels.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/dataset.h"
#include "data/image.h"
#include "data/image_list.h"
#include "mote/trainer.h"
#include "networks.h"
#include "pictures.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

TestSuite(list, .init = scratch_enter, .fini = scratch_leave);
TestSuite(images, .init = scratch_enter, .fini = scratch_leave);

/* ---- files ---- */

enum {
    SIDE = 6,
    PIXELS = SIDE * SIDE
};

static void make_directory(const char *name) {
    cr_assert(mkdir(scratch_path(name), 0777) == 0 || errno == EEXIST, "%s", name);
}

/* Makes the directories of a path in the scratch directory. */
static void make_directories(const char *name) {
    char part[SCRATCH_CAPACITY / 2];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        make_directory(part);
    }
}

static void draw(uint8_t number, uint8_t *pixels) {
    for (size_t i = 0; i < PIXELS; i++) {
        pixels[i] = (uint8_t)(number * 7 + i * 3);
    }
}

/* A grey PNG file of SIDE × SIDE pixels, determined by the number. */
static void write_picture(const char *name, uint8_t number) {
    uint8_t pixels[PIXELS];
    make_directories(name);
    draw(number, pixels);
    write_png(scratch_path(name), PNG_GREY, SIDE, SIDE, pixels, NULL, 0);
}

static void write_file(const char *name, const char *text) {
    make_directories(name);
    scratch_write(scratch_path(name), text, strlen(text));
}

/* ---- what the user is told ---- */

typedef struct told {
    char notices[16384]; /* one per line */
    size_t stop_at;      /* progress reports after which it stops loading; 0: never */
    size_t progress;
} told;

static bool listen(void *context, const mote_load_event *event) {
    told *t = context;
    if (event->notice) {
        size_t used = strlen(t->notices);
        snprintf(t->notices + used, sizeof t->notices - used, "%s\n", event->notice);
        return true;
    }
    t->progress += event->total > 0;
    return t->stop_at == 0 || t->progress < t->stop_at;
}

static void expect_told(const told *t, const char *expected, const char *what) {
    const char *expanded = scratch_expand(expected, "");
    cr_expect_str_eq(t->notices, expanded, "%s:\n   found %s\nexpected %s", what, t->notices,
                     expanded);
}

/* ---- listing ---- */

/* "0 a/1.png\n0 a/2.png\n1 b/1.png\n": the label and name of each file of a part. */
static void expect_files(const mote_image_files *files, const char *expected, const char *what) {
    char text[4096];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < files->count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%u %s\n", files->files[i].label,
                                 files->files[i].name);
    }
    cr_expect_str_eq(text, expected, "%s:\n%s\nexpected:\n%s", what, text, expected);
}

static void expect_classes(const mote_image_list *list, const char *expected, const char *what) {
    char text[1024];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < list->class_count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "",
                                 list->class_names[i]);
    }
    cr_expect_str_eq(text, expected, "%s: classes %s, expected %s", what, text, expected);
}

static mote_status list_it(mote_image_list *list, told *t, mote_error *error) {
    mote_loading loading = {.listener = listen, .listener_context = t};
    return mote_image_list_directory(list, scratch_directory, &loading, error);
}

Test(list, classes_and_files_are_sorted_at_any_depth_and_nothing_hidden_is_taken) {
    static const char *const names[] = {
        "b/2.png",       "b/10.JPG",           "b/1.jpeg",       "a/z/deep/er/1.pgm", "a/z.ppm",
        "a/.hidden.png", ".git/objects/1.png", "a/.cache/1.png", "Übung/ß 日本.tga",  "b/x.PnM",
        "a/é.bmp",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        write_file(names[i], "");
    }
    told t = {0};
    mote_image_list list = {0};
    mote_error error = {0};
    cr_assert_eq(list_it(&list, &t, &error), MOTE_OK, "%s", error.message);
    expect_classes(&list, "a b Übung", "names");
    expect_files(&list.parts[MOTE_TRAINING],
                 "0 a/z.ppm\n0 a/z/deep/er/1.pgm\n0 a/é.bmp\n1 b/1.jpeg\n1 b/10.JPG\n1 b/2.png\n"
                 "1 b/x.PnM\n2 Übung/ß 日本.tga\n",
                 "names");
    cr_expect_null(list.parts[MOTE_TEST].source);
    expect_told(&t, "", "names");
    mote_image_list_free(&list);
}

Test(list, classes_that_are_all_numbers_are_sorted_as_numbers) {
    static const char *const numbers[] = {"10/a.png", "9/a.png", "0/a.png", "007/a.png", "7/a.png"};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        write_file(numbers[i], "");
    }
    told t = {0};
    mote_image_list list = {0};
    cr_assert_eq(list_it(&list, &t, NULL), MOTE_OK);
    expect_classes(&list, "0 007 7 9 10", "numbers");
    mote_image_list_free(&list);
    write_file("list.tsv", "a.png\t10\nb.png\t7\nc.png\t007\nd.png\t7\n");
    cr_assert_eq(mote_image_list_read(&list, scratch_path("list.tsv"), NULL, NULL), MOTE_OK);
    expect_classes(&list, "007 7 10", "numbers in a list");
    expect_files(&list.parts[MOTE_TRAINING], "2 a.png\n1 b.png\n0 c.png\n1 d.png\n", "a list");
    mote_image_list_free(&list);
    write_file("x/a.png", "");
    cr_assert_eq(list_it(&list, &t, NULL), MOTE_OK);
    expect_classes(&list, "0 007 10 7 9 x", "not only numbers");
    mote_image_list_free(&list);
}

Test(list, parts_are_found_and_what_is_not_used_is_told) {
    static const char *const names[] = {
        "train/b/1.png",   "train/a/1.png",  "train/a/notes.txt",
        "train/stray.png", "test/a/1.png",   "validation/b/1.png",
        "val/a/1.png",     "train/a/2.webp", "readme.md",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        write_file(names[i], "");
    }
    told t = {0};
    mote_image_list list = {0};
    cr_assert_eq(list_it(&list, &t, NULL), MOTE_OK);
    expect_files(&list.parts[MOTE_TRAINING], "0 train/a/1.png\n1 train/b/1.png\n", "train");
    expect_files(&list.parts[MOTE_TEST], "0 test/a/1.png\n", "test");
    expect_files(&list.parts[MOTE_VALIDATION], "1 validation/b/1.png\n", "validation");
    expect_told(&t,
                "{D}/val is not used: besides train, only the directories validation and test "
                "are\n{D}: 2 files are not used, as their names do not end like those of pictures, "
                "such as {D}/train/a/2.webp\n{D}: 1 pictures are not used, as they are not in a "
                "class directory, such as {D}/train/stray.png\n",
                "parts");
    mote_image_list_free(&list);
}

Test(list, a_class_may_be_called_train) {
    write_file("train/1.png", "");
    write_file("plane/1.png", "");
    told t = {0};
    mote_image_list list = {0};
    cr_assert_eq(list_it(&list, &t, NULL), MOTE_OK);
    expect_files(&list.parts[MOTE_TRAINING], "0 plane/1.png\n1 train/1.png\n", "trains");
    mote_image_list_free(&list);
}

Test(list, links_are_followed_but_none_twice) {
    write_file("a/1.png", "");
    write_file("a/sub/2.png", "");
    write_file("elsewhere.d/3.png", "");
    write_file("b/4.png", "");
    cr_assert_eq(symlink("..", scratch_path("a/loop")), 0); /* to the data set */
    cr_assert_eq(symlink("../sub", scratch_path("a/sub/self")), 0);
    cr_assert_eq(symlink("../1.png", scratch_path("b/linked.png")), 0); /* dangling */
    cr_assert_eq(symlink("../a/1.png", scratch_path("b/one.png")), 0);
    cr_assert_eq(mkfifo(scratch_path("b/pipe.png"), 0600), 0);
    cr_assert_eq(rename(scratch_path("elsewhere.d"), scratch_path(".elsewhere")), 0);
    cr_assert_eq(symlink("../.elsewhere", scratch_path("b/elsewhere")), 0);
    told t = {0};
    mote_image_list list = {0};
    mote_error error = {0};
    cr_assert_eq(list_it(&list, &t, &error), MOTE_OK, "%s", error.message);
    expect_files(&list.parts[MOTE_TRAINING],
                 "0 a/1.png\n0 a/loop/b/4.png\n0 a/loop/b/elsewhere/3.png\n0 a/loop/b/linked.png\n"
                 "0 a/loop/b/one.png\n0 a/sub/2.png\n1 b/4.png\n1 b/elsewhere/3.png\n"
                 "1 b/linked.png\n1 b/one.png\n",
                 "links");
    expect_told(&t,
                "{D}: 2 files are not used, as their names do not end like those of pictures, such "
                "as {D}/a/loop/b/pipe.png\n{D}: 2 links to directories are not followed, as they "
                "lead to directories already read for that class, such as {D}/a/loop/a\n",
                "links");
    for (size_t i = 0; i < list.parts[MOTE_TRAINING].count; i++) {
        const mote_image_file *file = &list.parts[MOTE_TRAINING].files[i];
        bool missing = strstr(file->name, "linked") != NULL;
        cr_expect_eq(file->bytes, missing ? -1 : 0, "%s", file->name);
    }
    mote_image_list_free(&list);
}

Test(list, directories_that_cannot_be_a_data_set_are_refused_with_the_reason) {
    static const struct {
        const char *files[4];
        mote_status status;
        const char *message;
    } rows[] = {
        {{"readme.txt"},
         MOTE_DATA,
         "{D}: holds no class directories; expected a directory of pictures for each class, such "
         "as {D}/cat"},
        {{"1.png", "2.png"},
         MOTE_DATA,
         "{D}: holds no class directories; expected a directory of pictures for each class, such "
         "as {D}/cat"},
        {{"cat/1.png", ".dog/1.png"},
         MOTE_DATA,
         "{D}: holds only one class directory, cat; there must be at least two"},
        {{"train/cat/1.png", "test/cat/1.png", "test/dog/1.png"},
         MOTE_DATA,
         "{D}/train: holds only one class directory, cat; there must be at least two"},
        {{"cat/1.png", "dog/.png"},
         MOTE_DATA,
         "{D}/dog: this class directory holds no pictures (.png, .jpg, .jpeg, .bmp, .tga, .pbm, "
         ".pgm, .ppm, .pnm)"},
        {{"cat/1.png", "dog/1.gif"},
         MOTE_DATA,
         "{D}/dog: this class directory holds no pictures (.png, .jpg, .jpeg, .bmp, .tga, .pbm, "
         ".pgm, .ppm, .pnm), only files of other names"},
        {{"train/cat/1.png", "train/dog/1.png", "test/fox/1.png"},
         MOTE_DATA,
         "{D}/test/fox: there is no such class in {D}/train"},
        {{"train/cat/1.png", "train/dog/1.png", "test/1.png"},
         MOTE_DATA,
         "{D}/test: holds no pictures in class directories"},
        {{"\xff\xfe/1.png", "dog/1.png"},
         MOTE_DATA,
         "{D}/\xff\xfe: the name of this class is not UTF-8"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        scratch_leave();
        scratch_enter();
        for (size_t k = 0; k < COUNT(rows[i].files) && rows[i].files[k]; k++) {
            write_file(rows[i].files[k], "");
        }
        told t = {0};
        mote_image_list list = {0};
        mote_error error = {0};
        cr_expect_neq(list_it(&list, &t, &error), MOTE_OK, "%s", rows[i].message);
        scratch_expect_error(&error, rows[i].status, rows[i].message, "", rows[i].message);
        mote_image_list_free(&list);
    }
}

Test(list, a_directory_that_is_missing_or_may_not_be_read_is_refused) {
    mote_image_list list = {0};
    mote_error missing = {0};
    mote_image_list_directory(&list, scratch_path("gone"), NULL, &missing);
    scratch_expect_error(&missing, MOTE_FILE,
                         "{D}/gone: cannot be opened: No such file or directory", "", "missing");
    mote_image_list_free(&list);

    write_file("a/1.png", "");
    write_file("b/deep/1.png", "");
    cr_assert_eq(chmod(scratch_directory, 0755), 0);
    cr_assert_eq(chmod(scratch_path("b/deep"), 0), 0);
    if (geteuid() == 0) { /* root may read everything */
        cr_assert_eq(seteuid(65534), 0);
    }
    told t = {0};
    mote_error forbidden = {0};
    list_it(&list, &t, &forbidden);
    scratch_expect_error(&forbidden, MOTE_FILE, "{D}/b/deep: cannot be opened: Permission denied",
                         "", "forbidden");
    mote_image_list_free(&list);
    cr_assert_eq(seteuid(getuid()), 0);
    cr_assert_eq(chmod(scratch_path("b/deep"), 0755), 0);
}

Test(list, a_list_file_keeps_its_order) {
    write_file("pictures/x y.png", "123");
    write_file("lists/train.tsv", "\xef\xbb\xbf../pictures/x y.png\tdog\r\n"
                                  "\r\n"
                                  "gone.png\tcat\n"
                                  "a\tb.png\tdog\n"
                                  "\n"
                                  "/nowhere/1.png\tÄffchen");
    write_file("test.tsv", "1.png\tcat\n");
    mote_image_list list = {0};
    mote_error error = {0};
    char test[SCRATCH_CAPACITY];
    strcpy(test, scratch_path("test.tsv"));
    cr_assert_eq(mote_image_list_read(&list, scratch_path("lists/train.tsv"), test, &error),
                 MOTE_OK, "%s", error.message);
    expect_classes(&list, "cat dog Äffchen", "list");
    expect_files(&list.parts[MOTE_TRAINING],
                 "1 ../pictures/x y.png\n0 gone.png\n1 a\tb.png\n2 /nowhere/1.png\n", "list");
    expect_files(&list.parts[MOTE_TEST], "0 1.png\n", "test list");
    const mote_image_file *files = list.parts[MOTE_TRAINING].files;
    cr_expect(files[0].bytes == 3 && files[0].line == 1 && files[1].bytes == -1 &&
              files[1].line == 3 && files[3].line == 6);
    cr_expect_eq(strcmp(list.parts[MOTE_TEST].root, scratch_directory), 0);
    mote_image_list_free(&list);
}

Test(list, list_files_that_make_no_sense_are_refused_at_the_line) {
    static const struct {
        const char *train;
        size_t bytes; /* 0: up to the NUL */
        const char *test, *message;
    } rows[] = {
        {"1.png\tcat\n2.png dog\n", 0, NULL,
         "{D}/train.tsv:2: expected the path of a picture, a tab and its class, found no tab"},
        {"1.png\tcat\n\tdog\n", 0, NULL,
         "{D}/train.tsv:2: expected the path of a picture, a tab and its class, found no path"},
        {"1.png\tcat\n\n2.png\t\n", 0, NULL,
         "{D}/train.tsv:3: expected the path of a picture, a tab and its class, found no class"},
        {"1.png\tcat\n2.png\t\xc3(\n", 0, NULL,
         "{D}/train.tsv:2: expected the path of a picture, a tab and its class, found a class that "
         "is not UTF-8"},
        {"1.png\tcat\n2.png\tdo\0g\n", 20, NULL,
         "{D}/train.tsv:2: expected the path of a picture, a tab and its class, found a zero byte; "
         "this is not a text file"},
        {"\n\r\n", 0, NULL, "{D}/train.tsv: lists no pictures"},
        {"1.png\tcat\n2.png\tcat\n", 0, NULL,
         "{D}/train.tsv: all pictures are of one class, cat; there must be at least two"},
        {"1.png\tcat\n2.png\tdog\n", 0, "1.png\tdog\n2.png\tfox\n",
         "{D}/test.tsv:2: there is no class fox in {D}/train.tsv"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char train[SCRATCH_CAPACITY], test[SCRATCH_CAPACITY];
        strcpy(train, scratch_path("train.tsv"));
        strcpy(test, scratch_path("test.tsv"));
        scratch_write(train, rows[i].train, rows[i].bytes ? rows[i].bytes : strlen(rows[i].train));
        scratch_write(test, rows[i].test ? rows[i].test : "",
                      rows[i].test ? strlen(rows[i].test) : 0);
        mote_image_list list = {0};
        mote_error error = {0};
        mote_image_list_read(&list, train, rows[i].test ? test : NULL, &error);
        scratch_expect_error(&error, MOTE_DATA, rows[i].message, "", rows[i].message);
        mote_image_list_free(&list);
    }
}

/* ---- loading ---- */

/* A data set {"format": "images", <keys>}, with {D} in the keys; its document is kept with it. */
typedef struct loaded {
    mote_document *document;
    mote_dataset *dataset; /* NULL on failure */
    mote_error error;
    told told;
} loaded;

static void open_keys(loaded *l, const char *format, const char *keys, const mote_loading *how) {
    char json[2 * SCRATCH_TEXT];
    *l = (loaded){.told.stop_at = l->told.stop_at};
    snprintf(json, sizeof json, "{\"format\": \"%s\", %s}", format, scratch_expand(keys, ""));
    l->document = mote_document_parse(json, strlen(json), NULL, "dataset", &l->error);
    cr_assert(l->document, "%s", l->error.message);
    l->dataset = mote_dataset_open(mote_document_root(l->document), 1, how, &l->error);
}

static void unload(loaded *l) {
    mote_dataset_destroy(l->dataset);
    mote_document_destroy(l->document);
}

static mote_loading loading_of(loaded *l, mote_pool *pool) {
    return (mote_loading){.pool = pool, .listener = listen, .listener_context = &l->told};
}

static void finish_loading(loaded *l, const mote_loading *how) {
    if (l->dataset && mote_dataset_load(l->dataset, how, &l->error) != MOTE_OK) {
        mote_dataset_destroy(l->dataset);
        l->dataset = NULL;
    }
}

static void load_on(loaded *l, const char *keys, mote_pool *pool) {
    mote_loading how = loading_of(l, pool);
    open_keys(l, "images", keys, &how);
    finish_loading(l, &how);
}

static void load_keys(loaded *l, const char *keys) {
    load_on(l, keys, NULL);
}

static void expect_loaded(const loaded *l, const char *what) {
    cr_assert(l->dataset, "%s: %s", what, l->error.message);
}

/* Expects the samples that write_picture draws for the numbers, terminated by 0, in that order. */
static void expect_samples(const mote_dataset *dataset, mote_part_name name, const uint8_t *numbers,
                           const uint32_t *labels, const char *what) {
    mote_part part = mote_dataset_part(dataset, name);
    cr_assert_eq(part.count, strlen((const char *)numbers), "%s: %zu samples", what, part.count);
    for (size_t i = 0; i < part.count; i++) {
        uint8_t pixels[PIXELS];
        draw(numbers[i], pixels);
        size_t at = part.indexes[i];
        cr_expect_eq(part.samples->labels[at], labels[i], "%s: label %zu is %u", what, i,
                     part.samples->labels[at]);
        cr_expect_arr_eq(part.samples->bytes + at * PIXELS, pixels, PIXELS, "%s: sample %zu", what,
                         i);
    }
}

#define NUMBERS(...) ((const uint8_t[]){__VA_ARGS__, 0})
#define LABELS(...)  ((const uint32_t[]){__VA_ARGS__})

/* {D}/set: four pictures of two classes. */
static void write_set(void) {
    write_picture("set/dog/2.png", 4);
    write_picture("set/cat/1.png", 1);
    write_picture("set/dog/1.png", 3);
    write_picture("set/cat/2.png", 2);
}

#define SET "\"directory\": \"{D}/set\", \"channels\": 1"

static void expect_set(const loaded *l, const char *what) {
    expect_loaded(l, what);
    expect_samples(l->dataset, MOTE_TRAINING, NUMBERS(1, 2, 3, 4), LABELS(0, 0, 1, 1), what);
    cr_expect_str_eq(mote_dataset_class_name(l->dataset, 0), "cat");
    cr_expect_str_eq(mote_dataset_class_name(l->dataset, 1), "dog");
    cr_expect_str_eq(mote_dataset_input(l->dataset),
                     "{\"format\":\"images\",\"resize\":\"fit\",\"channels\":1}");
}

static void load_set(const char *notices, const char *what) {
    loaded l = {0};
    load_keys(&l, SET);
    expect_set(&l, what);
    expect_told(&l.told, notices, what);
    unload(&l);
}

#define CACHE "{D}/set.1x6x6-as-is.cache"

Test(images, are_loaded_from_files_and_then_from_the_cache) {
    write_set();
    load_set("", "files");
    cr_assert_eq(access(scratch_expand(CACHE, ""), F_OK), 0);
    cr_assert_eq(scratch_count(), 2, "the set and its cache, nothing else");
    load_set("", "cache");
}

static void age(const char *name) {
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000, .tv_nsec = 1}};
    cr_assert_eq(utimensat(AT_FDCWD, scratch_path(name), times, 0), 0);
}

#define MADE_AGAIN                                                                                 \
    CACHE ": rebuilding the cache: it was made from other files, or with other settings\n"

Test(images, a_cache_is_made_again_when_files_or_settings_are_others) {
    write_set();
    load_set("", "first");
    age("set/cat/1.png");
    load_set(MADE_AGAIN, "another time");
    write_picture("set/dog/3.png", 9);
    loaded l = {0};
    load_keys(&l, SET);
    expect_loaded(&l, "one more");
    expect_told(&l.told, MADE_AGAIN, "one more");
    expect_samples(l.dataset, MOTE_TRAINING, NUMBERS(1, 2, 3, 4, 9), LABELS(0, 0, 1, 1, 1), "more");
    unload(&l);
    cr_assert_eq(remove(scratch_path("set/dog/3.png")), 0);
    load_set(MADE_AGAIN, "one less");
    load_keys(&l, SET ", \"on_bad_file\": \"skip\"");
    expect_told(&l.told, MADE_AGAIN, "another setting");
    unload(&l);

    char cache[SCRATCH_CAPACITY];
    strcpy(cache, scratch_expand(CACHE, ""));
    load_set(MADE_AGAIN, "back");
    cr_assert_eq(truncate(cache, 4000), 0);
    load_set(CACHE ": rebuilding the cache: it is cut short\n", "cut short");
    scratch_write(cache, "what is this", 12);
    load_set(CACHE ": rebuilding the cache: it is cut short\n", "something else");
    load_set("", "whole again");
}

Test(images, the_cache_is_where_the_config_says) {
    write_set();
    make_directory("caches");
    static const struct {
        const char *key, *file; /* NULL: none */
    } rows[] = {
        {"\"none\"", NULL},
        {"\"{D}/mine\"", "{D}/mine"},
        {"\"{D}/set/../mine too\"", "{D}/mine too"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char keys[SCRATCH_TEXT];
        snprintf(keys, sizeof keys, SET ", \"cache\": %s", rows[i].key);
        loaded l = {0};
        load_keys(&l, keys);
        expect_set(&l, rows[i].key);
        expect_told(&l.told, "", rows[i].key);
        cr_expect(!rows[i].file || access(scratch_expand(rows[i].file, ""), F_OK) == 0, "%s",
                  rows[i].key);
        cr_expect_neq(access(scratch_expand(CACHE, ""), F_OK), 0, "%s", rows[i].key);
        unload(&l);
    }
    /* In a shared directory, sets of the same name get separate caches. */
    loaded l = {0};
    load_keys(&l, SET ", \"cache\": \"{D}/caches\"");
    expect_set(&l, "a directory");
    unload(&l);
    write_picture("other/set/a/1.png", 1);
    write_picture("other/set/b/1.png", 2);
    load_keys(&l, "\"directory\": \"{D}/other/set/\", \"channels\": 1, \"cache\": \"{D}/caches\"");
    expect_loaded(&l, "another set");
    expect_told(&l.told, "", "another set");
    unload(&l);
    load_keys(&l, SET ", \"cache\": \"{D}/caches\"");
    expect_set(&l, "a directory, again");
    expect_told(&l.told, "", "a directory, again");
    unload(&l);
}

Test(images, training_goes_on_where_no_cache_can_be_written) {
    write_set();
    loaded l = {0};
    load_keys(&l, SET ", \"cache\": \"{D}/nowhere/cache\"");
    expect_set(&l, "no such directory");
    expect_told(&l.told,
                "{D}/nowhere/cache: cannot be written: No such file or directory; continuing "
                "without a cache\n",
                "no such directory");
    unload(&l);
}

Test(images, are_the_same_on_any_number_of_threads) {
    enum {
        MANY = 150
    };
    uint8_t numbers[2 * MANY + 1] = {0};
    uint32_t labels[2 * MANY];
    for (size_t i = 0; i < 2 * MANY; i++) {
        char name[64];
        snprintf(name, sizeof name, "set/%s/%03zu.png", i < MANY ? "a" : "b", i);
        numbers[i] = (uint8_t)(i % 255 + 1);
        labels[i] = i >= MANY;
        write_picture(name, numbers[i]);
    }
    for (size_t threads = 1; threads <= 5; threads += 2) {
        mote_pool *pool = mote_pool_create(threads, NULL);
        loaded l = {0};
        load_on(&l, SET ", \"cache\": \"none\"", pool);
        expect_loaded(&l, "threads");
        expect_samples(l.dataset, MOTE_TRAINING, numbers, labels, "threads");
        cr_expect_gt(l.told.progress, 0);
        unload(&l);
        mote_pool_destroy(pool);
    }
}

Test(images, of_validation_and_test_come_from_their_directories) {
    write_picture("set/train/a/1.png", 1);
    write_picture("set/train/b/1.png", 2);
    write_picture("set/validation/b/1.png", 3);
    write_picture("set/test/a/1.png", 4);
    write_picture("set/test/a/2.png", 5);
    for (int round = 0; round < 2; round++) { /* from the files, and from the cache */
        loaded l = {0};
        load_keys(&l, SET);
        expect_loaded(&l, "parts");
        expect_samples(l.dataset, MOTE_TRAINING, NUMBERS(1, 2), LABELS(0, 1), "train");
        expect_samples(l.dataset, MOTE_VALIDATION, NUMBERS(3), LABELS(1), "validation");
        expect_samples(l.dataset, MOTE_TEST, NUMBERS(4, 5), LABELS(0, 0), "test");
        unload(&l);
    }
    loaded l = {0};
    load_keys(&l, SET ", \"validation_fraction\": 0.5");
    scratch_expect_error(&l.error, MOTE_INVALID,
                         "dataset.validation_fraction: the data set has its own 1 validation "
                         "samples; leave out this key",
                         "", "fraction");
    unload(&l);
    load_keys(&l, SET ", \"test_fraction\": 0.5");
    scratch_expect_error(&l.error, MOTE_INVALID,
                         "dataset.test_fraction: there are test pictures already, {D}/set/test; "
                         "expected either these or a test_fraction",
                         "", "test fraction");
    unload(&l);
}

static void expect_origin(const loaded *l, size_t sample, const char *expected) {
    char origin[SCRATCH_CAPACITY];
    cr_expect_eq(mote_dataset_origin(l->dataset, sample, origin, sizeof origin), expected != NULL);
    cr_expect_str_eq(origin, expected ? scratch_expand(expected, "") : "", "sample %zu", sample);
}

/* With or without a cache. If files were left out, origins are unknown. */
Test(images, of_training_and_validation_are_known_by_their_files) {
    write_picture("set/train/a/1.png", 1);
    write_picture("set/train/b/2.png", 2);
    write_picture("set/validation/b/1.png", 3);
    write_picture("set/test/a/1.png", 4);
    for (int round = 0; round < 4; round++) {
        loaded l = {0};
        if (round == 2) {
            write_file("set/train/a/0.png", "no picture");
        }
        load_keys(&l, SET ", \"on_bad_file\": \"skip\"");
        expect_loaded(&l, "known");
        expect_origin(&l, 0, round < 2 ? "{D}/set/train/a/1.png" : NULL);
        expect_origin(&l, 1, round < 2 ? "{D}/set/train/b/2.png" : NULL);
        expect_origin(&l, 2, round < 2 ? "{D}/set/validation/b/1.png" : NULL);
        unload(&l);
    }
}

Test(images, of_a_list_are_known_by_the_paths_that_it_means) {
    write_picture("far/1.png", 1);
    write_picture("near.png", 2);
    write_file("set.tsv", scratch_expand("{D}/far/1.png\ta\nnear.png\tb\n", ""));
    loaded l = {0};
    load_keys(&l, "\"list\": \"{D}/set.tsv\", \"channels\": 1");
    expect_loaded(&l, "known");
    expect_origin(&l, 0, "{D}/far/1.png");
    expect_origin(&l, 1, "{D}/near.png");
    unload(&l);
}

/* A report that names them must not confuse a terminal. */
Test(images, of_odd_names_are_known_by_what_can_be_printed) {
    write_picture("odd/a/\x1b[1m.png", 1);
    write_picture("odd/a/b\x7f.png", 2);
    write_picture("odd/a/\u00e4.png", 3);
    write_picture("odd/b/\xff.png", 4);
    loaded l = {0};
    load_keys(&l, "\"directory\": \"{D}/odd\", \"channels\": 1");
    expect_loaded(&l, "odd");
    expect_origin(&l, 0, "{D}/odd/a/?[1m.png");
    expect_origin(&l, 1, "{D}/odd/a/b?.png");
    expect_origin(&l, 2, "{D}/odd/a/\u00e4.png");
    expect_origin(&l, 3, "{D}/odd/b/?.png");
    unload(&l);
}

/* The training samples are not needed, so they need not be valid. */
Test(images, of_the_test_part_alone_are_loaded_without_the_others) {
    write_picture("set/train/a/1.png", 1);
    write_file("set/train/b/1.png", "no picture");
    write_picture("set/test/b/1.png", 4);
    loaded l = {0};
    mote_loading how = loading_of(&l, NULL);
    how.test_only = true;
    open_keys(&l, "images", SET, &how);
    finish_loading(&l, &how);
    expect_loaded(&l, "test only");
    expect_samples(l.dataset, MOTE_TEST, NUMBERS(4), LABELS(1), "test only");
    cr_expect_eq(scratch_count(), 1, "such a cache would be of no use");
    unload(&l);
}

Test(images, a_fraction_of_each_class_is_kept_for_testing_whatever_the_seed) {
    char name[64];
    for (uint8_t i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "set/%s/%02d.png", i < 10 ? "a" : "b", i);
        write_picture(name, (uint8_t)(i + 1));
    }
    loaded l = {0};
    load_keys(&l, SET ", \"test_fraction\": 0.2, \"validation_fraction\": 0.25");
    expect_loaded(&l, "fraction");
    size_t expected[MOTE_PART_COUNT][2] = {
        [MOTE_TRAINING] = {6, 18}, [MOTE_VALIDATION] = {2, 6}, [MOTE_TEST] = {2, 6}};
    bool seen[41] = {false};
    for (size_t p = 0; p < MOTE_PART_COUNT; p++) {
        mote_part part = mote_dataset_part(l.dataset, (mote_part_name)p);
        size_t counts[2] = {0};
        for (size_t i = 0; i < part.count; i++) {
            size_t at = part.indexes[i];
            /* The first pixel is 7 times the number, in 8 bits, where 7 × 183 is 1. */
            uint8_t number = (uint8_t)(part.samples->bytes[at * PIXELS] * 183);
            counts[part.samples->labels[at]]++;
            cr_expect(number <= 40 && !seen[number], "number %d twice", number);
            seen[number] = true;
        }
        cr_expect(counts[0] == expected[p][0] && counts[1] == expected[p][1],
                  "part %zu: %zu and %zu", p, counts[0], counts[1]);
    }
    unload(&l);
    load_keys(&l, SET ", \"test_fraction\": 0.01");
    scratch_expect_error(&l.error, MOTE_DATA,
                         "a test_fraction of 0.01 of 40 pictures leaves none for testing", "",
                         "too little");
    unload(&l);
}

Test(images, of_colour_and_of_other_sizes_are_brought_to_what_the_config_says) {
    static const struct {
        const char *keys;
        size_t channels, height, width;
        mote_resize resize;
    } rows[] = {
        {"\"directory\": \"{D}/set\"", 3, 6, 6, MOTE_RESIZE_FIT},
        {"\"directory\": \"{D}/set\", \"size\": 4", 3, 4, 4, MOTE_RESIZE_FIT},
        {SET ", \"size\": [3, 9]", 1, 3, 9, MOTE_RESIZE_FIT},
        {SET ", \"size\": [3, 9], \"resize\": \"fill\"", 1, 3, 9, MOTE_RESIZE_FILL},
        {SET ", \"size\": [3, 9], \"resize\": \"stretch\"", 1, 3, 9, MOTE_RESIZE_STRETCH},
    };
    write_set();
    for (size_t i = 0; i < COUNT(rows); i++) {
        loaded l = {0};
        load_keys(&l, rows[i].keys);
        expect_loaded(&l, rows[i].keys);
        mote_shape shape = mote_shape_image(rows[i].channels, rows[i].height, rows[i].width);
        cr_assert(mote_shape_equal(mote_dataset_shape(l.dataset), shape), "%s", rows[i].keys);
        uint8_t expected[3 * 6 * 9];
        cr_assert_eq(
            mote_image_read(scratch_path("set/dog/2.png"), shape, rows[i].resize, expected, NULL),
            MOTE_OK);
        size_t width = mote_shape_count(shape);
        mote_part part = mote_dataset_part(l.dataset, MOTE_TRAINING);
        cr_expect_arr_eq(part.samples->bytes + 3 * width, expected, width, "%s", rows[i].keys);
        unload(&l);
    }
}

/* ---- what goes wrong ---- */

Test(images, settings_that_make_no_sense_are_refused) {
    static const struct {
        const char *keys, *message;
    } rows[] = {
        {"\"channels\": 1",
         "dataset: the format images needs either \"directory\" or \"list\", found neither"},
        {SET ", \"list\": \"x\"",
         "dataset: the format images needs either \"directory\" or \"list\", found both"},
        {SET ", \"test_list\": \"x\"",
         "dataset.test_list: goes with \"list\", not with \"directory\""},
        {"\"directory\": \"{D}/set\", \"channels\": 2",
         "dataset.channels: expected 1 for grey or 3 for colour, found 2"},
        {SET ", \"size\": 0", "dataset.size: expected a side length in pixels, an integer >= 1 and "
                              "<= 32768, or [height, width], found 0"},
        {SET ", \"size\": 1.5",
         "dataset.size: expected a side length in pixels, an integer >= 1 and "
         "<= 32768, or [height, width], found 1.5"},
        {SET ", \"size\": \"64\"",
         "dataset.size: expected a side length in pixels, an integer >= 1 "
         "and <= 32768, or [height, width], found the string \"64\""},
        {SET ", \"size\": [64]", "dataset.size: expected a side length in pixels, an integer >= 1 "
                                 "and <= 32768, or [height, width], found a list"},
        {SET ", \"size\": [64, 32769]",
         "dataset.size[1]: expected a side length in pixels, an integer >= 1 and <= 32768, or "
         "[height, width], found 32769"},
    };
    write_set();
    for (size_t i = 0; i < COUNT(rows); i++) {
        loaded l = {0};
        load_keys(&l, rows[i].keys);
        cr_expect_null(l.dataset, "%s", rows[i].keys);
        scratch_expect_error(&l.error, MOTE_INVALID, rows[i].message, "", rows[i].keys);
        unload(&l);
    }
}

Test(images, of_different_sizes_need_a_size) {
    write_set();
    write_pnm(scratch_path("set/dog/3.pgm"), "P5 3 2 255\n", (const uint8_t[6]){0}, 6);
    loaded l = {0};
    load_keys(&l, SET ", \"on_bad_file\": \"skip\"");
    scratch_expect_error(&l.error, MOTE_DATA,
                         "{D}/set/dog/3.pgm: is 2 × 3 pixels (height × width), but expected 6 × 6; "
                         "all pictures must have the same size, unless \"size\" in the config says "
                         "what to resize them to, such as \"size\": 64 or \"size\": [48, 64]",
                         "", "sizes");
    unload(&l);
    cr_expect_eq(scratch_count(), 1, "nothing of a cache is left");
    load_keys(&l, SET ", \"size\": 6");
    expect_loaded(&l, "with a size");
    unload(&l);
}

#define NO_PICTURE ": cannot be read as a picture: it is not PNG, JPEG, BMP, TGA or PNM\n"

Test(images, that_are_broken_stop_it_all_or_are_left_out_and_are_named) {
    write_set();
    write_file("set/cat/0.png", "no picture");
    write_file("set/dog/9.jpg", "");
    cr_assert_eq(symlink("gone", scratch_path("set/dog/1a.png")), 0);
    loaded l = {0};
    load_keys(&l, SET);
    cr_expect_null(l.dataset);
    scratch_expect_error(
        &l.error, MOTE_DATA,
        "3 of 7 files cannot be used, the first: {D}/set/cat/0.png: cannot be read as a picture: "
        "it is not PNG, JPEG, BMP, TGA or PNM (\"on_bad_file\": \"skip\" leaves such files out)",
        "", "error");
    static const char named[] = "{D}/set/cat/0.png" NO_PICTURE
                                "{D}/set/dog/1a.png: cannot be opened: No such file or directory\n"
                                "{D}/set/dog/9.jpg: cannot be read as a picture: it is empty\n";
    static const char left_out[] = "3 of 7 files cannot be used and are left out\n";
    expect_told(&l.told, named, "error");
    cr_expect_eq(scratch_count(), 1, "nothing of a cache is left");
    unload(&l);

    char expected[2 * SCRATCH_TEXT];
    snprintf(expected, sizeof expected, "%s%s", named, left_out);
    load_keys(&l, SET ", \"on_bad_file\": \"skip\"");
    expect_set(&l, "skip");
    expect_told(&l.told, expected, "skip");
    unload(&l);
    load_keys(&l, SET ", \"on_bad_file\": \"skip\"");
    expect_set(&l, "from the cache");
    expect_told(&l.told, left_out, "from the cache");
    unload(&l);
}

Test(images, that_are_broken_are_named_up_to_a_number) {
    write_set();
    for (int i = 0; i < 25; i++) {
        char name[64];
        snprintf(name, sizeof name, "set/cat/bad%02d.png", i);
        write_file(name, "?");
    }
    loaded l = {0};
    load_keys(&l, SET ", \"on_bad_file\": \"skip\", \"cache\": \"none\"");
    expect_set(&l, "many");
    const char *last = scratch_expand("{D}/set/cat/bad19.png" NO_PICTURE
                                      "... and 5 more\n25 of 29 files cannot be used and are left "
                                      "out\n",
                                      "");
    size_t length = strlen(l.told.notices);
    cr_expect(length > strlen(last) && strcmp(l.told.notices + length - strlen(last), last) == 0,
              "%s", l.told.notices);
    unload(&l);
}

Test(images, of_a_class_that_are_all_broken_are_an_error_in_any_case) {
    write_set();
    write_file("set/fox/1.png", "?");
    loaded l = {0};
    load_keys(&l, SET ", \"on_bad_file\": \"skip\"");
    scratch_expect_error(&l.error, MOTE_DATA, "{D}/set: no file of the class fox can be used", "",
                         "all of a class");
    unload(&l);
    for (int i = 0; i < 2; i++) {
        write_file(i ? "none/a/1.png" : "none/b/1.png", "?");
    }
    load_keys(&l, "\"directory\": \"{D}/none\"");
    scratch_expect_error(
        &l.error, MOTE_DATA,
        "{D}/none: none of the 2 files can be read as a picture; the first: {D}/none/a/1.png: "
        "cannot be read as a picture: it is not PNG, JPEG, BMP, TGA or PNM",
        "", "all of them");
    unload(&l);
}

Test(images, of_a_list_are_named_with_their_line) {
    write_set();
    write_file("set.tsv", "set/dog/1.png\tdog\nset/cat/1.png\tcat\n\nset/cat/gone.png\tcat\n"
                          "set/cat\tcat\n");
    loaded l = {0};
    load_keys(&l, "\"list\": \"{D}/set.tsv\", \"channels\": 1, \"on_bad_file\": \"skip\"");
    expect_loaded(&l, "list");
    expect_samples(l.dataset, MOTE_TRAINING, NUMBERS(3, 1), LABELS(1, 0), "list");
    expect_told(&l.told,
                "set.tsv, line 4: {D}/set/cat/gone.png: cannot be opened: No such file or "
                "directory\n"
                "set.tsv, line 5: {D}/set/cat: is not a regular file\n"
                "2 of 4 files cannot be used and are left out\n",
                "list");
    cr_expect_eq(access(scratch_path("set.tsv.1x6x6-as-is.cache"), F_OK), 0);
    unload(&l);
}

Test(images, that_vanish_after_they_were_listed_are_named) {
    write_set();
    write_picture("set/dog/3.png", 9);
    loaded l = {0};
    mote_loading how = loading_of(&l, NULL);
    open_keys(&l, "images", SET ", \"on_bad_file\": \"skip\"", &how);
    cr_assert_eq(remove(scratch_path("set/dog/3.png")), 0);
    finish_loading(&l, &how);
    expect_set(&l, "vanished");
    expect_told(&l.told,
                "{D}/set/dog/3.png: cannot be opened: No such file or directory\n"
                "1 of 5 files cannot be used and are left out\n",
                "vanished");
    unload(&l);
    load_keys(&l, SET ", \"on_bad_file\": \"skip\"");
    expect_set(&l, "without it");
    expect_told(&l.told, MADE_AGAIN, "without it");
    unload(&l);
}

Test(images, loading_stops_when_asked_to_and_leaves_nothing) {
    write_set();
    loaded l = {.told.stop_at = 1};
    load_keys(&l, SET);
    cr_expect_null(l.dataset);
    scratch_expect_error(&l.error, MOTE_INTERRUPTED, "stopped while the data was being loaded", "",
                         "stopped");
    cr_expect_eq(scratch_count(), 1, "nothing of a cache is left");
    unload(&l);
}

/* ---- training ---- */

static void put_number(FILE *stream, size_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        fputc((int)(number >> shift & 255), stream);
    }
}

static void write_idx(const mote_part *part, const char *images, const char *labels) {
    size_t side = part->samples->shape.dims[1], width = side * side;
    FILE *image_file = fopen(scratch_path(images), "wb");
    FILE *label_file = fopen(scratch_path(labels), "wb");
    cr_assert(image_file && label_file);
    put_number(image_file, 0x803);
    put_number(image_file, part->count);
    put_number(image_file, side);
    put_number(image_file, side);
    put_number(label_file, 0x801);
    put_number(label_file, part->count);
    for (size_t i = 0; i < part->count; i++) {
        fwrite(part->samples->bytes + i * width, 1, width, image_file);
        fputc((int)part->samples->labels[i], label_file);
    }
    fclose(image_file);
    fclose(label_file);
}

/* PNG files in class directories, and a list of them in the order of the samples. */
static void write_pictures(const mote_part *part, const char *name) {
    char path[SCRATCH_CAPACITY / 2];
    snprintf(path, sizeof path, "%s.tsv", name);
    FILE *list = fopen(scratch_path(path), "wb");
    cr_assert(list);
    size_t side = part->samples->shape.dims[1];
    for (size_t i = 0; i < part->count; i++) {
        snprintf(path, sizeof path, "%s/%u/%04zu.png", name, part->samples->labels[i], i);
        make_directories(path);
        write_png(scratch_path(path), PNG_GREY, side, side, part->samples->bytes + i * side * side,
                  NULL, 0);
        fprintf(list, "%s\t%u\n", path, part->samples->labels[i]);
    }
    fclose(list);
}

static const char NETWORK[] =
    "{\"layers\": [{\"type\": \"flatten\"}, {\"type\": \"dense\", \"units\": 32}, {\"type\": "
    "\"relu\"}, {\"type\": \"dense\", \"units\": 10}], "
    "\"output\": {\"type\": \"softmax_cross_entropy\"}}";

/* A model after a few epochs on that data. */
static mote_model *train_on(const char *format, const char *keys) {
    loaded l = {0};
    mote_loading how = loading_of(&l, NULL);
    open_keys(&l, format, keys, &how);
    finish_loading(&l, &how);
    expect_loaded(&l, keys);
    mote_model *model = network_create(NETWORK, mote_dataset_shape(l.dataset), &l.error);
    cr_assert(model, "%s", l.error.message);
    cr_assert_eq(mote_model_initialize(model, 1, &l.error), MOTE_OK);
    mote_trainer *trainer =
        mote_trainer_create(model, l.dataset, "{\"epochs\": 3, \"batch_size\": 64}", 1, &l.error);
    cr_assert(trainer, "%s", l.error.message);
    cr_assert_eq(mote_trainer_run(trainer, &l.error), MOTE_OK, "%s", l.error.message);
    mote_trainer_destroy(trainer);
    unload(&l);
    return model;
}

static void expect_equal_models(const mote_model *a, const mote_model *b, const char *what) {
    static const char *const names[] = {"layers.1.weight", "layers.1.bias", "layers.3.weight",
                                        "layers.3.bias"};
    for (size_t i = 0; i < COUNT(names); i++) {
        mote_tensor x = mote_model_parameter(a, names[i]), y = mote_model_parameter(b, names[i]);
        cr_assert(x.data && y.data);
        cr_expect_arr_eq(x.data, y.data, mote_shape_count(x.shape) * sizeof *x.data, "%s: %s", what,
                         names[i]);
    }
}

/* 2000 digits as IDX files, as PNG files in a list and, sorted by class, in directories. */
Test(images, train_to_the_bits_of_the_same_pixels_in_idx_files) {
    loaded digits = {0};
    mote_loading how = loading_of(&digits, NULL);
    open_keys(&digits, "synthetic_digits", "\"samples\": 2000, \"test_samples\": 0, \"size\": 20",
              &how);
    finish_loading(&digits, &how);
    expect_loaded(&digits, "digits");
    mote_part part = mote_dataset_part(digits.dataset, MOTE_TRAINING);
    write_idx(&part, "images.idx", "labels.idx");
    write_pictures(&part, "digits");

#define IDX                                                                                        \
    "\"directory\": \"{D}\", \"train_images\": \"%simages.idx\", \"train_labels\": "               \
    "\"%slabels.idx\", \"validation_fraction\": 0.1"
    char keys[SCRATCH_TEXT];
    snprintf(keys, sizeof keys, IDX, "", "");
    mote_model *idx = train_on("idx", keys);
    static const char list[] =
        "\"list\": \"{D}/digits.tsv\", \"channels\": 1, \"validation_fraction\": 0.1";
    for (int round = 0; round < 2; round++) { /* from the files, and from the cache */
        mote_model *listed = train_on("images", list);
        expect_equal_models(idx, listed, round ? "list, from the cache" : "list");
        mote_model_destroy(listed);
    }

    /* The same in the order of directories. */
    loaded sorted = {0};
    how = loading_of(&sorted, NULL);
    open_keys(&sorted, "images", "\"directory\": \"{D}/digits\", \"channels\": 1", &how);
    finish_loading(&sorted, &how);
    expect_loaded(&sorted, "sorted");
    mote_part by_class = mote_dataset_part(sorted.dataset, MOTE_TRAINING);
    write_idx(&by_class, "sorted-images.idx", "sorted-labels.idx");
    snprintf(keys, sizeof keys, IDX, "sorted-", "sorted-");
    mote_model *sorted_idx = train_on("idx", keys);
    mote_model *directories = train_on(
        "images", "\"directory\": \"{D}/digits\", \"channels\": 1, \"validation_fraction\": 0.1");
    expect_equal_models(sorted_idx, directories, "directories");

    mote_model_destroy(idx);
    mote_model_destroy(sorted_idx);
    mote_model_destroy(directories);
    unload(&digits);
    unload(&sorted);
}
