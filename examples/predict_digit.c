/* predict_digit.c: a trained model in a program of one's own: predict_digit MODEL IMAGE
 *
 * MODEL is what ./train configs/mnist.json has written; IMAGE is a PGM file of 28 × 28 pixels, or
 * their 784 bytes alone, light on dark as in MNIST. Next, a layer: ../src/layers/tanh.c. */
#include <stdbool.h>
#include <stdio.h>

#include "mote/mote.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, DIGITS = 10 };

/* PGM: "P5", perhaps a comment, width, height, largest value, one white space, the pixels. */
static bool read_image(const char *path, uint8_t *pixels) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return false;
    }
    int width = SIDE, height = SIDE, largest = 255;
    bool good = true;
    if (fgetc(file) == 'P' && fgetc(file) == '5') {
        good = fscanf(file, " #%*[^\n]") != EOF &&
               fscanf(file, "%d%d%d", &width, &height, &largest) == 3 && fgetc(file) != EOF;
    } else {
        rewind(file);
    }
    good = good && width == SIDE && height == SIDE && largest == 255 &&
           fread(pixels, 1, PIXELS, file) == PIXELS && fgetc(file) == EOF;
    fclose(file);
    if (!good) {
        fprintf(stderr, "%s: expected a PGM (P5) of 28 × 28 pixels, or 784 bytes\n", path);
    }
    return good;
}

int main(int argc, char **argv) {
    uint8_t pixels[PIXELS];
    mote_real x[PIXELS], p[DIGITS];
    if (argc != 3 || !read_image(argv[2], pixels)) {
        return argc == 3 ? 1 : (fprintf(stderr, "usage: predict_digit MODEL IMAGE\n"), 2);
    }
    mote_error error = {0};
    mote_model *model = mote_model_load(argv[1], &error);
    if (model && (mote_shape_count(mote_model_input_shape(model)) != PIXELS ||
                  mote_model_classes(model) != DIGITS || !mote_model_preprocessing(model)->bytes)) {
        mote_fail(&error, MOTE_DATA, "%s: no model of digits of 28 × 28 8-bit pixels", argv[1]);
    } else if (model) {
        mote_preprocess_bytes(mote_model_preprocessing(model), PIXELS, pixels, x);
        if (mote_model_predict(model, 1, x, p, &error) == MOTE_OK) {
            size_t best = 0;
            for (size_t i = 1; i < DIGITS; i++) {
                best = p[i] > p[best] ? i : best;
            }
            printf("%s (%.2f %%)\n", mote_model_class_name(model, best), 100 * (double)p[best]);
        }
    }
    fprintf(stderr, "%s%s", error.message, error.status == MOTE_OK ? "" : "\n");
    mote_model_destroy(model);
    return error.status == MOTE_OK ? 0 : 1;
}
