/* synthetic_digits.c: handwritten-looking digits generated from the seed, for a first training run
 * that needs no download.
 *
 * A digit is drawn as if by a pen: the knots of its strokes are jittered for each sample, a smooth
 * curve runs through them, and pixels near the curve are inked. Slant, proportions, pen, position
 * and noise vary enough that a linear model stays below 95 % and a network with one hidden layer
 * exceeds 98 %. As in MNIST, a digit fills about 20 of 28 pixels and is centred by its mass.
 *
 * Each sample has its own generator, so sample i is the same however many there are.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "data/format.h"
#include "mote/random.h"

#ifdef __clang__ /* only clang would fuse products and sums: pixels would differ between CPUs */
#pragma STDC FP_CONTRACT OFF
#endif

enum {
    DIGITS = 10,
    MAX_SIZE = 64,
    MAX_WRITINGS = 3,
    MAX_KNOTS = 16,     /* in all strokes of a digit */
    STEPS_PER_SPAN = 6, /* straight pieces between two knots */
    MAX_PIECES = MAX_KNOTS * STEPS_PER_SPAN,
};

typedef struct synthetic_digits {
    mote_format base;
    size_t samples, test_samples, size;
} synthetic_digits;

static const mote_field fields[] = {
    {.name = "samples",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(synthetic_digits, samples),
     .range = MOTE_BETWEEN(10, 1000000),
     .preset = "20000",
     .help = "number of training samples, including those for validation"},
    {.name = "test_samples",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(synthetic_digits, test_samples),
     .range = MOTE_BETWEEN(0, 1000000),
     .preset = "4000",
     .help = "number of test samples"},
    {.name = "size",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(synthetic_digits, size),
     .range = MOTE_BETWEEN(16, MAX_SIZE),
     .preset = "28",
     .help = "pixels per side"},
    MOTE_FIELDS_END,
};

/* ---- The digits ------------------------------------------------------------------------------ */

typedef enum turn {
    SMOOTH, /* the curve passes through */
    CORNER, /* the pen stops and sets off in another direction */
    LIFT,   /* the stroke ends */
} turn;

/* A point of a stroke: x to the right, y downwards; a digit is 100 high. The last knot
 * of a digit ends a stroke. */
typedef struct knot {
    float x, y;
    turn turn;
} knot;

/* One way to write a digit. */
typedef struct writing {
    const knot *knots;
    size_t count;
} writing;

/* clang-format off */
#define VIA(x, y)      {x, y, SMOOTH}
#define STOP(x, y)     {x, y, CORNER}
#define END(x, y)      {x, y, LIFT}
#define WRITING(knots) {knots, sizeof(knots) / sizeof((knots)[0])}

static const knot zero_closed[] = {
    VIA(52, 2), VIA(28, 8), VIA(12, 30), VIA(8, 58), VIA(18, 88), VIA(40, 98), VIA(62, 86),
    VIA(72, 56), VIA(68, 24), VIA(54, 5), END(42, 2)};
static const knot zero_curled[] = {
    VIA(62, 10), VIA(40, 2), VIA(18, 22), VIA(10, 55), VIA(22, 90), VIA(44, 98), VIA(66, 80),
    VIA(72, 48), VIA(62, 16), VIA(46, 5), END(32, 11)};

static const knot one_plain[] = {VIA(40, 0), VIA(40, 50), END(40, 100)};
static const knot one_flag[] = {VIA(18, 22), STOP(42, 0), VIA(42, 50), END(42, 100)};
static const knot one_base[] = {
    VIA(20, 20), STOP(42, 0), VIA(42, 50), END(42, 98), VIA(14, 98), VIA(42, 98), END(70, 98)};

static const knot two_angled[] = {
    VIA(10, 26), VIA(20, 8), VIA(42, 0), VIA(62, 12), VIA(62, 34), VIA(42, 62), STOP(8, 98),
    VIA(40, 96), END(76, 98)};
static const knot two_looped[] = {
    VIA(8, 24), VIA(24, 4), VIA(48, 2), VIA(64, 18), VIA(58, 46), VIA(36, 78), VIA(14, 96),
    VIA(2, 88), VIA(10, 76), VIA(32, 84), VIA(54, 97), END(76, 90)};

