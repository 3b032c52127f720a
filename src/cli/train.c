/* train.c: ./train CONFIG trains a model. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/common.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/topics.h"
#include "formats/model_file.h"
#include "train/experiment.h"
#include "train/overfit.h"
#include "train/preview.h"
#include "train/run.h"
#include "train/stopping.h"
#include "train/trainer.h"

/* ---- the command line ---- */

typedef struct settings {
    const char *program; /* as it was called */
    const char *config, *run_directory, *init_from, *preview;
    const char *threads, *seed; /* become overrides like those of --set */
    text_list overrides, plugins;
    bool resume, force, dry_run, quiet, overfit;
} settings;

/* Before data is loaded for it. Returns a negative number to go on. */
static int check_preview(const char *path) {
    size_t length = strlen(path);
    if (length < 5 || strcasecmp(path + length - 4, ".png") != 0) {
        fprintf(stderr, "train: --preview draws a PNG file: \"%s\" does not end in .png\n", path);
        return EXIT_USAGE;
    }
    if (access(path, F_OK) == 0) {
        fprintf(stderr, "train: %s: exists already; remove it, or name another file\n", path);
        return EXIT_FAILED;
    }
    return -1;
}

static int read_settings(settings *s, int argc, char **argv, text_list *operands) {
    const cli_argument arguments[] = {
        {"set", ARGUMENT_LIST, &s->overrides, "KEY=VALUE",
         "change a value of the config: --set train.epochs=3"},
        {"threads", ARGUMENT_TEXT, &s->threads, "N", "short for --set train.threads=N"},
        {"seed", ARGUMENT_TEXT, &s->seed, "N", "short for --set seed=N"},
        {"resume", ARGUMENT_FLAG, &s->resume, NULL,
         "go on with the newest run of this config, or that in --run-dir"},
        {"force", ARGUMENT_FLAG, &s->force, NULL,
         "with --resume: also where the config has changed since, if weights and optimizer still "
         "fit"},
        {"run-dir", ARGUMENT_TEXT, &s->run_directory, "DIR",
         "where to write; new or empty; by default runs/<name>/<number>"},
        {"init-from", ARGUMENT_TEXT, &s->init_from, "FILE",
         "start from the parameters in a safetensors file"},
        PLUGIN_ARGUMENT(&s->plugins),
        {"dry-run", ARGUMENT_FLAG, &s->dry_run, NULL,
         "stop after checking everything and printing what would be done"},
        {"preview", ARGUMENT_TEXT, &s->preview, "FILE.png",
         "draw the first batch with its labels, as training will see it, and stop"},
        {"overfit-batch", ARGUMENT_FLAG, &s->overfit, NULL,
         "train on one batch until its loss vanishes: a check of the network; writes no run"},
        {"quiet", ARGUMENT_FLAG, &s->quiet, NULL, "print nothing but the result"},
        {0},
    };
    const cli_command train = {.name = "train",
                               .operands = "CONFIG",
                               .summary = "Trains a model as the JSON file CONFIG says.",
                               .arguments = arguments,
                               .minimum_operands = 1,
                               .maximum_operands = 1,
                               .topics = help_topics,
                               .print_topic = help_print};
    int code = command_read(&train, argc, argv, operands);
    s->config = operands->count > 0 ? operands->texts[0] : NULL;
    if (code < 0 && s->resume && s->init_from) {
        fprintf(stderr,
                "train: --resume goes on with the run's own parameters; leave out --init-from\n");
        return EXIT_USAGE;
    }
    if (code < 0 && s->force && !s->resume) {
        fprintf(stderr,
                "train: --force is only of use with --resume; nothing else is in its way\n");
        return EXIT_USAGE;
    }
    if (code < 0 && s->resume && s->preview) {
        fprintf(stderr, "train: --preview shows how training begins; leave out --resume\n");
        return EXIT_USAGE;
    }
    if (code < 0 && s->overfit && (s->resume || s->preview || s->dry_run || s->run_directory)) {
        fprintf(stderr, "train: --overfit-batch trains anew and writes no run; leave out %s\n",
                s->resume    ? "--resume"
                : s->preview ? "--preview"
                : s->dry_run ? "--dry-run"
                             : "--run-dir");
        return EXIT_USAGE;
    }
    return code < 0 && s->preview ? check_preview(s->preview) : code;
}

