/* stopping.c: when training ends before its last step. */
#include "train/stopping.h"

mote_status mote_stopping_check(const mote_trainer *trainer, mote_error *error) {
    const mote_train_options *options = &trainer->options;
    const mote_early_stopping *early = &options->early_stopping;
    bool target = options->target_accuracy > 0;
    const char *key = target ? "target_accuracy" : "early_stopping";
    if (!target && early->patience == 0) {
        return MOTE_OK;
    }
    if (!mote_trainer_validates(trainer)) {
        return mote_trainer_fail_key(trainer, key, error,
                                     "there is no validation part to go by; set "
                                     "dataset.validation_fraction, to 0.1 for one sample in ten");
    }
    bool accuracy = target || early->metric == MOTE_STOP_BY_ACCURACY;
    if (accuracy && trainer->model->output->classes == 0) {
        return mote_trainer_fail_key(trainer, key, error,
                                     "a model that predicts numbers has no accuracy%s",
                                     target ? "; leave it out" : "; set \"metric\" to \"loss\"");
    }
    return MOTE_OK;
}

bool mote_stopping_now(const mote_trainer *trainer) {
    const mote_position *p = &trainer->position;
    double minutes = trainer->options.max_minutes;
    return p->step >= trainer->total_steps || (minutes > 0 && p->seconds >= 60 * minutes);
}

void mote_stopping_begin(mote_trainer *trainer) {
    mote_position *p = &trainer->position;
    bool over =
        p->step > trainer->total_steps ||
        (p->step == trainer->total_steps && p->epoch_step == 0); /* else validation follows */
    if (!p->finished && over) {
        p->finished = true;
        p->ending = MOTE_ENDING_STEPS;
    }
}

/* Whether epochs are counted by this metric: if a run is resumed with the other one, the best by
 * the first says nothing. */
static bool patience_is_begun(const mote_trainer *trainer, const mote_position *position) {
    return position->patience_begun == 1 + (uint64_t)trainer->options.early_stopping.metric;
}

/* Counts an epoch; true if there are now too many since the best one. */
static bool out_of_patience(mote_trainer *trainer) {
    mote_position *p = &trainer->position;
    const mote_early_stopping *early = &trainer->options.early_stopping;
    if (early->patience == 0) {
        return false;
    }
    double loss = trainer->validation.loss, accuracy = trainer->validation.accuracy;
    bool by_accuracy = early->metric == MOTE_STOP_BY_ACCURACY;
    double gain = by_accuracy ? accuracy - p->patience_best : p->patience_best - loss;
    if (!patience_is_begun(trainer, p) || gain > early->min_delta) {
        p->patience_begun = 1 + (uint64_t)early->metric;
        p->patience_best = by_accuracy ? accuracy : loss;
        p->patience_epochs = 0;
        return false;
    }
    return ++p->patience_epochs >= early->patience;
}

/* Checks first what more steps or time would not change, so that with more of them the run stays
 * finished. */
void mote_stopping_observe(mote_trainer *trainer) {
    mote_position *p = &trainer->position;
    double target = trainer->options.target_accuracy;
    bool validated = trainer->validation.samples > 0;
    bool whole = p->epoch_step == 0; /* an epoch that was cut short does not count */
    bool impatient = validated && whole && out_of_patience(trainer);
    mote_ending ending = MOTE_ENDING_NONE;
    if (validated && target > 0 && trainer->validation.accuracy >= target) {
        ending = MOTE_ENDING_TARGET;
    } else if (impatient) {
        ending = MOTE_ENDING_PATIENCE;
    } else if (p->step >= trainer->total_steps) {
        ending = MOTE_ENDING_STEPS;
    } else if (mote_stopping_now(trainer)) {
        ending = MOTE_ENDING_TIME;
    }
    p->ending = (uint64_t)ending;
    p->finished = ending != MOTE_ENDING_NONE;
}

bool mote_stopping_holds(const mote_trainer *trainer, const mote_position *position) {
    const mote_train_options *options = &trainer->options;
    size_t patience = options->early_stopping.patience;
    switch ((mote_ending)position->ending) {
    case MOTE_ENDING_PATIENCE:
        return patience > 0 && patience_is_begun(trainer, position) &&
               position->patience_epochs >= patience;
    case MOTE_ENDING_TARGET:
        return options->target_accuracy > 0 && position->best_accuracy >= options->target_accuracy;
    case MOTE_ENDING_TIME:
        return options->max_minutes > 0 && position->seconds >= 60 * options->max_minutes;
    case MOTE_ENDING_STEPS:
        return position->step >= trainer->total_steps;
    case MOTE_ENDING_NONE:
        break;
    }
    return false;
}

const char *mote_ending_name(mote_ending ending) {
    static const char *const names[] = {[MOTE_ENDING_NONE] = "none",
                                        [MOTE_ENDING_STEPS] = "steps",
                                        [MOTE_ENDING_PATIENCE] = "patience",
                                        [MOTE_ENDING_TARGET] = "target_accuracy",
                                        [MOTE_ENDING_TIME] = "max_minutes"};
    return names[ending];
}
