/* one_cycle.c: the learning rate rises to the full one and then falls to next to nothing.
 *
 * Each way is half a cosine between its ends. Of T steps 0 ... T − 1 the highest is at
 * rise × T − 1, the last at T − 1. Momentum stays as it is.
 *
 * (Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
 * rates", 2018, as PyTorch writes it.)
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

/* From `begin` to `end` by half a cosine, of which `part` is done. */
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
