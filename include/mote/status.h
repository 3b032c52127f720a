/* status.h: how calls report failure.
 *
 * A call that can fail returns a mote_status (or a pointer that is NULL on failure) and takes a
 * mote_error that the caller owns. The first failure fills it and later ones leave it alone, so a
 * series of calls may be checked once at its end. The error may always be NULL.
 */
#ifndef MOTE_STATUS_H
#define MOTE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MOTE_PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#else
#define MOTE_PRINTF_LIKE(text, first)
#endif

/* X(name, what it means) */
#define MOTE_STATUSES(X)                                                                           \
    X(OK, "success")                                                                               \
    X(INVALID, "wrong usage, argument or configuration")                                           \
    X(FILE, "a file could not be read or written")                                                 \
    X(DATA, "the content of a file or data set is not what it should be")                          \
    X(MEMORY, "out of memory")                                                                     \
    X(DIVERGED, "a loss or a weight is not finite")                                                \
    X(INTERRUPTED, "stopped by the caller")

typedef enum mote_status {
#define X(name, meaning) MOTE_##name,
    MOTE_STATUSES(X)
#undef X
} mote_status;

/* "MOTE_DATA" for MOTE_DATA. Never NULL. */
const char *mote_status_name(mote_status status);

/* The meaning of a status in words. Never NULL. */
const char *mote_status_text(mote_status status);

#define MOTE_ERROR_CAPACITY 2048 /* room for the longest, the report of a divergence */

/* Initialise to {0}, no error. Read-only for callers after that. */
typedef struct mote_error {
    mote_status status;
    char message[MOTE_ERROR_CAPACITY]; /* one or more lines, no newline at the end */
} mote_error;

/* Fills in *error unless it is NULL or already holds one, and returns `status`, so that a failing
 * function can end with `return mote_fail(error, MOTE_DATA, "%s: ...", path);`. */
mote_status mote_fail(mote_error *error, mote_status status, const char *format, ...)
    MOTE_PRINTF_LIKE(3, 4);

#ifdef __cplusplus
}
#endif

#endif
