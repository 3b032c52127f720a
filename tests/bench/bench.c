/* bench.c: mote's speed, and how close it is to the limit set by its matrix products.
 *
 *   bench [--network 784-512-256-10] [--batch 128] [--threads 1,2] [--train-only] [--json]
 *
 * Each line is a network trained by SGD with momentum on random 8-bit samples, as many as MNIST
 * has, all in memory: a dense one with ReLUs, given by its widths, or lenet or cnn. The limit is
 * the time that the products of one step take alone: a dense layer's split among the threads in the
 * fastest of three ways, in mote's tiles, by rows, or by columns; a convolution's image by image,
 * from a column matrix made beforehand, with the images divided evenly among the threads.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/clock.h"
#include "core/memory.h"
#include "core/pool.h"
#include "data/dataset.h"
#include "math/gemm.h"
#include "mote/mote.h"
#include "train/trainer.h"

enum {
    SAMPLES = 60000,
    REPEATS = 5,
    MAX_THREAD_COUNTS = 8
};

static const double TRAIN_SECONDS = 0.1, PART_SECONDS = 0.01; /* per repeat */

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

/* Median seconds per call of `action`, over repeats of about `wanted` seconds each. */
static double time_calls(double wanted, void (*action)(void *context), void *context) {
    double begin = 0, once = 0;
    for (int i = 0; i < 2; i++) { /* the first call warms up */
        begin = mote_clock();
        action(context);
        once = mote_clock() - begin;
    }
    size_t calls = once < wanted ? (size_t)(wanted / (once + 1e-9)) + 1 : 1;
    double seconds[REPEATS];
    for (int r = 0; r < REPEATS; r++) {
        begin = mote_clock();
        for (size_t i = 0; i < calls; i++) {
            action(context);
        }
        seconds[r] = (mote_clock() - begin) / (double)calls;
    }
    return median(seconds, REPEATS);
}

/* ---- the network ---- */

enum {
    LAYERS_CAPACITY = 2048
};

typedef struct network {
    const char *name; /* "784-512-256-10", "lenet" */
    mote_shape input_shape;
    size_t classes;
    char layers[LAYERS_CAPACITY]; /* a JSON list */
} network;

#define CONV(filters, kernel, padding)                                                             \
    "{\"type\": \"conv2d\", \"filters\": " #filters ", \"kernel\": " #kernel                       \
    ", \"padding\": " padding "}, {\"type\": \"relu\"}, "
#define POOL         "{\"type\": \"max_pool2d\", \"size\": 2}, "
#define FLATTEN      "{\"type\": \"flatten\"}, "
#define DENSE(units) "{\"type\": \"dense\", \"units\": " #units "}, {\"type\": \"relu\"}, "
#define LAST         "{\"type\": \"dense\", \"units\": 10}"

static const struct {
    const char *name, *layers;
} named_networks[] = {
    {"lenet", CONV(6, 5, "\"same\"") POOL CONV(16, 5, "0") POOL FLATTEN DENSE(120) DENSE(84) LAST},
    {"cnn", CONV(32, 3, "\"same\"") POOL CONV(64, 3, "\"same\"") POOL FLATTEN DENSE(128) LAST},
};

/* Parses "784-512-256-10". */
static network dense_network(const char *name) {
    network n = {.name = name};
    size_t used = 0;
    for (const char *at = name;;) {
        char *end;
        size_t width = strtoul(at, &end, 10);
        bool last = *end == '\0', first = at == name;
        if (end == at || width == 0 || (!last && *end != '-') || (last && first) ||
            used + 100 > sizeof n.layers) {
            stop("--network wants widths such as 784-512-256-10, or lenet, or cnn");
        }
        if (first) {
            n.input_shape = mote_shape_vector(width);
        } else {
            used += (size_t)snprintf(n.layers + used, sizeof n.layers - used,
                                     "{\"type\": \"dense\", \"units\": %zu}%s", width,
                                     last ? "" : ", {\"type\": \"relu\"}, ");
        }
        if (last) {
            n.classes = width;
            return n;
        }
        at = end + 1;
    }
}

static network parse_network(const char *name) {
    for (size_t i = 0; i < sizeof named_networks / sizeof *named_networks; i++) {
        if (strcmp(name, named_networks[i].name) == 0) {
            network n = {.name = name, .input_shape = mote_shape_image(1, 28, 28), .classes = 10};
            snprintf(n.layers, sizeof n.layers, "%s", named_networks[i].layers);
            return n;
        }
    }
    return dense_network(name);
}

