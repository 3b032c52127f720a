/* load.c: turns the rows of a table into samples. Rows are collected in chunks, each freed as soon
 * as its samples are made, so that little more memory is needed than for the samples.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/csv/parts.h"
#include "data/split.h"

enum {
    CHUNK_BYTES = 1 << 20,
    FEWEST_TO_JUDGE = 20, /* rows, to judge whether there are too many classes */
};

/* The first stream of the test split, which uses one per class; those of dataset.c are below. */
static const uint64_t TEST_SPLIT = UINT64_C(3) << 32;

/* ---- collecting rows ---- */

/* Rows as they were read, in one allocation: numbers [capacity × (features + values)], then labels
 * [capacity] and lines [capacity]. */
typedef struct chunk {
    struct chunk *next;
    size_t count;
    mote_real *numbers;
    uint32_t *labels, *lines;
} chunk;

typedef struct store {
    const mote_csv *self;
    mote_dictionary *classes;
    bool grows; /* unknown classes are added */
    size_t rows_per_chunk, numbers_per_row;
    chunk *first, *last;
    size_t count;
} store;

static store store_create(const mote_csv *self, mote_dictionary *classes, bool grows) {
    const mote_columns *columns = &self->columns;
    size_t numbers =
        columns->feature_count + (self->task == MOTE_CSV_REGRESSION ? columns->target_count : 0);
    size_t row = numbers * sizeof(mote_real) + 2 * sizeof(uint32_t);
    return (store){.self = self,
                   .classes = classes,
                   .grows = grows,
                   .rows_per_chunk = 1 + CHUNK_BYTES / row,
                   .numbers_per_row = numbers};
}

static void store_free(store *s) {
    while (s->first) {
        chunk *next = s->first->next;
        free(s->first);
        s->first = next;
    }
}

/* The chunk with room for one more row; NULL when out of memory. */
static chunk *store_chunk(store *s) {
    if (s->last && s->last->count < s->rows_per_chunk) {
        return s->last;
    }
    size_t numbers = s->rows_per_chunk * s->numbers_per_row;
    chunk *c =
        malloc(sizeof *c + numbers * sizeof(mote_real) + 2 * s->rows_per_chunk * sizeof(uint32_t));
    if (!c) {
        return NULL;
    }
    *c = (chunk){.numbers = (mote_real *)(void *)(c + 1)};
    c->labels = (uint32_t *)(void *)(c->numbers + numbers);
    c->lines = c->labels + s->rows_per_chunk;
    *(s->last ? &s->last->next : &s->first) = c;
    s->last = c;
    return c;
}

static mote_status read_label(store *s, const mote_column_reader *reader, uint32_t *label,
                              mote_error *error) {
    const mote_column *target = reader->columns->targets;
    mote_text text = mote_table_field(reader->table, target->at);
    if (mote_dictionary_find(s->classes, text, label)) {
        return MOTE_OK;
    }
    char found[MOTE_TEXT_FOUND_CAPACITY];
    if (!s->grows) {
        return mote_column_reader_fail(
            reader, target, error, "%s is not one of the %zu classes of %s",
            mote_text_found(text, found), s->classes->count, s->self->file);
    }
    mote_status status = mote_csv_check_utf8(reader, target, error);
    return status == MOTE_OK ? mote_dictionary_add(s->classes, text, label, error) : status;
}

static mote_status read_values(const mote_column_reader *reader, mote_real *values,
                               mote_error *error) {
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < reader->columns->target_count; i++) {
        status = mote_column_reader_number(reader, &reader->columns->targets[i], &values[i], error);
    }
    return status;
}

