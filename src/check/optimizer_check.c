/* optimizer_check.c: the checks that an optimizer must pass, as listed in mote/check.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/compare.h"
#include "check/numbers.h"
#include "check/scratch.h"
#include "mote/check.h"
#include "model/model.h"
#include "mote/trainer.h"
#include "train/options.h"

typedef struct optimizer_case {
    const mote_optimizer_class *kind;
    char *json; /* a config's "train" object, with the optimizer alone */
} optimizer_case;

/* ---- updates by hand ---- */

enum {
    COUNT = 1000,
    STEPS = 4
};

/* Weights, their gradient, and the optimizer's states. */
typedef struct bench {
    mote_train_options options;
    mote_optimizer *optimizer; /* of the options */
    size_t state_count;
    mote_real weights[COUNT], gradient[COUNT], states[MOTE_MAX_STATES][COUNT];
} bench;

static mote_status read_options(mote_train_options *options, const char *json, mote_error *error) {
    mote_document *document = mote_document_parse(json, strlen(json), NULL, "train", error);
    if (!document) {
        return error->status;
    }
    mote_status status = mote_train_options_read(options, mote_document_root(document), error);
    mote_document_destroy(document);
    return status;
}

/* NULL on failure. */
static bench *create_bench(const optimizer_case *c, mote_error *error) {
    bench *b = calloc(1, sizeof *b);
    if (!b) {
        mote_fail(error, MOTE_MEMORY, "out of memory");
        return NULL;
    }
    if (read_options(&b->options, c->json, error) != MOTE_OK) {
        mote_train_options_free(&b->options);
        free(b);
        return NULL;
    }
    b->optimizer = b->options.optimizer;
    b->state_count = c->kind->state_count(b->optimizer);
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    numbers_uniform(&random, -1, 1, COUNT, b->weights);
    return b;
}

static void destroy_bench(bench *b) {
    if (b) {
        mote_train_options_free(&b->options);
        free(b);
    }
}

typedef struct stride {
    size_t slice; /* the length of the first slice; the others are longer */
    double rate;  /* relative to the optimizer's own */
    bool decay;
    bool at_rest; /* the gradient is 0 */
} stride;

static void take_step(bench *b, const stride *s, uint64_t number) {
    mote_random random = mote_random_create(2, MOTE_RANDOM_DATA, number);
    numbers_uniform(&random, -1, 1, COUNT, b->gradient);
    if (s->at_rest) {
        memset(b->gradient, 0, sizeof b->gradient);
    }
    const mote_step step =
        mote_step_create(b->optimizer, s->rate * b->optimizer->learning_rate, number);
    for (size_t begin = 0, length = s->slice; begin < COUNT; begin += length, length += 7) {
        mote_slice slice = {.count = COUNT - begin < length ? COUNT - begin : length,
                            .weights = b->weights + begin,
                            .gradient = b->gradient + begin,
                            .decay = s->decay};
        for (size_t i = 0; i < b->state_count; i++) {
            slice.states[i] = b->states[i] + begin;
        }
        b->optimizer->kind->update(b->optimizer, &step, &slice);
    }
}

static void take_steps(bench *b, const stride *s) {
    for (uint64_t number = 1; number <= STEPS; number++) {
        take_step(b, s, number);
    }
}

/* Compares weights and states after two ways of taking the same steps, the second with another
 * weight_decay unless that is negative. */
static mote_status compare_strides(const optimizer_case *c, const stride *one, const stride *other,
                                   double weight_decay, const char *where, mote_error *error) {
    bench *first = create_bench(c, error), *second = create_bench(c, error);
    mote_status status = first && second ? MOTE_OK : error->status;
    if (status == MOTE_OK) {
        second->optimizer->weight_decay =
            weight_decay < 0 ? first->optimizer->weight_decay : weight_decay;
        take_steps(first, one);
        take_steps(second, other);
        status = mote_check_close((mote_claim){"weight", where}, COUNT, second->weights,
                                  first->weights, 1e-6, error);
    }
    for (size_t i = 0; i < MOTE_MAX_STATES && status == MOTE_OK; i++) {
        status = mote_check_close((mote_claim){"state", where}, COUNT, second->states[i],
                                  first->states[i], 1e-6, error);
    }
    destroy_bench(first);
    destroy_bench(second);
    return status;
}

