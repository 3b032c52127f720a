/* cutout.c: covers a square somewhere in the image (DeVries and Taylor, "Improved regularization of
 * convolutional neural networks with cutout", 2017). Its centre may be any pixel, so less than a
 * full square is covered near the edges.
 */
#include "mote/augmentation.h"

typedef struct cutout {
    mote_augmentation base;
    size_t size;
} cutout;

static const mote_field fields[] = {
    {.name = "size",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(cutout, size),
     .range = MOTE_AT_LEAST(0),
     .help = "side length in pixels"},
    {.name = "ground",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(cutout, base.ground),
     .range = MOTE_BETWEEN(0, 255),
     .choices = mote_ground_color_names,
     .preset = "\"mean\"",
     .help = "what to cover it with: a number as in the data, or the mean colour of the sample's "
             "outermost pixels or of all its pixels"},
    MOTE_AUGMENTATION_PROBABILITY("1"),
    MOTE_FIELDS_END,
};

static mote_status build(mote_augmentation *augmentation, mote_error *error) {
    const cutout *self = (const cutout *)augmentation;
    mote_status status = mote_augmentation_expect_image(augmentation, error);
    if (status != MOTE_OK) {
        return status;
    }
    size_t height = augmentation->shape.dims[1], width = augmentation->shape.dims[2];
    if (self->size > 0 && self->size >= height && self->size >= width) {
        return mote_fail(error, MOTE_INVALID,
                         "a cutout of %zu × %zu pixels could cover all of images of %zu × %zu",
                         self->size, self->size, height, width);
    }
    augmentation->scratch_count = augmentation->shape.dims[0]; /* the ground's colour */
    return MOTE_OK;
}

typedef struct span {
    size_t begin, end;
} span;

/* `size` pixels around a random one of `length`, clipped to the image. */
static span draw_span(size_t size, size_t length, mote_random *random) {
    size_t middle = (size_t)mote_random_below(random, length), before = size / 2;
    size_t begin = middle > before ? middle - before : 0, end = middle + (size - before);
    return (span){.begin = begin, .end = end < length ? end : length};
}

static void apply(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                  mote_real *x) {
    const cutout *self = (const cutout *)augmentation;
    size_t height = augmentation->shape.dims[1], width = augmentation->shape.dims[2];
    span rows = draw_span(self->size, height, pass->random);
    span columns = draw_span(self->size, width, pass->random);
    mote_augmentation_ground(augmentation, pass, x, pass->scratch);
    for (size_t c = 0; c < augmentation->shape.dims[0]; c++, x += height * width) {
        for (size_t i = rows.begin; i < rows.end; i++) {
            for (size_t j = columns.begin; j < columns.end; j++) {
                x[i * width + j] = pass->scratch[c];
            }
        }
    }
}

const mote_augmentation_class mote_augmentation_cutout = {
    .type = "cutout",
    .summary = "covers a square somewhere in the image",
    .example = "{\"type\": \"cutout\", \"size\": 8}",
    .size = sizeof(cutout),
    .fields = fields,
    .build = build,
    .apply = apply,
};
