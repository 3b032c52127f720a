/* winograd.c: 3 × 3 convolutions as products of transformed tiles. */
#include "math/winograd.h"

#include <string.h>

#include "math/vector.h"
#include "math/whole.h"
#include "mote/kernels.h"

enum {
    TILE = 4,
    OUTPUT = 2,
    KERNEL = 3,
    PLACES = TILE * TILE
};

/* With fewer channels or filters the transforms take longer than they save; with more, the
 * transformed weights no longer fit in cache. */
enum {
    LEAST_CHANNELS = 16,
    MOST_CHANNELS = MOTE_WINOGRAD_MOST_CHANNELS
};

/* Capacities in numbers: a chunk's transforms, the same with gaps between places, and the rows that
 * a row of tiles sees, which has at most CAPACITY / 16 / (channels + filters) tiles. */
enum {
    CAPACITY = 1 << 17,
    NUMBERS_CAPACITY = CAPACITY + 2 * PLACES * MOTE_LANES,
    ROWS_CAPACITY = CAPACITY / PLACES * OUTPUT * TILE + 2 * TILE * MOST_CHANNELS
};

static bool suits(size_t channels) {
    return channels % MOTE_LANES == 0 && channels >= LEAST_CHANNELS && channels <= MOST_CHANNELS;
}

mote_winograd mote_winograd_backward(const mote_winograd *c) {
    const mote_window *w = &c->window;
    return (mote_winograd){.window = {.height = w->output_height,
                                      .width = w->output_width,
                                      .channels = c->filters,
                                      .kernel = KERNEL,
                                      .stride = 1,
                                      .dilation = 1,
                                      .padding_top = KERNEL - 1 - w->padding_top,
                                      .padding_left = KERNEL - 1 - w->padding_left,
                                      .output_height = w->height,
                                      .output_width = w->width},
                           .filters = w->channels};
}

/* ---- chunks ---- */

static size_t tiles_across(const mote_winograd *c) {
    return mote_ceiling_divide(c->window.output_width, OUTPUT);
}

/* Pairs of rows of y in an image. */
static size_t pairs_of_image(const mote_winograd *c) {
    return mote_ceiling_divide(c->window.output_height, OUTPUT);
}

static size_t tiles_at_a_time(const mote_winograd *c) {
    return CAPACITY / PLACES / (c->window.channels + c->filters);
}

static size_t pairs_of_chunk(const mote_winograd *c) {
    return tiles_at_a_time(c) / tiles_across(c);
}

size_t mote_winograd_chunk_count(const mote_winograd *c, size_t batch) {
    return mote_ceiling_divide(batch * pairs_of_image(c), pairs_of_chunk(c));
}

static size_t first_pixel_of_pair(const mote_winograd *c, size_t pair) {
    size_t image = pair / pairs_of_image(c), row = pair % pairs_of_image(c) * OUTPUT;
    return (image * c->window.output_height + row) * c->window.output_width;
}

mote_winograd_chunk mote_winograd_chunk_at(const mote_winograd *c, size_t batch, size_t index) {
    size_t all = batch * pairs_of_image(c);
    size_t begin = index * pairs_of_chunk(c), end = mote_minimum(begin + pairs_of_chunk(c), all);
    return (mote_winograd_chunk){.begin = begin,
                                 .end = end,
                                 .first_pixel = first_pixel_of_pair(c, begin),
                                 .end_pixel = first_pixel_of_pair(c, end)};
}

/* Whether y, dx and dw take at most four fifths of the multiplications that columns take; the rest
 * pays for the transforms. On small images this may fail, since tiles reach beyond their edges.
 * Columns take as many for dx as for y; here, dx takes as many as the pixels of x need. */
static bool saves_enough(const mote_winograd *c, const mote_winograd *back) {
    size_t tiles =
        2 * pairs_of_image(c) * tiles_across(c) + pairs_of_image(back) * tiles_across(back);
    size_t pixels = 3 * c->window.output_height * c->window.output_width;
    return 5 * PLACES * tiles <= 4 * KERNEL * KERNEL * pixels;
}

