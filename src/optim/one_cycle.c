/* one_cycle.c: the learning rate rises to its full value, then falls to almost nothing.
 *
 * Rise and fall are half a cosine each. Of T steps 0 ... T − 1, the peak is at rise × T − 1, the
 * end at T − 1. Momentum is left alone.
 *
 * (Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
 * rates", 2018, in PyTorch's form.)
 */
#include "mote/optimizer.h"

typedef struct one_cycle {
    mote_schedule base;
    double rise, initial_factor, final_factor;
} one_cycle;

static const mote_field fields[] = {
    MOTE_SCHEDULE_FIELDS,
    {.name = "rise",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(one_cycle, rise),
     .range = MOTE_BETWEEN(0, 1),
     .preset = "0.3",
     .help = "fraction of the steps in which it rises"},
    {.name = "initial_factor",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(one_cycle, initial_factor),
     .range = MOTE_BETWEEN(0, 1),
     .preset = "0.04",
     .help = "fraction of the learning rate from which it rises"},
    {.name = "final_factor",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(one_cycle, final_factor),
     .range = MOTE_BETWEEN(0, 1),
     .preset = "4e-6",
     .help = "fraction of the learning rate left at the end"},
    MOTE_FIELDS_END,
};

/* Half a cosine from `begin` to `end`, of which the fraction `part` is done. */
static double ease(double begin, double end, double part) {
    const double pi = 3.141592653589793;
    return end + (begin - end) * (1 + cos(pi * part)) / 2;
}

static double factor(const mote_schedule *schedule, mote_progress progress) {
    const one_cycle *self = (const one_cycle *)schedule;
    double total = (double)progress.total_steps, last = total - 1;
    double highest = self->rise * total - 1;
    double step = fmin((double)progress.step, last); /* past the end it stays down */
    if (highest > 0 && step <= highest) {
        return ease(self->initial_factor, 1, step / highest);
    }
    double part = last > highest ? (step - highest) / (last - highest) : 1;
    return ease(1, self->final_factor, part);
}

const mote_schedule_class mote_schedule_one_cycle = {
    .type = "one_cycle",
    .summary = "the learning rate rises to its full value and then falls to almost nothing",
    .example = "{\"type\": \"one_cycle\", \"rise\": 0.25}",
    .size = sizeof(one_cycle),
    .fields = fields,
    .factor = factor,
};