/* Turns --threads and --seed into overrides, whose texts go to `texts`. */
static void add_shorthands(settings *s, char texts[2][64]) {
    const struct {
        const char *value, *key;
    } shorthands[] = {{s->threads, "train.threads"}, {s->seed, "seed"}};
    for (size_t i = 0; i < 2; i++) {
        if (shorthands[i].value) {
            snprintf(texts[i], 64, "%s=%.40s", shorthands[i].key, shorthands[i].value);
            s->overrides.texts[s->overrides.count++] = texts[i];
        }
    }
}

/* ---- training ---- */

typedef struct session {
    settings settings;
    mote_experiment experiment;
    mote_trainer *trainer;
    mote_run run;
    size_t threads; /* that trained, and are to evaluate */
    cli_progress progress;
    double seconds; /* as the last event said */
    uint64_t steps;
    mote_ending ending;
    bool diverged; /* and it is known where: */
    bool bad_data; /* in the samples themselves */
} session;

static bool on_event(void *context, const mote_event *event) {
    session *s = context;
    s->seconds = event->seconds;
    s->steps = event->step;
    s->ending = event->ending;
    if (event->kind == MOTE_EVENT_DIVERGED) {
        s->diverged = true;
        s->bad_data = !*event->divergence->layer;
    }
    progress_show(&s->progress, event);
    mote_run_record(&s->run, s->experiment.model, event);
    return !signals_seen();
}

/* Of what could not be written, or read: said with --quiet too. */
static void on_run(void *context, const char *text) {
    session *s = context;
    progress_clear(&s->progress);
    fprintf(stderr, "train: %s\n", text);
}

/* On as many threads as the config names, or on all. */
static mote_status load_data(session *s, mote_loading *loading, mote_error *error) {
    mote_pool *pool = mote_pool_create(s->experiment.options.threads, error);
    if (!pool) {
        return error->status;
    }
    loading->pool = pool;
    mote_status status = mote_experiment_load(&s->experiment, loading, error);
    mote_pool_destroy(pool);
    return status == MOTE_OK && signals_seen() ? mote_load_stopped(error) : status;
}

static mote_status prepare(session *s, mote_error *error) {
    mote_experiment *e = &s->experiment;
    mote_loading loading = {.listener = progress_listen_load, .listener_context = &s->progress};
    signals_catch(s->settings.quiet ? NULL : "\nstopping; once more ends at once\n");
    signals_outlive_output();
    mote_status status = mote_experiment_open(e, s->settings.config, s->settings.overrides.texts,
                                              s->settings.overrides.count, &loading, error);
    if (status == MOTE_OK) {
        status = load_data(s, &loading, error);
    }
    progress_end_load(&s->progress);
    if (status == MOTE_OK) {
        status = mote_model_initialize(e->model, e->seed, error);
    }
    if (status == MOTE_OK && s->settings.init_from) {
        status = mote_model_read_parameters(e->model, s->settings.init_from, error);
    }
    return status;
}

/* The config with its defaults is written while the options are still the experiment's. */
static mote_status create_trainer(session *s, char **config_text, mote_error *error) {
    mote_experiment *e = &s->experiment;
    *config_text = mote_experiment_text(e);
    if (!*config_text) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", s->settings.config);
    }
    s->trainer = mote_trainer_create_with(e->model, e->dataset, &e->options, e->seed, error);
    return s->trainer ? MOTE_OK : error->status;
}

