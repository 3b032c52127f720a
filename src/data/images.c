/* images.c: picture files, in a directory per class or named in a list.
 *
 *     {"format": "images", "directory": "../pets", "size": 64, "validation_fraction": 0.1}
 *
 * All of them are decoded once, on all threads, into a cache (see cache.h), which later starts map
 * into memory. It is keyed by the settings and by the name, size and modification time of every
 * file, so that each start lists the files but decodes none.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "config/json.h"
#include "config/json_write.h"
#include "core/clock.h"
#include "core/file.h"
#include "data/cache.h"
#include "data/format.h"
#include "data/image.h"
#include "data/image_list.h"
#include "data/split.h"

enum {
    MOST_SIDE = 32768,
    MOST_NAMED = 20 /* bad files that are reported one by one */
};

/* The first stream of the test split, which uses one per class; those of dataset.c are below. */
static const uint64_t TEST_SPLIT = UINT64_C(3) << 32;

#define BAD_FILES(X)                                                                               \
    X(ERROR, "error")                                                                              \
    X(SKIP, "skip")

typedef enum bad_files {
#define X(name, text) BAD_FILES_##name,
    BAD_FILES(X)
#undef X
} bad_files;

static const char *const bad_files_names[] = {
#define X(name, text) [BAD_FILES_##name] = text,
    BAD_FILES(X)
#undef X
        NULL,
};

static const char cache_beside[] = "beside", cache_none[] = "none";

static const char *const cache_names[] = {cache_beside, cache_none, NULL};

typedef struct images {
    mote_format base;
    char *directory, *list, *test_list, *cache;
    mote_json size; /* in the config's document */
    size_t channels;
    int resize, on_bad_file;
    double test_fraction;

    mote_image_list files; /* set by open; freed by load if some are left out */
    mote_shape shape;
} images;

static const mote_field fields[] = {
    {.name = "directory",
     .kind = MOTE_FIELD_PATH,
     .offset = offsetof(images, directory),
     .optional = true,
     .help = "where the pictures are: train/CLASS/..., and likewise test/ and validation/ if "
             "present, or just CLASS/...; give either this or list"},
    {.name = "list",
     .kind = MOTE_FIELD_PATH,
     .offset = offsetof(images, list),
     .optional = true,
     .help = "a file with one line per training picture: its path, relative to that file, a tab "
             "and its class"},
    {.name = "test_list",
     .kind = MOTE_FIELD_PATH,
     .offset = offsetof(images, test_list),
     .optional = true,
     .help = "the same for the test pictures"},
    {.name = "test_fraction",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(images, test_fraction),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0",
     .help = "what fraction of each class's pictures to hold out for testing if there are no "
             "separate ones; the same pictures with any seed"},
    {.name = "size",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(images, size),
     .optional = true,
     .takes = "a number or a list",
     .help = "what to resize pictures to: pixels per side, or [height, width]; without it, all "
             "must have the same size"},
    {.name = "channels",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(images, channels),
     .range = MOTE_BETWEEN(1, 3),
     .preset = "3",
     .help = "1: grey; 3: red, green and blue"},
    {.name = "resize",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(images, resize),
     .choices = mote_resize_names,
     .preset = "\"fit\"",
     .help = "fit: keeps proportions and fills the rest with the colour of the edge; fill: keeps "
             "them and crops what sticks out; stretch: does not keep them"},
    {.name = "on_bad_file",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(images, on_bad_file),
     .choices = bad_files_names,
     .preset = "\"error\"",
     .help = "what to do with files that cannot be read as pictures: stop, or leave them out"},
    {.name = "cache",
     .kind = MOTE_FIELD_PATH,
     .offset = offsetof(images, cache),
     .choices = cache_names,
     .preset = "\"beside\"",
     .help = "where to keep the decoded pictures for the next start: beside the directory or list, "
             "in the given file or directory, or nowhere"},
    MOTE_FIELDS_END,
};

/* ---- opening ---- */

static mote_status fail_size(mote_json value, mote_error *error) {
    char found[MOTE_JSON_FOUND_CAPACITY];
    return mote_fail_at(
        value, error,
        "expected a side length in pixels, an integer >= 1 and <= %d, or [height, width], found %s",
        MOST_SIDE, mote_json_found(value, found));
}

static mote_status read_side(mote_json value, size_t *side, mote_error *error) {
    double number = cJSON_IsNumber(value.node) ? value.node->valuedouble : 0;
    if (!(number >= 1 && number <= MOST_SIDE && number == floor(number))) {
        return fail_size(value, error);
    }
    *side = (size_t)number;
    return MOTE_OK;
}

