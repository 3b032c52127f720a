/* checkpoint.c: everything needed to resume training to the same bits, in a safetensors file.
 *
 * Tensors: the model's parameters and buffers by name, the optimizer's states as
 * optimizer.<state>.<parameter>, the moving averages as average.<parameter>, the best parameters so
 * far as best.<parameter>. Metadata: the settings that the file was made with, and the position as
 * JSON, with the norms of the last step if they are known, since a line of metrics.jsonl that
 * reports them may follow. The states of generators and of the schedule are hexadecimal strings:
 * JSON's numbers are finite doubles.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/json.h"
#include "config/json_write.h"
#include "formats/safetensors.h"
#include "mote/version.h"
#include "train/average.h"
#include "train/checkpoint.h"
#include "train/norms.h"
#include "train/settings.h"
#include "train/snapshot.h"
#include "train/stopping.h"

enum {
    NAME_CAPACITY = MOTE_PARAMETER_NAME_CAPACITY + 64,
    RANDOM_WORDS = sizeof(mote_random) / sizeof(uint64_t)
};

_Static_assert(sizeof(double) == sizeof(uint64_t), "a schedule's numbers are written as words");

/* ---- tensors ---- */

/* Called for each tensor of a checkpoint, with its name. */
typedef mote_status (*tensor_visitor)(void *context, const char *name, mote_tensor tensor,
                                      mote_error *error);

static mote_status visit_tensors(const mote_trainer *trainer, tensor_visitor visit, void *context,
                                 mote_error *error) {
    const mote_model *model = trainer->model;
    const char *const *state_names = trainer->options.optimizer->kind->state_names;
    mote_status status = MOTE_OK;
    char name[NAME_CAPACITY];
    for (size_t i = 0; status == MOTE_OK && i < model->parameter_count; i++) {
        const mote_named_parameter *named = &model->parameters[i];
        mote_real *value = named->parameter->value, *best = trainer->best[i];
        mote_tensor tensor = {.shape = named->parameter->shape};
        tensor.data = trainer->shows_best ? best : mote_average_weights(trainer, named->parameter);
        status = visit(context, named->name, tensor, error);
        tensor.data = mote_average_averages(trainer, named->parameter);
        if (status == MOTE_OK && tensor.data) {
            snprintf(name, sizeof name, "average.%s", named->name);
            status = visit(context, name, tensor, error);
        }
        for (size_t k = 0; status == MOTE_OK && k < MOTE_MAX_STATES; k++) {
            tensor.data = named->parameter->states[k];
            if (tensor.data) {
                snprintf(name, sizeof name, "optimizer.%.32s.%s", state_names[k], named->name);
                status = visit(context, name, tensor, error);
            }
        }
        if (status == MOTE_OK && trainer->position.has_best) {
            tensor.data = trainer->shows_best ? value : best;
            snprintf(name, sizeof name, "best.%s", named->name);
            status = visit(context, name, tensor, error);
        }
    }
    return status;
}

/* ---- the position as JSON ---- */

#define POSITION_COUNTERS(X)                                                                       \
    X(step)                                                                                        \
    X(epoch)                                                                                       \
    X(epoch_step)                                                                                  \
    X(epoch_samples)                                                                               \
    X(epoch_correct)                                                                               \
    X(interval_steps)                                                                              \
    X(interval_samples)                                                                            \
    X(interval_correct)                                                                            \
    X(best_samples)                                                                                \
    X(metrics_bytes)                                                                               \
    X(ending)                                                                                      \
    X(patience_begun)                                                                              \
    X(patience_epochs)

#define POSITION_NUMBERS(X)                                                                        \
    X(epoch_loss)                                                                                  \
    X(epoch_seconds)                                                                               \
    X(interval_loss)                                                                               \
    X(interval_seconds)                                                                            \
    X(seconds)                                                                                     \
    X(learning_rate)                                                                               \
    X(best_loss)                                                                                   \
    X(best_accuracy)                                                                               \
    X(patience_best)

static void write_words(mote_json_writer *writer, cJSON *object, const char *name, size_t count,
                        const uint64_t *words) {
    cJSON *list = mote_json_add_array(writer, object, name);
    for (size_t i = 0; i < count; i++) {
        char text[24];
        snprintf(text, sizeof text, "%016" PRIx64, words[i]);
        mote_json_add_string(writer, list, NULL, text);
    }
}

