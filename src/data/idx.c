/* idx.c: the files of MNIST and its relatives.
 *
 * An IDX file is two zero bytes, the type of its numbers (8: unsigned bytes), the number of
 * dimensions, each dimension as a big-endian 32-bit number, and the numbers. The first dimension
 * counts the samples. Files may be compressed with gzip, under any name.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "data/format.h"
#include "data/idx.h"

enum {
    MAX_DIMENSIONS = 4,
    UNSIGNED_BYTES = 8,
    BUFFER = 1 << 18,
    READ_AT_ONCE = 1 << 22, /* between two progress reports */
    PROMISE_CAPACITY = 160
};

typedef struct idx {
    mote_format base;
    char *directory;
    char *train_images, *train_labels, *test_images, *test_labels;
} idx;

static const mote_field fields[] = {
    {.name = "directory",
     .kind = MOTE_FIELD_PATH,
     .offset = offsetof(idx, directory),
     .preset = "\".\"",
     .help = "where the files are"},
    {.name = "train_images",
     .kind = MOTE_FIELD_STRING,
     .offset = offsetof(idx, train_images),
     .optional = true,
     .help = "by default train-images-idx3-ubyte, with or without .gz"},
    {.name = "train_labels",
     .kind = MOTE_FIELD_STRING,
     .offset = offsetof(idx, train_labels),
     .optional = true,
     .help = "by default train-labels-idx1-ubyte, with or without .gz"},
    {.name = "test_images",
     .kind = MOTE_FIELD_STRING,
     .offset = offsetof(idx, test_images),
     .optional = true,
     .help = "by default t10k-images-idx3-ubyte, with or without .gz, if there is one"},
    {.name = "test_labels",
     .kind = MOTE_FIELD_STRING,
     .offset = offsetof(idx, test_labels),
     .optional = true,
     .help = "by default t10k-labels-idx1-ubyte, with or without .gz, if there is one"},
    MOTE_FIELDS_END,
};

/* ---- one file ---- */

typedef struct idx_file {
    gzFile stream;
    const char *path;
    size_t rank;
    size_t dims[MAX_DIMENSIONS];
} idx_file;

/* Says what zlib found wrong; `otherwise` if the data just ends. */
static mote_status fail_read(const idx_file *file, const char *otherwise, mote_error *error) {
    int code;
    const char *reason = gzerror(file->stream, &code);
    size_t length = strlen(file->path);
    if (strncmp(reason, file->path, length) == 0 && strncmp(reason + length, ": ", 2) == 0) {
        reason += length + 2;
    }
    if (code == Z_ERRNO) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be read: %s", file->path, reason);
    }
    if (code == Z_OK || code == Z_BUF_ERROR || code == Z_STREAM_END) {
        return mote_fail(error, MOTE_DATA, "%s: %s", file->path, otherwise);
    }
    return mote_fail(error, MOTE_DATA, "%s: the compressed data is damaged: %s", file->path,
                     reason);
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static mote_status read_header(idx_file *file, mote_error *error) {
    unsigned char bytes[4 + 4 * MAX_DIMENSIONS];
    int got = gzread(file->stream, bytes, 4);
    if (got != 4) {
        return fail_read(file, got == 0 ? "the file is empty" : "too short to be an IDX file",
                         error);
    }
    if (ends_with(file->path, ".gz") && gzdirect(file->stream)) {
        return mote_fail(error, MOTE_DATA, "%s: not a gzip file, although its name says so",
                         file->path);
    }
    file->rank = bytes[3];
    if (bytes[0] || bytes[1] || bytes[2] != UNSIGNED_BYTES || file->rank < 1 ||
        file->rank > MAX_DIMENSIONS) {
        return mote_fail(error, MOTE_DATA,
                         "%s: not an IDX file of unsigned bytes: expected it to start with 00 00 "
                         "08 and 1 to 4 dimensions, found %02x %02x %02x %02x",
                         file->path, bytes[0], bytes[1], bytes[2], bytes[3]);
    }
    if (gzread(file->stream, bytes + 4, (unsigned)(4 * file->rank)) != (int)(4 * file->rank)) {
        return fail_read(file, "the file ends within its header", error);
    }
    for (size_t i = 0; i < file->rank; i++) {
        const unsigned char *b = bytes + 4 + 4 * i;
        file->dims[i] = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
        if (file->dims[i] == 0) {
            return mote_fail(error, MOTE_DATA,
                             "%s: the file holds no samples: its dimension %zu is 0", file->path,
                             i);
        }
    }
    return MOTE_OK;
}

