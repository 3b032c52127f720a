/* run.c: what a training run writes to its directory. */
#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/json_write.h"
#include "core/clock.h"
#include "core/file.h"
#include "data/dataset.h"
#include "mote/version.h"
#include "train/preview.h"
#include "train/stopping.h"
#include "train/trainer.h"

enum {
    CONSEQUENCE_CAPACITY = 128,
    NOTICE_CAPACITY = MOTE_ERROR_CAPACITY + CONSEQUENCE_CAPACITY + 32,
    CONFIG_LIMIT = 1 << 30
};

static const char DIVERGED_SHEET[] = "diverged.png";

void mote_run_close(mote_run *run) {
    if (run->is_open) {
        close(run->lock);
    }
    mote_metrics_log_free(&run->metrics);
    free(run->directory);
    *run = (mote_run){0};
}

void mote_run_set_listener(mote_run *run, mote_run_listener *listener, void *context) {
    run->listener = listener;
    run->listener_context = context;
}

char *mote_run_path(const mote_run *run, const char *file) {
    return mote_path_join(run->directory, file);
}

/* ---- files ---- */

static mote_status fail_path(mote_error *error) {
    return mote_fail(error, MOTE_MEMORY, "out of memory for the name of a file");
}

static bool holds(const char *path, const char *text) {
    size_t length;
    char *content = mote_file_read(path, CONFIG_LIMIT, &length, NULL);
    bool same = content && strcmp(content, text) == 0;
    free(content);
    return same;
}

/* Resuming a run whose config has not changed does not need to write. */
mote_status mote_run_write_config(const mote_run *run, const char *text, mote_error *error) {
    char *path = mote_run_path(run, MOTE_CONFIG_FILE);
    mote_status status = path && text ? MOTE_OK : fail_path(error);
    if (status == MOTE_OK && !holds(path, text)) {
        status = mote_file_write_text(path, text, error);
    }
    free(path);
    return status;
}

mote_status mote_run_write_model(const mote_run *run, const mote_model *model, mote_error *error) {
    char *path = mote_run_path(run, MOTE_MODEL_FILE);
    mote_status status = path ? mote_model_save(model, path, error) : fail_path(error);
    free(path);
    return status;
}

/* ---- what went wrong ---- */

static void add_samples(mote_json_writer *writer, cJSON *object, const char *name, size_t count,
                        const uint32_t *numbers) {
    cJSON *list = mote_json_add_array(writer, object, name);
    for (size_t i = 0; i < count; i++) {
        mote_json_add_number(writer, list, NULL, (double)numbers[i]);
    }
}

/* Where the samples came from, in the same order, if that is known. */
static void add_origins(mote_json_writer *writer, cJSON *object, const char *name,
                        const mote_dataset *dataset, size_t count, const uint32_t *numbers) {
    char origin[MOTE_ORIGIN_CAPACITY];
    if (count == 0 || !mote_dataset_origin(dataset, numbers[0], origin, sizeof origin)) {
        return;
    }
    cJSON *list = mote_json_add_array(writer, object, name);
    for (size_t i = 0; i < count; i++) {
        mote_dataset_origin(dataset, numbers[i], origin, sizeof origin);
        mote_json_add_string(writer, list, NULL, origin);
    }
}

static void add_jump(mote_json_writer *writer, cJSON *object, const mote_dataset *dataset,
                     const mote_jump *jump) {
    cJSON *inner = mote_json_add_object(writer, object, "jump");
    mote_json_add_number(writer, inner, "step", (double)jump->step);
    mote_json_add_string(writer, inner, "parameter", jump->parameter);
    mote_json_add_number(writer, inner, "before", jump->before);
    mote_json_add_number(writer, inner, "after", jump->after);
    add_samples(writer, inner, "samples", jump->sample_count, jump->samples);
    add_origins(writer, inner, "origins", dataset, jump->sample_count, jump->samples);
    mote_json_add_number(writer, inner, "worst_sample", (double)jump->worst_sample);
    char origin[MOTE_ORIGIN_CAPACITY];
    if (mote_dataset_origin(dataset, jump->worst_sample, origin, sizeof origin)) {
        mote_json_add_string(writer, inner, "worst_origin", origin);
    }
    mote_json_add_number(writer, inner, "worst_loss", jump->worst_loss);
    mote_json_add_number(writer, inner, "median_loss", jump->median_loss);
}

