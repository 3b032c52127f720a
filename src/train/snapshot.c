/* snapshot.c: a copy of everything that training changes. */
#include "train/snapshot.h"

#include <string.h>

#include "core/clock.h"
#include "math/vector.h"
#include "train/step.h"

/* The least age at which a snapshot is replaced, in seconds and as a multiple of its cost. */
static const double LEAST_AGE = 2, AGE_PER_COST = 500;

/* Called for each tensor that training changes. */
typedef void (*tensor_visitor)(void *context, mote_real *numbers, size_t count);

static void visit_tensors(const mote_trainer *trainer, tensor_visitor visit, void *context) {
    const mote_model *model = trainer->model;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        visit(context, parameter->value, parameter->count);
        for (size_t k = 0; k < MOTE_MAX_STATES && parameter->states[k]; k++) {
            visit(context, parameter->states[k], parameter->count);
        }
        if (parameter->average) {
            visit(context, parameter->average, parameter->count);
        }
    }
}

void mote_snapshot_carve(mote_trainer *trainer, mote_arena *arena) {
    const mote_model *model = trainer->model;
    const mote_optimizer *optimizer = trainer->options.optimizer;
    size_t states = optimizer->kind->state_count(optimizer);
    bool averages = trainer->options.weight_average > 0;
    size_t count = 0;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        count += parameter->count * (1 + (parameter->buffer ? 0 : states) + averages);
    }
    trainer->snapshot.numbers = mote_arena_take(arena, count, sizeof(mote_real));
}

/* ---- finite or not ---- */

/* x − x is 0 if x is finite, NaN otherwise. */
MOTE_MULTIVERSION
static size_t count_not_finite(size_t count, const mote_real *numbers) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += numbers[i] - numbers[i] != 0;
    }
    return found;
}

bool mote_all_finite(size_t count, const mote_real *numbers) {
    return count_not_finite(count, numbers) == 0;
}

bool mote_weights_finite(const mote_trainer *trainer) {
    const mote_model *model = trainer->model;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const mote_parameter *parameter = model->parameters[i].parameter;
        if (!mote_all_finite(parameter->count, parameter->value)) {
            return false;
        }
        for (size_t k = 0; k < MOTE_MAX_STATES && parameter->states[k]; k++) {
            if (!mote_all_finite(parameter->count, parameter->states[k])) {
                return false;
            }
        }
    }
    return true;
}

/* ---- saving and restoring ---- */

static void keep(void *context, mote_real *numbers, size_t count) {
    mote_real **place = context;
    memcpy(*place, numbers, count * sizeof *numbers);
    *place += count;
}

static void put_back(void *context, mote_real *numbers, size_t count) {
    mote_real **place = context;
    memcpy(numbers, *place, count * sizeof *numbers);
    *place += count;
}

void mote_snapshot_take(mote_trainer *trainer) {
    double begin = mote_clock();
    mote_real *place = trainer->snapshot.numbers;
    visit_tensors(trainer, keep, &place);
    trainer->snapshot.position = trainer->position;
    trainer->snapshot.time = mote_clock();
    trainer->snapshot.cost = trainer->snapshot.time - begin;
}

bool mote_snapshot_refresh(mote_trainer *trainer, double time) {
    double age = time - trainer->snapshot.time;
    if (age < LEAST_AGE || age < AGE_PER_COST * trainer->snapshot.cost) {
        return true;
    }
    bool good = mote_weights_finite(trainer);
    if (good) {
        mote_snapshot_take(trainer);
    }
    return good;
}

void mote_snapshot_restore(mote_trainer *trainer) {
    mote_real *place = trainer->snapshot.numbers;
    visit_tensors(trainer, put_back, &place);
    trainer->position = trainer->snapshot.position;
}

void mote_snapshot_replay(mote_trainer *trainer, uint64_t steps) {
    mote_snapshot_restore(trainer);
    mote_status status = MOTE_OK;
    while (status == MOTE_OK && trainer->position.step < steps) {
        status = mote_trainer_step(trainer, NULL);
    }
}
