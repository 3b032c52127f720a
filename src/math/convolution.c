/* convolution.c: windows over images, patches of them, and columns. */
#include "math/convolution.h"

#include <string.h>

#include "math/vector.h"
#include "math/whole.h"

/* ---- patches ---- */

static size_t window_span(const mote_window *w) {
    return (w->kernel - 1) * w->dilation + 1;
}

/* How many pixels of the padded image `pixels` output pixels see along one side. */
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
    while (columns > 1 && seen(w, 1) * seen(w, columns) * w->channels > MOTE_PATCH_NUMBERS) {
        columns = (columns + 1) / 2;
    }
    while (columns == w->output_width && rows < w->output_height &&
           seen(w, rows + 1) * seen(w, columns) * w->channels <= MOTE_PATCH_NUMBERS) {
        rows++;
    }
    w->patch_rows = rows;
    w->patch_columns = columns;
    return seen(w, rows) * seen(w, columns) * w->channels <= MOTE_PATCH_NUMBERS;
}

static size_t patches_per_row(const mote_window *w) {
    return mote_ceiling_divide(w->output_width, w->patch_columns);
}

size_t mote_patch_count(const mote_window *w) {
    return mote_ceiling_divide(w->output_height, w->patch_rows) * patches_per_row(w);
}

mote_patch mote_patch_at(const mote_window *w, size_t index) {
    size_t row = index / patches_per_row(w) * w->patch_rows;
    size_t column = index % patches_per_row(w) * w->patch_columns;
    size_t rows = mote_minimum(w->patch_rows, w->output_height - row);
    size_t columns = mote_minimum(w->patch_columns, w->output_width - column);
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

/* Runs are short and many: inlined moves take half the time of calls to memcpy. */
static inline void copy_run(size_t count, const mote_real *from, mote_real *to) {
    if (count < MOTE_LANES) {
        memcpy(to, from, count * sizeof *to);
        return;
    }
    for (size_t i = 0; i + MOTE_LANES <= count; i += MOTE_LANES) {
        memcpy(to + i, from + i, MOTE_LANES * sizeof *to);
    }
    size_t last = count - MOTE_LANES; /* copies some again, rather than number by number */
    memcpy(to + last, from + last, MOTE_LANES * sizeof *to);
}

MOTE_MULTIVERSION
void mote_patch_load(const mote_window *w, const mote_patch *patch, const mote_real *image,
                     mote_real *numbers) {
    overlap o = overlap_of(w, patch);
    size_t stride = patch->width * w->channels;
    size_t before = o.skipped * w->channels, count = o.count * w->channels;
    if (count < stride || !row_in_image(w, patch, 0) ||
        !row_in_image(w, patch, patch->height - 1)) {
        memset(numbers, 0, patch->height * stride * sizeof *numbers);
    }
    memset(numbers + patch->height * stride, 0, MOTE_PATCH_OVER * sizeof *numbers);
    for (size_t row = 0; row < patch->height && count > 0; row++) {
        if (row_in_image(w, patch, row)) {
            size_t y = (size_t)(patch->row + (ptrdiff_t)row);
            copy_run(count, image + (y * w->width + o.column) * w->channels,
                     numbers + row * stride + before);
        }
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

mote_cursor mote_cursor_at(const mote_window *w, const mote_patch *patch, size_t pixel) {
    size_t columns = mote_patch_columns(w, patch);
    size_t step = w->stride * w->channels, row_step = w->stride * patch->width * w->channels;
    size_t index = pixel - patch->begin, row = index / columns, column = index % columns;
    return (mote_cursor){.offset = row * row_step + column * step,
                         .column = column,
                         .columns = columns,
                         .step = step,
                         .wrap = row_step - columns * step};
}

/* ---- columns ---- */

/* Whether each row of the window is one contiguous run of numbers. */
static bool rows_are_runs(const mote_window *w, size_t channels) {
    return w->dilation == 1 && channels == w->channels;
}

MOTE_MULTIVERSION
void mote_columns_load(const mote_window *w, const mote_patch *patch, const mote_real *numbers,
                       size_t first, size_t channels, size_t begin, size_t end,
                       mote_real *columns) {
    bool runs = rows_are_runs(w, channels);
    size_t count = runs ? w->kernel * channels : channels;
    mote_cursor c = mote_cursor_at(w, patch, begin);
    for (size_t pixel = begin; pixel < end; pixel++, mote_cursor_advance(&c)) {
        const mote_real *at = numbers + c.offset + first;
        for (size_t row = 0; row < w->kernel; row++) {
            for (size_t column = 0; column < (runs ? 1 : w->kernel); column++, columns += count) {
                copy_run(count, at + mote_tap_offset(w, patch, row, column), columns);
            }
        }
    }
}

/* As add_run, but inlined, for short runs. */
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
    mote_cursor c = mote_cursor_at(w, patch, begin);
    for (size_t pixel = begin; pixel < end; pixel++, mote_cursor_advance(&c)) {
        mote_real *at = numbers + c.offset + first;
        for (size_t row = 0; row < w->kernel; row++) {
            for (size_t column = 0; column < (runs ? 1 : w->kernel); column++, columns += count) {
                add_short_run(count, columns, at + mote_tap_offset(w, patch, row, column));
            }
        }
    }
}