typedef struct job {
    network network;
    size_t batch, threads;
    mote_pool *pool;
    mote_model *model;
    mote_trainer *trainer;
    const mote_dataset *dataset;
    uint64_t until; /* step to run to */
} job;

static mote_model *make_model(const network *n) {
    char json[LAYERS_CAPACITY + 100];
    snprintf(json, sizeof json,
             "{\"layers\": [%s], \"output\": {\"type\": \"softmax_cross_entropy\"}}", n->layers);
    mote_error error = {0};
    mote_document *document = mote_document_parse(json, strlen(json), NULL, "model", &error);
    check(&error);
    mote_model *model = mote_model_from_json(mote_document_root(document), n->input_shape, &error);
    mote_document_destroy(document);
    check(&error);
    mote_model_initialize(model, 1, &error);
    return model;
}

/* 8-bit noise with labels: the content does not affect the speed. */
static mote_dataset *make_dataset(const network *n, uint8_t **bytes, uint32_t **labels) {
    size_t width = mote_shape_count(n->input_shape);
    *bytes = mote_memory_allocate(SAMPLES * width); /* as the data formats do */
    *labels = malloc(SAMPLES * sizeof **labels);
    if (!*bytes || !*labels) {
        stop("out of memory");
    }
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; i < SAMPLES * width; i++) {
        (*bytes)[i] = (uint8_t)mote_random_bits(&random);
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        (*labels)[i] = (uint32_t)(i % n->classes);
    }
    mote_samples samples = {
        .count = SAMPLES, .shape = n->input_shape, .bytes = *bytes, .labels = *labels};
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

static void train_step(void *context) {
    job *j = context;
    mote_error error = {0};
    j->until = j->trainer->position.step + 1;
    if (mote_trainer_run(j->trainer, &error) != MOTE_INTERRUPTED) {
        stop(error.message);
    }
}

/* ---- the products alone ---- */

typedef struct product {
    mote_gemm gemm;
    mote_pool *pool;
    size_t tile_rows, tile_columns; /* 0: as mote chooses */
} product;

static void run_product(void *context) {
    const product *p = context;
    if (p->tile_rows == 0) {
        mote_gemm_run(p->pool, &p->gemm);
    } else {
        mote_gemm_run_tiles(p->pool, &p->gemm, p->tile_rows, p->tile_columns);
    }
}

/* The fastest of three ways to split one product among the threads. The first, mote's own, is the
 * one that training takes. */
static double time_product(mote_pool *pool, mote_gemm gemm) {
    size_t threads = mote_pool_size(pool);
    mote_gemm own = gemm;
    own.transient = gemm.transpose_a;
    const product ways[] = {
        {.gemm = own, .pool = pool},
        {gemm, pool, (gemm.m + threads - 1) / threads, gemm.n},
        {gemm, pool, gemm.m, (gemm.n + threads - 1) / threads},
    };
    double best = 1e9;
    for (size_t i = 0; i < (threads > 1 ? 3 : 2); i++) {
        product way = ways[i];
        double seconds = time_calls(PART_SECONDS, run_product, &way);
        best = seconds < best ? seconds : best;
    }
    return best;
}

/* One layer's product y = x Wᵀ: of a dense layer for the whole batch; of a convolution for one
 * image, `times` times; `times` is 0 for a layer without weights. */
typedef struct layer_product {
    size_t rows, depth, columns, times;
    bool needs_dx, shared; /* split among the threads */
} layer_product;

static layer_product product_of(const mote_model *model, size_t index, size_t batch) {
    const mote_layer *layer = mote_model_layer(model, index);
    layer_product p = {.times = 0};
    if (layer->parameter_count == 0) {
        return p;
    }
    mote_shape weight = layer->parameters[0]->shape, out = layer->output_shape;
    bool image = weight.rank == 4;
    for (size_t i = 0; i < index; i++) {
        p.needs_dx = p.needs_dx || mote_model_layer(model, i)->parameter_count > 0;
    }
    p.columns = weight.dims[0];
    p.depth = image ? weight.dims[1] * weight.dims[2] * weight.dims[3] : weight.dims[1];
    p.rows = image ? out.dims[1] * out.dims[2] : batch;
    p.times = image ? batch : 1;
    p.shared = !image;
    return p;
}

