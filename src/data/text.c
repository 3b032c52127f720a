/* text.c: pieces of text, such as the fields of a table. */
#include "data/text.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONGEST_SHOWN = 40 /* characters */
};

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool mote_text_is_missing(mote_text text) {
    static const char *const marks[] = {"", "?", "na", "n/a", "#n/a", "nan", "null"};
    if (text.length > 4 || (text.length > 0 && *text.start >= '0' && *text.start <= '9')) {
        return false; /* the common case */
    }
    char small[5] = {0};
    for (size_t i = 0; i < text.length; i++) {
        small[i] = lower(text.start[i]);
    }
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (strlen(marks[i]) == text.length && strcmp(small, marks[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A decimal number: mantissa × 10^exponent. */
typedef struct decimal {
    uint64_t mantissa; /* the first 19 significant digits; a double cannot show more */
    int exponent;
} decimal;

enum {
    MOST_DIGITS = 19,     /* that 64 bits hold */
    MOST_EXPONENT = 9999, /* far beyond what a double holds */
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Reads digits; `step` is added to the exponent for each one that goes into the mantissa. Returns
 * how many there were. */
static size_t read_digits(const char **at, const char *end, int step, decimal *d, int *digits) {
    const char *start = *at;
    for (; *at < end && is_digit(**at); ++*at) {
        if (*digits < MOST_DIGITS) {
            d->mantissa = 10 * d->mantissa + (uint64_t)(**at - '0');
            *digits += d->mantissa != 0;
            d->exponent += step;
        } else {
            d->exponent += step + 1;
        }
    }
    return (size_t)(*at - start);
}

/* Reads an exponent such as "e-3", which may be missing; false if it is cut short. */
static bool read_exponent(const char **at, const char *end, decimal *d) {
    if (*at == end || (**at != 'e' && **at != 'E')) {
        return true;
    }
    ++*at;
    bool negative = *at < end && **at == '-';
    *at += *at < end && (**at == '-' || **at == '+');
    if (*at == end) {
        return false;
    }
    int exponent = 0;
    for (; *at < end && is_digit(**at); ++*at) {
        exponent = exponent < MOST_EXPONENT ? 10 * exponent + (**at - '0') : exponent;
    }
    d->exponent += negative ? -exponent : exponent;
    return true;
}

/* Powers of ten up to 10^22 and mantissas up to 2^53 are exact as doubles, so a single rounding
 * gives the nearest number (W. Clinger, "How to read floating point numbers accurately", 1990).
 * Longer mantissas are rounded too, which may give its neighbour; that is enough, as samples are
 * floats. The rest is left to strtod, in a form without a decimal point, which depends on the
 * locale. */
static double to_double(const decimal *d) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (d->exponent <= 22 && d->exponent >= -22) {
        double mantissa = (double)d->mantissa;
        return d->exponent < 0 ? mantissa / powers[-d->exponent] : mantissa * powers[d->exponent];
    }
    char text[48];
    snprintf(text, sizeof text, "%" PRIu64 "e%d", d->mantissa, d->exponent);
    return strtod(text, NULL);
}

bool mote_text_to_number(mote_text text, double *number) {
    const char *at = text.start, *end = at + text.length;
    decimal d = {0};
    int digits = 0;
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    size_t found = read_digits(&at, end, 0, &d, &digits);
    if (at < end && *at == '.') {
        at++;
        found += read_digits(&at, end, -1, &d, &digits);
    }
    if (found == 0 || !read_exponent(&at, end, &d) || at != end) {
        return false;
    }
    double size = to_double(&d);
    *number = negative ? -size : size;
    return true;
}

static bool is_continuation(unsigned char c) {
    return (c & 0xc0) == 0x80;
}

/* The length of the UTF-8 character at `at`; 0 if there is none. */
static size_t character_length(const unsigned char *at, size_t left) {
    unsigned char c = at[0];
    size_t length = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (c == 0 || length == 0 || length > left) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(at[i])) {
            return 0;
        }
    }
    bool overlong = (c == 0xe0 && at[1] < 0xa0) || (c == 0xf0 && at[1] < 0x90);
    bool surrogate = c == 0xed && at[1] >= 0xa0;
    return overlong || surrogate || (c == 0xf4 && at[1] >= 0x90) ? 0 : length;
}

bool mote_text_is_utf8(mote_text text) {
    const unsigned char *bytes = (const unsigned char *)text.start;
    for (size_t at = 0; at < text.length;) {
        size_t length = character_length(bytes + at, text.length - at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

char *mote_text_to_utf8(mote_text text) {
    static const char replacement[] = "\xef\xbf\xbd";
    const unsigned char *bytes = (const unsigned char *)text.start;
    char *copy = malloc(text.length * strlen(replacement) + 1), *to = copy;
    for (size_t at = 0; copy && at < text.length;) {
        size_t length = character_length(bytes + at, text.length - at);
        memcpy(to, length ? text.start + at : replacement, length ? length : strlen(replacement));
        to += length ? length : strlen(replacement);
        at += length ? length : 1;
    }
    if (copy) {
        *to = '\0';
    }
    return copy;
}

/* Bytes that are not text are shown as question marks, control characters as blanks. */
char *mote_text_found(mote_text text, char *found) {
    const unsigned char *bytes = (const unsigned char *)text.start;
    size_t used = 0, at = 0;
    found[used++] = '"';
    for (size_t shown = 0; shown < LONGEST_SHOWN && at < text.length; shown++) {
        size_t length = character_length(bytes + at, text.length - at);
        if (length > 1) {
            memcpy(found + used, bytes + at, length);
            used += length;
        } else {
            unsigned char c = bytes[at];
            found[used++] = length == 0 ? '?' : c < ' ' || c == 0x7f ? ' ' : (char)c;
        }
        at += length ? length : 1;
    }
    strcpy(found + used, at < text.length ? "...\"" : "\"");
    return found;
}