/* ---- states ---- */

static mote_status check_names(const mote_optimizer_class *kind, size_t count, mote_error *error) {
    if (count > MOTE_MAX_STATES) {
        return mote_fail(error, MOTE_DATA, "state_count gives %zu; there can be %d", count,
                         MOTE_MAX_STATES);
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = kind->state_names[i];
        if (!name || !*name) {
            return mote_fail(error, MOTE_DATA, "state %zu of %zu has no name", i, count);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(name, kind->state_names[k]) == 0) {
                return mote_fail(error, MOTE_DATA, "two states are called \"%s\"", name);
            }
        }
    }
    return MOTE_OK;
}

static mote_status check_states(const optimizer_case *c, mote_error *error) {
    bench *b = create_bench(c, error);
    mote_status status = b ? check_names(c->kind, b->state_count, error) : error->status;
    destroy_bench(b);
    return status;
}

/* ---- slices, standstill, decay ---- */

static mote_status check_slices(const optimizer_case *c, mote_error *error) {
    const stride whole = {.slice = COUNT, .rate = 1, .decay = true};
    const stride pieces = {.slice = 1, .rate = 1, .decay = true};
    return compare_strides(c, &whole, &pieces, -1, "where parameters come in pieces", error);
}

static mote_status check_standstill(const optimizer_case *c, mote_error *error) {
    static const struct {
        stride how;
        const char *where;
    } rows[] = {
        {{.slice = COUNT, .rate = 0, .decay = true}, "after steps at a learning rate of 0"},
        {{.slice = COUNT, .rate = 1, .at_rest = true}, "after steps whose gradients were 0"},
    };
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && status == MOTE_OK; i++) {
        bench *b = create_bench(c, error), *before = create_bench(c, error);
        status = b && before ? MOTE_OK : error->status;
        if (status == MOTE_OK) {
            take_steps(b, &rows[i].how);
            status = mote_check_same((mote_claim){"weight", rows[i].where}, COUNT, b->weights,
                                     before->weights, error);
        }
        destroy_bench(b);
        destroy_bench(before);
    }
    return status;
}

static mote_status check_decay(const optimizer_case *c, mote_error *error) {
    const stride bare = {.slice = COUNT, .rate = 1};
    return compare_strides(c, &bare, &bare, 0.3,
                           "with a weight_decay of 0.3, where slice->decay is false", error);
}

/* ---- a network ---- */

enum {
    WIDTH = 150,
    CLASSES = 4,
    SAMPLES = 96,
    MOST_THREADS = 3
};

/* Samples scattered around one centre per class. */
typedef struct problem {
    mote_real numbers[SAMPLES * WIDTH];
    uint32_t labels[SAMPLES];
} problem;

static void draw(problem *p) {
    mote_random random = mote_random_create(3, MOTE_RANDOM_DATA, 0);
    static const double SPREAD = 0.5;
    mote_real centres[CLASSES * WIDTH];
    numbers_uniform(&random, -1, 1, CLASSES * WIDTH, centres);
    numbers_uniform(&random, -SPREAD, SPREAD, SAMPLES * WIDTH, p->numbers);
    for (size_t i = 0; i < SAMPLES; i++) {
        p->labels[i] = (uint32_t)(i % CLASSES);
        for (size_t k = 0; k < WIDTH; k++) {
            p->numbers[i * WIDTH + k] += centres[p->labels[i] * WIDTH + k];
        }
    }
}

/* A network in training. */
typedef struct school {
    problem *problem;
    mote_dataset *dataset;
    mote_model *model;
    mote_trainer *trainer;
} school;

static mote_model *create_model(mote_error *error) {
    mote_model *model = mote_model_create(mote_shape_vector(WIDTH), error);
    if (model && (mote_model_add(model, "dense", "{\"units\": 60}", error) != MOTE_OK ||
                  mote_model_add(model, "tanh", NULL, error) != MOTE_OK ||
                  mote_model_add(model, "dense", "{\"units\": 4}", error) != MOTE_OK ||
                  mote_model_set_output(model, "softmax_cross_entropy", NULL, error) != MOTE_OK ||
                  mote_model_initialize(model, 1, error) != MOTE_OK)) {
        mote_model_destroy(model);
        return NULL;
    }
    return model;
}

