/* options.h: a config's "train" object.
 */
#ifndef MOTE_TRAIN_OPTIONS_H
#define MOTE_TRAIN_OPTIONS_H

#include "config/json.h"
#include "mote/field.h"
#include "mote/optimizer.h"

/* When a run saves everything needed to resume it. */
typedef struct mote_checkpoint_options {
    size_t every_steps, every_epochs; /* 0: never for that reason */
    double every_minutes;
    size_t keep; /* older ones */
} mote_checkpoint_options;

/* When training stops because validation no longer improves. */
typedef struct mote_early_stopping {
    size_t patience; /* epochs; 0: never */
    int metric;      /* MOTE_STOP_BY_... */
    double min_delta;
} mote_early_stopping;

/* What is recorded during training, besides the figures of each epoch. */
typedef struct mote_metrics_options {
    size_t every_steps; /* 0: nothing */
    bool norms;
} mote_metrics_options;

enum {
    MOTE_STOP_BY_LOSS,
    MOTE_STOP_BY_ACCURACY
};

typedef struct mote_train_options {
    size_t epochs, batch_size, accumulate, max_steps, threads;
    bool shuffle, drop_last;
    double clip_gradient_norm, weight_average; /* 0: none */
    mote_json json; /* what they were read from; only valid while its document is */
    /* Only valid while reading. */
    mote_json optimizer_json, schedule_json, checkpoint_json, early_stopping_json, metrics_json;
    mote_optimizer *optimizer;
    mote_schedule *schedule;
    mote_checkpoint_options checkpoint;
    mote_early_stopping early_stopping;
    mote_metrics_options metrics;
    double max_minutes, target_accuracy; /* 0: none */
} mote_train_options;

/* Reads the object; if object.node is NULL, everything has its default. Free with
 * mote_train_options_free, also on failure. */
mote_status mote_train_options_read(mote_train_options *options, mote_json object,
                                    mote_error *error);
void mote_train_options_free(mote_train_options *options);

/* The keys, and those of its "checkpoint", "early_stopping" and "metrics". */
const mote_field *mote_train_options_fields(void);
const mote_field *mote_checkpoint_options_fields(void);
const mote_field *mote_early_stopping_fields(void);
const mote_field *mote_metrics_options_fields(void);

/* Every default spelled out; NULL when out of memory. */
cJSON *mote_train_options_to_json(const mote_train_options *options);

#endif
