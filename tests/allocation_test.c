/* allocation_test.c: training allocates nothing after its first step, nor does prediction after its
 * first call. Counts all calls to the allocator, by this program and by any library.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <glob.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mote/kernels.h"
#include "mote/trainer.h"
#include "networks.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static _Atomic bool counting;
static _Atomic size_t calls, pages; /* of the allocator and of mmap */

static void count_call(_Atomic size_t *counter) {
    if (atomic_load_explicit(&counting, memory_order_relaxed)) {
        atomic_fetch_add(counter, 1);
    }
}

/* ---- counting, by functions that override the C library's or by the sanitizer's hooks ---- */

#if defined(MOTE_SANITIZED)

/* <sanitizer/allocator_interface.h> does not come with every compiler that has the sanitizer. */
int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t),
                                              void (*)(const volatile void *));

static void note_malloc(const volatile void *pointer, size_t size) {
    (void)pointer;
    (void)size;
    count_call(&calls);
}

static void note_free(const volatile void *pointer) {
    (void)pointer;
}

static bool can_count(void) {
    return __sanitizer_install_malloc_and_free_hooks(note_malloc, note_free) != 0;
}

static const bool COUNTS_PAGES = false; /* mmap is the sanitizer's own */
static const size_t MOST_THREADS = 1;   /* the sanitizer allocates when a thread first runs */

#elif defined(__GLIBC__)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
    count_call(&calls);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    count_call(&calls);
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    count_call(&calls);
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    count_call(&calls);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count_call(&calls);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    count_call(&calls);
    void *memory = __libc_memalign(alignment, size);
    if (memory) {
        *block = memory;
    }
    return memory ? 0 : ENOMEM;
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    count_call(&pages);
    long result = syscall(SYS_mmap, address, length, protection, flags, file, offset);
    return result == -1 ? MAP_FAILED : (void *)result;
}

static bool can_count(void) {
    return true;
}

static const bool COUNTS_PAGES = true;
static const size_t MOST_THREADS = 2;

#else

static bool can_count(void) {
    return false;
}

static const bool COUNTS_PAGES = false;
static const size_t MOST_THREADS = 0;

#endif

static void need_counting(void) {
    if (!can_count()) {
        cr_skip_test("there is no way here to count what is allocated");
    }
}

static void start_counting(void) {
    atomic_store(&calls, 0);
    atomic_store(&pages, 0);
    atomic_store(&counting, true);
}

static size_t stop_counting(void) {
    atomic_store(&counting, false);
    return atomic_load(&calls);
}

/* ---- the counting itself ---- */

Test(counting, sees_every_way_to_get_memory) {
    need_counting();
    static const char *const names[] = {"malloc",        "calloc", "realloc", "posix_memalign",
                                        "aligned_alloc", "strdup", "mmap"};
    for (size_t i = 0; i < COUNT(names) - !COUNTS_PAGES; i++) {
        void *volatile block = NULL; /* so that no compiler removes the pair */
        void *aligned = NULL;
        start_counting();
        switch (i) {
        case 0:
            block = malloc(100);
            break;
        case 1:
            block = calloc(10, 10);
            break;
        case 2:
            block = realloc(NULL, 100);
            break;
        case 3:
            block = posix_memalign(&aligned, 64, 128) == 0 ? aligned : NULL;
            break;
        case 4:
            block = aligned_alloc(64, 128);
            break;
        case 5:
            block = strdup("text");
            break;
        default:
            block = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            break;
        }
        size_t count = stop_counting();
        count += atomic_load(&pages);
        cr_expect_eq(count, (size_t)1, "%s: counted %zu", names[i], count);
        if (i == 6) {
            munmap(block, 4096);
        } else {
            free(block);
        }
    }
}

/* ---- matrix products ---- */

/* At any width: BLAS has kernels that allocate at some widths, which mote must avoid. */
Test(gemm, allocates_nothing) {
    need_counting();
    enum {
        ROWS = 40,
        MOST = 150,
        DEPTH = 300
    };
    static mote_real a[ROWS * DEPTH], b[MOST * DEPTH], c[ROWS * MOST];
    mote_blas_prepare();
    for (size_t n = 1; n <= MOST; n++) {
        for (int variant = 0; variant < 3; variant++) {
            mote_gemm product = {.transpose_a = variant == 1,
                                 .transpose_b = variant == 2,
                                 .m = ROWS,
                                 .n = n,
                                 .k = DEPTH,
                                 .a = a,
                                 .b = b,
                                 .c = c,
                                 .lda = variant == 1 ? ROWS : DEPTH,
                                 .ldb = variant == 2 ? DEPTH : n,
                                 .ldc = n};
            start_counting();
            mote_gemm_run(NULL, &product);
            size_t count = stop_counting();
            cr_expect_eq(count, (size_t)0, "%d columns, variant %d: %zu calls", (int)n, variant,
                         count);
        }
    }
}

