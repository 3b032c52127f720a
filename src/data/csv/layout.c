/* layout.c: finds the columns of a table that the config names. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/csv/parts.h"
#include "data/csv/header.h"

/* ---- the columns that the config names ---- */

typedef enum role {
    FEATURE,
    CATEGORY, /* a feature of texts */
    TARGET,
    DROPPED
} role;

/* The first line, and the role that the config gives each column. */
typedef struct layout {
    const mote_csv *self;
    bool named;
    mote_header header; /* if named */
    size_t width;
    role *roles; /* [width] */
} layout;

static mote_status find_name(const layout *l, mote_json value, size_t *column, mote_error *error) {
    const char *name = value.node->valuestring;
    if (!l->named) {
        return mote_fail_at(
            value, error, "%s has no header line: give the column's number, counted from 1%s",
            l->self->file,
            l->self->header == MOTE_CSV_HEADER_AUTO ? ", or set \"header\" to \"yes\" if it has one"
                                                    : "");
    }
    *column = mote_header_find(&l->header, name);
    char advice[MOTE_HEADER_ADVICE_CAPACITY];
    return *column != SIZE_MAX
               ? MOTE_OK
               : mote_fail_at(value, error, "%s has no column \"%.80s\"%s", l->self->file, name,
                              mote_header_advice(&l->header, name, advice));
}

/* 1 is the first column, -1 the last. */
static mote_status find_number(const layout *l, mote_json value, size_t *column,
                               mote_error *error) {
    double number = value.node->valuedouble, width = (double)l->width;
    if (number != floor(number) || number == 0) {
        return mote_fail_at(value, error,
                            "expected the number of a column, counted from 1 (-1: the last), "
                            "found %g",
                            number);
    }
    if (fabs(number) > width) {
        return mote_fail_at(value, error, "there is no column %.0f: %s has %zu", number,
                            l->self->file, l->width);
    }
    *column = (size_t)(number > 0 ? number - 1 : width + number);
    return MOTE_OK;
}

static mote_status find_column(const layout *l, mote_json value, size_t *column,
                               mote_error *error) {
    if (cJSON_IsString(value.node)) {
        return find_name(l, value, column, error);
    }
    if (cJSON_IsNumber(value.node)) {
        return find_number(l, value, column, error);
    }
    char found[MOTE_JSON_FOUND_CAPACITY];
    return mote_fail_at(value, error,
                        "expected the name of a column, or its number, counted from 1 (-1: the "
                        "last), found %s",
                        mote_json_found(value, found));
}

static mote_status set_role(layout *l, mote_json value, role wanted, mote_error *error) {
    static const char *const said[] = {[CATEGORY] = "among \"categories\"",
                                       [TARGET] = "to be predicted",
                                       [DROPPED] = "among those to \"drop\""};
    size_t column;
    mote_status status = find_column(l, value, &column, error);
    if (status != MOTE_OK) {
        return status;
    }
    role found = l->roles[column];
    l->roles[column] = wanted;
    return found == FEATURE
               ? MOTE_OK
               : mote_fail_at(value, error, "column %zu is already %s", column + 1, said[found]);
}

/* One column, or a list of them. */
static mote_status set_roles(layout *l, mote_json value, role wanted, mote_error *error) {
    if (!value.node || !cJSON_IsArray(value.node)) {
        return value.node ? set_role(l, value, wanted, error) : MOTE_OK;
    }
    mote_status status = MOTE_OK;
    for (const cJSON *node = value.node->child; status == MOTE_OK && node; node = node->next) {
        status = set_role(l, (mote_json){.document = value.document, .node = node}, wanted, error);
    }
    return status;
}

bool mote_csv_looks_for_categories(const mote_csv *self) {
    const cJSON *node = self->categories.node;
    return cJSON_IsString(node) && strcmp(node->valuestring, "auto") == 0;
}

static mote_status set_all_roles(layout *l, mote_error *error) {
    const mote_csv *self = l->self;
    l->roles = calloc(l->width, sizeof *l->roles);
    if (!l->roles) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for %zu columns", l->width);
    }
    mote_status status = set_roles(l, self->target, TARGET, error);
    if (status == MOTE_OK) {
        status = set_roles(l, self->drop, DROPPED, error);
    }
    return status == MOTE_OK && !mote_csv_looks_for_categories(self)
               ? set_roles(l, self->categories, CATEGORY, error)
               : status;
}

static size_t count_roles(const layout *l, role from, role to) {
    size_t count = 0;
    for (size_t i = 0; i < l->width; i++) {
        count += l->roles[i] >= from && l->roles[i] <= to;
    }
    return count;
}

