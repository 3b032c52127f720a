/* convolution.c: windows over images: patches, columns, and products that need no columns. */
#include "math/convolution.h"

#include <string.h>

#include "math/vector.h"

/* ---- patches ---- */

static size_t window_span(const mote_window *w) {
    return (w->kernel - 1) * w->dilation + 1;
}

/* How many numbers along one side so many pixels see. */
static size_t seen(const mote_window *w, size_t pixels) {
    return (pixels - 1) * w->stride + window_span(w);
}

size_t mote_window_extent(size_t in, size_t kernel, size_t stride, size_t padding_before,
                          size_t padding_after, size_t dilation) {
    size_t span = (kernel - 1) * dilation + 1, padded = in + padding_before + padding_after;
    return span <= padded ? (padded - span) / stride + 1 : 0;
}

bool mote_window_plan(mote_window *w) {
    size_t rows = 1, columns = w->output_width;
    while (columns > 1 && seen(w, 1) * seen(w, columns) * w->channels > MOTE_PATCH_CAPACITY) {
        columns = (columns + 1) / 2;
    }
    while (columns == w->output_width && rows < w->output_height &&
           seen(w, rows + 1) * seen(w, columns) * w->channels <= MOTE_PATCH_CAPACITY) {
        rows++;
    }
    w->patch_rows = rows;
    w->patch_columns = columns;
    return seen(w, rows) * seen(w, columns) * w->channels <= MOTE_PATCH_CAPACITY;
}

static size_t patches_per_row(const mote_window *w) {
    return (w->output_width + w->patch_columns - 1) / w->patch_columns;
}

size_t mote_patch_count(const mote_window *w) {
    return (w->output_height + w->patch_rows - 1) / w->patch_rows * patches_per_row(w);
}

static size_t minimum(size_t a, size_t b) {
    return a < b ? a : b;
}

mote_patch mote_patch_at(const mote_window *w, size_t index) {
    size_t row = index / patches_per_row(w) * w->patch_rows;
    size_t column = index % patches_per_row(w) * w->patch_columns;
    size_t rows = minimum(w->patch_rows, w->output_height - row);
    size_t columns = minimum(w->patch_columns, w->output_width - column);
    size_t begin = row * w->output_width + column;
    return (mote_patch){.begin = begin,
                        .end = begin + rows * columns,
                        .row = (ptrdiff_t)(row * w->stride) - (ptrdiff_t)w->padding_top,
                        .column = (ptrdiff_t)(column * w->stride) - (ptrdiff_t)w->padding_left,
                        .height = seen(w, rows),
                        .width = seen(w, columns)};
}

/* The part of a row of the patch that lies in the image. */
typedef struct overlap {
    size_t skipped, count; /* pixels of the patch's row before it, and in it */
    size_t column;         /* where it begins in the image */
} overlap;

static overlap overlap_of(const mote_window *w, const mote_patch *patch) {
    ptrdiff_t begin = patch->column > 0 ? patch->column : 0;
    ptrdiff_t end = patch->column + (ptrdiff_t)patch->width;
    end = end < (ptrdiff_t)w->width ? end : (ptrdiff_t)w->width;
    if (end <= begin) {
        return (overlap){.skipped = patch->width};
    }
    return (overlap){.skipped = (size_t)(begin - patch->column),
                     .count = (size_t)(end - begin),
                     .column = (size_t)begin};
}

static bool row_in_image(const mote_window *w, const mote_patch *patch, size_t row) {
    ptrdiff_t y = patch->row + (ptrdiff_t)row;
    return y >= 0 && y < (ptrdiff_t)w->height;
}

void mote_patch_load(const mote_window *w, const mote_patch *patch, const mote_real *image,
                     mote_real *numbers) {
    overlap o = overlap_of(w, patch);
    size_t stride = patch->width * w->channels;
    size_t before = o.skipped * w->channels, count = o.count * w->channels;
    for (size_t row = 0; row < patch->height; row++, numbers += stride) {
        if (!row_in_image(w, patch, row) || count == 0) {
            memset(numbers, 0, stride * sizeof *numbers);
            continue;
        }
        size_t y = (size_t)(patch->row + (ptrdiff_t)row);
        memset(numbers, 0, before * sizeof *numbers);
        memcpy(numbers + before, image + (y * w->width + o.column) * w->channels,
               count * sizeof *numbers);
        memset(numbers + before + count, 0, (stride - before - count) * sizeof *numbers);
    }
}

