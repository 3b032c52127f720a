/* augmentation.h: the interface for writing an augmentation.
 *
 * An augmentation randomly changes each training sample as it is gathered, anew in every epoch. A
 * config lists augmentations in dataset.augment; they are applied in that order. Each is one file
 * that ends in one mote_augmentation_class. There are two kinds:
 *
 * - A geometric augmentation provides `map`, which says where each pixel comes from. Adjacent ones
 *   in the list whose grounds agree are composed, and the image is resampled once for all of them.
 * - Any other augmentation provides `apply`, which changes the sample's numbers.
 *
 * Many threads call an augmentation concurrently, each for a different sample, so it must not
 * change after build. The random numbers depend only on the config's seed, the epoch, the sample's
 * number and the position in the list: results are bit-identical on any number of threads, and
 * after a resume.
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

/* What fills pixels without image content: a number in the data's own scale, 0 ... 255 for 8-bit
 * samples, or one of these, as MOTE_NAMED_INTEGER. */
typedef enum mote_ground_kind {
    MOTE_GROUND_EDGE_MEAN, /* the mean colour of the sample's outermost pixels */
    MOTE_GROUND_MEAN,      /* the mean colour of the sample */
    MOTE_GROUND_EDGE,      /* for each pixel, the nearest one in the image; `map` only */
    MOTE_GROUND_ANY,       /* never visible; the value in classes without a ground field */
} mote_ground_kind;

/* Indexed by value, NULL-terminated; the second list omits what is for `map` only. */
extern const char *const mote_ground_names[], *const mote_ground_color_names[];

/* The part common to all augmentations; the first member of each one's struct. */
struct mote_augmentation {
    const mote_augmentation_class *kind;
    mote_shape shape; /* of a sample; set before build */

    double probability; /* of changing a sample; 1 without MOTE_AUGMENTATION_PROBABILITY */
    size_t ground;      /* MOTE_GROUND_ANY without MOTE_AUGMENTATION_GROUND */

    /* Set by build: the size of the scratch memory that a call needs, in mote_real. */
    size_t scratch_count;
};

/* Table rows for the fields of the common part, with their default as JSON text. */
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

/* The context of a call. */
typedef struct mote_augment_pass {
    mote_random *random; /* for this sample and augmentation alone */
    mote_real *scratch;  /* [scratch_count], 64-byte aligned, uninitialised; this thread's own */
    const mote_preprocessing *preprocessing; /* already applied to the sample */
} mote_augment_pass;

/* Where each pixel of an image comes from. */
typedef struct mote_warp mote_warp;

/* Describes a type of augmentation. */
struct mote_augmentation_class {
    const char *type;    /* its name in JSON */
    const char *summary; /* one line of help */
    const char *example; /* as in mote_layer_class */
    size_t size;         /* of its struct, whose first member is `mote_augmentation base` */
    const mote_field *fields;

    /* Checks the settings against the shape and prepares. An error message need not name the
     * augmentation: mote prepends the name. May be NULL. */
    mote_status (*build)(mote_augmentation *augmentation, mote_error *error);

    /* Exactly one of the two is not NULL. `map` changes the warp through the calls below; it is
     * called for images only. `apply` changes x [shape] in place, normalised as the model sees
     * it. */
    void (*map)(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                mote_warp *warp);
    void (*apply)(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                  mote_real *x);
};

/* For `map`. x increases to the right and y downwards, both in pixels. The output pixel at (x, y)
 * is taken from
 *
 *     mote_warp_move:      (x + right, y + down)
 *     mote_warp_linear:    (xx u + xy v, yx u + yy v), where (u, v) is (x, y) relative to the
 *                          image's centre, and so is the result
 *     mote_warp_displace:  (x + dx(x, y), y + dy(x, y)); dx and dy [height × width] are given at
 *                          the pixels, interpolated bilinearly, and outside the image taken from
 *                          the nearest pixel
 */
void mote_warp_move(mote_warp *warp, double right, double down);
void mote_warp_linear(mote_warp *warp, double xx, double xy, double yx, double yy);
void mote_warp_displace(mote_warp *warp, const mote_real *dx, const mote_real *dy);

/* For `apply`: writes the ground's color [channels] for x [shape], both normalised. Not for
 * MOTE_GROUND_EDGE. */
void mote_augmentation_ground(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                              const mote_real *x, mote_real *color);

/* For build: fails with MOTE_INVALID, saying what was found, unless the samples are images of at
 * most 2^28 pixels. mote calls it before the build of every class with `map`. */
mote_status mote_augmentation_expect_image(const mote_augmentation *augmentation,
                                           mote_error *error);

/* Draws a number uniformly from low ... high. */
static inline double mote_draw_between(mote_random *random, double low, double high) {
    return low + (high - low) * mote_random_uniform(random);
}

/* The class of that type, or NULL; and all classes, NULL-terminated. */
const mote_augmentation_class *mote_augmentation_class_find(const char *type);
const mote_augmentation_class *const *mote_augmentation_classes(void);

/* Like mote_layer_register. */
mote_status mote_augmentation_register(const mote_augmentation_class *kind, mote_error *error);

#ifdef __cplusplus
}
#endif

#endif
