/* status.c: status codes and error texts. */
#include "mote/status.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name, *text;
} statuses[] = {
#define X(status, meaning) [MOTE_##status] = {"MOTE_" #status, meaning},
    MOTE_STATUSES(X)
#undef X
};

static const size_t status_count = sizeof statuses / sizeof *statuses;

const char *mote_status_name(mote_status status) {
    return (size_t)status < status_count ? statuses[status].name : "unknown status";
}

const char *mote_status_text(mote_status status) {
    return (size_t)status < status_count ? statuses[status].text : "unknown status";
}

mote_status mote_fail(mote_error *error, mote_status status, const char *format, ...) {
    if (error && error->status == MOTE_OK) {
        error->status = status;
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return status;
}
