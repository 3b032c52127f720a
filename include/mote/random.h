/* random.h: random numbers with explicit state.
 *
 * xoshiro256++ by D. Blackman and S. Vigna ("Scrambled linear pseudorandom number generators",
 * 2019), seeded through splitmix64. Each generator serves one purpose; all are derived from the
 * config's seed, and their states are part of a checkpoint. The numbers are the same on every
 * platform, except for the last bits of normal ones, which depend on the C library's log and cos.
 */
#ifndef MOTE_RANDOM_H
#define MOTE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mote_random {
    uint64_t state[4];
} mote_random;

/* What a generator is for: two purposes never share a sequence, whatever the seed. */
typedef enum mote_random_purpose {
    MOTE_RANDOM_INITIALIZE = 1,
    MOTE_RANDOM_SHUFFLE = 2,
    MOTE_RANDOM_LAYERS = 3, /* what layers draw in training, such as dropout masks */
    MOTE_RANDOM_SPLIT = 4,
    MOTE_RANDOM_DATA = 5, /* synthetic data sets */
    MOTE_RANDOM_AUGMENT = 6,
} mote_random_purpose;

/* A generator for one purpose and, within it, for one of any number of independent streams. */
mote_random mote_random_create(uint64_t seed, mote_random_purpose purpose, uint64_t stream);

/* 64 random bits. */
uint64_t mote_random_bits(mote_random *random);

/* Uniform in [0, 1), a multiple of 2^-53. */
double mote_random_uniform(mote_random *random);

/* Normal with mean 0 and standard deviation 1 (Box and Muller, 1958); keeps no other state. */
double mote_random_normal(mote_random *random);

/* Uniform in 0 ... bound - 1, without bias; bound >= 1. */
uint64_t mote_random_below(mote_random *random, uint64_t bound);

/* Shuffles entries [count] (Fisher and Yates). */
void mote_random_shuffle(mote_random *random, uint32_t *entries, size_t count);

#ifdef __cplusplus
}
#endif

#endif
