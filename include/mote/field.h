/* field.h: tables of settings.
 *
 * A field table lists the JSON keys that configure a struct: kind, range, default, meaning, and
 * where the value goes. One table drives parsing, error messages, help and the resolved config that
 * is written out, so they cannot disagree. A table ends with MOTE_FIELDS_END.
 *
 *     static const mote_field fields[] = {
 *         {.name = "units", .kind = MOTE_FIELD_INTEGER, .offset = offsetof(dense, units),
 *          .range = MOTE_AT_LEAST(1), .help = "how many outputs"},
 *         {.name = "slope", .kind = MOTE_FIELD_NUMBER, .offset = offsetof(dense, slope),
 *          .range = MOTE_BETWEEN(0, 1), .preset = "0.01", .help = "..."},
 *         MOTE_FIELDS_END,
 *     };
 */
#ifndef MOTE_FIELD_H
#define MOTE_FIELD_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mote_field_kind {
    MOTE_FIELD_NONE,        /* ends a table */
    MOTE_FIELD_INTEGER,     /* size_t, at most 2^53; or one of `choices`, if any */
    MOTE_FIELD_NUMBER,      /* double */
    MOTE_FIELD_BOOLEAN,     /* bool */
    MOTE_FIELD_STRING,      /* char *, owned by the struct and freed by mote */
    MOTE_FIELD_PATH,        /* the same, for a file or directory, relative to the config file; or
                             * one of `choices`, if any */
    MOTE_FIELD_CHOICE,      /* int: the position in `choices` */
    MOTE_FIELD_INITIALIZER, /* mote_initializer: a name, or a number for a constant */
    MOTE_FIELD_PART,        /* mote_json, as `takes` says; read later by what it configures */
    MOTE_FIELD_LAYERS,      /* mote_sequence *: a container's list of layers, built by the model */
} mote_field_kind;

typedef struct mote_range {
    double minimum, maximum;
    bool above_minimum, below_maximum; /* the bound itself is excluded */
} mote_range;

/* clang-format off */
#define MOTE_AT_LEAST(low)         {.minimum = (low), .maximum = INFINITY}
#define MOTE_ABOVE(low)            {.minimum = (low), .maximum = INFINITY, .above_minimum = true}
#define MOTE_BETWEEN(low, high)    {.minimum = (low), .maximum = (high)}
#define MOTE_FROM_BELOW(low, high) {.minimum = (low), .maximum = (high), .below_maximum = true}
#define MOTE_ANY_NUMBER            {.minimum = -INFINITY, .maximum = INFINITY}
/* clang-format on */

typedef struct mote_field {
    const char *name;
    mote_field_kind kind;
    size_t offset;      /* of the value in the struct */
    mote_range range;   /* of an INTEGER or NUMBER; required */
    const char *preset; /* the default as JSON text; NULL: the key is required */
    bool optional;      /* a STRING, PATH, PART or LAYERS without a default: NULL if absent */
    const char *const *choices; /* of a CHOICE, INTEGER or PATH: names, NULL-terminated */
    const char *help;           /* one line */
    const char *takes;          /* of a PART: what it accepts, in words; NULL: an object */
} mote_field;

/* The value of an INTEGER that was given as the name at that position of `choices`. */
#define MOTE_NAMED_INTEGER(position) (SIZE_MAX - (position))

#define MOTE_FIELDS_END                                                                            \
    { .kind = MOTE_FIELD_NONE }

/* How a parameter is initialised. fan_in and fan_out are those of mote_parameter.
 *
 * he:     variance 2 / fan_in             He et al., "Delving deep into rectifiers", 2015
 * glorot: variance 2 / (fan_in + fan_out) Glorot and Bengio, "Understanding the difficulty", 2010
 * lecun:  variance 1 / fan_in             LeCun et al., "Efficient BackProp", 1998
 *
 * each as a normal or a uniform distribution with mean 0 and that variance. */
#define MOTE_INITIALIZERS(X)                                                                       \
    X(ZEROS, "zeros")                                                                              \
    X(ONES, "ones")                                                                                \
    X(CONSTANT, "constant")                                                                        \
    X(HE_NORMAL, "he_normal")                                                                      \
    X(HE_UNIFORM, "he_uniform")                                                                    \
    X(GLOROT_NORMAL, "glorot_normal")                                                              \
    X(GLOROT_UNIFORM, "glorot_uniform")                                                            \
    X(LECUN_NORMAL, "lecun_normal")                                                                \
    X(LECUN_UNIFORM, "lecun_uniform")

typedef enum mote_initializer_kind {
#define X(name, text) MOTE_INITIALIZER_##name,
    MOTE_INITIALIZERS(X)
#undef X
} mote_initializer_kind;

typedef struct mote_initializer {
    mote_initializer_kind kind;
    double constant; /* of a CONSTANT */
} mote_initializer;

#ifdef __cplusplus
}
#endif

#endif
