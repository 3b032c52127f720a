/* cosine.c: half a cosine from the full learning rate down to a part of it.
 *
 *   factor = f + (1 − f) (1 + cos(π t / T)) / 2,  f = final_factor, step t of T
 *
 * (Loshchilov and Hutter, "SGDR", 2017.)
 */
#include "mote/optimizer.h"

typedef struct cosine {
    mote_schedule base;
    double final_factor;
} cosine;

static const mote_field fields[] = {
    MOTE_SCHEDULE_FIELDS,
    {.name = "final_factor",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(cosine, final_factor),
     .range = MOTE_BETWEEN(0, 1),
     .preset = "0",
     .help = "what part of the learning rate is left at the end"},
    MOTE_FIELDS_END,
};

static double factor(const mote_schedule *schedule, mote_progress progress) {
    const double pi = 3.141592653589793;
    double final_factor = ((const cosine *)schedule)->final_factor;
    double total = progress.total_steps ? (double)progress.total_steps : 1;
    double part = fmin((double)progress.step / total, 1); /* past the end it stays down */
    return final_factor + (1 - final_factor) * (1 + cos(pi * part)) / 2;
}

const mote_schedule_class mote_schedule_cosine = {
    .type = "cosine",
    .summary = "half a cosine from the full learning rate down to a part of it",
    .example = "{\"type\": \"cosine\", \"warmup_epochs\": 1}",
    .size = sizeof(cosine),
    .fields = fields,
    .factor = factor,
};