static mote_status open_file(idx_file *file, const char *path, mote_error *error) {
    errno = 0;
    *file = (idx_file){.stream = gzopen(path, "rb"), .path = path};
    if (!file->stream) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", path,
                         errno ? strerror(errno) : "out of memory");
    }
    gzbuffer(file->stream, BUFFER);
    mote_status status = read_header(file, error);
    if (status != MOTE_OK) {
        gzclose(file->stream);
    }
    return status;
}

static mote_shape sample_shape(const idx_file *file) {
    const size_t *d = file->dims;
    switch (file->rank) {
    case 1:
        return (mote_shape){0};
    case 2:
        return mote_shape_vector(d[1]);
    case 3:
        return mote_shape_image(1, d[1], d[2]);
    default:
        return mote_shape_image(d[1], d[2], d[3]);
    }
}

/* "the header promises 60000 images of 28 × 28" */
static void describe_promise(const idx_file *file, char *text, size_t capacity) {
    size_t used = (size_t)snprintf(text, capacity, "the header promises %zu %s", file->dims[0],
                                   file->rank == 1 ? "labels" : "images of ");
    for (size_t i = 1; i < file->rank; i++) {
        used += (size_t)snprintf(text + used, capacity - used, "%s%zu", i > 1 ? " × " : "",
                                 file->dims[i]);
    }
}

/* Keeps a damaged header from claiming all memory: gzip compresses 1032:1 at best. */
static bool may_hold(const char *path, size_t bytes) {
    struct stat file;
    return stat(path, &file) != 0 || !S_ISREG(file.st_mode) || bytes / 1100 <= (size_t)file.st_size;
}

/* Fails because the data ends, or is damaged, after that many samples. */
static mote_status fail_short(const idx_file *file, size_t samples, mote_error *error) {
    char promise[PROMISE_CAPACITY], text[PROMISE_CAPACITY + 64];
    describe_promise(file, promise, sizeof promise);
    snprintf(text, sizeof text, "%s, the data ends after %zu", promise, samples);
    return fail_read(file, text, error);
}

/* Checks that the data ends after the last sample. */
static mote_status check_end(const idx_file *file, mote_error *error) {
    char more;
    int got = gzread(file->stream, &more, 1);
    if (got > 0) {
        char promise[PROMISE_CAPACITY];
        describe_promise(file, promise, sizeof promise);
        return mote_fail(error, MOTE_DATA, "%s: %s, but the data goes on after them", file->path,
                         promise);
    }
    /* Reading past the end has verified the gzip stream's own checksum, if it was there. */
    int code;
    gzerror(file->stream, &code);
    return got < 0 || code == Z_BUF_ERROR
               ? fail_read(file, "the compressed data is cut short at its very end", error)
               : MOTE_OK;
}

static mote_status read_body(const idx_file *file, const mote_loading *loading, uint8_t *body,
                             size_t bytes, mote_error *error) {
    for (size_t done = 0; done < bytes;) {
        if (!mote_load_progress(loading, file->rank == 1 ? "reading labels" : "reading images",
                                done, bytes)) {
            return mote_load_stopped(error);
        }
        size_t wanted = bytes - done < READ_AT_ONCE ? bytes - done : READ_AT_ONCE;
        int got = gzread(file->stream, body + done, (unsigned)wanted);
        if (got <= 0) {
            return fail_short(file, done / (bytes / file->dims[0]), error);
        }
        done += (size_t)got;
    }
    return check_end(file, error);
}

