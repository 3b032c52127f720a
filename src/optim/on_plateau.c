/* on_plateau.c: the learning rate falls by a factor when validation stops improving.
 *
 * An epoch improves on the best one so far if its loss is lower, or its accuracy higher, by more
 * than threshold × |best|. After `patience` epochs in a row that do not, the next such epoch lowers
 * the learning rate; then `cooldown` epochs do not count.
 *
 * (PyTorch's ReduceLROnPlateau, which compares with best × (1 ∓ threshold): the same for a best
 * above 0.)
 */
#include "mote/optimizer.h"

enum {
    LOSS,
    ACCURACY
};

static const char *const metrics[] = {[LOSS] = "loss", [ACCURACY] = "accuracy", NULL};

typedef struct on_plateau {
    mote_schedule base;
    int metric;
    size_t patience, cooldown;
    double factor, threshold, minimum_factor;
} on_plateau;

static const mote_field fields[] = {
    MOTE_SCHEDULE_FIELDS,
    {.name = "metric",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(on_plateau, metric),
     .choices = metrics,
     .preset = "\"loss\"",
     .help = "which validation metric has to improve"},
    {.name = "factor",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(on_plateau, factor),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0.1",
     .help = "what the learning rate is multiplied by each time"},
    {.name = "patience",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(on_plateau, patience),
     .range = MOTE_AT_LEAST(0),
     .preset = "10",
     .help = "how many epochs in a row may fail to improve before the next one lowers it"},
    {.name = "threshold",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(on_plateau, threshold),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0.0001",
     .help = "by what fraction of the best value an epoch has to improve to count"},
    {.name = "cooldown",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(on_plateau, cooldown),
     .range = MOTE_AT_LEAST(0),
     .preset = "0",
     .help = "how many epochs after a reduction do not count"},
    {.name = "minimum_factor",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(on_plateau, minimum_factor),
     .range = MOTE_BETWEEN(0, 1),
     .preset = "0",
     .help = "fraction of the learning rate that it never falls below"},
    MOTE_FIELDS_END,
};

/* The state. */
enum {
    EPOCHS,    /* seen */
    BEST,      /* value so far */
    NO_BETTER, /* epochs in a row, up to the latest */
    COOLING,   /* epochs yet to come that do not count */
    FALLS      /* of the learning rate */
};

static bool is_better(const on_plateau *self, double value, double best) {
    double margin = self->threshold * fabs(best);
    return self->metric == ACCURACY ? value > best + margin : value < best - margin;
}

static void observe(const mote_schedule *schedule, double loss, double accuracy, double *state) {
    const on_plateau *self = (const on_plateau *)schedule;
    double value = self->metric == ACCURACY ? accuracy : loss;
    bool better = state[EPOCHS] <= 0 || is_better(self, value, state[BEST]);
    state[EPOCHS]++;
    state[BEST] = better ? value : state[BEST];
    state[NO_BETTER] = better ? 0 : state[NO_BETTER] + 1;
    if (state[COOLING] > 0) {
        state[COOLING]--;
        state[NO_BETTER] = 0;
    }
    if (state[NO_BETTER] > (double)self->patience) {
        state[FALLS]++;
        state[COOLING] = (double)self->cooldown;
        state[NO_BETTER] = 0;
    }
}

static double factor(const mote_schedule *schedule, mote_progress progress) {
    const on_plateau *self = (const on_plateau *)schedule;
    double falls = progress.state ? progress.state[FALLS] : 0;
    return fmax(pow(self->factor, falls), self->minimum_factor);
}

static mote_status match(const mote_schedule *schedule, bool validates, bool has_classes,
                         mote_error *error) {
    const on_plateau *self = (const on_plateau *)schedule;
    if (!validates) {
        return mote_fail(error, MOTE_INVALID,
                         "on_plateau follows the validation %s, but the data set has no validation "
                         "part; set dataset.validation_fraction, or choose another schedule",
                         metrics[self->metric]);
    }
    if (self->metric == ACCURACY && !has_classes) {
        return mote_fail(error, MOTE_INVALID,
                         "on_plateau follows the validation accuracy, but the model predicts "
                         "numbers; set metric to \"loss\"");
    }
    return MOTE_OK;
}

const mote_schedule_class mote_schedule_on_plateau = {
    .type = "on_plateau",
    .summary = "the learning rate is multiplied by a factor when validation no longer improves",
    .example = "{\"type\": \"on_plateau\", \"patience\": 3, \"factor\": 0.2}",
    .size = sizeof(on_plateau),
    .fields = fields,
    .factor = factor,
    .observe = observe,
    .match = match,
};
