/* predict_digit.c: a trained model in your own program: predict_digit MODEL IMAGE. MODEL is what
 * ./train configs/mnist.json writes; IMAGE is a PGM file of 28 × 28 pixels, or just their 784
 * bytes, light on dark as in MNIST. Next, a layer: ../src/layers/tanh.c. */
#include <stdio.h>

#include "mote/mote.h"

enum {
    SIDE = 28,
    PIXELS = SIDE * SIDE,
    DIGITS = 10
};

/* PGM: "P5", an optional comment, width, height, largest value, one whitespace byte, the pixels. */
static void read_image(const char *path, uint8_t *pixels, mote_error *error) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        mote_fail(error, MOTE_FILE, "%s: cannot be opened", path);
        return;
    }
    int width = SIDE, height = SIDE, largest = 255;
    if (fgetc(file) != 'P' || fgetc(file) != '5') {
        rewind(file);
    } else if (fscanf(file, " #%*[^\n]") == EOF ||
               fscanf(file, "%4d%4d%4d", &width, &height, &largest) != 3 || fgetc(file) == EOF) {
        width = 0;
    }
    if (width != SIDE || height != SIDE || largest != 255 ||
        fread(pixels, 1, PIXELS, file) != PIXELS || fgetc(file) != EOF) {
        mote_fail(error, MOTE_DATA, "%s: expected a PGM (P5) of 28 × 28, or 784 bytes", path);
    }
    fclose(file);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: predict_digit MODEL IMAGE\n");
        return 2;
    }
    mote_error error = {0}; /* keeps the first failure */
    mote_model *model = mote_model_load(argv[1], &error);
    if (model && (mote_shape_count(mote_model_input_shape(model)) != PIXELS ||
                  mote_model_classes(model) != DIGITS || !mote_model_preprocessing(model)->bytes)) {
        mote_fail(&error, MOTE_INVALID, "%s: does not tell ten digits of 28 × 28 apart", argv[1]);
    }
    uint8_t pixels[PIXELS];
    mote_real x[PIXELS], p[DIGITS];
    read_image(argv[2], pixels, &error);
    if (error.status == MOTE_OK) {
        mote_preprocess_bytes(mote_model_preprocessing(model), PIXELS, pixels, x);
        mote_model_predict(model, 1, x, p, &error);
    }
    if (error.status == MOTE_OK) {
        size_t best = 0;
        for (size_t i = 1; i < DIGITS; i++) {
            best = p[i] > p[best] ? i : best;
        }
        printf("%s (%.2f %%)\n", mote_model_class_name(model, best), 100 * (double)p[best]);
    } else {
        fprintf(stderr, "predict_digit: %s\n", error.message);
    }
    mote_model_destroy(model);
    return error.status == MOTE_OK ? 0 : 1;
}
