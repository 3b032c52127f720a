/* augment_test.c: augmentations against a simple reference in double precision, what they draw,
 * that they repeat to the bit, and what they refuse.
 */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/dataset.h"
#include "mote/random.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

enum {
    SEED = 7,
    MOST_COUNT = 3 * 40 * 40
};

/* ---- lists ---- */

typedef struct list {
    mote_document *document;
    mote_augment_list read;
    mote_augmenter *augmenter;
} list;

static void list_open(list *l, const char *json, mote_shape shape, size_t threads) {
    mote_error error = {0};
    l->document = mote_document_parse(json, strlen(json), NULL, "augment", &error);
    cr_assert(l->document, "%s", error.message);
    mote_status status =
        mote_augment_list_read(&l->read, mote_document_root(l->document), shape, &error);
    cr_assert_eq(status, MOTE_OK, "%s: %s", json, error.message);
    l->augmenter = mote_augmenter_create(&l->read, threads, SEED, &error);
    cr_assert(l->augmenter, "%s", error.message);
}

static void list_close(list *l) {
    mote_augmenter_destroy(l->augmenter);
    mote_augment_list_free(&l->read);
    mote_document_destroy(l->document);
}

static void draw_picture(mote_shape shape, uint64_t number, mote_real *x) {
    mote_random random = mote_random_create(3, MOTE_RANDOM_DATA, number);
    for (size_t i = 0; i < mote_shape_count(shape); i++) {
        x[i] = (mote_real)mote_draw_between(&random, -1, 3);
    }
}

/* ---- the reference: point by point, from the last augmentation to the first ---- */

static mote_random reference_random(uint64_t epoch, uint32_t sample, size_t index) {
    mote_random of_sample = mote_random_create(SEED, MOTE_RANDOM_AUGMENT, epoch << 32 | sample);
    return mote_random_create(mote_random_bits(&of_sample), MOTE_RANDOM_AUGMENT, index);
}

typedef enum kind {
    SHIFT,
    CROP,
    ROTATE,
    SCALE,
    SCALE_SEPARATE,
    FLIP,
    FLIP_VERTICAL,
    ELASTIC,
    CUTOUT,
} kind;

/* An augmentation of the reference, and what was drawn for it. */
typedef struct step {
    kind kind;
    double a, b; /* its settings */
    double p, q; /* what was drawn */
    bool off;
    double *dx, *dy; /* for ELASTIC */
} step;

static double gauss(double distance, double sigma) {
    return exp(-distance * distance / (2 * sigma * sigma));
}

/* Noise smoothed by direct summation over all pixels within three standard deviations. */
static void reference_field(size_t height, size_t width, double alpha, double sigma,
                            mote_random *random, double *field) {
    static double noise[MOST_COUNT];
    for (size_t i = 0; i < height; i++) {
        uint64_t bits = 0;
        for (size_t j = 0; j < width; j++) {
            bits = j % 2 ? bits >> 32 : mote_random_bits(random);
            noise[i * width + j] = (double)(int32_t)(uint32_t)bits * 0x1p-31;
        }
    }
    int reach = (int)ceil(3 * sigma);
    double sum = 0;
    for (int k = -reach; k <= reach; k++) {
        sum += gauss(k, sigma);
    }
    for (int i = 0; i < (int)height; i++) {
        for (int j = 0; j < (int)width; j++) {
            double value = 0;
            for (int m = 0; m < (int)height; m++) {
                for (int n = 0; n < (int)width; n++) {
                    if (abs(m - i) <= reach && abs(n - j) <= reach) {
                        value += gauss(m - i, sigma) * gauss(n - j, sigma) *
                                 noise[(size_t)m * width + (size_t)n];
                    }
                }
            }
            field[(size_t)i * width + (size_t)j] = alpha * value / (sum * sum);
        }
    }
}

static void reference_draw(step *s, mote_shape shape, mote_random *random, double probability) {
    static double fields[4][MOST_COUNT];
    static size_t turn;
    size_t height = shape.dims[1], width = shape.dims[2], whole = 2 * (size_t)s->a + 1;
    s->off = probability < 1 && mote_random_uniform(random) >= probability;
    switch (s->kind) {
    case SHIFT:
        s->p = -mote_draw_between(random, -s->a, s->a);
        s->q = -mote_draw_between(random, -s->a, s->a);
        break;
    case CROP:
        s->p = (double)mote_random_below(random, whole) - s->a;
        s->q = (double)mote_random_below(random, whole) - s->a;
        break;
    case ROTATE:
        s->p = mote_draw_between(random, -s->a, s->a) * acos(-1.0) / 180;
        break;
    case SCALE:
    case SCALE_SEPARATE:
        s->p = pow(s->a, mote_draw_between(random, -1, 1));
        s->q = s->kind == SCALE ? s->p : pow(s->a, mote_draw_between(random, -1, 1));
        break;
    case ELASTIC:
        s->dx = fields[turn++ % 4];
        s->dy = fields[turn++ % 4];
        reference_field(height, width, s->a, s->b, random, s->dx);
        reference_field(height, width, s->a, s->b, random, s->dy);
        break;
    case CUTOUT:
        s->p = (double)mote_random_below(random, height);
        s->q = (double)mote_random_below(random, width);
        break;
    case FLIP:
    case FLIP_VERTICAL:
        break;
    }
}