/* ---- training ---- */

enum {
    SAMPLES = 600,
    WIDTH = 200
};

/* OpenBLAS keeps a buffer for each of the threads that are in it at once, and maps it when so many
 * are for the first time, whenever that is. */
static size_t most_pages(size_t threads) {
    return threads - 1;
}

typedef struct watch {
    size_t epochs, steps, count, pages;
    bool allocates; /* the listener itself, to test that this is noticed */
} watch;

/* Counts from the end of the first step to the end of the last epoch, validation included. */
static bool listen(void *context, const mote_event *event) {
    watch *w = context;
    if (event->kind == MOTE_EVENT_STEP && w->steps++ == 0) {
        start_counting();
    } else if (event->kind == MOTE_EVENT_STEP && w->allocates) {
        void *volatile block = malloc(1);
        free(block);
    } else if (event->kind == MOTE_EVENT_EPOCH && ++w->epochs == event->epochs) {
        w->count = stop_counting();
        w->pages = atomic_load(&pages);
    }
    return true;
}

static mote_dataset *dataset_create(void) {
    static uint8_t bytes[SAMPLES * WIDTH];
    static uint32_t labels[SAMPLES];
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; i < SAMPLES; i++) {
        labels[i] = (uint32_t)(i % 10);
        for (size_t k = 0; k < WIDTH; k++) {
            bytes[i * WIDTH + k] = (uint8_t)mote_random_below(&random, 25 * (labels[i] + 1));
        }
    }
    mote_samples samples = {
        .count = SAMPLES, .shape = mote_shape_vector(WIDTH), .bytes = bytes, .labels = labels};
    mote_error error = {0};
    mote_dataset *dataset =
        mote_dataset_from_arrays(&samples, NULL, "{\"validation_fraction\": 0.2}", 1, &error);
    cr_assert(dataset, "%s", error.message);
    return dataset;
}

#define OUTPUT "\"output\": {\"type\": \"softmax_cross_entropy\"}"

static const char *const networks[] = {
    ("{\"layers\": [{\"type\": \"dense\", \"units\": 128}, {\"type\": \"batch_norm\"}, "
     "{\"type\": \"relu\"}, {\"type\": \"dropout\"}, {\"type\": \"dense\", \"units\": 64}, "
     "{\"type\": \"layer_norm\"}, {\"type\": \"tanh\"}, {\"type\": \"gelu\"}, "
     "{\"type\": \"dense\", \"units\": 10}], " OUTPUT "}"),
    ("{\"layers\": [{\"type\": \"residual\", \"layers\": [{\"type\": \"tanh\"}, "
     "{\"type\": \"residual\", \"layers\": [{\"type\": \"dense\", \"units\": 200}]}, "
     "{\"type\": \"dense\", \"units\": 64}], "
     "\"shortcut\": [{\"type\": \"dense\", \"units\": 64}]}, {\"type\": \"tanh\"}, "
     "{\"type\": \"dense\", \"units\": 10}], " OUTPUT "}"),
};

static mote_model *model_create(size_t network) {
    mote_error error = {0};
    mote_model *model = network_create(networks[network], mote_shape_vector(WIDTH), &error);
    cr_assert(model, "%s", error.message);
    cr_assert_eq(mote_model_initialize(model, 1, &error), MOTE_OK);
    return model;
}

/* `settings` holds keys of "train". */
static watch train(size_t network, size_t threads, const char *settings, bool allocates) {
    char json[512];
    snprintf(json, sizeof json, "{\"epochs\": 3, \"threads\": %zu, %s}", threads, settings);
    mote_error error = {0};
    mote_dataset *dataset = dataset_create();
    mote_model *model = model_create(network);
    mote_trainer *trainer = mote_trainer_create(model, dataset, json, 1, &error);
    cr_assert(trainer, "%s", error.message);
    watch w = {.allocates = allocates};
    mote_trainer_set_listener(trainer, listen, &w);
    cr_assert_eq(mote_trainer_run(trainer, &error), MOTE_OK, "%s", error.message);
    cr_assert_eq(w.epochs, (size_t)3);
    mote_trainer_destroy(trainer);
    mote_model_destroy(model);
    mote_dataset_destroy(dataset);
    return w;
}

