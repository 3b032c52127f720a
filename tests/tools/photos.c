/* photos.c: colour pictures of ten kinds of things, for tests that need a folder of photographs.
 *
 *   photos DIRECTORY COUNT    DIRECTORY/CLASS/000.jpg ..., COUNT of 32 × 32 pixels for each class
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

enum {
    SIDE = 32
};

static const char *const names[] = {"bar",  "cross", "diamond",   "disc",   "frame",
                                    "half", "ring",  "sandglass", "square", "triangle"};

static unsigned state = 1;

/* Draws a number from 0 to just below 1. */
static double draw(void) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) / 16777216.0;
}

/* Whether a point, relative to the middle, is part of the thing, which extends to about 1. */
static bool is_inside(int kind, double x, double y) {
    double r = sqrt(x * x + y * y), square = fmax(fabs(x), fabs(y));
    switch (kind) {
    case 0:
        return fabs(y) < 0.25 && fabs(x) < 1;
    case 1:
        return fmin(fabs(x), fabs(y)) < 0.2 && square < 1;
    case 2:
        return fabs(x) + fabs(y) < 1;
    case 3:
        return r < 0.9;
    case 4:
        return square < 0.9 && square > 0.55;
    case 5:
        return r < 1 && y > 0;
    case 6:
        return r < 1 && r > 0.6;
    case 7:
        return fabs(x) < fabs(y) && fabs(y) < 0.9;
    case 8:
        return square < 0.8;
    default:
        return y < 0.8 && fabs(x) < (y + 0.9) * 0.55;
    }
}

static void draw_photo(int kind, unsigned char *pixels) {
    double thing[3], ground[3], middle_x = SIDE * (0.4 + 0.2 * draw()),
                                middle_y = SIDE * (0.4 + 0.2 * draw());
    double size = SIDE * (0.25 + 0.15 * draw()), angle = 0.4 * (draw() - 0.5);
    bool light = draw() < 0.5;
    for (int c = 0; c < 3; c++) {
        thing[c] = (light ? 150 : 20) + 80 * draw();
        ground[c] = (light ? 20 : 150) + 80 * draw();
    }
    for (int i = 0; i < SIDE * SIDE; i++) {
        double dx = (i % SIDE - middle_x) / size, dy = (i / SIDE - middle_y) / size;
        double x = cos(angle) * dx - sin(angle) * dy, y = sin(angle) * dx + cos(angle) * dy;
        const double *color = is_inside(kind, x, y) ? thing : ground;
        for (int c = 0; c < 3; c++) {
            pixels[3 * i + c] = (unsigned char)(color[c] + 20 * draw());
        }
    }
}

int main(int argc, char **argv) {
    int count = argc == 3 ? atoi(argv[2]) : 0;
    if (count < 1) {
        fprintf(stderr, "usage: photos DIRECTORY COUNT\n");
        return 2;
    }
    mkdir(argv[1], 0777);
    for (int kind = 0; kind < 10; kind++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], names[kind]);
        mkdir(path, 0777);
        for (int i = 0; i < count; i++) {
            unsigned char pixels[SIDE * SIDE * 3];
            draw_photo(kind, pixels);
            snprintf(path, sizeof path, "%s/%s/%03d.jpg", argv[1], names[kind], i);
            if (!stbi_write_jpg(path, SIDE, SIDE, 3, pixels, 92)) {
                fprintf(stderr, "%s: cannot be written\n", path);
                return 1;
            }
        }
    }
    return 0;
}
