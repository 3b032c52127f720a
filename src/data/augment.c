/* augment.c: lists of augmentations, and applying them to samples. */
#include "data/augment.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "config/fields.h"
#include "core/arena.h"
#include "data/warp.h"

const char *const mote_ground_names[] = {[MOTE_GROUND_EDGE_MEAN] = "edge_mean",
                                         [MOTE_GROUND_MEAN] = "mean",
                                         [MOTE_GROUND_EDGE] = "edge",
                                         NULL};
const char *const mote_ground_color_names[] = {
    [MOTE_GROUND_EDGE_MEAN] = "edge_mean", [MOTE_GROUND_MEAN] = "mean", NULL};

/* ---- lists ---- */

enum {
    MOST_AUGMENTATIONS = 64,
    MOST_PIXELS = 1 << 28 /* of a plane: with its margin, 32-bit integers can index it */
};

static const char *name_at(size_t index) {
    const mote_augmentation_class *kind = mote_augmentation_classes()[index];
    return kind ? kind->type : NULL;
}

mote_status mote_augmentation_expect_image(const mote_augmentation *augmentation,
                                           mote_error *error) {
    mote_shape shape = augmentation->shape;
    if (shape.rank != 3) {
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_INVALID,
                         "takes images (channels × height × width), but the samples here are %s%s",
                         shape.rank == 1 ? "vectors of " : "", mote_shape_text(shape, text));
    }
    if (shape.dims[1] > MOST_PIXELS / shape.dims[2]) {
        return mote_fail(error, MOTE_INVALID, "takes images of up to %d pixels", MOST_PIXELS);
    }
    return MOTE_OK;
}

static mote_status build(mote_augmentation *augmentation, mote_error *error) {
    const mote_augmentation_class *kind = augmentation->kind;
    mote_status status = kind->map ? mote_augmentation_expect_image(augmentation, error) : MOTE_OK;
    return status == MOTE_OK && kind->build ? kind->build(augmentation, error) : status;
}

static void destroy(mote_augmentation *augmentation) {
    mote_fields_free(augmentation->kind->fields, augmentation);
    free(augmentation);
}

static mote_augmentation *read_one(mote_json object, mote_shape shape, mote_error *error) {
    const char *type = mote_json_selector(object, "type", error);
    const mote_augmentation_class *kind = type ? mote_augmentation_class_find(type) : NULL;
    if (!kind) {
        if (type) {
            mote_fail_unknown(object, "type", "augmentation", name_at, true, error);
        }
        return NULL;
    }
    mote_augmentation *made = calloc(1, kind->size);
    if (!made) {
        mote_fail(error, MOTE_MEMORY, "out of memory for an augmentation");
        return NULL;
    }
    *made = (mote_augmentation){.kind = kind,
                                .shape = shape,
                                .probability = 1,
                                .ground = MOTE_NAMED_INTEGER(MOTE_GROUND_ANY)};
    mote_binding binding = {.fields = kind->fields, .target = made};
    mote_status status = mote_fields_read(object, "type", &binding, 1, error);
    mote_error reason = {0};
    if (status == MOTE_OK && (status = build(made, &reason)) != MOTE_OK) {
        mote_fail(&reason, status, "the augmentation \"%.60s\" does not say why it fails", type);
        mote_fail_because(object, &reason, error);
    }
    if (status != MOTE_OK) {
        destroy(made);
        return NULL;
    }
    return made;
}

mote_status mote_augment_list_read(mote_augment_list *list, mote_json value, mote_shape shape,
                                   mote_error *error) {
    *list = (mote_augment_list){.shape = shape};
    if (!value.node) {
        return MOTE_OK;
    }
    if (!cJSON_IsArray(value.node)) {
        char found[MOTE_JSON_FOUND_CAPACITY];
        return mote_fail_at(value, error, "expected a list of augmentations, found %s",
                            mote_json_found(value, found));
    }
    size_t count = (size_t)cJSON_GetArraySize(value.node);
    if (count > MOST_AUGMENTATIONS) {
        return mote_fail_at(value, error, "expected at most %d augmentations, found %zu",
                            MOST_AUGMENTATIONS, count);
    }
    list->items = calloc(count + 1, sizeof(mote_augmentation *));
    if (!list->items) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for %zu augmentations", count);
    }
    for (const cJSON *node = value.node->child; node; node = node->next) {
        mote_json object = {.document = value.document, .node = node};
        mote_augmentation *made = read_one(object, shape, error);
        if (!made) {
            mote_augment_list_free(list);
            return error && error->status ? error->status : MOTE_INVALID;
        }
        list->items[list->count++] = made;
    }
    return MOTE_OK;
}

