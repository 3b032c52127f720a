/* picture.c: converts a picture to grey and another format, for the shell script tests.
 *
 *   picture [--invert] FROM TO    TO ends with .png, .jpg, .bmp or .pgm
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static bool write_pgm(const char *path, int width, int height, const unsigned char *pixels) {
    FILE *stream = fopen(path, "wb");
    bool good = stream && fprintf(stream, "P5\n%d %d\n255\n", width, height) > 0 &&
                fwrite(pixels, (size_t)width, (size_t)height, stream) == (size_t)height;
    return stream && fclose(stream) == 0 && good;
}

static bool write_picture(const char *path, int width, int height, const unsigned char *pixels) {
    if (ends_with(path, ".png")) {
        return stbi_write_png(path, width, height, 1, pixels, width);
    }
    if (ends_with(path, ".jpg")) {
        return stbi_write_jpg(path, width, height, 1, pixels, 95);
    }
    if (ends_with(path, ".bmp")) {
        return stbi_write_bmp(path, width, height, 1, pixels);
    }
    return ends_with(path, ".pgm") && write_pgm(path, width, height, pixels);
}

int main(int argc, char **argv) {
    bool invert = argc > 1 && strcmp(argv[1], "--invert") == 0;
    if (argc != 3 + invert) {
        fprintf(stderr, "usage: picture [--invert] FROM TO\n");
        return 2;
    }
    int width, height, channels;
    unsigned char *pixels = stbi_load(argv[1 + invert], &width, &height, &channels, 1);
    if (!pixels) {
        fprintf(stderr, "%s: %s\n", argv[1 + invert], stbi_failure_reason());
        return 1;
    }
    for (int i = 0; invert && i < width * height; i++) {
        pixels[i] = (unsigned char)(255 - pixels[i]);
    }
    bool good = write_picture(argv[2 + invert], width, height, pixels);
    free(pixels);
    return good ? 0 : 1;
}