bool mote_winograd_suits(const mote_winograd *c) {
    const mote_window *w = &c->window;
    mote_winograd back = mote_winograd_backward(c);
    return w->kernel == KERNEL && w->stride == 1 && w->dilation == 1 && w->padding_top < KERNEL &&
           w->padding_left < KERNEL && suits(w->channels) && suits(c->filters) &&
           pairs_of_chunk(c) > 0 && pairs_of_chunk(&back) > 0 && saves_enough(c, &back);
}

/* ---- transforms ---- */

/* Held in one register with AVX-512, in two or four otherwise; in memory, without alignment. */
typedef mote_real lanes __attribute__((vector_size(MOTE_LANES * sizeof(mote_real)),
                                       aligned(sizeof(mote_real)), may_alias));

/* Read in place of pixels outside an image. */
static const mote_real zeros[MOST_CHANNELS];

/* A row of tiles. Each place of their transforms is a matrix; these begin `stride` apart, which is
 * not a power of two, or all would compete for the same few cache lines. */
typedef struct tile_row {
    size_t image, row; /* of its first pixels of y */
    size_t stride;
} tile_row;

static tile_row tile_row_at(const mote_winograd *c, size_t pair, size_t stride) {
    return (tile_row){pair / pairs_of_image(c), pair % pairs_of_image(c) * OUTPUT, stride};
}

/* The four rows of x that a row of tiles sees, each from its first pixel on, with `steps` from
 * pixel to pixel: 0 in a row outside the image. */
typedef struct rows_of_x {
    const mote_real *rows[TILE];
    size_t steps[TILE];
} rows_of_x;

static rows_of_x find_rows_of_x(const mote_window *w, const tile_row *r, const mote_real *x) {
    rows_of_x found;
    for (size_t i = 0; i < TILE; i++) {
        bool inside = r->row + i >= w->padding_top && r->row + i - w->padding_top < w->height;
        size_t row = r->image * w->height + r->row + i - w->padding_top;
        found.rows[i] = inside ? x + row * w->width * w->channels : zeros;
        found.steps[i] = inside ? w->channels : 0;
    }
    return found;
}

/* t = Bᵀ x for all pixels of the rows, [4 × (2 × tiles + 2) × channels]. */
MOTE_INLINE void transform_rows_of_x(const mote_winograd *c, const rows_of_x *x, mote_real *t) {
    const mote_window *w = &c->window;
    size_t length = OUTPUT * tiles_across(c) + 2, channels = w->channels;
    for (size_t pixel = 0; pixel < length; pixel++) {
        bool inside = pixel >= w->padding_left && pixel - w->padding_left < w->width;
        size_t at = inside ? pixel - w->padding_left : 0;
        const mote_real *x0 = inside ? x->rows[0] + at * x->steps[0] : zeros;
        const mote_real *x1 = inside ? x->rows[1] + at * x->steps[1] : zeros;
        const mote_real *x2 = inside ? x->rows[2] + at * x->steps[2] : zeros;
        const mote_real *x3 = inside ? x->rows[3] + at * x->steps[3] : zeros;
        mote_real *to = t + pixel * channels;
        for (size_t i = 0; i < channels; i += MOTE_LANES) {
            lanes a = *(const lanes *)(x0 + i), b = *(const lanes *)(x1 + i);
            lanes d = *(const lanes *)(x2 + i), e = *(const lanes *)(x3 + i);
            *(lanes *)(to + i) = a - d;
            *(lanes *)(to + length * channels + i) = b + d;
            *(lanes *)(to + 2 * length * channels + i) = d - b;
            *(lanes *)(to + 3 * length * channels + i) = b - e;
        }
    }
}

/* v = t B. */
MOTE_INLINE void transform_columns_of_x(const mote_winograd *c, const mote_real *t, size_t stride,
                                        mote_real *v) {
    size_t tiles = tiles_across(c), channels = c->window.channels;
    for (size_t i = 0; i < TILE; i++, v += TILE * stride) {
        for (size_t at = 0; at < tiles * channels; at += channels, t += OUTPUT * channels) {
            for (size_t k = 0; k < channels; k += MOTE_LANES) {
                lanes a = *(const lanes *)(t + k), b = *(const lanes *)(t + channels + k);
                lanes d = *(const lanes *)(t + 2 * channels + k);
                lanes e = *(const lanes *)(t + 3 * channels + k);
                *(lanes *)(v + at + k) = a - d;
                *(lanes *)(v + stride + at + k) = b + d;
                *(lanes *)(v + 2 * stride + at + k) = d - b;
                *(lanes *)(v + 3 * stride + at + k) = b - e;
            }
        }
        t += 2 * channels;
    }
}

