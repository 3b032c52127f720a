/* cifar.c: the binary files of CIFAR-10 and CIFAR-100.
 *
 * A file is a sequence of records: one byte with the class in CIFAR-10, two with the coarse and the
 * fine class in CIFAR-100, then the picture, 3 × 32 × 32 bytes. Class names are in text files
 * beside them, one per line (www.cs.toronto.edu/~kriz/cifar.html).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "data/cifar.h"
#include "data/format.h"

enum {
    SIDE = 32,
    PIXELS = 3 * SIDE * SIDE,
    MOST_LABELS = 2,
    RECORDS_AT_ONCE = 256, /* read between two progress reports */
    MOST_FILES = 5,
    NAMES_LIMIT = 1 << 16
};

static const char *const label_kinds[] = {"fine", "coarse", NULL};

typedef enum label_kind {
    FINE,
    COARSE
} label_kind;

/* One of the two data sets, with one of its kinds of labels. */
typedef struct edition {
    const char *name;
    const char *train[MOST_FILES + 1]; /* NULL-terminated */
    const char *test, *names;
    size_t labels, label; /* label bytes before a picture, and the index of the one used */
    size_t classes;
} edition;

static const edition cifar10 = {.name = "CIFAR-10",
                                .train = {"data_batch_1.bin", "data_batch_2.bin",
                                          "data_batch_3.bin", "data_batch_4.bin",
                                          "data_batch_5.bin"},
                                .test = "test_batch.bin",
                                .names = "batches.meta.txt",
                                .labels = 1,
                                .classes = 10};

static const edition cifar100[] = {[FINE] = {.name = "CIFAR-100",
                                             .train = {"train.bin"},
                                             .test = "test.bin",
                                             .names = "fine_label_names.txt",
                                             .labels = 2,
                                             .label = 1,
                                             .classes = 100},
                                   [COARSE] = {.name = "CIFAR-100",
                                               .train = {"train.bin"},
                                               .test = "test.bin",
                                               .names = "coarse_label_names.txt",
                                               .labels = 2,
                                               .classes = 20}};

typedef struct cifar {
    mote_format base;
    char *directory;
    int labels;             /* a label_kind */
    const edition *edition; /* known once open */
} cifar;

static const mote_field fields[] = {
    {.name = "directory",
     .kind = MOTE_FIELD_PATH,
     .offset = offsetof(cifar, directory),
     .preset = "\".\"",
     .help = "where the files are: data_batch_1.bin ... data_batch_5.bin and test_batch.bin, or "
             "for CIFAR-100 train.bin and test.bin; and the files of class names"},
    {.name = "labels",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(cifar, labels),
     .choices = label_kinds,
     .preset = "\"fine\"",
     .help = "for CIFAR-100: the 100 fine classes or the 20 coarse ones"},
    MOTE_FIELDS_END,
};

/* ---- files ---- */

enum {
    PATH_CAPACITY = 4096
};

static const char *full_path(const cifar *self, const char *name, char *path) {
    snprintf(path, PATH_CAPACITY, "%s/%s", self->directory, name);
    return path;
}

static bool exists(const cifar *self, const char *name) {
    char path[PATH_CAPACITY];
    return access(full_path(self, name, path), F_OK) == 0;
}

static size_t record_size(const cifar *self) {
    return self->edition->labels + PIXELS;
}

/* How many pictures a file holds, from its size. */
static mote_status count_records(const cifar *self, const char *name, size_t *count,
                                 mote_error *error) {
    char path[PATH_CAPACITY];
    struct stat status;
    if (stat(full_path(self, name, path), &status) != 0) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    }
    size_t size = (size_t)status.st_size, record = record_size(self);
    if (!S_ISREG(status.st_mode) || size == 0) {
        return mote_fail(error, MOTE_DATA, "%s: %s", path,
                         size == 0 ? "the file is empty" : "not a regular file");
    }
    if (size % record != 0) {
        return mote_fail(error, MOTE_DATA,
                         "%s: not a complete file of %s: of its %zu bytes, the last %zu are not a "
                         "whole picture of %zu",
                         path, self->edition->name, size, size % record, record);
    }
    *count = size / record;
    return MOTE_OK;
}

static mote_status open_format(mote_format *format, const mote_loading *loading, mote_shape *shape,
                               mote_error *error) {
    (void)loading;
    cifar *self = (cifar *)format;
    bool is_100 = exists(self, cifar100->train[0]);
    if (!is_100 && !exists(self, cifar10.train[0])) {
        char path[PATH_CAPACITY];
        return mote_fail(error, MOTE_FILE,
                         "%s: no such file, and no %s of CIFAR-100 (datasets/get.sh fetches "
                         "cifar10 and cifar100)",
                         full_path(self, cifar10.train[0], path), cifar100->train[0]);
    }
    if (!is_100 && self->labels == COARSE) {
        return mote_fail_at(mote_json_member(format->json, "labels"), error,
                            "CIFAR-10, in %s, has no \"coarse\" labels; CIFAR-100 has",
                            self->directory);
    }
    self->edition = is_100 ? &cifar100[self->labels] : &cifar10;
    *shape = mote_shape_image(3, SIDE, SIDE);
    size_t count;
    return count_records(self, self->edition->train[0], &count, error);
}

