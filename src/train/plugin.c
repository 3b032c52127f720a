/* plugin.c: classes from shared objects. */
#include "mote/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The message that dlopen left, without the path at its beginning. */
static const char *reason_of(const char *path) {
    const char *text = dlerror();
    size_t length = strlen(path);
    if (!text) {
        return "the system does not say why";
    }
    return strncmp(text, path, length) == 0 && text[length] == ':' ? text + length + 2 : text;
}

/* The object stays open: classes last for the rest of the process. */
static void *open_object(const char *path, mote_error *error) {
    if (access(path, R_OK) != 0) {
        mote_fail(error, MOTE_INVALID, "%s: cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    size_t capacity = strlen(path) + 3;
    char *place = malloc(capacity);
    if (!place) {
        mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
        return NULL;
    }
    /* Without a slash, the dynamic linker would search the system's library paths. */
    snprintf(place, capacity, "%s%s", strchr(path, '/') ? "" : "./", path);
    void *object = dlopen(place, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        mote_fail(error, MOTE_INVALID, "%s: cannot be loaded as a shared object: %s", path,
                  reason_of(place));
    }
    free(place);
    return object;
}

/* ---- versions ---- */

static const char *const type_names[] = {
#define X(type) #type,
    MOTE_PLUGIN_TYPES(X)
#undef X
};

static const size_t own_sizes[] = {MOTE_PLUGIN_TYPES(MOTE_PLUGIN_SIZE_OF)};

static mote_status check_version(const mote_plugin *plugin, const char *path, mote_error *error) {
    if (plugin->abi != MOTE_PLUGIN_ABI) {
        return mote_fail(error, MOTE_INVALID,
                         "%s: is a plugin for mote %.*s (plugin interface %u), but this is mote %s "
                         "(plugin interface %d); rebuild it with this mote's headers",
                         path, (int)sizeof plugin->version, plugin->version, plugin->abi,
                         MOTE_VERSION, MOTE_PLUGIN_ABI);
    }
    for (size_t i = 0; i < MOTE_PLUGIN_TYPE_COUNT; i++) {
        if (plugin->sizes[i] != own_sizes[i]) {
            return mote_fail(error, MOTE_INVALID,
                             "%s: was built with other headers than this mote (%s): in it a %s has "
                             "%zu bytes, and here %zu; rebuild it with this mote's headers",
                             path, MOTE_VERSION, type_names[i], plugin->sizes[i], own_sizes[i]);
        }
    }
    return MOTE_OK;
}

/* ---- classes ---- */

#define REGISTER_ALL(list, register_one)                                                           \
    for (size_t i = 0; i < MOTE_PLUGIN_CAPACITY && (list)[i] && status == MOTE_OK; i++, count++) { \
        status = register_one((list)[i], &reason);                                                 \
    }

static mote_status register_classes(const mote_plugin *plugin, const char *path,
                                    mote_error *error) {
    mote_error reason = {0};
    mote_status status = MOTE_OK;
    size_t count = 0;
    REGISTER_ALL(plugin->layers, mote_layer_register)
    REGISTER_ALL(plugin->outputs, mote_output_register)
    REGISTER_ALL(plugin->optimizers, mote_optimizer_register)
    REGISTER_ALL(plugin->schedules, mote_schedule_register)
    REGISTER_ALL(plugin->augmentations, mote_augmentation_register)
    if (count == 0) {
        status = mote_fail(&reason, MOTE_INVALID,
                           "it provides no layer, output, optimizer, schedule or augmentation");
    }
    return status == MOTE_OK
               ? MOTE_OK
               : mote_fail(error, status, "%s: the plugin %s: %s", path,
                           plugin->name ? plugin->name : "without a name", reason.message);
}

mote_status mote_plugin_load(const char *path, mote_error *error) {
    mote_error reason = {0}; /* *error may hold an earlier failure */
    void *object = open_object(path, &reason);
    if (!object) {
        return mote_fail(error, reason.status, "%s", reason.message);
    }
    const mote_plugin *plugin = dlsym(object, "mote_plugin_export");
    if (!plugin) {
        dlclose(object);
        return mote_fail(error, MOTE_INVALID,
                         "%s: not a mote plugin: it has no mote_plugin_export, which MOTE_PLUGIN "
                         "in mote/plugin.h defines",
                         path);
    }
    mote_status status = check_version(plugin, path, error);
    if (status != MOTE_OK) {
        dlclose(object);
        return status;
    }
    return register_classes(plugin, path, error);
}
