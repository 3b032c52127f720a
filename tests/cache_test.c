/* cache_test.c: caches of samples: whatever happens to one, the samples are correct. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "data/cache.h"
#include "data/dataset.h"
#include "scratch.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    TRAIN = 40,
    TEST = 7,
    WIDTH = 3 * 5 * 4,
    PAGE = 4096 /* samples begin here */
};

static const char *const NAMES[] = {"cat", "Übung", ""};
static const char KEY[] = "images fit 3\ncat/1.png 120 17000\n";

TestSuite(cache, .init = scratch_enter, .fini = scratch_leave);

/* ---- what the user is told ---- */

typedef struct notices {
    size_t count;
    char last[MOTE_ERROR_CAPACITY];
} notices;

static bool listen(void *context, const mote_load_event *event) {
    notices *n = context;
    if (event->notice) {
        n->count++;
        snprintf(n->last, sizeof n->last, "%s", event->notice);
    }
    return true;
}

#define LISTENING(n) (&(mote_loading){.listener = listen, .listener_context = (n)})

/* ---- generated samples ---- */

static uint8_t sample_byte(size_t sample, size_t i) {
    return (uint8_t)(sample * 31 + i * 7 + 1);
}

static uint32_t sample_label(size_t sample) {
    return (uint32_t)(sample * 5 % COUNT(NAMES));
}

static void expect_samples(const mote_samples *samples, size_t count, size_t first) {
    cr_assert_eq(samples->count, count);
    cr_expect(mote_shape_equal(samples->shape, mote_shape_image(3, 5, 4)));
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(samples->labels[i], sample_label(first + i), "label %zu", first + i);
        for (size_t k = 0; k < WIDTH; k++) {
            cr_assert_eq(samples->bytes[i * WIDTH + k], sample_byte(first + i, k), "sample %zu",
                         first + i);
        }
    }
}

static void expect_content(const mote_content *content) {
    expect_samples(&content->train, TRAIN, 0);
    expect_samples(&content->test, TEST, TRAIN);
    cr_assert_eq(content->class_count, COUNT(NAMES));
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        cr_expect_str_eq(content->class_names[i], NAMES[i]);
    }
}

/* In pieces of different sizes. */
static mote_status add_samples(mote_cache *cache, mote_error *error) {
    mote_status status = MOTE_OK;
    for (size_t done = 0, piece = 1; status == MOTE_OK && done < TRAIN + TEST; piece += 3) {
        uint8_t bytes[(TRAIN + TEST) * WIDTH];
        size_t count = piece < TRAIN + TEST - done ? piece : TRAIN + TEST - done;
        for (size_t i = 0; i < count * WIDTH; i++) {
            bytes[i] = sample_byte(done + i / WIDTH, i % WIDTH);
        }
        status = mote_cache_add(cache, count, bytes, error);
        done += count;
    }
    return status;
}

static mote_status make(const char *path, const char *note, const mote_loading *loading,
                        mote_content *content, mote_error *error) {
    uint32_t labels[TRAIN + TEST];
    for (size_t i = 0; i < TRAIN + TEST; i++) {
        labels[i] = sample_label(i);
    }
    mote_cache_rest rest = {.train = TRAIN,
                            .test = TEST,
                            .labels = labels,
                            .class_names = NAMES,
                            .class_count = COUNT(NAMES),
                            .note = note};
    /* Room for more than are added: some files may be bad. */
    mote_cache *cache = mote_cache_create(path, mote_shape_image(3, 5, 4), TRAIN + TEST + 9,
                                          loading, content, error);
    if (!cache) {
        return error->status;
    }
    mote_status status = add_samples(cache, error);
    if (status != MOTE_OK) {
        mote_cache_abandon(cache);
        return status;
    }
    return mote_cache_finish(cache, KEY, &rest, error);
}

static void make_good(const char *path, const mote_loading *loading) {
    mote_content content = {0};
    mote_error error = {0};
    cr_assert_eq(make(path, NULL, loading, &content, &error), MOTE_OK, "%s", error.message);
    expect_content(&content);
    mote_content_free(&content);
}

/* ---- tests ---- */