static const knot three_round[] = {
    VIA(12, 12), VIA(34, 0), VIA(58, 10), VIA(58, 32), STOP(30, 48), VIA(58, 56), VIA(68, 76),
    VIA(50, 96), VIA(24, 98), END(6, 86)};
static const knot three_flat[] = {
    VIA(10, 4), VIA(36, 4), STOP(64, 2), STOP(32, 42), VIA(58, 50), VIA(70, 72), VIA(52, 96),
    VIA(26, 98), END(6, 86)};

static const knot four_open[] = {
    VIA(20, 2), VIA(14, 30), STOP(8, 58), VIA(40, 58), END(78, 54), VIA(58, 8), VIA(54, 54),
    END(50, 100)};
static const knot four_closed[] = {
    VIA(56, 0), VIA(30, 32), STOP(4, 66), VIA(40, 66), END(80, 64), VIA(56, 0), VIA(56, 50),
    END(54, 100)};

static const knot five_capped[] = {
    VIA(20, 4), VIA(16, 24), STOP(14, 46), VIA(38, 38), VIA(62, 50), VIA(68, 72), VIA(50, 94),
    VIA(24, 98), END(6, 88), VIA(20, 4), VIA(44, 4), END(72, 2)};
static const knot five_single[] = {
    VIA(70, 2), VIA(44, 3), STOP(22, 4), VIA(16, 26), STOP(12, 48), VIA(38, 40), VIA(60, 54),
    VIA(64, 76), VIA(46, 96), VIA(20, 98), END(4, 90)};

static const knot six_curved[] = {
    VIA(60, 2), VIA(36, 16), VIA(16, 44), VIA(8, 72), VIA(22, 96), VIA(48, 98), VIA(64, 80),
    VIA(56, 60), VIA(36, 56), END(14, 72)};
static const knot six_straight[] = {
    VIA(46, 0), VIA(28, 30), VIA(12, 66), VIA(16, 92), VIA(40, 98), VIA(60, 84), VIA(54, 64),
    VIA(34, 60), END(16, 76)};

static const knot seven_plain[] = {VIA(6, 6), VIA(36, 4), STOP(68, 4), VIA(48, 48), END(30, 100)};
static const knot seven_barred[] = {
    VIA(6, 6), VIA(36, 4), STOP(68, 4), VIA(48, 48), END(30, 100), VIA(24, 50), VIA(44, 50),
    END(66, 48)};
static const knot seven_hooked[] = {
    VIA(8, 20), STOP(8, 4), VIA(38, 6), STOP(68, 4), VIA(46, 50), END(34, 100)};

static const knot eight_single[] = {
    VIA(60, 12), VIA(38, 0), VIA(16, 14), VIA(22, 36), VIA(44, 50), VIA(64, 72), VIA(54, 96),
    VIA(28, 98), VIA(10, 80), VIA(22, 56), VIA(48, 40), VIA(64, 22), END(56, 5)};
static const knot eight_loops[] = {
    VIA(38, 46), VIA(18, 34), VIA(18, 12), VIA(38, 0), VIA(58, 10), VIA(58, 34), END(38, 46),
    VIA(38, 46), VIA(14, 62), VIA(10, 86), VIA(36, 100), VIA(62, 88), VIA(62, 62), END(40, 46)};

static const knot nine_straight[] = {
    VIA(60, 18), VIA(40, 2), VIA(16, 12), VIA(10, 34), VIA(28, 50), VIA(50, 40), STOP(62, 12),
    VIA(58, 54), END(54, 100)};
static const knot nine_curved[] = {
    VIA(60, 18), VIA(40, 2), VIA(16, 12), VIA(10, 34), VIA(28, 50), VIA(50, 40), STOP(62, 14),
    VIA(62, 50), VIA(52, 84), VIA(30, 98), END(10, 90)};

static const writing writings[DIGITS][MAX_WRITINGS] = {
    {WRITING(zero_closed), WRITING(zero_curled)},
    {WRITING(one_plain), WRITING(one_flag), WRITING(one_base)},
    {WRITING(two_angled), WRITING(two_looped)},
    {WRITING(three_round), WRITING(three_flat)},
    {WRITING(four_open), WRITING(four_closed)},
    {WRITING(five_capped), WRITING(five_single)},
    {WRITING(six_curved), WRITING(six_straight)},
    {WRITING(seven_plain), WRITING(seven_barred), WRITING(seven_hooked)},
    {WRITING(eight_single), WRITING(eight_loops)},
    {WRITING(nine_straight), WRITING(nine_curved)},
};
/* clang-format on */

