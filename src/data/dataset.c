/* dataset.c: splits a format's samples into parts, normalises them and gathers batches. */
#include "data/dataset.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/fields.h"
#include "data/augment.h"
#include "data/class_weights.h"
#include "data/format.h"
#include "data/split.h"
#include "data/statistics.h"
#include "data/text.h"

typedef struct options {
    double validation_fraction;
    int normalize;
    size_t classes, limit;
    mote_json class_weights;
    mote_json augment;
} options;

static const mote_field option_fields[] = {
    {.name = "validation_fraction",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(options, validation_fraction),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0",
     .help = "what fraction of each class's training samples to hold out for validation"},
    {.name = "normalize",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(options, normalize),
     .choices = mote_normalization_names,
     .preset = "\"standard\"",
     .help = "none; unit: 8-bit values to 0 ... 1; standard: mean 0 and standard deviation 1 per "
             "channel or column"},
    {.name = "classes",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(options, classes),
     .range = MOTE_BETWEEN(0, MOTE_MOST_CLASSES),
     .preset = "0",
     .help = "number of classes; 0: as many as the training labels show"},
    {.name = "limit",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(options, limit),
     .range = MOTE_AT_LEAST(0),
     .preset = "0",
     .help =
         "use only this many training samples, each class in proportion; 0: all. The validation "
         "part is taken out of them, and the test part is limited to the same number"},
    {.name = "class_weights",
     .kind = MOTE_FIELD_PART,
     .takes = "\"balanced\", a list or an object",
     .offset = offsetof(options, class_weights),
     .optional = true,
     .help = "how much the samples of each class count in the training loss: \"balanced\": the "
             "more samples, the less each counts; or a list of numbers; or numbers by class name, "
             "1 for the others"},
    {.name = "augment",
     .kind = MOTE_FIELD_PART,
     .takes = "a list",
     .offset = offsetof(options, augment),
     .optional = true,
     .help = "a list of random changes to training samples, made anew in each epoch; see --help "
             "augmentations"},
    MOTE_FIELDS_END,
};

struct mote_dataset {
    options options;
    mote_format *format;     /* NULL for a data set over arrays */
    mote_document *document; /* holds the settings of a data set over arrays */
    uint64_t seed;
    mote_shape shape;
    mote_content content;
    mote_augment_list augment;
    size_t classes;
    char (*class_numbers)[24]; /* names for classes that have none */
    uint32_t *indexes[MOTE_PART_COUNT];
    size_t counts[MOTE_PART_COUNT];
    mote_real *class_weights; /* [classes], or NULL */
    mote_preprocessing preprocessing;
};

static const char *const part_names[] = {
    [MOTE_TRAINING] = "training", [MOTE_VALIDATION] = "validation", [MOTE_TEST] = "test"};

/* ---- checking ---- */

static mote_status check_labels(const mote_samples *samples, size_t classes, const char *part,
                                const char *reason, mote_error *error) {
    for (size_t i = 0; i < samples->count; i++) {
        if (samples->labels[i] >= classes) {
            return mote_fail(error, MOTE_DATA,
                             "the label of %s sample %zu (counted from 0) is %u, but %s %zu", part,
                             i, samples->labels[i], reason, classes - 1);
        }
    }
    return MOTE_OK;
}

static size_t largest_label(const mote_samples *samples) {
    size_t largest = 0;
    for (size_t i = 0; i < samples->count; i++) {
        largest = samples->labels[i] > largest ? samples->labels[i] : largest;
    }
    return largest;
}

