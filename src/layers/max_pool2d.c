/* max_pool2d.c: the maximum of each window, channel by channel.
 *
 *   y = max of the window        dx = dy at the first place that holds the maximum
 *
 * first row by row. NaN counts as larger than all else: a fault upstream must not be hidden.
 */
#include "layers/pooling.h"

typedef struct max_pool2d {
    mote_pooling pooling;
    mote_real *places; /* holds uint32_t: see pool_window */
} max_pool2d;

static mote_status build(mote_layer *layer, mote_error *error) {
    max_pool2d *self = (max_pool2d *)layer;
    mote_status status = mote_pooling_build(&self->pooling, error);
    if (status == MOTE_OK && mote_shape_count(layer->input_shape) > UINT32_MAX) {
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        status = mote_fail(error, MOTE_INVALID,
                           "takes images of less than 2^32 numbers, but %s gives %s",
                           layer->input_name, mote_shape_text(layer->input_shape, text));
    }
    if (status == MOTE_OK) {
        status = mote_layer_add_training_scratch(layer, &self->places,
                                                 mote_shape_count(layer->output_shape), 0, error);
    }
    return status;
}

/* So many pixels of a window are compared in one go. */
enum {
    TAPS = 4
};

/* y = the largest of the pixels that begin at taps in x, and of y itself unless these are the `first`
 * of the window; place = where that pixel begins. For so many channels. */
static inline void fold(size_t lanes, bool first, const size_t *taps, const mote_real *x,
                        mote_real *y, uint32_t *place) {
#pragma omp simd
    for (size_t i = 0; i < lanes; i++) {
        mote_real most = first ? x[taps[0] + i] : y[i];
        uint32_t where = first ? (uint32_t)taps[0] : place[i];
        for (size_t t = first; t < TAPS; t++) {
            mote_real value = x[taps[t] + i];
            where = value > most ? (uint32_t)taps[t] : where;
            most = value > most ? value : most;
            where = value != value ? (uint32_t)taps[t] : where;
            most = value != value ? value : most;
        }
        y[i] = most;
        place[i] = where;
    }
}

/* One pixel of y, and for each of its channels where in x the pixel with the maximum begins, unless
 * places is NULL. Taps go row by row, and the last is repeated to fill the last go. */
static inline void pool_window(bool overrun, mote_pooling_span rows, mote_pooling_span columns,
                               size_t width, size_t channels, const mote_real *x, mote_real *y,
                               uint32_t *places) {
    uint32_t nowhere[MOTE_LANES] = {0};
    size_t row = rows.begin, column = columns.begin;
    for (bool first = true; row < rows.end; first = false) {
        size_t taps[TAPS];
        for (size_t t = 0; t < TAPS; t++) {
            bool more = row < rows.end;
            taps[t] = more ? (row * width + column) * channels : taps[t - 1];
            column++;
            if (column == columns.end) {
                column = columns.begin;
                row++;
            }
        }
        for (size_t c = 0; c < channels; c += MOTE_LANES) {
            size_t lanes = mote_pooling_lanes(overrun, channels, c);
            uint32_t *place = places ? places + c : nowhere;
            if (first) {
                fold(lanes, true, taps, x + c, y + c, place);
            } else {
                fold(lanes, false, taps, x + c, y + c, place);
            }
        }
    }
}

static inline void pool_row(bool overrun, const mote_pooling_windows *windows,
                            mote_pooling_span rows, const mote_real *x, mote_real *y,
                            uint32_t *places) {
    const mote_pooling_side *across = &windows->columns;
    size_t channels = windows->channels;
    for (size_t column = 0; column < across->out; column++) {
        pool_window(overrun, rows, mote_pooling_places(across, column), across->in, channels, x, y,
                    places);
        y += channels;
        places = places ? places + channels : NULL;
    }
}

MOTE_MULTIVERSION
static void pool_image(const mote_pooling_windows *windows, const mote_real *x, mote_real *y,
                       uint32_t *places) {
    const mote_pooling_side *down = &windows->rows;
    size_t x_length = windows->columns.in * windows->channels;
    size_t y_length = windows->columns.out * windows->channels;
    for (size_t row = 0; row < down->out; row++) {
        mote_pooling_span rows = mote_pooling_places(down, row);
        uint32_t *row_places = places ? places + row * y_length : NULL;
        if (mote_pooling_may_overrun(windows->channels, (down->in - rows.end) * x_length,
                                     (down->out - row - 1) * y_length)) {
            pool_row(true, windows, rows, x, y + row * y_length, row_places);
        } else {
            pool_row(false, windows, rows, x, y + row * y_length, row_places);
        }
    }
}

/* Windows may overlap, so each adds. */
static void scatter_image(const mote_pooling_windows *windows, const uint32_t *places,
                          const mote_real *dy, mote_real *dx) {
    size_t channels = windows->channels;
    size_t pixels = windows->rows.out * windows->columns.out;
    memset(dx, 0, windows->rows.in * windows->columns.in * channels * sizeof *dx);
    for (size_t pixel = 0; pixel < pixels; pixel++, dy += channels, places += channels) {
        for (size_t c = 0; c < channels; c++) {
            dx[places[c] + c] += dy[c];
        }
    }
}

typedef struct job {
    const max_pool2d *self;
    size_t x_count, y_count; /* of one image */
    const mote_real *x, *dy;
    mote_real *y, *dx;
    uint32_t *places; /* NULL: not wanted */
} job;

static job make_job(const mote_layer *layer, const mote_pass *pass, const mote_real *x) {
    const max_pool2d *self = (const max_pool2d *)layer;
    return (job){.self = self,
                 .x_count = mote_shape_count(layer->input_shape),
                 .y_count = mote_shape_count(layer->output_shape),
                 .x = x,
                 .places = pass->training ? (uint32_t *)(void *)self->places : NULL};
}

static void forward_image(void *context, size_t image) {
    const job *j = context;
    mote_real *y = j->y + image * j->y_count;
    pool_image(&j->self->pooling.windows, j->x + image * j->x_count, y,
               j->places ? j->places + image * j->y_count : NULL);
    mote_finish_y(&j->self->pooling.base, j->y_count, y);
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    job j = make_job(layer, pass, x);
    j.y = y;
    mote_pooling_run(pass->pool, pass->batch, j.x_count, forward_image, &j);
}

static void backward_image(void *context, size_t image) {
    const job *j = context;
    mote_real *dx = j->dx + image * j->x_count;
    scatter_image(&j->self->pooling.windows, j->places + image * j->y_count,
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
    .order = MOTE_CHANNELS_LAST,
    .fuses = true,
};
