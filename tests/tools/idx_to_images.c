/* idx_to_images.c: the pictures of an IDX file as PNG files in class directories.
 *
 *   idx_to_images IMAGES LABELS DIRECTORY [COUNT]
 *
 * Takes the first COUNT pictures, or all, and writes
 *   DIRECTORY/<label>/<number>.png  the pictures, numbers in six digits
 *   DIRECTORY.tsv                   their list, in the order of IMAGES
 *   DIRECTORY-images.idx            the same pictures in the order of the directories: by class,
 *   DIRECTORY-labels.idx            and within a class in the order of IMAGES
 * IMAGES and LABELS may be compressed with gzip.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

enum {
    CLASSES = 256,
    PATH = 4096
};

typedef struct idx {
    size_t count, height, width;
    unsigned char *bytes;
} idx;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static idx read_idx(const char *path) {
    gzFile stream = gzopen(path, "rb");
    unsigned char header[16] = {0};
    size_t dims[3] = {1, 1, 1};
    if (!stream || gzread(stream, header, 4) != 4 || header[2] != 8 || header[3] < 1 ||
        header[3] > 3 || gzread(stream, header + 4, 4U * header[3]) != 4 * header[3]) {
        fail(path);
    }
    for (size_t i = 0; i < header[3]; i++) {
        const unsigned char *b = header + 4 + 4 * i;
        dims[i] = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
    }
    size_t size = dims[0] * dims[1] * dims[2];
    idx file = {dims[0], dims[1], dims[2], malloc(size)};
    if (!file.bytes || gzread(stream, file.bytes, (unsigned)size) != (int)size) {
        fail(path);
    }
    gzclose(stream);
    return file;
}

static void write_number(FILE *stream, size_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        fputc((int)(number >> shift & 255), stream);
    }
}

static FILE *create(const char *directory, const char *ending) {
    char path[PATH];
    snprintf(path, sizeof path, "%s%s", directory, ending);
    FILE *stream = fopen(path, "wb");
    if (!stream) {
        fail(path);
    }
    return stream;
}

static void make_directory(const char *path) {
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        fail(path);
    }
}

static void write_pictures(const idx *images, const idx *labels, size_t count,
                           const char *directory) {
    const char *slash = strrchr(directory, '/');
    FILE *list = create(directory, ".tsv");
    make_directory(directory);
    for (size_t i = 0; i < count; i++) {
        char path[PATH + 64];
        snprintf(path, sizeof path, "%s/%d", directory, labels->bytes[i]);
        make_directory(path);
        size_t used = strlen(path);
        snprintf(path + used, sizeof path - used, "/%06zu.png", i);
        const unsigned char *pixels = images->bytes + i * images->height * images->width;
        if (!stbi_write_png(path, (int)images->width, (int)images->height, 1, pixels,
                            (int)images->width)) {
            fail(path);
        }
        fprintf(list, "%s\t%d\n", path + (slash ? slash + 1 - directory : 0), labels->bytes[i]);
    }
    if (fclose(list) != 0) {
        fail(directory);
    }
}

static void write_sorted(const idx *images, const idx *labels, size_t count,
                         const char *directory) {
    FILE *image_file = create(directory, "-images.idx"),
         *label_file = create(directory, "-labels.idx");
    size_t size = images->height * images->width;
    fwrite("\0\0\x08\x03", 1, 4, image_file);
    write_number(image_file, count);
    write_number(image_file, images->height);
    write_number(image_file, images->width);
    fwrite("\0\0\x08\x01", 1, 4, label_file);
    write_number(label_file, count);
    for (int label = 0; label < CLASSES; label++) {
        for (size_t i = 0; i < count; i++) {
            if (labels->bytes[i] == label) {
                fwrite(images->bytes + i * size, 1, size, image_file);
                fputc(label, label_file);
            }
        }
    }
    if (fclose(image_file) != 0 || fclose(label_file) != 0) {
        fail(directory);
    }
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: idx_to_images IMAGES LABELS DIRECTORY [COUNT]\n");
        return 2;
    }
    idx images = read_idx(argv[1]), labels = read_idx(argv[2]);
    size_t count = images.count < labels.count ? images.count : labels.count;
    size_t wanted = argc == 5 ? strtoul(argv[4], NULL, 10) : count;
    count = wanted < count ? wanted : count;
    write_pictures(&images, &labels, count, argv[3]);
    write_sorted(&images, &labels, count, argv[3]);
    free(images.bytes);
    free(labels.bytes);
    return 0;
}