/* ---- pictures ---- */

/* A part being read. */
typedef struct reading {
    const cifar *self;
    const mote_loading *loading;
    uint8_t *pixels;  /* [count × PIXELS] */
    uint32_t *labels; /* [count] */
    size_t done, count;
} reading;

static mote_status fail_cut(FILE *stream, const char *path, mote_error *error) {
    return ferror(stream)
               ? mote_fail(error, MOTE_FILE, "%s: cannot be read: %s", path, strerror(errno))
               : mote_fail(error, MOTE_DATA, "%s: the file shrank while it was being read", path);
}

static mote_status take_records(reading *r, const char *path, size_t first, size_t count,
                                const uint8_t *records, mote_error *error) {
    const edition *e = r->self->edition;
    for (size_t i = 0; i < count; i++, records += record_size(r->self), r->done++) {
        r->labels[r->done] = records[e->label];
        if (records[e->label] >= e->classes) {
            return mote_fail(error, MOTE_DATA,
                             "%s: damaged: the label of picture %zu (counted from 0), at byte %zu, "
                             "is %u, but %s has %zu classes",
                             path, first + i, (first + i) * record_size(r->self) + e->label,
                             records[e->label], e->name, e->classes);
        }
        memcpy(r->pixels + r->done * PIXELS, records + e->labels, PIXELS);
    }
    return MOTE_OK;
}

static mote_status read_records(reading *r, FILE *stream, const char *path, size_t count,
                                mote_error *error) {
    static const size_t most = PIXELS + MOST_LABELS;
    uint8_t *records = malloc(RECORDS_AT_ONCE * most);
    mote_status status =
        records ? MOTE_OK : mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    for (size_t done = 0; status == MOTE_OK && done < count;) {
        size_t wanted = count - done < RECORDS_AT_ONCE ? count - done : RECORDS_AT_ONCE;
        if (!mote_load_progress(r->loading, "reading images", r->done, r->count)) {
            status = mote_load_stopped(error);
        } else if (fread(records, record_size(r->self), wanted, stream) != wanted) {
            status = fail_cut(stream, path, error);
        } else {
            status = take_records(r, path, done, wanted, records, error);
            done += wanted;
        }
    }
    free(records);
    return status;
}

static mote_status read_file(reading *r, const char *name, size_t count, mote_error *error) {
    char path[PATH_CAPACITY];
    FILE *stream = fopen(full_path(r->self, name, path), "rb");
    if (!stream) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    }
    mote_status status = read_records(r, stream, path, count, error);
    fclose(stream);
    return status;
}

static mote_status load_part(const cifar *self, const mote_loading *loading,
                             const char *const *names, mote_content *content, mote_samples *samples,
                             mote_error *error) {
    size_t counts[MOST_FILES] = {0};
    reading r = {.self = self, .loading = loading};
    for (size_t i = 0; names[i]; i++) {
        mote_status status = count_records(self, names[i], &counts[i], error);
        if (status != MOTE_OK) {
            return status;
        }
        r.count += counts[i];
    }
    r.pixels = mote_content_allocate(content, r.count, PIXELS, self->edition->name, error);
    r.labels =
        mote_content_allocate(content, r.count, sizeof *r.labels, self->edition->name, error);
    mote_status status = r.pixels && r.labels ? MOTE_OK : MOTE_MEMORY;
    for (size_t i = 0; status == MOTE_OK && names[i]; i++) {
        status = read_file(&r, names[i], counts[i], error);
    }
    *samples = (mote_samples){.count = r.count,
                              .shape = mote_shape_image(3, SIDE, SIDE),
                              .bytes = r.pixels,
                              .labels = r.labels};
    return status;
}

/* ---- class names ---- */

/* The next line that is not empty, terminated in place; NULL at the end. */
static char *next_line(char **at) {
    *at += strspn(*at, "\r\n");
    if (**at == '\0') {
        return NULL;
    }
    char *line = *at;
    *at += strcspn(line, "\r\n");
    if (**at != '\0') {
        *(*at)++ = '\0';
    }
    return line;
}

