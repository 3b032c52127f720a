/* train.c: ./train CONFIG trains a model. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/signals.h"
#include "cli/train.h"
#include "train/stopping.h"
#include "train/trainer.h"

/* The step whose update produced the weights that gave a non-finite value; UINT64_MAX if it came
 * from the data or from an update itself. */
static uint64_t step_that_spoilt(const mote_event *event) {
    const mote_divergence *d = event->divergence;
    bool in_data = !*d->layer;
    return d->jump ? d->jump->step : in_data || d->updated ? UINT64_MAX : event->step;
}

static bool on_event(void *context, const mote_event *event) {
    train_session *s = context;
    s->seconds = event->seconds;
    s->steps = event->step;
    s->ending = event->ending;
    if (event->kind == MOTE_EVENT_DIVERGED) {
        s->diverged = true;
        s->bad_data = !*event->divergence->layer;
        s->spoilt_from = step_that_spoilt(event);
    }
    progress_show(&s->progress, event);
    mote_run_record(&s->run, s->experiment.model, event);
    return !signals_seen();
}

/* Reports what could not be written or read, even with --quiet. */
static void on_run(void *context, const char *text) {
    train_session *s = context;
    progress_clear(&s->progress);
    fprintf(stderr, "train: %s\n", text);
}

/* Loads with the config's number of threads, by default one per core. */
static mote_status load_data(train_session *s, mote_loading *loading, mote_error *error) {
    mote_pool *pool = mote_pool_create(s->experiment.options.threads, error);
    if (!pool) {
        return error->status;
    }
    loading->pool = pool;
    mote_status status = mote_experiment_load(&s->experiment, loading, error);
    mote_pool_destroy(pool);
    return status == MOTE_OK && signals_seen() ? mote_load_stopped(error) : status;
}

static mote_status prepare(train_session *s, mote_error *error) {
    mote_experiment *e = &s->experiment;
    mote_loading loading = {.listener = progress_listen_load, .listener_context = &s->progress};
    signals_catch(s->settings.quiet ? NULL : "\nstopping; interrupt again to quit at once\n");
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

/* Generates the config's text, defaults included, before the trainer takes over the options. */
static mote_status create_trainer(train_session *s, char **config_text, mote_error *error) {
    mote_experiment *e = &s->experiment;
    *config_text = mote_experiment_text(e);
    if (!*config_text) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", s->settings.config);
    }
    s->trainer = mote_trainer_create_with(e->model, e->dataset, &e->options, e->seed, error);
    return s->trainer ? MOTE_OK : error->status;
}

static mote_status open_run(train_session *s, const char *config_text, mote_error *error) {
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
    /* The config does not record the --init-from file, nor the checkpoint the --force settings. */
    if (status == MOTE_OK && (s->settings.init_from || s->settings.force)) {
        status = mote_run_write_checkpoint(&s->run, s->trainer, error);
    }
    if (status == MOTE_OK) {
        status = mote_run_write_config(&s->run, config_text, error);
    }
    if (status != MOTE_OK && !s->settings.resume) {
        (void)rmdir(s->run.directory); /* it is empty: a run that never started leaves no trace */
    }
    return status;
}

/* The key of "train" that leaves a resumed run nothing to train; NULL: none does. A run that a
 * limit ended within an epoch is only validated. */
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

static void print_plan(const train_session *s) {
    progress_print_plan(&s->progress, s->settings.config, &s->experiment, s->trainer, false);
    if (!s->settings.quiet && (s->settings.resume || !s->settings.dry_run)) {
        fprintf(stderr, "%-8s%s", s->settings.resume ? "resumes" : "writes", s->run.directory);
        if (s->settings.resume && s->run.checkpoints.any) {
            fprintf(stderr, " after step %llu", (unsigned long long)s->trainer->position.step);
        } else if (s->settings.resume) {
            fprintf(stderr, " from the beginning: it has no checkpoint yet");
        }
        fprintf(stderr, "\n");
        if (s->settings.resume && limit_of(s->trainer)) {
            fprintf(stderr, "ended   nothing is left to train; to continue, raise train.%s\n",
                    limit_of(s->trainer));
        }
    }
}

