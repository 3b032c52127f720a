/* table.c: delimited text, row by row.
 *
 * A row is parsed in place in the buffer, so its fields need no copies; only those with doubled
 * quotes get one. Line and column of an error are found by scanning the row again, so nothing is
 * kept for rows without errors.
 */
#include "data/csv/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CAPACITY = 1 << 18,
    LONGEST_ROW = 1 << 26, /* bytes: a longer one has an unclosed quote */
    ROWS_LOOKED_AT = 20,   /* to find the delimiter */
};

const char *const mote_delimiter_names[] = {
#define X(name, text, sign) [MOTE_DELIMITER_##name] = text,
    MOTE_DELIMITERS(X)
#undef X
        NULL,
};

static const char delimiter_signs[] = {
#define X(name, text, sign) [MOTE_DELIMITER_##name] = sign,
    MOTE_DELIMITERS(X)
#undef X
};

/* Positions in the buffer. */
typedef struct field {
    size_t begin;         /* of the field as in the file, with quotes */
    size_t start, length; /* of its content */
    bool copied;          /* the content is in `copies`, not in the buffer */
} field;

struct mote_table {
    char *path;
    FILE *stream;
    bool owned;
    mote_delimiter delimiter;

    char *buffer;                /* [capacity + 1]: a line feed follows the used bytes */
    size_t capacity, used, next; /* `next`: where the row after the current one begins */
    size_t moved;                /* bytes of the file before the buffer */
    bool ended;                  /* the file has nothing after the used bytes */

    size_t row, row_end, line, next_line;
    field *fields;
    size_t count, field_capacity;
    char *copies;
    size_t copies_used, copies_capacity;
};

/* ---- the buffer ---- */

static mote_status fail_memory(const mote_table *table, mote_error *error) {
    return mote_fail(error, MOTE_MEMORY, "%s: out of memory for a row", table->path);
}

static mote_status grow_buffer(mote_table *table, mote_error *error) {
    if (table->capacity >= LONGEST_ROW) {
        table->next = table->used;
        table->ended = true;
        return mote_fail(error, MOTE_DATA,
                         "%s:%zu: a row of more than %d MB; is a quote not closed?", table->path,
                         table->next_line, LONGEST_ROW >> 20);
    }
    size_t capacity = table->capacity ? 2 * table->capacity : FIRST_CAPACITY;
    char *grown = realloc(table->buffer, capacity + 1);
    if (!grown) {
        return fail_memory(table, error);
    }
    table->buffer = grown;
    table->capacity = capacity;
    return MOTE_OK;
}

/* Reads more of the file into the buffer, or finds its end. Drops what precedes `next`. */
static mote_status refill(mote_table *table, mote_error *error) {
    if (table->next > 0) {
        table->used -= table->next;
        memmove(table->buffer, table->buffer + table->next, table->used);
        table->moved += table->next;
        table->next = 0;
    }
    if (table->used == table->capacity) {
        mote_status status = grow_buffer(table, error);
        if (status != MOTE_OK) {
            return status;
        }
    }
    errno = 0;
    size_t got =
        fread(table->buffer + table->used, 1, table->capacity - table->used, table->stream);
    table->used += got;
    table->buffer[table->used] = '\n';
    table->ended = got == 0;
    if (got == 0 && ferror(table->stream)) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be read: %s", table->path,
                         errno ? strerror(errno) : "it is damaged");
    }
    return MOTE_OK;
}

/* ---- one row ---- */

typedef enum parsed {
    PARSED,
    PARSED_BADLY, /* the row is complete, but malformed */
    NEEDS_MORE,   /* the row continues past the buffer */
    NO_MEMORY,
} parsed;

/* The state of parsing a row. */
typedef struct parser {
    mote_table *table;
    char sign;
    size_t at;
    size_t lines;    /* line ends within quotes */
    size_t wrong_at; /* where the first error is, or SIZE_MAX */
    const char *wrong;
} parser;

static bool is_blank(char c, char sign) {
    return (c == ' ' || c == '\t') && c != sign;
}

