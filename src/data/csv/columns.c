/* columns.c: which columns of a table a sample is made of, and how. */
#include "data/csv/columns.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/json.h"
#include "config/json_write.h"
#include "data/csv/header.h"

static void free_list(mote_column *list, size_t count) {
    for (size_t i = 0; list && i < count; i++) {
        free(list[i].name);
        mote_dictionary_free(&list[i].categories);
    }
    free(list);
}

void mote_columns_free(mote_columns *columns) {
    free_list(columns->features, columns->feature_count);
    free_list(columns->targets, columns->target_count);
    *columns = (mote_columns){0};
}

size_t mote_columns_sample_width(const mote_columns *columns) {
    size_t width = 0;
    for (size_t i = 0; i < columns->feature_count; i++) {
        const mote_column *column = &columns->features[i];
        width += column->categorical ? column->categories.count : 1;
    }
    return width;
}

void mote_columns_expand(const mote_columns *columns, const mote_real *features,
                         mote_real *sample) {
    for (size_t i = 0; i < columns->feature_count; i++) {
        const mote_column *column = &columns->features[i];
        if (!column->categorical) {
            *sample++ = features[i];
            continue;
        }
        for (size_t k = 0; k < column->categories.count; k++) {
            *sample++ = (mote_real)((size_t)features[i] == k);
        }
    }
}

/* ---- to JSON and back ---- */

/* Columns are counted from 1 wherever users see them. */
static void print_list(mote_json_writer *writer, cJSON *object, const char *key,
                       const mote_column *list, size_t count) {
    cJSON *array = mote_json_add_array(writer, object, key);
    for (size_t i = 0; i < count; i++) {
        cJSON *entry = mote_json_add_object(writer, array, NULL);
        if (list[i].name) {
            mote_json_add_string(writer, entry, "name", list[i].name);
        }
        mote_json_add_number(writer, entry, "number", (double)(list[i].number + 1));
        if (list[i].categorical) {
            cJSON *categories = mote_json_add_array(writer, entry, "categories");
            for (size_t k = 0; k < list[i].categories.count; k++) {
                mote_json_add_string(writer, categories, NULL,
                                     mote_dictionary_text(&list[i].categories, k));
            }
        }
    }
}

char *mote_columns_print(const mote_columns *columns) {
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    mote_json_add_string(&writer, object, "format", "csv");
    mote_json_add_string(&writer, object, "delimiter", mote_delimiter_names[columns->delimiter]);
    mote_json_add_boolean(&writer, object, "header", columns->header);
    mote_json_add_number(&writer, object, "width", (double)columns->table_width);
    print_list(&writer, object, "columns", columns->features, columns->feature_count);
    print_list(&writer, object, "targets", columns->targets, columns->target_count);
    return mote_json_print(&writer, object, MOTE_JSON_ONE_LINE);
}

/* An integer from `least` to `most`; 0 if it is not one. */
static size_t read_size(const cJSON *node, size_t least, size_t most) {
    double number = cJSON_IsNumber(node) ? node->valuedouble : -1;
    return number >= (double)least && number <= (double)most && number == floor(number)
               ? (size_t)number
               : 0;
}

static mote_status fail_senseless(mote_error *error) {
    return mote_fail(error, MOTE_DATA, "the metadata \"mote.input\" makes no sense");
}

static mote_status fail_memory(mote_error *error) {
    return mote_fail(error, MOTE_MEMORY, "out of memory for the columns of a table");
}

static mote_status parse_categories(mote_column *column, const cJSON *list, mote_error *error) {
    if (!cJSON_IsArray(list)) {
        return fail_senseless(error);
    }
    column->categorical = true;
    mote_status status = MOTE_OK;
    for (const cJSON *node = list->child; status == MOTE_OK && node; node = node->next) {
        uint32_t number;
        const char *text = cJSON_IsString(node) ? node->valuestring : NULL;
        mote_text category = {.start = text, .length = text ? strlen(text) : 0};
        if (!text || mote_dictionary_find(&column->categories, category, &number)) {
            return fail_senseless(error);
        }
        status = mote_dictionary_add(&column->categories, category, &number, error);
    }
    return status == MOTE_OK && column->categories.count == 0 ? fail_senseless(error) : status;
}

