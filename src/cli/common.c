/* common.c: what the programs share. */
#include "cli/common.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/signals.h"
#include "mote/kernels.h"
#include "mote/plugin.h"
#include "mote/version.h"

/* ---- help ---- */

static void print_usage(FILE *stream, const cli_command *command) {
    fprintf(stream, "usage: %s %s [OPTION]...\n", command->name, command->operands);
}

static void print_option(const char *name, const char *value, const char *help) {
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", name, value ? " " : "", value ? value : "");
    printf("  %-22s %s\n", left, help);
}

static void print_help(const cli_command *command) {
    print_usage(stdout, command);
    printf("\n%s\n\n", command->summary);
    for (const cli_argument *a = command->arguments; a->name; a++) {
        print_option(a->name, a->value, a->help);
    }
    print_option("help", command->topics ? "[TOPIC]" : NULL,
                 command->topics ? "show this help, or help on a topic" : "show this help");
    print_option("version", NULL, "show mote's version");
    if (command->topics) {
        printf("\ntopics: %s\n", command->topics);
    }
}

/* ---- arguments ---- */

static int fail_usage(const cli_command *command, const char *text, const char *about,
                      const char *more) {
    fprintf(stderr, "%s: ", command->name);
    fprintf(stderr, text, about);
    fprintf(stderr, "%s\n", more);
    print_usage(stderr, command);
    fprintf(stderr, "for more, see %s --help\n", command->name);
    return EXIT_USAGE;
}

static const cli_argument *find_argument(const cli_command *command, const char *name,
                                         size_t length) {
    for (const cli_argument *a = command->arguments; a->name; a++) {
        if (strlen(a->name) == length && strncmp(a->name, name, length) == 0) {
            return a;
        }
    }
    return NULL;
}

/* "--sed=1": the option is "sed". */
static int fail_unknown(const cli_command *command, const char *option) {
    char name[64], text[MOTE_SUGGESTION_CAPACITY];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(option, "="), option);
    mote_suggestion suggestion = mote_suggest(name);
    for (const cli_argument *a = command->arguments; a->name; a++) {
        mote_suggest_candidate(&suggestion, a->name);
    }
    mote_suggest_candidate(&suggestion, "help");
    mote_suggest_candidate(&suggestion, "version");
    return fail_usage(command, "unknown option --%s", name,
                      mote_suggestion_text(&suggestion, text));
}

static bool read_number(const char *text, size_t *number) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *number = (size_t)value;
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && value <= SIZE_MAX;
}

static bool store(const cli_argument *a, const char *value) {
    switch (a->kind) {
    case ARGUMENT_FLAG:
        *(bool *)a->target = true;
        return true;
    case ARGUMENT_TEXT:
        *(const char **)a->target = value;
        return true;
    case ARGUMENT_NUMBER:
        return read_number(value, a->target);
    case ARGUMENT_LIST:
    case ARGUMENT_PLUGIN: {
        text_list *list = a->target;
        if (list) {
            list->texts[list->count++] = value;
        }
        return true;
    }
    }
    return false;
}

/* Reads the option at argv[*at] and any value after it; advances *at to the last one read. */
static int read_option(const cli_command *command, int argc, char **argv, int *at) {
    const char *name = argv[*at] + 2;
    size_t length = strcspn(name, "=");
    const cli_argument *a = find_argument(command, name, length);
    if (!a) {
        return fail_unknown(command, name);
    }
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    if (a->kind == ARGUMENT_FLAG && value) {
        return fail_usage(command, "--%s takes no value", a->name, "");
    }
    if (a->kind != ARGUMENT_FLAG && !value) {
        /* What looks like the next option is not taken as a value: a directory "--resume". */
        if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0) {
            return fail_usage(command, "--%s needs a value", a->name, "");
        }
        value = argv[++*at];
    }
    if (!store(a, value)) {
        char more[160];
        snprintf(more, sizeof more, " takes a whole number, not \"%.80s\"", value);
        return fail_usage(command, "--%s", a->name, more);
    }
    mote_error error = {0};
    if (a->kind == ARGUMENT_PLUGIN && mote_plugin_load(value, &error) != MOTE_OK) {
        return report_error(command->name, &error);
    }
    return -1;
}

/* Loads the plugins named after --help, so that help covers them too. */
static int read_plugins(const cli_command *command, int argc, char **argv, int from) {
    for (int i = from; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--plugin") == 0 || strncmp(argv[i], "--plugin=", 9) == 0) {
            int code = read_option(command, argc, argv, &i);
            if (code >= 0) {
                return code;
            }
        }
    }
    return -1;
}