/* Gives the step that went wrong, as in the report, or the last one done before a validation. */
static char *divergence_text(const mote_event *event) {
    const mote_divergence *d = event->divergence;
    const mote_dataset *dataset = event->trainer->dataset;
    uint64_t step = event->step + (d->validation ? 0 : 1);
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    mote_json_add_number(&writer, object, "epoch", (double)event->epoch);
    mote_json_add_number(&writer, object, "step", (double)step);
    mote_json_add_number(&writer, object, "learning_rate", event->learning_rate);
    mote_json_add_string(&writer, object, "what", d->what);
    mote_json_add_string(&writer, object, "layer", d->layer);
    if (d->parameter) {
        mote_json_add_string(&writer, object, "parameter", d->parameter);
    }
    mote_json_add_boolean(&writer, object, "validation", d->validation);
    add_samples(&writer, object, "samples", d->sample_count, d->samples);
    add_origins(&writer, object, "origins", dataset, d->sample_count, d->samples);
    add_samples(&writer, object, "affected", d->affected_count, d->affected);
    if (d->jump) {
        add_jump(&writer, object, dataset, d->jump);
    }
    mote_json_add_string(&writer, object, "report", d->report);
    return mote_json_print(&writer, object, MOTE_JSON_INDENTED);
}

/* Writes the figures and, if the samples are pictures, a sheet of them. */
static mote_status write_divergence(const mote_run *run, const mote_event *event,
                                    mote_error *error) {
    char *path = mote_run_path(run, MOTE_DIVERGED_FILE),
         *sheet = mote_run_path(run, DIVERGED_SHEET);
    char *text = divergence_text(event);
    mote_status status =
        path && sheet && text ? mote_file_write_text(path, text, error) : fail_path(error);
    if (status == MOTE_OK && mote_preview_is_possible(event->trainer)) {
        status = mote_preview_write_batch(event->trainer, event->divergence->sample_count, sheet,
                                          &(mote_preview){0}, error);
    }
    free(path);
    free(sheet);
    free(text);
    return status;
}

/* ---- during training ---- */

/* "...: cannot be written: No space left on device; training continues, and ..." */
static void tell_failure(mote_run *run, mote_run_file kind, const mote_error *reason) {
    char then[CONSEQUENCE_CAPACITY], text[NOTICE_CAPACITY];
    static const char *const consequences[MOTE_RUN_FILES] = {
        [MOTE_RUN_CHECKPOINT] = "without a checkpoint so far",
        [MOTE_RUN_OLDER_CHECKPOINT] = "keeping only the newest checkpoint",
        [MOTE_RUN_METRICS] = "and they will be written once that is possible",
        [MOTE_RUN_MODEL] = "and the model will be written at the end"};
    snprintf(then, sizeof then, "%s", consequences[kind]);
    if (kind == MOTE_RUN_CHECKPOINT && run->checkpoints.any) {
        snprintf(then, sizeof then, "and the checkpoint of step %llu is kept",
                 (unsigned long long)run->checkpoints.step);
    }
    snprintf(text, sizeof text, "%s; training continues, %s", reason->message, then);
    if (run->listener) {
        run->listener(run->listener_context, text);
    }
}

/* Tells the listener when something cannot be written, or can be written again. */
static void note(mote_run *run, mote_run_file kind, mote_status status, const mote_error *reason) {
    static const char *const again[MOTE_RUN_FILES] = {
        [MOTE_RUN_CHECKPOINT] = "checkpoints can be written again",
        [MOTE_RUN_OLDER_CHECKPOINT] = "older checkpoints can be kept again",
        [MOTE_RUN_METRICS] = "metrics.jsonl can be written again, and is complete",
        [MOTE_RUN_MODEL] = "model.safetensors can be written again"};
    if (status != MOTE_OK && !run->failing[kind]) {
        tell_failure(run, kind, reason);
    } else if (status == MOTE_OK && run->failing[kind] && run->listener) {
        run->listener(run->listener_context, again[kind]);
    }
    run->failing[kind] = status != MOTE_OK;
}

/* A run resumed from a checkpoint continues after the lines that the checkpoint counts. */
static void write_late_metrics(mote_run *run) {
    mote_error error = {0};
    if (run->metrics.unwritten) {
        note(run, MOTE_RUN_METRICS, mote_metrics_log_write(&run->metrics, &error), &error);
    }
}

static mote_status save(mote_run *run, mote_trainer *trainer, mote_error *unkept,
                        mote_error *error) {
    write_late_metrics(run);
    mote_metrics_log_sync(&run->metrics);
    trainer->position.metrics_bytes = run->metrics.bytes;
    return mote_checkpoints_write(&run->checkpoints, trainer, unkept, error);
}

mote_status mote_run_write_checkpoint(mote_run *run, mote_trainer *trainer, mote_error *error) {
    return save(run, trainer, NULL, error);
}

static void record_checkpoint(mote_run *run, const mote_event *event) {
    if (mote_checkpoints_due(&run->checkpoints, &event->trainer->options.checkpoint, event)) {
        mote_error unkept = {0}, error = {0};
        mote_status status = save(run, event->trainer, &unkept, &error);
        if (status == MOTE_DIVERGED) { /* the next step will report it */
            return;
        }
        note(run, MOTE_RUN_CHECKPOINT, status, &error);
        if (status == MOTE_OK) {
            note(run, MOTE_RUN_OLDER_CHECKPOINT, unkept.status, &unkept);
        }
    }
}