/* Checks what a caller's arrays may get wrong; formats never do. */
static mote_status check_arrays(const mote_samples *samples, const char *part, mote_error *error) {
    if (samples->count == 0) {
        return MOTE_OK;
    }
    if (samples->shape.rank < 1 || samples->shape.rank > 3) {
        return mote_fail(error, MOTE_INVALID, "a %s sample has 1 to 3 dimensions, not %zu", part,
                         samples->shape.rank);
    }
    size_t width = mote_shape_count(samples->shape);
    if (width == 0 || width == SIZE_MAX) {
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_INVALID, "a %s sample of %s is not possible", part,
                         mote_shape_text(samples->shape, text));
    }
    if (!samples->bytes == !samples->numbers) {
        return mote_fail(error, MOTE_INVALID, "the %s samples need either bytes or numbers", part);
    }
    if (!samples->labels == !samples->values ||
        (samples->values != NULL) != (samples->value_width > 0)) {
        return mote_fail(error, MOTE_INVALID,
                         "the %s samples need either labels, or values and a value_width", part);
    }
    return MOTE_OK;
}

static mote_status check_shapes(const mote_dataset *dataset, mote_error *error) {
    const mote_samples *train = &dataset->content.train, *test = &dataset->content.test;
    mote_status status = check_arrays(train, part_names[MOTE_TRAINING], error);
    if (status == MOTE_OK) {
        status = check_arrays(test, part_names[MOTE_TEST], error);
    }
    if (status != MOTE_OK) {
        return status;
    }
    if (train->count == 0) {
        return mote_fail(error, MOTE_DATA, "the data set holds no training samples");
    }
    if (train->count > UINT32_MAX || test->count > UINT32_MAX) {
        return mote_fail(error, MOTE_DATA, "the data set holds more than 2^32 samples");
    }
    if (test->count > 0 && !mote_shape_equal(test->shape, train->shape)) {
        char train_text[MOTE_SHAPE_TEXT_CAPACITY], test_text[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_DATA, "the training samples are %s, but the test samples %s",
                         mote_shape_text(train->shape, train_text),
                         mote_shape_text(test->shape, test_text));
    }
    if (test->count > 0 && !test->bytes != !train->bytes) {
        return mote_fail(error, MOTE_DATA,
                         "the training samples are %s, but the test samples are %s",
                         train->bytes ? "bytes" : "numbers", test->bytes ? "bytes" : "numbers");
    }
    if (test->count > 0 &&
        (!test->labels != !train->labels || test->value_width != train->value_width)) {
        return mote_fail(error, MOTE_DATA,
                         "training and test samples have different kinds of targets");
    }
    return MOTE_OK;
}

/* The number of classes is the setting "classes", else the number of class names, else one more
 * than the largest label of the training samples, or of the test samples if there are no others. */
static mote_status find_classes(mote_dataset *dataset, mote_error *error) {
    const mote_samples *train = &dataset->content.train, *test = &dataset->content.test;
    const mote_samples *shown = train->count > 0 ? train : test;
    if (!shown->labels) {
        return MOTE_OK;
    }
    size_t largest = largest_label(shown);
    if (largest >= MOTE_MOST_CLASSES) {
        return mote_fail(error, MOTE_DATA,
                         "there is a %s label of %zu; labels are class numbers, counted from 0 and "
                         "below %d",
                         part_names[shown == train ? MOTE_TRAINING : MOTE_TEST], largest,
                         MOTE_MOST_CLASSES);
    }
    size_t given = dataset->options.classes;
    dataset->classes = given                          ? given
                       : dataset->content.class_count ? dataset->content.class_count
                                                      : largest + 1;
    const char *reason = given                          ? "with \"classes\" given the last one is"
                         : dataset->content.class_count ? "the class names go only up to"
                                                        : "the training labels go only up to";
    mote_status status =
        check_labels(train, dataset->classes, part_names[MOTE_TRAINING], reason, error);
    if (status == MOTE_OK) {
        status = check_labels(test, dataset->classes, part_names[MOTE_TEST], reason, error);
    }
    if (status == MOTE_OK) {
        dataset->class_numbers = calloc(dataset->classes, sizeof *dataset->class_numbers);
        if (!dataset->class_numbers) {
            return mote_fail(error, MOTE_MEMORY, "out of memory for %zu classes", dataset->classes);
        }
        for (size_t i = 0; i < dataset->classes; i++) {
            snprintf(dataset->class_numbers[i], sizeof *dataset->class_numbers, "%zu", i);
        }
    }
    return status;
}