MOTE_MULTIVERSION
static void add_run(size_t count, const mote_real *x, mote_real *sum) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += x[i];
    }
}

void mote_patch_add(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                    mote_real *image) {
    overlap o = overlap_of(w, patch);
    for (size_t row = 0; row < patch->height; row++) {
        if (row_in_image(w, patch, row)) {
            size_t y = (size_t)(patch->row + (ptrdiff_t)row);
            add_run(o.count * w->channels, numbers + (row * patch->width + o.skipped) * w->channels,
                    image + (y * w->width + o.column) * w->channels);
        }
    }
}

/* Where one output pixel after the other finds its first number in the patch. */
typedef struct cursor {
    size_t offset, column, columns;
    size_t step, wrap; /* to the next pixel, and from the last of a row */
} cursor;

static cursor cursor_at(const mote_window *w, const mote_patch *patch, size_t pixel) {
    bool whole_rows = w->patch_columns == w->output_width;
    size_t columns = whole_rows ? w->output_width : patch->end - patch->begin;
    size_t step = w->stride * w->channels, row_step = w->stride * patch->width * w->channels;
    size_t index = pixel - patch->begin, row = index / columns, column = index % columns;
    return (cursor){.offset = row * row_step + column * step,
                    .column = column,
                    .columns = columns,
                    .step = step,
                    .wrap = row_step - columns * step};
}

static inline void advance(cursor *c) {
    c->offset += c->step;
    if (++c->column == c->columns) {
        c->column = 0;
        c->offset += c->wrap; /* may wrap around where strides leave gaps; so does the sum back */
    }
}

/* How far from a pixel's first number the one at (row, column) of the window is. */
static inline size_t tap_offset(const mote_window *w, const mote_patch *patch, size_t row,
                                size_t column) {
    return (row * patch->width + column) * w->dilation * w->channels;
}

/* ---- columns ---- */

/* A row of the window is one run of numbers where nothing is left out of it. */
static bool rows_are_runs(const mote_window *w, size_t channels) {
    return w->dilation == 1 && channels == w->channels;
}

/* Runs are short, and there are many: moves that are inlined take half the time of calls of memcpy. */
static inline void copy_run(size_t count, const mote_real *from, mote_real *to) {
    if (count < MOTE_LANES) {
        memcpy(to, from, count * sizeof *to);
        return;
    }
    for (size_t i = 0; i + MOTE_LANES <= count; i += MOTE_LANES) {
        memcpy(to + i, from + i, MOTE_LANES * sizeof *to);
    }
    size_t last = count - MOTE_LANES; /* some of it again, rather than number by number */
    memcpy(to + last, from + last, MOTE_LANES * sizeof *to);
}

MOTE_MULTIVERSION
void mote_columns_load(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                       size_t first, size_t channels, size_t begin, size_t end,
                       mote_real *columns) {
    bool runs = rows_are_runs(w, channels);
    size_t count = runs ? w->kernel * channels : channels;
    cursor c = cursor_at(w, patch, begin);
    for (size_t pixel = begin; pixel < end; pixel++, advance(&c)) {
        const mote_real *at = numbers + c.offset + first;
        for (size_t row = 0; row < w->kernel; row++) {
            for (size_t column = 0; column < (runs ? 1 : w->kernel); column++, columns += count) {
                copy_run(count, at + tap_offset(w, patch, row, column), columns);
            }
        }
    }
}

/* As add_run, to be inlined where the runs are short. */
static inline void add_short_run(size_t count, const mote_real *x, mote_real *sum) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += x[i];
    }
}