/* ---- From knots to a curve ------------------------------------------------------------------- */

typedef struct point {
    float x, y;
} point;

/* A straight piece of a stroke, and the pen pressure, which scales its radius. */
typedef struct segment {
    point from, to;
    float pressure;
} segment;

typedef struct strokes {
    segment pieces[MAX_PIECES];
    size_t count;
} strokes;

/* Unlike fminf and fmaxf, these ignore NaN and so do not become calls. */
static float least(float a, float b) {
    return a < b ? a : b;
}

static float most(float a, float b) {
    return a > b ? a : b;
}

static float between(mote_random *random, float low, float high) {
    return low + (high - low) * (float)mote_random_uniform(random);
}

/* Normal, but clamped so that no digit can turn into another one. */
static float about_zero(mote_random *random, float deviation) {
    float draw = (float)mote_random_normal(random);
    return deviation * least(most(draw, -2.0f), 2.0f);
}

static const writing *choose_writing(size_t digit, mote_random *random) {
    size_t count = 0;
    while (count < MAX_WRITINGS && writings[digit][count].knots != NULL) {
        count++;
    }
    return &writings[digit][mote_random_below(random, count)];
}

/* The writer's hand: jitters each knot, then applies one quadratic map to all of them, which
 * slants, rotates, widens, bends and tapers the digit. */
static void write_knots(const writing *style, mote_random *random, knot *knots) {
    assert(style->count <= MAX_KNOTS);
    float unsteadiness = between(random, 0.015f, 0.045f);
    float width = between(random, 0.78f, 1.28f);
    float slant = 0.12f + about_zero(random, 0.24f);
    float turned = about_zero(random, 0.12f);
    float bend = about_zero(random, 0.18f);
    float sag = about_zero(random, 0.18f);
    float taper = about_zero(random, 0.26f);
    float weight = about_zero(random, 0.14f);
    for (size_t i = 0; i < style->count; i++) {
        float x = (style->knots[i].x - 38) / 100 + about_zero(random, unsteadiness);
        float y = (style->knots[i].y - 50) / 100 + about_zero(random, unsteadiness);
        knots[i].x = x * width * (1 + taper * y) - (slant + turned) * y + bend * y * y;
        knots[i].y = y + turned * x + sag * x * x + weight * y * y;
        knots[i].turn = style->knots[i].turn;
    }
}

/* The point at t in [0, 1] between b and c on the Catmull-Rom spline through a, b, c, d. */
static float spline(float a, float b, float c, float d, float t) {
    float slope_b = 0.5f * (c - a);
    float slope_c = 0.5f * (d - b);
    float quadratic = 3 * (c - b) - 2 * slope_b - slope_c;
    float cubic = 2 * (b - c) + slope_b + slope_c;
    return b + t * (slope_b + t * (quadratic + t * cubic));
}

/* Traces from knot i to the next one. Where the pen stopped at either, the curve ignores the knot
 * beyond it. */
static void trace_span(const knot *knots, size_t i, float pressure, float change, strokes *out) {
    const knot *b = &knots[i], *c = &knots[i + 1];
    const knot *a = i > 0 && b->turn == SMOOTH && knots[i - 1].turn != LIFT ? b - 1 : b;
    const knot *d = c->turn == SMOOTH ? c + 1 : c;
    point from = {b->x, b->y};
    for (int step = 1; step <= STEPS_PER_SPAN; step++) {
        float t = (float)step / STEPS_PER_SPAN;
        point to = {spline(a->x, b->x, c->x, d->x, t), spline(a->y, b->y, c->y, d->y, t)};
        out->pieces[out->count++] = (segment){from, to, pressure + change * t};
        from = to;
    }
}

static void trace(const knot *knots, size_t count, mote_random *random, strokes *out) {
    float pressure = between(random, 0.85f, 1.15f);
    for (size_t i = 0; i + 1 < count; i++) {
        float next = between(random, 0.8f, 1.2f);
        if (knots[i].turn != LIFT) {
            trace_span(knots, i, pressure, next - pressure, out);
        }
        pressure = next;
    }
}

/* ---- From a curve to pixels ------------------------------------------------------------------ */

/* All lengths in pixels. */
typedef struct pen_tip {
    float radius;
    float softness; /* width of an edge, from ink to paper */
} pen_tip;

