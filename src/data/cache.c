/* cache.c: decoded samples in a file.
 *
 * A file holds a header, the samples from the next page on, then the labels and the texts: key,
 * note and class names, each NUL-terminated. Checksums cover all but the samples; reading those to
 * check them would cost the time that the cache saves. The file is put in place atomically; what a
 * killed process leaves behind is removed by the next one.
 */
#include "data/cache.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/file.h"
#include "core/memory.h"
#include "mote/version.h"

enum {
    PAGE = 4096,
    VERSION_CAPACITY = 24,
    FORMAT = 1 /* of the file; increment with each change */
};

static const char magic[8] = "mote.cch";

/* In native byte order: in another order, `format` reads as another number. */
typedef struct header {
    char magic[8];
    uint32_t format, rank;
    char version[VERSION_CAPACITY]; /* of mote: another one may decode differently */
    uint64_t dims[MOTE_MAX_RANK];
    uint64_t train, validation, test, class_count;
    uint64_t key_length, note_length, names_length; /* including the NULs */
    uint64_t rest_checksum;                         /* of all that follows the samples */
    uint64_t header_checksum;                       /* of all fields above */
} header;

/* Sizes and offsets, derived from the header. */
typedef struct layout {
    size_t width, samples; /* bytes per sample; bytes of all samples */
    size_t labels, key, note, names, end;
} layout;

/* False if the numbers are impossible. */
static bool lay_out(const header *h, layout *l) {
    const uint64_t most = (uint64_t)1 << 48;
    mote_shape shape = {.rank = h->rank};
    for (size_t i = 0; i < h->rank; i++) {
        shape.dims[i] = (size_t)h->dims[i];
    }
    uint64_t count = h->train + h->test;
    l->width = mote_shape_count(shape);
    if (l->width == 0 || l->width > most || h->train > most || h->validation > h->train ||
        h->test > most || (count > 0 && l->width > most / count) || h->key_length > most ||
        h->note_length > most || h->names_length > most) {
        return false;
    }
    l->samples = (size_t)count * l->width;
    l->labels = PAGE + (l->samples + MOTE_ALIGNMENT - 1) / MOTE_ALIGNMENT * MOTE_ALIGNMENT;
    l->key = l->labels + (size_t)count * sizeof(uint32_t);
    l->note = l->key + (size_t)h->key_length;
    l->names = l->note + (size_t)h->note_length;
    l->end = l->names + (size_t)h->names_length;
    return true;
}

static uint64_t header_checksum(const header *h) {
    return crc32_z(0, (const Bytef *)h, offsetof(header, header_checksum));
}

/* ---- opening ---- */

/* What is wrong with a header; NULL: nothing. */
static const char *check_header(const header *h, size_t file_size, layout *l) {
    if (memcmp(h->magic, magic, sizeof magic) != 0) {
        return "it is not a mote cache";
    }
    if (h->format != FORMAT || strncmp(h->version, MOTE_VERSION, VERSION_CAPACITY) != 0) {
        return "it was made by another version of mote";
    }
    if (h->header_checksum != header_checksum(h) || h->rank < 1 || h->rank > MOTE_MAX_RANK ||
        !lay_out(h, l)) {
        return "it is damaged";
    }
    return l->end != file_size ? "it is cut short or damaged" : NULL;
}

/* What is wrong with what follows the samples; NULL: nothing. */
static const char *check_rest(const header *h, const layout *l, const char *file, const char *key) {
    const char *rest = file + l->labels;
    if (crc32_z(0, (const Bytef *)rest, l->end - l->labels) != h->rest_checksum) {
        return "it is damaged";
    }
    return strlen(key) + 1 != h->key_length || memcmp(file + l->key, key, h->key_length) != 0
               ? "it was made from other files, or with other settings"
               : NULL;
}

