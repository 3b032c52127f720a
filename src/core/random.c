/* random.c: xoshiro256++ and what is drawn from it. */
#include "mote/random.h"

#include <math.h>

static const double TWO_PI = 6.283185307179586;

/* splitmix64 by S. Vigna: turns any seed into well-mixed bits. */
static uint64_t mix(uint64_t *state) {
    uint64_t bits = (*state += 0x9e3779b97f4a7c15u);
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return bits ^ (bits >> 31);
}

mote_random mote_random_create(uint64_t seed, mote_random_purpose purpose, uint64_t stream) {
    uint64_t state = seed;
    state = mix(&state) + (uint64_t)purpose;
    state = mix(&state) + stream;
    mote_random random;
    for (int i = 0; i < 4; i++) {
        random.state[i] = mix(&state);
    }
    return random;
}

static uint64_t rotate_left(uint64_t bits, int by) {
    return (bits << by) | (bits >> (64 - by));
}

uint64_t mote_random_bits(mote_random *random) {
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double mote_random_uniform(mote_random *random) {
    return (double)(mote_random_bits(random) >> 11) * 0x1p-53;
}

double mote_random_normal(mote_random *random) {
    double radius = sqrt(-2.0 * log(1.0 - mote_random_uniform(random)));
    return radius * cos(TWO_PI * mote_random_uniform(random));
}

uint64_t mote_random_below(mote_random *random, uint64_t bound) {
    /* The lowest 2^64 mod bound values would be drawn once too often. */
    uint64_t surplus = (UINT64_MAX - bound + 1) % bound;
    uint64_t bits;
    do {
        bits = mote_random_bits(random);
    } while (bits < surplus);
    return bits % bound;
}

void mote_random_shuffle(mote_random *random, uint32_t *entries, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)mote_random_below(random, i);
        uint32_t entry = entries[i - 1];
        entries[i - 1] = entries[j];
        entries[j] = entry;
    }
}
