/* average.c: the moving average of the weights. */
#include "train/average.h"

#include <string.h>

#include "math/vector.h"

void mote_average_carve(const mote_trainer *trainer, mote_arena *arena) {
    bool wanted = trainer->options.weight_average > 0;
    for (size_t i = 0; wanted && i < trainer->model->parameter_count; i++) {
        mote_parameter *parameter = trainer->model->parameters[i].parameter;
        parameter->average = mote_arena_take(arena, parameter->count, sizeof(mote_real));
    }
}

static void begin(const mote_trainer *trainer) {
    for (size_t i = 0; i < trainer->model->parameter_count; i++) {
        const mote_parameter *parameter = trainer->model->parameters[i].parameter;
        if (parameter->average) {
            memcpy(parameter->average, parameter->value,
                   parameter->count * sizeof *parameter->value);
        }
    }
}

void mote_average_begin_step(mote_trainer *trainer) {
    double n = (double)trainer->position.step;
    trainer->average_rate = 1 - fmin(trainer->options.weight_average, (1 + n) / (10 + n));
    if (trainer->position.step == 0) {
        begin(trainer);
    }
}

MOTE_MULTIVERSION
static void move(size_t count, mote_real rate, const mote_real *restrict value,
                 mote_real *restrict average) {
    for (size_t i = 0; i < count; i++) {
        average[i] += rate * (value[i] - average[i]);
    }
}

void mote_average_slice(const mote_trainer *trainer, const mote_parameter *parameter, size_t begin,
                        size_t count) {
    if (parameter->average) {
        move(count, (mote_real)trainer->average_rate, parameter->value + begin,
             parameter->average + begin);
    }
}

void mote_average_buffers(const mote_trainer *trainer) {
    for (size_t i = 0; i < trainer->model->parameter_count; i++) {
        const mote_parameter *parameter = trainer->model->parameters[i].parameter;
        if (parameter->buffer) {
            mote_average_slice(trainer, parameter, 0, parameter->count);
        }
    }
}

MOTE_MULTIVERSION
static void swap(size_t count, mote_real *restrict a, mote_real *restrict b) {
    for (size_t i = 0; i < count; i++) {
        mote_real number = a[i];
        a[i] = b[i];
        b[i] = number;
    }
}

void mote_average_show(mote_trainer *trainer, bool shown) {
    if (trainer->options.weight_average <= 0 || trainer->shows_average == shown) {
        return;
    }
    trainer->shows_average = shown;
    for (size_t i = 0; i < trainer->model->parameter_count; i++) {
        const mote_parameter *parameter = trainer->model->parameters[i].parameter;
        swap(parameter->count, parameter->value, parameter->average);
    }
}

mote_real *mote_average_weights(const mote_trainer *trainer, const mote_parameter *parameter) {
    return trainer->shows_average ? parameter->average : parameter->value;
}

mote_real *mote_average_averages(const mote_trainer *trainer, const mote_parameter *parameter) {
    return trainer->shows_average ? parameter->value : parameter->average;
}
