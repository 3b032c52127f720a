/* progress.c: what a training run shows on stderr. */
#include "cli/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/common.h"
#include "cli/signals.h"
#include "core/clock.h"
#include "model/model.h"
#include "mote/kernels.h"
#include "mote/version.h"
#include "train/trainer.h"
#include "train/update.h"

enum {
    BAR = 20,
    SHORTEST_BAR = 4
};

static const double REDRAW_SECONDS = 0.1;

/* A terminal can redraw a line unless TERM is "dumb". */
static bool can_redraw(void) {
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && !(terminal && strcmp(terminal, "dumb") == 0);
}

cli_progress progress_create(bool quiet) {
    return (cli_progress){.quiet = quiet, .live = !quiet && can_redraw()};
}

/* ---- the plan ---- */

/* Prints the smallest and the largest class weight. */
static void print_class_weights(const mote_dataset *dataset) {
    const mote_real *weights = mote_dataset_class_weights(dataset);
    if (!weights) {
        return;
    }
    size_t least = 0, most = 0;
    for (size_t c = 1; c < mote_dataset_classes(dataset); c++) {
        least = weights[c] < weights[least] ? c : least;
        most = weights[c] > weights[most] ? c : most;
    }
    fprintf(stderr, "weights %.3g for %s to %.3g for %s, in the training loss only\n",
            (double)weights[least], mote_dataset_class_name(dataset, least), (double)weights[most],
            mote_dataset_class_name(dataset, most));
}

static void print_data(const mote_experiment *experiment) {
    static const char *const names[] = {
        [MOTE_TRAINING] = "training", [MOTE_VALIDATION] = "validation", [MOTE_TEST] = "test"};
    char count[GROUPED_CAPACITY], shape[MOTE_SHAPE_TEXT_CAPACITY];
    fprintf(stderr, "data    ");
    for (mote_part_name name = MOTE_TRAINING; name < MOTE_PART_COUNT; name++) {
        mote_part part = mote_dataset_part(experiment->dataset, name);
        if (part.count > 0) {
            fprintf(stderr, "%s%s %s", name ? ", " : "", grouped(part.count, count), names[name]);
        }
    }
    fprintf(stderr, " samples of %s",
            mote_shape_text(mote_dataset_shape(experiment->dataset), shape));
    size_t classes = mote_dataset_classes(experiment->dataset);
    if (classes > 0) {
        fprintf(stderr, ", %zu classes", classes);
    }
    fprintf(stderr, "\n");
    print_class_weights(experiment->dataset);
    fprintf(stderr, "\n");
}

static size_t trained_count(const mote_layer *layer) {
    size_t count = 0;
    for (size_t i = 0; i < layer->parameter_count; i++) {
        count += layer->parameters[i]->buffer ? 0 : layer->parameters[i]->count;
    }
    return count;
}

enum {
    LAYER_COLUMNS = 23,
    OUTPUT_COLUMNS = 16,
    INNER_INDENT = 5
};

/* The columns that layer names take, with each list within a layer indented further. */
static size_t layer_columns(const mote_sequence *sequence, size_t indent) {
    size_t widest = LAYER_COLUMNS;
    for (size_t i = 0; i < sequence->count; i++) {
        const mote_layer *layer = sequence->layers[i];
        size_t columns = indent + columns_of(layer->kind->type) + 1;
        widest = columns > widest ? columns : widest;
        const mote_sequence *inner;
        for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
            columns = layer_columns(inner, indent + INNER_INDENT);
            widest = columns > widest ? columns : widest;
        }
    }
    return widest;
}

/* The key of a list within a layer: "shortcut" of "layers[3].shortcut". */
static const char *key_of(const mote_sequence *sequence) {
    return strrchr(sequence->name, '.') + 1;
}

/* Prints a line per layer. A layer's count excludes the layers within it, so that the lines add
 * up. */
