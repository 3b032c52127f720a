/* warmup.c: the warm-up that all schedules share. */
#include "mote/optimizer.h"

/* How many steps the warm-up takes: at most all of them. */
static uint64_t warmup_steps(const mote_schedule *schedule, mote_progress progress) {
    double exact = schedule->warmup_epochs * (double)progress.steps_per_epoch;
    return exact < (double)progress.total_steps ? (uint64_t)(exact + 0.5) : progress.total_steps;
}

double mote_schedule_factor(const mote_schedule *schedule, mote_progress progress) {
    uint64_t warmup = warmup_steps(schedule, progress);
    if (progress.step < warmup) {
        return (double)(progress.step + 1) / (double)warmup;
    }
    progress.step -= warmup;
    progress.total_steps -= warmup;
    return schedule->kind->factor(schedule, progress);
}

void mote_schedule_observe(const mote_schedule *schedule, mote_progress progress, double loss,
                           double accuracy, double *state) {
    if (schedule->kind->observe && progress.step >= warmup_steps(schedule, progress)) {
        schedule->kind->observe(schedule, loss, accuracy, state);
    }
}
