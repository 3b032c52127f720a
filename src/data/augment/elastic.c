/* elastic.c: distorts images as if on rubber (Simard, Steinkraus and Platt, "Best practices for
 * convolutional neural networks applied to visual document analysis", 2003).
 *
 * For each pixel two numbers are drawn from −1 ... 1: how far to the right and how far down it
 * comes from. Both fields are smoothed by a Gaussian of standard deviation sigma pixels, with zeros
 * around the image, and multiplied by alpha. Away from the edges, displacements have standard
 * deviation alpha / (2 √(3π) sigma), about 1.4 pixels with the paper's values for digits, 34 and 4.
 */
#include <math.h>
#include <string.h>

#include "math/vector.h"
#include "mote/augmentation.h"

enum {
    LARGEST_SIGMA = 64,
    DEVIATIONS = 3, /* weights further out are negligible */
    BLOCK = 32,     /* sums kept in registers */
};

typedef struct elastic {
    mote_augmentation base;
    double alpha, sigma;

    /* Set by build. Noise is drawn into rows with `radius` zeros on each side, shared by adjacent
     * rows; once smoothed horizontally, rows are contiguous, with `radius` rows of zeros above and
     * below. */
    mote_real weights[DEVIATIONS * LARGEST_SIGMA + 1]; /* at distances 0 ... radius */
    size_t radius;
    size_t noise_count, rows_count, field_count;
} elastic;

static const mote_field fields[] = {
    {.name = "alpha",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(elastic, alpha),
     .range = MOTE_BETWEEN(0, 1e6),
     .preset = "34",
     .help = "strength: pixels move by about 0.16 × alpha / sigma"},
    {.name = "sigma",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(elastic, sigma),
     .range = MOTE_BETWEEN(0.5, LARGEST_SIGMA),
     .preset = "4",
     .help = "smoothness in pixels: neighbours closer than this move alike"},
    MOTE_AUGMENTATION_GROUND("\"edge_mean\""),
    MOTE_AUGMENTATION_PROBABILITY("1"),
    MOTE_FIELDS_END,
};

static size_t round_up(size_t count) {
    return (count + BLOCK - 1) / BLOCK * BLOCK;
}

static mote_status build(mote_augmentation *augmentation, mote_error *error) {
    (void)error;
    elastic *self = (elastic *)augmentation;
    size_t height = augmentation->shape.dims[1], width = augmentation->shape.dims[2];
    size_t reach = (size_t)ceil(DEVIATIONS * self->sigma), side = height > width ? height : width;
    double sum = 1;
    for (size_t k = 1; k <= reach; k++) {
        double distance = (double)k / self->sigma;
        sum += 2 * exp(-0.5 * distance * distance);
    }
    self->radius = reach < side ? reach : side; /* beyond it there are only zeros */
    for (size_t k = 0; k <= self->radius; k++) {
        double distance = (double)k / self->sigma;
        self->weights[k] = (mote_real)(exp(-0.5 * distance * distance) / sum);
    }
    size_t margin = self->radius;
    self->noise_count =
        round_up(margin + (height - 1) * (width + margin) + round_up(width) + margin);
    self->rows_count = round_up((height + 2 * margin) * width + BLOCK);
    self->field_count = round_up(height * width);
    augmentation->scratch_count = self->noise_count + self->rows_count + 2 * self->field_count;
    return MOTE_OK;
}

/* Draws numbers from −most ... most, two per random number. */
static void draw_numbers(mote_random *random, size_t count, double most, mote_real *numbers) {
    mote_real unit = (mote_real)(most * 0x1p-31);
    for (size_t i = 0; i < count; i += 2) {
        uint64_t bits = mote_random_bits(random);
        numbers[i] = unit * (mote_real)(int32_t)(uint32_t)bits;
        if (i + 1 < count) {
            numbers[i + 1] = unit * (mote_real)(int32_t)(uint32_t)(bits >> 32);
        }
    }
}

/* For each row y_i = Σ_k w_|k| x_(i + k step), i < count; reads and writes beyond that, up to whole
 * blocks. */
MOTE_MULTIVERSION
static void smooth(size_t rows, size_t count, size_t radius, size_t step, const mote_real *weights,
                   const mote_real *x, size_t x_stride, mote_real *y, size_t y_stride) {
    for (size_t row = 0; row < rows; row++, x += x_stride, y += y_stride) {
        for (size_t i = 0; i < count; i += BLOCK) {
            mote_real sums[BLOCK];
            for (size_t b = 0; b < BLOCK; b++) {
                sums[b] = weights[0] * x[i + b];
            }
            for (size_t k = 1; k <= radius; k++) {
                const mote_real *before = x + i - k * step, *behind = x + i + k * step;
                for (size_t b = 0; b < BLOCK; b++) {
                    sums[b] += weights[k] * (before[b] + behind[b]);
                }
            }
            memcpy(y + i, sums, sizeof sums);
        }
    }
}

/* Draws the displacements in one direction into field [height × width]. */
static void draw_field(const elastic *self, const mote_augment_pass *pass, mote_real *field) {
    size_t height = self->base.shape.dims[1], width = self->base.shape.dims[2];
    size_t radius = self->radius, stride = width + radius;
    mote_real *noise = pass->scratch, *rows = noise + self->noise_count;
    memset(noise, 0, self->noise_count * sizeof *noise);
    for (size_t i = 0; i < height; i++) {
        draw_numbers(pass->random, width, self->alpha, noise + radius + i * stride);
    }
    mote_real *first = rows + radius * width, *end = first + height * width;
    memset(rows, 0, radius * width * sizeof *rows);
    smooth(height, width, radius, 1, self->weights, noise + radius, stride, first, width);
    size_t below = (size_t)(rows + self->rows_count - end);
    memset(end, 0, below * sizeof *end); /* only now, as the last row's block is written there */
    smooth(1, height * width, radius, width, self->weights, first, 0, field, 0);
}

static void map(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                mote_warp *warp) {
    const elastic *self = (const elastic *)augmentation;
    if (self->alpha == 0) {
        return;
    }
    mote_real *dx = pass->scratch + self->noise_count + self->rows_count;
    mote_real *dy = dx + self->field_count;
    draw_field(self, pass, dx);
    draw_field(self, pass, dy);
    mote_warp_displace(warp, dx, dy);
}

const mote_augmentation_class mote_augmentation_elastic = {
    .type = "elastic",
    .summary = "distorts images as if drawn on rubber (Simard et al., 2003)",
    .example = "{\"type\": \"elastic\", \"alpha\": 34, \"sigma\": 4}",
    .size = sizeof(elastic),
    .fields = fields,
    .build = build,
    .map = map,
};
