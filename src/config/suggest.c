/* suggest.c: "did you mean": the candidate at the smallest edit distance, ignoring case. */
#include "config/suggest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    LONGEST = 63
};

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(char a, char b) {
    return lower(a) == lower(b);
}

/* The insertions, deletions, substitutions and swaps of adjacent characters that turn a into b (the
 * optimal string alignment distance). */
static size_t edit_distance(const char *a, const char *b) {
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    size_t length = strlen(b);
    for (size_t j = 0; j <= length; j++) {
        last[j] = j;
    }
    for (size_t i = 1; a[i - 1]; i++) {
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t change = last[j - 1] + !same(a[i - 1], b[j - 1]);
            row[j] = least(change, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[length];
}

void mote_suggest_candidate(mote_suggestion *suggestion, const char *candidate) {
    size_t length = strlen(suggestion->word);
    if (length > LONGEST || strlen(candidate) > LONGEST) {
        return;
    }
    size_t distance = edit_distance(suggestion->word, candidate);
    size_t allowed = length < 5 ? 1 + (length > 2) : length / 3 + 1;
    if (distance <= allowed && (!suggestion->best || distance < suggestion->distance)) {
        suggestion->best = candidate;
        suggestion->distance = distance;
    }
}

char *mote_suggestion_text(const mote_suggestion *suggestion, char *text) {
    text[0] = '\0';
    if (suggestion->best) {
        snprintf(text, MOTE_SUGGESTION_CAPACITY, "; did you mean \"%s\"?", suggestion->best);
    }
    return text;
}

char *mote_list_names(mote_name_at *name_at, char *text) {
    static const char cut[] = ", ...";
    size_t limit = MOTE_NAMES_CAPACITY - sizeof cut;
    size_t used = (size_t)snprintf(text, MOTE_NAMES_CAPACITY, "; available:");
    for (size_t i = 0; name_at(i); i++) {
        const char *name = name_at(i), *separator = i ? ", " : " ";
        if (used + strlen(separator) + strlen(name) > limit) {
            strcpy(text + used, cut);
            break;
        }
        used += (size_t)sprintf(text + used, "%s%s", separator, name);
    }
    return text;
}

mote_suggestion mote_suggest_among(const char *word, mote_name_at *name_at) {
    mote_suggestion suggestion = mote_suggest(word);
    for (size_t i = 0; name_at(i); i++) {
        mote_suggest_candidate(&suggestion, name_at(i));
    }
    return suggestion;
}

char *mote_suggest_name(const char *word, mote_name_at *name_at, char *text) {
    mote_suggestion suggestion = mote_suggest_among(word, name_at);
    return suggestion.best ? mote_suggestion_text(&suggestion, text)
                           : mote_list_names(name_at, text);
}
