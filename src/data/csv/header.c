/* header.c: the first line of a table, if it holds the names of the columns. */
#include "data/csv/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/suggest.h"

static mote_status add_name(mote_header *header, const mote_table *table, size_t column,
                            mote_error *error) {
    mote_text text = mote_table_field(table, column);
    header->name_of[column] = UINT32_MAX;
    if (text.length == 0) {
        return MOTE_OK;
    }
    char found[MOTE_TEXT_FOUND_CAPACITY];
    if (!mote_text_is_utf8(text)) {
        return mote_table_fail(table, column, error,
                               "the name of column %zu is not UTF-8: %s; save the file as UTF-8",
                               column + 1, mote_text_found(text, found));
    }
    uint32_t number;
    if (mote_dictionary_find(&header->names, text, &number)) {
        return mote_table_fail(
            table, column, error, "columns %zu and %zu are both called %s; rename one of them",
            header->column_of[number] + 1, column + 1, mote_text_found(text, found));
    }
    mote_status status = mote_dictionary_add(&header->names, text, &number, error);
    header->name_of[column] = number;
    header->column_of[number] = column;
    return status;
}

mote_status mote_header_read(mote_header *header, const mote_table *table, mote_error *error) {
    *header = (mote_header){.count = mote_table_count(table)};
    header->name_of = malloc(header->count * sizeof *header->name_of);
    header->column_of = malloc(header->count * sizeof *header->column_of);
    if (!header->name_of || !header->column_of) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for %zu columns", header->count);
    }
    mote_status status = MOTE_OK;
    for (size_t i = 0; status == MOTE_OK && i < header->count; i++) {
        status = add_name(header, table, i, error);
    }
    return status;
}

void mote_header_free(mote_header *header) {
    mote_dictionary_free(&header->names);
    free(header->name_of);
    free(header->column_of);
    *header = (mote_header){0};
}

const char *mote_header_name(const mote_header *header, size_t column) {
    uint32_t number = header->name_of[column];
    return number == UINT32_MAX ? NULL : mote_dictionary_text(&header->names, number);
}

size_t mote_header_find(const mote_header *header, const char *name) {
    uint32_t number;
    mote_text text = {.start = name, .length = strlen(name)};
    return mote_dictionary_find(&header->names, text, &number) ? header->column_of[number]
                                                               : SIZE_MAX;
}

/* Lists all names, cut off where the text is full. */
static char *list_names(const mote_header *header, char *text) {
    static const char cut[] = ", ...";
    size_t limit = MOTE_HEADER_ADVICE_CAPACITY - sizeof cut;
    size_t used = (size_t)sprintf(text, "; available:");
    for (size_t i = 0; i < header->names.count; i++) {
        const char *name = mote_dictionary_text(&header->names, i);
        if (used + 2 + strlen(name) > limit) {
            strcpy(text + used, cut);
            break;
        }
        used += (size_t)sprintf(text + used, "%s%s", i ? ", " : " ", name);
    }
    return text;
}

char *mote_header_advice(const mote_header *header, const char *sought, char *text) {
    mote_suggestion suggestion = mote_suggest(sought);
    bool word = strlen(sought) > 1; /* single letters are all close to each other */
    for (size_t i = 0; word && i < header->names.count; i++) {
        mote_suggest_candidate(&suggestion, mote_dictionary_text(&header->names, i));
    }
    if (suggestion.best) {
        return mote_suggestion_text(&suggestion, text);
    }
    text[0] = '\0';
    return header->names.count ? list_names(header, text) : text;
}