/* ---- splitting ---- */

static mote_status allocate_indexes(mote_dataset *dataset, mote_error *error) {
    size_t train = dataset->content.train.count, test = dataset->content.test.count;
    dataset->indexes[MOTE_TRAINING] = malloc((train + 1) * sizeof(uint32_t));
    dataset->indexes[MOTE_VALIDATION] = malloc((train + 1) * sizeof(uint32_t));
    dataset->indexes[MOTE_TEST] = malloc((test + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < MOTE_PART_COUNT; i++) {
        if (!dataset->indexes[i]) {
            return mote_fail(error, MOTE_MEMORY, "out of memory for a list of %zu samples",
                             train > test ? train : test);
        }
    }
    return MOTE_OK;
}

static void append(mote_dataset *dataset, mote_part_name part, size_t index) {
    dataset->indexes[part][dataset->counts[part]++] = (uint32_t)index;
}

/* The first stream of each split, which uses one per class. */
static const uint64_t VALIDATION_SPLIT = 0, TRAINING_LIMIT = UINT64_C(1) << 32,
                      TEST_LIMIT = UINT64_C(2) << 32;

/* Draws a fraction of the samples, stratified by class. The caller frees *drawn [count], on failure
 * too. */
static mote_status draw(const mote_dataset *dataset, const mote_samples *samples, const bool *among,
                        double fraction, uint64_t stream, bool **drawn, mote_error *error) {
    mote_split part = {.count = samples->count,
                       .labels = samples->labels,
                       .classes = dataset->classes ? dataset->classes : 1,
                       .fraction = fraction,
                       .keep_one = stream == VALIDATION_SPLIT,
                       .seed = dataset->seed,
                       .stream = stream};
    *drawn = calloc(samples->count, sizeof **drawn);
    if (!*drawn) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for a list of %zu samples",
                         samples->count);
    }
    return mote_split_draw(&part, among, *drawn, error);
}

/* Draws the samples that the limit keeps; *drawn becomes NULL if it keeps all of them. */
static mote_status draw_limit(const mote_dataset *dataset, const mote_samples *samples,
                              uint64_t stream, bool **drawn, mote_error *error) {
    size_t limit = dataset->options.limit;
    *drawn = NULL;
    if (limit == 0 || limit >= samples->count) {
        return MOTE_OK;
    }
    return draw(dataset, samples, NULL, (double)limit / (double)samples->count, stream, drawn,
                error);
}

static mote_status take_test(mote_dataset *dataset, mote_error *error) {
    const mote_samples *test = &dataset->content.test;
    bool *drawn;
    mote_status status = draw_limit(dataset, test, TEST_LIMIT, &drawn, error);
    for (size_t i = 0; status == MOTE_OK && i < test->count; i++) {
        if (!drawn || drawn[i]) {
            append(dataset, MOTE_TEST, i);
        }
    }
    free(drawn);
    return status;
}

/* The validation part is drawn from the training samples, or is the last of them if the format
 * provides one. */
static mote_status take_training(mote_dataset *dataset, mote_error *error) {
    const mote_samples *train = &dataset->content.train;
    size_t given = train->count - dataset->content.validation; /* where validation starts */
    double fraction = dataset->options.validation_fraction;
    bool *drawn, *validation = NULL;
    mote_status status = draw_limit(dataset, train, TRAINING_LIMIT, &drawn, error);
    if (status == MOTE_OK && fraction > 0) {
        status = draw(dataset, train, drawn, fraction, VALIDATION_SPLIT, &validation, error);
    }
    for (size_t i = 0; status == MOTE_OK && i < train->count; i++) {
        if (!drawn || drawn[i]) {
            bool validates = i >= given || (validation && validation[i]);
            append(dataset, validates ? MOTE_VALIDATION : MOTE_TRAINING, i);
        }
    }
    free(drawn);
    free(validation);
    return status;
}

