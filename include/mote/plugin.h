/* plugin.h: your own classes from a shared object: ./train --plugin ./swish_beta.so CONFIG
 *
 * A plugin is any C file with layers, outputs, optimizers, schedules or augmentations and one line
 * that lists them:
 *
 *     MOTE_PLUGIN(.name = "swish_beta", .layers = {&mote_layer_swish_beta});
 *
 * Compile it with mote's headers but do not link its library: the plugin finds mote's functions in
 * the program that loads it:
 *
 *     cc -O2 -shared -fPIC swish_beta.c -o swish_beta.so $(pkg-config --cflags mote)
 *
 * Linked into your own program, the same file is not a plugin: register its classes there with
 * mote_layer_register or its counterpart.
 */
#ifndef MOTE_PLUGIN_H
#define MOTE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include "mote/augmentation.h"
#include "mote/layer.h"
#include "mote/optimizer.h"
#include "mote/output.h"
#include "mote/status.h"
#include "mote/tensor.h"
#include "mote/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Loads a plugin and registers its classes for the rest of the process. A path without a slash is
 * relative to the current directory. MOTE_INVALID if there is no such file, it is not a plugin or
 * is one for another version of mote, or a class cannot be registered; the classes before that one
 * stay registered. Like mote_layer_register, not while other threads use mote.
 *
 * mote's programs can load plugins as they are. Your own program must contain the whole library and
 * export its symbols: link it with -Wl,--whole-archive -lmote -Wl,--no-whole-archive -rdynamic. */
mote_status mote_plugin_load(const char *path, mote_error *error);

/* Incremented when the classes in the headers change. */
#define MOTE_PLUGIN_ABI 4

/* The most classes of one kind in a plugin. */
#define MOTE_PLUGIN_CAPACITY 16

/* Types that must have the same size in a plugin and in the program that loads it. */
#define MOTE_PLUGIN_TYPES(X)                                                                       \
    X(mote_real)                                                                                   \
    X(mote_field)                                                                                  \
    X(mote_parameter)                                                                              \
    X(mote_pass)                                                                                   \
    X(mote_layer)                                                                                  \
    X(mote_layer_class)                                                                            \
    X(mote_output)                                                                                 \
    X(mote_output_class)                                                                           \
    X(mote_optimizer)                                                                              \
    X(mote_optimizer_class)                                                                        \
    X(mote_slice)                                                                                  \
    X(mote_step)                                                                                   \
    X(mote_schedule)                                                                               \
    X(mote_schedule_class)                                                                         \
    X(mote_progress)                                                                               \
    X(mote_augmentation)                                                                           \
    X(mote_augmentation_class)                                                                     \
    X(mote_augment_pass)                                                                           \
    X(mote_preprocessing)                                                                          \
    X(mote_error)

enum mote_plugin_type {
#define X(type) MOTE_PLUGIN_TYPE_##type,
    MOTE_PLUGIN_TYPES(X)
#undef X
    MOTE_PLUGIN_TYPE_COUNT
};

typedef struct mote_plugin {
    /* Filled in by MOTE_PLUGIN. The first two begin the record in every version of mote. */
    uint32_t abi;
    char version[28]; /* of mote's headers */
    size_t sizes[MOTE_PLUGIN_TYPE_COUNT];

    const char *name;
    /* NULL-terminated unless full. */
    const mote_layer_class *layers[MOTE_PLUGIN_CAPACITY];
    const mote_output_class *outputs[MOTE_PLUGIN_CAPACITY];
    const mote_optimizer_class *optimizers[MOTE_PLUGIN_CAPACITY];
    const mote_schedule_class *schedules[MOTE_PLUGIN_CAPACITY];
    const mote_augmentation_class *augmentations[MOTE_PLUGIN_CAPACITY];
} mote_plugin;

/* The record of this shared object. Weak, so that several such files can be linked into one
 * program, where it is unused. */
__attribute__((weak, visibility("default"))) extern const mote_plugin mote_plugin_export;

#define MOTE_PLUGIN_SIZE_OF(type) sizeof(type),

#define MOTE_PLUGIN(...)                                                                           \
    const mote_plugin mote_plugin_export = {.abi = MOTE_PLUGIN_ABI,                                \
                                            .version = MOTE_VERSION,                               \
                                            .sizes = {MOTE_PLUGIN_TYPES(MOTE_PLUGIN_SIZE_OF)},     \
                                            __VA_ARGS__}

#ifdef __cplusplus
}
#endif

#endif