static mote_status parse_column(const mote_columns *columns, mote_column *column,
                                const cJSON *object, mote_error *error) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(object, "name");
    const cJSON *categories = cJSON_GetObjectItemCaseSensitive(object, "categories");
    size_t number =
        read_size(cJSON_GetObjectItemCaseSensitive(object, "number"), 1, columns->table_width);
    if (number == 0 || (name && !cJSON_IsString(name))) {
        return fail_senseless(error);
    }
    column->number = number - 1;
    column->name = name ? strdup(name->valuestring) : NULL;
    if (name && !column->name) {
        return fail_memory(error);
    }
    return categories ? parse_categories(column, categories, error) : MOTE_OK;
}

static mote_status parse_list(const mote_columns *columns, const cJSON *list, mote_column **out,
                              size_t *count, mote_error *error) {
    if (!cJSON_IsArray(list) || !list->child) {
        return fail_senseless(error);
    }
    size_t entries = (size_t)cJSON_GetArraySize(list);
    *out = calloc(entries, sizeof **out);
    if (!*out) {
        return fail_memory(error);
    }
    *count = entries;
    mote_status status = MOTE_OK;
    mote_column *column = *out;
    for (const cJSON *node = list->child; status == MOTE_OK && node; node = node->next) {
        status = parse_column(columns, column++, node, error);
    }
    return status;
}

static mote_status parse_object(mote_columns *columns, const cJSON *object, mote_error *error) {
    const cJSON *header = cJSON_GetObjectItemCaseSensitive(object, "header");
    const cJSON *delimiter = cJSON_GetObjectItemCaseSensitive(object, "delimiter");
    columns->table_width =
        read_size(cJSON_GetObjectItemCaseSensitive(object, "width"), 1, UINT32_MAX);
    columns->header = cJSON_IsTrue(header);
    size_t found = 0;
    while (cJSON_IsString(delimiter) && mote_delimiter_names[found] &&
           strcmp(mote_delimiter_names[found], delimiter->valuestring) != 0) {
        found++;
    }
    if (!cJSON_IsBool(header) || !cJSON_IsString(delimiter) || !mote_delimiter_names[found] ||
        columns->table_width == 0) {
        return fail_senseless(error);
    }
    columns->delimiter = (mote_delimiter)found;
    mote_status status = parse_list(columns, cJSON_GetObjectItemCaseSensitive(object, "columns"),
                                    &columns->features, &columns->feature_count, error);
    return status == MOTE_OK
               ? parse_list(columns, cJSON_GetObjectItemCaseSensitive(object, "targets"),
                            &columns->targets, &columns->target_count, error)
               : status;
}

mote_status mote_columns_parse(mote_columns *columns, const char *json, mote_error *error) {
    *columns = (mote_columns){0};
    bool out_of_memory = false;
    cJSON *object = mote_json_parse(json, strlen(json), &out_of_memory);
    mote_status status = out_of_memory ? fail_memory(error) : MOTE_OK;
    if (status == MOTE_OK) {
        status = object ? parse_object(columns, object, error) : fail_senseless(error);
    }
    cJSON_Delete(object);
    if (status != MOTE_OK) {
        mote_columns_free(columns);
    }
    return status;
}

mote_status mote_columns_number(mote_columns *columns, size_t width, mote_error *error) {
    *columns = (mote_columns){.delimiter = MOTE_DELIMITER_AUTO, .table_width = width};
    columns->features = calloc(width, sizeof *columns->features);
    if (!columns->features) {
        return fail_memory(error);
    }
    columns->feature_count = width;
    for (size_t i = 0; i < width; i++) {
        columns->features[i].number = i;
    }
    return MOTE_OK;
}