/* Floating-point operations of a step's products. */
static double gemm_flop(const mote_model *model, size_t batch) {
    double flop = 0;
    for (size_t i = 0; i < mote_model_layer_count(model); i++) {
        layer_product p = product_of(model, i, batch);
        flop += 2.0 * (double)p.rows * (double)p.depth * (double)p.columns * (double)p.times *
                (p.needs_dx ? 3 : 2);
    }
    return flop;
}

static mote_real *zeros(size_t count) {
    mote_real *numbers = calloc(count, sizeof *numbers);
    if (!numbers) {
        stop("out of memory");
    }
    return numbers;
}

/* Seconds that y, dW and, where needed, dx take. */
static double time_layer(const layer_product *p, mote_pool *pool) {
    size_t m = p->rows, n = p->columns, k = p->depth;
    mote_real *x = zeros(m * k), *y = zeros(m * n), *w = zeros(n * k), *dw = zeros(n * k);
    double seconds = time_product(pool, (mote_gemm){.transpose_b = true,
                                                    .m = m,
                                                    .n = n,
                                                    .k = k,
                                                    .a = x,
                                                    .lda = k,
                                                    .b = w,
                                                    .ldb = k,
                                                    .c = y,
                                                    .ldc = n});
    seconds += time_product(pool, (mote_gemm){.transpose_a = true,
                                              .m = n,
                                              .n = k,
                                              .k = m,
                                              .a = y,
                                              .lda = n,
                                              .b = x,
                                              .ldb = k,
                                              .c = dw,
                                              .ldc = k});
    if (p->needs_dx) {
        seconds += time_product(
            pool,
            (mote_gemm){
                .m = m, .n = k, .k = n, .a = y, .lda = n, .b = w, .ldb = k, .c = x, .ldc = k});
    }
    free(x);
    free(y);
    free(w);
    free(dw);
    return seconds * (double)p->times;
}

/* Seconds that the products of one training step take alone. */
static double time_limit(const mote_model *model, size_t batch, mote_pool *pool) {
    double seconds = 0;
    for (size_t i = 0; i < mote_model_layer_count(model); i++) {
        layer_product p = product_of(model, i, batch);
        if (p.times > 0) {
            seconds += p.shared ? time_layer(&p, pool)
                                : time_layer(&p, NULL) / (double)mote_pool_size(pool);
        }
    }
    return seconds;
}

/* ---- the parts of a step ---- */

/* Seconds of one step on the calling thread, by what they are spent on. Waiting for the other
 * threads is also part of the other figures. */
typedef struct breakdown {
    double gather, forward, output, backward, update, waiting;
} breakdown;

typedef struct stopwatch {
    const mote_trainer *trainer;
    pthread_t thread;
    double update;
} stopwatch;

static void timed_update(const mote_pass *pass, const mote_parameter *parameter, size_t begin,
                         size_t count, const mote_real *gradient) {
    stopwatch *watch = (stopwatch *)(uintptr_t)pass->ready_context;
    const mote_optimizer *optimizer = watch->trainer->options.optimizer;
    mote_slice slice = {.count = count,
                        .weights = parameter->value + begin,
                        .gradient = gradient,
                        .states = {parameter->states[0] + begin},
                        .decay = parameter->decay};
    mote_step step = {.learning_rate = 1e-4, .number = 1};
    double start = mote_clock();
    optimizer->kind->update(optimizer, &step, &slice);
    if (pthread_equal(pthread_self(), watch->thread)) {
        watch->update += mote_clock() - start;
    }
}

static void add_step(const job *j, size_t index, stopwatch *watch, breakdown *sum) {
    mote_part part = mote_dataset_part(j->dataset, MOTE_TRAINING);
    const mote_batch *batch = &j->trainer->batch;
    mote_pool *pool = j->trainer->pool;
    size_t begin = index * j->batch % (part.count - j->batch);
    double t0 = mote_clock();
    mote_gather(part.samples, &j->model->preprocessing, pool, j->trainer->order + begin, j->batch,
                batch->x, batch->labels, batch->values);
    double t1 = mote_clock();
    mote_pass pass = {.pool = pool,
                      .batch = j->batch,
                      .training = true,
                      .ready = timed_update,
                      .ready_context = watch};
    const mote_real *z = mote_model_forward(j->model, &pass, batch->x);
    double t2 = mote_clock();
    mote_model_score(j->model, &pass, z, (mote_targets){.labels = batch->labels},
                     1 / (mote_real)j->batch);
    double t3 = mote_clock();
    mote_model_backward(j->model, &pass);
    double t4 = mote_clock();
    sum->gather += t1 - t0;
    sum->forward += t2 - t1;
    sum->output += t3 - t2;
    sum->backward += t4 - t3;
}