/* Pixel (row, column), or outside the image *color or, if NULL, the nearest pixel. */
static double pixel_at(const double *plane, mote_shape shape, long row, long column,
                       const double *color) {
    long height = (long)shape.dims[1], width = (long)shape.dims[2];
    bool outside = row < 0 || row >= height || column < 0 || column >= width;
    if (outside && color) {
        return *color;
    }
    row = row < 0 ? 0 : row >= height ? height - 1 : row;
    column = column < 0 ? 0 : column >= width ? width - 1 : column;
    return plane[row * width + column];
}

static double reference_bilinear(const double *plane, mote_shape shape, double x, double y,
                                 const double *color) {
    double left = floor(x), top = floor(y), right = x - left, down = y - top;
    long column = (long)left, row = (long)top;
    return (1 - down) * ((1 - right) * pixel_at(plane, shape, row, column, color) +
                         right * pixel_at(plane, shape, row, column + 1, color)) +
           down * ((1 - right) * pixel_at(plane, shape, row + 1, column, color) +
                   right * pixel_at(plane, shape, row + 1, column + 1, color));
}

/* Where the point comes from. */
static void reference_map(const step *s, mote_shape shape, double *x, double *y) {
    double cx = ((double)shape.dims[2] - 1) / 2, cy = ((double)shape.dims[1] - 1) / 2;
    double u = *x - cx, v = *y - cy, moved_x = *x, moved_y = *y;
    switch (s->kind) {
    case SHIFT:
    case CROP:
        moved_x = *x + s->p;
        moved_y = *y + s->q;
        break;
    case ROTATE:
        moved_x = cx + cos(s->p) * u + sin(s->p) * v;
        moved_y = cy - sin(s->p) * u + cos(s->p) * v;
        break;
    case SCALE:
    case SCALE_SEPARATE:
        moved_x = cx + u / s->p;
        moved_y = cy + v / s->q;
        break;
    case FLIP:
        moved_x = cx - u;
        break;
    case FLIP_VERTICAL:
        moved_y = cy - v;
        break;
    case ELASTIC:
        moved_x = *x + reference_bilinear(s->dx, shape, *x, *y, NULL);
        moved_y = *y + reference_bilinear(s->dy, shape, *x, *y, NULL);
        break;
    case CUTOUT:
        break;
    }
    *x = moved_x;
    *y = moved_y;
}

static double mean_color(const double *plane, mote_shape shape, bool edge) {
    size_t height = shape.dims[1], width = shape.dims[2], count = 0;
    double sum = 0;
    for (size_t i = 0; i < height; i++) {
        for (size_t j = 0; j < width; j++) {
            bool outermost = i == 0 || j == 0 || i + 1 == height || j + 1 == width;
            if (!edge || outermost) {
                sum += plane[i * width + j];
                count++;
            }
        }
    }
    return sum / (double)count;
}

/* What the reference has outside the image. */
typedef enum outside {
    EDGE_MEAN,
    MEAN,
    EDGE,
    NUMBER_2
} outside;

static const double *color_of(outside ground, const double *plane, mote_shape shape,
                              double *color) {
    *color = ground == NUMBER_2 ? 2 : mean_color(plane, shape, ground == EDGE_MEAN);
    return ground == EDGE ? NULL : color;
}

static void reference_warp(const step *steps, size_t count, mote_shape shape, outside ground,
                           double *plane) {
    static double before[MOST_COUNT];
    size_t height = shape.dims[1], width = shape.dims[2];
    memcpy(before, plane, height * width * sizeof *plane);
    double value;
    const double *color = color_of(ground, before, shape, &value);
    for (size_t i = 0; i < height; i++) {
        for (size_t j = 0; j < width; j++) {
            double x = (double)j, y = (double)i;
            for (size_t k = count; k-- > 0;) {
                if (!steps[k].off) {
                    reference_map(&steps[k], shape, &x, &y);
                }
            }
            plane[i * width + j] = reference_bilinear(before, shape, x, y, color);
        }
    }
}

static void reference_cutout(const step *s, mote_shape shape, double *plane) {
    double color = mean_color(plane, shape, false), before = floor(s->a / 2);
    for (size_t i = 0; i < shape.dims[1]; i++) {
        for (size_t j = 0; j < shape.dims[2]; j++) {
            double down = (double)i - (s->p - before), right = (double)j - (s->q - before);
            if (!s->off && down >= 0 && down < s->a && right >= 0 && right < s->a) {
                plane[i * shape.dims[2] + j] = color;
            }
        }
    }
}