static mote_status read_size(const images *self, size_t *height, size_t *width, mote_error *error) {
    mote_json value = self->size;
    if (!cJSON_IsArray(value.node)) {
        mote_status status = read_side(value, height, error);
        *width = *height;
        return status;
    }
    if (cJSON_GetArraySize(value.node) != 2) {
        return fail_size(value, error);
    }
    mote_json first = {.document = value.document, .node = value.node->child};
    mote_json second = {.document = value.document, .node = value.node->child->next};
    mote_status status = read_side(first, height, error);
    return status == MOTE_OK ? read_side(second, width, error) : status;
}

static mote_status check_settings(const images *self, mote_error *error) {
    mote_json json = self->base.json;
    if (self->channels == 2) {
        return mote_fail_at(mote_json_member(json, "channels"), error,
                            "expected 1 for grey or 3 for colour, found 2");
    }
    if (!self->directory == !self->list) {
        return mote_fail_at(json, error,
                            "the format images needs either \"directory\" or \"list\", found %s",
                            self->list ? "both" : "neither");
    }
    if (self->test_list && !self->list) {
        return mote_fail_at(mote_json_member(json, "test_list"), error,
                            "goes with \"list\", not with \"directory\"");
    }
    return MOTE_OK;
}

/* Moves the drawn pictures to the test part. Both parts stay in order. */
static mote_status move_to_test(mote_image_list *list, const bool *drawn, mote_error *error) {
    mote_image_files *from = &list->parts[MOTE_TRAINING], *to = &list->parts[MOTE_TEST];
    to->files = malloc(from->count * sizeof *to->files);
    to->source = strdup(from->source);
    to->root = strdup(from->root);
    if (!to->files || !to->source || !to->root) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for a list of pictures");
    }
    size_t kept = 0;
    for (size_t i = 0; i < from->count; i++) {
        if (drawn[i]) {
            to->files[to->count++] = from->files[i];
        } else {
            from->files[kept++] = from->files[i];
        }
    }
    from->count = kept;
    return MOTE_OK;
}

static mote_status hold_out(images *self, mote_error *error) {
    const mote_image_files *train = &self->files.parts[MOTE_TRAINING];
    const char *source = self->files.parts[MOTE_TEST].source;
    if (source) {
        return mote_fail_at(
            mote_json_member(self->base.json, "test_fraction"), error,
            "there are test pictures already, %s; expected either these or a test_fraction",
            source);
    }
    uint32_t *labels = malloc(train->count * sizeof *labels);
    bool *drawn = calloc(train->count, sizeof *drawn);
    mote_status status = MOTE_OK;
    if (labels && drawn) {
        for (size_t i = 0; i < train->count; i++) {
            labels[i] = train->files[i].label;
        }
        /* No seed: the cache holds one part after the other, so they must not change with it. */
        mote_split split = {.count = train->count,
                            .labels = labels,
                            .classes = self->files.class_count,
                            .fraction = self->test_fraction,
                            .keep_one = true,
                            .stream = TEST_SPLIT};
        status = mote_split_draw(&split, NULL, drawn, error);
    } else {
        status = mote_fail(error, MOTE_MEMORY, "out of memory for a list of pictures");
    }
    if (status == MOTE_OK) {
        status = move_to_test(&self->files, drawn, error);
    }
    free(labels);
    free(drawn);
    if (status == MOTE_OK && self->files.parts[MOTE_TEST].count == 0) {
        return mote_fail(error, MOTE_DATA,
                         "a test_fraction of %g of %zu pictures leaves none for testing",
                         self->test_fraction, train->count);
    }
    return status;
}

static char *path_of(const mote_image_files *files, const mote_image_file *file) {
    return mote_path_join(files->root, file->name);
}

/* The size of the first training picture that can be read. */
static mote_status measure_first(const images *self, size_t *height, size_t *width,
                                 mote_error *error) {
    const mote_image_files *files = &self->files.parts[MOTE_TRAINING];
    mote_error reason = {0};
    for (size_t i = 0; i < files->count; i++) {
        char *path = path_of(files, &files->files[i]);
        mote_status status = path && files->files[i].bytes >= 0
                                 ? mote_image_measure(path, height, width, &reason)
                                 : MOTE_FILE;
        free(path);
        if (status == MOTE_OK) {
            return MOTE_OK;
        }
    }
    return mote_fail(error, MOTE_DATA, "%s: none of the %zu files can be read as a picture%s%s",
                     files->source, files->count, reason.status ? "; the first: " : "",
                     reason.message);
}

