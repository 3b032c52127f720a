/* warmup.c: the part that all schedules share. */
#include "mote/optimizer.h"

double mote_schedule_factor(const mote_schedule *schedule, mote_progress progress) {
    double exact = schedule->warmup_epochs * (double)progress.steps_per_epoch;
    uint64_t warmup =
        exact < (double)progress.total_steps ? (uint64_t)(exact + 0.5) : progress.total_steps;
    if (progress.step < warmup) {
        return (double)(progress.step + 1) / (double)warmup;
    }
    progress.step -= warmup;
    progress.total_steps -= warmup;
    return schedule->kind->factor(schedule, progress);
}
