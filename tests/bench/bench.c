/* bench.c: how fast mote is, and how near the limit that its matrix products set.
 *
 *   bench [--network 784-512-256-10] [--batch 128] [--threads 1,2] [--json]
 *
 * Each line is a dense network of ReLUs trained by SGD with momentum on made-up 8-bit samples that
 * are all in memory, as many as MNIST has. The limit is the time that the products of one step take
 * by themselves, each split among the threads in the fastest of three ways: by mote's own tiles, by
 * rows, or by columns.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/pool.h"
#include "data/dataset.h"
#include "mote/mote.h"
#include "train/trainer.h"

enum { SAMPLES = 60000, MAX_WIDTHS = 16, REPEATS = 5, MAX_THREAD_COUNTS = 8 };

static const double MEASURE_SECONDS = 0.12; /* per repeat */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void stop(const char *what) {
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static void check(const mote_error *error) {
    if (error->status != MOTE_OK) {
        stop(error->message);
    }
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}

/* Median seconds per call of `action`. */
static double time_calls(void (*action)(void *context), void *context) {
    double begin = now();
    action(context);
    double once = now() - begin;
    for (int i = 0; i < 3; i++) {
        begin = now();
        action(context);
        once = now() - begin < once ? now() - begin : once;
    }
    size_t calls = once < MEASURE_SECONDS ? (size_t)(MEASURE_SECONDS / (once + 1e-9)) + 1 : 1;
    double seconds[REPEATS];
    for (int r = 0; r < REPEATS; r++) {
        begin = now();
        for (size_t i = 0; i < calls; i++) {
            action(context);
        }
        seconds[r] = (now() - begin) / (double)calls;
    }
    return median(seconds, REPEATS);
}

/* ---- the network at hand ---- */

typedef struct network {
    const char *name; /* "784-512-256-10" */
    size_t widths[MAX_WIDTHS];
    size_t count;
} network;

typedef struct job {
    network network;
    size_t batch, threads;
    mote_pool *pool;
    mote_model *model;
    mote_trainer *trainer;
    const mote_dataset *dataset;
    uint64_t until; /* step to run to */
} job;

static network parse_network(const char *name) {
    network n = {.name = name};
    const char *at = name;
    while (n.count < MAX_WIDTHS) {
        char *end;
        n.widths[n.count++] = strtoul(at, &end, 10);
        if (end == at || n.widths[n.count - 1] == 0 || (*end && *end != '-')) {
            break;
        }
        if (*end == '\0' && n.count >= 2) {
            return n;
        }
        at = end + 1;
    }
    stop("--network wants widths such as 784-512-256-10");
    return n;
}

static mote_model *make_model(const network *n) {
    mote_error error = {0};
    mote_model *model = mote_model_create(mote_shape_vector(n->widths[0]), &error);
    for (size_t i = 1; i < n->count; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"units\": %zu}", n->widths[i]);
        mote_model_add(model, "dense", json, &error);
        if (i + 1 < n->count) {
            mote_model_add(model, "relu", NULL, &error);
        }
    }
    mote_model_set_output(model, "softmax_cross_entropy", NULL, &error);
    mote_model_initialize(model, 1, &error);
    check(&error);
    return model;
}

/* 8-bit noise with labels: what it holds does not matter to its speed. */
static mote_dataset *make_dataset(size_t width, size_t classes, uint8_t **bytes,
                                  uint32_t **labels) {
    *bytes = malloc(SAMPLES * width);
    *labels = malloc(SAMPLES * sizeof **labels);
    if (!*bytes || !*labels) {
        stop("out of memory");
    }
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; i < SAMPLES * width; i++) {
        (*bytes)[i] = (uint8_t)mote_random_bits(&random);
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        (*labels)[i] = (uint32_t)(i % classes);
    }
    mote_samples samples = {.count = SAMPLES,
                            .shape = mote_shape_vector(width),
                            .bytes = *bytes,
                            .labels = *labels};
    mote_error error = {0};
    mote_dataset *dataset =
        mote_dataset_from_arrays(&samples, NULL, "{\"normalize\": \"unit\"}", 1, &error);
    check(&error);
    return dataset;
}

static mote_trainer *make_trainer(mote_model *model, const mote_dataset *dataset, size_t batch,
                                  size_t threads) {
    char json[256];
    snprintf(json, sizeof json,
             "{\"epochs\": 1000000, \"batch_size\": %zu, \"threads\": %zu, \"drop_last\": true, "
             "\"optimizer\": {\"type\": \"sgd\", \"learning_rate\": 1e-4, \"momentum\": 0.9}}",
             batch, threads);
    mote_error error = {0};
    mote_trainer *trainer = mote_trainer_create(model, dataset, json, 1, &error);
    check(&error);
    return trainer;
}

