/* csv.c: tables: each row is a sample, and some columns predict others.
 *
 *     {"format": "csv", "file": "iris.csv", "target": "species", "test_fraction": 0.2}
 *
 * layout.c finds the columns, visit.c visits the rows, load.c turns them into samples.
 */
#include "data/csv/parts.h"

static const char *const tasks[] = {
    [MOTE_CSV_CLASSIFICATION] = "classification", [MOTE_CSV_REGRESSION] = "regression", NULL};
static const char *const headers[] = {[MOTE_CSV_HEADER_AUTO] = "auto",
                                      [MOTE_CSV_HEADER_YES] = "yes",
                                      [MOTE_CSV_HEADER_NO] = "no",
                                      NULL};
static const char *const missings[] = {
    [MOTE_CSV_MISSING_ERROR] = "error", [MOTE_CSV_MISSING_DROP] = "drop", NULL};

static const mote_field fields[] = {
    {.name = "file",
     .kind = MOTE_FIELD_PATH,
     .offset = offsetof(mote_csv, file),
     .help = "the table: UTF-8 text, one line per sample, with double quotes around fields that "
             "contain a delimiter"},
    {.name = "target",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(mote_csv, target),
     .takes = "a name, a number or a list",
     .help = "the column to predict: its name or its number, counted from 1 (-1: the last); for "
             "regression also a list of several"},
    {.name = "task",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(mote_csv, task),
     .choices = tasks,
     .preset = "\"classification\"",
     .help = "classification: the target's values are the classes, in alphabetical or numerical "
             "order; regression: they are numbers, predicted without rescaling (large ones train "
             "badly: give them in units such that most are around 1)"},
    {.name = "drop",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(mote_csv, drop),
     .takes = "a name, a number or a list",
     .optional = true,
     .help = "a list of columns to leave out, by name or number"},
    {.name = "categories",
     .kind = MOTE_FIELD_PART,
     .offset = offsetof(mote_csv, categories),
     .takes = "\"auto\", a number or a list",
     .optional = true,
     .help = "a list of columns that hold text: each different text becomes a column of 0 and 1; "
             "\"auto\": all columns that hold anything but numbers"},
    {.name = "missing",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(mote_csv, missing),
     .choices = missings,
     .preset = "\"error\"",
     .help = "what to do with rows in which a value is empty, ?, NA, N/A, NaN or null: stop with "
             "an error, or drop them"},
    {.name = "header",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(mote_csv, header),
     .choices = headers,
     .preset = "\"auto\"",
     .help =
         "whether the first line holds the column names; auto: if none of its fields is a number"},
    {.name = "delimiter",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(mote_csv, delimiter),
     .choices = mote_delimiter_names,
     .preset = "\"auto\"",
     .help = "what separates fields; auto: detected from the first lines"},
    {.name = "test_file",
     .kind = MOTE_FIELD_PATH,
     .offset = offsetof(mote_csv, test_file),
     .optional = true,
     .help = "a table with the same columns to test on; or give a test_fraction"},
    {.name = "test_fraction",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(mote_csv, test_fraction),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0",
     .help = "what fraction of each class's rows to hold out for testing, picked by the seed"},
    MOTE_FIELDS_END,
};

static mote_status open_csv(mote_format *format, const mote_loading *loading, mote_shape *shape,
                            mote_error *error) {
    mote_csv *self = (mote_csv *)format;
    if (self->test_file && self->test_fraction > 0) {
        return mote_fail_at(format->json, error,
                            "expected either a \"test_file\" or a \"test_fraction\", found both");
    }
    mote_status status = mote_csv_look(self, error);
    if (status == MOTE_OK) {
        status = mote_csv_find_categories(self, loading, error);
    }
    *shape = mote_shape_vector(mote_columns_sample_width(&self->columns));
    return status;
}

static bool find_origin(const mote_format *format, const mote_content *content, size_t sample,
                        char *text, size_t capacity) {
    const mote_csv *self = (const mote_csv *)format;
    snprintf(text, capacity, "%s:%u", self->file, content->lines[sample]);
    return true;
}

static void destroy_csv(mote_format *format) {
    mote_columns_free(&((mote_csv *)format)->columns);
}

const mote_format_class mote_format_csv = {
    .type = "csv",
    .summary = "tables: text with fields separated by commas, semicolons, tabs or bars",
    .example = "{\"format\": \"csv\", \"file\": \"../datasets/iris/iris.csv\", \"target\": "
               "\"species\", \"test_fraction\": 0.2}",
    .size = sizeof(mote_csv),
    .fields = fields,
    .open = open_csv,
    .load = mote_csv_load,
    .origin = find_origin,
    .destroy = destroy_csv,
};