/* NULL on failure; free it with free(). */
static char *train_text(const optimizer_case *c, size_t threads, mote_error *error) {
    size_t capacity = strlen(c->json) + 128;
    char *text = malloc(capacity);
    if (!text) {
        mote_fail(error, MOTE_MEMORY, "out of memory");
        return NULL;
    }
    snprintf(text, capacity, "{\"epochs\": 30, \"batch_size\": 32, \"threads\": %zu, %s", threads,
             c->json + 1);
    return text;
}

static mote_status open_school(school *s, const optimizer_case *c, size_t threads,
                               mote_error *error) {
    *s = (school){.problem = calloc(1, sizeof *s->problem)};
    if (!s->problem) {
        return mote_fail(error, MOTE_MEMORY, "out of memory");
    }
    draw(s->problem);
    const mote_samples samples = {.count = SAMPLES,
                                  .shape = mote_shape_vector(WIDTH),
                                  .numbers = s->problem->numbers,
                                  .labels = s->problem->labels};
    s->dataset = mote_dataset_from_arrays(&samples, NULL, NULL, 1, error);
    s->model = s->dataset ? create_model(error) : NULL;
    char *text = s->model ? train_text(c, threads, error) : NULL;
    s->trainer = text ? mote_trainer_create(s->model, s->dataset, text, 1, error) : NULL;
    free(text);
    return s->trainer ? MOTE_OK : error->status;
}

static void close_school(school *s) {
    mote_trainer_destroy(s->trainer);
    mote_model_destroy(s->model);
    mote_dataset_destroy(s->dataset);
    free(s->problem);
}

static mote_status check_same_weights(const school *found, const school *wanted, const char *where,
                                      mote_error *error) {
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < wanted->model->parameter_count && status == MOTE_OK; i++) {
        const mote_parameter *one = found->model->parameters[i].parameter;
        const mote_parameter *other = wanted->model->parameters[i].parameter;
        status = mote_check_same((mote_claim){wanted->model->parameters[i].name, where}, one->count,
                                 one->value, other->value, error);
    }
    return status;
}

/* ---- training ---- */

typedef struct losses {
    double first, last; /* of the first and the last epoch */
} losses;

static bool note_loss(void *context, const mote_event *event) {
    losses *l = context;
    if (event->kind == MOTE_EVENT_EPOCH) {
        l->first = event->epoch == 1 ? event->train.loss : l->first;
        l->last = event->train.loss;
    }
    return true;
}

static mote_status check_training(const optimizer_case *c, mote_error *error) {
    school s;
    losses l = {0};
    mote_status status = open_school(&s, c, 1, error);
    if (status == MOTE_OK) {
        mote_trainer_set_listener(s.trainer, note_loss, &l);
        status = mote_trainer_run(s.trainer, error);
    }
    if (status == MOTE_OK && !(l.last < l.first)) {
        status = mote_fail(error, MOTE_DATA,
                           "the loss of a small network is %.4g in the last of 30 epochs, and was "
                           "%.4g in the first",
                           l.last, l.first);
    }
    close_school(&s);
    return status;
}

static mote_status check_threads(const optimizer_case *c, mote_error *error) {
    static const char *const texts[] = {[2] = "with 2 threads", [MOST_THREADS] = "with 3 threads"};
    school alone;
    mote_status status = open_school(&alone, c, 1, error);
    if (status == MOTE_OK) {
        status = mote_trainer_run(alone.trainer, error);
    }
    for (size_t threads = 2; threads <= MOST_THREADS && status == MOTE_OK; threads++) {
        school shared;
        status = open_school(&shared, c, threads, error);
        if (status == MOTE_OK) {
            status = mote_trainer_run(shared.trainer, error);
        }
        if (status == MOTE_OK) {
            status = check_same_weights(&shared, &alone, texts[threads], error);
        }
        close_school(&shared);
    }
    close_school(&alone);
    return status;
}