static mote_status open_run(session *s, const char *config_text, mote_error *error) {
    const char *directory = s->settings.run_directory, *name = s->experiment.name;
    mote_status status = s->settings.resume ? mote_run_find(&s->run, directory, name, error)
                                            : mote_run_create(&s->run, directory, name, error);
    if (status != MOTE_OK) {
        return status;
    }
    mote_run_set_listener(&s->run, on_run, s);
    if (s->settings.resume) {
        status = mote_run_restore(&s->run, s->trainer, s->settings.force, error);
        if (status != MOTE_OK || s->settings.dry_run) {
            return status;
        }
        status = mote_run_rewind(&s->run, s->trainer, error);
    }
    /* The config does not know of that file, and the checkpoint not of these settings. */
    if (status == MOTE_OK && (s->settings.init_from || s->settings.force)) {
        status = mote_run_write_checkpoint(&s->run, s->trainer, error);
    }
    if (status == MOTE_OK) {
        status = mote_run_write_config(&s->run, config_text, error);
    }
    if (status != MOTE_OK && !s->settings.resume) {
        (void)rmdir(s->run.directory); /* it is empty: nothing is left of a run that never was */
    }
    return status;
}

/* Which key of "train" leaves nothing to be trained of a run that is gone on with; NULL: none does.
 * What a limit ended in the middle of an epoch is only validated again. */
static const char *limit_of(const mote_trainer *trainer) {
    const mote_position *p = &trainer->position;
    if (p->step >= trainer->total_steps) {
        return progress_ends_early(trainer) ? "max_steps" : "epochs";
    }
    if (!p->finished) {
        return p->epoch_step > 0 && mote_stopping_now(trainer) ? "max_minutes" : NULL;
    }
    return p->ending == MOTE_ENDING_PATIENCE ? "early_stopping.patience"
                                             : mote_ending_name((mote_ending)p->ending);
}

static void print_plan(const session *s) {
    progress_print_plan(&s->progress, s->settings.config, &s->experiment, s->trainer, false);
    if (!s->settings.quiet && (s->settings.resume || !s->settings.dry_run)) {
        fprintf(stderr, "%-8s%s", s->settings.resume ? "resumes" : "writes", s->run.directory);
        if (s->settings.resume && s->run.checkpoints.any) {
            fprintf(stderr, " after step %llu", (unsigned long long)s->trainer->position.step);
        } else if (s->settings.resume) {
            fprintf(stderr, " from the beginning: there is no checkpoint in it yet");
        }
        fprintf(stderr, "\n");
        if (s->settings.resume && limit_of(s->trainer)) {
            fprintf(stderr, "ended   nothing is left to train; to go on, raise train.%s\n",
                    limit_of(s->trainer));
        }
    }
}

static void print_each(const char *option, const text_list *values) {
    for (size_t i = 0; i < values->count; i++) {
        fputs(option, stderr);
        print_quoted(stderr, values->texts[i]);
    }
}

/* The command that goes on with the run, to be copied, without the end of its line. */
static void print_how_to_resume(const session *s) {
    print_quoted(stderr, s->settings.program);
    fputc(' ', stderr);
    print_quoted(stderr, s->settings.config);
    fprintf(stderr, " --resume --run-dir ");
    print_quoted(stderr, s->run.directory);
    print_each(" --plugin ", &s->settings.plugins);
    print_each(" --set ", &s->settings.overrides);
}

static const char RATE_OVERRIDE[] = "train.optimizer.learning_rate=";

/* The same with a lower learning rate in place of one that was set before. A config that says
 * nothing of the optimizer cannot be told of its rate alone. */
static void print_how_to_learn_less(session *s, double rate) {
    text_list *overrides = &s->settings.overrides;
    size_t kept = 0;
    for (size_t i = 0; i < overrides->count; i++) {
        if (strncmp(overrides->texts[i], RATE_OVERRIDE, sizeof RATE_OVERRIDE - 1) != 0) {
            overrides->texts[kept++] = overrides->texts[i];
        }
    }
    overrides->count = kept;
    print_how_to_resume(s);
    if (s->run.checkpoints.any) {
        fprintf(stderr, " --force");
    }
    if (!mote_json_member(s->experiment.train_json, "optimizer").node) {
        fprintf(stderr, " --set train.optimizer.type=%s",
                s->trainer->options.optimizer->kind->type);
    }
    fprintf(stderr, " --set %s%g", RATE_OVERRIDE, rate);
}