/* ---- finding columns in a table ---- */

/* Whether the first row holds the name of any feature. */
static mote_status look_for_names(const mote_columns *columns, const mote_table *table, bool *found,
                                  mote_error *error) {
    mote_dictionary names = {0};
    mote_status status = MOTE_OK;
    uint32_t number;
    for (size_t i = 0; status == MOTE_OK && i < columns->feature_count; i++) {
        const char *name = columns->features[i].name;
        if (name) {
            mote_text text = {.start = name, .length = strlen(name)};
            status = mote_dictionary_add(&names, text, &number, error);
        }
    }
    *found = false;
    for (size_t i = 0; status == MOTE_OK && !*found && i < mote_table_count(table); i++) {
        *found = mote_dictionary_find(&names, mote_table_field(table, i), &number);
    }
    mote_dictionary_free(&names);
    return status;
}

static mote_status find_by_name(const mote_header *header, const mote_table *table,
                                mote_column *column, mote_error *error) {
    if (!column->name) { /* unnamed in the training table: must be where it was there */
        column->at = column->number;
        return column->at < header->count && !mote_header_name(header, column->at)
                   ? MOTE_OK
                   : mote_table_fail(table, column->at, error,
                                     "expected column %zu to have no name, as in training",
                                     column->at + 1);
    }
    column->at = mote_header_find(header, column->name);
    char text[MOTE_HEADER_ADVICE_CAPACITY];
    return column->at != SIZE_MAX
               ? MOTE_OK
               : mote_table_fail(table, 0, error, "there is no column \"%.80s\"%s", column->name,
                                 mote_header_advice(header, column->name, text));
}

static mote_status find_all_by_name(mote_column_reader *reader, mote_error *error) {
    mote_columns *columns = reader->columns;
    mote_header header;
    mote_status status = mote_header_read(&header, reader->table, error);
    for (size_t i = 0; status == MOTE_OK && i < columns->feature_count; i++) {
        status = find_by_name(&header, reader->table, &columns->features[i], error);
    }
    bool targets = reader->use == MOTE_COLUMNS_TRAINING;
    for (size_t i = 0; status == MOTE_OK && targets && i < columns->target_count; i++) {
        status = find_by_name(&header, reader->table, &columns->targets[i], error);
    }
    mote_header_free(&header);
    return status;
}

/* "4 fields, the columns that the model takes" or "1 field, ..." */
static mote_status fail_width(const mote_column_reader *reader, mote_error *error) {
    const mote_columns *columns = reader->columns;
    size_t found = mote_table_count(reader->table), wanted = columns->feature_count;
    size_t index = found > columns->table_width ? columns->table_width : found;
    if (wanted == columns->table_width) { /* a model that was not trained on a table */
        return mote_table_fail(reader->table, index, error,
                               "expected %zu field%s, the numbers that the model takes, found %zu",
                               wanted, wanted == 1 ? "" : "s", found);
    }
    if (reader->use == MOTE_COLUMNS_TRAINING) {
        return mote_table_fail(reader->table, index, error,
                               "expected %zu fields, as in the table that was trained on, found "
                               "%zu",
                               columns->table_width, found);
    }
    return mote_table_fail(reader->table, index, error,
                           "expected %zu field%s, the columns that the model takes, or %zu, all "
                           "columns of the table it was trained on, found %zu",
                           wanted, wanted == 1 ? "" : "s", columns->table_width, found);
}

static mote_status find_by_place(mote_column_reader *reader, mote_error *error) {
    mote_columns *columns = reader->columns;
    size_t width = mote_table_count(reader->table);
    bool all = width == columns->table_width;
    if (!all && (reader->use == MOTE_COLUMNS_TRAINING || width != columns->feature_count)) {
        return fail_width(reader, error);
    }
    for (size_t i = 0; i < columns->feature_count; i++) {
        columns->features[i].at = all ? columns->features[i].number : i;
    }
    for (size_t i = 0; i < columns->target_count; i++) {
        columns->targets[i].at = columns->targets[i].number;
    }
    return MOTE_OK;
}

