/* loading.c: reports progress and notices while data is loaded. */
#include "data/loading.h"

#include <stdarg.h>
#include <stdio.h>

bool mote_load_progress(const mote_loading *loading, const char *what, size_t done, size_t total) {
    if (!loading || !loading->listener) {
        return true;
    }
    mote_load_event event = {.what = what, .done = done, .total = total};
    return loading->listener(loading->listener_context, &event);
}

mote_status mote_load_stopped(mote_error *error) {
    return mote_fail(error, MOTE_INTERRUPTED, "stopped while the data was being loaded");
}

void mote_load_notice(const mote_loading *loading, const char *format, ...) {
    if (!loading || !loading->listener) {
        return;
    }
    char text[MOTE_ERROR_CAPACITY];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mote_load_event event = {.notice = text};
    loading->listener(loading->listener_context, &event);
}
