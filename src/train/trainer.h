/* trainer.h (internal): the state of a training run.
 */
#ifndef MOTE_TRAIN_TRAINER_H
#define MOTE_TRAIN_TRAINER_H

#include "core/arena.h"
#include "data/augment.h"
#include "model/model.h"
#include "mote/optimizer.h"
#include "mote/trainer.h"
#include "train/options.h"

/* A batch as the model takes it. */
typedef struct mote_batch {
    mote_real *x;      /* [size × input shape] */
    uint32_t *labels;  /* [size]; unused for a data set of numbers */
    mote_real *values; /* [size × value width]; unused for a data set of classes */
} mote_batch;

/* Where a run stands: everything that changes and is not a tensor. */
typedef struct mote_position {
    uint64_t step;       /* done */
    uint64_t epoch;      /* done */
    uint64_t epoch_step; /* done in the current epoch */
    uint64_t epoch_samples;
    double epoch_loss; /* sums over those samples */
    uint64_t epoch_correct;
    double epoch_seconds; /* of its training steps */
    double seconds;       /* of everything so far */
    double learning_rate; /* of the last step done */
    /* Sums over the current interval of metrics.every_steps. */
    uint64_t interval_steps, interval_samples, interval_correct;
    double interval_loss, interval_seconds;
    bool has_best;
    double best_loss, best_accuracy;
    uint64_t best_samples;
    bool finished;
    uint64_t ending;          /* why: a mote_ending */
    uint64_t patience_begun;  /* of early_stopping: 0 or, once there is a best epoch, 1 + metric */
    uint64_t patience_epochs; /* since the best epoch */
    double patience_best;     /* its loss or accuracy */
    uint64_t metrics_bytes;   /* of the run's metrics.jsonl, see run.h; 0 without a run */
    double schedule_state[MOTE_SCHEDULE_STATES];
    mote_random layers_random;
} mote_position;

/* An earlier state, to find out what went wrong; see snapshot.h. */
typedef struct mote_snapshot {
    mote_real *numbers; /* values, states and averages of all parameters, one after the other */
    mote_position position;
    double time, cost; /* when it was taken, and how long that took, in seconds */
} mote_snapshot;

/* Each is given once; see notices.h. */
typedef enum mote_notice {
    MOTE_NOTICE_VALIDATION,
    MOTE_NOTICE_WARMUP,
    MOTE_NOTICE_TARGETS,
    MOTE_NOTICE_LOSS,
    MOTE_NOTICE_CHANCE,
    MOTE_NOTICE_DEAD,
    MOTE_NOTICE_COUNT,
} mote_notice;

typedef struct mote_notices {
    bool told[MOTE_NOTICE_COUNT];
    const char *text;     /* of the one being given */
    uint64_t steps;       /* done by this trainer */
    double loss[2];       /* means over the first window of steps and the next */
    double first_loss;    /* of the first step, before any update */
    double last_loss;     /* of the previous step */
    double jumps;         /* sum of the squared changes of the loss from step to step */
    unsigned char *alive; /* [units of all layers whose units can die] */
} mote_notices;

/* A range of a parameter's entries that is updated in one go. */
typedef struct mote_weight_tile {
    const mote_parameter *parameter;
    size_t begin, count;
} mote_weight_tile;

struct mote_trainer {
    mote_model *model;
    const mote_dataset *dataset;
    mote_train_options options;
    uint64_t seed;
    mote_pool *pool;
    mote_augmenter *augmenter; /* NULL: samples stay as they are */
    mote_listener listener;
    void *listener_context;
    bool stops; /* the listener has returned false, perhaps at a notice */

    size_t epoch_steps;   /* of a whole epoch */
    uint64_t total_steps; /* at the end */
    double learning_rate; /* of the last step, or of the one in progress */
    bool repeats_step;    /* every step uses the samples of the first; see overfit.h */
    mote_metrics epoch_metrics, validation; /* of the last epoch done */
    double epoch_speed;                     /* samples per second in it */
    mote_interval interval;                 /* that ended with the last step; 0 steps: none did */

    mote_arena arena;
    mote_arena gradients; /* layers that hand over gradients from elsewhere never touch theirs */
    mote_batch batch;
    size_t batch_rows; /* its capacity: batch_size, or all training samples if they are fewer */
    uint32_t *order;   /* [training samples]: the samples of an epoch, by number */
    uint64_t ordered;  /* which epoch's order that is, from 1; 0: none yet */
    mote_real **best;  /* [parameters of the model]: their values when validation was best */
    bool shows_best;   /* the model holds those now, and `best` the weights */

    mote_position position;
    mote_snapshot snapshot;
    mote_notices notices;
    mote_step step; /* what the optimizer is told in the step in progress */

    /* Of all trained parameters, if gradients are accumulated first or norms are wanted; see
     * update.h. */
    mote_weight_tile *tiles;
    size_t tile_count;
    double *squares; /* [tiles]: the sums of their squared gradients, or weights */

    mote_norms *norms; /* [norm_count]: of the trained parameters; NULL if they are not wanted */
    size_t norm_count;
    uint64_t norms_step; /* how many steps were done then; UINT64_MAX: no norms are known */

    double average_rate; /* how far averages of the weights move in the step in progress */
    bool shows_average;  /* the model holds the averages now, swapped with the weights */
};

/* Whether there is a validation part. */
bool mote_trainer_validates(const mote_trainer *trainer);

/* The number of samples in a step; the last one of an epoch may have fewer. */
size_t mote_trainer_step_samples(const mote_trainer *trainer);

/* An event with the current figures. Between two epochs, STARTED and DIVERGED belong to the next
 * one, all others to the one that has ended. */
mote_event mote_trainer_event(mote_trainer *trainer, mote_event_kind kind);

/* Tells the listener about that event; false if it wants to stop, or has since training began. */
bool mote_trainer_tell(mote_trainer *trainer, mote_event_kind kind);

/* Puts the weights back into the model if it holds the best ones or the averages, as at the end of
 * training. */
void mote_trainer_show_weights(mote_trainer *trainer);

/* The metrics of a part, computed in the batch's memory; nothing is allocated. */
mote_metrics mote_measure_part(mote_model *model, const mote_preprocessing *preprocessing,
                               mote_pool *pool, const mote_part *part, const mote_batch *batch,
                               size_t batch_size);

/* Fails if a layer cannot be trained on batches of that size. The caller puts "train.batch_size: "
 * in front of the message. */
mote_status mote_check_batch_size(const mote_model *model, size_t batch_size, mote_error *error);

/* Fails because of a key of "train"; the message names the key's location in the config, if it is
 * set there. Only while the trainer is being created. */
mote_status mote_trainer_fail_key(const mote_trainer *trainer, const char *key, mote_error *error,
                                  const char *format, ...) MOTE_PRINTF_LIKE(4, 5);

/* Fails because a call was given no trainer, which may not have been created. */
mote_status mote_trainer_fail_missing(mote_error *error);

mote_trainer *mote_trainer_create_with(mote_model *model, const mote_dataset *dataset,
                                       mote_train_options *options, uint64_t seed,
                                       mote_error *error);

#endif