Test(cache, holds_what_was_put_into_it) {
    const char *path = scratch_path("a.cache");
    notices said = {0};
    mote_content made = {0}, opened = {0};
    mote_error error = {0};
    cr_expect_not(mote_cache_open(path, KEY, LISTENING(&said), &opened));
    cr_expect_eq(said.count, 0, "%s", said.last);
    cr_assert_eq(make(path, "3 files are left out", LISTENING(&said), &made, &error), MOTE_OK);
    cr_expect_eq(said.count, 1);
    cr_expect_str_eq(said.last, "3 files are left out");
    expect_content(&made);
    cr_expect_eq(scratch_count(), 1);
    cr_assert(mote_cache_open(path, KEY, LISTENING(&said), &opened), "%s", said.last);
    cr_expect_eq(said.count, 2);
    cr_expect_str_eq(said.last, "3 files are left out");
    cr_expect_eq((uintptr_t)opened.train.bytes % 64, 0);
    remove(path);
    expect_content(&opened);
    expect_content(&made);
    mote_content_free(&opened);
    mote_content_free(&made);
}

Test(cache, is_in_memory_where_no_file_is_wanted) {
    notices said = {0};
    make_good(NULL, LISTENING(&said));
    make_good(NULL, NULL);
    cr_expect_eq(said.count, 0, "%s", said.last);
    cr_expect_eq(scratch_count(), 0);
}

Test(cache, that_is_abandoned_leaves_nothing) {
    mote_content content = {0};
    mote_error error = {0};
    mote_cache *cache = mote_cache_create(scratch_path("a.cache"), mote_shape_image(3, 5, 4),
                                          TRAIN + TEST, NULL, &content, &error);
    cr_assert(cache);
    cr_expect_eq(add_samples(cache, &error), MOTE_OK);
    mote_cache_abandon(cache);
    mote_cache_abandon(NULL);
    mote_content_free(&content);
    cr_expect_eq(scratch_count(), 0);
}

Test(cache, that_a_killed_process_left_half_made_is_removed) {
    scratch_write(scratch_path("a.cache.17.part"), "half", 4);
    mote_content content = {0};
    mote_error error = {0};
    mote_cache *cache = mote_cache_create(scratch_path("a.cache"), mote_shape_image(3, 5, 4),
                                          TRAIN + TEST, NULL, &content, &error);
    cr_assert(cache);
    cr_expect_eq(scratch_count(), 1); /* the new one */
    mote_cache_abandon(cache);
    mote_content_free(&content);
}

/* Expects the cache to be refused, with a notice that gives the reason. */
static void expect_refused(const char *path, const char *key, const char *reason) {
    notices said = {0};
    mote_content content = {0};
    cr_expect_not(mote_cache_open(path, key, LISTENING(&said), &content), "%s", reason);
    char expected[SCRATCH_TEXT];
    snprintf(expected, sizeof expected, "%s: rebuilding the cache: %s", path, reason);
    cr_expect_eq(said.count, 1);
    cr_expect_str_eq(said.last, expected);
    cr_expect_eq(content.block_count, 0);
    cr_expect_not(mote_cache_open(path, key, NULL, &content));
}

Test(cache, of_something_else_is_refused) {
    const char *path = scratch_path("a.cache");
    make_good(path, NULL);
    static const char *const keys[] = {"images fit 3\ncat/1.png 120 17001\n",
                                       "images fit 3\ncat/1.png 120 17000", ""};
    for (size_t i = 0; i < COUNT(keys); i++) {
        expect_refused(path, keys[i], "it was made from other files, or with other settings");
    }
    char longer[SCRATCH_TEXT];
    snprintf(longer, sizeof longer, "%sdog/1.png 1 1\n", KEY);
    expect_refused(path, longer, "it was made from other files, or with other settings");
}

Test(cache, of_another_version_is_refused) {
    const char *path = scratch_path("a.cache");
    make_good(path, NULL);
    size_t count;
    unsigned char *bytes = scratch_read(path, &count);
    const size_t places[] = {8, 16}; /* the file's version, and mote's */
    for (size_t i = 0; i < COUNT(places); i++) {
        bytes[places[i]]++;
        scratch_write(path, bytes, count);
        expect_refused(path, KEY, "it was made by another version of mote");
        bytes[places[i]]--;
    }
    bytes[0] = 'M';
    scratch_write(path, bytes, count);
    expect_refused(path, KEY, "it is not a mote cache");
    free(bytes);
    make_good(path, NULL);
    mote_content content = {0};
    cr_expect(mote_cache_open(path, KEY, NULL, &content));
    mote_content_free(&content);
}

