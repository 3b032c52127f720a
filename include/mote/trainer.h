/* trainer.h: training and evaluation.
 */
#ifndef MOTE_TRAINER_H
#define MOTE_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "mote/dataset.h"
#include "mote/model.h"
#include "mote/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_trainer mote_trainer;

/* Means over the samples of a part: NAN without samples; accuracy is also NAN for a model without
 * classes. */
typedef struct mote_metrics {
    size_t samples;
    double loss;
    double accuracy; /* 0 ... 1 */
} mote_metrics;

/* With train.weight_average, the model holds the averages in the validation that ends an epoch and
 * at its events (EPOCH, IMPROVED, and any NOTICE or DIVERGED there), and after the end of training;
 * the weights themselves at all other times. */
typedef enum mote_event_kind {
    MOTE_EVENT_STARTED,
    MOTE_EVENT_STEP,     /* a step is done */
    MOTE_EVENT_EPOCH,    /* an epoch is done, and the validation part has been evaluated */
    MOTE_EVENT_IMPROVED, /* the model is the best so far by validation; follows EPOCH */
    MOTE_EVENT_NOTICE,   /* something the user should know, reported once; training goes on */
    MOTE_EVENT_DIVERGED, /* a number is not finite: `divergence` says where; STOPPED follows */
    MOTE_EVENT_STOPPED,  /* training is over or was stopped */
} mote_event_kind;

/* A step that made weights very large, though still finite: the largest magnitude of all weights
 * grew more than a hundredfold, where one below 0.1 counts as 0.1. */
typedef struct mote_jump {
    uint64_t step;           /* counted from 1 */
    const char *parameter;   /* with the largest weight after it: "layers.1.weight" */
    double before, after;    /* the largest magnitude of all weights */
    const uint32_t *samples; /* [sample_count]: the step's, by number in the data set, from 0 */
    size_t sample_count;
    uint32_t worst_sample; /* the one with the largest loss before the step, worst_loss */
    double worst_loss, median_loss;
} mote_jump;

/* Where a number first became non-finite: in step event->step + 1, which does not count as done, or
 * in the validation after step event->step. Strings and arrays are valid only during the event. */
typedef struct mote_divergence {
    const char *report;      /* the error that mote_trainer_run will return: several lines */
    const char *what;        /* "the output of layers[1] (dense)" */
    const char *layer;       /* "layers[1] (dense)"; "" if it was in the data */
    const char *parameter;   /* "layers.1.weight": it was in that or its gradient; or NULL */
    const uint32_t *samples; /* [sample_count]: the batch, by number in the data set, from 0 */
    size_t sample_count;
    const uint32_t *affected; /* [affected_count]: those it shows in; none for a parameter */
    size_t affected_count;
    bool validation;       /* it was in the validation, and the samples are of that part */
    bool updated;          /* the step's update made a weight or optimizer state non-finite */
    const mote_jump *jump; /* a step shortly before, the likely cause; or NULL */
} mote_divergence;

/* Why training ended. */
typedef enum mote_ending {
    MOTE_ENDING_NONE,     /* it did not: the listener stopped it, or it failed */
    MOTE_ENDING_STEPS,    /* all epochs, or max_steps, are done */
    MOTE_ENDING_PATIENCE, /* early_stopping: validation has not improved for `patience` epochs */
    MOTE_ENDING_TARGET,   /* target_accuracy has been reached */
    MOTE_ENDING_TIME,     /* max_minutes have passed */
} mote_ending;

/* The last train.metrics.every_steps steps of training, which may span epochs. */
typedef struct mote_interval {
    uint64_t steps; /* every_steps, except in the first interval if a resume changed that */
    mote_metrics train;
    double samples_per_second;
} mote_interval;

/* The Euclidean norms of a trained parameter, with train.metrics.norms; non-finite if one of its
 * numbers is. */
typedef struct mote_norms {
    const char *parameter; /* "layers.1.weight" */
    double weight;         /* of its values after the last step, not of their average */
    double gradient;       /* in that step, before clipping; NAN if max_minutes ended training,
                            * since it is computed only in steps known to be reported */
} mote_norms;

/* The state of training at an event; strings and arrays are valid only during it. Metrics that are
 * not known yet have samples == 0. */