static field *new_field(mote_table *table) {
    if (table->count == table->field_capacity) {
        size_t capacity = table->field_capacity ? 2 * table->field_capacity : 64;
        field *grown = realloc(table->fields, capacity * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        table->fields = grown;
        table->field_capacity = capacity;
    }
    return &table->fields[table->count++];
}

static bool reserve_copies(mote_table *table, size_t bytes) {
    if (table->copies_capacity - table->copies_used >= bytes) {
        return true;
    }
    size_t capacity = 2 * table->copies_capacity + bytes;
    char *grown = realloc(table->copies, capacity);
    if (!grown) {
        return false;
    }
    table->copies = grown;
    table->copies_capacity = capacity;
    return true;
}

/* Copies the text between the field's quotes, each doubled quote as one. */
static bool copy_field(mote_table *table, field *f) {
    if (!reserve_copies(table, f->length)) {
        return false;
    }
    const char *from = table->buffer + f->start, *end = from + f->length;
    char *to = table->copies + table->copies_used, *first = to;
    while (from < end) {
        from += *from == '"';
        *to++ = *from++;
    }
    f->start = table->copies_used;
    f->length = (size_t)(to - first);
    f->copied = true;
    table->copies_used += f->length;
    return true;
}

static void note_wrong(parser *p, size_t at, const char *what) {
    if (p->wrong_at == SIZE_MAX) {
        p->wrong_at = at;
        p->wrong = what;
    }
}

static size_t count_lines(const char *text, size_t length) {
    size_t lines = 0;
    for (size_t i = 0; i < length; i++) {
        lines += text[i] == '\n' || (text[i] == '\r' && (i + 1 == length || text[i + 1] != '\n'));
    }
    return lines;
}

/* Advances p->at to the delimiter or the end of the line. */
static void skip_to_end(parser *p) {
    const char *buffer = p->table->buffer;
    size_t at = p->at;
    while (buffer[at] != p->sign && buffer[at] != '\n' && buffer[at] != '\r') {
        at++;
    }
    p->at = at;
}

static parsed parse_quoted(parser *p, field *f) {
    mote_table *table = p->table;
    const char *buffer = table->buffer, *end = buffer + table->used;
    size_t open = p->at++;
    bool doubled = false;
    f->start = p->at;
    for (;;) {
        const char *quote = memchr(buffer + p->at, '"', (size_t)(end - (buffer + p->at)));
        p->at = quote ? (size_t)(quote - buffer) : table->used;
        if (p->at + 1 >= table->used && !table->ended) {
            return NEEDS_MORE; /* a second quote may follow this one */
        }
        if (!quote) {
            note_wrong(p, open, "a quote is opened here and never closed");
            break;
        }
        if (buffer[p->at + 1] != '"') {
            break;
        }
        doubled = true;
        p->at += 2;
    }
    f->length = p->at - f->start;
    p->lines += count_lines(buffer + f->start, f->length);
    p->at += p->at < table->used;
    while (is_blank(buffer[p->at], p->sign)) {
        p->at++;
    }
    size_t behind = p->at;
    skip_to_end(p);
    if (p->at > behind) {
        note_wrong(p, behind,
                   "something stands behind a closing quote; a quote within quotes is doubled");
    }
    return doubled && !copy_field(table, f) ? NO_MEMORY : PARSED;
}

static parsed parse_field(parser *p) {
    mote_table *table = p->table;
    field *f = new_field(table);
    if (!f) {
        return NO_MEMORY;
    }
    const char *buffer = table->buffer;
    while (is_blank(buffer[p->at], p->sign)) {
        p->at++;
    }
    *f = (field){.begin = p->at, .start = p->at};
    if (buffer[p->at] == '"') {
        return parse_quoted(p, f);
    }
    skip_to_end(p);
    f->length = p->at - f->start;
    while (f->length > 0 && is_blank(buffer[f->start + f->length - 1], p->sign)) {
        f->length--;
    }
    return PARSED;
}

/* Skips the end of the line. False if that takes more of the file. */
static bool end_row(parser *p) {
    mote_table *table = p->table;
    table->row_end = p->at;
    if (p->at == table->used) {
        return table->ended;
    }
    bool carriage_return = table->buffer[p->at++] == '\r';
    if (carriage_return && p->at == table->used && !table->ended) {
        return false;
    }
    p->at += carriage_return && p->at < table->used && table->buffer[p->at] == '\n';
    return true;
}

/* Parses the row at table->next, which then becomes the current one. */
static parsed parse_row(mote_table *table, char sign, parser *p) {
    *p = (parser){.table = table, .sign = sign, .at = table->next, .wrong_at = SIZE_MAX};
    table->count = table->copies_used = 0;
    for (;;) {
        parsed result = parse_field(p);
        if (result != PARSED) {
            return result;
        }
        if (p->at == table->used || table->buffer[p->at] != sign) {
            break;
        }
        p->at++;
    }
    if (!end_row(p)) {
        return NEEDS_MORE;
    }
    table->row = table->next;
    table->line = table->next_line;
    table->next = p->at;
    table->next_line += 1 + p->lines;
    return p->wrong_at == SIZE_MAX ? PARSED : PARSED_BADLY;
}

static bool is_empty_line(const mote_table *table) {
    return table->count == 1 && table->fields[0].length == 0 &&
           table->fields[0].begin == table->row_end;
}

/* ---- positions in the file ---- */

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The line and column, in characters, of a position in the current row. */
static void line_and_column(const mote_table *table, size_t position, size_t *line,
                            size_t *column) {
    size_t begin = table->row;
    *line = table->line + count_lines(table->buffer + begin, position - begin);
    for (size_t i = begin; i < position; i++) {
        begin = table->buffer[i] == '\n' || table->buffer[i] == '\r' ? i + 1 : begin;
    }
    *column = 1;
    for (size_t i = begin; i < position; i++) {
        *column += !is_continuation(table->buffer[i]);
    }
}

static mote_status fail_at(const mote_table *table, size_t position, mote_error *error,
                           const char *message) {
    size_t line, column;
    line_and_column(table, position, &line, &column);
    return mote_fail(error, MOTE_DATA, "%s:%zu:%zu: %s", table->path, line, column, message);
}

mote_status mote_table_fail(const mote_table *table, size_t index, mote_error *error,
                            const char *format, ...) {
    char message[MOTE_ERROR_CAPACITY];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    size_t position = index < table->count ? table->fields[index].begin : table->row_end;
    return fail_at(table, position, error, message);
}

/* ---- opening ---- */

/* How many fields a delimiter splits each of the first lines into. */
typedef struct cut {
    size_t first; /* in the first line */
    bool even;    /* as many in all of them, and more than one */
} cut;

static mote_status try_delimiter(mote_table *table, char sign, cut *found, mote_error *error) {
    size_t start = table->next, start_line = table->next_line, rows = 0;
    parser p;
    *found = (cut){0};
    while (rows < ROWS_LOOKED_AT && table->next < table->used) {
        parsed result = parse_row(table, sign, &p);
        if (result == NO_MEMORY) {
            return fail_memory(table, error);
        }
        if (result == NEEDS_MORE && rows > 0) {
            break;
        }
        if (result != NEEDS_MORE && is_empty_line(table)) {
            continue;
        }
        found->even = rows == 0 ? table->count > 1 : found->even && table->count == found->first;
        found->first = rows == 0 ? table->count : found->first;
        rows++;
        if (result == NEEDS_MORE) {
            break;
        }
    }
    table->next = start;
    table->next_line = start_line;
    table->count = 0;
    return MOTE_OK;
}

/* If several split the lines evenly, the first one in this order wins: a comma may be a decimal
 * comma, and both it and the semicolon occur in texts. If none does, the one that the first line
 * has most of wins. */
static mote_status find_delimiter(mote_table *table, mote_error *error) {
    static const mote_delimiter order[] = {MOTE_DELIMITER_TAB, MOTE_DELIMITER_SEMICOLON,
                                           MOTE_DELIMITER_COMMA, MOTE_DELIMITER_BAR};
    cut best = {.first = 1};
    table->delimiter = MOTE_DELIMITER_COMMA;
    for (size_t i = 0; i < sizeof order / sizeof *order && !best.even; i++) {
        cut found;
        mote_status status = try_delimiter(table, delimiter_signs[order[i]], &found, error);
        if (status != MOTE_OK) {
            return status;
        }
        if (found.even || found.first > best.first) {
            best = found;
            table->delimiter = order[i];
        }
    }
    return MOTE_OK;
}

/* Checks the first bytes: skips a byte order mark and refuses what is not text. */
static mote_status check_start(mote_table *table, mote_error *error) {
    const unsigned char *start = (const unsigned char *)table->buffer;
    size_t length = table->used;
    if (length >= 2 && start[0] == 0x1f && start[1] == 0x8b) {
        return mote_fail(error, MOTE_DATA, "%s: is compressed; unpack it first (gzip -d)",
                         table->path);
    }
    if (length >= 2 &&
        ((start[0] == 0xff && start[1] == 0xfe) || (start[0] == 0xfe && start[1] == 0xff))) {
        return mote_fail(error, MOTE_DATA, "%s: is UTF-16; save it as UTF-8", table->path);
    }
    if (length >= 3 && memcmp(start, "\xef\xbb\xbf", 3) == 0) {
        table->next = 3;
    }
    return length > table->next ? MOTE_OK
                                : mote_fail(error, MOTE_DATA, "%s: the file is empty", table->path);
}

static mote_status begin(mote_table *table, mote_error *error) {
    if (!table->path) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for a table");
    }
    if (!table->stream) {
        table->stream = fopen(table->path, "rb");
        table->owned = true;
    }
    if (!table->stream) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", table->path,
                         strerror(errno));
    }
    mote_status status = refill(table, error);
    if (status == MOTE_OK) {
        status = check_start(table, error);
    }
    return status == MOTE_OK && table->delimiter == MOTE_DELIMITER_AUTO
               ? find_delimiter(table, error)
               : status;
}

