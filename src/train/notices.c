/* notices.c: warnings that do not end a run. */
#include "train/notices.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "data/dataset.h"
#include "train/preview.h"

enum {
    FEW_SAMPLES = 100,
    SHORTEST_WINDOW = 10,
    FEW_STEPS = 2 * SHORTEST_WINDOW, /* with fewer, no progress is expected yet */
    LOOKED_AT = 1024,                /* samples checked for dead units */
    TEXT_CAPACITY = 512
};

static const double UNMOVED = 1e-3;  /* of the loss */
static const double A_FALL = 0.05;   /* of the loss: that is a fall, however noisy the loss */
static const double A_RISE = 2;      /* times the loss before: the steps are too long */
static const double MANY_DEAD = 0.2; /* of a layer's units */
static const double DEVIATIONS = 3;  /* standard deviations that chance does not explain */
static const double UNEVEN = 0.8;    /* a class with this share of the samples: imbalanced */
static const double A_GAIN = 0.1;    /* share of what chance leaves to gain: better than chance */
static const double LARGE = 100;     /* the magnitude of a target */

static void notice(mote_trainer *trainer, mote_notice kind, const char *format, ...)
    MOTE_PRINTF_LIKE(3, 4);

static void notice(mote_trainer *trainer, mote_notice kind, const char *format, ...) {
    char text[TEXT_CAPACITY];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    trainer->notices.told[kind] = true;
    trainer->notices.text = text;
    mote_trainer_tell(trainer, MOTE_EVENT_NOTICE);
    trainer->notices.text = NULL;
}

/* ---- validation ---- */

static void look_at_validation(mote_trainer *trainer) {
    size_t count = mote_dataset_part(trainer->dataset, MOTE_VALIDATION).count;
    if (count == 0 || count >= FEW_SAMPLES || trainer->notices.told[MOTE_NOTICE_VALIDATION]) {
        return;
    }
    if (trainer->model->output->classes > 0) {
        notice(trainer, MOTE_NOTICE_VALIDATION,
               "the validation part has only %zu sample%s: each is %.2g %% of its accuracy, which "
               "says little; raise dataset.validation_fraction, or go by the training loss",
               count, count > 1 ? "s" : "", 100.0 / (double)count);
    } else {
        notice(trainer, MOTE_NOTICE_VALIDATION,
               "the validation part has only %zu sample%s, so its loss says little; raise "
               "dataset.validation_fraction, or go by the training loss",
               count, count > 1 ? "s" : "");
    }
}

/* ---- targets ---- */

bool mote_targets_are_large(const mote_trainer *trainer, double *largest) {
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_TRAINING);
    const mote_samples *samples = part.samples;
    size_t width = samples->labels ? 0 : samples->value_width, large = 0;
    *largest = 0;
    for (size_t i = 0; i < part.count; i++) {
        for (size_t k = 0; k < width; k++) {
            double target = fabs((double)samples->values[part.indexes[i] * width + k]);
            *largest = fmax(*largest, target);
            large += target > LARGE;
        }
    }
    return large > part.count * width / 2;
}

static void look_at_targets(mote_trainer *trainer) {
    double largest;
    if (!trainer->notices.told[MOTE_NOTICE_TARGETS] && mote_targets_are_large(trainer, &largest)) {
        notice(trainer, MOTE_NOTICE_TARGETS,
               "most targets are beyond ±%g, up to %.4g; they are not rescaled, and large ones "
               "train badly: give them in larger units, so that most are around 1",
               LARGE, largest);
    }
}

/* ---- the schedule ---- */

static void look_at_warmup(mote_trainer *trainer) {
    double epochs = trainer->options.schedule->warmup_epochs;
    double steps = epochs * (double)trainer->epoch_steps;
    if (!trainer->notices.told[MOTE_NOTICE_WARMUP] && steps > (double)trainer->total_steps) {
        notice(trainer, MOTE_NOTICE_WARMUP,
               "the warm-up of %g epoch%s is longer than training, which reaches the learning rate "
               "only in its last step; lower train.schedule.warmup_epochs",
               epochs, epochs == 1 ? "" : "s");
    }
}

/* ---- at the start ---- */

void mote_notices_start(mote_trainer *trainer) {
    look_at_validation(trainer);
    look_at_warmup(trainer);
    look_at_targets(trainer);
}

/* ---- the loss ---- */

/* How to check whether the labels match the data. */
static const char *means_to_look(const mote_trainer *trainer) {
    return mote_preview_is_possible(trainer) ? " (--preview)" : "";
}

/* Compares the mean loss of two windows of steps at the beginning. How much they differ by chance
 * follows from the variance of a step's loss, which is half the mean square of its change from one
 * step to the next (von Neumann, "Distribution of the ratio of the mean square successive
 * difference to the variance", 1941): a fall within the windows adds little to that. */
