/* suggest.h: "did you mean", or the available names if none is near. */
#ifndef MOTE_CONFIG_SUGGEST_H
#define MOTE_CONFIG_SUGGEST_H

#include <stddef.h>

typedef struct mote_suggestion {
    const char *word; /* what was written */
    const char *best; /* the nearest candidate so far, or NULL */
    size_t distance;
} mote_suggestion;

static inline mote_suggestion mote_suggest(const char *word) {
    return (mote_suggestion){.word = word};
}

/* Considers a candidate. It must be near enough for a typo to explain the difference; case is
 * ignored. */
void mote_suggest_candidate(mote_suggestion *suggestion, const char *candidate);

/* "; did you mean "relu"?", or "". Returns `text`. */
#define MOTE_SUGGESTION_CAPACITY 96
char *mote_suggestion_text(const mote_suggestion *suggestion, char *text);

/* The name at an index, such as that of a layer class; NULL past the last. */
typedef const char *mote_name_at(size_t index);

/* The nearest of the names, if one is near. */
mote_suggestion mote_suggest_among(const char *word, mote_name_at *name_at);

/* The nearest of the names as above or, if none is near, all of them:
 * "; available: dense, relu, ...". Returns `text`. */
#define MOTE_NAMES_CAPACITY 768
char *mote_suggest_name(const char *word, mote_name_at *name_at, char *text);

/* "; available: dense, relu, ...". Returns `text`. */
char *mote_list_names(mote_name_at *name_at, char *text);

#endif