/* Applies all steps, each run of geometric ones at once. */
static void reference_run(step *steps, size_t count, mote_shape shape, outside ground,
                          double *plane) {
    for (size_t i = 0; i < count;) {
        size_t end = i;
        while (end < count && steps[end].kind != CUTOUT) {
            end++;
        }
        if (end > i) {
            reference_warp(steps + i, end - i, shape, ground, plane);
            i = end;
        } else {
            reference_cutout(&steps[i++], shape, plane);
        }
    }
}

typedef struct example {
    const char *json;
    outside ground;
    double probability;
    step steps[6];
    size_t count;
} example;

#define SHIFT_2     "{\"type\": \"shift\", \"pixels\": 2}"
#define ROTATE_20   "{\"type\": \"rotate\", \"degrees\": 20}"
#define SCALE_15    "{\"type\": \"scale\", \"factor\": 1.5}"
#define ELASTIC_3   "{\"type\": \"elastic\", \"alpha\": 20, \"sigma\": 3}"
#define ELASTIC_5   "{\"type\": \"elastic\", \"alpha\": 20, \"sigma\": 5}"
#define CUTOUT_2    "{\"type\": \"cutout\", \"size\": 2}"
#define FLIP_ALWAYS "{\"type\": \"flip\", \"probability\": 1}"

static const example examples[] = {
    {"[" SHIFT_2 "]", EDGE_MEAN, 1, {{.kind = SHIFT, .a = 2}}, 1},
    {"[{\"type\": \"crop\", \"padding\": 2, \"ground\": \"mean\"}]",
     MEAN,
     1,
     {{.kind = CROP, .a = 2}},
     1},
    {"[" ROTATE_20 "]", EDGE_MEAN, 1, {{.kind = ROTATE, .a = 20}}, 1},
    {"[{\"type\": \"rotate\", \"degrees\": 180, \"ground\": \"edge\"}]",
     EDGE,
     1,
     {{.kind = ROTATE, .a = 180}},
     1},
    {"[" SCALE_15 "]", EDGE_MEAN, 1, {{.kind = SCALE, .a = 1.5}}, 1},
    {"[{\"type\": \"scale\", \"factor\": 3, \"separate\": true, \"ground\": 2}]",
     NUMBER_2,
     1,
     {{.kind = SCALE_SEPARATE, .a = 3}},
     1},
    {"[{\"type\": \"flip\"}]", EDGE, 0.5, {{.kind = FLIP}}, 1},
    {"[{\"type\": \"flip\", \"direction\": \"vertical\"}]",
     EDGE,
     0.5,
     {{.kind = FLIP_VERTICAL}},
     1},
    {"[" ELASTIC_3 "]", EDGE_MEAN, 1, {{.kind = ELASTIC, .a = 20, .b = 3}}, 1},
    {"[{\"type\": \"elastic\", \"alpha\": 900, \"sigma\": 20}]",
     EDGE_MEAN,
     1,
     {{.kind = ELASTIC, .a = 900, .b = 20}},
     1},
    {"[" CUTOUT_2 "]", EDGE_MEAN, 1, {{.kind = CUTOUT, .a = 2}}, 1},
    {"[" SHIFT_2 ", " ROTATE_20 ", " SCALE_15 ", " ELASTIC_3 "]",
     EDGE_MEAN,
     1,
     {{.kind = SHIFT, .a = 2},
      {.kind = ROTATE, .a = 20},
      {.kind = SCALE, .a = 1.5},
      {.kind = ELASTIC, .a = 20, .b = 3}},
     4},
    {"[" ELASTIC_3 ", " SCALE_15 ", " FLIP_ALWAYS ", " SHIFT_2 "]",
     EDGE_MEAN,
     1,
     {{.kind = ELASTIC, .a = 20, .b = 3},
      {.kind = SCALE, .a = 1.5},
      {.kind = FLIP},
      {.kind = SHIFT, .a = 2}},
     4},
    {"[" SHIFT_2 ", " ELASTIC_3 ", " ROTATE_20 ", " ELASTIC_5 "]",
     EDGE_MEAN,
     1,
     {{.kind = SHIFT, .a = 2},
      {.kind = ELASTIC, .a = 20, .b = 3},
      {.kind = ROTATE, .a = 20},
      {.kind = ELASTIC, .a = 20, .b = 5}},
     4},
    {"[" SHIFT_2 ", " CUTOUT_2 ", " CUTOUT_2 ", " FLIP_ALWAYS ", " ROTATE_20 "]",
     EDGE_MEAN,
     1,
     {{.kind = SHIFT, .a = 2},
      {.kind = CUTOUT, .a = 2},
      {.kind = CUTOUT, .a = 2},
      {.kind = FLIP},
      {.kind = ROTATE, .a = 20}},
     5},
};