/* Each parameter's norms of weight and gradient, one after the other. */
static void write_norms(const mote_trainer *trainer, mote_json_writer *writer, cJSON *object) {
    if (mote_norms_known(trainer)) {
        cJSON *list = mote_json_add_array(writer, object, "norms");
        for (size_t i = 0; i < trainer->norm_count; i++) {
            mote_json_add_number(writer, list, NULL, trainer->norms[i].weight);
            mote_json_add_number(writer, list, NULL, trainer->norms[i].gradient);
        }
    }
}

static char *position_text(const mote_trainer *trainer) {
    const mote_position *position = &trainer->position;
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
#define X(name) mote_json_add_number(&writer, object, #name, (double)position->name);
    POSITION_COUNTERS(X)
    POSITION_NUMBERS(X)
#undef X
    mote_json_add_number(&writer, object, "epoch_steps", (double)trainer->epoch_steps);
    mote_json_add_boolean(&writer, object, "has_best", position->has_best);
    mote_json_add_boolean(&writer, object, "finished", position->finished);
    uint64_t state[MOTE_SCHEDULE_STATES];
    memcpy(state, position->schedule_state, sizeof state);
    write_words(&writer, object, "schedule_state", MOTE_SCHEDULE_STATES, state);
    write_words(&writer, object, "layers_random", RANDOM_WORDS, position->layers_random.state);
    write_norms(trainer, &writer, object);
    return mote_json_print(&writer, object, MOTE_JSON_ONE_LINE);
}

static bool read_counter(const cJSON *object, const char *name, uint64_t *counter) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, name);
    bool good = cJSON_IsNumber(node) && node->valuedouble >= 0 && node->valuedouble <= 0x1p53;
    *counter = good ? (uint64_t)node->valuedouble : 0;
    return good;
}

/* NaN, such as the accuracy of a model without classes, is written as null. */
static bool read_number(const cJSON *object, const char *name, double *number) {
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, name);
    *number = cJSON_IsNumber(node) ? node->valuedouble : (double)NAN;
    return cJSON_IsNumber(node) || cJSON_IsNull(node);
}

static bool read_words(const cJSON *object, const char *name, size_t count, uint64_t *words) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, name);
    for (size_t i = 0; i < count; i++) {
        const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(list, (int)i));
        if (!text || strlen(text) != 16 || sscanf(text, "%16" SCNx64, &words[i]) != 1) {
            return false;
        }
    }
    return true;
}

static bool position_from_json(const cJSON *object, mote_position *position) {
    uint64_t state[MOTE_SCHEDULE_STATES] = {0};
    bool good = read_words(object, "schedule_state", MOTE_SCHEDULE_STATES, state);
    memcpy(position->schedule_state, state, sizeof state);
    good = read_words(object, "layers_random", RANDOM_WORDS, position->layers_random.state) && good;
#define X(name) good = read_counter(object, #name, &position->name) && good;
    POSITION_COUNTERS(X)
#undef X
#define X(name) good = read_number(object, #name, &position->name) && good;
    POSITION_NUMBERS(X)
#undef X
    position->has_best = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "has_best"));
    good = position->ending <= MOTE_ENDING_TIME && good;
    position->finished = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "finished"));
    return good;
}

/* A norm that was not finite is written as null and becomes NaN. */
static double norm_of(const cJSON *item) {
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

/* If their number is not the expected one, no norms are known: they were not wanted then. */
static void norms_from_json(mote_trainer *trainer, const cJSON *object) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "norms");
    trainer->norms_step = UINT64_MAX;
    if (trainer->norms && (size_t)cJSON_GetArraySize(list) == 2 * trainer->norm_count) {
        const cJSON *item = list ? list->child : NULL;
        for (size_t i = 0; i < trainer->norm_count; i++, item = item->next->next) {
            trainer->norms[i].weight = norm_of(item);
            trainer->norms[i].gradient = norm_of(item->next);
        }
        trainer->norms_step = trainer->position.step;
    }
}

/* ---- saving ---- */

typedef struct tensor_list {
    mote_tensor_entry *entries; /* NULL while counting */
    char (*names)[NAME_CAPACITY];
    size_t count;
} tensor_list;

static mote_status append_tensor(void *context, const char *name, mote_tensor tensor,
                                 mote_error *error) {
    (void)error;
    tensor_list *list = context;
    if (list->entries) {
        snprintf(list->names[list->count], NAME_CAPACITY, "%s", name);
        list->entries[list->count] =
            (mote_tensor_entry){.name = list->names[list->count], .tensor = tensor};
    }
    list->count++;
    return MOTE_OK;
}