static mote_status split_names(const cifar *self, const char *path, const char *text, size_t length,
                               mote_content *content, mote_error *error) {
    size_t classes = self->edition->classes, count = 0;
    char *copy = mote_content_allocate(content, length + 1, 1, path, error);
    char **names = mote_content_allocate(content, classes, sizeof *names, path, error);
    if (!copy || !names) {
        return MOTE_MEMORY;
    }
    memcpy(copy, text, length + 1);
    for (char *line; (line = next_line(&copy)); count++) {
        if (count < classes) {
            names[count] = line;
        }
    }
    if (count != classes) {
        return mote_fail(error, MOTE_DATA, "%s: holds %zu class names instead of %zu", path, count,
                         classes);
    }
    content->class_names = names;
    content->class_count = classes;
    return MOTE_OK;
}

static mote_status load_names(const cifar *self, const mote_loading *loading, mote_content *content,
                              mote_error *error) {
    char path[PATH_CAPACITY];
    full_path(self, self->edition->names, path);
    if (!exists(self, self->edition->names)) {
        mote_load_notice(loading, "%s: no such file: classes are called by their numbers", path);
        return MOTE_OK;
    }
    size_t length;
    char *text = mote_file_read(path, NAMES_LIMIT, &length, error);
    if (!text) {
        return error && error->status ? error->status : MOTE_FILE;
    }
    mote_status status = split_names(self, path, text, length, content, error);
    free(text);
    return status;
}

/* ---- the format ---- */

static mote_status load(mote_format *format, const mote_loading *loading, mote_content *content,
                        mote_error *error) {
    const cifar *self = (const cifar *)format;
    mote_status status = load_names(self, loading, content, error);
    if (status == MOTE_OK && !loading->test_only) {
        status = load_part(self, loading, self->edition->train, content, &content->train, error);
    }
    if (status == MOTE_OK && exists(self, self->edition->test)) {
        const char *const test[] = {self->edition->test, NULL};
        status = load_part(self, loading, test, content, &content->test, error);
    }
    return status;
}

const mote_format_class mote_format_cifar = {
    .type = "cifar",
    .summary = "the binary files of CIFAR-10 and CIFAR-100",
    .example = "{\"format\": \"cifar\", \"directory\": \"../datasets/cifar10\", "
               "\"validation_fraction\": 0.1}",
    .size = sizeof(cifar),
    .fields = fields,
    .open = open_format,
    .load = load,
};

/* ---- picture by picture ---- */

struct mote_cifar_reader {
    FILE *stream;
    char *path;
    size_t labels; /* label bytes before a picture */
    size_t done, count;
};

/* The number of labels with which the size is a whole number of records; 0 if there is none. */
static size_t labels_of(size_t size) {
    for (size_t labels = 1; labels <= MOST_LABELS; labels++) {
        if (size % (labels + PIXELS) == 0) {
            return labels;
        }
    }
    return 0;
}

static mote_status open_records(mote_cifar_reader *reader, mote_error *error) {
    struct stat status;
    reader->stream = fopen(reader->path, "rb");
    if (!reader->stream || fstat(fileno(reader->stream), &status) != 0) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", reader->path,
                         strerror(errno));
    }
    size_t size = (size_t)status.st_size;
    reader->labels = labels_of(size);
    if (reader->labels == 0) {
        return mote_fail(error, MOTE_DATA,
                         "%s: not a complete CIFAR file: its %zu bytes are not whole pictures of "
                         "%d, with 1 or 2 labels each",
                         reader->path, size, PIXELS);
    }
    reader->count = size / (reader->labels + PIXELS);
    return MOTE_OK;
}

mote_cifar_reader *mote_cifar_open(const char *path, mote_error *error) {
    mote_cifar_reader *reader = calloc(1, sizeof *reader);
    char *copy = reader ? strdup(path) : NULL;
    if (!copy) {
        free(reader);
        mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
        return NULL;
    }
    reader->path = copy;
    if (open_records(reader, error) != MOTE_OK) {
        mote_cifar_close(reader);
        return NULL;
    }
    return reader;
}

void mote_cifar_close(mote_cifar_reader *reader) {
    if (reader) {
        if (reader->stream) {
            fclose(reader->stream);
        }
        free(reader->path);
        free(reader);
    }
}

mote_shape mote_cifar_shape(const mote_cifar_reader *reader) {
    (void)reader;
    return mote_shape_image(3, SIDE, SIDE);
}

mote_status mote_cifar_next(mote_cifar_reader *reader, uint8_t *sample, bool *more,
                            mote_error *error) {
    uint8_t labels[MOST_LABELS];
    *more = reader->done < reader->count;
    if (*more && (fread(labels, 1, reader->labels, reader->stream) != reader->labels ||
                  fread(sample, 1, PIXELS, reader->stream) != PIXELS)) {
        return fail_cut(reader->stream, reader->path, error);
    }
    reader->done++;
    return MOTE_OK;
}