/* Scales and moves the drawing so that its longer side is `length` and its centre of mass
 * `centre`. */
static void place(strokes *drawing, float length, point centre) {
    point low = drawing->pieces[0].from, high = low;
    float mass = 0, mass_x = 0, mass_y = 0;
    for (size_t i = 0; i < drawing->count; i++) {
        point from = drawing->pieces[i].from, to = drawing->pieces[i].to;
        low = (point){least(low.x, to.x), least(low.y, to.y)};
        high = (point){most(high.x, to.x), most(high.y, to.y)};
        float weight = sqrtf((to.x - from.x) * (to.x - from.x) + (to.y - from.y) * (to.y - from.y));
        mass += weight;
        mass_x += weight * 0.5f * (from.x + to.x);
        mass_y += weight * 0.5f * (from.y + to.y);
    }
    float scale = length / most(high.x - low.x, high.y - low.y);
    float shift_x = centre.x - scale * mass_x / mass;
    float shift_y = centre.y - scale * mass_y / mass;
    for (size_t i = 0; i < drawing->count; i++) {
        segment *p = &drawing->pieces[i];
        p->from = (point){scale * p->from.x + shift_x, scale * p->from.y + shift_y};
        p->to = (point){scale * p->to.x + shift_x, scale * p->to.y + shift_y};
    }
}

/* The first pixel that a piece reaches, or the one past the last. */
static int pixel_bound(float position, int size) {
    return position <= 0 ? 0 : position >= (float)size ? size : (int)position;
}

/* Inks the pixels around one piece, by the distance of their centres from it. */
static void ink(const segment *piece, pen_tip pen, int size, float *canvas) {
    float radius = pen.radius * piece->pressure;
    float reach = radius + 0.5f * pen.softness;
    float ax = piece->from.x, ay = piece->from.y;
    float dx = piece->to.x - ax, dy = piece->to.y - ay;
    float square = dx * dx + dy * dy;
    float per_square = square > 0 ? 1 / square : 0;
    float per_softness = 1 / pen.softness;
    int left = pixel_bound(least(ax, piece->to.x) - reach, size);
    int right = pixel_bound(most(ax, piece->to.x) + reach + 1, size);
    int top = pixel_bound(least(ay, piece->to.y) - reach, size);
    int bottom = pixel_bound(most(ay, piece->to.y) + reach + 1, size);
    for (int row = top; row < bottom; row++) {
        float y = (float)row + 0.5f - ay;
        for (int column = left; column < right; column++) {
            float x = (float)column + 0.5f - ax;
            float along = least(most((x * dx + y * dy) * per_square, 0), 1);
            float off_x = x - along * dx, off_y = y - along * dy;
            float distance = sqrtf(off_x * off_x + off_y * off_y);
            float covered = least((reach - distance) * per_softness, 1);
            float *pixel = &canvas[row * size + column];
            *pixel = most(*pixel, covered);
        }
    }
}

/* Turns ink in [0, 1] into bytes, adding noise of standard deviation `grain`: each draw gives four
 * sums of two uniform bytes. Half of the blank pixels stay black, as there is nothing darker. */
static void develop(const float *canvas, size_t count, float brightness, float grain,
                    mote_random *random, uint8_t *bytes) {
    float per_unit = grain * 255 / 104.5f; /* standard deviation of a sum of two bytes */
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        bits = i % 4 == 0 ? mote_random_bits(random) : bits >> 16;
        float noise = (float)(bits & 255) + (float)(bits >> 8 & 255) - 255;
        float value = 255 * brightness * canvas[i] + per_unit * noise;
        bytes[i] = (uint8_t)(least(most(value, 0), 255) + 0.5f);
    }
}