static void check_example(const example *e, mote_shape shape, uint32_t sample, uint64_t epoch) {
    static mote_real before[MOST_COUNT], x[MOST_COUNT];
    static double plane[MOST_COUNT];
    list l;
    list_open(&l, e->json, shape, 1);
    draw_picture(shape, sample, before);
    memcpy(x, before, sizeof x);
    mote_augment(l.augmenter, &(mote_preprocessing){0}, epoch, sample, x);
    step steps[6];
    memcpy(steps, e->steps, sizeof steps);
    for (size_t i = 0; i < e->count; i++) {
        mote_random random = reference_random(epoch, sample, i);
        reference_draw(&steps[i], shape, &random, e->probability);
    }
    size_t area = shape.dims[1] * shape.dims[2];
    double worst = 0;
    for (size_t c = 0; c < shape.dims[0]; c++) {
        for (size_t i = 0; i < area; i++) {
            plane[i] = (double)before[c * area + i];
        }
        reference_run(steps, e->count, shape, e->ground, plane);
        for (size_t i = 0; i < area; i++) {
            worst = fmax(worst, fabs((double)x[c * area + i] - plane[i]));
        }
    }
    char text[MOTE_SHAPE_TEXT_CAPACITY];
    cr_expect_lt(worst, 1e-4, "%s on %s, sample %u: off by %g", e->json,
                 mote_shape_text(shape, text), sample, worst);
    list_close(&l);
}

Test(augment, is_the_plain_reference) {
    for (size_t i = 0; i < COUNT(examples); i++) {
        for (uint32_t sample = 0; sample < 4; sample++) {
            check_example(&examples[i], mote_shape_image(1, 28, 28), sample, sample / 2);
        }
        check_example(&examples[i], mote_shape_image(3, 11, 18), 5, 1u << 20);
        check_example(&examples[i], mote_shape_image(5, 9, 3), UINT32_MAX, 3);
        check_example(&examples[i], mote_shape_image(2, 33, 34), 8, 3);
    }
}

Test(augment, takes_the_smallest_images) {
    check_example(&examples[3], mote_shape_image(2, 1, 1), 1, 0);  /* rotate */
    check_example(&examples[5], mote_shape_image(1, 1, 9), 1, 0);  /* scale */
    check_example(&examples[8], mote_shape_image(1, 7, 1), 1, 0);  /* elastic */
    check_example(&examples[10], mote_shape_image(1, 1, 9), 1, 0); /* cutout */
}

/* If neighbouring augmentations have different grounds, each uses its own. */
Test(augment, with_two_grounds_is_one_after_the_other) {
    static mote_real both[784], first[784];
    mote_shape shape = mote_shape_image(1, 28, 28);
    list l;
    list_open(&l,
              "[{\"type\": \"crop\", \"padding\": 9, \"ground\": 3}, {\"type\": \"flip\", "
              "\"probability\": 0}, {\"type\": \"crop\", \"padding\": 9, \"ground\": 4}]",
              shape, 1);
    list one;
    list_open(&one, "[{\"type\": \"crop\", \"padding\": 9, \"ground\": 3}]", shape, 1);
    draw_picture(shape, 0, both);
    memcpy(first, both, sizeof first);
    mote_preprocessing none = {0};
    mote_augment(l.augmenter, &none, 0, 1, both);
    mote_augment(one.augmenter, &none, 0, 1, first);
    mote_random random = reference_random(0, 1, 2);
    long right = (long)mote_random_below(&random, 19) - 9;
    long down = (long)mote_random_below(&random, 19) - 9;
    cr_assert(right != 0 && down != 0);
    for (long i = 0; i < 28; i++) {
        for (long j = 0; j < 28; j++) {
            long row = i + down, column = j + right;
            bool inside = row >= 0 && row < 28 && column >= 0 && column < 28;
            mote_real expected = inside ? first[row * 28 + column] : 4;
            cr_assert_eq(both[i * 28 + j], expected, "(%ld, %ld)", i, j);
        }
    }
    list_close(&l);
    list_close(&one);
}

/* ---- identity ---- */

