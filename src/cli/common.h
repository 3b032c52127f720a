/* common.h: what the programs share: arguments, exit codes and human-readable text.
 */
#ifndef MOTE_CLI_COMMON_H
#define MOTE_CLI_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/suggest.h"
#include "mote/status.h"

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_DIVERGED = 3,
    EXIT_INTERRUPTED = 130, /* by SIGINT */
    EXIT_TERMINATED = 143,  /* by SIGTERM or SIGHUP */
};

typedef enum argument_kind {
    ARGUMENT_FLAG,   /* bool */
    ARGUMENT_TEXT,   /* const char * */
    ARGUMENT_NUMBER, /* size_t */
    ARGUMENT_LIST,   /* text_list: may be given several times */
    ARGUMENT_PLUGIN, /* the same, or NULL; loads the plugin at once, so that --help covers it */
} argument_kind;

typedef struct text_list {
    const char **texts; /* room for all of argv; allocated and freed by main */
    size_t count;
} text_list;

/* An option; a table of them ends with name NULL. */
typedef struct cli_argument {
    const char *name; /* "run-dir" for --run-dir */
    argument_kind kind;
    void *target;
    const char *value; /* what help calls its value: "DIR"; NULL for a flag */
    const char *help;
} cli_argument;

/* The row for --plugin. */
#define PLUGIN_ARGUMENT(list)                                                                      \
    {                                                                                              \
        "plugin", ARGUMENT_PLUGIN, (list), "FILE.so",                                              \
            "load layers, outputs, optimizers, schedules and the like from a shared object"        \
    }

/* A program's command line. */
typedef struct cli_command {
    const char *name;     /* "train" */
    const char *operands; /* its operands, as help shows them: "CONFIG" */
    const char *summary;
    const cli_argument *arguments;
    size_t minimum_operands, maximum_operands;

    /* The topics that --help accepts, as text, and the function that prints one; or NULL. For an
     * unknown topic the function returns false and sets `more` to the end of the error message:
     * "; did you mean "layers"?". */
    const char *topics;
    bool (*print_topic)(const char *topic, char more[MOTE_NAMES_CAPACITY]);
} cli_command;

/* Reads argv into the arguments' targets and `operands`. Handles --help and --version. Returns a
 * negative number to continue, else the exit code. */
int command_read(const cli_command *command, int argc, char **argv, text_list *operands);

/* Makes OpenBLAS use kernels that suit the processor: if the library cannot switch by itself,
 * re-executes the program, once, with OPENBLAS_CORETYPE set. */
void ensure_fast_kernels(char **argv);

/* Prints "train: <message>" and returns the exit code of the status. */
int report_error(const char *program, const mote_error *error);

/* Flushes stdout. Returns `code`, or EXIT_FAILED in place of EXIT_DONE if the output could not be
 * written. */
int finish_output(const char *program, int code);

/* Prints a word, quoted for the shell if necessary. */
void print_quoted(FILE *stream, const char *word);

/* The number of screen columns a text takes: "×" is two bytes but one column. */
size_t columns_of(const char *text);

/* Prints a text in exactly `columns` columns: truncated, or padded with spaces. */
void print_padded(FILE *stream, const char *text, size_t columns);

/* "0.0433", "1.23457e+20", "NaN": the loss with four decimals for `classes`, unless it is large;
 * otherwise, since it may be of any size, with six significant digits. Returns `text`. */
#define LOSS_CAPACITY 32
char *loss_text(double loss, bool classes, char *text);

/* "60,000". Returns `text`. */
#define GROUPED_CAPACITY 32
char *grouped(uint64_t number, char *text);

#endif
