/* text.h: pieces of text, such as the fields of a table. */
#ifndef MOTE_DATA_TEXT_H
#define MOTE_DATA_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Not NUL-terminated. */
typedef struct mote_text {
    const char *start;
    size_t length;
} mote_text;

/* Whether a text stands for a missing value: it is empty, ?, NA, N/A, #N/A, NaN or null, in any mix
 * of upper and lower case. */
bool mote_text_is_missing(mote_text text);

/* Reads a number such as -1, .5 or 2.5e-3, in any locale; it must be the whole text. Up to 15
 * digits give the nearest double, more give it or its neighbour. Too large a number becomes
 * infinite; "inf" is not a number. */
bool mote_text_to_number(mote_text text, double *number);

bool mote_text_is_utf8(mote_text text);

/* A copy with U+FFFD for each byte that is not valid UTF-8, for uses that require UTF-8, such as
 * JSON; free it with free(). NULL when out of memory. */
char *mote_text_to_utf8(mote_text text);

/* How errors quote a text: its first 40 characters. Returns `found`. */
#define MOTE_TEXT_FOUND_CAPACITY 176
char *mote_text_found(mote_text text, char *found);

#endif