Test(cache, cut_anywhere_is_refused) {
    const char *path = scratch_path("a.cache");
    make_good(path, NULL);
    size_t count;
    unsigned char *bytes = scratch_read(path, &count);
    for (size_t length = count; length-- > 0;) {
        cr_assert_eq(truncate(path, (off_t)length), 0);
        mote_content content = {0};
        cr_expect_not(mote_cache_open(path, KEY, NULL, &content), "%zu bytes", length);
    }
    scratch_write(path, bytes, PAGE - 1);
    expect_refused(path, KEY, "it is cut short");
    scratch_write(path, bytes, count - 1);
    expect_refused(path, KEY, "it is cut short or damaged");
    free(bytes);
}

/* Every bit outside the samples and the gap before them. */
Test(cache, with_a_changed_bit_is_refused) {
    const char *path = scratch_path("a.cache");
    make_good(path, NULL);
    size_t count, refused = 0;
    unsigned char *bytes = scratch_read(path, &count);
    int file = open(path, O_RDWR);
    cr_assert_geq(file, 0);
    for (size_t bit = 0; bit < 8 * count; bit++) {
        if (bit == 8 * 256) { /* the header is shorter than that */
            bit = 8 * (PAGE + (TRAIN + TEST) * WIDTH);
        }
        unsigned char changed = (unsigned char)(bytes[bit / 8] ^ 1u << bit % 8);
        cr_assert_eq(pwrite(file, &changed, 1, (off_t)(bit / 8)), 1);
        mote_content content = {0};
        if (mote_cache_open(path, KEY, NULL, &content)) {
            expect_content(&content);
        } else {
            refused++;
        }
        mote_content_free(&content);
        cr_assert_eq(pwrite(file, &bytes[bit / 8], 1, (off_t)(bit / 8)), 1);
    }
    close(file);
    size_t rest = (TRAIN + TEST) * sizeof(uint32_t) + sizeof KEY;
    cr_expect_gt(refused, 8 * (rest + 100), "%zu", refused);
    free(bytes);
}

Test(cache, that_cannot_be_written_is_gone_without) {
    static const struct {
        const char *path, *reason;
    } rows[] = {
        {"missing/a.cache", "No such file or directory"},
        {"file/a.cache", "Not a directory"},
        {"locked/a.cache", "Permission denied"},
    };
    scratch_write(scratch_path("file"), "x", 1);
    cr_assert_eq(mkdir(scratch_path("locked"), 0500), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *path = scratch_path(rows[i].path);
        if (i == 2 && access(scratch_path("locked"), W_OK) == 0) {
            continue; /* the superuser may write anywhere */
        }
        notices said = {0};
        make_good(path, LISTENING(&said));
        char expected[SCRATCH_TEXT];
        snprintf(expected, sizeof expected, "%s: cannot be written: %s; continuing without a cache",
                 path, rows[i].reason);
        cr_expect_str_eq(said.last, expected);
    }
    cr_expect_eq(scratch_count(), 2);
}

Test(cache, whose_name_is_taken_by_a_directory_is_gone_without) {
    const char *path = scratch_path("a.cache");
    cr_assert_eq(mkdir(path, 0700), 0);
    expect_refused(path, KEY, "it is not a regular file");
    notices said = {0};
    make_good(path, LISTENING(&said));
    char expected[SCRATCH_TEXT];
    snprintf(expected, sizeof expected, "%s: cannot be written: Is a directory; there is no cache",
             path);
    cr_expect_str_eq(said.last, expected);
    cr_expect_eq(scratch_count(), 1);
}

/* A limit on the file size simulates a disk that becomes full at some byte. */
Test(cache, on_a_full_disk_is_gone_without) {
    const char *path = scratch_path("a.cache");
    const rlim_t room[] = {0,
                           PAGE,
                           PAGE + 1,
                           PAGE + WIDTH,
                           PAGE + 20 * WIDTH + 7,
                           PAGE + (TRAIN + TEST) * WIDTH + 64,
                           PAGE + (TRAIN + TEST) * (WIDTH + 4) + 64};
    cr_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    for (size_t i = 0; i < COUNT(room); i++) {
        struct rlimit limit;
        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = room[i];
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        notices said = {0};
        make_good(path, LISTENING(&said));
        limit.rlim_cur = limit.rlim_max;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        char expected[SCRATCH_TEXT];
        snprintf(expected, sizeof expected,
                 "%s: the cache cannot be written: File too large; continuing without it", path);
        cr_expect_str_eq(said.last, expected, "%zu", (size_t)room[i]);
        cr_expect_eq(scratch_count(), 0, "%zu", (size_t)room[i]);
    }
}