MOTE_MULTIVERSION
void mote_columns_add(const mote_window *w, const mote_patch *patch, const mote_real *columns,
                      size_t first, size_t channels, size_t begin, size_t end, mote_real *numbers) {
    bool runs = rows_are_runs(w, channels);
    size_t count = runs ? w->kernel * channels : channels;
    cursor c = cursor_at(w, patch, begin);
    for (size_t pixel = begin; pixel < end; pixel++, advance(&c)) {
        mote_real *at = numbers + c.offset + first;
        for (size_t row = 0; row < w->kernel; row++) {
            for (size_t column = 0; column < (runs ? 1 : w->kernel); column++, columns += count) {
                add_short_run(count, columns, at + tap_offset(w, patch, row, column));
            }
        }
    }
}

/* ---- few channels ---- */

enum {
    PIXELS = 8, /* sums at a time: enough to hide how long a multiply-add takes */
    TAPS = 8,
    CHUNK = 64
};
_Static_assert(MOTE_DIRECT_TAPS % TAPS == 0, "taps come in blocks");

/* Held in one register with AVX-512, in two or four otherwise. */
typedef mote_real lanes __attribute__((vector_size(64)));

/* How far from a pixel's first number each number of its window is; beyond the last, 0. */
static size_t list_offsets(const mote_window *w, const mote_patch *patch, size_t *offsets) {
    size_t count = 0;
    for (size_t row = 0; row < w->kernel; row++) {
        for (size_t column = 0; column < w->kernel; column++) {
            for (size_t channel = 0; channel < w->channels; channel++) {
                offsets[count++] = tap_offset(w, patch, row, column) + channel;
            }
        }
    }
    for (size_t i = count; i < MOTE_DIRECT_TAPS; i++) {
        offsets[i] = 0;
    }
    return count;
}

/* The places of the next pixels, up to `most` of the `left` ones; returns how many. */
static size_t list_pixels(cursor *c, const mote_real *numbers, size_t most, size_t left,
                          const mote_real **at) {
    size_t count = minimum(most, left);
    for (size_t p = 0; p < count; p++, advance(c)) {
        at[p] = numbers + c->offset;
    }
    return count;
}

/* Whole lanes where there are so many numbers left: a copy of a size that is known is one move. */
static inline void copy_lanes(size_t left, const mote_real *from, mote_real *to) {
    if (left >= MOTE_LANES) {
        memcpy(to, from, sizeof(lanes));
    } else {
        memcpy(to, from, left * sizeof *to);
    }
}

MOTE_MULTIVERSION
static void direct_block(size_t taps, const size_t *offsets, const mote_real *const *at,
                         const mote_real *weights, size_t weight_stride, const mote_real *bias,
                         mote_real (*sums)[MOTE_LANES]) {
    lanes sum[PIXELS];
    for (size_t p = 0; p < PIXELS; p++) {
        memcpy(&sum[p], bias, sizeof *sum);
    }
    for (size_t t = 0; t < taps; t++) {
        lanes weight;
        memcpy(&weight, weights + t * weight_stride, sizeof weight);
        for (size_t p = 0; p < PIXELS; p++) {
            sum[p] += at[p][offsets[t]] * weight;
        }
    }
    memcpy(sums, sum, sizeof sum);
}

void mote_direct_forward(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                         const mote_real *weights, size_t weight_stride, const mote_real *bias,
                         size_t filters, mote_real *y) {
    size_t offsets[MOTE_DIRECT_TAPS];
    size_t taps = list_offsets(w, patch, offsets);
    cursor c = cursor_at(w, patch, patch->begin);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel += PIXELS) {
        const mote_real *at[PIXELS];
        size_t count = list_pixels(&c, numbers, PIXELS, patch->end - pixel, at);
        for (size_t p = count; p < PIXELS; p++) {
            at[p] = at[0]; /* for nothing, but in bounds */
        }
        for (size_t filter = 0; filter < filters; filter += MOTE_LANES) {
            mote_real sums[PIXELS][MOTE_LANES];
            direct_block(taps, offsets, at, weights + filter, weight_stride, bias + filter, sums);
            for (size_t p = 0; p < count; p++) {
                copy_lanes(filters - filter, sums[p], y + p * filters + filter);
            }
        }
        y += PIXELS * filters;
    }
}

