/* pnm.c: the picture formats of netpbm. stb_image reads some of them too, but treats any brightest
 * value as 255.
 *
 * "P5 3 2 255", white space, 3 × 2 bytes: a magic number, width, height and (not for bitmaps) the
 * value of white, then the pixels, row by row. Kinds 1, 2, 3 are a bitmap (1 is black), grey and
 * colour in text; 4, 5, 6 the same in bits or bytes, or in pairs of bytes where white is above 255.
 * Comments go from # to the end of a line. See https://netpbm.sourceforge.net/doc/pnm.html
 */
#include "data/pnm.h"

#include <string.h>

static const char cut_short[] = "it is cut short";

bool mote_pnm_is(const uint8_t *bytes, size_t count) {
    return count >= 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6';
}

static bool is_space(uint8_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static void skip_spaces(mote_pnm *pnm) {
    while (pnm->at < pnm->end && (is_space(*pnm->at) || *pnm->at == '#')) {
        if (*pnm->at == '#') {
            while (pnm->at < pnm->end && *pnm->at != '\n' && *pnm->at != '\r') {
                pnm->at++;
            }
        } else {
            pnm->at++;
        }
    }
}

/* The next number, at most 999999999. NULL, or what is wrong. */
static const char *read_number(mote_pnm *pnm, size_t *number) {
    skip_spaces(pnm);
    if (pnm->at == pnm->end) {
        return cut_short;
    }
    if (!is_digit(*pnm->at)) {
        return "it holds something else where a number should be";
    }
    for (*number = 0; pnm->at < pnm->end && is_digit(*pnm->at); pnm->at++) {
        *number = 10 * *number + (size_t)(*pnm->at - '0');
        if (*number > 999999999) {
            return "it holds a number that is far too large";
        }
    }
    return NULL;
}

static bool is_bitmap(const mote_pnm *pnm) {
    return pnm->kind == '1' || pnm->kind == '4';
}

static bool is_text(const mote_pnm *pnm) {
    return pnm->kind <= '3';
}

static const char *read_header(mote_pnm *pnm) {
    size_t brightest = 1;
    const char *reason = read_number(pnm, &pnm->width);
    if (!reason) {
        reason = read_number(pnm, &pnm->height);
    }
    if (!reason && !is_bitmap(pnm)) {
        reason = read_number(pnm, &brightest);
    }
    if (reason) {
        return reason;
    }
    if (brightest < 1 || brightest > 65535) {
        return "the brightest value that its header names is not within 1 and 65535";
    }
    pnm->brightest = (unsigned)brightest;
    if (pnm->at == pnm->end) {
        return cut_short;
    }
    if (!is_space(*pnm->at)) {
        return "its header does not end with a white space";
    }
    pnm->at++;
    return NULL;
}

const char *mote_pnm_open(mote_pnm *pnm, const uint8_t *bytes, size_t count) {
    *pnm = (mote_pnm){.kind = (char)bytes[1], .at = bytes + 2, .end = bytes + count};
    pnm->channels = pnm->kind == '3' || pnm->kind == '6' ? 3 : 1;
    return read_header(pnm);
}

/* How many bytes a row takes; in text, the minimum. */
static size_t row_bytes(const mote_pnm *pnm) {
    size_t numbers = pnm->width * pnm->channels;
    if (is_text(pnm)) {
        return is_bitmap(pnm) ? numbers : 2 * numbers - 1;
    }
    return is_bitmap(pnm) ? (numbers + 7) / 8 : numbers * (pnm->brightest > 255 ? 2 : 1);
}

bool mote_pnm_may_be_whole(const mote_pnm *pnm) {
    return pnm->width == 0 || (size_t)(pnm->end - pnm->at) / row_bytes(pnm) >= pnm->height;
}

static const char *store(const mote_pnm *pnm, size_t value, uint8_t *pixel) {
    if (value > pnm->brightest) {
        return "it holds a value above the brightest one that its header names";
    }
    *pixel = (uint8_t)((value * 255 + pnm->brightest / 2) / pnm->brightest);
    return NULL;
}

/* Digits of a bitmap need no spaces between them. */
static const char *read_text_bit(mote_pnm *pnm, uint8_t *pixel) {
    skip_spaces(pnm);
    if (pnm->at == pnm->end) {
        return cut_short;
    }
    uint8_t digit = *pnm->at++;
    *pixel = digit == '1' ? 0 : 255;
    return digit == '0' || digit == '1' ? NULL : "it holds something else than 0 and 1";
}

static const char *read_text_number(mote_pnm *pnm, uint8_t *pixel) {
    size_t value = 0;
    const char *reason = read_number(pnm, &value);
    return reason ? reason : store(pnm, value, pixel);
}

static const char *read_text(mote_pnm *pnm, size_t count, uint8_t *pixels) {
    const char *reason = NULL;
    for (size_t i = 0; i < count && !reason; i++) {
        reason =
            is_bitmap(pnm) ? read_text_bit(pnm, pixels + i) : read_text_number(pnm, pixels + i);
    }
    return reason;
}

static void read_bits(const uint8_t *row, size_t count, uint8_t *pixels) {
    for (size_t i = 0; i < count; i++) {
        pixels[i] = row[i / 8] & (128 >> i % 8) ? 0 : 255;
    }
}

static const char *read_bytes(const mote_pnm *pnm, const uint8_t *row, size_t count,
                              uint8_t *pixels) {
    if (pnm->brightest == 255) {
        memcpy(pixels, row, count);
        return NULL;
    }
    const char *reason = NULL;
    for (size_t i = 0; i < count && !reason; i++) {
        size_t value =
            pnm->brightest > 255 ? (size_t)row[2 * i] << 8 | row[2 * i + 1] : (size_t)row[i];
        reason = store(pnm, value, pixels + i);
    }
    return reason;
}

const char *mote_pnm_read(mote_pnm *pnm, uint8_t *pixels) {
    if (!mote_pnm_may_be_whole(pnm)) {
        return cut_short;
    }
    size_t numbers = pnm->width * pnm->channels;
    const char *reason = is_text(pnm) ? read_text(pnm, numbers * pnm->height, pixels) : NULL;
    for (size_t y = 0; !is_text(pnm) && y < pnm->height && !reason; y++) {
        const uint8_t *row = pnm->at + y * row_bytes(pnm);
        if (is_bitmap(pnm)) {
            read_bits(row, numbers, pixels + y * numbers);
        } else {
            reason = read_bytes(pnm, row, numbers, pixels + y * numbers);
        }
    }
    return reason;
}
