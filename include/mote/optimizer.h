/* optimizer.h: optimizers, which update weights from gradients, and schedules, which set the
 * learning rate over time. Each is one file with one class record.
 */
#ifndef MOTE_OPTIMIZER_H
#define MOTE_OPTIMIZER_H

#include <stdint.h>

#include "mote/field.h"
#include "mote/layer.h"
#include "mote/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_optimizer mote_optimizer;
typedef struct mote_optimizer_class mote_optimizer_class;
typedef struct mote_schedule mote_schedule;
typedef struct mote_schedule_class mote_schedule_class;

/* The part common to all optimizers; the first member of each one's struct, and the first rows of
 * its field table (MOTE_OPTIMIZER_FIELDS). */
struct mote_optimizer {
    const mote_optimizer_class *kind;
    double learning_rate; /* before the schedule */
    double weight_decay;
    bool decay_all; /* weight decay also for biases and norms, which by convention have none */
};

/* A contiguous run of one parameter's entries. Arrays are [count]. */
typedef struct mote_slice {
    size_t count;
    mote_real *weights;
    const mote_real *gradient;
    mote_real *states[MOTE_MAX_STATES];
    bool decay; /* weight decay applies */
} mote_slice;

#define MOTE_STEP_CONSTANTS 4

/* The values shared by all slices of a step. Made by mote_step_create. */
typedef struct mote_step {
    double learning_rate;                  /* of this step */
    uint64_t number;                       /* from 1 */
    double constants[MOTE_STEP_CONSTANTS]; /* computed by the class's `prepare` */
} mote_step;

struct mote_optimizer_class {
    const char *type;
    const char *summary;
    const char *example; /* as in mote_layer_class */
    size_t size;
    const mote_field *fields;

    /* Optional: rejects settings that do not go together, beyond what the field table checks. */
    mote_status (*check)(const mote_optimizer *optimizer, mote_error *error);

    /* How many state arrays it keeps for each parameter, of the parameter's size and at most
     * MOTE_MAX_STATES, and their names in a checkpoint. They start as zeros. */
    size_t (*state_count)(const mote_optimizer *optimizer);
    const char *state_names[MOTE_MAX_STATES];

    /* Optional: computes step->constants from the rest of the step, once per step. */
    void (*prepare)(const mote_optimizer *optimizer, mote_step *step);

    /* Updates weights and states. Slices are independent, so this may run as soon as a slice's
     * gradient is complete, on any thread, or over everything at the end. */
    void (*update)(const mote_optimizer *optimizer, const mote_step *step, const mote_slice *slice);
};

/* clang-format off */
#define MOTE_OPTIMIZER_FIELDS(default_rate, default_decay)                                         \
    {.name = "learning_rate", .kind = MOTE_FIELD_NUMBER,                                           \
     .offset = offsetof(mote_optimizer, learning_rate), .range = MOTE_ABOVE(0),                    \
     .preset = default_rate, .help = "step size, before the schedule"},                            \
    {.name = "weight_decay", .kind = MOTE_FIELD_NUMBER,                                            \
     .offset = offsetof(mote_optimizer, weight_decay), .range = MOTE_AT_LEAST(0),                  \
     .preset = default_decay,                                                                      \
     .help = "how strongly weights are pulled towards 0; not biases or normalization "             \
             "parameters"},                                                                        \
    {.name = "decay_all", .kind = MOTE_FIELD_BOOLEAN,                                              \
     .offset = offsetof(mote_optimizer, decay_all), .preset = "false",                             \
     .help = "apply weight_decay to biases and normalization parameters too"}
/* clang-format on */

/* The class of that type, or NULL; and all classes, NULL-terminated. */
const mote_optimizer_class *mote_optimizer_class_find(const char *type);
const mote_optimizer_class *const *mote_optimizer_classes(void);

/* Like mote_layer_register. */
mote_status mote_optimizer_register(const mote_optimizer_class *kind, mote_error *error);

/* The step to pass to the updates of all its slices; calls `prepare`. The first step has number
 * 1. */
mote_step mote_step_create(const mote_optimizer *optimizer, double learning_rate, uint64_t number);

#define MOTE_SCHEDULE_STATES 6

/* The position in a run, in steps; the first step is number 0 here. */
typedef struct mote_progress {
    uint64_t step, total_steps, steps_per_epoch;
    const double *state; /* [MOTE_SCHEDULE_STATES], for a class with `observe`; NULL: zeros */
} mote_progress;

/* The part common to all schedules; the first member of each one's struct. */
struct mote_schedule {
    const mote_schedule_class *kind;
    double warmup_epochs;
};

struct mote_schedule_class {
    const char *type;
    const char *summary;
    const char *example; /* as in mote_layer_class */
    size_t size;
    const mote_field *fields;

    /* Optional: rejects settings that do not go together, beyond what the field table checks. */
    mote_status (*check)(const mote_schedule *schedule, mote_error *error);

    /* Returns the factor on the learning rate. `progress` counts from the end of the warm-up. */
    double (*factor)(const mote_schedule *schedule, mote_progress progress);

    /* Optional, for a schedule that follows validation: called after each whole epoch that ends
     * after the warm-up, if there is a validation part. Updates state [MOTE_SCHEDULE_STATES], which
     * starts as zeros and is saved in checkpoints. `accuracy` is NAN for a model without
     * classes. */
    void (*observe)(const mote_schedule *schedule, double loss, double accuracy, double *state);

    /* Optional: fails if training cannot provide what the schedule follows. `validates`: there is a
     * validation part; `has_classes`: there is an accuracy. */
    mote_status (*match)(const mote_schedule *schedule, bool validates, bool has_classes,
                         mote_error *error);
};

#define MOTE_SCHEDULE_FIELDS                                                                       \
    {                                                                                              \
        .name = "warmup_epochs", .kind = MOTE_FIELD_NUMBER,                                        \
        .offset = offsetof(mote_schedule, warmup_epochs), .range = MOTE_AT_LEAST(0),               \
        .preset = "0",                                                                             \
        .help = "epochs, or a fraction of one, over which the rate rises linearly from 0"          \
    }

/* Like those for optimizers. */
const mote_schedule_class *mote_schedule_class_find(const char *type);
const mote_schedule_class *const *mote_schedule_classes(void);
mote_status mote_schedule_register(const mote_schedule_class *kind, mote_error *error);

/* The factor on the learning rate, including the warm-up: k / w in the k-th of w warm-up steps,
 * then the schedule's `factor`. */
double mote_schedule_factor(const mote_schedule *schedule, mote_progress progress);

/* Calls the schedule's `observe`, if it has one and the warm-up is over, with the validation loss
 * and accuracy after progress.step steps. Updates state [MOTE_SCHEDULE_STATES]. */
void mote_schedule_observe(const mote_schedule *schedule, mote_progress progress, double loss,
                           double accuracy, double *state);

#ifdef __cplusplus
}
#endif

#endif