void mote_run_record(mote_run *run, const mote_model *model, const mote_event *event) {
    mote_error error = {0};
    switch (event->kind) {
    case MOTE_EVENT_STEP:
        if (event->interval) {
            note(run, MOTE_RUN_METRICS, mote_metrics_log_append(&run->metrics, event, &error),
                 &error);
        }
        record_checkpoint(run, event);
        break;
    case MOTE_EVENT_EPOCH:
        note(run, MOTE_RUN_METRICS, mote_metrics_log_append(&run->metrics, event, &error), &error);
        record_checkpoint(run, event);
        break;
    case MOTE_EVENT_DIVERGED:
        if (write_divergence(run, event, &error) != MOTE_OK && run->listener) {
            run->listener(run->listener_context, error.message);
        }
        break;
    case MOTE_EVENT_IMPROVED:
        note(run, MOTE_RUN_MODEL, mote_run_write_model(run, model, &error), &error);
        break;
    case MOTE_EVENT_STOPPED:
        write_late_metrics(run);
        break;
    case MOTE_EVENT_STARTED:
        run->checkpoints.time = mote_clock();
        break;
    case MOTE_EVENT_NOTICE:
        break;
    }
}

/* ---- resuming a run ---- */

static void tell_skipped(void *context, const char *text) {
    const mote_run *run = context;
    if (run->listener) {
        run->listener(run->listener_context, text);
    }
}

/* Fails because no checkpoint is intact; there may still be a model to start from. */
static mote_status fail_broken(const mote_run *run, const mote_error *reason, mote_error *error) {
    char *model = mote_run_path(run, MOTE_MODEL_FILE);
    bool has_model = model && access(model, R_OK) == 0;
    mote_fail(error, reason->status,
              "%s; there is no other checkpoint to resume from: begin a new run%s%s%s",
              reason->message, has_model ? ", from the best model if you like (--init-from " : "",
              has_model ? model : "", has_model ? ")" : "");
    free(model);
    return reason->status;
}

mote_status mote_run_restore(mote_run *run, mote_trainer *trainer, bool force, mote_error *error) {
    if (!mote_checkpoints_exist(run->directory)) {
        return MOTE_OK; /* from the beginning */
    }
    mote_error reason = {0};
    mote_status status =
        mote_checkpoints_restore(&run->checkpoints, trainer, force, tell_skipped, run, &reason);
    if (status == MOTE_INVALID && !force) {
        return mote_fail(error, status,
                         "%s; %s/config.json has the original settings, and --force resumes "
                         "anyway, if weights and optimizer still fit",
                         reason.message, run->directory);
    }
    if (status == MOTE_DATA) {
        return fail_broken(run, &reason, error);
    }
    return status == MOTE_OK ? MOTE_OK : mote_fail(error, status, "%s", reason.message);
}

static void remove_file(const mote_run *run, const char *name) {
    char *path = mote_run_path(run, name);
    if (path) {
        (void)unlink(path);
    }
    free(path);
}

/* Removes what no longer holds for a resumed run: that it diverged, and its result. */
static void remove_outdated(const mote_run *run, const mote_trainer *trainer) {
    remove_file(run, MOTE_DIVERGED_FILE);
    remove_file(run, DIVERGED_SHEET);
    if (!trainer->position.finished) {
        remove_file(run, MOTE_RESULT_FILE);
    }
}

mote_status mote_run_rewind(mote_run *run, const mote_trainer *trainer, mote_error *error) {
    mote_status status =
        mote_metrics_log_rewind(&run->metrics, trainer->position.metrics_bytes, error);
    if (status == MOTE_OK) {
        remove_outdated(run, trainer);
    }
    return status;
}

/* ---- the end ---- */

mote_status mote_run_write_result(const mote_run *run, const mote_model *model,
                                  const mote_result *result, mote_error *error) {
    mote_json_writer writer = {0};
    cJSON *object = result->report
                        ? mote_report_to_json(result->report, model, "test_loss", "test_accuracy")
                        : mote_json_new_object(&writer);
    mote_json_add_number(&writer, object, "steps", (double)result->steps);
    mote_json_add_string(&writer, object, "ended", mote_ending_name(result->ending));
    mote_json_add_number(&writer, object, "seconds", result->seconds);
    mote_json_add_number(&writer, object, "seed", (double)result->seed);
    mote_json_add_string(&writer, object, "version", MOTE_VERSION);
    char *text = mote_json_print(&writer, object, MOTE_JSON_INDENTED);
    char *path = mote_run_path(run, MOTE_RESULT_FILE);
    mote_status status = text && path ? mote_file_write_text(path, text, error) : fail_path(error);
    free(text);
    free(path);
    return status;
}
