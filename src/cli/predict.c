/* predict.c: ./predict MODEL FILE... prints a model's predictions for pictures and tables. */
#include <stdlib.h>

#include "cli/common.h"
#include "cli/predict.h"

static int read_settings(predict_settings *s, int argc, char **argv, text_list *operands) {
    const cli_argument arguments[] = {
        {"top", ARGUMENT_NUMBER, &s->top, "K", "show the K most probable classes (default 1)"},
        {"limit", ARGUMENT_NUMBER, &s->limit, "N",
         "only the first N samples of each IDX or CIFAR file or table"},
        {"invert", ARGUMENT_FLAG, &s->invert, NULL, "swap dark and light in pictures first"},
        {"threads", ARGUMENT_NUMBER, &s->threads, "N", "number of threads; 0: one per core"},
        PLUGIN_ARGUMENT(NULL),
        {"json", ARGUMENT_FLAG, &s->json, NULL, "print one JSON object per line"},
        {0},
    };
    const cli_command predict = {
        .name = "predict",
        .operands = "MODEL FILE...",
        .summary =
            "Runs a trained model on files: pictures (PNG, JPEG, BMP, TGA, PNM), directories "
            "of\npictures, IDX and CIFAR (.bin) files; for a model that takes numbers, tables "
            "(CSV),\ndirectories of tables, or a row itself, such as 5.1,3.5,1.4,0.2. \"-\" stands "
            "for\nstandard input: a list of files, one per line, or a table.",
        .arguments = arguments,
        .minimum_operands = 2,
        .maximum_operands = SIZE_MAX};
    int code = command_read(&predict, argc, argv, operands);
    if (code < 0 && s->top == 0) {
        fprintf(stderr, "predict: --top takes a number of at least 1\n");
        return EXIT_USAGE;
    }
    return code;
}

static int predict(predictor *p, const text_list *operands) {
    mote_error error = {0};
    if (predictor_open(p, operands->texts[0], &error) != MOTE_OK) {
        return report_error("predict", &error);
    }
    for (size_t i = 1; i < operands->count; i++) {
        predict_operand(p, operands->texts[i]);
    }
    predictor_flush(p);
    return p->code;
}

int main(int argc, char **argv) {
    ensure_fast_kernels(argv);
    predictor p = {.settings = {.top = 1, .limit = SIZE_MAX}};
    text_list operands = {.texts = calloc((size_t)argc, sizeof *operands.texts)};
    if (!operands.texts) {
        fprintf(stderr, "predict: out of memory\n");
        return EXIT_FAILED;
    }
    int code = read_settings(&p.settings, argc, argv, &operands);
    code = code < 0 ? predict(&p, &operands) : code;
    predictor_close(&p);
    free(operands.texts);
    return finish_output("predict", code);
}
