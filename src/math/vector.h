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
 * supports. This excludes sanitizers, whose runtimes are not initialised at that point, and clang,
 * which up to 17 at least gives such functions a different name from the one that is linked
 * against. gcc knows these levels since 12. Elsewhere, loops are vectorised for the instruction set
 * that the build targets. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && __GNUC__ >= 12 &&            \
    !defined(__clang__) && !defined(MOTE_SANITIZED)
#define MOTE_MULTIVERSION                                                                          \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MOTE_MULTIVERSION
#endif

/* For the helpers of such functions, which must be inlined into each version. */
#define MOTE_INLINE static inline __attribute__((always_inline))

/* Numbers in one AVX-512 register; without AVX-512 they take two or four registers. */
#define MOTE_LANES (64 / sizeof(mote_real))

#ifdef MOTE_DOUBLE

static inline double mote_sqrt_one(double x) {
    return sqrt(x);
}

static inline double mote_exp_one(double x) {
    return exp(x);
}

static inline double mote_expm1_one(double x) {
    return expm1(x);
}

static inline double mote_tanh_one(double x) {
    return tanh(x);
}

static inline double mote_normal_cdf_one(double x) {
    return erfc(x * -0.7071067811865476) / 2;
}

#else

static inline float mote_sqrt_one(float x) {
    return sqrtf(x);
}

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

/* e^x = 2^n (1 + q) for x from -104 to 89: returns q, between about -0.3 and 0.42.
 *
 * x = n ln 2 + r with |r| ≤ ln 2 / 2; 1 + q is the Taylor polynomial of degree 7 of e^r (its
 * remainder r^8/8! is below 6e-9 there). Branch-free, so that a loop over it vectorises. */
static inline float mote_exp_reduced(float x, int32_t *n) {
    const float shifter = 0x1.8p23f;       /* adding it rounds to a whole number */
    const float ln2_high = 0x1.62e4p-1f;   /* 16 bits: n × ln2_high is exact */
    const float ln2_low = 0x1.7f7d1cp-20f; /* ln 2 = high + low */
    float shifted = x * 0x1.715476p0f + shifter;
    float whole = shifted - shifter;
    float r = x - whole * ln2_high - whole * ln2_low;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    *n = (int32_t)(mote_bits_from_float(shifted) - mote_bits_from_float(shifter));
    return p * r * r + r;
}

/* 2^n for n from -126 to 127. */
static inline float mote_power_of_two(int32_t n) {
    return mote_float_from_bits((uint32_t)(n + 127) << 23);
}

/* e^x, at most 2 ulp off, subnormal results included; NaN, inf and 0 where they belong. */
static inline float mote_exp_one(float x) {
    x = x > 89.0f ? 89.0f : x;     /* e^89 overflows, and NaN passes through */
    x = x < -104.0f ? -104.0f : x; /* e^-104 rounds to 0 */
    int32_t n;
    float q = mote_exp_reduced(x, &n);
    int32_t half = n >> 1; /* in two factors, since n ranges from -150 to 128 */
    return (q + 1.0f) * mote_power_of_two(half) * mote_power_of_two(n - half);
}

/* e^x - 1 for x ≤ 0, at most 2 ulp off, also near 0; NaN stays NaN. */
static inline float mote_expm1_one(float x) {
    x = x < -30.0f ? -30.0f : x; /* e^-30 - 1 rounds to -1 */
    int32_t n;
    float q = mote_exp_reduced(x, &n);
    float scale = mote_power_of_two(n);
    return scale * q + (scale - 1.0f);
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

/* Φ(x), the probability that a standard normal variable is below x. The absolute error is at most
 * 2.5e-7; in the lower tail, down to x = -13, the relative error is at most (4 + 0.4 x²) 1e-7.
 *
 * For t = |x|, Φ(-t) = e^(-t²/2) R(t). R, half the scaled complementary error function of t/√2,
 * falls slowly, so that nothing cancels: (t + 3.75) R(t) is approximated by a polynomial in v =
 * (t - 3.75)/(t + 3.75), the variable of Shepherd and Laframboise ("Chebyshev approximation of (1 +
 * 2x) exp(x²) erfc x", 1981). Its coefficients are those of least relative error, 1.5e-8, by Remez'
 * algorithm. */
static inline float mote_normal_cdf_one(float x) {
    float t = fabsf(x);
    t = t > 14.5f ? 14.5f : t; /* where e^(-t²/2) is 0 */
    float w = 1.0f / (t + 3.75f);
    float v = (t - 3.75f) * w;
    float p = 0.000443450041f;
    p = p * v + 0.000509629052f;
    p = p * v - 0.00416901801f;
    p = p * v + 0.00120007333f;
    p = p * v + 0.0374925064f;
    p = p * v - 0.151520835f;
    p = p * v + 0.352939604f;
    p = p * v - 0.588188278f;
    p = p * v + 0.750294074f;
    float tail = mote_exp_one(-0.5f * x * x) * (p * w);
    return x > 0 ? 1.0f - tail : tail;
}

#endif

/* φ(x) = e^(-x²/2) / √2π, the density of the standard normal distribution. */
static inline mote_real mote_normal_density_one(mote_real x) {
    return mote_exp_one((mote_real)-0.5 * x * x) * (mote_real)0.3989422804014327;
}

/* 1 / (1 + e^−x): e^−x may overflow to infinity, which correctly gives 0. */
static inline mote_real mote_sigmoid_one(mote_real x) {
    return 1 / (1 + mote_exp_one(-x));
}

#endif