static mote_status store_row(void *context, const mote_column_reader *reader, mote_error *error) {
    store *s = context;
    chunk *c = store_chunk(s);
    if (!c) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for %zu rows", s->count + 1);
    }
    mote_real *numbers = c->numbers + c->count * s->numbers_per_row;
    mote_status status = mote_column_reader_features(reader, numbers, error);
    if (status != MOTE_OK) {
        return status;
    }
    c->labels[c->count] = 0;
    c->lines[c->count] = (uint32_t)mote_table_line(reader->table);
    status = s->self->task == MOTE_CSV_REGRESSION
                 ? read_values(reader, numbers + reader->columns->feature_count, error)
                 : read_label(s, reader, &c->labels[c->count], error);
    c->count += status == MOTE_OK;
    s->count += status == MOTE_OK;
    return status;
}

static mote_status store_file(store *s, mote_csv *self, const char *path,
                              const mote_loading *loading, mote_error *error) {
    mote_csv_visit v = {
        .self = self, .loading = loading, .path = path, .visitor = store_row, .context = s};
    mote_status status = mote_csv_visit_file(&v, error);
    if (status == MOTE_OK && v.dropped > 0) {
        mote_load_notice(loading, "%s: %zu of %zu rows dropped because of missing values", path,
                         v.dropped, v.rows);
    }
    return status;
}

/* ---- classes ---- */

static bool class_number(const mote_dictionary *classes, size_t i, double *number) {
    const char *name = mote_dictionary_text(classes, i);
    return mote_text_to_number((mote_text){.start = name, .length = strlen(name)}, number);
}

static bool are_numbers(const mote_dictionary *classes) {
    double number;
    bool numbers = true;
    for (size_t i = 0; numbers && i < classes->count; i++) {
        numbers = class_number(classes, i, &number);
    }
    return numbers;
}

/* "1" and "1.0", or "7" and "07": they may be meant as two names, or as one number. */
static void tell_equal_numbers(const mote_csv *self, const mote_dictionary *classes,
                               const mote_loading *loading) {
    double last = 0, number = 0;
    bool numbers = are_numbers(classes); /* then sorted by value */
    for (size_t i = 0; numbers && i < classes->count; i++, last = number) {
        class_number(classes, i, &number);
        if (i > 0 && number == last) {
            mote_load_notice(loading,
                             "%s: the classes \"%.40s\" and \"%.40s\" are the same number, but "
                             "would be two classes",
                             self->file, mote_dictionary_text(classes, i - 1),
                             mote_dictionary_text(classes, i));
        }
    }
}

static mote_status check_classes(const mote_csv *self, const mote_dictionary *classes, size_t rows,
                                 mote_error *error) {
    const mote_column *target = self->columns.targets;
    char column[120];
    snprintf(column, sizeof column, "column %zu%s%.80s%s", target->number + 1,
             target->name ? " (\"" : "", target->name ? target->name : "",
             target->name ? "\")" : "");
    if (classes->count == 1) {
        return mote_fail(error, MOTE_DATA,
                         "%s: %s: there is only one class, \"%.80s\", but at least two are needed",
                         self->file, column, mote_dictionary_text(classes, 0));
    }
    if (rows >= FEWEST_TO_JUDGE && 2 * classes->count > rows &&
        are_numbers(classes)) { /* texts cannot be predicted by regression */
        return mote_fail(error, MOTE_DATA,
                         "%s: %s: %zu different values in %zu rows are too many for classes; "
                         "\"task\": \"regression\" predicts numbers",
                         self->file, column, classes->count, rows);
    }
    if (classes->count > MOTE_MOST_CLASSES) {
        return mote_fail(error, MOTE_DATA, "%s: %s: more than %d classes", self->file, column,
                         MOTE_MOST_CLASSES);
    }
    return MOTE_OK;
}

/* Sorts the classes and renumbers the labels. */
static mote_status sort_classes(mote_dictionary *classes, store *s, mote_error *error) {
    uint32_t *changed = malloc(classes->count * sizeof *changed);
    if (!changed) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for %zu classes", classes->count);
    }
    mote_status status = mote_dictionary_sort(classes, changed, error);
    for (chunk *c = s->first; status == MOTE_OK && c; c = c->next) {
        for (size_t i = 0; i < c->count; i++) {
            c->labels[i] = changed[c->labels[i]];
        }
    }
    free(changed);
    return status;
}

