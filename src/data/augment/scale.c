/* scale.c: enlarges or shrinks what images show, about their centre. */
#include <math.h>

#include "mote/augmentation.h"

typedef struct scale {
    mote_augmentation base;
    double factor;
    bool separate;
} scale;

static const mote_field fields[] = {
    {.name = "factor",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(scale, factor),
     .range = MOTE_BETWEEN(1, 100),
     .help = "largest factor; drawn from 1 / factor ... factor, as often smaller as larger"},
    {.name = "separate",
     .kind = MOTE_FIELD_BOOLEAN,
     .offset = offsetof(scale, separate),
     .preset = "false",
     .help = "draw separate factors for width and height"},
    MOTE_AUGMENTATION_GROUND("\"edge_mean\""),
    MOTE_AUGMENTATION_PROBABILITY("1"),
    MOTE_FIELDS_END,
};

static void map(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                mote_warp *warp) {
    const scale *self = (const scale *)augmentation;
    double most = log(self->factor);
    double across = exp(-mote_draw_between(pass->random, -most, most));
    double down = self->separate ? exp(-mote_draw_between(pass->random, -most, most)) : across;
    mote_warp_linear(warp, across, 0, 0, down);
}

const mote_augmentation_class mote_augmentation_scale = {
    .type = "scale",
    .summary = "enlarges or shrinks what images show",
    .example = "{\"type\": \"scale\", \"factor\": 1.1}",
    .size = sizeof(scale),
    .fields = fields,
    .map = map,
};
