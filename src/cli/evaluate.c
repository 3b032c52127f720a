/* evaluate.c: ./evaluate MODEL reports how good a model is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/common.h"
#include "cli/progress.h"
#include "cli/runs.h"
#include "cli/signals.h"
#include "config/json_write.h"
#include "core/file.h"
#include "train/experiment.h"
#include "train/matching.h"
#include "train/report.h"
#include "train/run.h"

enum {
    LARGEST_MATRIX = 20,
    SHORT_NAME = 6,
    CLASS_COLUMNS = 20,
    MAX_CLASS_COLUMNS = 60
};

typedef struct settings {
    const char *model, *config, *part, *runs;
    size_t threads;
    bool json, follow;
} settings;

static const struct {
    const char *name;
    mote_part_name part;
} parts[] = {{"training", MOTE_TRAINING}, {"validation", MOTE_VALIDATION}, {"test", MOTE_TEST}};

static bool names_runs(int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--runs") == 0 || strncmp(argv[i], "--runs=", 7) == 0) {
            return true;
        }
    }
    return false;
}

/* Rejects options that --runs does not use: they are more likely a mistake than intended. */
static int check_settings(const settings *s) {
    const char *unused = s->config    ? "--data"
                         : s->part    ? "--part"
                         : s->threads ? "--threads"
                                      : NULL;
    if (s->follow && !s->runs) {
        fprintf(stderr, "evaluate: --follow needs --runs DIR\n");
        return EXIT_USAGE;
    }
    if (s->runs && unused) {
        fprintf(stderr, "evaluate: --runs does not evaluate a model; leave out %s\n", unused);
        return EXIT_USAGE;
    }
    return -1;
}

/* Rejects a directory, such as that of a run, where a model is expected. */
static int check_model(const char *path) {
    struct stat found;
    if (stat(path, &found) != 0 || !S_ISDIR(found.st_mode)) {
        return -1;
    }
    fprintf(stderr,
            "evaluate: %s: a directory; name a model, such as %s/" MOTE_MODEL_FILE ", or list the "
            "runs there with --runs %s\n",
            path, path, path);
    return EXIT_FAILED;
}

static int read_settings(settings *s, int argc, char **argv, text_list *operands) {
    const cli_argument arguments[] = {
        {"data", ARGUMENT_TEXT, &s->config, "CONFIG",
         "the config whose data set to use; by default config.json beside the model"},
        {"part", ARGUMENT_TEXT, &s->part, "PART", "training, validation or test (the default)"},
        {"threads", ARGUMENT_NUMBER, &s->threads, "N", "number of threads; 0: one per core"},
        PLUGIN_ARGUMENT(NULL),
        {"json", ARGUMENT_FLAG, &s->json, NULL, "print JSON"},
        {"runs", ARGUMENT_TEXT, &s->runs, "DIR",
         "instead of MODEL: list the runs below DIR, such as runs or runs/mnist, best first"},
        {"follow", ARGUMENT_FLAG, &s->follow, NULL,
         "with --runs: show the metrics of the run in progress as they arrive"},
        {0},
    };
    size_t expected = names_runs(argc, argv) ? 0 : 1;
    const cli_command evaluate = {
        .name = "evaluate",
        .operands = "MODEL",
        .summary = "Reports the loss, accuracy and per-class figures of a trained model.",
        .arguments = arguments,
        .minimum_operands = expected,
        .maximum_operands = expected};
    int code = command_read(&evaluate, argc, argv, operands);
    s->model = operands->count > 0 ? operands->texts[0] : NULL;
    code = code < 0 ? check_settings(s) : code;
    code = code < 0 && s->model ? check_model(s->model) : code;
    s->part = s->part ? s->part : "test";
    return code;
}

/* ---- printing ---- */

static void print_figure(double value) {
    if (isfinite(value)) {
        printf("  %8.2f %%", 100 * value);
    } else {
        printf("  %10s", "-");
    }
}

static size_t longest_name(const mote_model *model) {
    size_t longest = 0;
    for (size_t i = 0; i < mote_model_classes(model); i++) {
        size_t columns = columns_of(mote_model_class_name(model, i));
        longest = columns > longest ? columns : longest;
    }
    return longest;
}

