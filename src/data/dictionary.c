/* dictionary.c: numbers distinct texts, by a hash table with open addressing. */
#include "data/dictionary.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_SLOTS = 16
};

const char *mote_dictionary_text(const mote_dictionary *dictionary, size_t number) {
    return dictionary->characters + dictionary->starts[number];
}

static mote_text text_at(const mote_dictionary *d, size_t number) {
    size_t end = number + 1 < d->count ? d->starts[number + 1] : d->used;
    return (mote_text){.start = mote_dictionary_text(d, number),
                       .length = end - d->starts[number] - 1};
}

/* FNV-1a, 64 bits. */
static uint64_t hash(mote_text text) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.length; i++) {
        h = (h ^ (unsigned char)text.start[i]) * 0x100000001b3u;
    }
    return h ^ h >> 32;
}

static bool equal(mote_text a, mote_text b) {
    return a.length == b.length && memcmp(a.start, b.start, a.length) == 0;
}

/* The slot that holds the text, or the free one where it belongs. */
static uint32_t *find_slot(const mote_dictionary *d, mote_text text) {
    size_t at = hash(text) & (d->slot_count - 1);
    while (d->slots[at] && !equal(text_at(d, d->slots[at] - 1), text)) {
        at = (at + 1) & (d->slot_count - 1);
    }
    return &d->slots[at];
}

static void fill_slots(mote_dictionary *d) {
    memset(d->slots, 0, d->slot_count * sizeof *d->slots);
    for (size_t i = 0; i < d->count; i++) {
        *find_slot(d, text_at(d, i)) = (uint32_t)i + 1;
    }
}

/* Makes room for one more text of that length. */
static bool reserve(mote_dictionary *d, size_t length) {
    if (2 * (d->count + 1) > d->slot_count) {
        size_t count = d->slot_count ? 2 * d->slot_count : FIRST_SLOTS;
        uint32_t *grown = realloc(d->slots, count * sizeof *grown);
        if (!grown) {
            return false;
        }
        d->slots = grown;
        d->slot_count = count;
        fill_slots(d);
    }
    if (d->count == d->starts_capacity) {
        size_t capacity = d->starts_capacity ? 2 * d->starts_capacity : FIRST_SLOTS;
        size_t *grown = realloc(d->starts, capacity * sizeof *grown);
        if (!grown) {
            return false;
        }
        d->starts = grown;
        d->starts_capacity = capacity;
    }
    if (d->capacity - d->used < length + 1) {
        size_t capacity = 2 * d->capacity + length + 1;
        char *grown = realloc(d->characters, capacity);
        if (!grown) {
            return false;
        }
        d->characters = grown;
        d->capacity = capacity;
    }
    return true;
}

mote_status mote_dictionary_add(mote_dictionary *d, mote_text text, uint32_t *number,
                                mote_error *error) {
    if (mote_dictionary_find(d, text, number)) {
        return MOTE_OK;
    }
    if (d->count == UINT32_MAX - 1 || !reserve(d, text.length)) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for %zu different texts", d->count + 1);
    }
    uint32_t *slot = find_slot(d, text);
    *number = (uint32_t)d->count;
    *slot = *number + 1;
    d->starts[d->count++] = d->used;
    if (text.length > 0) {
        memcpy(d->characters + d->used, text.start, text.length);
    }
    d->used += text.length;
    d->characters[d->used++] = '\0';
    return MOTE_OK;
}

bool mote_dictionary_find(const mote_dictionary *d, mote_text text, uint32_t *number) {
    uint32_t found = d->slot_count ? *find_slot(d, text) : 0;
    *number = found ? found - 1 : 0;
    return found;
}

/* ---- sorting ---- */

typedef struct entry {
    mote_text text;
    double value; /* 0 unless all are numbers */
    uint32_t number;
} entry;

static int compare(const void *left, const void *right) {
    const entry *a = left, *b = right;
    if (a->value != b->value) {
        return a->value < b->value ? -1 : 1;
    }
    return strcmp(a->text.start, b->text.start);
}

static bool all_are_numbers(const mote_dictionary *d) {
    double value;
    for (size_t i = 0; i < d->count; i++) {
        if (!mote_text_to_number(text_at(d, i), &value)) {
            return false;
        }
    }
    return true;
}

/* Puts the texts in the order of the entries. */
static void rearrange(mote_dictionary *d, const entry *entries, char *characters) {
    size_t used = 0;
    for (size_t i = 0; i < d->count; i++) {
        memcpy(characters + used, entries[i].text.start, entries[i].text.length + 1);
        used += entries[i].text.length + 1;
    }
    used = 0;
    for (size_t i = 0; i < d->count; i++) {
        d->starts[i] = used;
        used += entries[i].text.length + 1;
    }
    memcpy(d->characters, characters, used);
    fill_slots(d);
}

mote_status mote_dictionary_sort(mote_dictionary *d, uint32_t *changed, mote_error *error) {
    if (d->count == 0) {
        return MOTE_OK;
    }
    entry *entries = malloc(d->count * sizeof *entries);
    char *characters = malloc(d->used);
    bool numbers = all_are_numbers(d), enough = entries && characters;
    for (size_t i = 0; enough && i < d->count; i++) {
        entries[i] = (entry){.text = text_at(d, i), .number = (uint32_t)i};
        if (numbers) {
            mote_text_to_number(entries[i].text, &entries[i].value);
        }
    }
    if (enough) {
        qsort(entries, d->count, sizeof *entries, compare);
        for (size_t i = 0; changed && i < d->count; i++) {
            changed[entries[i].number] = (uint32_t)i;
        }
        rearrange(d, entries, characters);
    }
    free(entries);
    free(characters);
    return enough ? MOTE_OK
                  : mote_fail(error, MOTE_MEMORY, "out of memory for %zu texts", d->count);
}

void mote_dictionary_free(mote_dictionary *dictionary) {
    free(dictionary->characters);
    free(dictionary->starts);
    free(dictionary->slots);
    *dictionary = (mote_dictionary){0};
}