static void print_sequence(const mote_sequence *sequence, size_t indent, size_t columns) {
    char shape[MOTE_SHAPE_TEXT_CAPACITY], count[GROUPED_CAPACITY];
    for (size_t i = 0; i < sequence->count; i++) {
        const mote_layer *layer = sequence->layers[i];
        fprintf(stderr, "%*s%2zu ", (int)indent, "", i);
        print_padded(stderr, layer->kind->type, columns - indent);
        print_padded(stderr, mote_shape_text(layer->output_shape, shape), OUTPUT_COLUMNS);
        fprintf(stderr, "%15s\n", grouped(trained_count(layer), count));
        const mote_sequence *inner;
        for (size_t k = 0; (inner = mote_layer_sequence(layer, k)); k++) {
            fprintf(stderr, "%*s%s\n", (int)indent + INNER_INDENT, "", key_of(inner));
            print_sequence(inner, indent + INNER_INDENT, columns);
        }
    }
}

static void print_layers(const mote_model *model) {
    char count[GROUPED_CAPACITY];
    size_t columns = layer_columns(model->layers, 0);
    fprintf(stderr, "   ");
    print_padded(stderr, "layer", columns);
    print_padded(stderr, "output", OUTPUT_COLUMNS);
    fprintf(stderr, "%15s\n", "parameters");
    print_sequence(model->layers, 0, columns);
    fprintf(stderr, "   ");
    print_padded(stderr, mote_model_output(model)->kind->type, columns + OUTPUT_COLUMNS);
    fprintf(stderr, "%15s\n\n", grouped(mote_model_parameter_count(model), count));
}

static double data_bytes(const mote_dataset *dataset) {
    double bytes = 0;
    const mote_part_name parts[] = {MOTE_TRAINING, MOTE_TEST};
    for (size_t i = 0; i < 2; i++) {
        const mote_samples *samples = mote_dataset_part(dataset, parts[i]).samples;
        double numbers = (double)samples->count * (double)mote_shape_count(samples->shape);
        bytes += numbers * (samples->bytes ? 1.0 : sizeof(mote_real));
    }
    return bytes;
}

/* Gradients that go straight to the optimizer take no memory. */
static double training_bytes(const mote_model *model, const mote_trainer *trainer) {
    size_t gradients = mote_update_waits(trainer) ? trainer->gradients.capacity : 0;
    return (double)(mote_model_memory(model) + trainer->arena.capacity + gradients);
}

/* "train   100 steps of 64 samples with sgd, learning rate 0.05, schedule cosine" */
static void print_training(const mote_trainer *trainer, bool one_batch) {
    char steps[GROUPED_CAPACITY];
    const mote_train_options *options = &trainer->options;
    if (one_batch) {
        fprintf(stderr, "train   one batch of ");
    } else {
        fprintf(stderr, "train   %s step%s of ", grouped(trainer->total_steps, steps),
                trainer->total_steps > 1 ? "s" : "");
    }
    if (options->accumulate > 1) {
        fprintf(stderr, "%zu × ", options->accumulate);
    }
    fprintf(stderr, "%zu sample%s with %s, learning rate %g, ", options->batch_size,
            mote_trainer_step_samples(trainer) > 1 ? "s" : "", options->optimizer->kind->type,
            options->optimizer->learning_rate);
    if (one_batch) {
        fprintf(stderr, "until its loss vanishes\n");
    } else {
        fprintf(stderr, "schedule %s\n", options->schedule->kind->type);
    }
}

void progress_print_plan(const cli_progress *progress, const char *config_path,
                         const mote_experiment *experiment, const mote_trainer *trainer,
                         bool one_batch) {
    if (progress->quiet) {
        return;
    }
    size_t threads = mote_pool_size(trainer->pool);
    fprintf(stderr, "mote %s: %s, seed %zu\n", MOTE_VERSION, config_path, experiment->seed);
    print_data(experiment);
    print_layers(experiment->model);
    fprintf(stderr, "memory  %.1f MB of data, %.1f MB for model and training\n",
            data_bytes(experiment->dataset) / 1e6,
            training_bytes(experiment->model, trainer) / 1e6);
    print_training(trainer, one_batch);
    fprintf(stderr, "on      %zu thread%s, OpenBLAS kernels %s\n", threads, threads > 1 ? "s" : "",
            mote_blas_kernels());
}

/* ---- progress ---- */

