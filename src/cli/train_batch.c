/* train_batch.c: what ./train does with a single batch instead of training. */
#include <math.h>
#include <stdio.h>

#include "cli/signals.h"
#include "cli/train.h"
#include "train/overfit.h"
#include "train/preview.h"

int train_preview(const train_session *s) {
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

/* Reports the loss after 1, 2, 5, 10, 20, 50 ... steps. */
static bool on_overfit_step(void *context, const mote_overfit *so_far) {
    const train_session *s = context;
    uint64_t leading = so_far->steps;
    while (leading % 10 == 0) {
        leading /= 10;
    }
    if (!s->settings.quiet && (leading == 1 || leading == 2 || leading == 5)) {
        fprintf(stderr, "step %5llu  loss %.6g\n", (unsigned long long)so_far->steps, so_far->loss);
    }
    return !signals_seen();
}

static void tell_stuck(const mote_overfit *found) {
    size_t named =
        found->stuck_count < MOTE_OVERFIT_NAMES ? found->stuck_count : MOTE_OVERFIT_NAMES;
    if (named == 0) {
        return;
    }
    fprintf(stderr, "train: ");
    for (size_t i = 0; i < named; i++) {
        fprintf(stderr, "%s%s", i ? ", " : "", found->stuck[i]);
    }
    if (named < found->stuck_count) {
        fprintf(stderr, " and %zu more", found->stuck_count - named);
    }
    fprintf(stderr,
            " got no gradient in either the first step or the last: units after them are dead or "
            "saturated, or a layer's backward function is wrong\n");
}

static const double STILL_FALLING = 0.9; /* times the loss halfway through the steps */
static const double STEADY = 0.5;        /* times what it fell in the first half */

static bool still_falls(const mote_overfit *found) {
    double before = found->first_loss - found->half_loss, after = found->half_loss - found->loss;
    return found->loss < STILL_FALLING * found->half_loss ||
           (before > 0 && after > STEADY * before);
}

int train_overfit(train_session *s) {
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
    tell_stuck(&found);
    if (!found.vanished && still_falls(&found)) {
        fprintf(stderr, "train: the loss is still falling: try a higher learning rate, or more "
                        "steps with --set train.max_steps\n");
    } else if (!found.vanished) {
        fprintf(stderr,
                "train: a network that works can memorize one batch: try another learning rate, "
                "leave out dropout and the like, look at the data%s, and check the gradients of "
                "your own layers\n",
                mote_preview_is_possible(s->trainer) ? " with --preview" : "");
    }
    return found.vanished ? EXIT_DONE : EXIT_FAILED;
}