static void draw_digit(size_t digit, size_t size, mote_random *random, uint8_t *bytes) {
    knot knots[MAX_KNOTS];
    strokes drawing = {.count = 0};
    const writing *style = choose_writing(digit, random);
    write_knots(style, random, knots);
    trace(knots, style->count, random, &drawing);

    float unit = (float)size / 28; /* lengths below are for 28 × 28 pixels */
    pen_tip pen;                   /* drawn one by one: an initialiser has no evaluation order */
    pen.radius = unit * between(random, 0.85f, 1.75f);
    pen.softness = most(unit * between(random, 1.0f, 1.7f), 1);
    float length = unit * between(random, 16.0f, 21.0f) - 2 * pen.radius;
    point centre;
    centre.x = unit * (14 + about_zero(random, 1.0f));
    centre.y = unit * (14 + about_zero(random, 1.0f));
    place(&drawing, length, centre);

    float canvas[MAX_SIZE * MAX_SIZE];
    memset(canvas, 0, size * size * sizeof(float));
    for (size_t i = 0; i < drawing.count; i++) {
        ink(&drawing.pieces[i], pen, (int)size, canvas);
    }
    float brightness = between(random, 0.8f, 1.0f);
    float grain = most(between(random, -0.06f, 0.06f), 0); /* half of all samples have none */
    develop(canvas, size * size, brightness, grain, random, bytes);
}

/* ---- The data set ---------------------------------------------------------------------------- */

typedef enum stream_use {
    LABEL_ORDER,
    PICTURE,
} stream_use;

/* The generator for a sample, or for the labels of ten samples. No two share a stream. */
static mote_random generator(uint64_t seed, mote_part_name part, stream_use use, size_t number) {
    uint64_t stream = ((uint64_t)number * MOTE_PART_COUNT + (uint64_t)part) * 2 + (uint64_t)use;
    return mote_random_create(seed, MOTE_RANDOM_DATA, stream);
}

/* Every ten consecutive samples are the ten digits in random order. */
static void make_labels(uint64_t seed, mote_part_name part, size_t count, uint32_t *labels) {
    for (size_t start = 0; start < count; start += DIGITS) {
        uint32_t order[DIGITS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
        mote_random random = generator(seed, part, LABEL_ORDER, start / DIGITS);
        mote_random_shuffle(&random, order, DIGITS);
        for (size_t i = 0; i < DIGITS && start + i < count; i++) {
            labels[start + i] = order[i];
        }
    }
}

/* Digits between two progress reports. */
enum {
    PROGRESS_STEP = 256
};

static mote_status make_samples(const synthetic_digits *format, const mote_loading *loading,
                                mote_part_name part, size_t count, mote_content *content,
                                mote_samples *samples, mote_error *error) {
    size_t pixels = format->size * format->size;
    uint8_t *bytes = mote_content_allocate(content, count, pixels, "synthetic digits", error);
    uint32_t *labels = mote_content_allocate(content, count, sizeof *labels, "labels", error);
    if (bytes == NULL || labels == NULL) {
        return MOTE_MEMORY;
    }
    make_labels(loading->seed, part, count, labels);
    for (size_t i = 0; i < count; i++) {
        if (i % PROGRESS_STEP == 0 && !mote_load_progress(loading, "drawing digits", i, count)) {
            return mote_load_stopped(error);
        }
        mote_random random = generator(loading->seed, part, PICTURE, i);
        draw_digit(labels[i], format->size, &random, &bytes[i * pixels]);
    }
    *samples = (mote_samples){.count = count,
                              .shape = mote_shape_image(1, format->size, format->size),
                              .bytes = bytes,
                              .labels = labels};
    return MOTE_OK;
}

static mote_status open_digits(mote_format *base, const mote_loading *loading, mote_shape *shape,
                               mote_error *error) {
    (void)loading;
    (void)error;
    const synthetic_digits *format = (const synthetic_digits *)base;
    *shape = mote_shape_image(1, format->size, format->size);
    return MOTE_OK;
}

static mote_status load_digits(mote_format *base, const mote_loading *loading,
                               mote_content *content, mote_error *error) {
    const synthetic_digits *format = (const synthetic_digits *)base;
    mote_status status = MOTE_OK;
    if (!loading->test_only) {
        status = make_samples(format, loading, MOTE_TRAINING, format->samples, content,
                              &content->train, error);
    }
    if (status == MOTE_OK && format->test_samples > 0) {
        status = make_samples(format, loading, MOTE_TEST, format->test_samples, content,
                              &content->test, error);
    }
    return status;
}

const mote_format_class mote_format_synthetic_digits = {
    .type = "synthetic_digits",
    .summary = "digits that look handwritten, generated from the seed: needs no files",
    .example = "{\"format\": \"synthetic_digits\", \"samples\": 2000, \"normalize\": \"standard\"}",
    .size = sizeof(synthetic_digits),
    .fields = fields,
    .open = open_digits,
    .load = load_digits,
};