mote_status mote_trainer_save(const mote_trainer *trainer, const char *path, mote_error *error) {
    if (!trainer) {
        return mote_trainer_fail_missing(error);
    }
    if (!mote_weights_finite(trainer)) { /* the previous checkpoint is worth more */
        return mote_fail(error, MOTE_DIVERGED,
                         "%s: not written: a weight is not finite after step %" PRIu64, path,
                         trainer->position.step);
    }
    tensor_list list = {0};
    visit_tensors(trainer, append_tensor, &list, error);
    size_t capacity = list.count + 1;
    list = (tensor_list){.entries = calloc(capacity, sizeof *list.entries),
                         .names = calloc(capacity, sizeof *list.names)};
    char *settings = mote_settings_text(trainer);
    char *position = position_text(trainer);
    mote_status status;
    if (list.entries && list.names && settings && position) {
        visit_tensors(trainer, append_tensor, &list, error);
        const mote_metadata_entry metadata[] = {{"mote.kind", "checkpoint"},
                                                {"mote.version", MOTE_VERSION},
                                                {"mote.settings", settings},
                                                {"mote.position", position}};
        status = mote_safetensors_write(path, list.entries, list.count, metadata,
                                        sizeof metadata / sizeof *metadata, error);
    } else {
        status = mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    }
    free(list.entries);
    free(list.names);
    free(settings);
    free(position);
    return status;
}

/* ---- restoring ---- */

static mote_status check_kind(const mote_safetensors *file, mote_error *error) {
    const char *kind = mote_safetensors_metadata(file, "mote.kind");
    if (!kind || strcmp(kind, "checkpoint") != 0) {
        return mote_fail(error, MOTE_DATA, "%s: not a checkpoint", mote_safetensors_path(file));
    }
    return MOTE_OK;
}

static mote_status check_settings(const mote_trainer *trainer, const mote_safetensors *file,
                                  mote_error *error) {
    const char *text = mote_safetensors_metadata(file, "mote.settings");
    return mote_settings_check(trainer, text ? text : "", mote_safetensors_path(file), error);
}

/* A position as read from a file. */
typedef struct saved_position {
    cJSON *json; /* of the whole position */
    mote_position position;
    uint64_t epoch_steps; /* of the trainer that was saved */
} saved_position;

/* False if it makes no sense. The caller deletes saved->json in any case. */
static bool read_position(const mote_safetensors *file, saved_position *saved,
                          bool *out_of_memory) {
    const char *text = mote_safetensors_metadata(file, "mote.position");
    text = text ? text : "";
    cJSON *object = mote_json_parse(text, strlen(text), out_of_memory);
    *saved = (saved_position){.json = object};
    const mote_position *p = &saved->position;
    return position_from_json(object, &saved->position) &&
           read_counter(object, "epoch_steps", &saved->epoch_steps) && saved->epoch_steps > 0 &&
           p->epoch_step <= saved->epoch_steps;
}

static void clear_interval(mote_position *position) {
    position->interval_steps = position->interval_samples = position->interval_correct = 0;
    position->interval_loss = position->interval_seconds = 0;
}

static void restart_epoch(const mote_trainer *trainer, mote_position *position) {
    position->step = position->epoch * trainer->epoch_steps;
    position->epoch_step = position->epoch_samples = position->epoch_correct = 0;
    position->epoch_loss = position->epoch_seconds = 0;
    clear_interval(position);
}

/* Adapts a saved position to this trainer: if the number of steps in an epoch differs, which only
 * force allows, the epoch starts again; without a validation part there is no best; and a finished
 * run may continue. */
static mote_position adapt_position(const mote_trainer *trainer, const saved_position *saved) {
    mote_position position = saved->position;
    position.has_best = position.has_best && mote_trainer_validates(trainer);
    if (saved->epoch_steps != trainer->epoch_steps) {
        restart_epoch(trainer, &position);
    }
    if (trainer->options.metrics.every_steps == 0) {
        clear_interval(&position);
    }
    position.finished = position.finished && mote_stopping_holds(trainer, &position);
    position.ending = position.finished ? position.ending : MOTE_ENDING_NONE;
    return position;
}

