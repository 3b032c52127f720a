/* max_pool2d.c: the maximum of each window, channel by channel.
 *
 *   y = max of the window        dx = dy at the first pixel, row by row, that holds the maximum
 *
 * NaN counts as larger than anything else: a fault upstream must not be hidden.
 */
#include "layers/pooling.h"

typedef struct max_pool2d {
    mote_pooling pooling;
    mote_real *places; /* holds uint32_t: see pool_window */
} max_pool2d;

static mote_status build(mote_layer *layer, mote_error *error) {
    max_pool2d *self = (max_pool2d *)layer;
    mote_status status = mote_pooling_build(&self->pooling, error);
    if (status == MOTE_OK) {
        status = mote_layer_add_training_scratch(layer, &self->places,
                                                 mote_shape_count(layer->output_shape), 0, error);
    }
    return status;
}

/* Pixels of a window compared at a time. */
enum {
    TAPS = 4
};

/* For `lanes` channels: y = the largest of the pixels that begin at `taps` in x, and of y itself
 * unless these are the `first` of the window; place = which of `pixels` that is. */
MOTE_INLINE void fold(size_t lanes, bool first, const size_t *taps, const uint32_t *pixels,
                      const mote_real *x, mote_real *y, uint32_t *place) {
#pragma omp simd
    for (size_t i = 0; i < lanes; i++) {
        mote_real most = first ? x[taps[0] + i] : y[i];
        uint32_t where = first ? pixels[0] : place[i];
        for (size_t t = first; t < TAPS; t++) {
            mote_real value = x[taps[t] + i];
            bool more = (value > most) | (value != value);
            where = more ? pixels[t] : where;
            most = more ? value : most;
        }
        y[i] = most;
        place[i] = where;
    }
}

/* All channels of one pixel. */
MOTE_INLINE void fold_pixel(bool overrun, bool first, const uint32_t *pixels, size_t channels,
                            const mote_real *x, mote_real *y, uint32_t *places) {
    size_t taps[TAPS];
    for (size_t t = 0; t < TAPS; t++) {
        taps[t] = pixels[t] * channels;
    }
    uint32_t nowhere[MOTE_LANES] = {0};
    for (size_t c = 0; c < channels; c += MOTE_LANES) {
        uint32_t *place = places ? places + c : nowhere;
        if (overrun && channels - c <= MOTE_LANES / 2) {
            fold(MOTE_LANES / 2, first, taps, pixels, x + c, y + c, place);
        } else {
            size_t lanes = mote_pooling_lanes(overrun, channels, c);
            fold(lanes, first, taps, pixels, x + c, y + c, place);
        }
    }
}

/* Lists the next pixels of a window, row by row; the last is repeated to fill the list. */
MOTE_INLINE void list_pixels(mote_pooling_span rows, mote_pooling_span columns, size_t width,
                             size_t *row, size_t *column, uint32_t *pixels) {
    uint32_t last = 0;
    for (size_t t = 0; t < TAPS; t++) {
        pixels[t] = *row < rows.end ? (uint32_t)(*row * width + *column) : last;
        last = pixels[t];
        if (++*column == columns.end) {
            *column = columns.begin;
            ++*row;
        }
    }
}

/* One pixel of y, and for each of its channels which pixel of x holds the maximum, unless places is
 * NULL. */
MOTE_INLINE void pool_window(bool overrun, mote_pooling_span rows, mote_pooling_span columns,
                             size_t width, size_t channels, const mote_real *x, mote_real *y,
                             uint32_t *places) {
    size_t row = rows.begin, column = columns.begin;
    for (bool first = true; row < rows.end; first = false) {
        uint32_t pixels[TAPS];
        list_pixels(rows, columns, width, &row, &column, pixels);
        if (first) {
            fold_pixel(overrun, true, pixels, channels, x, y, places);
        } else {
            fold_pixel(overrun, false, pixels, channels, x, y, places);
        }
    }
}

/* How many numbers follow a row of pixels in x and in y. */
typedef struct room {
    size_t after_read, after_written;
} room;

/* Small windows of the same width share one list of pixels, relative to the first. */
MOTE_MULTIVERSION
static void pool_row(const mote_pooling_windows *windows, mote_pooling_span rows, room left,
                     const mote_real *x, mote_real *y, uint32_t *places) {
    const mote_pooling_side *across = &windows->columns;
    size_t channels = windows->channels, height = rows.end - rows.begin, listed = 0;
    uint32_t alike[TAPS] = {0};
    for (size_t column = 0; column < across->out; column++, y += channels) {
        mote_pooling_span columns = mote_pooling_places(across, column);
        size_t width = columns.end - columns.begin;
        bool may = mote_pooling_may_overrun(
            channels, left.after_read + (across->in - columns.end) * channels,
            left.after_written + (across->out - column - 1) * channels);
        if (!may) {
            pool_window(false, rows, columns, across->in, channels, x, y, places);
        } else if (height * width > TAPS) {
            pool_window(true, rows, columns, across->in, channels, x, y, places);
        } else {
            if (width != listed) {
                size_t row = 0, begin = 0;
                list_pixels((mote_pooling_span){0, height}, (mote_pooling_span){0, width},
                            across->in, &row, &begin, alike);
                listed = width;
            }
            uint32_t first = (uint32_t)(rows.begin * across->in + columns.begin), pixels[TAPS];
            for (size_t t = 0; t < TAPS; t++) {
                pixels[t] = first + alike[t];
            }
            fold_pixel(true, true, pixels, channels, x, y, places);
        }
        places = places ? places + channels : NULL;
    }
}

