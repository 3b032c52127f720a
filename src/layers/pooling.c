/* pooling.c: settings of pooling windows, and the mean over a window.
 *
 * Forward, each pixel of y sums a rectangle of pixels of x; backward, each pixel of dx sums a
 * rectangle of pixels of dy, one for each window that contains it. So one function does both,
 * writes each pixel once, and always adds in the same order.
 */
#include "layers/pooling.h"

#include "math/convolution.h"
#include "math/whole.h"

/* ---- settings ---- */

static const char *const stride_names[] = {"size", NULL};

const mote_field mote_pooling_fields[] = {
    {.name = "size",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_pooling, size),
     .range = MOTE_AT_LEAST(1),
     .help = "height and width of a window"},
    {.name = "stride",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_pooling, stride),
     .range = MOTE_AT_LEAST(1),
     .choices = stride_names,
     .preset = "\"size\"",
     .help = "distance from one window to the next"},
    {.name = "padding",
     .kind = MOTE_FIELD_INTEGER,
     .offset = offsetof(mote_pooling, padding),
     .range = MOTE_AT_LEAST(0),
     .preset = "0",
     .help = "how far windows may reach beyond each edge; at most size / 2"},
    MOTE_FIELDS_END,
};

static mote_pooling_side make_side(const mote_pooling *pooling, size_t in) {
    size_t stride = pooling->stride == MOTE_NAMED_INTEGER(0) ? pooling->size : pooling->stride;
    return (mote_pooling_side){
        .in = in,
        .out = mote_window_extent(in, pooling->size, stride, pooling->padding, pooling->padding, 1),
        .size = pooling->size,
        .stride = stride,
        .padding = pooling->padding};
}

mote_status mote_pooling_build(mote_pooling *pooling, mote_error *error) {
    mote_layer *layer = &pooling->base;
    if (mote_layer_expect_image(layer, error)) {
        return MOTE_INVALID;
    }
    if (pooling->padding > pooling->size / 2) {
        return mote_fail(error, MOTE_INVALID,
                         "a padding of %zu is more than half of size %zu, so some windows would "
                         "hold nothing but padding; make it at most %zu",
                         pooling->padding, pooling->size, pooling->size / 2);
    }
    const size_t *in = layer->input_shape.dims;
    pooling->windows = (mote_pooling_windows){
        .channels = in[0], .rows = make_side(pooling, in[1]), .columns = make_side(pooling, in[2])};
    size_t height = pooling->windows.rows.out, width = pooling->windows.columns.out;
    if (height == 0 || width == 0) {
        char text[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_INVALID,
                         "the window of %zu × %zu is larger than what it slides over: %s gives %s, "
                         "with padding %zu × %zu; take a smaller \"size\"",
                         pooling->size, pooling->size, layer->input_name,
                         mote_shape_text(layer->input_shape, text), in[1] + 2 * pooling->padding,
                         in[2] + 2 * pooling->padding);
    }
    layer->output_shape = mote_shape_image(in[0], height, width);
    return MOTE_OK;
}

/* ---- tiles ---- */

typedef struct images_job {
    size_t batch, per_tile;
    mote_task task;
    void *context;
} images_job;

static void run_tile(void *context, size_t tile) {
    const images_job *j = context;
    size_t begin = tile * j->per_tile, end = begin + j->per_tile;
    for (size_t image = begin; image < end && image < j->batch; image++) {
        j->task(j->context, image);
    }
}

void mote_pooling_run(mote_pool *pool, size_t batch, size_t count, mote_task task, void *context) {
    enum {
        TILE = 16384
    };
    images_job j = {.batch = batch, .per_tile = 1 + TILE / count, .task = task, .context = context};
    mote_pool_run(pool, mote_ceiling_divide(batch, j.per_tile), run_tile, &j);
}

/* ---- means ---- */

/* out = scale × the sum of rows × columns pixels, for `lanes` channels. Summing row by row keeps
 * the rounding error of large windows small. */
static inline void sum_lanes(size_t lanes, size_t rows, size_t columns, size_t row_length,
                             size_t channels, const mote_real *in, mote_real scale,
                             mote_real *out) {
    mote_real sum[MOTE_LANES] = {0};
    for (size_t row = 0; row < rows; row++, in += row_length) {
        mote_real of_row[MOTE_LANES] = {0};
        for (size_t at = 0; at < columns * channels; at += channels) {
#pragma omp simd
            for (size_t i = 0; i < lanes; i++) {
                of_row[i] += in[at + i];
            }
        }
#pragma omp simd
        for (size_t i = 0; i < lanes; i++) {
            sum[i] += of_row[i];
        }
    }
#pragma omp simd
    for (size_t i = 0; i < lanes; i++) {
        out[i] = sum[i] * scale;
    }
}