/* Fails on a position that cannot be read; one written by another version may well be intact. */
static mote_status fail_position(const mote_safetensors *file, mote_error *error) {
    const char *path = mote_safetensors_path(file);
    const char *version = mote_safetensors_metadata(file, "mote.version");
    if (version && strcmp(version, MOTE_VERSION) != 0) {
        return mote_fail(error, MOTE_DATA,
                         "%s: written by mote %.40s, whose checkpoints mote %s cannot resume from; "
                         "its weights can still start a new run (--init-from)",
                         path, version, MOTE_VERSION);
    }
    return mote_fail(error, MOTE_DATA, "%s: the metadata \"mote.position\" makes no sense", path);
}

static mote_status check_position(const mote_trainer *trainer, const mote_safetensors *file,
                                  saved_position *saved, mote_error *error) {
    bool out_of_memory;
    bool good = read_position(file, saved, &out_of_memory);
    if (out_of_memory) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", mote_safetensors_path(file));
    }
    if (!good) {
        return fail_position(file, error);
    }
    saved->position = adapt_position(trainer, saved);
    return MOTE_OK;
}

/* What a checkpoint is restored from. */
typedef struct source {
    mote_safetensors *file;
    bool same_settings; /* as the trainer's, so the file must have all its tensors */
} source;

/* Force cannot make up an optimizer's states or averages, but the weights can start a new run. */
static mote_status check_tensor(void *context, const char *name, mote_tensor tensor,
                                mote_error *error) {
    const source *from = context;
    mote_error reason = {0};
    mote_status status = mote_safetensors_check(from->file, name, tensor.shape, &reason);
    bool average = strncmp(name, "average.", strlen("average.")) == 0;
    if (status != MOTE_OK && from->same_settings) {
        return mote_fail(error, status, "%s: the file is damaged, or from another version",
                         reason.message);
    }
    if (status != MOTE_OK && (average || strncmp(name, "optimizer.", strlen("optimizer.")) == 0)) {
        return mote_fail(error, MOTE_INVALID,
                         "%s, which the current train.%s needs; its weights can still start a new "
                         "run (--init-from %s)",
                         reason.message, average ? "weight_average" : "optimizer",
                         mote_safetensors_path(from->file));
    }
    return status == MOTE_OK ? MOTE_OK : mote_fail(error, MOTE_INVALID, "%s", reason.message);
}

static mote_status copy_tensor(void *context, const char *name, mote_tensor tensor,
                               mote_error *error) {
    const source *from = context;
    return mote_safetensors_copy(from->file, name, tensor, error);
}

/* A checkpoint has no figures of the previous epoch, and the trainer's are of a different one. */
static void forget_figures(mote_trainer *trainer) {
    trainer->epoch_metrics = trainer->validation = (mote_metrics){0};
    trainer->epoch_speed = 0;
}

/* Restores everything that was saved; on failure the trainer is unchanged. */
static mote_status restore(mote_trainer *trainer, source *from, const saved_position *saved,
                           mote_error *error) {
    mote_position before = trainer->position;
    trainer->position = saved->position; /* it says which tensors there are */
    mote_status status = visit_tensors(trainer, check_tensor, from, error);
    if (status != MOTE_OK) {
        trainer->position = before;
        return status;
    }
    mote_trainer_show_weights(trainer);
    trainer->learning_rate = saved->position.learning_rate;
    forget_figures(trainer);
    norms_from_json(trainer, saved->json);
    return visit_tensors(trainer, copy_tensor, from, error);
}

mote_status mote_checkpoint_restore(mote_trainer *trainer, const char *path, bool force,
                                    mote_error *error) {
    mote_error reason = {0};
    mote_safetensors *file = mote_safetensors_read(path, &reason);
    if (!file) {
        return mote_fail(error, reason.status, "%s", reason.message);
    }
    saved_position saved = {0};
    source from = {.file = file};
    mote_status status = check_kind(file, error);
    if (status == MOTE_OK) {
        status = check_settings(trainer, file, force ? NULL : error);
        from.same_settings = status == MOTE_OK;
        status = force ? MOTE_OK : status;
    }
    if (status == MOTE_OK) {
        status = check_position(trainer, file, &saved, error);
    }
    if (status == MOTE_OK) {
        status = restore(trainer, &from, &saved, error);
    }
    cJSON_Delete(saved.json);
    mote_safetensors_destroy(file);
    return status;
}

mote_status mote_trainer_restore(mote_trainer *trainer, const char *path, mote_error *error) {
    return trainer ? mote_checkpoint_restore(trainer, path, false, error)
                   : mote_trainer_fail_missing(error);
}
