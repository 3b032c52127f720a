/* train_settings.c: the command line of ./train. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/topics.h"
#include "cli/train.h"

/* Called before any data is loaded. Returns a negative number to continue, else the exit code. */
static int check_preview(const char *path) {
    size_t length = strlen(path);
    if (length < 5 || strcasecmp(path + length - 4, ".png") != 0) {
        fprintf(stderr, "train: --preview draws a PNG file: \"%s\" does not end in .png\n", path);
        return EXIT_USAGE;
    }
    if (access(path, F_OK) == 0) {
        fprintf(stderr, "train: %s: already exists; remove it, or name another file\n", path);
        return EXIT_FAILED;
    }
    return -1;
}

int train_read_settings(train_settings *s, int argc, char **argv, text_list *operands) {
    const cli_argument arguments[] = {
        {"set", ARGUMENT_LIST, &s->overrides, "KEY=VALUE",
         "change a value of the config: --set train.epochs=3"},
        {"threads", ARGUMENT_TEXT, &s->threads, "N", "short for --set train.threads=N"},
        {"seed", ARGUMENT_TEXT, &s->seed, "N", "short for --set seed=N"},
        {"resume", ARGUMENT_FLAG, &s->resume, NULL,
         "resume the newest run of this config, or the one in --run-dir"},
        {"force", ARGUMENT_FLAG, &s->force, NULL,
         "with --resume: even if the config has changed, as long as weights and optimizer still "
         "fit"},
        {"run-dir", ARGUMENT_TEXT, &s->run_directory, "DIR",
         "directory to write to, new or empty; by default runs/<name>/<number>"},
        {"init-from", ARGUMENT_TEXT, &s->init_from, "FILE",
         "start from the parameters in a safetensors file"},
        PLUGIN_ARGUMENT(&s->plugins),
        {"dry-run", ARGUMENT_FLAG, &s->dry_run, NULL,
         "check everything, print what would be done, and stop"},
        {"preview", ARGUMENT_TEXT, &s->preview, "FILE.png",
         "draw the first batch with its labels, as training will see it, and stop"},
        {"overfit-batch", ARGUMENT_FLAG, &s->overfit, NULL,
         "train on one batch until its loss vanishes, to check the network; writes no run"},
        {"quiet", ARGUMENT_FLAG, &s->quiet, NULL, "print nothing but the result"},
        {0},
    };
    const cli_command train = {.name = "train",
                               .operands = "CONFIG",
                               .summary = "Trains a model as described by the JSON file CONFIG.",
                               .arguments = arguments,
                               .minimum_operands = 1,
                               .maximum_operands = 1,
                               .topics = help_topics,
                               .print_topic = help_print};
    int code = command_read(&train, argc, argv, operands);
    s->config = operands->count > 0 ? operands->texts[0] : NULL;
    if (code < 0 && s->resume && s->init_from) {
        fprintf(stderr,
                "train: --resume continues with the run's own parameters; leave out --init-from\n");
        return EXIT_USAGE;
    }
    if (code < 0 && s->force && !s->resume) {
        fprintf(stderr, "train: --force only has an effect with --resume\n");
        return EXIT_USAGE;
    }
    if (code < 0 && s->resume && s->preview) {
        fprintf(stderr, "train: --preview shows how training begins; leave out --resume\n");
        return EXIT_USAGE;
    }
    if (code < 0 && s->overfit && (s->resume || s->preview || s->dry_run || s->run_directory)) {
        fprintf(stderr,
                "train: --overfit-batch trains from scratch and writes no run; leave out %s\n",
                s->resume    ? "--resume"
                : s->preview ? "--preview"
                : s->dry_run ? "--dry-run"
                             : "--run-dir");
        return EXIT_USAGE;
    }
    return code < 0 && s->preview ? check_preview(s->preview) : code;
}

void train_add_shorthands(train_settings *s, char texts[2][64]) {
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
