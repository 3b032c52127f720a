/* dropout.c: in training, y = x / (1 − rate) with probability 1 − rate, else 0, independently for
 * each number; in evaluation y = x.
 *
 *   dx = dy / (1 − rate) where x was kept, else 0
 *
 * (Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.)
 * Dividing in training gives y the mean of x there too.
 *
 * Which numbers are kept follows from a key drawn once per forward pass: hashing twice takes no
 * longer than writing a mask and reading it back, and no memory. A dropped NaN stays NaN: a fault
 * upstream must not be hidden.
 */
#include "math/vector.h"
#include "math/whole.h"
#include "mote/layer.h"

typedef struct dropout {
    mote_layer base;
    double rate;
    uint64_t key; /* of the last forward pass */
} dropout;

static const mote_field fields[] = {
    {.name = "rate",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(dropout, rate),
     .range = MOTE_FROM_BELOW(0, 1),
     .preset = "0.5",
     .help = "the probability that a number is dropped"},
    MOTE_FIELDS_END,
};

enum {
    TILE = 8192
};

typedef struct job {
    const dropout *self;
    size_t count;
    const mote_real *in;
    mote_real *out;
} job;

/* 32 random bits: number i of the sequence given by `before` and `between`, as C. Wellons' hash
 * lowbias32 ("Prospecting for hash functions", 2018) of a counter. The counter advances by 2^32
 * over the golden ratio, since with steps of 1 neighbours are correlated enough to show in 10^8
 * numbers. A key precedes each multiplication, so that sequences whose counters coincide still
 * differ. */
static inline uint32_t random_bits(uint32_t i, uint32_t before, uint32_t between) {
    uint32_t bits = i * 0x9e3779b9u + before;
    bits = (bits ^ bits >> 16) * 0x7feb352du;
    bits ^= between;
    bits = (bits ^ bits >> 15) * 0x846ca68bu;
    return bits ^ bits >> 16;
}

MOTE_MULTIVERSION
static void drop(uint32_t count, uint32_t before, uint32_t between, uint32_t threshold,
                 mote_real scale, const mote_real *in, mote_real *out) {
    for (uint32_t i = 0; i < count; i++) {
        out[i] = in[i] * (random_bits(i, before, between) < threshold ? 0 : scale);
    }
}

static void drop_tile(void *context, size_t index) {
    const job *j = context;
    size_t begin = index * TILE, left = j->count - begin;
    mote_random random = mote_random_create(j->self->key, MOTE_RANDOM_LAYERS, index);
    uint64_t keys = mote_random_bits(&random);
    double rate = j->self->rate;
    drop((uint32_t)(left < TILE ? left : TILE), (uint32_t)keys, (uint32_t)(keys >> 32),
         (uint32_t)(rate * 0x1p32), (mote_real)(1 / (1 - rate)), j->in + begin, j->out + begin);
}

static void run(const dropout *self, const mote_pass *pass, const mote_real *in, mote_real *out) {
    job j = {.self = self,
             .count = pass->batch * mote_shape_count(self->base.input_shape),
             .in = in,
             .out = out};
    mote_pool_run(pass->pool, mote_ceiling_divide(j.count, TILE), drop_tile, &j);
}

static void forward(mote_layer *layer, const mote_pass *pass, const mote_real *x, mote_real *y) {
    dropout *self = (dropout *)layer;
    self->key = mote_random_bits(pass->random);
    run(self, pass, x, y);
}

static void backward(mote_layer *layer, const mote_pass *pass, const mote_real *x,
                     const mote_real *y, mote_real *dy, mote_real *dx) {
    (void)x;
    (void)y;
    if (dx) {
        run((const dropout *)layer, pass, dy, dx);
    }
}

const mote_layer_class mote_layer_dropout = {
    .type = "dropout",
    .summary = "drops numbers at random in training; in evaluation y = x",
    .example = "{\"type\": \"dropout\", \"rate\": 0.2}",
    .size = sizeof(dropout),
    .fields = fields,
    .order = MOTE_CHANNELS_ANYWHERE,
    .training_only = true,
    .forward = forward,
    .backward = backward,
};