static breakdown break_down(const job *j) {
    enum {
        STEPS = 20
    };
    breakdown sum = {0};
    stopwatch watch = {.trainer = j->trainer, .thread = pthread_self()};
    mote_pool_watch(j->trainer->pool, true);
    for (size_t i = 0; i < STEPS; i++) {
        add_step(j, i, &watch, &sum);
    }
    sum.waiting = mote_pool_waited(j->trainer->pool);
    mote_pool_watch(j->trainer->pool, false);
    sum.backward -= watch.update;
    return (breakdown){sum.gather / STEPS,   sum.forward / STEPS,  sum.output / STEPS,
                       sum.backward / STEPS, watch.update / STEPS, sum.waiting / STEPS};
}

/* ---- inference and gathering ---- */

typedef struct inference {
    const job *job;
    mote_real *x, *prediction;
} inference;

static void predict_some(void *context) {
    const inference *i = context;
    mote_error error = {0};
    mote_model_predict(i->job->model, i->job->batch, i->x, i->prediction, &error);
    check(&error);
}

static void gather_some(void *context) {
    const inference *i = context;
    mote_part part = mote_dataset_part(i->job->dataset, MOTE_TRAINING);
    mote_gather(part.samples, &i->job->model->preprocessing, i->job->pool,
                part.indexes + (i->job->batch * 7) % (part.count - i->job->batch), i->job->batch,
                i->x, NULL, NULL);
}

/* ---- printing ---- */

typedef struct figures {
    double step, limit, predict, gather;
    breakdown parts;
} figures;

static long peak_kilobytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void print_header(bool train_only) {
    printf("OpenBLAS kernels %s\n", mote_blas_kernels());
    printf("%-20s %5s %3s %11s %9s %8s", "network", "batch", "thr", "samples/s", "µs/step",
           "GFLOP/s");
    printf("%s\n", train_only ? ""
                              : "  limit  µs: gather forward output backward update (waiting) | "
                                "predict/s  gather/s");
}

static void print_row(const job *j, const figures *f) {
    double batch = (double)j->batch;
    const breakdown *b = &f->parts;
    printf("%-20s %5zu %3zu %11.0f %8.1f %8.1f", j->network.name, j->batch, j->threads,
           batch / f->step, 1e6 * f->step, gemm_flop(j->model, j->batch) / f->step / 1e9);
    if (f->limit > 0) {
        printf(" %5.0f %%  %9.1f %7.1f %6.1f %8.1f %6.1f (%7.1f) | %9.0f %9.0f",
               100 * f->limit / f->step, 1e6 * b->gather, 1e6 * b->forward, 1e6 * b->output,
               1e6 * b->backward, 1e6 * b->update, 1e6 * b->waiting, batch / f->predict,
               batch / f->gather);
    }
    printf("\n");
    fflush(stdout);
}

/* Figures that were not measured become null. */
static void print_json(const job *j, const figures *f) {
    double batch = (double)j->batch;
    const breakdown *b = &f->parts;
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"batch", batch},
        {"threads", (double)j->threads},
        {"samples_per_second", batch / f->step},
        {"step_microseconds", 1e6 * f->step},
        {"gflops", gemm_flop(j->model, j->batch) / f->step / 1e9},
        {"share_of_limit", f->limit > 0 ? f->limit / f->step : (double)NAN},
        {"gather_microseconds", 1e6 * b->gather},
        {"forward_microseconds", 1e6 * b->forward},
        {"output_microseconds", 1e6 * b->output},
        {"backward_microseconds", 1e6 * b->backward},
        {"update_microseconds", 1e6 * b->update},
        {"waiting_microseconds", 1e6 * b->waiting},
        {"predictions_per_second", batch / f->predict},
        {"gathered_per_second", batch / f->gather},
        {"peak_kilobytes", (double)peak_kilobytes()},
    };
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "network", j->network.name);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        cJSON_AddNumberToObject(object, numbers[i].name, numbers[i].value);
    }
    char *text = cJSON_PrintUnformatted(object);
    printf("%s\n", text ? text : "null");
    free(text);
    cJSON_Delete(object);
    fflush(stdout);
}

/* ---- all of it ---- */