Test(training, allocates_nothing_from_its_first_step_on) {
    need_counting();
    static const char *const rows[] = {
        "\"batch_size\": 50, \"optimizer\": {\"type\": \"sgd\"}",
        "\"batch_size\": 50, \"optimizer\": {\"type\": \"sgd\", \"momentum\": 0.9}",
        ("\"batch_size\": 50, \"optimizer\": {\"type\": \"sgd\", \"momentum\": 0.9, \"nesterov\": "
         "true}"),
        "\"batch_size\": 50, \"optimizer\": {\"type\": \"adamw\"}",
        ("\"batch_size\": 20, \"accumulate\": 3, \"clip_gradient_norm\": 0.5, "
         "\"weight_average\": 0.9, \"optimizer\": {\"type\": \"adamw\"}, \"schedule\": {\"type\": "
         "\"on_plateau\", \"patience\": 0}"),
        ("\"batch_size\": 50, \"weight_average\": 0.9, \"schedule\": {\"type\": \"cosine\", "
         "\"restart_epochs\": 1}"),
        "\"batch_size\": 50, \"metrics\": {\"every_steps\": 3, \"norms\": true}",
        ("\"batch_size\": 20, \"accumulate\": 3, \"metrics\": {\"every_steps\": 3, \"norms\": "
         "true}"),
    };
    for (size_t i = 0; i < COUNT(rows) * COUNT(networks); i++) {
        const char *settings = rows[i % COUNT(rows)];
        size_t network = i / COUNT(rows);
        for (size_t threads = 1; threads <= MOST_THREADS; threads++) {
            watch w = train(network, threads, settings, false);
            cr_expect_eq(w.count, (size_t)0, "%s, %s, %zu threads: %zu calls in %zu steps",
                         networks[network], settings, threads, w.count, w.steps);
            cr_expect_leq(w.pages, most_pages(threads),
                          "%s, %s, %zu threads: mmap called %zu times", networks[network], settings,
                          threads, w.pages);
        }
    }
}

Test(training, that_did_allocate_would_be_noticed) {
    need_counting();
    watch w = train(0, 1, "\"batch_size\": 50", true);
    cr_expect_eq(w.count, w.steps - 1, "%zu calls in %zu steps", w.count, w.steps);
}

/* ---- prediction ---- */

Test(prediction, allocates_nothing_after_its_first_call) {
    need_counting();
    static mote_real x[300 * WIDTH], prediction[300 * 10];
    for (size_t k = 0; k < MOST_THREADS * COUNT(networks); k++) {
        size_t threads = k % MOST_THREADS + 1;
        mote_model *model = model_create(k / MOST_THREADS);
        mote_pool *pool = mote_pool_create(threads, NULL);
        cr_assert(pool);
        mote_model_set_pool(model, pool);
        static const size_t rows[] = {300, 1, 300, 257, 7, 300};
        size_t mapped = 0;
        for (size_t i = 0; i < COUNT(rows); i++) {
            start_counting();
            mote_status status = mote_model_predict(model, rows[i], x, prediction, NULL);
            size_t count = stop_counting();
            cr_assert_eq(status, MOTE_OK);
            cr_expect_eq(count > 0, i == 0, "call %zu of %zu rows on %zu threads: %zu calls", i,
                         rows[i], threads, count);
            mapped += i > 0 ? atomic_load(&pages) : 0;
        }
        cr_expect_leq(mapped, most_pages(threads), "%zu threads: mmap called %zu times", threads,
                      mapped);
        mote_model_destroy(model);
        mote_pool_destroy(pool);
    }
}

/* ---- the configs ---- */

enum {
    DIGIT_SAMPLES = 320,
    DIGIT_SIDE = 28
};

#define EVERY_AUGMENTATION                                                                         \
    "[{\"type\": \"crop\", \"padding\": 2}, {\"type\": \"flip\"}, {\"type\": \"cutout\", "         \
    "\"size\": 5}, {\"type\": \"shift\", \"pixels\": 2}, {\"type\": \"rotate\", \"degrees\": "     \
    "15}, "                                                                                        \
    "{\"type\": \"scale\", \"factor\": 1.2}, {\"type\": \"elastic\"}]"

/* Noise in the shape of the configs' digits, with every augmentation. */
static mote_dataset *digits_create(void) {
    static uint8_t bytes[DIGIT_SAMPLES * DIGIT_SIDE * DIGIT_SIDE];
    static uint32_t labels[DIGIT_SAMPLES];
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)mote_random_below(&random, 256);
    }
    for (size_t i = 0; i < DIGIT_SAMPLES; i++) {
        labels[i] = (uint32_t)(i % 10);
    }
    mote_samples samples = {.count = DIGIT_SAMPLES,
                            .shape = mote_shape_image(1, DIGIT_SIDE, DIGIT_SIDE),
                            .bytes = bytes,
                            .labels = labels};
    mote_error error = {0};
    mote_dataset *dataset =
        mote_dataset_from_arrays(&samples, NULL,
                                 "{\"normalize\": \"standard\", \"validation_fraction\": 0.1, "
                                 "\"augment\": " EVERY_AUGMENTATION "}",
                                 1, &error);
    cr_assert(dataset, "%s", error.message);
    return dataset;
}