static mote_status give_names(const mote_csv *self, const mote_dictionary *classes,
                              mote_content *content, mote_error *error) {
    char **names = mote_content_allocate(content, classes->count, sizeof *names, self->file, error);
    char *characters = mote_content_allocate(content, classes->used, 1, self->file, error);
    if (!names || !characters) {
        return MOTE_MEMORY;
    }
    memcpy(characters, classes->characters, classes->used);
    for (size_t i = 0; i < classes->count; i++) {
        names[i] = characters + classes->starts[i];
    }
    content->class_names = names;
    content->class_count = classes->count;
    return MOTE_OK;
}

/* ---- from rows to samples ---- */

/* Where the samples of a part go. */
typedef struct part {
    mote_real *numbers, *values;
    uint32_t *labels, *lines; /* `lines` may be NULL: not wanted */
    size_t count, width, value_width;
} part;

static mote_status allocate_part(const mote_csv *self, size_t count, mote_content *content, part *p,
                                 mote_samples *samples, mote_error *error) {
    *p = (part){.width = mote_columns_sample_width(&self->columns)};
    if (count == 0) {
        return MOTE_OK;
    }
    p->numbers =
        mote_content_allocate(content, count, p->width * sizeof *p->numbers, self->file, error);
    if (self->task == MOTE_CSV_REGRESSION) {
        p->value_width = self->columns.target_count;
        p->values = mote_content_allocate(content, count, p->value_width * sizeof *p->values,
                                          self->file, error);
    } else {
        p->labels = mote_content_allocate(content, count, sizeof *p->labels, self->file, error);
    }
    *samples = (mote_samples){.count = count,
                              .shape = mote_shape_vector(p->width),
                              .numbers = p->numbers,
                              .labels = p->labels,
                              .values = p->values,
                              .value_width = p->value_width};
    return p->numbers && (p->labels || p->values) ? MOTE_OK : MOTE_MEMORY;
}

static void add_sample(const mote_csv *self, const chunk *c, size_t i, part *p) {
    size_t features = self->columns.feature_count;
    size_t values = self->task == MOTE_CSV_REGRESSION ? self->columns.target_count : 0;
    const mote_real *numbers = c->numbers + i * (features + values);
    mote_columns_expand(&self->columns, numbers, p->numbers + p->count * p->width);
    if (p->labels) {
        p->labels[p->count] = c->labels[i];
    } else {
        memcpy(p->values + p->count * p->value_width, numbers + features,
               p->value_width * sizeof *p->values);
    }
    if (p->lines) {
        p->lines[p->count] = c->lines[i];
    }
    p->count++;
}

/* Moves all rows out of the store: those held out to `held`, the others to `kept`. `held_out` may
 * be NULL: none are. */
static void empty_store(store *s, const bool *held_out, part *kept, part *held) {
    size_t row = 0;
    for (chunk *c = s->first; c; c = s->first) {
        for (size_t i = 0; i < c->count; i++, row++) {
            add_sample(s->self, c, i, held_out && held_out[row] ? held : kept);
        }
        s->first = c->next;
        free(c);
    }
    s->last = NULL;
}

