/* rotate.c: rotates images about their centre. */
#include <math.h>

#include "mote/augmentation.h"

static const double RADIANS_PER_DEGREE = 0.017453292519943295;

typedef struct rotate {
    mote_augmentation base;
    double degrees;
} rotate;

static const mote_field fields[] = {
    {.name = "degrees",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(rotate, degrees),
     .range = MOTE_BETWEEN(0, 180),
     .help = "largest angle, in either direction"},
    MOTE_AUGMENTATION_GROUND("\"edge_mean\""),
    MOTE_AUGMENTATION_PROBABILITY("1"),
    MOTE_FIELDS_END,
};

static void map(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                mote_warp *warp) {
    double most = ((const rotate *)augmentation)->degrees * RADIANS_PER_DEGREE;
    double angle = mote_draw_between(pass->random, -most, most);
    mote_warp_linear(warp, cos(angle), sin(angle), -sin(angle), cos(angle));
}

const mote_augmentation_class mote_augmentation_rotate = {
    .type = "rotate",
    .summary = "rotates images about their centre",
    .example = "{\"type\": \"rotate\", \"degrees\": 10}",
    .size = sizeof(rotate),
    .fields = fields,
    .map = map,
};