mote_status mote_column_reader_start(mote_column_reader *reader, mote_columns *columns,
                                     mote_table *table, mote_columns_use use, mote_error *error) {
    *reader = (mote_column_reader){.columns = columns, .table = table, .use = use};
    bool more;
    mote_status status = mote_table_next(table, &more, error);
    if (status != MOTE_OK || !more) {
        return status;
    }
    reader->width = mote_table_count(table);
    reader->first_line = mote_table_line(table);
    bool names = columns->header;
    if (names && use == MOTE_COLUMNS_PREDICTION) {
        status = look_for_names(columns, table, &names, error);
        if (status != MOTE_OK) {
            return status;
        }
    }
    reader->pending = !names;
    return names ? find_all_by_name(reader, error) : find_by_place(reader, error);
}

/* ---- rows ---- */

mote_status mote_column_reader_next(mote_column_reader *reader, bool *more, mote_error *error) {
    if (reader->pending) {
        reader->pending = false;
        *more = true;
        return MOTE_OK;
    }
    mote_status status = mote_table_next(reader->table, more, error);
    size_t found = mote_table_count(reader->table);
    if (status != MOTE_OK || !*more || found == reader->width) {
        return status;
    }
    return mote_table_fail(reader->table, found < reader->width ? found : reader->width, error,
                           "expected %zu field%s as in line %zu, found %zu", reader->width,
                           reader->width == 1 ? "" : "s", reader->first_line, found);
}

static bool is_missing(const mote_column_reader *reader, const mote_column *column) {
    return mote_text_is_missing(mote_table_field(reader->table, column->at));
}

const mote_column *mote_column_reader_missing(const mote_column_reader *reader) {
    const mote_columns *columns = reader->columns;
    for (size_t i = 0; i < columns->feature_count; i++) {
        if (is_missing(reader, &columns->features[i])) {
            return &columns->features[i];
        }
    }
    size_t targets = reader->use == MOTE_COLUMNS_TRAINING ? columns->target_count : 0;
    for (size_t i = 0; i < targets; i++) {
        if (is_missing(reader, &columns->targets[i])) {
            return &columns->targets[i];
        }
    }
    return NULL;
}

mote_status mote_column_reader_fail(const mote_column_reader *reader, const mote_column *column,
                                    mote_error *error, const char *format, ...) {
    char message[MOTE_ERROR_CAPACITY];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (!column->name) {
        return mote_table_fail(reader->table, column->at, error, "column %zu: %s", column->at + 1,
                               message);
    }
    return mote_table_fail(reader->table, column->at, error, "column %zu (\"%.80s\"): %s",
                           column->at + 1, column->name, message);
}

mote_status mote_column_reader_fail_missing(const mote_column_reader *reader,
                                            const mote_column *column, mote_error *error) {
    mote_text text = mote_table_field(reader->table, column->at);
    char found[MOTE_TEXT_FOUND_CAPACITY];
    char advice[120] = "";
    bool training = reader->use == MOTE_COLUMNS_TRAINING;
    if (training && reader->columns->header && !column->name) { /* delimiters at line ends */
        snprintf(advice, sizeof advice,
                 "; \"drop\": [%zu] leaves the column out, \"missing\": \"drop\" such rows",
                 column->number + 1);
    } else if (training) {
        strcpy(advice, "; \"missing\": \"drop\" leaves such rows out");
    }
    return mote_column_reader_fail(reader, column, error, "the value is missing%s%s%s",
                                   text.length ? ": found " : "",
                                   text.length ? mote_text_found(text, found) : "", advice);
}