/* Picks the rows to test on; *count becomes their number. */
static mote_status hold_out(const mote_csv *self, const store *s, size_t classes, uint64_t seed,
                            bool *held_out, size_t *count, mote_error *error) {
    uint32_t *labels = malloc(s->count * sizeof *labels);
    if (!labels) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for a list of %zu rows", s->count);
    }
    size_t row = 0;
    for (const chunk *c = s->first; c; c = c->next) {
        memcpy(labels + row, c->labels, c->count * sizeof *labels);
        row += c->count;
    }
    mote_split split = {.count = s->count,
                        .labels = labels, /* all 0 for regression */
                        .classes = classes ? classes : 1,
                        .fraction = self->test_fraction,
                        .keep_one = true,
                        .seed = seed,
                        .stream = TEST_SPLIT};
    mote_status status = mote_split_draw(&split, NULL, held_out, error);
    free(labels);
    for (size_t i = 0; i < s->count; i++) {
        *count += held_out[i];
    }
    if (status == MOTE_OK && (*count == 0 || *count == s->count)) {
        return mote_fail(error, MOTE_DATA,
                         "%s: a test_fraction of %g of %zu rows leaves none for %s", self->file,
                         self->test_fraction, s->count, *count ? "training" : "testing");
    }
    return status;
}

static mote_status make_samples(const mote_csv *self, store *train, store *test,
                                const bool *held_out, size_t held_count, mote_content *content,
                                mote_error *error) {
    part training, testing;
    size_t training_count = train->count - held_count;
    mote_status status =
        allocate_part(self, training_count, content, &training, &content->train, error);
    if (status == MOTE_OK) {
        status =
            allocate_part(self, test->count + held_count, content, &testing, &content->test, error);
    }
    if (status == MOTE_OK) {
        training.lines = mote_content_allocate(content, training_count, sizeof *training.lines,
                                               self->file, error);
        content->lines = training.lines;
        status = training.lines ? MOTE_OK : MOTE_MEMORY;
    }
    if (status == MOTE_OK) {
        empty_store(train, held_out, &training, &testing);
        empty_store(test, NULL, &testing, NULL);
    }
    return status;
}

static mote_status split_and_make(const mote_csv *self, store *train, store *test, size_t classes,
                                  uint64_t seed, mote_content *content, mote_error *error) {
    if (self->test_fraction == 0) {
        return make_samples(self, train, test, NULL, 0, content, error);
    }
    bool *held_out = calloc(train->count, sizeof *held_out);
    if (!held_out) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for a list of %zu rows", train->count);
    }
    size_t count = 0;
    mote_status status = hold_out(self, train, classes, seed, held_out, &count, error);
    if (status == MOTE_OK) {
        status = make_samples(self, train, test, held_out, count, content, error);
    }
    free(held_out);
    return status;
}

static mote_status load_stores(mote_csv *self, const mote_loading *loading,
                               mote_dictionary *classes, store *train, store *test,
                               mote_error *error) {
    mote_status status = store_file(train, self, self->file, loading, error);
    if (status == MOTE_OK && self->task == MOTE_CSV_CLASSIFICATION) {
        status = sort_classes(classes, train, error);
        status = status == MOTE_OK ? check_classes(self, classes, train->count, error) : status;
        if (status == MOTE_OK) {
            tell_equal_numbers(self, classes, loading);
        }
    }
    return status == MOTE_OK && self->test_file
               ? store_file(test, self, self->test_file, loading, error)
               : status;
}

mote_status mote_csv_load(mote_format *format, const mote_loading *loading, mote_content *content,
                          mote_error *error) {
    mote_csv *self = (mote_csv *)format;
    mote_dictionary classes = {0};
    store train = store_create(self, &classes, true), test = store_create(self, &classes, false);
    mote_status status = load_stores(self, loading, &classes, &train, &test, error);
    if (status == MOTE_OK && self->task == MOTE_CSV_CLASSIFICATION) {
        status = give_names(self, &classes, content, error);
    }
    if (status == MOTE_OK) {
        status = split_and_make(self, &train, &test, classes.count, loading->seed, content, error);
    }
    if (status == MOTE_OK) {
        content->input = mote_columns_print(&self->columns);
        status = content->input ? MOTE_OK
                                : mote_fail(error, MOTE_MEMORY, "%s: out of memory", self->file);
    }
    store_free(&train);
    store_free(&test);
    mote_dictionary_free(&classes);
    return status;
}