Test(augment, that_changes_nothing_leaves_every_bit) {
    static const char *const lists[] = {
        "[]",
        "[{\"type\": \"shift\", \"pixels\": 0}]",
        "[{\"type\": \"crop\", \"padding\": 0}]",
        "[{\"type\": \"rotate\", \"degrees\": 0}]",
        "[{\"type\": \"scale\", \"factor\": 1, \"separate\": true}]",
        "[{\"type\": \"elastic\", \"alpha\": 0}]",
        "[{\"type\": \"flip\", \"probability\": 0}]",
        "[{\"type\": \"cutout\", \"size\": 0}]",
        "[{\"type\": \"flip\", \"probability\": 1}, {\"type\": \"flip\", \"probability\": 1}]",
        "[{\"type\": \"elastic\", \"probability\": 0}, {\"type\": \"shift\", \"pixels\": 3, "
        "\"probability\": 0}, {\"type\": \"cutout\", \"size\": 4, \"probability\": 0}]",
        "[{\"type\": \"shift\", \"pixels\": 0}, {\"type\": \"rotate\", \"degrees\": 0}, {\"type\": "
        "\"scale\", \"factor\": 1}, {\"type\": \"elastic\", \"alpha\": 0}]",
    };
    static mote_real before[MOST_COUNT], x[MOST_COUNT];
    mote_shape shape = mote_shape_image(3, 12, 13);
    for (size_t i = 0; i < COUNT(lists); i++) {
        list l;
        list_open(&l, lists[i], shape, 1);
        for (uint32_t sample = 0; sample < 20; sample++) {
            draw_picture(shape, sample, before);
            memcpy(x, before, sizeof x);
            mote_augment(l.augmenter, &(mote_preprocessing){0}, 0, sample, x);
            cr_assert_eq(memcmp(x, before, sizeof x), 0, "%s", lists[i]);
        }
        list_close(&l);
    }
}

/* Moving by whole pixels keeps their values, and flipping twice restores them. */
Test(augment, by_whole_pixels_blurs_nothing) {
    static mote_real before[784], x[784];
    mote_shape shape = mote_shape_image(1, 28, 28);
    list l;
    list_open(&l, "[{\"type\": \"crop\", \"padding\": 5, \"ground\": 9}]", shape, 1);
    list mirror;
    list_open(&mirror, "[{\"type\": \"flip\", \"probability\": 1}]", shape, 1);
    for (uint32_t sample = 0; sample < 50; sample++) {
        draw_picture(shape, sample, before);
        memcpy(x, before, sizeof x);
        mote_augment(l.augmenter, &(mote_preprocessing){0}, 0, sample, x);
        for (size_t i = 0; i < 784; i++) {
            bool known = x[i] == 9;
            for (size_t k = 0; !known && k < 784; k++) {
                known = x[i] == before[k];
            }
            cr_assert(known, "pixel %zu is none of the image's", i);
        }
        memcpy(x, before, sizeof x);
        mote_augment(mirror.augmenter, &(mote_preprocessing){0}, 0, sample, x);
        for (size_t i = 0; i < 784; i++) {
            cr_assert_eq(x[i], before[i - i % 28 + 27 - i % 28]);
        }
    }
    list_close(&l);
    list_close(&mirror);
}

/* ---- what is drawn ---- */

enum {
    DRAWS = 4000,
    RAMP = 21,
    MIDDLE = RAMP / 2 * RAMP + RAMP / 2
};

typedef struct statistics {
    double least, most, sum, squares;
    size_t count;
} statistics;

static void add(statistics *s, double value) {
    s->least = s->count && s->least < value ? s->least : value;
    s->most = s->count && s->most > value ? s->most : value;
    s->sum += value;
    s->squares += value * value;
    s->count++;
}

/* Expects values as from a uniform distribution between -most and most. */
static void expect_uniform(const statistics *s, double most, const char *what) {
    double mean = s->sum / (double)s->count, deviation = sqrt(s->squares / (double)s->count);
    double expected = most / sqrt(3.0);
    cr_expect(s->least >= -1.0001 * most && s->least < -0.98 * most, "%s: from %g", what, s->least);
    cr_expect(s->most <= 1.0001 * most && s->most > 0.98 * most, "%s: to %g", what, s->most);
    cr_expect_lt(fabs(mean), 4 * expected / sqrt((double)s->count), "%s: mean %g", what, mean);
    cr_expect_lt(fabs(deviation / expected - 1), 0.05, "%s: deviation %g", what, deviation);
}

/* Two channels: each pixel's column and row, so that an image shows where its pixels come from. */
static void draw_ramp(mote_real *x) {
    for (size_t i = 0; i < RAMP * RAMP; i++) {
        x[i] = (mote_real)(i % RAMP);
        x[RAMP * RAMP + i] = (mote_real)(i / RAMP);
    }
}

typedef void note(const mote_real *x, const mote_real *y, statistics *s);

static void run_ramps(const char *json, note *take, statistics *s) {
    static mote_real x[2 * RAMP * RAMP];
    list l;
    list_open(&l, json, mote_shape_image(2, RAMP, RAMP), 1);
    for (uint32_t i = 0; i < DRAWS; i++) {
        draw_ramp(x);
        mote_augment(l.augmenter, &(mote_preprocessing){0}, i / 100, i % 100, x);
        take(x, x + RAMP * RAMP, s);
    }
    list_close(&l);
}

static void note_place(const mote_real *x, const mote_real *y, statistics *s) {
    add(&s[0], (double)x[MIDDLE] - RAMP / 2);
    add(&s[1], (double)y[MIDDLE] - RAMP / 2);
}