void mote_notices_step(mote_trainer *trainer, double loss) {
    mote_notices *n = &trainer->notices;
    size_t half = trainer->epoch_steps / 2;
    uint64_t window = half > SHORTEST_WINDOW ? half : SHORTEST_WINDOW, steps = ++n->steps;
    if (steps > 2 * window || n->told[MOTE_NOTICE_LOSS]) {
        return;
    }
    double jump = steps > 1 ? loss - n->last_loss : 0;
    n->jumps += jump * jump;
    n->first_loss = steps > 1 ? n->first_loss : loss;
    n->last_loss = loss;
    n->loss[steps > window] += loss / (double)window;
    bool over = steps == 2 * window && trainer->position.step == steps; /* not resumed */
    double variance = n->jumps / (2.0 * (double)(2 * window - 1));
    double noise = DEVIATIONS * sqrt(2 * variance / (double)window), start = fabs(n->loss[0]);
    double fall = n->loss[0] - n->loss[1], unmoved = UNMOVED * start + noise;
    if (over && fall <= fmin(unmoved, A_FALL * start)) {
        bool rises = fall < -unmoved || n->loss[1] > A_RISE * fmin(start, fabs(n->first_loss));
        notice(trainer, MOTE_NOTICE_LOSS,
               "the loss is not falling: it is %.6g in steps 1 to %llu and %.6g in steps %llu to "
               "%llu, at a learning rate of %g; try a %s one, and check that the labels match the "
               "data%s and that the network can learn at all (--overfit-batch)",
               n->loss[0], (unsigned long long)window, n->loss[1], (unsigned long long)window + 1,
               (unsigned long long)steps, trainer->learning_rate, rises ? "lower" : "higher",
               means_to_look(trainer));
    }
}

/* ---- chance ---- */

/* The share of a part's samples that belong to the most frequent class; 0 if that is not known. */
static double most_frequent(const mote_trainer *trainer, mote_part part) {
    size_t classes = mote_dataset_classes(trainer->dataset), most = 0;
    for (size_t c = 0; part.samples->labels && c < classes; c++) {
        size_t count = 0;
        for (size_t i = 0; i < part.count; i++) {
            count += part.samples->labels[part.indexes[i]] == c;
        }
        most = count > most ? count : most;
    }
    return (double)most / (double)part.count;
}

/* Whether the epoch that has just ended is the first after which something can be expected: the
 * warm-up is over, and at least FEW_STEPS steps are done, where an epoch of a small data set may
 * have only one or two. */
static bool is_first_to_judge(const mote_trainer *trainer) {
    const mote_position *p = &trainer->position;
    double steps = (double)p->step, of_epoch = (double)trainer->epoch_steps;
    double least = fmax(FEW_STEPS, trainer->options.schedule->warmup_epochs * of_epoch);
    return p->epoch_step == 0 && steps >= least && steps - of_epoch < least;
}

static void look_at_accuracy(mote_trainer *trainer) {
    bool validates = trainer->validation.samples > 0;
    mote_part part =
        mote_dataset_part(trainer->dataset, validates ? MOTE_VALIDATION : MOTE_TRAINING);
    double accuracy = validates ? trainer->validation.accuracy : trainer->epoch_metrics.accuracy;
    double chance = most_frequent(trainer, part);
    double deviation = sqrt(chance * (1 - chance) / (double)part.count);
    double better = chance + fmin(DEVIATIONS * deviation, A_GAIN * (1 - chance));
    bool meaningful = part.count >= FEW_SAMPLES && chance > 0 && chance < 1;
    if (meaningful && accuracy <= better) {
        char epochs[32] = "an epoch";
        if (trainer->position.epoch > 1) {
            snprintf(epochs, sizeof epochs, "%llu epochs",
                     (unsigned long long)trainer->position.epoch);
        }
        notice(trainer, MOTE_NOTICE_CHANCE,
               "after %s the %s accuracy of %.2f %% is no better than chance: always predicting "
               "the most frequent class gives %.2f %%; %s%s",
               epochs, validates ? "validation" : "training", 100 * accuracy, 100 * chance,
               chance > UNEVEN ? "with classes this imbalanced, go by the per-class figures "
                                 "(./evaluate), and try dataset.class_weights"
                               : "try another learning rate, and check that the labels match the "
                                 "data",
               chance > UNEVEN ? "" : means_to_look(trainer));
    }
}

/* ---- dead units ---- */

/* The number of a layer's units: the channels of images, or all numbers. */
static size_t units_of(const mote_layer *layer) {
    return layer->output_shape.dims[0] *
           (layer->output_shape.rank == 2 ? layer->output_shape.dims[1] : 1);
}

static size_t count_units(const mote_sequence *sequence) {
    size_t count = 0;
    for (size_t i = 0; i < sequence->count; i++) {
        const mote_layer *layer = sequence->layers[i];
        count += layer->kind->dies ? units_of(layer) : 0;
        const mote_sequence *inner;
        for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
            count += count_units(inner);
        }
    }
    return count;
}