/* `topic` is the word after --help, or NULL. */
static int print_topic(const cli_command *command, const char *topic) {
    if (!topic || *topic == '-' || !command->topics) {
        print_help(command);
        return EXIT_DONE;
    }
    char more[MOTE_NAMES_CAPACITY];
    return command->print_topic(topic, more)
               ? EXIT_DONE
               : fail_usage(command, "there is no help on \"%s\"", topic, more);
}

/* An option begins with a minus, but so do negative numbers, such as the first one of a row; "-"
 * alone stands for standard input. */
static bool is_operand(const char *text) {
    return text[0] != '-' || text[1] == '\0' || text[1] == '.' ||
           (text[1] >= '0' && text[1] <= '9');
}

int command_read(const cli_command *command, int argc, char **argv, text_list *operands) {
    bool options_over = false;
    for (int i = 1; i < argc; i++) {
        if (options_over || is_operand(argv[i])) {
            operands->texts[operands->count++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            options_over = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            int code = read_plugins(command, argc, argv, i + 1);
            return code >= 0 ? code : print_topic(command, i + 1 < argc ? argv[i + 1] : NULL);
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("mote %s\n", MOTE_VERSION);
            return EXIT_DONE;
        } else if (argv[i][1] != '-') {
            return fail_usage(command, "unknown option %s", argv[i], "");
        } else {
            int code = read_option(command, argc, argv, &i);
            if (code >= 0) {
                return code;
            }
        }
    }
    if (operands->count < command->minimum_operands) {
        return fail_usage(command, "expected %s", command->operands, "");
    }
    if (operands->count > command->maximum_operands) {
        return fail_usage(command, "unexpected argument \"%s\"",
                          operands->texts[command->maximum_operands], "");
    }
    return -1;
}

/* ---- the rest ---- */

void ensure_fast_kernels(char **argv) {
    const char *kernels = mote_blas_advice();
    if (kernels) {
        setenv("OPENBLAS_CORETYPE", kernels, 1);
        execv("/proc/self/exe", argv); /* returns only on failure */
        fprintf(stderr,
                "warning: OpenBLAS is using its \"%s\" kernels, several times slower than this "
                "processor allows; set OPENBLAS_CORETYPE=%s\n",
                mote_blas_kernels(), kernels);
    }
}

int report_error(const char *program, const mote_error *error) {
    fprintf(stderr, "%s: %s\n", program,
            error->message[0] ? error->message : mote_status_text(error->status));
    switch (error->status) {
    case MOTE_OK:
        return EXIT_DONE;
    case MOTE_INVALID:
        return EXIT_USAGE;
    case MOTE_DIVERGED:
        return EXIT_DIVERGED;
    case MOTE_INTERRUPTED:
        return signals_exit_code();
    case MOTE_FILE:
    case MOTE_DATA:
    case MOTE_MEMORY:
        break;
    }
    return EXIT_FAILED;
}

int finish_output(const char *program, int code) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return code;
    }
    fprintf(stderr, "%s: the output could not be written: %s\n", program,
            errno ? strerror(errno) : "an earlier write failed");
    return code == EXIT_DONE ? EXIT_FAILED : code;
}

/* ---- human-readable text ---- */

void print_quoted(FILE *stream, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./=,:+@%";
    if (*word && word[strspn(word, plain)] == '\0') {
        fputs(word, stream);
        return;
    }
    fputc('\'', stream);
    for (const char *at = word; *at; at++) {
        if (*at == '\'') {
            fputs("'\\''", stream);
        } else {
            fputc(*at, stream);
        }
    }
    fputc('\'', stream);
}

/* Whether this byte begins a UTF-8 character. */
static bool begins_character(char c) {
    return ((unsigned char)c & 0xc0) != 0x80;
}

size_t columns_of(const char *text) {
    size_t columns = 0;
    for (; *text; text++) {
        columns += begins_character(*text);
    }
    return columns;
}

void print_padded(FILE *stream, const char *text, size_t columns) {
    size_t seen = 0;
    for (; *text && (seen < columns || !begins_character(*text)); text++) {
        seen += begins_character(*text);
        fputc(*text, stream);
    }
    fprintf(stream, "%*s", (int)(columns - seen), "");
}

static const double LARGE_LOSS = 1e5;

char *loss_text(double loss, bool classes, char *text) {
    if (!isfinite(loss)) {
        strcpy(text, isnan(loss) ? "NaN" : "infinity");
    } else {
        snprintf(text, LOSS_CAPACITY, classes && loss < LARGE_LOSS ? "%.4f" : "%.6g", loss);
    }
    return text;
}

char *grouped(uint64_t number, char *text) {
    char digits[GROUPED_CAPACITY];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    char *at = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *at++ = ',';
        }
        *at++ = digits[i];
    }
    *at = '\0';
    return text;
}