/* v [16 × tiles × channels] = Bᵀ x B of a row of tiles. */
MOTE_MULTIVERSION
static void transform_x(const mote_winograd *c, const tile_row *r, const mote_real *x,
                        mote_real *v) {
    mote_real t[ROWS_CAPACITY];
    rows_of_x rows = find_rows_of_x(&c->window, r, x);
    transform_rows_of_x(c, &rows, t);
    transform_columns_of_x(c, t, r->stride, v);
}

/* Where the pixels of a tile of y are, in row-major order; SIZE_MAX for those outside the image. */
MOTE_INLINE void find_pixels(const mote_winograd *c, const tile_row *r, size_t tile, size_t *at) {
    const mote_window *w = &c->window;
    for (size_t i = 0; i < OUTPUT * OUTPUT; i++) {
        size_t row = r->row + i / OUTPUT, column = tile * OUTPUT + i % OUTPUT;
        bool inside = row < w->output_height && column < w->output_width;
        size_t pixel = (r->image * w->output_height + row) * w->output_width + column;
        at[i] = inside ? pixel * c->filters : SIZE_MAX;
    }
}

/* m = A dy Aᵀ of a row of tiles. */
MOTE_MULTIVERSION
static void transform_dy(const mote_winograd *c, const tile_row *r, const mote_real *dy,
                         mote_real *m) {
    for (size_t tile = 0; tile < tiles_across(c); tile++, m += c->filters) {
        size_t at[OUTPUT * OUTPUT];
        const mote_real *pixel[OUTPUT * OUTPUT];
        find_pixels(c, r, tile, at);
        for (size_t i = 0; i < OUTPUT * OUTPUT; i++) {
            pixel[i] = at[i] != SIZE_MAX ? dy + at[i] : zeros;
        }
        for (size_t f = 0; f < c->filters; f += MOTE_LANES) {
            lanes t[TILE][OUTPUT];
            for (size_t j = 0; j < OUTPUT; j++) {
                t[0][j] = *(const lanes *)(pixel[j] + f);
                t[3][j] = -*(const lanes *)(pixel[OUTPUT + j] + f);
                t[1][j] = t[0][j] - t[3][j];
                t[2][j] = t[0][j] + t[3][j];
            }
            mote_real *to = m + f;
            for (size_t i = 0; i < TILE; i++, to += TILE * r->stride) {
                *(lanes *)to = t[i][0];
                *(lanes *)(to + r->stride) = t[i][0] + t[i][1];
                *(lanes *)(to + 2 * r->stride) = t[i][0] - t[i][1];
                *(lanes *)(to + 3 * r->stride) = -t[i][1];
            }
        }
    }
}

/* y = Aᵀ m A of a row of tiles. */
MOTE_MULTIVERSION
static void transform_m(const mote_winograd *c, const tile_row *r, const mote_real *m,
                        mote_real *y) {
    for (size_t tile = 0; tile < tiles_across(c); tile++, m += c->filters) {
        size_t at[OUTPUT * OUTPUT];
        find_pixels(c, r, tile, at);
        for (size_t f = 0; f < c->filters; f += MOTE_LANES) {
            lanes t[OUTPUT][TILE];
            for (size_t j = 0; j < TILE; j++) {
                const mote_real *from = m + j * r->stride + f;
                lanes m0 = *(const lanes *)from, m1 = *(const lanes *)(from + 4 * r->stride);
                lanes m2 = *(const lanes *)(from + 8 * r->stride);
                t[0][j] = m0 + m1 + m2;
                t[1][j] = m1 - m2 - *(const lanes *)(from + 12 * r->stride);
            }
            for (size_t i = 0; i < OUTPUT; i++) {
                if (at[i * OUTPUT] != SIZE_MAX) {
                    *(lanes *)(y + at[i * OUTPUT] + f) = t[i][0] + t[i][1] + t[i][2];
                }
                if (at[i * OUTPUT + 1] != SIZE_MAX) {
                    *(lanes *)(y + at[i * OUTPUT + 1] + f) = t[i][1] - t[i][2] - t[i][3];
                }
            }
        }
    }
}