static void note_angle(const mote_real *x, const mote_real *y, statistics *s) {
    add(s, atan2((double)(y[MIDDLE + 1] - y[MIDDLE - 1]), (double)(x[MIDDLE + 1] - x[MIDDLE - 1])));
}

static void note_factors(const mote_real *x, const mote_real *y, statistics *s) {
    double across = log((double)(x[MIDDLE + 1] - x[MIDDLE - 1]) / 2);
    double down = log((double)(y[MIDDLE + RAMP] - y[MIDDLE - RAMP]) / 2);
    add(&s[0], across);
    add(&s[1], down);
    add(&s[2], across - down);
}

static void note_flip(const mote_real *x, const mote_real *y, statistics *s) {
    add(&s[0], x[0] == RAMP - 1);
    add(&s[1], y[0] == RAMP - 1);
}

Test(draws, are_spread_as_the_settings_say) {
    statistics s[3] = {0};
    run_ramps("[{\"type\": \"shift\", \"pixels\": 3, \"ground\": \"edge\"}]", note_place, s);
    expect_uniform(&s[0], 3, "shift to the side");
    expect_uniform(&s[1], 3, "shift up and down");
    memset(s, 0, sizeof s);
    run_ramps("[{\"type\": \"rotate\", \"degrees\": 30, \"ground\": \"edge\"}]", note_angle, s);
    expect_uniform(&s[0], acos(-1.0) / 6, "rotate");
    memset(s, 0, sizeof s);
    run_ramps("[{\"type\": \"scale\", \"factor\": 1.2}]", note_factors, s);
    expect_uniform(&s[0], log(1.2), "scale");
    cr_expect(fabs(s[2].least) < 1e-5 && fabs(s[2].most) < 1e-5, "factors are not the same");
    memset(s, 0, sizeof s);
    run_ramps("[{\"type\": \"scale\", \"factor\": 1.2, \"separate\": true}]", note_factors, s);
    expect_uniform(&s[0], log(1.2), "scale across");
    expect_uniform(&s[1], log(1.2), "scale down");
    cr_expect_gt(s[2].most, 0.3, "factors hang together");
}

Test(draws, of_crops_are_all_whole_pixels_alike) {
    statistics s[2] = {0};
    run_ramps("[{\"type\": \"crop\", \"padding\": 4, \"ground\": \"edge\"}]", note_place, s);
    for (size_t i = 0; i < 2; i++) {
        double variance = s[i].squares / DRAWS;
        cr_expect(s[i].least == -4 && s[i].most == 4, "%g ... %g", s[i].least, s[i].most);
        cr_expect_float_eq(variance, 20.0 / 3, 0.4, "variance %g", variance);
        cr_expect_lt(fabs(s[i].sum / DRAWS), 0.17, "mean %g", s[i].sum / DRAWS);
    }
}

Test(draws, happen_as_often_as_their_probability_says) {
    statistics s[2] = {0};
    run_ramps("[{\"type\": \"flip\"}, {\"type\": \"flip\", \"direction\": \"vertical\", "
              "\"probability\": 0.2}]",
              note_flip, s);
    cr_expect_float_eq(s[0].sum / DRAWS, 0.5, 0.03, "%g", s[0].sum / DRAWS);
    cr_expect_float_eq(s[1].sum / DRAWS, 0.2, 0.025, "%g", s[1].sum / DRAWS);
}

/* alpha / (2 √(3π) sigma), further from the edges than the Gaussian reaches. */
Test(draws, of_elastic_fields_have_the_deviation_of_the_formula) {
    statistics s[2] = {0};
    run_ramps("[{\"type\": \"elastic\", \"alpha\": 20, \"sigma\": 3, \"ground\": \"edge\"}]",
              note_place, s);
    double expected = 20 / (2 * sqrt(3 * acos(-1.0)) * 3);
    for (size_t i = 0; i < 2; i++) {
        double deviation = sqrt(s[i].squares / DRAWS);
        cr_expect_lt(fabs(deviation / expected - 1), 0.05, "%g, expected %g", deviation, expected);
        cr_expect_lt(fabs(s[i].sum / DRAWS), 4 * expected / sqrt(DRAWS));
    }
}

/* Each pixel is covered as often as squares around random centres reach it. */
Test(draws, of_cutouts_are_squares_around_any_pixel) {
    enum {
        SIDE = 10
    };
    static size_t covered[SIDE * SIDE];
    mote_real x[SIDE * SIDE];
    list l;
    list_open(&l, "[{\"type\": \"cutout\", \"size\": 3, \"ground\": 7}]",
              mote_shape_image(1, SIDE, SIDE), 1);
    for (uint32_t i = 0; i < DRAWS; i++) {
        memset(x, 0, sizeof x);
        mote_augment(l.augmenter, &(mote_preprocessing){0}, 0, i, x);
        size_t count = 0;
        for (size_t k = 0; k < SIDE * SIDE; k++) {
            covered[k] += x[k] == 7;
            count += x[k] == 7;
        }
        cr_assert(count == 9 || count == 6 || count == 4, "%zu pixels", count);
    }
    list_close(&l);
    for (size_t k = 0; k < SIDE * SIDE; k++) {
        bool low = k / SIDE % (SIDE - 1) == 0, right = k % SIDE % (SIDE - 1) == 0;
        double expected = (low ? 0.2 : 0.3) * (right ? 0.2 : 0.3);
        cr_expect_float_eq((double)covered[k] / DRAWS, expected, 0.025, "pixel %zu: %g, not %g", k,
                           (double)covered[k] / DRAWS, expected);
    }
}