/* ---- training ---- */

static bool until_step(void *context, const mote_event *event) {
    const job *j = context;
    return event->step < j->until;
}

enum { STEPS_PER_CALL = 20 };

static void train_some(void *context) {
    job *j = context;
    mote_error error = {0};
    j->until = j->trainer->position.step + STEPS_PER_CALL;
    if (mote_trainer_run(j->trainer, &error) != MOTE_INTERRUPTED) {
        stop(error.message);
    }
}

/* ---- the products alone ---- */

typedef struct product {
    mote_gemm gemm;
    mote_pool *pool;
    int split; /* 0: mote's tiles; 1: rows; 2: columns, among the threads */
} product;

static void split_part(void *context, size_t index) {
    const product *p = context;
    mote_gemm part = p->gemm;
    size_t threads = mote_pool_size(p->pool), side = p->split == 1 ? part.m : part.n;
    size_t begin = side * index / threads, end = side * (index + 1) / threads;
    if (begin == end) {
        return;
    }
    if (p->split == 1) {
        part.a += part.transpose_a ? begin : begin * part.lda;
        part.c += begin * part.ldc;
        part.m = end - begin;
    } else {
        part.b += part.transpose_b ? begin * part.ldb : begin;
        part.c += begin;
        part.n = end - begin;
    }
    mote_gemm_whole(&part);
}

static void run_product(void *context) {
    product *p = context;
    if (p->split == 0) {
        mote_gemm_run(p->pool, &p->gemm);
    } else {
        mote_pool_run(p->pool, mote_pool_size(p->pool), split_part, p);
    }
}

/* The fastest way to split one product. */
static double time_product(mote_pool *pool, mote_gemm gemm) {
    double best = 1e9;
    for (int split = 0; split < (mote_pool_size(pool) > 1 ? 3 : 2); split++) {
        product p = {.gemm = gemm, .pool = pool, .split = split};
        double seconds = time_calls(run_product, &p);
        best = seconds < best ? seconds : best;
    }
    return best;
}

static double gemm_flop(const network *n, size_t batch, bool training) {
    double flop = 0;
    for (size_t i = 1; i < n->count; i++) {
        double product = 2.0 * (double)batch * (double)n->widths[i] * (double)n->widths[i - 1];
        flop += product * (training ? (i > 1 ? 3 : 2) : 1);
    }
    return flop;
}

/* Seconds that the products of one training step take by themselves. */
static double time_limit(const network *n, size_t batch, mote_pool *pool) {
    size_t widest = 0, largest = 0;
    for (size_t i = 0; i < n->count; i++) {
        widest = n->widths[i] > widest ? n->widths[i] : widest;
        size_t weights = i ? n->widths[i] * n->widths[i - 1] : 0;
        largest = weights > largest ? weights : largest;
    }
    mote_real *x = calloc(batch * widest, sizeof *x), *y = calloc(batch * widest, sizeof *y);
    mote_real *w = calloc(largest, sizeof *w), *dw = calloc(largest, sizeof *dw);
    if (!x || !y || !w || !dw) {
        stop("out of memory");
    }
    double seconds = 0;
    for (size_t i = 1; i < n->count; i++) {
        size_t in = n->widths[i - 1], out = n->widths[i];
        seconds += time_product(pool, (mote_gemm){.transpose_b = true, .m = batch, .n = out,
                                                  .k = in, .a = x, .lda = in, .b = w, .ldb = in,
                                                  .c = y, .ldc = out});
        seconds += time_product(pool, (mote_gemm){.transpose_a = true, .m = out, .n = in,
                                                  .k = batch, .a = y, .lda = out, .b = x,
                                                  .ldb = in, .c = dw, .ldc = in, .beta = 0.9f,
                                                  .whole_rows = true});
        if (i > 1) {
            seconds += time_product(pool, (mote_gemm){.m = batch, .n = in, .k = out, .a = y,
                                                      .lda = out, .b = w, .ldb = in, .c = x,
                                                      .ldc = in});
        }
    }
    free(x);
    free(y);
    free(w);
    free(dw);
    return seconds;
}

/* ---- the parts of a step ---- */

/* Seconds of one step by what they go to; `update` and `waiting` are summed over all threads. */
typedef struct breakdown {
    double gather, forward, output, backward, update, waiting, whole;
} breakdown;

static _Thread_local double update_seconds;
static double update_total; /* of the threads' own, added up under the lock below */
