/* flip.c: mirrors images. */
#include "mote/augmentation.h"

enum {
    HORIZONTAL,
    VERTICAL
};

static const char *const direction_names[] = {
    [HORIZONTAL] = "horizontal", [VERTICAL] = "vertical", NULL};

typedef struct flip {
    mote_augmentation base;
    int direction;
} flip;

static const mote_field fields[] = {
    {.name = "direction",
     .kind = MOTE_FIELD_CHOICE,
     .offset = offsetof(flip, direction),
     .choices = direction_names,
     .preset = "\"horizontal\"",
     .help = "horizontal: swaps left and right; vertical: swaps top and bottom"},
    MOTE_AUGMENTATION_PROBABILITY("0.5"),
    MOTE_FIELDS_END,
};

static void map(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                mote_warp *warp) {
    (void)pass;
    bool vertical = ((const flip *)augmentation)->direction == VERTICAL;
    mote_warp_linear(warp, vertical ? 1 : -1, 0, 0, vertical ? -1 : 1);
}

const mote_augmentation_class mote_augmentation_flip = {
    .type = "flip",
    .summary = "mirrors images",
    .example = "{\"type\": \"flip\", \"direction\": \"horizontal\"}",
    .size = sizeof(flip),
    .fields = fields,
    .map = map,
};
