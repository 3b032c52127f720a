/* step.c: the learning rate falls by a factor every so many epochs.
 *
 *   factor = `factor`ⁿ after n × `every_epochs` epochs
 */
#include "mote/optimizer.h"

typedef struct step {
    mote_schedule base;
    double every_epochs, factor;
} step;

static const mote_field fields[] = {
    MOTE_SCHEDULE_FIELDS,
    {.name = "every_epochs",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(step, every_epochs),
     .range = MOTE_ABOVE(0),
     .help = "how many epochs, or what fraction of one, between reductions"},
    {.name = "factor",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(step, factor),
     .range = MOTE_BETWEEN(0, 1),
     .preset = "0.1",
     .help = "what the learning rate is multiplied by each time"},
    MOTE_FIELDS_END,
};

static double factor(const mote_schedule *schedule, mote_progress progress) {
    const step *self = (const step *)schedule;
    double period = fmax(1, round(self->every_epochs * (double)progress.steps_per_epoch));
    return pow(self->factor, floor((double)progress.step / period));
}

const mote_schedule_class mote_schedule_step = {
    .type = "step",
    .summary = "the learning rate is multiplied by a factor every so many epochs",
    .example = "{\"type\": \"step\", \"every_epochs\": 10, \"factor\": 0.1}",
    .size = sizeof(step),
    .fields = fields,
    .factor = factor,
};
