/* exact.h: doubles in JSON that come back to the bit.
 *
 * cJSON prints 15 digits where what they read as is within one unit in the last place.
 */
#ifndef MOTE_FORMATS_EXACT_H
#define MOTE_FORMATS_EXACT_H

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A number of 17 digits; null where it is not finite. NULL when out of memory. */
static inline cJSON *mote_exact_number(double number) {
    char text[40];
    if (!isfinite(number)) {
        return cJSON_CreateNull();
    }
    snprintf(text, sizeof text, "%.17g", number);
    size_t point = strspn(text, "-0123456789e+");
    if (text[point]) { /* whatever stands there in the locale */
        size_t rest = point + strcspn(text + point, "0123456789");
        text[point] = '.';
        memmove(text + point + 1, text + rest, strlen(text + rest) + 1);
    }
    return cJSON_CreateRaw(text);
}

#endif