static void pool_image(const mote_pooling_windows *windows, const mote_real *x, mote_real *y,
                       uint32_t *places) {
    const mote_pooling_side *down = &windows->rows;
    size_t x_length = windows->columns.in * windows->channels;
    size_t y_length = windows->columns.out * windows->channels;
    for (size_t row = 0; row < down->out; row++) {
        mote_pooling_span rows = mote_pooling_places(down, row);
        uint32_t *row_places = places ? places + row * y_length : NULL;
        room left = {.after_read = (down->in - rows.end) * x_length,
                     .after_written = (down->out - row - 1) * y_length};
        pool_row(windows, rows, left, x, y + row * y_length, row_places);
    }
}

/* Windows may overlap, so gradients are added. */
static void scatter_image(const mote_pooling_windows *windows, const uint32_t *places,
                          const mote_real *dy, mote_real *dx) {
    size_t channels = windows->channels;
    size_t pixels = windows->rows.out * windows->columns.out;
    memset(dx, 0, windows->rows.in * windows->columns.in * channels * sizeof *dx);
    for (size_t pixel = 0; pixel < pixels; pixel++, dy += channels, places += channels) {
        for (size_t c = 0; c < channels; c++) {
            dx[places[c] * channels + c] += dy[c];
        }
    }
}

static uint32_t *places_of(const max_pool2d *self) {
    return (uint32_t *)(void *)self->places;
}

typedef struct job {
    const max_pool2d *self;
    const mote_pass *pass;
    size_t x_count, y_count; /* of one image */
    const mote_real *x, *dy;
    mote_real *y, *dx;
} job;

static job make_job(const mote_layer *layer, const mote_pass *pass, const mote_real *x) {
    const max_pool2d *self = (const max_pool2d *)layer;
    return (job){.self = self,
                 .pass = pass,
                 .x_count = mote_shape_count(layer->input_shape),
                 .y_count = mote_shape_count(layer->output_shape),
                 .x = x};
}

static void pool_sample(const mote_layer *layer, const mote_pass *pass, size_t sample,
                        const mote_real *x, mote_real *y) {
    const max_pool2d *self = (const max_pool2d *)layer;
    size_t count = mote_shape_count(layer->output_shape);
    pool_image(&self->pooling.windows, x, y,
               pass->training ? places_of(self) + sample * count : NULL);
    mote_finish_y(layer, count, y);
}

static const uint32_t *pooled_from(const mote_layer *layer, size_t sample) {
    return places_of((const max_pool2d *)layer) + sample * mote_shape_count(layer->output_shape);
}

static void forward_image(void *context, size_t image) {
    const job *j = context;
    pool_sample(&j->self->pooling.base, j->pass, image, j->x + image * j->x_count,
                j->y + image * j->y_count);
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    job j = make_job(layer, pass, x);
    j.y = y;
    mote_pooling_run(pass->pool, pass->batch, j.x_count, forward_image, &j);
}

static void backward_image(void *context, size_t image) {
    const job *j = context;
    mote_real *dx = j->dx + image * j->x_count;
    scatter_image(&j->self->pooling.windows, pooled_from(&j->self->pooling.base, image),
                  j->dy + image * j->y_count, dx);
    mote_finish_dx(&j->self->pooling.base, j->x_count, j->x + image * j->x_count, dx);
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)y;
    if (!dx) {
        return;
    }
    job j = make_job(layer, pass, x);
    j.dy = dy;
    j.dx = dx;
    mote_pooling_run(pass->pool, pass->batch, j.x_count, backward_image, &j);
}

const mote_layer_class mote_layer_max_pool2d = {
    .type = "max_pool2d",
    .summary = "the maximum of each window of an image",
    .example = "{\"type\": \"max_pool2d\", \"size\": 2}",
    .size = sizeof(max_pool2d),
    .fields = mote_pooling_fields,
    .build = build,
    .forward = forward,
    .backward = backward,
    .pool_sample = pool_sample,
    .pooled_from = pooled_from,
    .order = MOTE_CHANNELS_LAST,
    .fuses = true,
};