static mote_status open_format(mote_format *format, const mote_loading *loading, mote_shape *shape,
                               mote_error *error) {
    images *self = (images *)format;
    size_t height = 0, width = 0;
    mote_status status = check_settings(self, error);
    if (status == MOTE_OK && self->size.node) {
        status = read_size(self, &height, &width, error);
    }
    if (status == MOTE_OK) {
        status = self->directory
                     ? mote_image_list_directory(&self->files, self->directory, loading, error)
                     : mote_image_list_read(&self->files, self->list, self->test_list, error);
    }
    if (status == MOTE_OK && self->test_fraction > 0) {
        status = hold_out(self, error);
    }
    if (status == MOTE_OK && !self->size.node) {
        status = measure_first(self, &height, &width, error);
    }
    *shape = self->shape = mote_shape_image(self->channels, height, width);
    return status;
}

static void destroy(mote_format *format) {
    mote_image_list_free(&((images *)format)->files);
}

/* ---- decoding ---- */

/* Pictures are decoded in chunks that take about this long, so that progress shows and Ctrl-C is
 * noticed, but at most CHUNK_BYTES or LEAST_CHUNK_PER_THREAD, whichever is more. */
static const double CHUNK_SECONDS = 0.1;

enum {
    CHUNK_BYTES = 16 << 20,
    LEAST_CHUNK_PER_THREAD = 4
};

typedef struct decoder {
    const images *self;
    const mote_loading *loading;
    mote_cache *cache;
    size_t width, total, done;
    size_t counts[MOTE_PART_COUNT]; /* decoded */
    uint32_t *labels;               /* [total], of those decoded */
    size_t *of_class;               /* [classes], of the training part */
    size_t bad;
    char *first_bad;

    /* The current chunk. */
    const mote_image_files *files;
    size_t first, capacity, chunk;
    uint8_t *samples;      /* [capacity × width] */
    mote_status *statuses; /* [capacity] */
    char **reasons;        /* [capacity], of those that failed */
} decoder;

static mote_resize resize_of(const images *self) {
    return self->size.node ? (mote_resize)self->resize : MOTE_RESIZE_REFUSE;
}

/* For a file that was not a regular file when listed: reading a pipe could block forever. */
static mote_status check_file(const char *path, mote_error *error) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    }
    return S_ISREG(status.st_mode) ? MOTE_OK
                                   : mote_fail(error, MOTE_FILE, "%s: is not a regular file", path);
}

static char *reason_text(const mote_image_files *files, const mote_image_file *file,
                         const mote_error *reason) {
    char text[MOTE_ERROR_CAPACITY + 64];
    if (file->line == 0) {
        return strdup(reason->message);
    }
    const char *slash = strrchr(files->source, '/');
    snprintf(text, sizeof text, "%s, line %u: %s", slash ? slash + 1 : files->source, file->line,
             reason->message);
    return strdup(text);
}

static void decode_tile(void *context, size_t i) {
    decoder *d = context;
    const mote_image_file *file = &d->files->files[d->first + i];
    mote_error reason = {0};
    char *path = path_of(d->files, file);
    mote_status status =
        path ? MOTE_OK : mote_fail(&reason, MOTE_MEMORY, "out of memory for a path");
    if (status == MOTE_OK && file->bytes < 0) {
        status = check_file(path, &reason);
    }
    if (status == MOTE_OK) {
        status = mote_image_read(path, d->self->shape, resize_of(d->self),
                                 d->samples + i * d->width, &reason);
    }
    d->statuses[i] = status;
    d->reasons[i] = status == MOTE_OK ? NULL : reason_text(d->files, file, &reason);
    free(path);
}

/* Reports and counts a bad file. Fails at once on a picture of another size or when out of
 * memory. */
static mote_status record_bad(decoder *d, size_t i, mote_error *error) {
    const char *reason = d->reasons[i] ? d->reasons[i] : "out of memory";
    if (d->statuses[i] == MOTE_INVALID) {
        return mote_fail(error, MOTE_DATA,
                         "%s; all pictures must have the same size, unless \"size\" in the config "
                         "says what to resize them to, such as \"size\": 64 or \"size\": [48, 64]",
                         reason);
    }
    if (d->statuses[i] == MOTE_MEMORY) {
        return mote_fail(error, MOTE_MEMORY, "%s", reason);
    }
    if (d->bad++ < MOST_NAMED) {
        mote_load_notice(d->loading, "%s", reason);
    }
    if (!d->first_bad) {
        d->first_bad = d->reasons[i];
        d->reasons[i] = NULL;
    }
    return MOTE_OK;
}