Test(draws, differ_between_samples_epochs_places_and_seeds) {
    static mote_real first[784], x[784];
    mote_shape shape = mote_shape_image(1, 28, 28);
    list l;
    list_open(&l, "[{\"type\": \"shift\", \"pixels\": 2}]", shape, 1);
    list second;
    list_open(&second,
              "[{\"type\": \"cutout\", \"size\": 0}, {\"type\": \"shift\", "
              "\"pixels\": 2}]",
              shape, 1);
    mote_augmenter *other_seed = mote_augmenter_create(&l.read, 1, SEED + 1, NULL);
    const struct {
        mote_augmenter *augmenter;
        uint64_t epoch;
        uint32_t sample;
        bool same;
    } rows[] = {
        {l.augmenter, 0, 1, true},  {l.augmenter, 1, 1, false},      {l.augmenter, 0, 2, false},
        {l.augmenter, 1, 0, false}, {second.augmenter, 0, 1, false}, {other_seed, 0, 1, false},
        {l.augmenter, 0, 1, true},
    };
    draw_picture(shape, 0, first);
    mote_augment(l.augmenter, &(mote_preprocessing){0}, 0, 1, first);
    for (size_t i = 0; i < COUNT(rows); i++) {
        draw_picture(shape, 0, x);
        mote_augment(rows[i].augmenter, &(mote_preprocessing){0}, rows[i].epoch, rows[i].sample, x);
        cr_expect_eq(memcmp(x, first, sizeof x) == 0, rows[i].same, "row %zu", i);
    }
    mote_augmenter_destroy(other_seed);
    list_close(&l);
    list_close(&second);
}

/* ---- gathering ---- */

enum {
    SAMPLES = 50,
    SIDE = 16,
    WIDTH = 3 * SIDE * SIDE
};

#define ALL_OF_THEM                                                                                \
    "[{\"type\": \"crop\", \"padding\": 2}, {\"type\": \"flip\"}, {\"type\": \"cutout\", "         \
    "\"size\": 5}, {\"type\": \"shift\", \"pixels\": 2}, {\"type\": \"rotate\", \"degrees\": "     \
    "15}, "                                                                                        \
    "{\"type\": \"scale\", \"factor\": 1.2}, {\"type\": \"elastic\", \"probability\": 0.7}]"

static uint8_t bytes[SAMPLES * WIDTH];
static mote_real numbers[SAMPLES * WIDTH];
static uint32_t labels[SAMPLES];

static mote_dataset *dataset_create(bool as_bytes, const char *settings) {
    mote_random random = mote_random_create(1, MOTE_RANDOM_DATA, 0);
    for (size_t i = 0; i < SAMPLES * WIDTH; i++) {
        bytes[i] = (uint8_t)mote_random_below(&random, 256);
        numbers[i] = (mote_real)bytes[i] / 255;
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        labels[i] = (uint32_t)(i % 3);
    }
    mote_samples samples = {.count = SAMPLES,
                            .shape = mote_shape_image(3, SIDE, SIDE),
                            .bytes = as_bytes ? bytes : NULL,
                            .numbers = as_bytes ? NULL : numbers,
                            .labels = labels};
    mote_error error = {0};
    mote_dataset *dataset = mote_dataset_from_arrays(&samples, NULL, settings, 1, &error);
    cr_assert(dataset, "%s", error.message);
    return dataset;
}

static void gather(const mote_dataset *dataset, size_t threads, const uint32_t *indexes,
                   size_t count, mote_real *x) {
    mote_pool *pool = mote_pool_create(threads, NULL);
    mote_augmenter *augmenter =
        mote_augmenter_create(mote_dataset_augment(dataset), threads, SEED, NULL);
    cr_assert(pool && augmenter);
    mote_gather_augmented(mote_dataset_part(dataset, MOTE_TRAINING).samples,
                          mote_dataset_preprocessing(dataset), augmenter, 4, pool, indexes, count,
                          x, NULL, NULL);
    mote_augmenter_destroy(augmenter);
    mote_pool_destroy(pool);
}