/* Whether it is a number with a decimal comma, such as 1,5. */
static bool has_decimal_comma(mote_text text) {
    char copy[32];
    double number;
    const char *comma = memchr(text.start, ',', text.length);
    if (!comma || text.length >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.start, text.length);
    copy[comma - text.start] = '.';
    return mote_text_to_number((mote_text){.start = copy, .length = text.length}, &number);
}

/* Whether it looks like a mistyped number rather than a text that belongs there. */
static bool begins_like_number(mote_text text) {
    return text.length > 0 && memchr("0123456789+-.", *text.start, 13);
}

static bool is_infinite(mote_text text) {
    static const char *const names[] = {"inf", "Inf", "INF", "infinity", "Infinity"};
    bool sign = text.length > 0 && (*text.start == '-' || *text.start == '+');
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) + sign == text.length &&
            memcmp(text.start + sign, names[i], text.length - sign) == 0) {
            return true;
        }
    }
    return false;
}

/* What to do about a field that is not a number. */
static const char *advise(const mote_column_reader *reader, const mote_column *column,
                          mote_text text, char *advice, size_t capacity) {
    const mote_columns *columns = reader->columns;
    bool feature =
        column >= columns->features && column < columns->features + columns->feature_count;
    advice[0] = '\0';
    if (has_decimal_comma(text)) {
        return "; write numbers with a decimal point";
    }
    if (reader->use != MOTE_COLUMNS_TRAINING || begins_like_number(text)) {
        return advice;
    }
    if (!feature) {
        return "; \"task\": \"classification\" predicts classes";
    }
    if (!columns->header && mote_table_line(reader->table) == reader->first_line) {
        return "; if the first line holds the names of the columns, set \"header\" to \"yes\"";
    }
    char name[100];
    if (column->name) {
        snprintf(name, sizeof name, "\"%.80s\"", column->name);
    } else {
        snprintf(name, sizeof name, "%zu", column->number + 1);
    }
    snprintf(advice, capacity,
             "; \"drop\": [%s] leaves the column out, \"categories\": [%s] turns its texts into "
             "columns of 0 and 1",
             name, name);
    return advice;
}

mote_status mote_column_reader_number(const mote_column_reader *reader, const mote_column *column,
                                      mote_real *number, mote_error *error) {
    mote_text text = mote_table_field(reader->table, column->at);
    double value;
    char found[MOTE_TEXT_FOUND_CAPACITY], advice[400];
    if (mote_text_to_number(text, &value)) {
        *number = (mote_real)value;
        return fabs(value) <= (double)FLT_MAX
                   ? MOTE_OK
                   : mote_column_reader_fail(
                         reader, column, error,
                         "expected a number that fits into 32 bits, up to 3.4e+38, found %s",
                         mote_text_found(text, found));
    }
    if (is_infinite(text)) {
        return mote_column_reader_fail(reader, column, error, "expected a finite number, found %s",
                                       mote_text_found(text, found));
    }
    return mote_column_reader_fail(reader, column, error, "expected a number, found %s%s",
                                   mote_text_found(text, found),
                                   advise(reader, column, text, advice, sizeof advice));
}

static mote_status read_category(const mote_column_reader *reader, const mote_column *column,
                                 mote_real *number, mote_error *error) {
    mote_text text = mote_table_field(reader->table, column->at);
    uint32_t category;
    if (mote_dictionary_find(&column->categories, text, &category)) {
        *number = (mote_real)category;
        return MOTE_OK;
    }
    char found[MOTE_TEXT_FOUND_CAPACITY];
    return mote_column_reader_fail(
        reader, column, error, "%s is not one of the %zu texts that this column had in training",
        mote_text_found(text, found), column->categories.count);
}

mote_status mote_column_reader_features(const mote_column_reader *reader, mote_real *features,
                                        mote_error *error) {
    const mote_columns *columns = reader->columns;
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < columns->feature_count; i++) {
        const mote_column *column = &columns->features[i];
        status = column->categorical
                     ? read_category(reader, column, &features[i], error)
                     : mote_column_reader_number(reader, column, &features[i], error);
    }
    return status;
}