void mote_augment_list_free(mote_augment_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        destroy(list->items[i]);
    }
    free(list->items);
    *list = (mote_augment_list){0};
}

void mote_augment_list_write(const mote_augment_list *list, mote_json_writer *writer, cJSON *object,
                             const char *name) {
    cJSON *array = mote_json_add_array(writer, object, name);
    for (size_t i = 0; i < list->count; i++) {
        const mote_augmentation *item = list->items[i];
        cJSON *entry = mote_json_add_object(writer, array, NULL);
        mote_json_add_string(writer, entry, "type", item->kind->type);
        mote_fields_write(writer, item->kind->fields, item, entry);
    }
}

/* ---- memory for threads ---- */

/* The memory that one thread works with. */
typedef struct slot {
    atomic_bool taken;
    mote_warp warp;
    mote_real *scratch;
} slot;

struct mote_augmenter {
    const mote_augment_list *list;
    uint64_t seed;
    slot *slots;
    size_t slot_count;
    mote_arena arena;
};

static void carve(mote_augmenter *augmenter, mote_arena *arena) {
    const mote_augment_list *list = augmenter->list;
    size_t scratch = 0;
    bool warps = false;
    for (size_t i = 0; i < list->count; i++) {
        const mote_augmentation *item = list->items[i];
        scratch = item->scratch_count > scratch ? item->scratch_count : scratch;
        warps = warps || item->kind->map;
    }
    for (size_t i = 0; i < augmenter->slot_count; i++) {
        slot *s = &augmenter->slots[i];
        if (warps) {
            mote_warp_carve(&s->warp, list->shape, arena);
        }
        s->scratch = mote_arena_take(arena, scratch, sizeof *s->scratch);
    }
}

static mote_status allocate(mote_augmenter *augmenter, mote_error *error) {
    augmenter->slots = calloc(augmenter->slot_count, sizeof *augmenter->slots);
    if (!augmenter->slots) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for augmentation");
    }
    mote_arena measured = mote_arena_measure();
    carve(augmenter, &measured);
    mote_status status = mote_arena_allocate(&augmenter->arena, &measured, error);
    if (status == MOTE_OK) {
        carve(augmenter, &augmenter->arena);
        assert(mote_arena_complete(&augmenter->arena));
    }
    return status;
}

mote_augmenter *mote_augmenter_create(const mote_augment_list *list, size_t threads, uint64_t seed,
                                      mote_error *error) {
    mote_augmenter *augmenter = calloc(1, sizeof *augmenter);
    if (!augmenter) {
        mote_fail(error, MOTE_MEMORY, "out of memory for augmentation");
        return NULL;
    }
    augmenter->list = list;
    augmenter->seed = seed;
    augmenter->slot_count = threads;
    if (allocate(augmenter, error) != MOTE_OK) {
        mote_augmenter_destroy(augmenter);
        return NULL;
    }
    return augmenter;
}

void mote_augmenter_destroy(mote_augmenter *augmenter) {
    if (augmenter) {
        mote_arena_free(&augmenter->arena);
        free(augmenter->slots);
        free(augmenter);
    }
}

/* Takes a slot that no other thread has; there are as many as threads. Which one it is does not
 * affect the result. */
static slot *take_slot(mote_augmenter *augmenter) {
    for (size_t i = 0;; i = (i + 1) % augmenter->slot_count) {
        if (!atomic_exchange(&augmenter->slots[i].taken, true)) {
            return &augmenter->slots[i];
        }
    }
}

/* ---- grounds ---- */

/* Sums the outermost pixels, each once. */
static double sum_edge(size_t height, size_t width, const mote_real *plane) {
    double sum = 0;
    const mote_real *last = plane + (height - 1) * width;
    for (size_t j = 0; j < width; j++) {
        sum += (double)plane[j] + (height > 1 ? (double)last[j] : 0);
    }
    for (size_t i = 1; i + 1 < height; i++) {
        const mote_real *row = plane + i * width;
        sum += (double)row[0] + (width > 1 ? (double)row[width - 1] : 0);
    }
    return sum;
}

static double mean_of_edge(size_t height, size_t width, const mote_real *plane) {
    size_t inside = height > 2 && width > 2 ? (height - 2) * (width - 2) : 0;
    return sum_edge(height, width, plane) / (double)(height * width - inside);
}

static double mean_of_all(size_t count, const mote_real *plane) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)plane[i];
    }
    return sum / (double)count;
}

/* Converts a number as in the data to what the model sees in each channel. */
static void normalize_number(const mote_preprocessing *p, size_t channels, size_t number,
                             mote_real *color) {
    for (size_t c = 0; c < channels; c++) {
        color[c] = (mote_real)number;
    }
    if (p->groups > 0) { /* without any, numbers stay as they are */
        mote_preprocess_numbers(p, channels, color, color);
    }
}

