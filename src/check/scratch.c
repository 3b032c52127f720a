/* scratch.c: files for temporary use. */
#include "check/scratch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

mote_status mote_scratch_create(char *path, mote_error *error) {
    const char *directory = getenv("TMPDIR");
    snprintf(path, MOTE_SCRATCH_CAPACITY, "%.480s/mote_check_XXXXXX",
             directory && *directory ? directory : "/tmp");
    int file = mkstemp(path);
    if (file < 0) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be made: %s", path, strerror(errno));
    }
    close(file);
    return MOTE_OK;
}
