/* blas.c: sets up OpenBLAS: one thread per call, and kernels that suit the processor.
 *
 * OpenBLAS picks its kernels by the processor's model number when it is loaded. If it does not know
 * the number, it may fall back to the oldest ones ("Prescott", SSE3), 4-5 times slower on a
 * processor with AVX-512.
 */
#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/blas.h"
#include "mote/kernels.h"

#if defined(__x86_64__)

/* Kernels without AVX2 and FMA. Names not listed here are taken to be newer. */
static const char *const OLD_KERNELS[] = {
    "Katmai",    "Coppermine", "Northwood", "Prescott",    "Banias",      "Atom",    "Core2",
    "Penryn",    "Dunnington", "Nehalem",   "Sandybridge", "Athlon",      "Opteron", "Opteron_SSE3",
    "Barcelona", "Bobcat",     "Bulldozer", "Piledriver",  "Steamroller", "Nano",    "Generic",
};

static bool kernels_are_old(const char *name) {
    for (size_t i = 0; i < sizeof OLD_KERNELS / sizeof *OLD_KERNELS; i++) {
        if (strcmp(name, OLD_KERNELS[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The best kernels that the processor can run, or NULL where the old ones are right. */
static const char *better_kernels(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
        return "SkylakeX";
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return "Haswell";
    }
    return NULL;
}

/* Builds of OpenBLAS with several sets of kernels export the two functions that choose among them.
 * ISO C has no conversion from dlsym's object pointer to a function pointer; POSIX does. */
static bool choose_again(const char *kernels) {
    void (*quit)(void), (*start)(void);
    *(void **)&quit = dlsym(RTLD_DEFAULT, "gotoblas_dynamic_quit");
    *(void **)&start = dlsym(RTLD_DEFAULT, "gotoblas_dynamic_init");
    if (!quit || !start) {
        return false;
    }
    setenv("OPENBLAS_CORETYPE", kernels, 1);
    quit();
    start();
    unsetenv("OPENBLAS_CORETYPE");
    return !kernels_are_old(openblas_get_corename());
}

#else

static bool kernels_are_old(const char *name) {
    (void)name;
    return false;
}

static const char *better_kernels(void) {
    return NULL;
}

static bool choose_again(const char *kernels) {
    (void)kernels;
    return false;
}

#endif

static bool kernels_have_small_ones(const char *name) {
    int major = 0, minor = 0, patch = 0;
    if (sscanf(openblas_get_config(), "OpenBLAS %d.%d.%d", &major, &minor, &patch) != 3) {
        return false;
    }
    bool recent = major > 0 || minor > 3 || (minor == 3 && patch >= 17);
    return recent && (strcmp(name, "SkylakeX") == 0 || strcmp(name, "Cooperlake") == 0 ||
                      strcmp(name, "SapphireRapids") == 0);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *advice;
static bool small_kernels;

static void choose_kernels(void) {
    if (getenv("OPENBLAS_CORETYPE") || !kernels_are_old(openblas_get_corename())) {
        return;
    }
    const char *better = better_kernels();
    if (better && !choose_again(better)) {
        advice = better;
    }
}

static void prepare(void) {
    openblas_set_num_threads(1);
    choose_kernels();
    small_kernels = kernels_have_small_ones(openblas_get_corename());
}

void mote_blas_prepare(void) {
    pthread_once(&once, prepare);
}

bool mote_blas_has_small_kernels(void) {
    mote_blas_prepare();
    return small_kernels;
}

const char *mote_blas_advice(void) {
    mote_blas_prepare();
    return advice;
}

const char *mote_blas_kernels(void) {
    mote_blas_prepare();
    return openblas_get_corename();
}