static bool is_ground(const mote_augmentation *augmentation, mote_ground_kind ground) {
    return augmentation->ground == MOTE_NAMED_INTEGER((size_t)ground);
}

void mote_augmentation_ground(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                              const mote_real *x, mote_real *color) {
    mote_shape shape = augmentation->shape;
    size_t height = shape.dims[1], width = shape.dims[2];
    bool edge = is_ground(augmentation, MOTE_GROUND_EDGE_MEAN);
    if (!edge && !is_ground(augmentation, MOTE_GROUND_MEAN)) {
        normalize_number(pass->preprocessing, shape.dims[0], augmentation->ground, color);
        return;
    }
    for (size_t c = 0; c < shape.dims[0]; c++, x += height * width) {
        color[c] =
            (mote_real)(edge ? mean_of_edge(height, width, x) : mean_of_all(height * width, x));
    }
}

/* ---- samples ---- */

/* A sample being augmented. */
typedef struct work {
    const mote_augment_list *list;
    const mote_preprocessing *preprocessing;
    uint64_t key; /* of this sample in this epoch */
    slot *slot;
    mote_real *x;
} work;

/* Each augmentation has its own generator, so what one draws does not affect the others. */
static bool draw_whether(const work *w, size_t index, mote_random *random) {
    *random = mote_random_create(w->key, MOTE_RANDOM_AUGMENT, index);
    double probability = w->list->items[index]->probability;
    return probability >= 1 || mote_random_uniform(random) < probability;
}

static mote_augment_pass pass_of(const work *w, mote_random *random) {
    return (mote_augment_pass){
        .random = random, .scratch = w->slot->scratch, .preprocessing = w->preprocessing};
}

/* The end of a run of geometric augmentations that can be composed: they agree on their ground,
 * which *deciding determines. */
static size_t find_end(const mote_augment_list *list, size_t begin,
                       const mote_augmentation **deciding) {
    size_t end = begin;
    *deciding = list->items[begin];
    for (; end < list->count && list->items[end]->kind->map; end++) {
        const mote_augmentation *item = list->items[end];
        if (is_ground(*deciding, MOTE_GROUND_ANY)) {
            *deciding = item;
        }
        if (!is_ground(item, MOTE_GROUND_ANY) && item->ground != (*deciding)->ground) {
            break;
        }
    }
    return end;
}

static void resample(const work *w, const mote_augmentation *deciding) {
    mote_warp *warp = &w->slot->warp;
    bool color = !is_ground(deciding, MOTE_GROUND_EDGE) && !is_ground(deciding, MOTE_GROUND_ANY);
    if (color) {
        mote_augment_pass pass = pass_of(w, NULL);
        mote_augmentation_ground(deciding, &pass, w->x, warp->color);
    }
    mote_warp_resample(warp, color ? warp->color : NULL, w->x);
}

/* Composes the run of augmentations from `begin` on and resamples once; returns the index after the
 * run. */
static size_t warp_run(const work *w, size_t begin) {
    const mote_augmentation *deciding;
    size_t end = find_end(w->list, begin, &deciding);
    mote_warp *warp = &w->slot->warp;
    mote_warp_reset(warp);
    for (size_t i = end; i-- > begin;) {
        mote_random random;
        mote_augment_pass pass = pass_of(w, &random);
        if (draw_whether(w, i, &random)) {
            w->list->items[i]->kind->map(w->list->items[i], &pass, warp);
        }
    }
    if (!mote_warp_is_identity(warp)) {
        resample(w, deciding);
    }
    return end;
}

static size_t apply_one(const work *w, size_t index) {
    mote_random random;
    mote_augment_pass pass = pass_of(w, &random);
    if (draw_whether(w, index, &random)) {
        w->list->items[index]->kind->apply(w->list->items[index], &pass, w->x);
    }
    return index + 1;
}

void mote_augment(mote_augmenter *augmenter, const mote_preprocessing *preprocessing,
                  uint64_t epoch, uint32_t sample, mote_real *x) {
    const mote_augment_list *list = augmenter->list;
    mote_random random =
        mote_random_create(augmenter->seed, MOTE_RANDOM_AUGMENT, epoch << 32 | sample);
    work w = {.list = list,
              .preprocessing = preprocessing,
              .key = mote_random_bits(&random),
              .slot = take_slot(augmenter),
              .x = x};
    for (size_t i = 0; i < list->count;) {
        i = list->items[i]->kind->map ? warp_run(&w, i) : apply_one(&w, i);
    }
    atomic_store(&w.slot->taken, false);
}
