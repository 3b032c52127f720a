/* text.h: pieces of text, such as the fields of a table. */
#ifndef MOTE_DATA_TEXT_H
#define MOTE_DATA_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Not ended by a NUL. */
typedef struct mote_text {
    const char *start;
    size_t length;
} mote_text;

/* Whether a text stands for a value that is not known: it is empty, ?, NA, N/A, #N/A, NaN or null,
 * in small letters or capitals. */
bool mote_text_is_missing(mote_text text);

/* Reads a number such as -1, .5 or 2.5e-3, whatever the locale; all of the text has to be it. Up to
 * 15 digits give the nearest number, more of them that or its neighbour. What is too large becomes
 * infinite; "inf" is no number. */
bool mote_text_to_number(mote_text text, double *number);

bool mote_text_is_utf8(mote_text text);

/* A copy with U+FFFD for each byte that is not part of UTF-8, for what has to be it, such as JSON;
 * to be freed with free(). NULL when out of memory. */
char *mote_text_to_utf8(mote_text text);

/* What errors call a text: its first 40 characters, in quotes. Returns `found`. */
#define MOTE_TEXT_FOUND_CAPACITY 176
char *mote_text_found(mote_text text, char *found);

#endif
