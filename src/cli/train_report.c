/* train_report.c: reports after training that ended early, and how to continue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/train.h"
#include "train/jump.h"
#include "train/preview.h"

static const char RATE_OVERRIDE[] = "train.optimizer.learning_rate=";

/* Prints a command to copy that resumes the run or trains anew, without a newline; `with_rate`
 * keeps the learning rate set on the command line. */
static void print_command(const train_session *s, bool anew, bool with_rate) {
    const text_list *plugins = &s->settings.plugins, *overrides = &s->settings.overrides;
    print_quoted(stderr, s->settings.program);
    fputc(' ', stderr);
    print_quoted(stderr, s->settings.config);
    if (!anew) {
        fprintf(stderr, " --resume --run-dir ");
        print_quoted(stderr, s->run.directory);
    } else if (s->settings.init_from) {
        fprintf(stderr, " --init-from ");
        print_quoted(stderr, s->settings.init_from);
    }
    for (size_t i = 0; i < plugins->count; i++) {
        fprintf(stderr, " --plugin ");
        print_quoted(stderr, plugins->texts[i]);
    }
    for (size_t i = 0; i < overrides->count; i++) {
        const char *text = overrides->texts[i];
        if (with_rate || strncmp(text, RATE_OVERRIDE, sizeof RATE_OVERRIDE - 1) != 0) {
            fprintf(stderr, " --set ");
            print_quoted(stderr, text);
        }
    }
}

enum {
    LESS_LEARNING = 10 /* factor by which a diverged run's learning rate is lowered */
};

/* The same with a lower learning rate. If the config has no optimizer, its rate cannot be set
 * alone. */
static void print_how_to_learn_less(const train_session *s, bool anew) {
    const mote_optimizer *optimizer = s->trainer->options.optimizer;
    print_command(s, anew, false);
    if (s->run.checkpoints.any && !anew) {
        fprintf(stderr, " --force");
    }
    if (!mote_json_member(s->experiment.train_json, "optimizer").node) {
        fprintf(stderr, " --set train.optimizer.type=%s", optimizer->kind->type);
    }
    fprintf(stderr, " --set %s%g", RATE_OVERRIDE, optimizer->learning_rate / LESS_LEARNING);
}

void train_report_saved(const train_session *s) {
    if (!s->settings.quiet) {
        fprintf(stderr, "stopped after step %llu; everything is saved in %s\nresume with: ",
                (unsigned long long)s->steps, s->run.directory);
        print_command(s, false, true);
        fputc('\n', stderr);
    }
}

int train_report_unwritten(const train_session *s, const mote_error *error) {
    int code = report_error("train", error);
    if (s->run.checkpoints.any) {
        fprintf(stderr, "the checkpoint of step %llu is kept; resume from it with: ",
                (unsigned long long)s->run.checkpoints.step);
        print_command(s, false, true);
        fputc('\n', stderr);
    } else {
        fprintf(stderr, "there is no checkpoint to resume from; make room, or name another "
                        "directory with --run-dir, and train again\n");
    }
    return code;
}

static const double RUNAWAY = 1e6; /* weights that have grown beyond this no longer learn */

/* Reads the newest checkpoint into the model, which is of no further use, and returns the magnitude
 * of its largest weight; 0 if there is none to read. */
static double largest_weight_saved(const train_session *s) {
    mote_model *model = s->experiment.model;
    char *path = mote_run_path(&s->run, MOTE_CHECKPOINT_FILE);
    const char *parameter;
    bool read = path && mote_model_read_parameters(model, path, NULL) == MOTE_OK;
    free(path);
    return read ? mote_largest_weight(model, &parameter) : 0;
}

/* Prints how to continue after a divergence. Bad data must be fixed first, and so must a model that
 * diverged before anything was learnt. Otherwise a lower learning rate may do: from the checkpoint
 * or, if its weights already give non-finite values or have grown out of hand, from the
 * beginning. */
static void print_way_out(const train_session *s) {
    uint64_t step = s->run.checkpoints.any ? s->run.checkpoints.step : 0;
    bool spoilt = step >= s->spoilt_from, again = spoilt && step > 0;
    bool to_mend = s->bad_data || (spoilt && !again);
    double largest = to_mend || again || step == 0 ? 0 : largest_weight_saved(s);
    bool anew = again || largest > RUNAWAY;
    if (s->run.checkpoints.any) {
        char but[64] = "";
        if (again) {
            snprintf(but, sizeof but, ", but its weights would fail again");
        } else if (anew) {
            snprintf(but, sizeof but, ", but its weights had already grown to %.4g", largest);
        }
        fprintf(stderr, "the checkpoint of step %llu is kept%s; to %s", (unsigned long long)step,
                but, anew ? "start over" : "resume from it");
    } else {
        fprintf(stderr, "there is no checkpoint yet; to start over");
    }
    fprintf(stderr, "%s: ",
            s->bad_data ? ", once the data are corrected"
            : to_mend   ? ", once that is fixed"
                        : " with a lower learning rate");
    if (to_mend) {
        print_command(s, false, true);
        if (s->run.checkpoints.any) { /* it was made from what is to be fixed */
            fprintf(stderr, " --force");
        }
    } else {
        print_how_to_learn_less(s, anew);
    }
    fputc('\n', stderr);
}

int train_report_divergence(const train_session *s, const mote_error *error) {
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
