/* augmentation.h: what an augmentation is, for those who write one.
 *
 * An augmentation changes training samples as they are gathered, each one anew in every epoch, by
 * numbers drawn for it. A config lists them as dataset.augment, and they come one after the other.
 * Each is one file that ends in one mote_augmentation_class. There are two kinds:
 *
 * - A geometric one gives `map`, which says where each pixel comes from. Neighbours in the list
 *   that agree on their ground are composed, and the image is resampled once for all of them.
 * - Any other one gives `apply`, which changes the sample's numbers.
 *
 * Many threads call them at the same time, each for a sample of its own, so the augmentation itself
 * stays as build left it. What is drawn follows from the config's seed, the epoch, the sample's
 * number and the place in the list alone: runs are the same to the bit on any number of threads,
 * and where they were stopped and resumed.
 */
#ifndef MOTE_AUGMENTATION_H
#define MOTE_AUGMENTATION_H

#include "mote/field.h"
#include "mote/preprocessing.h"
#include "mote/random.h"
#include "mote/status.h"
#include "mote/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_augmentation mote_augmentation;
typedef struct mote_augmentation_class mote_augmentation_class;

/* What lies where there is no image: a number as it stands in the data, 0 ... 255 for 8-bit
 * samples, or one of these, as MOTE_NAMED_INTEGER. */
typedef enum mote_ground_kind {
    MOTE_GROUND_EDGE_MEAN, /* the mean colour of the sample's outermost pixels */
    MOTE_GROUND_MEAN,      /* the mean colour of the sample */
    MOTE_GROUND_EDGE,      /* of each pixel the nearest one in the image; for `map` alone */
    MOTE_GROUND_ANY,       /* nothing is to be seen of it; what a class without that field has */
} mote_ground_kind;

/* Each at its value, ended by NULL; the second list leaves out what is for `map` alone. */
extern const char *const mote_ground_names[], *const mote_ground_color_names[];

/* The part that all augmentations have in common; the first member of each one's struct. */
struct mote_augmentation {
    const mote_augmentation_class *kind;
    mote_shape shape; /* of a sample; set before build */

    double probability; /* that a sample is changed; 1 without MOTE_AUGMENTATION_PROBABILITY */
    size_t ground;      /* MOTE_GROUND_ANY without MOTE_AUGMENTATION_GROUND */

    /* Set by build: how many numbers of scratch memory a call needs. */
    size_t scratch_count;
};

/* Fields of the common part, for tables: with what default. */
#define MOTE_AUGMENTATION_PROBABILITY(default_value)                                               \
    {                                                                                              \
        .name = "probability", .kind = MOTE_FIELD_NUMBER,                                          \
        .offset = offsetof(mote_augmentation, probability), .range = MOTE_BETWEEN(0, 1),           \
        .preset = default_value, .help = "what fraction of the samples it changes"                 \
    }
#define MOTE_AUGMENTATION_GROUND(default_value)                                                    \
    {                                                                                              \
        .name = "ground", .kind = MOTE_FIELD_INTEGER,                                              \
        .offset = offsetof(mote_augmentation, ground), .range = MOTE_BETWEEN(0, 255),              \
        .choices = mote_ground_names, .preset = default_value,                                     \
        .help = "what comes in from outside: a number as in the data, the mean colour of the "     \
                "sample's outermost pixels or of all its pixels, or for each pixel the nearest "   \
                "one in the image"                                                                 \
    }

/* What a call works with. */
typedef struct mote_augment_pass {
    mote_random *random; /* of this sample and augmentation alone */
    mote_real *scratch;  /* [scratch_count], 64-byte aligned, not initialised; this thread's */
    const mote_preprocessing *preprocessing; /* what the sample's numbers went through */
} mote_augment_pass;

/* Where each pixel of an image comes from. */
typedef struct mote_warp mote_warp;

/* The record of a type of augmentation. */
struct mote_augmentation_class {
    const char *type;    /* its name in JSON */
    const char *summary; /* one line of help */
    const char *example; /* as in mote_layer_class */
    size_t size;         /* of its struct, whose first member is `mote_augmentation base` */
    const mote_field *fields;

    /* Checks the settings against the shape, prepares. On failure the message need not name the
     * augmentation: mote puts that in front. May be NULL. */
    mote_status (*build)(mote_augmentation *augmentation, mote_error *error);

    /* One of the two is not NULL. `map` changes the warp by the calls below; it gets images alone.
     * `apply` changes x [shape], normalised as the model sees it. */
    void (*map)(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                mote_warp *warp);
    void (*apply)(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                  mote_real *x);
};

/* For `map`. x goes to the right, y downwards, both in pixels. The pixel that comes out at (x, y)
 * is taken from
 *
 *     mote_warp_move:      (x + right, y + down)
 *     mote_warp_linear:    (xx u + xy v, yx u + yy v), where (u, v) is (x, y) seen from the image's
 *                          centre, and so is the result
 *     mote_warp_displace:  (x + dx(x, y), y + dy(x, y)); dx and dy [height × width] are given at
 *                          the pixels, bilinear between them, and outside as at the nearest pixel
 */
void mote_warp_move(mote_warp *warp, double right, double down);
void mote_warp_linear(mote_warp *warp, double xx, double xy, double yx, double yy);
void mote_warp_displace(mote_warp *warp, const mote_real *dx, const mote_real *dy);

/* For `apply`: the ground's color [channels] for x [shape], normalised. Not for
 * MOTE_GROUND_EDGE. */
void mote_augmentation_ground(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                              const mote_real *x, mote_real *color);

/* For build: fail, with what was found, unless the samples are images. mote does so before the
 * build of those with `map`. */
mote_status mote_augmentation_expect_image(const mote_augmentation *augmentation,
                                           mote_error *error);

/* A number drawn from low ... high, all alike. */
static inline double mote_draw_between(mote_random *random, double low, double high) {
    return low + (high - low) * mote_random_uniform(random);
}

/* The class of that type, or NULL; and all of them, ended by NULL. */
const mote_augmentation_class *mote_augmentation_class_find(const char *type);
const mote_augmentation_class *const *mote_augmentation_classes(void);

/* As mote_layer_register. */
mote_status mote_augmentation_register(const mote_augmentation_class *kind, mote_error *error);

#ifdef __cplusplus
}
#endif

#endif
