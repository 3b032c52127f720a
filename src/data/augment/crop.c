/* crop.c: adds a margin, then crops an image of the original size at a random place. It moves by
 * whole pixels, so nothing is blurred.
 */
#include "mote/augmentation.h"

typedef struct crop {
    mote_augmentation base;
    size_t padding;
} crop;

static const mote_field fields[] = {
    {.name = "padding",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(crop, padding),
     .range = MOTE_AT_LEAST(0),
     .help = "how many pixels to add on each side before cropping"},
    MOTE_AUGMENTATION_GROUND("\"edge_mean\""),
    MOTE_AUGMENTATION_PROBABILITY("1"),
    MOTE_FIELDS_END,
};

static mote_status build(mote_augmentation *augmentation, mote_error *error) {
    const crop *self = (const crop *)augmentation;
    size_t height = augmentation->shape.dims[1], width = augmentation->shape.dims[2];
    if (self->padding > 0 && self->padding >= (height < width ? height : width)) {
        return mote_fail(error, MOTE_INVALID,
                         "a crop with a padding of %zu pixels would leave nothing of images of %zu "
                         "× %zu",
                         self->padding, height, width);
    }
    return MOTE_OK;
}

static double draw_offset(size_t padding, mote_random *random) {
    return (double)mote_random_below(random, 2 * padding + 1) - (double)padding;
}

static void map(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                mote_warp *warp) {
    size_t padding = ((const crop *)augmentation)->padding;
    double right = draw_offset(padding, pass->random);
    double down = draw_offset(padding, pass->random);
    mote_warp_move(warp, right, down);
}

const mote_augmentation_class mote_augmentation_crop = {
    .type = "crop",
    .summary = "adds a margin, then crops an image of the original size: moves by whole pixels",
    .example = "{\"type\": \"crop\", \"padding\": 4}",
    .size = sizeof(crop),
    .fields = fields,
    .build = build,
    .map = map,
};