/* Each part keeps the samples in file order. */
static mote_status split(mote_dataset *dataset, mote_error *error) {
    if (dataset->content.validation > 0 && dataset->options.validation_fraction > 0) {
        return mote_fail(error, MOTE_INVALID,
                         "dataset.validation_fraction: the data set has its own %zu validation "
                         "samples; leave out this key",
                         dataset->content.validation);
    }
    mote_status status = allocate_indexes(dataset, error);
    if (status == MOTE_OK) {
        status = take_test(dataset, error);
    }
    if (status == MOTE_OK) {
        status = take_training(dataset, error);
    }
    if (status != MOTE_OK) {
        return status;
    }
    size_t training = dataset->counts[MOTE_TRAINING], validation = dataset->counts[MOTE_VALIDATION];
    double fraction = dataset->options.validation_fraction;
    if (dataset->content.validation > 0 && (training == 0 || validation == 0)) {
        return mote_fail(error, MOTE_DATA, "a limit of %zu samples leaves none for %s",
                         dataset->options.limit,
                         part_names[training > 0 ? MOTE_VALIDATION : MOTE_TRAINING]);
    }
    if (training == 0 || (fraction > 0 && validation == 0)) {
        return mote_fail(error, MOTE_DATA,
                         "a validation_fraction of %g of %zu samples leaves none for %s", fraction,
                         training + validation,
                         part_names[training > 0 ? MOTE_VALIDATION : MOTE_TRAINING]);
    }
    return MOTE_OK;
}

static mote_status weigh(mote_dataset *dataset, mote_error *error) {
    mote_json setting = dataset->options.class_weights;
    if (!setting.node) {
        return MOTE_OK;
    }
    dataset->class_weights = calloc(dataset->classes + 1, sizeof *dataset->class_weights);
    if (!dataset->class_weights) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for %zu classes", dataset->classes);
    }
    return mote_class_weights_fill(setting, dataset, dataset->class_weights, error);
}

/* ---- making data sets ---- */

/* Finishes a data set of which only the test part was loaded. */
static mote_status finish_test(mote_dataset *dataset, mote_error *error) {
    dataset->shape = dataset->content.test.count > 0 ? dataset->content.test.shape : dataset->shape;
    mote_status status = find_classes(dataset, error);
    if (status == MOTE_OK) {
        status = allocate_indexes(dataset, error);
    }
    return status == MOTE_OK ? take_test(dataset, error) : status;
}

static mote_status finish(mote_dataset *dataset, const mote_loading *loading, mote_error *error) {
    mote_status status = check_shapes(dataset, error);
    if (status == MOTE_OK) {
        dataset->shape = dataset->content.train.shape;
        status = find_classes(dataset, error);
    }
    if (status == MOTE_OK) {
        status = split(dataset, error);
    }
    if (status == MOTE_OK) {
        status = weigh(dataset, error);
    }
    if (status != MOTE_OK) {
        return status;
    }
    mote_part part = mote_dataset_part(dataset, MOTE_TRAINING);
    return mote_measure(&part, (mote_normalization)dataset->options.normalize, loading,
                        &dataset->preprocessing, error);
}

static const char *format_name_at(size_t index) {
    const mote_format_class *kind = mote_format_classes()[index];
    return kind ? kind->type : NULL;
}

static mote_status read_settings(mote_dataset *dataset, mote_json object, mote_error *error) {
    const char *type = mote_json_selector(object, "format", error);
    if (!type) {
        return MOTE_INVALID;
    }
    const mote_format_class *kind = mote_format_class_find(type);
    if (!kind) {
        return mote_fail_unknown(object, "format", "data set format", format_name_at, false, error);
    }
    dataset->format = calloc(1, kind->size);
    if (!dataset->format) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for a data set");
    }
    dataset->format->kind = kind;
    dataset->format->json = object;
    mote_binding bindings[] = {{.fields = option_fields, .target = &dataset->options},
                               {.fields = kind->fields, .target = dataset->format}};
    mote_status status = mote_fields_read(object, "format", bindings, 2, error);
    return status == MOTE_OK ? mote_class_weights_check(dataset->options.class_weights, error)
                             : status;
}

