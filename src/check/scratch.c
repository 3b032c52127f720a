/* scratch.c: temporary files, and models saved to and loaded from them. */
#include "check/scratch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"

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

static mote_model *save_and_load(const mote_model *model, mote_error *error) {
    char path[MOTE_SCRATCH_CAPACITY];
    mote_model *loaded = NULL;
    if (mote_scratch_create(path, error) == MOTE_OK) {
        if (mote_model_save(model, path, error) == MOTE_OK) {
            loaded = mote_model_load(path, error);
        }
        remove(path);
    }
    return loaded;
}

static mote_status check_settings(const mote_model *model, const mote_model *loaded,
                                  mote_error *error) {
    cJSON *before = mote_model_to_json(model), *after = mote_model_to_json(loaded);
    mote_status status = MOTE_OK;
    if (!cJSON_Compare(before, after, true)) {
        char *text = cJSON_PrintUnformatted(before), *other = cJSON_PrintUnformatted(after);
        status = mote_fail(error, MOTE_DATA, "saved with the settings %.300s, loaded with %.300s",
                           text ? text : "", other ? other : "");
        cJSON_free(text);
        cJSON_free(other);
    }
    cJSON_Delete(before);
    cJSON_Delete(after);
    return status;
}

mote_model *mote_check_reload(const mote_model *model, mote_error *error) {
    mote_model *loaded = save_and_load(model, error);
    if (loaded && check_settings(model, loaded, error) != MOTE_OK) {
        mote_model_destroy(loaded);
        return NULL;
    }
    return loaded;
}