static size_t between(size_t number, size_t least, size_t most) {
    return number < least ? least : number > most ? most : number;
}

static void print_classes(const mote_report *report, const mote_model *model) {
    size_t classes = mote_model_classes(model);
    size_t columns = between(longest_name(model), CLASS_COLUMNS, MAX_CLASS_COLUMNS);
    printf("\n");
    print_padded(stdout, "class", columns);
    printf("  %8s  %10s  %10s  %10s\n", "samples", "precision", "recall", "F1");
    for (size_t i = 0; i < classes; i++) {
        mote_class_figures figures = mote_report_class(report, classes, i);
        print_padded(stdout, mote_model_class_name(model, i), columns);
        printf("  %8llu", (unsigned long long)figures.samples);
        print_figure(figures.precision);
        print_figure(figures.recall);
        print_figure(figures.f1);
        printf("\n");
    }
}

/* Right-aligned. */
static void print_short_name(const char *name) {
    printf(" %*s%s", (int)(SHORT_NAME - columns_of(name)), "", name);
}

/* If a name is too long for a column heading, rows are numbered and the numbers head the
 * columns. */
static void print_confusion(const mote_report *report, const mote_model *model) {
    size_t classes = mote_model_classes(model), longest = longest_name(model);
    bool numbered = longest > SHORT_NAME;
    if (classes > LARGEST_MATRIX) {
        return;
    }
    size_t columns = between(longest, numbered ? 0 : 10, CLASS_COLUMNS);
    printf("\nconfusion matrix: rows are true classes, columns are predicted classes\n%*s",
           (int)columns + (numbered ? 3 : 0), "");
    for (size_t i = 0; i < classes; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        print_short_name(numbered ? number : mote_model_class_name(model, i));
    }
    printf("\n");
    for (size_t i = 0; i < classes; i++) {
        if (numbered) {
            printf("%2zu ", i);
        }
        print_padded(stdout, mote_model_class_name(model, i), columns);
        for (size_t k = 0; k < classes; k++) {
            printf(" %6llu", (unsigned long long)report->confusion[i * classes + k]);
        }
        printf("\n");
    }
}

static void print_report(const mote_report *report, const mote_model *model, const char *part) {
    char loss[LOSS_CAPACITY];
    bool classes = mote_model_classes(model) > 0;
    loss_text(report->metrics.loss, classes, loss);
    if (!classes) {
        printf("%s loss %s over %zu samples\n", part, loss, report->metrics.samples);
        return;
    }
    printf("%s loss %s, %s accuracy %.2f %% over %zu samples\n", part, loss, part,
           100 * report->metrics.accuracy, report->metrics.samples);
    print_classes(report, model);
    print_confusion(report, model);
}

static mote_status print_json(const mote_report *report, const mote_model *model, const char *part,
                              mote_error *error) {
    char loss_name[64], accuracy_name[64];
    snprintf(loss_name, sizeof loss_name, "%.32s_loss", part);
    snprintf(accuracy_name, sizeof accuracy_name, "%.32s_accuracy", part);
    cJSON *object = mote_report_to_json(report, model, loss_name, accuracy_name);
    char *text = mote_json_print(&(mote_json_writer){0}, object, MOTE_JSON_INDENTED);
    if (!text) {
        return mote_fail(error, MOTE_MEMORY, "out of memory");
    }
    printf("%s\n", text);
    free(text);
    return MOTE_OK;
}

/* ---- evaluating ---- */

static mote_status find_part(const char *name, mote_part_name *part, mote_error *error) {
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(name, parts[i].name) == 0) {
            *part = parts[i].part;
            return MOTE_OK;
        }
    }
    return mote_fail(error, MOTE_INVALID,
                     "--part: expected training, validation or test, not \"%s\"", name);
}