typedef struct mote_event {
    mote_event_kind kind;
    mote_trainer *trainer;
    size_t epoch, epochs;              /* from 1 */
    uint64_t step, total_steps;        /* done so far, and in total */
    size_t epoch_step, epoch_steps;    /* the same within the epoch */
    double learning_rate;              /* of the last step */
    double seconds;                    /* of training so far, including before a resume */
    double samples_per_second;         /* in this epoch so far, excluding validation */
    mote_metrics train;                /* of this epoch so far */
    mote_metrics validation;           /* EPOCH and after */
    mote_metrics best_validation;      /* EPOCH and after */
    const mote_divergence *divergence; /* DIVERGED; else NULL */
    const char *notice;                /* NOTICE: a sentence; else NULL */
    mote_ending ending;                /* EPOCH and after */
    const mote_interval *interval;     /* STEP, if it ends one; else NULL */
    const mote_norms *norms; /* [norm_count]: STEP, if it ends an interval, and EPOCH; else NULL */
    size_t norm_count;
} mote_event;

/* Returns false to stop training before another step. */
typedef bool (*mote_listener)(void *context, const mote_event *event);

/* Creates a trainer for the model on the data set's training part. `json` holds the keys of a
 * config's "train" object; NULL: defaults. Of these, "checkpoint" is for mote-train, which writes
 * files, and has no effect here: a listener saves when it wants to (mote_trainer_save). `seed`
 * determines the order of samples, augmentations, and what layers such as dropout draw. Copies the
 * data set's input, preprocessing and class names into the model. NULL on failure; owned by the
 * caller.
 *
 * The model must be initialised and have no other trainer; model and data set must outlive this
 * one. Either may be NULL, which fails with MOTE_INVALID. */
mote_trainer *mote_trainer_create(mote_model *model, const mote_dataset *dataset, const char *json,
                                  uint64_t seed, mote_error *error);
void mote_trainer_destroy(mote_trainer *trainer);

/* From now on, calls `listener` with `context` at each event; NULL: no listener. Does nothing if
 * `trainer` is NULL. */
void mote_trainer_set_listener(mote_trainer *trainer, mote_listener listener, void *context);

/* Trains to the end, then puts the parameters that did best in validation into the model: those
 * with the highest accuracy and, among equals or without classes, the lowest loss. Without a
 * validation part, it keeps the last ones. MOTE_INTERRUPTED if the listener stopped training, which
 * another call continues; MOTE_DIVERGED if a loss or a weight was not finite. `trainer` may be
 * NULL: MOTE_INVALID. */
mote_status mote_trainer_run(mote_trainer *trainer, mote_error *error);

/* Save and restore everything needed to continue to the same bits: parameters, optimizer state,
 * generators, position. The parameters are those after the last step, even at the end of training,
 * when the model holds the best ones. Save from a listener at STEP and EPOCH, or at any time while
 * training is not running. An existing file is replaced only once the new one is complete: on
 * failure it is left as it is, and training can go on. A process killed while saving leaves a file
 * path.<number>.part, which the next save to `path` removes. If a weight or optimizer state is not
 * finite, nothing is written and the result is MOTE_DIVERGED.
 *
 * Restore only while training is not running, into a trainer created with the same settings. Only
 * the numbers of epochs and threads, the conditions that end training early, and the options for
 * checkpoints and metrics may differ. MOTE_INVALID, naming the keys that differ, if the settings do
 * not match; MOTE_FILE if the file cannot be read; MOTE_DATA if it is damaged; the trainer is then
 * unchanged. With other settings, a new training can start from the weights alone
 * (mote_model_read_parameters). examples/long_run.c does all of this.
 *
 * `trainer` may be NULL: MOTE_INVALID. */
mote_status mote_trainer_save(const mote_trainer *trainer, const char *path, mote_error *error);
mote_status mote_trainer_restore(mote_trainer *trainer, const char *path, mote_error *error);

/* Measures the model on a part of a data set. `confusion` is NULL or [classes × classes]: how many
 * samples of class (row) were predicted as class (column). MOTE_DATA if the part is empty or does
 * not fit the model; MOTE_INVALID if the model has no output, or while it has a trainer whose
 * batches hold fewer than 256 samples. */
mote_status mote_evaluate(mote_model *model, const mote_part *part, mote_metrics *metrics,
                          uint64_t *confusion, mote_error *error);

#ifdef __cplusplus
}
#endif

#endif