/* Takes the pictures of the chunk that could be decoded. Once loading is bound to fail, stores no
 * more of them. */
static mote_status take_chunk(decoder *d, mote_part_name part, size_t count, mote_error *error) {
    mote_status status = MOTE_OK;
    size_t run = 0; /* decoded ones right before i */
    for (size_t i = 0; i <= count && status == MOTE_OK; i++) {
        bool good = i < count && d->statuses[i] == MOTE_OK;
        if (good) {
            uint32_t label = d->files->files[d->first + i].label;
            size_t before = d->counts[MOTE_TRAINING] + d->counts[MOTE_VALIDATION];
            d->labels[before + d->counts[MOTE_TEST]] = label;
            d->counts[part]++;
            d->of_class[label] += part == MOTE_TRAINING;
            run++;
            continue;
        }
        bool stored = d->bad == 0 || d->self->on_bad_file == BAD_FILES_SKIP;
        if (run > 0 && stored) {
            status = mote_cache_add(d->cache, run, d->samples + (i - run) * d->width, error);
        }
        run = 0;
        if (i < count && status == MOTE_OK) {
            status = record_bad(d, i, error);
        }
    }
    return status;
}

/* Adapts the size of the next chunk to take about CHUNK_SECONDS. */
static void adapt_chunk(decoder *d, double seconds) {
    size_t wanted = seconds < CHUNK_SECONDS / 2   ? 2 * d->chunk
                    : seconds > 2 * CHUNK_SECONDS ? d->chunk / 2
                                                  : d->chunk;
    size_t least = LEAST_CHUNK_PER_THREAD * mote_pool_size(d->loading->pool);
    wanted = wanted > least ? wanted : least;
    d->chunk = wanted < d->capacity ? wanted : d->capacity;
}

static mote_status decode_chunk(decoder *d, mote_part_name part, mote_error *error) {
    double begun = mote_clock();
    size_t left = d->files->count - d->first, count = left < d->chunk ? left : d->chunk;
    mote_pool_run(d->loading->pool, count, decode_tile, d);
    mote_status status = take_chunk(d, part, count, error);
    for (size_t i = 0; i < count; i++) {
        free(d->reasons[i]);
    }
    d->first += count;
    d->done += count;
    adapt_chunk(d, mote_clock() - begun);
    return status;
}

static mote_status decode_part(decoder *d, mote_part_name part, mote_error *error) {
    mote_status status = MOTE_OK;
    d->files = &d->self->files.parts[part];
    d->first = 0;
    while (d->first < d->files->count && status == MOTE_OK) {
        if (!mote_load_progress(d->loading, "decoding images", d->done, d->total)) {
            return mote_load_stopped(error);
        }
        status = decode_chunk(d, part, error);
    }
    return status;
}

static mote_status allocate_chunk(decoder *d, mote_error *error) {
    size_t threads = mote_pool_size(d->loading->pool), least = LEAST_CHUNK_PER_THREAD * threads;
    size_t fit = CHUNK_BYTES / d->width;
    d->capacity = fit > least ? fit : least;
    d->capacity = d->capacity < d->total ? d->capacity : d->total;
    d->chunk = d->capacity < 8 * least ? d->capacity : 8 * least;
    d->samples = malloc(d->capacity * d->width);
    d->statuses = malloc(d->capacity * sizeof *d->statuses);
    d->reasons = malloc(d->capacity * sizeof *d->reasons);
    d->labels = malloc(d->total * sizeof *d->labels);
    d->of_class = calloc(d->self->files.class_count, sizeof *d->of_class);
    return d->samples && d->statuses && d->reasons && d->labels && d->of_class
               ? MOTE_OK
               : mote_fail(error, MOTE_MEMORY, "out of memory for decoding images");
}

static void free_chunk(decoder *d) {
    free(d->samples);
    free(d->statuses);
    free(d->reasons);
    free(d->labels);
    free(d->of_class);
    free(d->first_bad);
}