/* What the format gets: the caller's loading with the data set's seed. */
static mote_loading loading_of(const mote_dataset *dataset, const mote_loading *loading) {
    mote_loading own = loading ? *loading : (mote_loading){0};
    own.seed = dataset->seed;
    return own;
}

static mote_status read_augment(mote_dataset *dataset, mote_error *error) {
    return mote_augment_list_read(&dataset->augment, dataset->options.augment, dataset->shape,
                                  error);
}

mote_dataset *mote_dataset_open(mote_json object, uint64_t seed, const mote_loading *loading,
                                mote_error *error) {
    mote_dataset *dataset = calloc(1, sizeof *dataset);
    if (!dataset) {
        mote_fail(error, MOTE_MEMORY, "out of memory for a data set");
        return NULL;
    }
    dataset->seed = seed;
    mote_loading own = loading_of(dataset, loading);
    if (read_settings(dataset, object, error) != MOTE_OK ||
        dataset->format->kind->open(dataset->format, &own, &dataset->shape, error) != MOTE_OK ||
        read_augment(dataset, error) != MOTE_OK) {
        mote_dataset_destroy(dataset);
        return NULL;
    }
    return dataset;
}

/* Sets the default input if the format has set none. */
static mote_status set_input(mote_content *content, const char *format, mote_error *error) {
    if (!content->input) {
        mote_json_writer writer = {0};
        cJSON *object = mote_json_new_object(&writer);
        mote_json_add_string(&writer, object, "format", format);
        content->input = mote_json_print(&writer, object, MOTE_JSON_ONE_LINE);
    }
    return content->input ? MOTE_OK : mote_fail(error, MOTE_MEMORY, "out of memory for a data set");
}

mote_status mote_dataset_load(mote_dataset *dataset, const mote_loading *loading,
                              mote_error *error) {
    mote_loading own = loading_of(dataset, loading);
    const mote_format_class *kind = dataset->format->kind;
    mote_status status = kind->load(dataset->format, &own, &dataset->content, error);
    if (status == MOTE_OK) {
        status = set_input(&dataset->content, kind->type, error);
    }
    if (status == MOTE_OK && own.test_only && dataset->content.train.count == 0) {
        return finish_test(dataset, error);
    }
    return status == MOTE_OK ? finish(dataset, &own, error) : status;
}

static mote_status read_options(mote_dataset *dataset, const char *json, mote_error *error) {
    json = json ? json : "{}";
    dataset->document = mote_document_parse(json, strlen(json), NULL, "dataset", error);
    if (!dataset->document) {
        return error && error->status ? error->status : MOTE_INVALID;
    }
    mote_binding binding = {.fields = option_fields, .target = &dataset->options};
    mote_status status =
        mote_fields_read(mote_document_root(dataset->document), NULL, &binding, 1, error);
    return status == MOTE_OK ? mote_class_weights_check(dataset->options.class_weights, error)
                             : status;
}

mote_dataset *mote_dataset_from_arrays(const mote_samples *train, const mote_samples *test,
                                       const char *json, uint64_t seed, mote_error *error) {
    mote_dataset *dataset = calloc(1, sizeof *dataset);
    if (!dataset) {
        mote_fail(error, MOTE_MEMORY, "out of memory for a data set");
        return NULL;
    }
    dataset->seed = seed;
    dataset->content.train = *train;
    if (test) {
        dataset->content.test = *test;
    }
    if (read_options(dataset, json, error) != MOTE_OK || finish(dataset, NULL, error) != MOTE_OK ||
        read_augment(dataset, error) != MOTE_OK) {
        mote_dataset_destroy(dataset);
        return NULL;
    }
    return dataset;
}