/* Reads a whole file into the content's memory; NULL on failure. */
static uint8_t *load_file(const char *path, const mote_loading *loading, mote_content *content,
                          idx_file *file, mote_error *error) {
    if (open_file(file, path, error) != MOTE_OK) {
        return NULL;
    }
    mote_shape shape = {.rank = file->rank};
    memcpy(shape.dims, file->dims, sizeof file->dims);
    size_t bytes = mote_shape_count(shape);
    uint8_t *body = NULL;
    if (may_hold(path, bytes)) {
        body = mote_content_allocate(content, bytes, 1, path, error);
    } else {
        char promise[PROMISE_CAPACITY];
        describe_promise(file, promise, sizeof promise);
        mote_fail(error, MOTE_DATA, "%s: %s, far more than such a small file can hold", path,
                  promise);
    }
    if (body && read_body(file, loading, body, bytes, error) != MOTE_OK) {
        body = NULL;
    }
    gzclose(file->stream);
    return body;
}

/* ---- a pair of files ---- */

enum {
    PATH_CAPACITY = 4096
};

static const char *full_path(const idx *self, const char *name, char *path) {
    snprintf(path, PATH_CAPACITY, "%s%s%s", name[0] == '/' ? "" : self->directory,
             name[0] == '/' ? "" : "/", name);
    return path;
}

static mote_status load_pair(const idx *self, const mote_loading *loading, const char *images_name,
                             const char *labels_name, mote_content *content, mote_samples *samples,
                             mote_error *error) {
    char images_text[PATH_CAPACITY], labels_text[PATH_CAPACITY];
    const char *images_path = full_path(self, images_name, images_text);
    const char *labels_path = full_path(self, labels_name, labels_text);
    idx_file images, labels;
    uint8_t *pixels = load_file(images_path, loading, content, &images, error);
    if (!pixels) {
        return error ? error->status : MOTE_DATA;
    }
    if (images.rank < 2) {
        return mote_fail(error, MOTE_DATA, "%s: holds labels, not images; are the names swapped?",
                         images_path);
    }
    uint8_t *bytes = load_file(labels_path, loading, content, &labels, error);
    if (!bytes) {
        return error ? error->status : MOTE_DATA;
    }
    if (labels.rank != 1) {
        return mote_fail(error, MOTE_DATA, "%s: holds images, not labels; are the names swapped?",
                         labels_path);
    }
    if (labels.dims[0] != images.dims[0]) {
        return mote_fail(error, MOTE_DATA, "%s: holds %zu labels, but %s holds %zu images",
                         labels_path, labels.dims[0], images_path, images.dims[0]);
    }
    uint32_t *numbers =
        mote_content_allocate(content, labels.dims[0], sizeof *numbers, labels_path, error);
    if (!numbers) {
        return MOTE_MEMORY;
    }
    for (size_t i = 0; i < labels.dims[0]; i++) {
        numbers[i] = bytes[i];
    }
    *samples = (mote_samples){.count = images.dims[0],
                              .shape = sample_shape(&images),
                              .bytes = pixels,
                              .labels = numbers};
    return MOTE_OK;
}

/* ---- the format ---- */

static bool exists(const idx *self, const char *name) {
    char path[PATH_CAPACITY];
    return access(full_path(self, name, path), F_OK) == 0;
}

/* Sets *name, unless given, to the usual name, plain or with .gz, if such a file exists. */
static mote_status find_file(const idx *self, char **name, const char *usual, mote_error *error) {
    char compressed[64];
    snprintf(compressed, sizeof compressed, "%s.gz", usual);
    if (*name || (!exists(self, usual) && !exists(self, compressed))) {
        return MOTE_OK;
    }
    *name = strdup(exists(self, usual) ? usual : compressed);
    return *name ? MOTE_OK : mote_fail(error, MOTE_MEMORY, "out of memory for the name of a file");
}