static mote_status check_bad_files(const decoder *d, mote_error *error) {
    if (d->bad > MOST_NAMED) {
        mote_load_notice(d->loading, "... and %zu more", d->bad - MOST_NAMED);
    }
    if (d->bad > 0 && d->self->on_bad_file == BAD_FILES_ERROR) {
        return mote_fail(error, MOTE_DATA,
                         "%zu of %zu files cannot be used%s %s (\"on_bad_file\": \"skip\" leaves "
                         "such files out)",
                         d->bad, d->total, d->bad > 1 ? ", the first:" : ":",
                         d->first_bad ? d->first_bad : "out of memory");
    }
    for (size_t c = 0; c < d->self->files.class_count && !d->loading->test_only; c++) {
        if (d->of_class[c] == 0) {
            return mote_fail(error, MOTE_DATA, "%s: no file of the class %s can be used",
                             d->self->files.parts[MOTE_TRAINING].source,
                             d->self->files.class_names[c]);
        }
    }
    return MOTE_OK;
}

static mote_status decode_parts(decoder *d, mote_error *error) {
    mote_status status = MOTE_OK;
    if (!d->loading->test_only) {
        status = decode_part(d, MOTE_TRAINING, error);
        if (status == MOTE_OK) {
            status = decode_part(d, MOTE_VALIDATION, error);
        }
    }
    if (status == MOTE_OK) {
        status = decode_part(d, MOTE_TEST, error);
    }
    return status == MOTE_OK ? check_bad_files(d, error) : status;
}

static mote_status finish(decoder *d, const char *key, mote_error *error) {
    char note[160];
    snprintf(note, sizeof note, "%zu of %zu files cannot be used and are left out", d->bad,
             d->total);
    mote_cache_rest rest = {
        .train = d->counts[MOTE_TRAINING] + d->counts[MOTE_VALIDATION],
        .validation = d->counts[MOTE_VALIDATION],
        .test = d->counts[MOTE_TEST],
        .labels = d->labels,
        .class_names = (const char *const *)d->self->files.class_names,
        .class_count = d->self->files.class_count,
        .note = d->bad > 0 ? note : NULL,
    };
    mote_cache *cache = d->cache;
    d->cache = NULL;
    return mote_cache_finish(cache, key, &rest, error);
}

/* Decodes all pictures, or those of the test part, into a cache at `path` or in memory. */
static mote_status decode_all(const images *self, const mote_loading *loading, const char *path,
                              const char *key, mote_content *content, mote_error *error) {
    decoder d = {.self = self, .loading = loading, .width = mote_shape_count(self->shape)};
    for (size_t p = 0; p < MOTE_PART_COUNT; p++) {
        d.total += !loading->test_only || p == MOTE_TEST ? self->files.parts[p].count : 0;
    }
    if (d.total == 0) { /* only a test part is wanted, and there is none */
        return MOTE_OK;
    }
    mote_status status = allocate_chunk(&d, error);
    if (status == MOTE_OK) {
        d.cache = mote_cache_create(path, self->shape, d.total, loading, content, error);
        status = d.cache ? decode_parts(&d, error) : MOTE_MEMORY;
    }
    if (status == MOTE_OK) {
        status = finish(&d, key, error);
    }
    mote_cache_abandon(d.cache);
    free_chunk(&d);
    return status;
}

/* ---- the cache ---- */

/* What a cache is made from, as text; the first number is the version of how pictures are decoded.
 * Free it with free(). NULL when out of memory. */