/* ---- products ---- */

/* A chunk's transforms: v [16 × tiles × channels] and m [16 × tiles × filters]. */
typedef struct transforms {
    size_t tiles, v_stride, m_stride;
    mote_real *v, *m;
} transforms;

static transforms place_transforms(const mote_winograd *c, const mote_winograd_chunk *chunk,
                                   mote_real *numbers) {
    size_t tiles = (chunk->end - chunk->begin) * tiles_across(c);
    size_t v_stride = tiles * c->window.channels + MOTE_LANES;
    return (transforms){.tiles = tiles,
                        .v_stride = v_stride,
                        .m_stride = tiles * c->filters + MOTE_LANES,
                        .v = numbers,
                        .m = numbers + PLACES * v_stride};
}

/* How far a pair of rows is from the chunk's first, in tiles. */
static size_t tiles_before(const mote_winograd *c, const mote_winograd_chunk *chunk, size_t pair) {
    return (pair - chunk->begin) * tiles_across(c);
}

static void transform_chunk_of_x(const mote_winograd *c, const mote_winograd_chunk *chunk,
                                 const mote_real *x, const transforms *to) {
    for (size_t pair = chunk->begin; pair < chunk->end; pair++) {
        tile_row row = tile_row_at(c, pair, to->v_stride);
        transform_x(c, &row, x, to->v + tiles_before(c, chunk, pair) * c->window.channels);
    }
}

void mote_winograd_multiply(const mote_winograd *c, const mote_winograd_chunk *chunk,
                            const mote_real *x, const mote_real *u, mote_real *y) {
    _Alignas(64) mote_real numbers[NUMBERS_CAPACITY];
    transforms t = place_transforms(c, chunk, numbers);
    size_t channels = c->window.channels, filters = c->filters;
    transform_chunk_of_x(c, chunk, x, &t);
    for (size_t place = 0; place < PLACES; place++) {
        mote_gemm_run(NULL, &(mote_gemm){.m = t.tiles,
                                         .n = filters,
                                         .k = channels,
                                         .a = t.v + place * t.v_stride,
                                         .lda = channels,
                                         .b = u + place * channels * filters,
                                         .ldb = filters,
                                         .c = t.m + place * t.m_stride,
                                         .ldc = filters});
    }
    for (size_t pair = chunk->begin; pair < chunk->end; pair++) {
        tile_row row = tile_row_at(c, pair, t.m_stride);
        transform_m(c, &row, t.m + tiles_before(c, chunk, pair) * filters, y);
    }
}

void mote_winograd_gradient(const mote_winograd *c, const mote_winograd_chunk *chunk,
                            const mote_real *x, const mote_real *dy, mote_real *du) {
    _Alignas(64) mote_real numbers[NUMBERS_CAPACITY];
    transforms t = place_transforms(c, chunk, numbers);
    size_t channels = c->window.channels, filters = c->filters;
    transform_chunk_of_x(c, chunk, x, &t);
    for (size_t pair = chunk->begin; pair < chunk->end; pair++) {
        tile_row row = tile_row_at(c, pair, t.m_stride);
        transform_dy(c, &row, dy, t.m + tiles_before(c, chunk, pair) * filters);
    }
    for (size_t place = 0; place < PLACES; place++) {
        mote_gemm_run(NULL, &(mote_gemm){.transpose_a = true,
                                         .m = channels,
                                         .n = filters,
                                         .k = t.tiles,
                                         .a = t.v + place * t.v_stride,
                                         .lda = channels,
                                         .b = t.m + place * t.m_stride,
                                         .ldb = filters,
                                         .c = du + place * channels * filters,
                                         .ldc = filters,
                                         .beta = 1});
    }
}

/* ---- weights ---- */

