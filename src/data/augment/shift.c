/* shift.c: moves images by random distances, including fractions of a pixel. */
#include "mote/augmentation.h"

typedef struct shift {
    mote_augmentation base;
    double pixels;
} shift;

static const mote_field fields[] = {
    {.name = "pixels",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(shift, pixels),
     .range = MOTE_AT_LEAST(0),
     .help = "largest distance, horizontally and vertically"},
    MOTE_AUGMENTATION_GROUND("\"edge_mean\""),
    MOTE_AUGMENTATION_PROBABILITY("1"),
    MOTE_FIELDS_END,
};

static mote_status build(mote_augmentation *augmentation, mote_error *error) {
    const shift *self = (const shift *)augmentation;
    size_t height = augmentation->shape.dims[1], width = augmentation->shape.dims[2];
    if (self->pixels > 0 && self->pixels >= (double)(height < width ? height : width)) {
        return mote_fail(error, MOTE_INVALID,
                         "a shift by up to %g pixels would leave nothing of images of %zu × %zu",
                         self->pixels, height, width);
    }
    return MOTE_OK;
}

static void map(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                mote_warp *warp) {
    double most = ((const shift *)augmentation)->pixels;
    double right = mote_draw_between(pass->random, -most, most);
    double down = mote_draw_between(pass->random, -most, most);
    mote_warp_move(warp, -right, -down);
}

const mote_augmentation_class mote_augmentation_shift = {
    .type = "shift",
    .summary = "moves images horizontally and vertically, by fractions of a pixel too",
    .example = "{\"type\": \"shift\", \"pixels\": 2}",
    .size = sizeof(shift),
    .fields = fields,
    .build = build,
    .map = map,
};