static size_t screen_columns(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* "0:07", "1:02:03" */
static void format_time(double seconds, char *text, size_t capacity) {
    long whole = seconds < 1e8 ? lround(seconds) : 99999999;
    if (whole >= 3600) {
        snprintf(text, capacity, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    } else {
        snprintf(text, capacity, "%ld:%02ld", whole / 60, whole % 60);
    }
}

static void format_metrics(const char *name, mote_metrics metrics, char *text, size_t capacity) {
    char loss[LOSS_CAPACITY];
    bool classes = isfinite(metrics.accuracy);
    text[0] = '\0';
    if (metrics.samples > 0) {
        loss_text(metrics.loss, classes, loss);
        int length = snprintf(text, capacity, "  %sloss %s", name, loss);
        if (classes) {
            snprintf(text + length, capacity - (size_t)length, "  accuracy %.2f %%",
                     100 * metrics.accuracy);
        }
    }
}

/* Without the words "loss" and "accuracy". */
static void format_short_metrics(const char *name, mote_metrics metrics, char *text,
                                 size_t capacity) {
    char loss[LOSS_CAPACITY];
    if (metrics.samples > 0 && isfinite(metrics.accuracy)) {
        snprintf(text, capacity, "  %s%s  %.2f %%", name, loss_text(metrics.loss, true, loss),
                 100 * metrics.accuracy);
    } else {
        format_metrics(name, metrics, text, capacity);
    }
}

static void format_speed(double speed, char *text, size_t capacity) {
    if (speed >= 1e4) {
        snprintf(text, capacity, "%.0fk samples/s", speed / 1e3);
    } else {
        snprintf(text, capacity, "%.0f samples/s", speed);
    }
}

void progress_clear(cli_progress *progress) {
    if (progress->line_open) {
        fprintf(stderr, "\r\033[K");
        progress->line_open = false;
    }
}

/* "  [####----]" in at most `columns` columns, or "" if that is too few. */
static void format_bar(size_t done, size_t total, size_t columns, char text[BAR + 5]) {
    size_t length = columns < BAR + 4 ? columns : BAR + 4;
    text[0] = '\0';
    if (length >= SHORTEST_BAR + 4) {
        length -= 4;
        size_t full = (size_t)((double)done * (double)length / (double)total);
        strcpy(text, "  [");
        memset(text + 3, '-', length);
        memset(text + 3, '#', full < length ? full : length);
        strcpy(text + 3 + length, "]");
    }
}

/* "epoch 1/10  [##--]  loss 0.1  accuracy 97.1 %  90k samples/s  0:07 left", on a narrow screen
 * without the bar, then also without the speed. */
static void format_live(const mote_event *event, size_t columns, char *line, size_t capacity) {
    char epoch[64], bar[BAR + 5], metrics[96], speed[32], left[24], rest[160];
    int digits = snprintf(epoch, sizeof epoch, "%zu", event->epochs);
    size_t used = (size_t)snprintf(epoch, sizeof epoch, "epoch %*zu/%zu", digits, event->epoch,
                                   event->epochs);
    format_metrics("", event->train, metrics, sizeof metrics);
    format_speed(event->samples_per_second, speed, sizeof speed);
    double per_step = event->seconds / (double)event->step;
    format_time(per_step * (double)(event->total_steps - event->step), left, sizeof left);
    used += (size_t)snprintf(rest, sizeof rest, "%s  %s  %s left", metrics, speed, left);
    if (used > columns) {
        snprintf(rest, sizeof rest, "%s  %s left", metrics, left);
    }
    format_bar(event->epoch_step, event->epoch_steps, used < columns ? columns - used : 0, bar);
    snprintf(line, capacity, "%s%s%s", epoch, bar, rest);
}

static bool wants_drawing(const cli_progress *progress) {
    return progress->live && mote_clock() - progress->last_drawn >= REDRAW_SECONDS;
}

static void draw_line(cli_progress *progress, const char *line, size_t columns) {
    fprintf(stderr, "\r%.*s\033[K", (int)columns, line);
    progress->last_drawn = mote_clock();
    progress->line_open = true;
}

static void draw_live(cli_progress *progress, const mote_event *event) {
    if (wants_drawing(progress)) {
        char line[320];
        size_t columns = screen_columns() - 1;
        format_live(event, columns, line, sizeof line);
        draw_line(progress, line, columns);
    }
}

/* Leaves out what the terminal has no room for: words, and the speed. */
static void print_epoch(cli_progress *progress, const mote_event *event) {
    char train[96], validation[96], speed[32], number[24], line[320];
    progress_clear(progress);
    int digits = snprintf(number, sizeof number, "%zu", event->epochs);
    format_metrics("", event->train, train, sizeof train);
    format_metrics("validation ", event->validation, validation, sizeof validation);
    format_speed(event->samples_per_second, speed, sizeof speed);
    int length = snprintf(line, sizeof line, "epoch %*zu/%zu%s%s  %s  %.1f s", digits, event->epoch,
                          event->epochs, train, validation, speed, event->seconds);
    if (progress->live && (size_t)length >= screen_columns()) {
        format_short_metrics("validation ", event->validation, validation, sizeof validation);
        snprintf(line, sizeof line, "epoch %*zu/%zu%s%s  %.1f s", digits, event->epoch,
                 event->epochs, train, validation, event->seconds);
    }
    fprintf(stderr, "%s\n", line);
}

/* "decoding images  [####----]  41 %  0:07 left" */
static void draw_load(cli_progress *progress, const mote_load_event *event) {
    if (!wants_drawing(progress) || event->done == 0 || event->total == 0) {
        return;
    }
    char line[160], bar[BAR + 5], left[24], rest[64];
    size_t columns = screen_columns() - 1;
    double part = (double)event->done / (double)event->total;
    double seconds = mote_clock() - progress->load_begun;
    format_time(seconds / part - seconds, left, sizeof left);
    size_t used = (size_t)snprintf(rest, sizeof rest, "  %2.0f %%  %s left", 100 * part, left) +
                  strlen(event->what);
    format_bar(event->done, event->total, used < columns ? columns - used : 0, bar);
    snprintf(line, sizeof line, "%.64s%s%s", event->what, bar, rest);
    draw_line(progress, line, columns);
}

bool progress_listen_load(void *context, const mote_load_event *event) {
    cli_progress *progress = context;
    if (event->notice && !progress->quiet) {
        progress_clear(progress);
        fprintf(stderr, "%s\n", event->notice);
    } else if (!event->notice && event->done == 0) { /* a quick load is not drawn at all */
        progress->load_begun = progress->last_drawn = mote_clock();
    } else if (!event->notice) {
        draw_load(progress, event);
    }
    return !signals_seen();
}

void progress_end_load(cli_progress *progress) {
    progress_clear(progress);
    progress->last_drawn = 0;
}

bool progress_ends_early(const mote_trainer *trainer) {
    return trainer->total_steps < (uint64_t)trainer->options.epochs * trainer->epoch_steps;
}

/* Prints why training ended before its last epoch. */
static void print_ending(const mote_event *event) {
    const mote_train_options *options = &event->trainer->options;
    const mote_early_stopping *early = &options->early_stopping;
    switch (event->ending) {
    case MOTE_ENDING_PATIENCE:
        fprintf(stderr, "stopped early: the validation %s has not improved for %zu epoch%s\n",
                early->metric == MOTE_STOP_BY_ACCURACY ? "accuracy" : "loss", early->patience,
                early->patience > 1 ? "s" : "");
        break;
    case MOTE_ENDING_TARGET:
        fprintf(stderr, "stopped early: the validation accuracy has reached %g %%\n",
                100 * options->target_accuracy);
        break;
    case MOTE_ENDING_TIME:
        fprintf(stderr, "stopped early: the time limit of %g min has been reached\n",
                options->max_minutes);
        break;
    case MOTE_ENDING_STEPS:
        if (progress_ends_early(event->trainer)) {
            fprintf(stderr, "stopped early: max_steps, %zu, has been reached\n",
                    options->max_steps);
        }
        break;
    case MOTE_ENDING_NONE:
        break;
    }
}

void progress_show(cli_progress *progress, const mote_event *event) {
    if (progress->quiet) {
        return;
    }
    switch (event->kind) {
    case MOTE_EVENT_STEP:
        draw_live(progress, event);
        break;
    case MOTE_EVENT_EPOCH:
        print_epoch(progress, event);
        break;
    case MOTE_EVENT_STARTED:
        fprintf(stderr, "\n");
        break;
    case MOTE_EVENT_NOTICE:
        progress_clear(progress);
        fprintf(stderr, "note: %s\n", event->notice);
        break;
    case MOTE_EVENT_DIVERGED:
        progress_clear(progress);
        break;
    case MOTE_EVENT_STOPPED:
        progress_clear(progress);
        print_ending(event);
        break;
    case MOTE_EVENT_IMPROVED:
        break;
    }
}