/* dw [TAPS × weight_stride] += Σ over pixels of at[p][offsets] × dy[p]. */
MOTE_MULTIVERSION
static void direct_gradient_block(size_t count, const size_t *offsets, const mote_real *const *at,
                                  const mote_real (*dy)[MOTE_LANES], mote_real *dw,
                                  size_t weight_stride) {
    lanes sum[TAPS];
    for (size_t t = 0; t < TAPS; t++) {
        memcpy(&sum[t], dw + t * weight_stride, sizeof *sum);
    }
    for (size_t p = 0; p < count; p++) {
        lanes d;
        memcpy(&d, dy[p], sizeof d);
        for (size_t t = 0; t < TAPS; t++) {
            sum[t] += at[p][offsets[t]] * d;
        }
    }
    for (size_t t = 0; t < TAPS; t++) {
        memcpy(dw + t * weight_stride, &sum[t], sizeof *sum);
    }
}

void mote_direct_gradient(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                          const mote_real *dy, size_t filters, mote_real *dw,
                          size_t weight_stride) {
    size_t offsets[MOTE_DIRECT_TAPS];
    size_t taps = list_offsets(w, patch, offsets);
    cursor c = cursor_at(w, patch, patch->begin);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel += CHUNK, dy += CHUNK * filters) {
        const mote_real *at[CHUNK];
        mote_real rows[CHUNK][MOTE_LANES] = {{0}};
        size_t count = list_pixels(&c, numbers, CHUNK, patch->end - pixel, at);
        for (size_t filter = 0; filter < filters; filter += MOTE_LANES) {
            for (size_t p = 0; p < count; p++) {
                copy_lanes(filters - filter, dy + p * filters + filter, rows[p]);
            }
            for (size_t t = 0; t < taps; t += TAPS) {
                direct_gradient_block(count, offsets + t, at, (const mote_real(*)[MOTE_LANES])rows,
                                      dw + t * weight_stride + filter, weight_stride);
            }
        }
    }
}

/* ---- one filter for each channel ---- */

static inline void add_product(size_t count, const mote_real *a, const mote_real *b,
                               mote_real *sum) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += a[i] * b[i];
    }
}

MOTE_MULTIVERSION
void mote_depthwise_forward(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                            const mote_real *weights, mote_real *y) {
    cursor c = cursor_at(w, patch, patch->begin);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel++, y += w->channels, advance(&c)) {
        const mote_real *at = numbers + c.offset;
        const mote_real *weight = weights;
        memset(y, 0, w->channels * sizeof *y);
        for (size_t row = 0; row < w->kernel; row++) {
            for (size_t column = 0; column < w->kernel; column++, weight += w->channels) {
                add_product(w->channels, at + tap_offset(w, patch, row, column), weight, y);
            }
        }
    }
}

MOTE_MULTIVERSION
void mote_depthwise_backward(const mote_window *w, const mote_patch *patch, const mote_real *dy,
                             const mote_real *weights, mote_real *numbers) {
    cursor c = cursor_at(w, patch, patch->begin);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel++, dy += w->channels, advance(&c)) {
        mote_real *at = numbers + c.offset;
        const mote_real *weight = weights;
        for (size_t row = 0; row < w->kernel; row++) {
            for (size_t column = 0; column < w->kernel; column++, weight += w->channels) {
                add_product(w->channels, dy, weight, at + tap_offset(w, patch, row, column));
            }
        }
    }
}

MOTE_MULTIVERSION
void mote_depthwise_gradient(const mote_window *w, const mote_patch *patch,
                             const mote_real *numbers, const mote_real *dy, mote_real *dw) {
    cursor c = cursor_at(w, patch, patch->begin);
    for (size_t pixel = patch->begin; pixel < patch->end; pixel++, dy += w->channels, advance(&c)) {
        const mote_real *at = numbers + c.offset;
        mote_real *weight = dw;
        for (size_t row = 0; row < w->kernel; row++) {
            for (size_t column = 0; column < w->kernel; column++, weight += w->channels) {
                add_product(w->channels, dy, at + tap_offset(w, patch, row, column), weight);
            }
        }
    }
}