static figures measure(job *j, bool train_only) {
    figures f = {0};
    j->trainer = make_trainer(j->model, j->dataset, j->batch, j->threads);
    mote_trainer_set_listener(j->trainer, until_step, j);
    f.step = time_calls(TRAIN_SECONDS, train_step, j);
    f.parts = train_only ? (breakdown){0} : break_down(j);
    mote_trainer_destroy(j->trainer);
    j->trainer = NULL;
    if (train_only) {
        return f;
    }

    mote_error error = {0};
    j->pool = mote_pool_create(j->threads, &error);
    check(&error);
    f.limit = time_limit(j->model, j->batch, j->pool);
    inference i = {.job = j,
                   .x = calloc(j->batch * mote_shape_count(j->network.input_shape), sizeof *i.x),
                   .prediction = calloc(j->batch * mote_model_prediction_width(j->model),
                                        sizeof *i.prediction)};
    if (!i.x || !i.prediction) {
        stop("out of memory");
    }
    mote_model_set_pool(j->model, j->pool);
    f.predict = time_calls(PART_SECONDS, predict_some, &i);
    f.gather = time_calls(PART_SECONDS, gather_some, &i);
    mote_model_set_pool(j->model, NULL);
    mote_pool_destroy(j->pool);
    free(i.x);
    free(i.prediction);
    return f;
}

static void bench(const char *name, size_t batch, const size_t *threads, size_t thread_counts,
                  bool train_only, bool json) {
    job j = {.network = parse_network(name), .batch = batch};
    uint8_t *bytes;
    uint32_t *labels;
    mote_dataset *dataset = make_dataset(&j.network, &bytes, &labels);
    j.dataset = dataset;
    for (size_t i = 0; i < thread_counts; i++) {
        j.threads = threads[i];
        j.model = make_model(&j.network);
        figures f = measure(&j, train_only);
        if (json) {
            print_json(&j, &f);
        } else {
            print_row(&j, &f);
        }
        mote_model_destroy(j.model);
    }
    mote_dataset_destroy(dataset);
    free(bytes);
    free(labels);
}

static size_t parse_threads(const char *text, size_t *threads) {
    size_t count = 0;
    for (const char *at = text;;) {
        char *end;
        size_t number = strtoul(at, &end, 10);
        if (end == at || number == 0 || (*end && *end != ',') || count == MAX_THREAD_COUNTS) {
            stop("--threads wants up to 8 numbers such as 1,2");
        }
        threads[count] = number;
        count++;
        if (*end == '\0') {
            break;
        }
        at = end + 1;
    }
    return count;
}

int main(int argc, char **argv) {
    static const struct {
        const char *network;
        size_t batch;
    } table[] = {{"784-128-10", 32},
                 {"784-128-10", 64},
                 {"784-128-10", 128},
                 {"784-512-256-10", 32},
                 {"784-512-256-10", 128},
                 {"784-512-256-10", 512},
                 {"784-2048-2048-10", 128},
                 {"784-2048-2048-10", 512},
                 {"lenet", 64},
                 {"cnn", 64}};
    const char *only_network = NULL, *batch = NULL, *thread_list = "1,2";
    bool train_only = false, json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--train-only") == 0) {
            train_only = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--network") == 0) {
            only_network = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--batch") == 0) {
            batch = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--threads") == 0) {
            thread_list = argv[++i];
        } else {
            stop("usage: bench [--network 784-512-256-10] [--batch 128] [--threads 1,2] "
                 "[--train-only] [--json]");
        }
    }
    size_t threads[MAX_THREAD_COUNTS];
    size_t thread_counts = parse_threads(thread_list, threads);
    char *end = NULL;
    size_t only_batch = batch ? strtoul(batch, &end, 10) : 0;
    if (batch && (only_batch == 0 || only_batch > SAMPLES / 2 || *end)) {
        stop("--batch wants a number from 1 to 30000");
    }
    if (!json) {
        print_header(train_only);
    }
    if (only_network) {
        bench(only_network, only_batch ? only_batch : 128, threads, thread_counts, train_only,
              json);
    }
    for (size_t i = 0; !only_network && i < sizeof table / sizeof *table; i++) {
        bool first = i == 0 || strcmp(table[i].network, table[i - 1].network) != 0;
        if (!only_batch || first) {
            bench(table[i].network, only_batch ? only_batch : table[i].batch, threads,
                  thread_counts, train_only, json);
        }
    }
    if (!json) {
        printf("peak memory %.1f MB, the made-up samples of %d bytes per input included\n",
               (double)peak_kilobytes() / 1e3, SAMPLES);
    }
    return 0;
}
