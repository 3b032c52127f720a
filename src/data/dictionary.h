/* dictionary.h: numbers distinct texts: the names of classes and of categories. */
#ifndef MOTE_DATA_DICTIONARY_H
#define MOTE_DATA_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/text.h"
#include "mote/status.h"

/* Initialise with {0}. */
typedef struct mote_dictionary {
    size_t count;

    char *characters; /* all texts, each NUL-terminated */
    size_t used, capacity;
    size_t *starts; /* [count] */
    size_t starts_capacity;
    uint32_t *slots; /* [slot_count]: 1 + a number, or 0; a power of two, at most half full */
    size_t slot_count;
} mote_dictionary;

/* Finds or adds a text; numbers count from 0 in order of first appearance. MOTE_MEMORY is the only
 * error. */
mote_status mote_dictionary_add(mote_dictionary *dictionary, mote_text text, uint32_t *number,
                                mote_error *error);

/* False if the text is not in it. */
bool mote_dictionary_find(const mote_dictionary *dictionary, mote_text text, uint32_t *number);

/* The text of a number, NUL-terminated; valid until a text is added. */
const char *mote_dictionary_text(const mote_dictionary *dictionary, size_t number);

/* Renumbers the texts: by value if all are numbers, else by their bytes. If `changed` is not NULL,
 * changed[old number] becomes the new one. */
mote_status mote_dictionary_sort(mote_dictionary *dictionary, uint32_t *changed, mote_error *error);

void mote_dictionary_free(mote_dictionary *dictionary);

#endif