static mote_status find_files(idx *self, mote_error *error) {
    const struct {
        char **name;
        const char *usual;
        bool needed;
    } files[] = {
        {&self->train_images, "train-images-idx3-ubyte", true},
        {&self->train_labels, "train-labels-idx1-ubyte", true},
        {&self->test_images, "t10k-images-idx3-ubyte", false},
        {&self->test_labels, "t10k-labels-idx1-ubyte", false},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        mote_status status = find_file(self, files[i].name, files[i].usual, error);
        if (status != MOTE_OK) {
            return status;
        }
        if (files[i].needed && !*files[i].name) {
            char path[PATH_CAPACITY];
            return mote_fail(error, MOTE_FILE,
                             "%s: no such file, with or without .gz (datasets/get.sh fetches "
                             "mnist, fashion-mnist and kmnist)",
                             full_path(self, files[i].usual, path));
        }
    }
    if (!self->test_images != !self->test_labels) {
        return mote_fail(error, MOTE_FILE, "%s: there are test %s, but no test %s", self->directory,
                         self->test_images ? "images" : "labels",
                         self->test_images ? "labels" : "images");
    }
    return MOTE_OK;
}

static mote_status open_format(mote_format *format, const mote_loading *loading, mote_shape *shape,
                               mote_error *error) {
    (void)loading;
    idx *self = (idx *)format;
    mote_status status = find_files(self, error);
    if (status != MOTE_OK) {
        return status;
    }
    char path[PATH_CAPACITY];
    idx_file file;
    status = open_file(&file, full_path(self, self->train_images, path), error);
    if (status != MOTE_OK) {
        return status;
    }
    *shape = sample_shape(&file);
    gzclose(file.stream);
    if (shape->rank == 0) {
        return mote_fail(error, MOTE_DATA, "%s: holds labels, not images; are the names swapped?",
                         path);
    }
    return MOTE_OK;
}

static mote_status load(mote_format *format, const mote_loading *loading, mote_content *content,
                        mote_error *error) {
    const idx *self = (const idx *)format;
    mote_status status = MOTE_OK;
    if (!loading->test_only) {
        status = load_pair(self, loading, self->train_images, self->train_labels, content,
                           &content->train, error);
    }
    if (status == MOTE_OK && self->test_images) {
        status = load_pair(self, loading, self->test_images, self->test_labels, content,
                           &content->test, error);
    }
    return status;
}

const mote_format_class mote_format_idx = {
    .type = "idx",
    .summary = "the files of MNIST and its relatives, plain or gzip",
    .example =
        "{\"format\": \"idx\", \"directory\": \"../datasets/mnist\", \"validation_fraction\": 0.1}",
    .size = sizeof(idx),
    .fields = fields,
    .open = open_format,
    .load = load,
};

/* ---- sample by sample ---- */

struct mote_idx_reader {
    idx_file file;
    char *path;
    mote_shape shape;
    size_t bytes, done; /* bytes per sample; samples read */
};

mote_idx_reader *mote_idx_open(const char *path, mote_error *error) {
    mote_idx_reader *reader = calloc(1, sizeof *reader);
    char *copy = reader ? strdup(path) : NULL;
    if (!copy) {
        mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    }
    if (!copy || open_file(&reader->file, copy, error) != MOTE_OK) {
        free(copy);
        free(reader);
        return NULL;
    }
    reader->path = copy;
    reader->shape = sample_shape(&reader->file);
    reader->bytes = mote_shape_count(reader->shape);
    return reader;
}

void mote_idx_close(mote_idx_reader *reader) {
    if (reader) {
        gzclose(reader->file.stream);
        free(reader->path);
        free(reader);
    }
}

mote_shape mote_idx_shape(const mote_idx_reader *reader) {
    return reader->shape;
}

mote_status mote_idx_next(mote_idx_reader *reader, uint8_t *sample, bool *more, mote_error *error) {
    *more = reader->done < reader->file.dims[0];
    if (!*more) {
        return check_end(&reader->file, error);
    }
    for (size_t done = 0; done < reader->bytes;) {
        size_t left = reader->bytes - done;
        int got = gzread(reader->file.stream, sample + done,
                         (unsigned)(left < READ_AT_ONCE ? left : READ_AT_ONCE));
        if (got <= 0) {
            return fail_short(&reader->file, reader->done, error);
        }
        done += (size_t)got;
    }
    reader->done++;
    return MOTE_OK;
}