/* Where what training came to cannot be written: the last checkpoint is not lost, if there is one.
 */
static int report_unwritten(const session *s, const mote_error *error) {
    int code = report_error("train", error);
    if (s->run.checkpoints.any) {
        fprintf(stderr, "the checkpoint of step %llu stays; go on from it with: ",
                (unsigned long long)s->run.checkpoints.step);
        print_how_to_resume(s);
        fputc('\n', stderr);
    } else {
        fprintf(stderr, "there is no checkpoint to go on from; make room, or name another "
                        "directory with --run-dir, and train again\n");
    }
    return code;
}

/* After Ctrl-C: saves where the run is and says how to go on. */
static int save_interrupted(session *s) {
    mote_error error = {0};
    if (mote_run_write_checkpoint(&s->run, s->trainer, &error) != MOTE_OK) {
        return report_unwritten(s, &error);
    }
    if (!s->settings.quiet) {
        fprintf(stderr, "stopped after step %llu; all is saved in %s\ngo on with: ",
                (unsigned long long)s->steps, s->run.directory);
        print_how_to_resume(s);
        fputc('\n', stderr);
    }
    return signals_exit_code();
}

/* ---- the end ---- */

static mote_status measure_test(session *s, mote_report *report, mote_error *error) {
    mote_model *model = s->experiment.model;
    mote_part part = mote_dataset_part(s->experiment.dataset, MOTE_TEST);
    size_t classes = mote_model_classes(model);
    report->confusion = calloc(classes ? classes * classes : 1, sizeof *report->confusion);
    if (!report->confusion) {
        return mote_fail(error, MOTE_MEMORY, "out of memory for the figures of %zu classes",
                         classes);
    }
    mote_pool *pool = mote_pool_create(s->threads, error);
    if (!pool) {
        return error->status;
    }
    mote_model_set_pool(model, pool);
    mote_status status = mote_evaluate(model, &part, &report->metrics, report->confusion, error);
    mote_model_set_pool(model, NULL);
    mote_pool_destroy(pool);
    if (status == MOTE_OK && !isfinite(report->metrics.loss)) {
        return mote_fail(error, MOTE_DIVERGED,
                         "the model is of no use: its loss on the test part is not finite; try a "
                         "lower learning rate, a warm-up, or another normalization of the data");
    }
    return status;
}

static void print_result(const session *s, const mote_report *report) {
    if (!report) {
        printf("trained for %.1f s; the data set has no test part\n", s->seconds);
    } else if (isfinite(report->metrics.accuracy)) {
        printf("test loss %.4f, test accuracy %.2f %%\n", report->metrics.loss,
               100 * report->metrics.accuracy);
    } else {
        printf("test loss %.6g\n", report->metrics.loss);
    }
    if (!s->settings.quiet) {
        printf("%s/model.safetensors holds the %s model\n", s->run.directory,
               mote_dataset_part(s->experiment.dataset, MOTE_VALIDATION).count ? "best" : "last");
        printf("%s holds config.json, metrics.jsonl%s\n", s->run.directory,
               s->run.checkpoints.newest ? ", result.json and checkpoint.safetensors"
                                         : " and result.json, but no checkpoint.safetensors");
    }
}