/* Without --data, takes config.json in the model's directory, where a run leaves it. */
static mote_status open_data(mote_experiment *experiment, const settings *s,
                             const mote_loading *loading, mote_error *error) {
    if (s->config) {
        return mote_experiment_open_data(experiment, s->config, loading, error);
    }
    char *directory = mote_path_directory(s->model);
    char *path = directory ? mote_path_join(directory, MOTE_CONFIG_FILE) : NULL;
    mote_status status;
    if (path && access(path, F_OK) == 0) {
        status = mote_experiment_open_data(experiment, path, loading, error);
    } else {
        status = mote_fail(error, MOTE_INVALID,
                           "there is no config.json beside %s to say which data to use; name a "
                           "config with --data CONFIG",
                           s->model);
    }
    free(directory);
    free(path);
    return status;
}

static mote_status evaluate_part(mote_model *model, const mote_part *part, const settings *s,
                                 mote_error *error) {
    size_t classes = mote_model_classes(model);
    mote_report report = {.confusion = calloc(classes ? classes * classes : 1, sizeof(uint64_t))};
    mote_status status = report.confusion
                             ? mote_evaluate(model, part, &report.metrics, report.confusion, error)
                             : mote_fail(error, MOTE_MEMORY,
                                         "out of memory for the figures of %zu classes", classes);
    if (status == MOTE_OK && s->json) {
        status = print_json(&report, model, s->part, error);
    } else if (status == MOTE_OK) {
        print_report(&report, model, s->part);
    }
    free(report.confusion);
    return status;
}

/* Loads only what the part needs. */
static mote_status load_data(const settings *s, mote_part_name name, mote_pool *pool,
                             mote_experiment *experiment, mote_error *error) {
    cli_progress progress = progress_create(false);
    mote_loading loading = {.test_only = name == MOTE_TEST,
                            .pool = pool,
                            .listener = progress_listen_load,
                            .listener_context = &progress};
    signals_catch(NULL);
    mote_status status = open_data(experiment, s, &loading, error);
    if (status == MOTE_OK) {
        status = mote_dataset_load(experiment->dataset, &loading, error);
    }
    progress_end_load(&progress);
    signals_release();
    return status == MOTE_OK && signals_seen() ? mote_load_stopped(error) : status;
}

static mote_status evaluate(const settings *s, mote_model *model, mote_pool *pool,
                            mote_experiment *experiment, mote_error *error) {
    mote_part_name name = MOTE_TEST;
    mote_status status = find_part(s->part, &name, error);
    if (status == MOTE_OK) {
        status = load_data(s, name, pool, experiment, error);
    }
    if (status != MOTE_OK) {
        return status;
    }
    mote_matched_part matched = {0};
    status = mote_input_match(model, experiment->dataset, error);
    if (status == MOTE_OK) {
        status = mote_part_match(&matched, model, experiment->dataset, name, error);
    }
    if (status == MOTE_OK && matched.part.count == 0) {
        status =
            mote_fail(error, MOTE_DATA, "the data set has no %s part; try another --part", s->part);
    }
    if (status == MOTE_OK) {
        status = evaluate_part(model, &matched.part, s, error);
    }
    mote_matched_part_free(&matched);
    return status;
}

static int run(const settings *s) {
    if (s->runs) {
        return s->follow ? runs_follow(s->runs, s->json) : runs_print(s->runs, s->json);
    }
    mote_error error = {0};
    mote_experiment experiment = {0};
    mote_model *model = mote_model_load(s->model, &error);
    mote_pool *pool = model ? mote_pool_create(s->threads, &error) : NULL;
    if (pool) {
        mote_model_set_pool(model, pool);
        evaluate(s, model, pool, &experiment, &error);
    }
    mote_experiment_close(&experiment);
    mote_model_destroy(model);
    mote_pool_destroy(pool);
    return error.status == MOTE_OK ? EXIT_DONE : report_error("evaluate", &error);
}

int main(int argc, char **argv) {
    ensure_fast_kernels(argv);
    settings s = {0};
    text_list operands = {.texts = calloc((size_t)argc, sizeof *operands.texts)};
    if (!operands.texts) {
        fprintf(stderr, "evaluate: out of memory\n");
        return EXIT_FAILED;
    }
    int code = read_settings(&s, argc, argv, &operands);
    code = code < 0 ? run(&s) : code;
    free(operands.texts);
    return finish_output("evaluate", code);
}