void mote_dataset_destroy(mote_dataset *dataset) {
    if (!dataset) {
        return;
    }
    if (dataset->format) {
        if (dataset->format->kind->destroy) {
            dataset->format->kind->destroy(dataset->format);
        }
        mote_fields_free(dataset->format->kind->fields, dataset->format);
        free(dataset->format);
    }
    for (size_t i = 0; i < MOTE_PART_COUNT; i++) {
        free(dataset->indexes[i]);
    }
    mote_augment_list_free(&dataset->augment);
    mote_content_free(&dataset->content);
    mote_preprocessing_free(&dataset->preprocessing);
    mote_document_destroy(dataset->document);
    free(dataset->class_weights);
    free(dataset->class_numbers);
    free(dataset);
}

/* Writes settings. MOTE_FIELD_PART fields, which mote_fields_write leaves to their owner, are plain
 * data here and are written as given. */
static void write_fields(mote_json_writer *writer, const mote_field *fields, const void *target,
                         cJSON *object) {
    mote_fields_write(writer, fields, target, object);
    for (const mote_field *f = fields; f->kind != MOTE_FIELD_NONE; f++) {
        if (f->kind == MOTE_FIELD_PART) {
            const mote_json *part = (const void *)((const char *)target + f->offset);
            if (part->node) {
                mote_json_add_copy(writer, object, f->name, part->node);
            }
        }
    }
}

cJSON *mote_dataset_to_json(const mote_dataset *dataset) {
    const mote_format *format = dataset->format;
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    mote_json_add_string(&writer, object, "format", format->kind->type);
    write_fields(&writer, format->kind->fields, format, object);
    options shared = dataset->options;
    shared.augment = (mote_json){0}; /* written below with its defaults, not as given */
    write_fields(&writer, option_fields, &shared, object);
    if (dataset->augment.count > 0) {
        mote_augment_list_write(&dataset->augment, &writer, object, "augment");
    }
    return mote_json_finish(&writer, object);
}

static void add_settings(mote_json_writer *writer, const mote_field *fields, const void *target,
                         cJSON *object) {
    write_fields(writer, fields, target, object);
    for (const mote_field *f = fields; f->kind != MOTE_FIELD_NONE; f++) {
        if (f->kind == MOTE_FIELD_PATH) {
            cJSON_DeleteItemFromObjectCaseSensitive(object, f->name);
        }
    }
}

cJSON *mote_dataset_settings(const mote_dataset *dataset) {
    const mote_format *format = dataset->format;
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    if (format) {
        mote_json_add_string(&writer, object, "format", format->kind->type);
        add_settings(&writer, format->kind->fields, format, object);
    }
    options shared = dataset->options;
    shared.augment = (mote_json){0}; /* written below, with its defaults */
    add_settings(&writer, option_fields, &shared, object);
    mote_augment_list_write(&dataset->augment, &writer, object, "augment");
    return mote_json_finish(&writer, object);
}

/* ---- accessors ---- */

const mote_field *mote_dataset_fields(void) {
    return option_fields;
}

mote_shape mote_dataset_shape(const mote_dataset *dataset) {
    return dataset->shape;
}

mote_part mote_dataset_part(const mote_dataset *dataset, mote_part_name name) {
    const mote_content *content = &dataset->content;
    return (mote_part){.samples = name == MOTE_TEST ? &content->test : &content->train,
                       .indexes = dataset->indexes[name],
                       .count = dataset->counts[name]};
}

bool mote_dataset_origin(const mote_dataset *dataset, size_t sample, char *text, size_t capacity) {
    const mote_format *format = dataset->format;
    text[0] = '\0';
    if (!format || !format->kind->origin ||
        !format->kind->origin(format, &dataset->content, sample, text, capacity)) {
        return false;
    }
    bool utf8 = mote_text_is_utf8((mote_text){.start = text, .length = strlen(text)});
    for (char *at = text; *at; at++) { /* a file name may contain any bytes */
        unsigned char byte = (unsigned char)*at;
        *at = byte < ' ' || byte == 0x7f || (byte > 0x7f && !utf8) ? '?' : *at;
    }
    return true;
}

