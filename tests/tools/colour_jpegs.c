/* colour_jpegs.c: colour JPEG files of ten classes, in class directories.
 *
 *   colour_jpegs DIRECTORY COUNT SIDE
 *
 * Makes COUNT files of SIDE × SIDE pixels in all, DIRECTORY/<class>/<number>.jpg: stripes in the
 * class's direction and colours, shifted and with noise.
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

static const char *const classes[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                      "dog",      "frog",       "horse", "ship", "truck"};

enum {
    CLASSES = sizeof classes / sizeof *classes
};

static uint32_t random_state = 1;

static uint32_t draw_random(uint32_t below) {
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % below;
}

static void draw(size_t kind, size_t side, unsigned char *pixels) {
    double angle = 3.14159265 * (double)(kind % 5) / 5, shift = draw_random(628) / 100.0;
    for (size_t i = 0; i < side * side; i++) {
        double x = (double)(i % side), y = (double)(i / side);
        double wave = sin((x * cos(angle) + y * sin(angle)) * 20 / (double)side + shift);
        for (size_t c = 0; c < 3; c++) {
            double contrast = (kind / 5 ? c == 0 : c == 2) ? 70 : 30;
            pixels[3 * i + c] = (unsigned char)(128 + contrast * wave + draw_random(40) - 20);
        }
    }
}

static void make_directory(const char *path) {
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        perror(path);
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: colour_jpegs DIRECTORY COUNT SIDE\n");
        return 2;
    }
    size_t count = strtoul(argv[2], NULL, 10), side = strtoul(argv[3], NULL, 10);
    unsigned char *pixels = malloc(3 * side * side);
    if (!pixels) {
        return 1;
    }
    make_directory(argv[1]);
    for (size_t i = 0; i < count; i++) {
        char path[4096];
        int used = snprintf(path, sizeof path - 32, "%s/%s", argv[1], classes[i % CLASSES]);
        make_directory(path);
        snprintf(path + used, 32, "/%06zu.jpg", i);
        draw(i % CLASSES, side, pixels);
        if (!stbi_write_jpg(path, (int)side, (int)side, 3, pixels, 90)) {
            perror(path);
            return 1;
        }
    }
    free(pixels);
    return 0;
}