/* u = G w Gᵀ for MOTE_LANES filters; w [3 × 3]. */
MOTE_INLINE void transform_w(const lanes *w, lanes *u) {
    lanes t[TILE][KERNEL];
    for (size_t j = 0; j < KERNEL; j++) {
        lanes ends = w[j] + w[2 * KERNEL + j];
        t[0][j] = w[j];
        t[1][j] = (mote_real)0.5 * (ends + w[KERNEL + j]);
        t[2][j] = (mote_real)0.5 * (ends - w[KERNEL + j]);
        t[3][j] = w[2 * KERNEL + j];
    }
    for (size_t i = 0; i < TILE; i++, u += TILE) {
        lanes ends = t[i][0] + t[i][2];
        u[0] = t[i][0];
        u[1] = (mote_real)0.5 * (ends + t[i][1]);
        u[2] = (mote_real)0.5 * (ends - t[i][1]);
        u[3] = t[i][2];
    }
}

/* dw = Gᵀ du G for MOTE_LANES filters. */
MOTE_INLINE void transform_du(const lanes *du, lanes *dw) {
    lanes t[KERNEL][TILE];
    for (size_t j = 0; j < TILE; j++) {
        lanes sum = (mote_real)0.5 * (du[TILE + j] + du[2 * TILE + j]);
        t[0][j] = du[j] + sum;
        t[1][j] = (mote_real)0.5 * (du[TILE + j] - du[2 * TILE + j]);
        t[2][j] = sum + du[3 * TILE + j];
    }
    for (size_t i = 0; i < KERNEL; i++, dw += KERNEL) {
        lanes sum = (mote_real)0.5 * (t[i][1] + t[i][2]);
        dw[0] = t[i][0] + sum;
        dw[1] = (mote_real)0.5 * (t[i][1] - t[i][2]);
        dw[2] = sum + t[i][3];
    }
}

/* Rotating a window by 180° swaps the first and last rows of u, and its first and last columns. */
MOTE_INLINE size_t turned_place(size_t place) {
    static const size_t turned[TILE] = {3, 1, 2, 0};
    return turned[place / TILE] * TILE + turned[place % TILE];
}

MOTE_MULTIVERSION
void mote_winograd_weights(const mote_winograd *c, const mote_real *weights, size_t first,
                           mote_real *u, mote_real *turned) {
    size_t channels = c->window.channels, area = KERNEL * KERNEL;
    for (size_t channel = 0; channel < channels; channel++) {
        lanes w[KERNEL * KERNEL], places[PLACES];
        for (size_t at = 0; at < area; at++) {
            for (size_t f = 0; f < MOTE_LANES; f++) {
                w[at][f] = weights[((first + f) * channels + channel) * area + at];
            }
        }
        transform_w(w, places);
        for (size_t place = 0; place < PLACES; place++) {
            *(lanes *)(u + (place * channels + channel) * c->filters + first) = places[place];
        }
        for (size_t place = 0; turned && place < PLACES; place++) {
            mote_real *to = turned + turned_place(place) * channels * c->filters + channel;
            for (size_t f = 0; f < MOTE_LANES; f++) {
                to[(first + f) * channels] = places[place][f];
            }
        }
    }
}

MOTE_MULTIVERSION
void mote_winograd_weight_gradient(const mote_winograd *c, size_t parts, size_t stride,
                                   const mote_real *du, size_t first, mote_real *dw) {
    size_t channels = c->window.channels, area = KERNEL * KERNEL;
    for (size_t channel = 0; channel < channels; channel++) {
        lanes sums[PLACES], w[KERNEL * KERNEL];
        for (size_t place = 0; place < PLACES; place++) {
            const mote_real *at = du + (place * channels + channel) * c->filters + first;
            sums[place] = *(const lanes *)at;
            for (size_t part = 1; part < parts; part++) {
                sums[place] += *(const lanes *)(at + part * stride);
            }
        }
        transform_du(sums, w);
        for (size_t at = 0; at < area; at++) {
            for (size_t f = 0; f < MOTE_LANES; f++) {
                dw[(f * channels + channel) * area + at] = w[at][f];
            }
        }
    }
}