/* ---- resuming ---- */

static bool stop_early(void *context, const mote_event *event) {
    (void)context;
    return event->step < 20;
}

/* Trains for some steps and saves a checkpoint. */
static mote_status begin_elsewhere(const optimizer_case *c, const char *path, mote_error *error) {
    school s;
    mote_error stopped = {0};
    mote_status status = open_school(&s, c, 1, error);
    if (status == MOTE_OK) {
        mote_trainer_set_listener(s.trainer, stop_early, NULL);
        status = mote_trainer_run(s.trainer, &stopped);
        status = status == MOTE_INTERRUPTED ? mote_trainer_save(s.trainer, path, error)
                                            : mote_fail(error, status, "%s", stopped.message);
    }
    close_school(&s);
    return status;
}

static mote_status check_resumed(const optimizer_case *c, const char *path, mote_error *error) {
    school straight, resumed;
    mote_status status = open_school(&straight, c, 1, error);
    mote_status other = open_school(&resumed, c, 1, error);
    if (status == MOTE_OK && other == MOTE_OK) {
        status = mote_trainer_restore(resumed.trainer, path, error);
    }
    if (status == MOTE_OK && other == MOTE_OK) {
        status = mote_trainer_run(straight.trainer, error);
        other = mote_trainer_run(resumed.trainer, error);
    }
    if (status == MOTE_OK && other == MOTE_OK) {
        status = check_same_weights(&resumed, &straight,
                                    "where training was stopped, saved and restored", error);
    }
    close_school(&straight);
    close_school(&resumed);
    return status == MOTE_OK ? other : status;
}

static mote_status check_resuming(const optimizer_case *c, mote_error *error) {
    char path[MOTE_SCRATCH_CAPACITY];
    mote_status status = mote_scratch_create(path, error);
    if (status != MOTE_OK) {
        return status;
    }
    status = begin_elsewhere(c, path, error);
    if (status == MOTE_OK) {
        status = check_resumed(c, path, error);
    }
    remove(path);
    return status;
}

/* ---- all of it ---- */

static mote_status register_class(const mote_optimizer_class *kind, mote_error *error) {
    const mote_optimizer_class *known = kind->type ? mote_optimizer_class_find(kind->type) : NULL;
    return known == kind ? MOTE_OK : mote_optimizer_register(kind, error);
}

/* {"optimizer": {"type": "lion", then the keys of `json`}}, to be freed; NULL when out of
 * memory. */
static char *optimizer_text(const char *type, const char *json) {
    const char *keys = json + strspn(json, " \t\r\n");
    keys += *keys == '{';
    keys += strspn(keys, " \t\r\n");
    size_t capacity = strlen(type) + strlen(keys) + 64;
    char *text = malloc(capacity);
    if (text) {
        snprintf(text, capacity, "{\"optimizer\": {\"type\": \"%s\"%s%s}", type,
                 *keys == '}' ? "" : ", ", keys);
    }
    return text;
}

static const struct {
    const char *name;
    mote_status (*check)(const optimizer_case *c, mote_error *error);
} checks[] = {
    {"states", check_states},     {"slices", check_slices},     {"standstill", check_standstill},
    {"decay", check_decay},       {"training", check_training}, {"threads", check_threads},
    {"resuming", check_resuming},
};

mote_status mote_optimizer_check(const mote_optimizer_class *kind, const char *json,
                                 mote_error *error) {
    mote_status status = register_class(kind, error);
    if (status != MOTE_OK) {
        return status;
    }
    json = json ? json : "{}";
    optimizer_case c = {.kind = kind, .json = optimizer_text(kind->type, json)};
    status = c.json ? MOTE_OK : mote_fail(error, MOTE_MEMORY, "out of memory");
    for (size_t i = 0; i < sizeof checks / sizeof *checks && status == MOTE_OK; i++) {
        mote_error reason = {0};
        status = checks[i].check(&c, &reason);
        if (status != MOTE_OK) {
            mote_fail(error, status, "%s %s: %s: %s", kind->type, json, checks[i].name,
                      reason.message);
        }
    }
    free(c.json);
    return status;
}