/* After a signal: saves a checkpoint. */
static int save_interrupted(train_session *s) {
    mote_error error = {0};
    if (mote_run_write_checkpoint(&s->run, s->trainer, &error) != MOTE_OK) {
        return train_report_unwritten(s, &error);
    }
    train_report_saved(s);
    return signals_exit_code();
}

/* ---- the end ---- */

static mote_status measure_test(train_session *s, mote_report *report, mote_error *error) {
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
    return status;
}

static void print_result(const train_session *s, const mote_report *report) {
    char loss[LOSS_CAPACITY];
    if (!report) {
        printf("trained for %.1f s; the data set has no test part\n", s->seconds);
    } else if (isfinite(report->metrics.accuracy)) {
        printf("test loss %s, test accuracy %.2f %%\n", loss_text(report->metrics.loss, true, loss),
               100 * report->metrics.accuracy);
    } else {
        printf("test loss %s\n", loss_text(report->metrics.loss, false, loss));
    }
    if (!s->settings.quiet) {
        printf("%s/model.safetensors holds the %s model\n", s->run.directory,
               mote_dataset_part(s->experiment.dataset, MOTE_VALIDATION).count ? "best" : "last");
        printf("%s holds config.json, metrics.jsonl%s\n", s->run.directory,
               s->run.checkpoints.newest ? ", result.json and checkpoint.safetensors"
                                         : " and result.json, but no checkpoint.safetensors");
    }
}

/* Writes the model, frees the trainer with all its memory, tests the model and writes the
 * result. */
static mote_status finish(train_session *s, mote_error *error) {
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
    if (status == MOTE_OK && tested && !isfinite(report.metrics.loss)) {
        status = mote_fail(error, MOTE_DIVERGED,
                           "the loss on the test part is not finite: look there for samples "
                           "unlike the training samples, or try a lower learning rate, a warm-up, "
                           "or another normalization of the data");
    } else if (status == MOTE_OK) {
        print_result(s, result.report);
    }
    free(report.confusion);
    return status;
}

static int train(train_session *s) {
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
        return train_preview(s);
    }
    if (s->settings.overfit) {
        return train_overfit(s);
    }
    print_plan(s);
    if (s->settings.dry_run) {
        return EXIT_DONE;
    }
    mote_trainer_set_listener(s->trainer, on_event, s);
    if (!s->settings.quiet) {
        signals_set_text(
            "\nfinishing this step; interrupt again to quit at once, without saving\n");
    }
    status = mote_trainer_run(s->trainer, &error);
    if (status == MOTE_DIVERGED) {
        return train_report_divergence(s, &error);
    }
    if (status == MOTE_INTERRUPTED) {
        return save_interrupted(s);
    }
    if (status != MOTE_OK) {
        return report_error("train", &error);
    }
    if (!s->settings.quiet) {
        signals_set_text("\nfinishing the test; interrupt again to quit at once\n");
    }
    status = finish(s, &error);
    return status == MOTE_OK         ? EXIT_DONE
           : status == MOTE_DIVERGED ? report_error("train", &error)
                                     : train_report_unwritten(s, &error);
}

int main(int argc, char **argv) {
    ensure_fast_kernels(argv);
    train_session s = {.settings.program = argv[0], .spoilt_from = UINT64_MAX};
    /* Two more than argv can hold, for the shorthands. */
    text_list operands = {.texts = calloc((size_t)argc + 2, sizeof *operands.texts)};
    s.settings.overrides.texts = calloc((size_t)argc + 2, sizeof *operands.texts);
    s.settings.plugins.texts = calloc((size_t)argc, sizeof *operands.texts);
    if (!operands.texts || !s.settings.overrides.texts || !s.settings.plugins.texts) {
        fprintf(stderr, "train: out of memory\n");
        return EXIT_FAILED;
    }
    int code = train_read_settings(&s.settings, argc, argv, &operands);
    if (code < 0) {
        char shorthands[2][64];
        train_add_shorthands(&s.settings, shorthands);
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
