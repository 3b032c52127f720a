/* constant.c: the learning rate stays as it is. */
#include "mote/optimizer.h"

typedef struct constant {
    mote_schedule base;
} constant;

static const mote_field fields[] = {MOTE_SCHEDULE_FIELDS, MOTE_FIELDS_END};

static double factor(const mote_schedule *schedule, mote_progress progress) {
    (void)schedule;
    (void)progress;
    return 1;
}

const mote_schedule_class mote_schedule_constant = {
    .type = "constant",
    .summary = "the learning rate stays the same",
    .size = sizeof(constant),
    .fields = fields,
    .factor = factor,
};