void mote_notices_carve(mote_trainer *trainer, mote_arena *arena) {
    trainer->notices.alive = mote_arena_take(arena, count_units(trainer->model->layers), 1);
}

/* Marks the units of one layer that are not 0 everywhere. If pooling is fused with the preceding
 * layer, y has already been pooled, which also leaves only zeros of a dead unit. */
static void mark_layer(const mote_sequence *sequence, size_t index, size_t rows,
                       unsigned char *alive) {
    const mote_layer *layer = sequence->layers[index];
    const mote_stage *stage = &sequence->stages[index];
    const mote_layer *pool =
        index > 0 && stage->in_place ? sequence->layers[index - 1]->fused_pool : NULL;
    size_t units = units_of(layer);
    size_t pixels = mote_shape_count(pool ? pool->output_shape : layer->output_shape) / units;
    bool last = stage->channels_last;
    for (size_t i = 0; i < rows * units * pixels; i++) {
        if (stage->y[i] > 0) {
            alive[last ? i % units : i / pixels % units] = 1;
        }
    }
}

/* Calls mark_layer for each layer whose units can die, advancing `alive`. */
static void mark_layers(const mote_sequence *sequence, size_t rows, unsigned char **alive) {
    for (size_t i = 0; i < sequence->count; i++) {
        const mote_layer *layer = sequence->layers[i];
        if (layer->kind->dies) {
            mark_layer(sequence, i, rows, *alive);
            *alive += units_of(layer);
        }
        const mote_sequence *inner;
        for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
            mark_layers(inner, rows, alive);
        }
    }
}

static bool normalizes(const mote_trainer *trainer) {
    return trainer->model->preprocessing.normalize != MOTE_NORMALIZE_NONE;
}

static void report_dead(mote_trainer *trainer, const mote_sequence *sequence, size_t samples,
                        const unsigned char **alive) {
    for (size_t i = 0; i < sequence->count; i++) {
        const mote_layer *layer = sequence->layers[i];
        size_t units = layer->kind->dies ? units_of(layer) : 0, dead = 0;
        for (size_t k = 0; k < units; k++) {
            dead += !(*alive)[k];
        }
        *alive += units;
        if (dead > 0 && (double)dead >= MANY_DEAD * (double)units &&
            !trainer->notices.told[MOTE_NOTICE_DEAD]) {
            notice(trainer, MOTE_NOTICE_DEAD,
                   "%zu of the %zu units of %s[%zu] (%s) are dead: 0 for all of %zu samples, so "
                   "they cannot learn; try a lower learning rate, a warm-up, batch_norm before "
                   "them, or leaky_relu%s",
                   dead, units, sequence->name, i, layer->kind->type, samples,
                   normalizes(trainer) ? "" : "; or set dataset.normalize to \"standard\"");
        }
        const mote_sequence *inner;
        for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
            report_dead(trainer, inner, samples, alive);
        }
    }
}

/* Runs some training samples forward, as in validation, and looks at the outputs of all layers. The
 * samples are spread over the whole part, which may be sorted by class. */
static void look_at_units(mote_trainer *trainer) {
    mote_model *model = trainer->model;
    size_t count = count_units(model->layers);
    if (count == 0) {
        return;
    }
    mote_part part = mote_dataset_part(trainer->dataset, MOTE_TRAINING);
    size_t samples = part.count < LOOKED_AT ? part.count : LOOKED_AT;
    uint32_t indexes[LOOKED_AT];
    for (size_t i = 0; i < samples; i++) {
        indexes[i] = part.indexes[(uint64_t)i * part.count / samples];
    }
    memset(trainer->notices.alive, 0, count);
    for (size_t done = 0; done < samples;) {
        size_t left = samples - done;
        mote_pass pass = {.pool = trainer->pool,
                          .batch = left < trainer->batch_rows ? left : trainer->batch_rows};
        const mote_batch *batch = &trainer->batch;
        mote_gather(part.samples, &model->preprocessing, pass.pool, indexes + done, pass.batch,
                    batch->x, batch->labels, batch->values);
        mote_model_forward(model, &pass, batch->x);
        unsigned char *alive = trainer->notices.alive;
        mark_layers(model->layers, pass.batch, &alive);
        done += pass.batch;
    }
    const unsigned char *alive = trainer->notices.alive;
    report_dead(trainer, model->layers, samples, &alive);
}

/* Units may die early or late; looking after 1, 2, 4, 8 ... epochs costs next to nothing. */
void mote_notices_epoch(mote_trainer *trainer) {
    uint64_t epoch = trainer->position.epoch;
    if (is_first_to_judge(trainer)) {
        look_at_accuracy(trainer);
    }
    if ((epoch & (epoch - 1)) == 0 && !trainer->notices.told[MOTE_NOTICE_DEAD]) {
        look_at_units(trainer);
    }
}