static bool has_digits(mote_json config) {
    mote_json format = mote_json_member(mote_json_member(config, "dataset"), "format");
    const char *name = cJSON_GetStringValue(format.node);
    return name && (strcmp(name, "synthetic_digits") == 0 || strcmp(name, "idx") == 0);
}

/* The config's "train" object, with 2 epochs and `threads` threads; the caller frees it. */
static char *settings_of(mote_document *document, size_t threads) {
    char assignment[64];
    mote_error error = {0};
    snprintf(assignment, sizeof assignment, "train.threads=%zu", threads);
    cr_assert_eq(mote_document_set(document, "train.epochs=2", &error), MOTE_OK);
    cr_assert_eq(mote_document_set(document, assignment, &error), MOTE_OK);
    mote_json train = mote_json_member(mote_document_root(document), "train");
    char *settings = cJSON_PrintUnformatted(train.node);
    cr_assert(settings);
    return settings;
}

static void expect_no_allocations_in_training(const char *path, mote_model *model,
                                              const char *settings, size_t threads) {
    mote_error error = {0};
    mote_dataset *dataset = digits_create();
    mote_trainer *trainer = mote_trainer_create(model, dataset, settings, 1, &error);
    cr_assert(trainer, "%s: %s", path, error.message);
    watch w = {0};
    mote_trainer_set_listener(trainer, listen, &w);
    cr_assert_eq(mote_trainer_run(trainer, &error), MOTE_OK, "%s: %s", path, error.message);
    cr_assert_eq(w.epochs, (size_t)2);
    cr_expect_eq(w.count, (size_t)0, "%s, %zu threads: %zu calls in %zu steps", path, threads,
                 w.count, w.steps);
    cr_expect_leq(w.pages, most_pages(threads), "%s, %zu threads: mmap called %zu times", path,
                  threads, w.pages);
    mote_trainer_destroy(trainer);
    mote_dataset_destroy(dataset);
}

static void expect_no_allocations_in_prediction(const char *path, mote_model *model,
                                                size_t threads) {
    enum {
        MOST = 70,
        CLASSES = 10
    };
    static mote_real x[MOST * DIGIT_SIDE * DIGIT_SIDE], prediction[MOST * CLASSES];
    static const size_t rows[] = {MOST, 1, MOST, 64, 7};
    mote_pool *pool = mote_pool_create(threads, NULL);
    cr_assert(pool);
    mote_model_set_pool(model, pool);
    for (size_t i = 0; i < COUNT(rows); i++) {
        start_counting();
        mote_status status = mote_model_predict(model, rows[i], x, prediction, NULL);
        size_t count = stop_counting();
        cr_assert_eq(status, MOTE_OK);
        cr_expect(i == 0 || count == 0, "%s: predicting %zu rows on %zu threads: %zu calls", path,
                  rows[i], threads, count);
    }
    mote_model_set_pool(model, NULL);
    mote_pool_destroy(pool);
}

/* Tries the config if it is of digits; returns whether it is. */
static bool try_config(const char *path, size_t threads) {
    mote_error error = {0};
    mote_document *document = mote_document_read(path, &error);
    cr_assert(document, "%s", error.message);
    mote_json root = mote_document_root(document);
    bool tried = has_digits(root);
    if (tried) {
        mote_model *model = mote_model_from_json(
            mote_json_member(root, "model"), mote_shape_image(1, DIGIT_SIDE, DIGIT_SIDE), &error);
        cr_assert(model, "%s: %s", path, error.message);
        cr_assert_eq(mote_model_initialize(model, 1, &error), MOTE_OK, "%s", error.message);
        char *settings = settings_of(document, threads);
        expect_no_allocations_in_training(path, model, settings, threads);
        expect_no_allocations_in_prediction(path, model, threads);
        cJSON_free(settings);
        mote_model_destroy(model);
    }
    mote_document_destroy(document);
    return tried;
}

/* Each config of digits, with its own settings, on made-up samples. */
Test(configs, train_and_predict_without_allocating) {
    need_counting();
    glob_t found;
    cr_assert_eq(glob(MOTE_ROOT "/configs/*.json", 0, NULL, &found), 0, "there are no configs");
    size_t tried = 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        for (size_t threads = 1; threads <= MOST_THREADS; threads++) {
            tried += try_config(found.gl_pathv[i], threads);
        }
    }
    cr_expect_gt(tried, (size_t)0, "none of the configs is of digits");
    globfree(&found);
}
