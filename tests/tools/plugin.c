/* plugin.c: a plugin; compiled with one of these defined, it has something wrong:
 *
 *     OTHER_KIND      is of an earlier version of mote
 *     OTHER_HEADERS   was built where a type has another size
 *     NO_CLASSES      has no classes
 *     NO_RECORD       has no MOTE_PLUGIN
 *     TAKEN           has a layer "relu", after one that can be registered
 *     UNDEFINED       calls a function that does not exist
 */
#include "mote/plugin.h"

typedef struct prelu {
    mote_layer base;
    mote_parameter slope;
} prelu;

static const mote_field fields[] = {MOTE_FIELDS_END};

#ifdef UNDEFINED
#define mote_layer_add_parameter mote_function_of_tomorrow
mote_status mote_function_of_tomorrow(mote_layer *, mote_parameter *, mote_error *);
#endif

static mote_status build(mote_layer *layer, mote_error *error) {
    prelu *self = (prelu *)layer;
    self->slope = (mote_parameter){
        .name = "slope", .shape = mote_shape_vector(1), .initializer = {MOTE_INITIALIZER_ZEROS, 0}};
    return mote_layer_add_parameter(layer, &self->slope, error);
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    mote_real slope = *((prelu *)layer)->slope.value;
    size_t count = pass->batch * mote_shape_count(layer->input_shape);
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] < 0 ? slope * x[i] : x[i];
    }
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    mote_parameter *slope = &((prelu *)layer)->slope;
    size_t count = pass->batch * mote_shape_count(layer->input_shape);
    for (size_t i = 0; i < count; i++) {
        *slope->gradient += x[i] < 0 ? x[i] * dy[i] : 0;
    }
    for (size_t i = 0; dx && i < count; i++) {
        dx[i] = x[i] < 0 ? *slope->value * dy[i] : dy[i];
    }
}

const mote_layer_class mote_layer_prelu = {
    .type = "prelu",
    .summary = "y = max(x, 0) + slope × min(x, 0), where the slope is trained",
    .size = sizeof(prelu),
    .fields = fields,
    .build = build,
    .forward = forward,
    .backward = backward,
};

/* An augmentation: makes a sample paler by a random amount. */
typedef struct fade {
    mote_augmentation base;
    double most;
} fade;

static const mote_field fade_fields[] = {
    {.name = "most",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(fade, most),
     .range = MOTE_BETWEEN(0, 1),
     .help = "how much is lost at most"},
    MOTE_AUGMENTATION_PROBABILITY("0.5"),
    MOTE_FIELDS_END,
};

static void apply(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                  mote_real *x) {
    double lost = mote_draw_between(pass->random, 0, ((const fade *)augmentation)->most);
    size_t count = mote_shape_count(augmentation->shape);
    for (size_t i = 0; i < count; i++) {
        x[i] *= (mote_real)(1 - lost);
    }
}

const mote_augmentation_class mote_augmentation_fade = {
    .type = "fade",
    .summary = "makes samples paler",
    .size = sizeof(fade),
    .fields = fade_fields,
    .apply = apply,
};

/* A schedule: halves the rate after each epoch that is validated. */
typedef struct ebb {
    mote_schedule base;
} ebb;

static const mote_field ebb_fields[] = {MOTE_SCHEDULE_FIELDS, MOTE_FIELDS_END};

static double ebb_factor(const mote_schedule *schedule, mote_progress progress) {
    (void)schedule;
    return 1 / (1 + (progress.state ? progress.state[0] : 0));
}

static void ebb_observe(const mote_schedule *schedule, double loss, double accuracy,
                        double *state) {
    (void)schedule;
    (void)loss;
    (void)accuracy;
    state[0] = 2 * state[0] + 1;
}

const mote_schedule_class mote_schedule_ebb = {
    .type = "ebb",
    .summary = "the learning rate is halved after each epoch",
    .size = sizeof(ebb),
    .fields = ebb_fields,
    .factor = ebb_factor,
    .observe = ebb_observe,
};

#if defined(OTHER_KIND)

const mote_plugin mote_plugin_export = {.abi = 0, .version = "0.0.9"};

#elif defined(OTHER_HEADERS)

const mote_plugin mote_plugin_export = {
    .abi = MOTE_PLUGIN_ABI, .version = MOTE_VERSION, .sizes = {sizeof(mote_real), 8}};

#elif defined(NO_CLASSES)

MOTE_PLUGIN(.name = "nothing");

#elif defined(TAKEN)

static const mote_layer_class relu_class = {
    .type = "relu",
    .size = sizeof(prelu),
    .fields = fields,
    .build = build,
    .forward = forward,
    .backward = backward,
};

MOTE_PLUGIN(.name = "rectifiers", .layers = {&mote_layer_prelu, &relu_class});

#elif !defined(NO_RECORD)

MOTE_PLUGIN(.name = "prelu", .layers = {&mote_layer_prelu}, .schedules = {&mote_schedule_ebb},
            .augmentations = {&mote_augmentation_fade});

#endif