#ifndef MOTE_SANITIZED
/* Twice as much data as there is memory: made, measured and gathered without ever being in memory
 * as a whole. */
Test(cache, may_be_larger_than_the_memory_allowed) {
    enum {
        LARGE = 12000,
        PICTURE = 3 * 32 * 32,
        PIECE = 500,
        ALLOWED = LARGE * PICTURE / 2
    };
    const struct rlimit limit = {.rlim_cur = ALLOWED, .rlim_max = ALLOWED};
    cr_assert_eq(setrlimit(RLIMIT_DATA, &limit), 0);
    cr_assert_null(malloc((size_t)LARGE * PICTURE)); /* the limit takes effect */
    mote_content content = {0};
    mote_error error = {0};
    mote_cache *cache = mote_cache_create(scratch_path("a.cache"), mote_shape_image(3, 32, 32),
                                          LARGE, NULL, &content, &error);
    cr_assert(cache, "%s", error.message);
    static uint8_t pictures[PIECE * PICTURE];
    static uint32_t labels[LARGE];
    for (size_t done = 0; done < LARGE; done += PIECE) {
        for (size_t i = 0; i < PIECE; i++) {
            memset(pictures + i * PICTURE, (int)((done + i) % 200), PICTURE);
            labels[done + i] = (uint32_t)((done + i) % 10);
        }
        cr_assert_eq(mote_cache_add(cache, PIECE, pictures, &error), MOTE_OK, "%s", error.message);
    }
    mote_cache_rest rest = {.train = LARGE - 2000, .test = 2000, .labels = labels};
    cr_assert_eq(mote_cache_finish(cache, KEY, &rest, &error), MOTE_OK, "%s", error.message);
    mote_dataset *dataset = mote_dataset_from_arrays(&content.train, &content.test,
                                                     "{\"validation_fraction\": 0.1}", 1, &error);
    cr_assert(dataset, "%s", error.message);
    const mote_preprocessing *p = mote_dataset_preprocessing(dataset);
    for (size_t g = 0; g < 3; g++) { /* 0 ... 199, uniformly */
        cr_expect_float_eq(p->mean[g] * 255, 99.5, 1);
        cr_expect_float_eq(p->deviation[g] * 255, 57.73, 1);
    }
    static mote_real x[2 * PICTURE];
    const uint32_t indexes[] = {LARGE - 2001, 7};
    mote_gather(&content.train, p, NULL, indexes, 2, x, NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        double expected = (indexes[i] % 200 / 255.0 - p->mean[2]) / p->deviation[2];
        cr_expect_float_eq((double)x[(i + 1) * PICTURE - 1], expected, 1e-4);
    }
    mote_dataset_destroy(dataset);
    mote_content_free(&content);
}
#endif

/* Each process has its own samples, and whichever file comes last is complete. */
Test(cache, may_be_made_by_several_at_once) {
    enum {
        PROCESSES = 8
    };
    const char *path = scratch_path("a.cache");
    pid_t children[PROCESSES];
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        cr_assert_geq(children[i], 0);
        if (children[i] == 0) {
            mote_content content = {0};
            mote_error error = {0};
            bool good = true;
            for (int turn = 0; turn < 5 && good; turn++) {
                good = make(path, NULL, NULL, &content, &error) == MOTE_OK &&
                       content.train.bytes[5 * WIDTH] == sample_byte(5, 0);
                mote_content_free(&content);
            }
            _exit(good ? 0 : 1);
        }
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status;
        cr_assert_eq(waitpid(children[i], &status, 0), children[i]);
        cr_expect_eq(status, 0);
    }
    mote_content content = {0};
    cr_assert(mote_cache_open(path, KEY, NULL, &content));
    expect_content(&content);
    mote_content_free(&content);
    cr_expect_eq(scratch_count(), 1);
}