/* Sets the content's views. False when out of memory. */
static bool fill_content(const header *h, const uint8_t *samples, const uint32_t *labels,
                         const char *names, mote_content *content) {
    char **list = NULL;
    if (h->class_count > 0) {
        list = mote_content_allocate(content, h->class_count, sizeof *list, "class names", NULL);
        if (!list) {
            return false;
        }
    }
    for (size_t i = 0; i < h->class_count; i++, names += strlen(names) + 1) {
        list[i] = (char *)(uintptr_t)names; /* the content promises not to write there */
    }
    mote_samples all = {.shape = {.rank = h->rank}, .bytes = samples, .labels = labels};
    for (size_t i = 0; i < h->rank; i++) {
        all.shape.dims[i] = (size_t)h->dims[i];
    }
    content->train = content->test = all;
    content->train.count = (size_t)h->train;
    content->test.count = (size_t)h->test;
    content->validation = (size_t)h->validation;
    content->test.bytes += content->train.count * mote_shape_count(all.shape);
    content->test.labels += content->train.count;
    content->class_names = list;
    content->class_count = (size_t)h->class_count;
    return true;
}

/* Maps an open file. Returns what is wrong with it, or NULL. */
static const char *map_file(int file, size_t size, const char *path, const char *key,
                            mote_content *content, const char **note) {
    header h;
    layout l;
    if (size < PAGE || pread(file, &h, sizeof h, 0) != (ssize_t)sizeof h) {
        return "it is cut short";
    }
    const char *wrong = check_header(&h, size, &l);
    if (wrong) {
        return wrong;
    }
    mote_content mapped = {0};
    const char *start = mote_content_map(&mapped, file, size, path, NULL);
    wrong = start ? check_rest(&h, &l, start, key) : "it cannot be mapped into memory";
    if (!wrong && !fill_content(&h, (const uint8_t *)start + PAGE,
                                (const uint32_t *)(const void *)(start + l.labels), start + l.names,
                                &mapped)) {
        wrong = "there is too little memory for it";
    }
    if (wrong) {
        mote_content_free(&mapped);
        return wrong;
    }
    *note = h.note_length > 1 ? start + l.note : NULL;
    mote_content_take(content, &mapped);
    return NULL;
}

bool mote_cache_open(const char *path, const char *key, const mote_loading *loading,
                     mote_content *content) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) {
        return false;
    }
    struct stat status;
    const char *wrong, *note = NULL;
    if (file < 0 || fstat(file, &status) != 0) {
        wrong = strerror(errno);
    } else if (!S_ISREG(status.st_mode)) {
        wrong = "it is not a regular file";
    } else {
        wrong = map_file(file, (size_t)status.st_size, path, key, content, &note);
    }
    if (file >= 0) {
        close(file);
    }
    if (wrong) {
        mote_load_notice(loading, "%s: rebuilding the cache: %s", path, wrong);
    } else if (note) {
        mote_load_notice(loading, "%s", note);
    }
    return !wrong;
}

/* ---- making ---- */

struct mote_cache {
    const mote_loading *loading;
    mote_content *content;
    mote_shape shape;
    size_t width, most, count; /* bytes per sample; samples at most, and so far */
    mote_file_writer writer;   /* stream NULL: in memory */
    uint8_t *memory;           /* [most × width] if there is no file */
};

static bool writes(const mote_cache *cache) {
    return cache->writer.stream != NULL;
}

static bool write_at(const mote_cache *cache, const void *bytes, size_t count, size_t offset) {
    const char *from = bytes;
    while (count > 0) {
        ssize_t done = pwrite(fileno(cache->writer.stream), from, count, (off_t)offset);
        if (done <= 0 && !(done < 0 && errno == EINTR)) {
            return false;
        }
        if (done > 0) {
            from += done;
            offset += (size_t)done;
            count -= (size_t)done;
        }
    }
    return true;
}

