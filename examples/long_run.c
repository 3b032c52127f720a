/* long_run.c: training that survives interruptions, in your own program: long_run CHECKPOINT
 * [LEARNING_RATE [STEPS]] learns to tell two spirals apart. It saves everything needed to resume,
 * after each epoch and when Ctrl-C or the limit of STEPS stops it; run again, it resumes as if
 * nothing had happened. If the checkpoint has a different learning rate, a new training starts from
 * its weights, which is the way out if the rate was too high. Next: new_layer/. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "mote/mote.h"

enum {
    SAMPLES = 1200
};

static mote_real points[SAMPLES][2];
static uint32_t spirals[SAMPLES];

static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number) {
    asked_to_stop = number;
}

static void draw_spirals(void) {
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        double turn = 10 * sqrt(mote_random_uniform(&random)), noise = mote_random_uniform(&random);
        double angle = turn + 3.14159 * (i % 2) + 0.3 * noise;
        points[i][0] = (mote_real)(turn * cos(angle) / 10);
        points[i][1] = (mote_real)(turn * sin(angle) / 10);
        spirals[i] = i % 2;
    }
}

/* The context of the listener, on_event. */
typedef struct run {
    const char *checkpoint;
    uint64_t steps, most; /* in this call; most: 0 for no limit */
    double loss;          /* in validation, of the best epoch */
    bool unsaved;         /* the last attempt to save failed */
} run;

/* An existing file is replaced atomically or left as it is, so training can go on if saving fails,
 * say on a full disk, which is reported once. */
static void save(run *r, const mote_trainer *trainer) {
    mote_error error = {0};
    bool failed = mote_trainer_save(trainer, r->checkpoint, &error) != MOTE_OK;
    if (failed && !r->unsaved) {
        fprintf(stderr, "long_run: %s\n", error.message);
    }
    r->unsaved = failed;
}

static bool on_event(void *context, const mote_event *event) {
    run *r = context;
    switch (event->kind) {
    case MOTE_EVENT_STEP:
        r->steps++;
        return !asked_to_stop && r->steps != r->most;
    case MOTE_EVENT_EPOCH:
        save(r, event->trainer);
        break;
    case MOTE_EVENT_NOTICE:
        fprintf(stderr, "long_run: %s\n", event->notice);
        break;
    case MOTE_EVENT_DIVERGED: /* the error of mote_trainer_run says more, in words */
        fprintf(stderr, "long_run: diverged after step %llu, in %s, on a batch of %zu samples\n",
                (unsigned long long)event->step, event->divergence->layer,
                event->divergence->sample_count);
        break;
    case MOTE_EVENT_STOPPED:
        r->loss = event->best_validation.loss;
        break;
    default:
        break;
    }
    return true;
}

static mote_model *build(mote_error *error) {
    mote_model *model = mote_model_create(mote_shape_vector(2), error);
    for (int i = 0; i < 2; i++) {
        mote_model_add(model, "dense", "{\"units\": 32}", error);
        mote_model_add(model, "tanh", NULL, error);
    }
    mote_model_add(model, "dense", "{\"units\": 1}", error);
    mote_model_set_output(model, "sigmoid_cross_entropy", NULL, error);
    mote_model_initialize(model, 1, error);
    return model;
}

static mote_trainer *prepare(mote_model *model, const mote_dataset *data, const char *rate,
                             const char *checkpoint, mote_error *error) {
    char how[512];
    snprintf(how, sizeof how,
             "{\"epochs\": 100, \"batch_size\": 32, \"clip_gradient_norm\": 10, \"optimizer\": "
             "{\"type\": \"adamw\", \"learning_rate\": %s}, \"schedule\": {\"type\": \"cosine\", "
             "\"warmup_epochs\": 1}, \"early_stopping\": {\"patience\": 20}}",
             rate);
    mote_trainer *trainer = mote_trainer_create(model, data, how, 1, error);
    FILE *file = trainer ? fopen(checkpoint, "rb") : NULL;
    if (file) {
        fclose(file);
        mote_error reason = {0};
        mote_status status = mote_trainer_restore(trainer, checkpoint, &reason);
        if (status == MOTE_INVALID) { /* saved with other settings */
            fprintf(stderr, "long_run: %s; beginning with its weights\n", reason.message);
            mote_model_read_parameters(model, checkpoint, error);
        } else if (status != MOTE_OK) {
            mote_fail(error, status, "%s", reason.message);
        }
    }
    return trainer;
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: long_run CHECKPOINT [LEARNING_RATE [STEPS]]\n");
        return 2;
    }
    run r = {.checkpoint = argv[1], .most = argc > 3 ? strtoull(argv[3], NULL, 10) : 0};
    mote_error error = {0}; /* keeps the first failure */
    draw_spirals();
    const mote_samples samples = {
        .count = SAMPLES, .shape = mote_shape_vector(2), .numbers = points[0], .labels = spirals};
    mote_dataset *data =
        mote_dataset_from_arrays(&samples, NULL, "{\"validation_fraction\": 0.25}", 1, &error);
    mote_model *model = build(&error);
    mote_trainer *trainer =
        data ? prepare(model, data, argc > 2 ? argv[2] : "0.01", r.checkpoint, &error) : NULL;
    if (error.status == MOTE_OK) {
        mote_trainer_set_listener(trainer, on_event, &r);
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
        mote_trainer_run(trainer, &error);
    }
    if (error.status == MOTE_INTERRUPTED) {
        save(&r, trainer);
    }
    if (error.status == MOTE_OK) {
        printf("validation loss of the best epoch: %.17g\n", r.loss);
    } else {
        fprintf(stderr, "long_run: %s\n", error.message);
    }
    mote_trainer_destroy(trainer);
    mote_model_destroy(model);
    mote_dataset_destroy(data);
    return error.status == MOTE_OK            ? EXIT_SUCCESS
           : error.status == MOTE_DIVERGED    ? 3
           : error.status == MOTE_INTERRUPTED ? 128 + (asked_to_stop ? asked_to_stop : SIGINT)
                                              : EXIT_FAILURE;
}