static char *make_key(const images *self) {
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    if (!stream) {
        return NULL;
    }
    fprintf(stream, "images 2\n%zu %zu %zu\n%s\n%s\n", self->shape.dims[0], self->shape.dims[1],
            self->shape.dims[2], self->size.node ? mote_resize_names[self->resize] : "one size",
            bad_files_names[self->on_bad_file]);
    for (size_t p = 0; p < MOTE_PART_COUNT; p++) {
        const mote_image_files *files = &self->files.parts[p];
        fprintf(stream, "part %zu: %zu\n", p, files->count);
        for (size_t i = 0; i < files->count; i++) {
            const mote_image_file *f = &files->files[i];
            fprintf(stream, "%s\t%s\t%" PRId64 "\t%" PRId64 "\n", f->name,
                    self->files.class_names[f->label], f->bytes, f->modified);
        }
    }
    bool failed = ferror(stream) != 0;
    if (fclose(stream) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* "pets.3x64x64-fit.cache" for "../pets/", or "pets-1a2b3c4d.3x64x64-fit.cache" in a directory that
 * other data sets may share. */
static mote_status name_cache(const images *self, const char *source, bool apart, char *name,
                              size_t capacity, mote_error *error) {
    const char *slash = strrchr(source, '/'), *base = slash ? slash + 1 : source;
    char origin[16] = "";
    if (apart) {
        snprintf(origin, sizeof origin, "-%08lx",
                 crc32_z(0, (const Bytef *)source, strlen(source)));
    }
    int used = snprintf(name, capacity, "%s%s.%zux%zux%zu-%s.cache", base[0] ? base : "images",
                        origin, self->shape.dims[0], self->shape.dims[1], self->shape.dims[2],
                        self->size.node ? mote_resize_names[self->resize] : "as-is");
    return used >= 0 && (size_t)used < capacity
               ? MOTE_OK
               : mote_fail(error, MOTE_FILE, "%s: its name is too long for that of a cache", base);
}

static bool is_directory(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Finds where the cache goes: *path becomes NULL if there is to be none; free it with free(). */
static mote_status place_cache(const images *self, char **path, mote_error *error) {
    *path = NULL;
    if (strcmp(self->cache, cache_none) == 0) {
        return MOTE_OK;
    }
    bool beside = strcmp(self->cache, cache_beside) == 0;
    char *source = realpath(self->directory ? self->directory : self->list, NULL);
    char *directory = source && beside ? mote_path_directory(source) : strdup(self->cache);
    mote_status status = MOTE_OK;
    if (!source || !directory) {
        status = mote_fail(error, source || errno == ENOMEM ? MOTE_MEMORY : MOTE_FILE,
                           "%s: no longer exists", self->directory ? self->directory : self->list);
    } else if (is_directory(directory)) {
        char name[512];
        status = name_cache(self, source, !beside, name, sizeof name, error);
        *path = status == MOTE_OK ? mote_path_join(directory, name) : NULL;
    } else {
        *path = strdup(directory);
    }
    free(source);
    free(directory);
    return status == MOTE_OK && !*path ? mote_fail(error, MOTE_MEMORY, "out of memory for a path")
                                       : status;
}

/* ---- loading ---- */

static char *input_text(const images *self) {
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    mote_json_add_string(&writer, object, "format", "images");
    mote_json_add_string(&writer, object, "resize", mote_resize_names[self->resize]);
    mote_json_add_number(&writer, object, "channels", (double)self->channels);
    return mote_json_print(&writer, object, MOTE_JSON_ONE_LINE);
}

static mote_status load_all(const images *self, const mote_loading *loading, const char *path,
                            mote_content *content, mote_error *error) {
    char *key = make_key(self);
    if (!key) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for a list of pictures");
    }
    mote_status status = MOTE_OK;
    if (!path || !mote_cache_open(path, key, loading, content)) {
        /* A cache of the test part alone would be useless for training. */
        status = decode_all(self, loading, loading->test_only ? NULL : path, key, content, error);
    }
    free(key);
    return status;
}

static mote_status load(mote_format *format, const mote_loading *loading, mote_content *content,
                        mote_error *error) {
    images *self = (images *)format;
    char *path;
    mote_status status = place_cache(self, &path, error);
    if (status == MOTE_OK) {
        status = load_all(self, loading, path, content, error);
    }
    free(path);
    const mote_image_files *parts = self->files.parts;
    if (content->train.count != parts[MOTE_TRAINING].count + parts[MOTE_VALIDATION].count) {
        mote_image_list_free(&self->files); /* samples no longer match the files */
    }
    if (status == MOTE_OK) {
        content->input = input_text(self);
        status = content->input ? MOTE_OK : mote_fail(error, MOTE_MEMORY, "out of memory");
    }
    return status;
}

static bool find_origin(const mote_format *format, const mote_content *content, size_t sample,
                        char *text, size_t capacity) {
    const images *self = (const images *)format;
    const mote_image_files *files = &self->files.parts[MOTE_TRAINING];
    (void)content;
    if (sample >= files->count) {
        sample -= files->count;
        files = &self->files.parts[MOTE_VALIDATION];
    }
    if (sample >= files->count) {
        return false;
    }
    char *path = path_of(files, &files->files[sample]);
    snprintf(text, capacity, "%s", path ? path : "");
    free(path);
    return path != NULL;
}

const mote_format_class mote_format_images = {
    .type = "images",
    .summary = "picture files: one directory per class, or a list",
    .example = "{\"format\": \"images\", \"directory\": \"../pets\", \"size\": 64, "
               "\"validation_fraction\": 0.1}",
    .size = sizeof(images),
    .fields = fields,
    .open = open_format,
    .load = load,
    .origin = find_origin,
    .destroy = destroy,
};