mote_table *mote_table_open(const char *path, FILE *stream, mote_delimiter delimiter,
                            mote_error *error) {
    mote_table *table = calloc(1, sizeof *table);
    if (!table) {
        mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
        return NULL;
    }
    *table = (mote_table){
        .path = strdup(path), .stream = stream, .delimiter = delimiter, .next_line = 1};
    if (begin(table, error) != MOTE_OK) {
        mote_table_close(table);
        return NULL;
    }
    return table;
}

void mote_table_close(mote_table *table) {
    if (!table) {
        return;
    }
    if (table->owned && table->stream) {
        fclose(table->stream);
    }
    free(table->path);
    free(table->buffer);
    free(table->fields);
    free(table->copies);
    free(table);
}

/* ---- reading ---- */

mote_status mote_table_next(mote_table *table, bool *more, mote_error *error) {
    char sign = delimiter_signs[table->delimiter];
    for (*more = true;;) {
        if (table->next == table->used && table->ended) {
            *more = false;
            table->count = 0;
            return MOTE_OK;
        }
        parser p;
        parsed result = parse_row(table, sign, &p);
        if (result == NEEDS_MORE) {
            mote_status status = refill(table, error);
            if (status != MOTE_OK) {
                return status;
            }
            continue;
        }
        if (result == NO_MEMORY) {
            return fail_memory(table, error);
        }
        if (result == PARSED_BADLY) {
            return fail_at(table, p.wrong_at, error, p.wrong);
        }
        if (!is_empty_line(table)) {
            return MOTE_OK;
        }
    }
}

size_t mote_table_position(const mote_table *table) {
    return table->moved + table->next;
}

size_t mote_table_count(const mote_table *table) {
    return table->count;
}

mote_text mote_table_field(const mote_table *table, size_t index) {
    const field *f = &table->fields[index];
    return (mote_text){.start = (f->copied ? table->copies : table->buffer) + f->start,
                       .length = f->length};
}

size_t mote_table_line(const mote_table *table) {
    return table->line;
}
