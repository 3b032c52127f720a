/* vector.h: building blocks of vector loops: functions of one number that a compiler can inline and
 * vectorise, and the mark for functions that are compiled once per instruction set.
 */
#ifndef MOTE_MATH_VECTOR_H
#define MOTE_MATH_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "mote/tensor.h"

/* One binary runs well on every x86-64: the dynamic linker picks the version that the processor
 * supports. The sanitizers' runtimes are not up yet at that moment; and clang, up to 17 at least,
 * gives such functions another name than the one that is linked against. gcc knows these levels
 * since 12. Elsewhere loops are vectorised for the instruction set that the build asks for. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && __GNUC__ >= 12 &&            \
    !defined(__clang__) && !defined(MOTE_SANITIZED)
#define MOTE_MULTIVERSION                                                                          \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MOTE_MULTIVERSION
#endif

#ifdef MOTE_DOUBLE

static inline double mote_exp_one(double x) {
    return exp(x);
}

static inline double mote_tanh_one(double x) {
    return tanh(x);
}

#else

static inline float mote_float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t mote_bits_from_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* e^x, at most 2 ulp off, subnormal results included; NaN, inf and 0 where they belong.
 *
 * x = n ln 2 + r with |r| ≤ ln 2 / 2; e^r is the Taylor polynomial of degree 7 (its remainder
 * r^8/8! is below 6e-9 there). Branch-free, so that a loop over it vectorises. */
static inline float mote_exp_one(float x) {
    const float shifter = 0x1.8p23f;       /* adding it rounds to a whole number */
    const float ln2_high = 0x1.62e4p-1f;   /* 16 bits: n × ln2_high is exact */
    const float ln2_low = 0x1.7f7d1cp-20f; /* ln 2 = high + low */
    x = x > 89.0f ? 89.0f : x;             /* e^89 overflows, and NaN passes through */
    x = x < -104.0f ? -104.0f : x;         /* e^-104 rounds to 0 */
    float shifted = x * 0x1.715476p0f + shifter;
    float n = shifted - shifter;
    float r = x - n * ln2_high - n * ln2_low;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.0f;
    /* 2^n in two factors, since n goes from -150 to 128. */
    int32_t exponent = (int32_t)(mote_bits_from_float(shifted) - mote_bits_from_float(shifter));
    int32_t half = exponent >> 1;
    float scale_a = mote_float_from_bits((uint32_t)(half + 127) << 23);
    float scale_b = mote_float_from_bits((uint32_t)(exponent - half + 127) << 23);
    return p * scale_a * scale_b;
}

/* tanh x = 1 - 2 / (e^2x + 1), which cancels near 0; there an odd polynomial (the series up to
 * x^9). Absolute error below 2e-7. */
static inline float mote_tanh_one(float x) {
    float far = 1.0f - 2.0f / (mote_exp_one(2.0f * x) + 1.0f);
    float s = x * x;
    float p = 62.0f / 2835.0f;
    p = p * s - 17.0f / 315.0f;
    p = p * s + 2.0f / 15.0f;
    p = p * s - 1.0f / 3.0f;
    float near = x + x * s * p;
    return s < 0.09f ? near : far;
}

#endif

/* 1 / (1 + e^−x): e^−x may overflow to infinity, which gives the right 0. */
static inline mote_real mote_sigmoid_one(mote_real x) {
    return 1 / (1 + mote_exp_one(-x));
}

#endif
