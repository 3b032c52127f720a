/* suggest.h: "did you mean". */
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

/* Considers a candidate. It must be near enough that a slip of the finger explains the difference. */
void mote_suggest_candidate(mote_suggestion *suggestion, const char *candidate);

/* "; did you mean "relu"?", or "". Returns `text`. */
#define MOTE_SUGGESTION_CAPACITY 96
char *mote_suggestion_text(const mote_suggestion *suggestion, char *text);

#endif
