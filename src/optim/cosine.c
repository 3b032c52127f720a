/* cosine.c: half a cosine from the full learning rate down to a fraction of it, once or repeatedly.
 *
 *   factor = f + (1 − f) (1 + cos(π t / T)) / 2,  f = final_factor, step t of T
 *
 * T counts all steps, or those of one stretch between restarts.
 *
 * (Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.)
 */
#include "mote/optimizer.h"

typedef struct cosine {
    mote_schedule base;
    double final_factor, restart_epochs, restart_growth;
} cosine;

static const mote_field fields[] = {
    MOTE_SCHEDULE_FIELDS,
    {.name = "final_factor",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(cosine, final_factor),
     .range = MOTE_BETWEEN(0, 1),
     .preset = "0",
     .help = "fraction of the learning rate left at the end"},
    {.name = "restart_epochs",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(cosine, restart_epochs),
     .range = MOTE_AT_LEAST(0),
     .preset = "0",
     .help = "after how many epochs it restarts from the full learning rate; 0: never"},
    {.name = "restart_growth",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(cosine, restart_growth),
     .range = MOTE_AT_LEAST(1),
     .preset = "1",
     .help = "how many times as long each cycle is as the one before"},
    MOTE_FIELDS_END,
};

static mote_status check(const mote_schedule *schedule, mote_error *error) {
    const cosine *self = (const cosine *)schedule;
    if (self->restart_growth > 1 && self->restart_epochs <= 0) {
        return mote_fail(error, MOTE_INVALID,
                         "restart_growth needs restarts, such as \"restart_epochs\": 10");
    }
    return MOTE_OK;
}

/* The step at which the stretch after n others begins, the first of them `first` steps long. It is
 * a whole step, so that rounding the sum of lengths moves no restart. */
static double begin_of(double n, double first, double growth) {
    return growth > 1 ? round(first * (pow(growth, n) - 1) / (growth - 1)) : first * n;
}

/* The fraction of its stretch that precedes a step. */
static double part_of_stretch(double step, double first, double growth) {
    double n = growth > 1 ? log1p(step / first * (growth - 1)) / log(growth) : step / first;
    n = floor(n);
    if (begin_of(n + 1, first, growth) <= step) { /* off by one through rounding */
        n++;
    } else if (begin_of(n, first, growth) > step) {
        n--;
    }
    double begin = begin_of(n, first, growth), end = begin_of(n + 1, first, growth);
    return fmin(fmax((step - begin) / (end - begin), 0), 1);
}

static double factor(const mote_schedule *schedule, mote_progress progress) {
    const double pi = 3.141592653589793;
    const cosine *self = (const cosine *)schedule;
    double step = (double)progress.step;
    double total = progress.total_steps ? (double)progress.total_steps : 1;
    double part = fmin(step / total, 1); /* past the end it stays down */
    if (self->restart_epochs > 0) {
        double first = fmax(1, round(self->restart_epochs * (double)progress.steps_per_epoch));
        part = part_of_stretch(step, first, self->restart_growth);
    }
    return self->final_factor + (1 - self->final_factor) * (1 + cos(pi * part)) / 2;
}

const mote_schedule_class mote_schedule_cosine = {
    .type = "cosine",
    .summary =
        "half a cosine from the full learning rate down to a fraction of it, once or with restarts",
    .example = "{\"type\": \"cosine\", \"warmup_epochs\": 1}",
    .size = sizeof(cosine),
    .fields = fields,
    .check = check,
    .factor = factor,
};