size_t mote_dataset_classes(const mote_dataset *dataset) {
    return dataset->classes;
}

const char *mote_dataset_class_name(const mote_dataset *dataset, size_t class_number) {
    if (class_number < dataset->content.class_count) {
        return dataset->content.class_names[class_number];
    }
    return class_number < dataset->classes ? dataset->class_numbers[class_number] : "";
}

const mote_real *mote_dataset_class_weights(const mote_dataset *dataset) {
    return dataset->class_weights;
}

const char *mote_dataset_input(const mote_dataset *dataset) {
    return dataset->content.input;
}

const mote_augment_list *mote_dataset_augment(const mote_dataset *dataset) {
    return &dataset->augment;
}

const mote_preprocessing *mote_dataset_preprocessing(const mote_dataset *dataset) {
    return &dataset->preprocessing;
}

/* ---- batches ---- */

/* A tile gathers about this many numbers, few enough for threads to share a batch of 32 evenly.
 * Prefetching samples gained nothing: the time goes into writing floats to cache lines that other
 * threads have read. */
enum {
    NUMBERS_PER_TILE = 6144
};

typedef struct gather_job {
    const mote_samples *samples;
    const mote_preprocessing *preprocessing;
    mote_augmenter *augmenter;
    uint64_t epoch;
    const uint32_t *indexes;
    size_t count, width, samples_per_tile;
    mote_real *x;
} gather_job;

static void gather_one(const gather_job *job, uint32_t index, mote_real *x) {
    size_t offset = index * job->width;
    if (job->samples->bytes) {
        mote_preprocess_bytes(job->preprocessing, job->width, job->samples->bytes + offset, x);
    } else {
        mote_preprocess_numbers(job->preprocessing, job->width, job->samples->numbers + offset, x);
    }
    if (job->augmenter) {
        mote_augment(job->augmenter, job->preprocessing, job->epoch, index, x);
    }
}

static void gather_tile(void *context, size_t index) {
    const gather_job *job = context;
    size_t begin = index * job->samples_per_tile;
    size_t end =
        begin + job->samples_per_tile < job->count ? begin + job->samples_per_tile : job->count;
    for (size_t i = begin; i < end; i++) {
        gather_one(job, job->indexes[i], job->x + i * job->width);
    }
}

void mote_gather_augmented(const mote_samples *samples, const mote_preprocessing *preprocessing,
                           mote_augmenter *augmenter, uint64_t epoch, mote_pool *pool,
                           const uint32_t *indexes, size_t count, mote_real *x, uint32_t *labels,
                           mote_real *values) {
    size_t width = mote_shape_count(samples->shape);
    gather_job job = {.samples = samples,
                      .preprocessing = preprocessing,
                      .augmenter = augmenter,
                      .epoch = epoch,
                      .indexes = indexes,
                      .count = count,
                      .width = width,
                      .samples_per_tile = 1 + NUMBERS_PER_TILE / width,
                      .x = x};
    size_t tiles = (count + job.samples_per_tile - 1) / job.samples_per_tile;
    mote_pool_run(pool, tiles, gather_tile, &job);
    for (size_t i = 0; labels && samples->labels && i < count; i++) {
        labels[i] = samples->labels[indexes[i]];
    }
    for (size_t i = 0; values && samples->values && i < count; i++) {
        memcpy(values + i * samples->value_width,
               samples->values + indexes[i] * samples->value_width,
               samples->value_width * sizeof *values);
    }
}

void mote_gather(const mote_samples *samples, const mote_preprocessing *preprocessing,
                 mote_pool *pool, const uint32_t *indexes, size_t count, mote_real *x,
                 uint32_t *labels, mote_real *values) {
    mote_gather_augmented(samples, preprocessing, NULL, 0, pool, indexes, count, x, labels, values);
}