static mote_status check_roles(const layout *l, mote_error *error) {
    const mote_csv *self = l->self;
    size_t targets = count_roles(l, TARGET, TARGET);
    if (targets == 0) {
        return mote_fail_at(self->target, error, "expected at least one column, found none");
    }
    if (targets > 1 && self->task == MOTE_CSV_CLASSIFICATION) {
        return mote_fail_at(
            self->target, error,
            "classes come from a single column; several are for \"task\": \"regression\"");
    }
    if (count_roles(l, FEATURE, CATEGORY) == 0) {
        return mote_fail_at(self->target, error,
                            "none of the %zu columns of %s is left to predict it from", l->width,
                            self->file);
    }
    return MOTE_OK;
}

static mote_status add_columns(const layout *l, role from, role to, mote_column **list,
                               size_t *count, mote_error *error) {
    *list = calloc(count_roles(l, from, to), sizeof **list);
    if (!*list) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for %zu columns", l->width);
    }
    for (size_t i = 0; i < l->width; i++) {
        if (l->roles[i] < from || l->roles[i] > to) {
            continue;
        }
        const char *name = l->named ? mote_header_name(&l->header, i) : NULL;
        mote_column *column = &(*list)[(*count)++];
        *column = (mote_column){.name = name ? strdup(name) : NULL,
                                .number = i,
                                .categorical = l->roles[i] == CATEGORY};
        if (name && !column->name) {
            return mote_fail(error, MOTE_MEMORY, "out of memory for %zu columns", l->width);
        }
    }
    return MOTE_OK;
}

/* Puts the targets in the order of the config. */
static mote_status order_targets(mote_csv *self, const layout *l, mote_error *error) {
    mote_columns *columns = &self->columns;
    size_t place = 0;
    for (const cJSON *node = cJSON_IsArray(self->target.node) ? self->target.node->child : NULL;
         node; node = node->next, place++) {
        size_t number, at = place;
        mote_json value = {.document = self->target.document, .node = node};
        mote_status status = find_column(l, value, &number, error);
        if (status != MOTE_OK) {
            return status;
        }
        while (columns->targets[at].number != number) {
            at++;
        }
        mote_column swap = columns->targets[at];
        columns->targets[at] = columns->targets[place];
        columns->targets[place] = swap;
    }
    return MOTE_OK;
}

static mote_status make_columns(mote_csv *self, layout *l, mote_error *error) {
    mote_columns *columns = &self->columns;
    columns->header = l->named;
    columns->delimiter = (mote_delimiter)self->delimiter;
    columns->table_width = l->width;
    mote_status status = set_all_roles(l, error);
    if (status == MOTE_OK) {
        status = check_roles(l, error);
    }
    if (status == MOTE_OK) {
        status =
            add_columns(l, FEATURE, CATEGORY, &columns->features, &columns->feature_count, error);
    }
    if (status == MOTE_OK) {
        status = add_columns(l, TARGET, TARGET, &columns->targets, &columns->target_count, error);
    }
    return status == MOTE_OK ? order_targets(self, l, error) : status;
}

/* ---- the first line ---- */

static bool looks_like_header(const mote_table *table) {
    double number;
    for (size_t i = 0; i < mote_table_count(table); i++) {
        if (mote_text_to_number(mote_table_field(table, i), &number)) {
            return false;
        }
    }
    return true;
}

static mote_status look_at_first_row(mote_csv *self, mote_table *table, layout *l,
                                     mote_error *error) {
    bool more;
    mote_status status = mote_table_next(table, &more, error);
    if (status != MOTE_OK || !more) {
        return status != MOTE_OK ? status
                                 : mote_fail(error, MOTE_DATA, "%s: the file is empty", self->file);
    }
    l->width = mote_table_count(table);
    l->named = self->header == MOTE_CSV_HEADER_YES ||
               (self->header == MOTE_CSV_HEADER_AUTO && looks_like_header(table));
    if (l->named) {
        status = mote_header_read(&l->header, table, error);
    }
    return status == MOTE_OK ? make_columns(self, l, error) : status;
}

/* Files are read more than once, so a pipe will not do. */
static mote_status check_file(const char *path, mote_error *error) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    }
    return S_ISREG(status.st_mode)
               ? MOTE_OK
               : mote_fail(error, MOTE_FILE, "%s: %s", path,
                           S_ISDIR(status.st_mode) ? "is a directory" : "not a regular file");
}

mote_status mote_csv_look(mote_csv *self, mote_error *error) {
    mote_status status = check_file(self->file, error);
    if (status == MOTE_OK && self->test_file) {
        status = check_file(self->test_file, error);
    }
    mote_table *table = status == MOTE_OK ? mote_table_open(self->file, NULL,
                                                            (mote_delimiter)self->delimiter, error)
                                          : NULL;
    if (!table) {
        return error && error->status ? error->status : MOTE_DATA;
    }
    layout l = {.self = self};
    status = look_at_first_row(self, table, &l, error);
    mote_table_close(table);
    mote_header_free(&l.header);
    free(l.roles);
    return status;
}