/* The windows that contain a place, given those that contain the one before it, or {0}. */
static inline mote_pooling_span next_windows(const mote_pooling_side *side,
                                             mote_pooling_span before, size_t place) {
    mote_pooling_span now = before;
    while (now.begin * side->stride + side->size <= place + side->padding) {
        now.begin++;
    }
    while (now.end < side->out && now.end * side->stride <= place + side->padding) {
        now.end++;
    }
    return now;
}

static inline mote_pooling_span next_span(const mote_pooling_side *side, bool backward,
                                          mote_pooling_span before, size_t index) {
    return backward ? next_windows(side, before, index) : mote_pooling_places(side, index);
}

static inline mote_pooling_span without_empty(mote_pooling_span span) {
    return span.begin < span.end ? span : (mote_pooling_span){0};
}

static inline void sum_row(bool overrun, bool backward, const mote_pooling_windows *windows,
                           size_t rows, const mote_real *in, mote_real scale, mote_real *out) {
    const mote_pooling_side *across = &windows->columns;
    size_t channels = windows->channels;
    size_t row_length = (backward ? across->out : across->in) * channels;
    size_t width = backward ? across->in : across->out;
    mote_pooling_span next = {0};
    for (size_t column = 0; column < width; column++, out += channels) {
        next = next_span(across, backward, next, column);
        mote_pooling_span columns = without_empty(next);
        for (size_t c = 0; c < channels; c += MOTE_LANES) {
            sum_lanes(mote_pooling_lanes(overrun, channels, c), rows, columns.end - columns.begin,
                      row_length, channels, in + columns.begin * channels + c, scale, out + c);
        }
    }
}

/* The mean over each window; or backward, with dy for `in` and dx for `out`. */
MOTE_MULTIVERSION
static void sum_image(const mote_pooling_windows *windows, bool backward, const mote_real *in,
                      mote_real *out) {
    const mote_pooling_side *down = &windows->rows, *across = &windows->columns;
    size_t channels = windows->channels;
    size_t x_length = across->in * channels, y_length = across->out * channels;
    size_t in_length = backward ? y_length : x_length, out_length = backward ? x_length : y_length;
    size_t in_height = backward ? down->out : down->in;
    size_t out_height = backward ? down->in : down->out;
    mote_real scale = 1 / ((mote_real)down->size * (mote_real)across->size);
    mote_pooling_span next = {0};
    for (size_t row = 0; row < out_height; row++, out += out_length) {
        next = next_span(down, backward, next, row);
        mote_pooling_span rows = without_empty(next);
        size_t count = rows.end - rows.begin;
        const mote_real *first = in + rows.begin * in_length;
        if (mote_pooling_may_overrun(channels, (in_height - rows.end) * in_length,
                                     (out_height - row - 1) * out_length)) {
            sum_row(true, backward, windows, count, first, scale, out);
        } else {
            sum_row(false, backward, windows, count, first, scale, out);
        }
    }
}

typedef struct mean_job {
    const mote_layer *layer;
    const mote_pooling_windows *windows;
    size_t x_count, y_count; /* of one image */
    const mote_real *x, *dy;
    mote_real *y, *dx;
} mean_job;

static mean_job make_mean_job(const mote_layer *layer, const mote_pooling_windows *windows,
                              const mote_real *x) {
    return (mean_job){.layer = layer,
                      .windows = windows,
                      .x_count = mote_shape_count(layer->input_shape),
                      .y_count = mote_shape_count(layer->output_shape),
                      .x = x};
}

static void forward_image(void *context, size_t image) {
    const mean_job *j = context;
    mote_real *y = j->y + image * j->y_count;
    sum_image(j->windows, false, j->x + image * j->x_count, y);
    mote_finish_y(j->layer, j->y_count, y);
}

void mote_pooling_mean(const mote_layer *layer, const mote_pooling_windows *windows,
                       const mote_pass *pass, const mote_real *x, mote_real *y) {
    mean_job j = make_mean_job(layer, windows, x);
    j.y = y;
    mote_pooling_run(pass->pool, pass->batch, j.x_count, forward_image, &j);
}

static void backward_image(void *context, size_t image) {
    const mean_job *j = context;
    mote_real *dx = j->dx + image * j->x_count;
    sum_image(j->windows, true, j->dy + image * j->y_count, dx);
    mote_finish_dx(j->layer, j->x_count, j->x + image * j->x_count, dx);
}

void mote_pooling_mean_backward(const mote_layer *layer, const mote_pooling_windows *windows,
                                const mote_pass *pass, const mote_real *x, const mote_real *dy,
                                mote_real *dx) {
    mean_job j = make_mean_job(layer, windows, x);
    j.dy = dy;
    j.dx = dx;
    mote_pooling_run(pass->pool, pass->batch, j.x_count, backward_image, &j);
}