/* Writes the model, tests it and writes the result. The trainer, with all its memory, is done. */
static mote_status finish(session *s, mote_error *error) {
    mote_status status = mote_run_write_model(&s->run, s->experiment.model, error);
    if (status != MOTE_OK) {
        return status;
    }
    s->threads = mote_pool_size(s->trainer->pool);
    mote_trainer_destroy(s->trainer);
    s->trainer = NULL;
    mote_report report = {0};
    bool tested = mote_dataset_part(s->experiment.dataset, MOTE_TEST).count > 0;
    status = tested ? measure_test(s, &report, error) : MOTE_OK;
    mote_result result = {.report = tested ? &report : NULL,
                          .seconds = s->seconds,
                          .seed = s->experiment.seed,
                          .steps = s->steps,
                          .ending = s->ending};
    if (status == MOTE_OK) {
        status = mote_run_write_result(&s->run, s->experiment.model, &result, error);
    }
    if (status == MOTE_OK) {
        print_result(s, result.report);
    }
    free(report.confusion);
    return status;
}

enum {
    LESS_LEARNING = 10
};

/* How to go on from the last good checkpoint. Where it was in the data, that takes other data; else
 * a lower learning rate may do. */
static void print_way_out(session *s) {
    double rate = s->trainer->options.optimizer->learning_rate / LESS_LEARNING;
    if (s->run.checkpoints.any) {
        fprintf(stderr, "the checkpoint of step %llu stays; to go on from it%s: ",
                (unsigned long long)s->run.checkpoints.step,
                s->bad_data ? ", once the data are mended" : " with a lower learning rate");
    } else {
        fprintf(stderr, "there is no checkpoint yet; to begin again%s: ",
                s->bad_data ? ", once the data are mended" : " with a lower learning rate");
    }
    if (s->bad_data) {
        print_how_to_resume(s);
    } else {
        print_how_to_learn_less(s, rate);
    }
    fputc('\n', stderr);
}

/* Says what went wrong, and where more of it is. */
static int report_divergence(session *s, const mote_error *error) {
    int code = report_error("train", error);
    const char *directory = s->run.directory;
    if (s->diverged && mote_preview_is_possible(s->trainer)) {
        fprintf(stderr, "%s/diverged.png shows the batch, %s/diverged.json lists it\n", directory,
                directory);
    } else if (s->diverged) {
        fprintf(stderr, "%s/diverged.json lists the batch\n", directory);
    }
    print_way_out(s);
    return code;
}

/* Draws the first batch instead of training on it. */
static int preview(session *s) {
    mote_error error = {0};
    mote_preview drawn;
    const char *path = s->settings.preview;
    if (mote_preview_write(s->trainer, path, &drawn, &error) != MOTE_OK) {
        return report_error("train", &error);
    }
    if (drawn.shown < drawn.batch) {
        printf("%s shows %zu of the first batch's %zu samples\n", path, drawn.shown, drawn.batch);
    } else {
        printf("%s shows the first batch, %zu sample%s\n", path, drawn.batch,
               drawn.batch == 1 ? "" : "s");
    }
    for (size_t i = 0; i < mote_dataset_classes(s->experiment.dataset); i++) {
        const char *name = mote_dataset_class_name(s->experiment.dataset, i);
        if (!mote_preview_shows_name(name)) {
            printf("#%zu is %s\n", i, name);
        }
    }
    return EXIT_DONE;
}

/* Says how far it is after 1, 2, 5, 10, 20, 50 ... steps. */
static bool on_overfit_step(void *context, const mote_overfit *so_far) {
    const session *s = context;
    uint64_t leading = so_far->steps;
    while (leading % 10 == 0) {
        leading /= 10;
    }
    if (!s->settings.quiet && (leading == 1 || leading == 2 || leading == 5)) {
        fprintf(stderr, "step %5llu  loss %.6g\n", (unsigned long long)so_far->steps, so_far->loss);
    }
    return !signals_seen();
}

static const double STILL_FALLING = 0.9; /* of the loss at half of the steps */