Test(gathering, gives_the_same_bits_on_any_number_of_threads_and_in_any_batch) {
    static mote_real one[SAMPLES * WIDTH], other[SAMPLES * WIDTH];
    uint32_t indexes[SAMPLES];
    for (uint32_t i = 0; i < SAMPLES; i++) {
        indexes[i] = (i * 7) % SAMPLES;
    }
    for (int as_bytes = 0; as_bytes < 2; as_bytes++) {
        mote_dataset *dataset = dataset_create(as_bytes, "{\"augment\": " ALL_OF_THEM "}");
        gather(dataset, 1, indexes, SAMPLES, one);
        for (size_t threads = 1; threads <= 3; threads++) {
            gather(dataset, threads, indexes, SAMPLES, other);
            cr_expect_eq(memcmp(one, other, sizeof one), 0, "%zu threads", threads);
        }
        for (size_t i = 0; i < SAMPLES; i++) {
            gather(dataset, 1, indexes + i, 1, other);
            cr_assert_eq(memcmp(one + i * WIDTH, other, WIDTH * sizeof *one), 0, "sample %zu", i);
        }
        mote_dataset_destroy(dataset);
    }
}

/* For 8-bit samples and the same ones as numbers, with any normalization: a ground given as a
 * number, too. */
Test(gathering, normalizes_the_ground_like_the_samples) {
    static const char *const normalizations[] = {"none", "unit", "standard"};
    static mote_real x[SAMPLES * WIDTH];
    const uint32_t all[] = {0, 1, 2, 3, 4, 5, 6, 7};
    for (size_t n = 0; n < COUNT(normalizations); n++) {
        for (int as_bytes = 0; as_bytes < 2; as_bytes++) {
            char json[256];
            snprintf(json, sizeof json,
                     "{\"normalize\": \"%s\", \"augment\": [{\"type\": \"crop\", \"padding\": 9, "
                     "\"ground\": 100}]}",
                     normalizations[n]);
            mote_dataset *dataset = dataset_create(as_bytes, json);
            const mote_preprocessing *p = mote_dataset_preprocessing(dataset);
            gather(dataset, 1, all, COUNT(all), x);
            size_t found = 0;
            for (size_t k = 0; k < COUNT(all) * WIDTH; k++) {
                size_t c = p->groups > 1 ? k % WIDTH / (SIDE * SIDE) : 0;
                double scale = as_bytes && n > 0 ? 255 : 1;
                double ground = (100 / scale - p->mean[c]) / p->deviation[c];
                found += fabs((double)x[k] - ground) < 1e-5 * (1 + fabs(ground));
            }
            cr_expect_gt(found, COUNT(all) * WIDTH / 5, "%s: ground in %zu", json, found);
            mote_dataset_destroy(dataset);
        }
    }
}

/* ---- settings ---- */

Test(settings, are_written_with_every_default_and_read_back_to_the_same) {
    const char *json = "{\"format\": \"synthetic_digits\", \"augment\": " ALL_OF_THEM "}";
    mote_error error = {0};
    char *texts[2];
    for (size_t i = 0; i < 2; i++) {
        const char *from = i ? texts[0] : json;
        mote_document *document = mote_document_parse(from, strlen(from), NULL, "", &error);
        mote_dataset *dataset = mote_dataset_open(mote_document_root(document), 1, NULL, &error);
        cr_assert(dataset, "%s", error.message);
        cJSON *object = mote_dataset_to_json(dataset);
        texts[i] = cJSON_PrintUnformatted(object);
        cJSON_Delete(object);
        mote_dataset_destroy(dataset);
        mote_document_destroy(document);
    }
    cr_expect_str_eq(texts[0], texts[1]);
    const char *written = strstr(texts[0], "\"augment\":");
    cr_assert(written, "%s", texts[0]);
    cr_expect_eq(strncmp(written,
                         "\"augment\":[{\"type\":\"crop\",\"padding\":2,\"ground\":\"edge_mean\","
                         "\"probability\":1},{\"type\":\"flip\",\"direction\":\"horizontal\","
                         "\"probability\":0.5},{\"type\":\"cutout\",\"size\":5,\"ground\":\"mean\","
                         "\"probability\":1},",
                         190),
                 0, "%s", written);
    cJSON_free(texts[0]);
    cJSON_free(texts[1]);
}

Test(settings, for_what_is_no_image_are_refused) {
    static const mote_real x[] = {1, 2, 3, 4};
    static const uint32_t label[] = {0};
    const mote_samples samples = {
        .count = 1, .shape = mote_shape_vector(4), .numbers = x, .labels = label};
    mote_error error = {0};
    mote_dataset *dataset = mote_dataset_from_arrays(
        &samples, NULL, "{\"augment\": [{\"type\": \"cutout\", \"size\": 1}]}", 1, &error);
    cr_expect_null(dataset);
    cr_expect_str_eq(error.message,
                     "dataset.augment[0] (cutout): takes images (channels × height × width), "
                     "but the samples here are vectors of 4");
}