static bool read_back(const mote_cache *cache, uint8_t *to) {
    size_t bytes = cache->count * cache->width;
    for (size_t done = 0; done < bytes;) {
        ssize_t got =
            pread(fileno(cache->writer.stream), to + done, bytes - done, (off_t)(PAGE + done));
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return false;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* Continues in memory, with what has been written so far. */
static mote_status leave_file(mote_cache *cache, const char *reason, mote_error *error) {
    const char *path = cache->writer.path;
    mote_load_notice(cache->loading, "%s: the cache cannot be written: %s; continuing without it",
                     path, reason);
    cache->memory =
        mote_content_allocate(cache->content, cache->most, cache->width, "samples", error);
    mote_status status = cache->memory ? MOTE_OK : MOTE_MEMORY;
    if (status == MOTE_OK && !read_back(cache, cache->memory)) {
        status = mote_fail(error, MOTE_FILE, "%s: cannot be read back: %s", path, strerror(errno));
    }
    mote_file_abandon(&cache->writer);
    return status;
}

static mote_status open_place(mote_cache *cache, const char *path, mote_error *error) {
    mote_error reason = {0};
    if (path && mote_file_open(&cache->writer, path, &reason) == MOTE_OK) {
        return MOTE_OK;
    }
    if (path) {
        mote_load_notice(cache->loading, "%s; continuing without a cache", reason.message);
    }
    cache->memory =
        mote_content_allocate(cache->content, cache->most, cache->width, "samples", error);
    return cache->memory ? MOTE_OK : MOTE_MEMORY;
}

mote_cache *mote_cache_create(const char *path, mote_shape shape, size_t most,
                              const mote_loading *loading, mote_content *content,
                              mote_error *error) {
    mote_cache *cache = malloc(sizeof *cache);
    if (!cache) {
        mote_fail(error, MOTE_MEMORY, "out of memory for a cache");
        return NULL;
    }
    *cache = (mote_cache){.loading = loading,
                          .content = content,
                          .shape = shape,
                          .width = mote_shape_count(shape),
                          .most = most};
    if (open_place(cache, path, error) != MOTE_OK) {
        mote_cache_abandon(cache);
        return NULL;
    }
    return cache;
}

mote_status mote_cache_add(mote_cache *cache, size_t count, const uint8_t *samples,
                           mote_error *error) {
    assert(count <= cache->most - cache->count);
    size_t at = cache->count * cache->width, bytes = count * cache->width;
    if (writes(cache) && !write_at(cache, samples, bytes, PAGE + at)) {
        mote_status status = leave_file(cache, strerror(errno), error);
        if (status != MOTE_OK) {
            return status;
        }
    }
    if (!writes(cache)) {
        memcpy(cache->memory + at, samples, bytes);
    }
    cache->count += count;
    return MOTE_OK;
}

void mote_cache_abandon(mote_cache *cache) {
    if (cache) {
        if (writes(cache)) {
            mote_file_abandon(&cache->writer);
        }
        free(cache);
    }
}

/* ---- finishing ---- */

static header header_of(const mote_cache *cache, const char *key, const mote_cache_rest *rest) {
    header h;
    memset(&h, 0, sizeof h); /* padding too, which the checksum covers */
    memcpy(h.magic, magic, sizeof magic);
    h.format = FORMAT;
    snprintf(h.version, sizeof h.version, "%s", MOTE_VERSION);
    h.rank = (uint32_t)cache->shape.rank;
    for (size_t i = 0; i < cache->shape.rank; i++) {
        h.dims[i] = cache->shape.dims[i];
    }
    h.train = rest->train;
    h.validation = rest->validation;
    h.test = rest->test;
    h.class_count = rest->class_count;
    h.key_length = strlen(key) + 1;
    h.note_length = rest->note ? strlen(rest->note) + 1 : 1;
    for (size_t i = 0; i < rest->class_count; i++) {
        h.names_length += strlen(rest->class_names[i]) + 1;
    }
    return h;
}

/* Writes a piece of what follows the samples at *offset, and advances both offset and checksum. */
static bool write_rest(const mote_cache *cache, const void *bytes, size_t count, size_t *offset,
                       uint64_t *checksum) {
    bool good = write_at(cache, bytes, count, *offset);
    *offset += count;
    *checksum = crc32_z((uLong)*checksum, bytes, count);
    return good;
}

/* Sets errno on failure. */
static bool write_all(const mote_cache *cache, const char *key, const mote_cache_rest *rest) {
    header h = header_of(cache, key, rest);
    layout l;
    if (!lay_out(&h, &l)) {
        errno = EFBIG;
        return false;
    }
    size_t at = l.labels;
    uint64_t *sum = &h.rest_checksum;
    const char *note = rest->note ? rest->note : "";
    bool good = write_rest(cache, rest->labels, l.key - l.labels, &at, sum) &&
                write_rest(cache, key, (size_t)h.key_length, &at, sum) &&
                write_rest(cache, note, (size_t)h.note_length, &at, sum);
    for (size_t i = 0; good && i < rest->class_count; i++) {
        const char *name = rest->class_names[i];
        good = write_rest(cache, name, strlen(name) + 1, &at, sum);
    }
    h.header_checksum = header_checksum(&h);
    return good && write_at(cache, &h, sizeof h, 0);
}

/* Fills the content from memory, with copies of labels and names. */
static mote_status fill_from_memory(const mote_cache *cache, const char *key,
                                    const mote_cache_rest *rest, mote_error *error) {
    header h = header_of(cache, key, rest);
    size_t count = rest->train + rest->test;
    uint32_t *labels =
        mote_content_allocate(cache->content, count, sizeof *labels, "labels", error);
    char *names = labels ? mote_content_allocate(cache->content, (size_t)h.names_length + 1, 1,
                                                 "class names", error)
                         : NULL;
    if (!names) {
        return MOTE_MEMORY;
    }
    memcpy(labels, rest->labels, count * sizeof *labels);
    char *at = names;
    for (size_t i = 0; i < rest->class_count; i++) {
        at = stpcpy(at, rest->class_names[i]) + 1;
    }
    return fill_content(&h, cache->memory, labels, names, cache->content)
               ? MOTE_OK
               : mote_fail(error, MOTE_MEMORY, "out of memory for the names of %zu classes",
                           rest->class_count);
}

/* Maps the file and gives it its name. Sets *placed once it is mapped, even if it gets no name. */
static mote_status place_file(mote_cache *cache, const char *key, const mote_cache_rest *rest,
                              bool *placed, mote_error *error) {
    if (!write_all(cache, key, rest)) {
        return leave_file(cache, strerror(errno), error);
    }
    int file = fileno(cache->writer.stream);
    if (fsync(file) != 0) { /* the file's content is now unknown */
        return mote_fail(error, MOTE_FILE, "%s: the cache was lost as it was written: %s",
                         cache->writer.path, strerror(errno));
    }
    /* Mapped before it gets its name, since another process may replace it after that. */
    mote_content mapped = {0};
    struct stat status;
    const char *note, *wrong = fstat(file, &status) == 0
                                   ? map_file(file, (size_t)status.st_size, cache->writer.path, key,
                                              &mapped, &note)
                                   : strerror(errno);
    if (wrong) {
        return leave_file(cache, wrong, error);
    }
    mote_content_take(cache->content, &mapped);
    *placed = true;
    mote_error reason = {0};
    if (mote_file_commit(&cache->writer, &reason) != MOTE_OK) {
        mote_load_notice(cache->loading, "%s; there is no cache", reason.message);
    }
    return MOTE_OK;
}

mote_status mote_cache_finish(mote_cache *cache, const char *key, const mote_cache_rest *rest,
                              mote_error *error) {
    assert(rest->train + rest->test == cache->count);
    bool placed = false;
    mote_status status = MOTE_OK;
    if (writes(cache)) {
        status = place_file(cache, key, rest, &placed, error);
    }
    if (status == MOTE_OK && !placed) {
        status = fill_from_memory(cache, key, rest, error);
    }
    if (status == MOTE_OK && rest->note) {
        mote_load_notice(cache->loading, "%s", rest->note);
    }
    mote_cache_abandon(cache);
    return status;
}