/* Trains on one batch alone, and says whether that can be learnt by heart. */
static int overfit(session *s) {
    mote_error error = {0};
    mote_overfit found;
    progress_print_plan(&s->progress, s->settings.config, &s->experiment, s->trainer, true);
    if (mote_overfit_run(s->trainer, on_overfit_step, s, &found, &error) != MOTE_OK) {
        return report_error("train", &error);
    }
    char accuracy[48] = "";
    if (isfinite(found.accuracy)) {
        snprintf(accuracy, sizeof accuracy, ", accuracy %.2f %%", 100 * found.accuracy);
    }
    printf("the loss of a batch of %zu sample%s %s %llu step%s: from %.4g to %.4g%s\n",
           found.samples, found.samples == 1 ? "" : "s",
           found.vanished ? "has vanished after" : "has not vanished in",
           (unsigned long long)found.steps, found.steps == 1 ? "" : "s", found.first_loss,
           found.loss, accuracy);
    if (!found.vanished && found.loss < STILL_FALLING * found.half_loss) {
        fprintf(stderr,
                "train: it is still falling: try a higher learning rate, or more steps with "
                "--set train.max_steps\n");
    } else if (!found.vanished) {
        fprintf(stderr, "train: a network that learns can learn one batch by heart: try another "
                        "learning rate, leave out dropout and the like, look at the data with "
                        "--preview, and check the gradients of layers of your own\n");
    }
    return found.vanished ? EXIT_DONE : EXIT_FAILED;
}

static int train(session *s) {
    mote_error error = {0};
    char *config_text = NULL;
    mote_status status = prepare(s, &error);
    if (status == MOTE_OK) {
        status = create_trainer(s, &config_text, &error);
    }
    bool trains = !s->settings.dry_run && !s->settings.preview && !s->settings.overfit;
    if (status == MOTE_OK && (trains || s->settings.resume)) {
        status = open_run(s, config_text, &error);
    }
    free(config_text);
    if (status != MOTE_OK) {
        return report_error("train", &error);
    }
    if (s->settings.preview) {
        return preview(s);
    }
    if (s->settings.overfit) {
        return overfit(s);
    }
    print_plan(s);
    if (s->settings.dry_run) {
        return EXIT_DONE;
    }
    mote_trainer_set_listener(s->trainer, on_event, s);
    if (!s->settings.quiet) {
        signals_set_text("\nfinishing this step; once more ends at once, without saving\n");
    }
    status = mote_trainer_run(s->trainer, &error);
    if (status == MOTE_DIVERGED) {
        return report_divergence(s, &error);
    }
    if (status == MOTE_INTERRUPTED) {
        return save_interrupted(s);
    }
    if (status != MOTE_OK) {
        return report_error("train", &error);
    }
    if (!s->settings.quiet) {
        signals_set_text("\nfinishing the test; once more ends at once\n");
    }
    return finish(s, &error) == MOTE_OK ? EXIT_DONE : report_unwritten(s, &error);
}

int main(int argc, char **argv) {
    ensure_fast_kernels(argv);
    session s = {.settings.program = argv[0]};
    /* Two more than there can be, for the shorthands. */
    text_list operands = {.texts = calloc((size_t)argc + 2, sizeof *operands.texts)};
    s.settings.overrides.texts = calloc((size_t)argc + 2, sizeof *operands.texts);
    s.settings.plugins.texts = calloc((size_t)argc, sizeof *operands.texts);
    if (!operands.texts || !s.settings.overrides.texts || !s.settings.plugins.texts) {
        fprintf(stderr, "train: out of memory\n");
        return EXIT_FAILED;
    }
    int code = read_settings(&s.settings, argc, argv, &operands);
    if (code < 0) {
        char shorthands[2][64];
        add_shorthands(&s.settings, shorthands);
        s.progress = progress_create(s.settings.quiet);
        code = train(&s);
    }
    mote_trainer_destroy(s.trainer);
    mote_experiment_close(&s.experiment);
    mote_run_close(&s.run);
    free(operands.texts);
    free(s.settings.overrides.texts);
    free(s.settings.plugins.texts);
    return finish_output("train", code);
}
