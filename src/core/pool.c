/* pool.c: threads that share the tiles of one operation.
 *
 * Each thread owns a contiguous range of a job's tiles, so that one operation after another finds
 * the same rows in its cache; when its range is exhausted it steals tiles from the others, since a
 * core can be busy elsewhere for milliseconds.
 *
 * A range is one 64-bit word, (job number << 32 | tiles left), decremented by compare-and-swap. A
 * thread that wakes late, for a job long finished, finds another job there, or nothing left, or
 * fails the comparison, and does no harm; so there is no need to wait for threads that never
 * started on a job. The word holds tiles left, not the next tile, because it alone must show that a
 * range is exhausted: the number of tiles may already be that of the next job.
 */
#include "core/clock.h"
#include "core/pool.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Spinning covers the gaps between the operations of a step; a round trip through the kernel costs
 * tens of microseconds. About 50 µs, and as much again of yielding to other threads. */
enum {
    SPINS = 2000,
    YIELDS = 50,
    CACHE_LINE = 64,
    MAX_THREADS = 256
};

typedef struct range {
    _Alignas(CACHE_LINE) _Atomic uint64_t left;
} range;

struct mote_pool {
    size_t size; /* threads, including the caller */

    /* The job. Written by the caller before any of its tiles can be taken. */
    _Atomic(mote_task) task;
    _Atomic(void *) context;
    _Atomic uint32_t tiles;

    _Alignas(CACHE_LINE) _Atomic uint32_t job;  /* its number; a new one starts the workers */
    _Alignas(CACHE_LINE) _Atomic uint32_t done; /* tiles finished */
    _Alignas(CACHE_LINE) _Atomic bool stopping;

    bool reversed;                 /* by mote_pool_reverse */
    const mote_observer *observer; /* by mote_pool_observe; or NULL */
    bool watched;                  /* by mote_pool_watch */
    double waited;

    pthread_mutex_t mutex;
    pthread_cond_t wake;
    _Atomic uint32_t sleepers;

    pthread_t threads[MAX_THREADS];
    size_t started; /* how many were created */
    range ranges[MAX_THREADS];
};

typedef struct worker {
    mote_pool *pool;
    size_t index;
} worker;

/* Operations may nest, by mistake or by design, as in a layer made of layers; the inner one then
 * runs on the calling thread. */
static _Thread_local bool inside_task;

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint32_t range_end(size_t size, size_t owner, uint32_t tiles) {
    return (uint32_t)((uint64_t)tiles * (owner + 1) / size);
}

/* Takes tiles from one range until it is exhausted or belongs to another job. */
static void work_on_range(mote_pool *pool, size_t owner, uint32_t job) {
    for (;;) {
        uint64_t word = atomic_load_explicit(&pool->ranges[owner].left, memory_order_acquire);
        uint32_t left = (uint32_t)word;
        if (word >> 32 != job || left == 0) {
            return;
        }
        mote_task task = atomic_load_explicit(&pool->task, memory_order_relaxed);
        void *context = atomic_load_explicit(&pool->context, memory_order_relaxed);
        uint32_t tiles = atomic_load_explicit(&pool->tiles, memory_order_relaxed);
        /* Success means that this tile was still pending when the task was read: the job cannot be
         * replaced before it is done. */
        if (atomic_compare_exchange_weak_explicit(&pool->ranges[owner].left, &word, word - 1,
                                                  memory_order_acq_rel, memory_order_relaxed)) {
            task(context, range_end(pool->size, owner, tiles) - left);
            atomic_fetch_add_explicit(&pool->done, 1, memory_order_release);
        }
    }
}

static void work_on_job(mote_pool *pool, size_t self, uint32_t job) {
    inside_task = true;
    for (size_t i = 0; i < pool->size; i++) {
        work_on_range(pool, (self + i) % pool->size, job);
    }
    inside_task = false;
}

/* Returns when there is a job other than `last`, or the pool is stopping. */
static void await_job(mote_pool *pool, uint32_t last) {
    for (int i = 0; i < SPINS + YIELDS; i++) {
        if (atomic_load_explicit(&pool->job, memory_order_acquire) != last ||
            atomic_load_explicit(&pool->stopping, memory_order_relaxed)) {
            return;
        }
        if (i < SPINS) {
            pause_briefly();
        } else {
            sched_yield();
        }
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->job) == last && !atomic_load(&pool->stopping)) {
        pthread_cond_wait(&pool->wake, &pool->mutex);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument) {
    worker self = *(worker *)argument;
    free(argument);
    uint32_t last = 0;
    for (;;) {
        await_job(self.pool, last);
        if (atomic_load(&self.pool->stopping)) {
            return NULL;
        }
        last = atomic_load_explicit(&self.pool->job, memory_order_acquire);
        work_on_job(self.pool, self.index, last);
    }
}

static void wake_sleepers(mote_pool *pool) {
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->mutex);
    }
}

/* Returns when all tiles of the job are done. */
static void await_others(mote_pool *pool, uint32_t tiles) {
    int spins = 0;
    while (atomic_load_explicit(&pool->done, memory_order_acquire) < tiles) {
        if (spins < SPINS) {
            spins++;
            pause_briefly();
        } else {
            sched_yield();
        }
    }
}

static void run_observed(const mote_observer *observer, size_t tiles, mote_task task,
                         void *context) {
    inside_task = true;
    for (size_t i = 0; i < tiles; i++) {
        observer->begin(observer->context, i, tiles);
        task(context, i);
        observer->end(observer->context, i);
    }
    inside_task = false;
}

static void run_alone(const mote_pool *pool, size_t tiles, mote_task task, void *context) {
    if (pool && pool->observer && !inside_task) {
        run_observed(pool->observer, tiles, task, context);
        return;
    }
    bool reversed = pool && pool->reversed;
    for (size_t i = 0; i < tiles; i++) {
        task(context, reversed ? tiles - 1 - i : i);
    }
}

void mote_pool_run(mote_pool *pool, size_t tiles, mote_task task, void *context) {
    if (!pool || pool->size == 1 || tiles <= 1 || inside_task) {
        run_alone(pool, tiles, task, context);
        return;
    }
    assert(tiles <= UINT32_MAX / 2);
    atomic_store_explicit(&pool->task, task, memory_order_relaxed);
    atomic_store_explicit(&pool->context, context, memory_order_relaxed);
    atomic_store_explicit(&pool->tiles, (uint32_t)tiles, memory_order_relaxed);
    atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
    uint32_t job = atomic_load_explicit(&pool->job, memory_order_relaxed) + 1;
    for (size_t i = 0; i < pool->size; i++) {
        uint32_t begin = i ? range_end(pool->size, i - 1, (uint32_t)tiles) : 0;
        uint32_t left = range_end(pool->size, i, (uint32_t)tiles) - begin;
        atomic_store_explicit(&pool->ranges[i].left, (uint64_t)job << 32 | left,
                              memory_order_release);
    }
    atomic_store(&pool->job, job); /* sequentially consistent, as is the load of `sleepers` */
    wake_sleepers(pool);

    work_on_job(pool, 0, job);
    double begin = pool->watched ? mote_clock() : 0;
    await_others(pool, (uint32_t)tiles);
    pool->waited += pool->watched ? mote_clock() - begin : 0;
}

void mote_pool_reverse(mote_pool *pool) {
    assert(pool->size == 1);
    pool->reversed = true;
}

void mote_pool_observe(mote_pool *pool, const mote_observer *observer) {
    assert(pool->size == 1);
    pool->observer = observer;
}

void mote_pool_watch(mote_pool *pool, bool on) {
    pool->watched = on;
    pool->waited = 0;
}

double mote_pool_waited(const mote_pool *pool) {
    return pool->waited;
}

size_t mote_pool_size(const mote_pool *pool) {
    return pool ? pool->size : 1;
}

/* ---- cores ---- */

/* The first number in a small kernel file, or 0; *second gets the next one, if any. */
static double read_number(const char *directory, const char *name, double *second) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *stream = fopen(path, "r");
    double first = 0;
    if (stream && fscanf(stream, "%lf %lf", &first, second) < 1) { /* "max 100000" */
        first = 0;
    }
    if (stream) {
        fclose(stream);
    }
    return first;
}

/* A container may have many cores but little of their time: threads beyond its quota would only
 * spin, waiting for throttled ones. Both versions of Linux control groups give quota and period in
 * microseconds. */
size_t mote_pool_cores_within(const char *control_groups, size_t cores) {
    double period = 0, unused;
    double quota = read_number(control_groups, "cpu.max", &period);
    if (quota <= 0) {
        quota = read_number(control_groups, "cpu/cpu.cfs_quota_us", &unused); /* -1: none */
        period = read_number(control_groups, "cpu/cpu.cfs_period_us", &unused);
    }
    if (quota <= 0 || period <= 0 || quota / period >= (double)cores) {
        return cores;
    }
    return quota > period ? (size_t)(quota / period) : 1;
}

static size_t count_cores(void) {
#ifdef CPU_COUNT
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) > 0) {
        return (size_t)CPU_COUNT(&cores);
    }
#endif
    long cores_online = sysconf(_SC_NPROCESSORS_ONLN);
    return cores_online > 0 ? (size_t)cores_online : 1;
}

size_t mote_pool_cores(void) {
    return mote_pool_cores_within("/sys/fs/cgroup", count_cores());
}

/* ---- creation and destruction ---- */

/* Tasks keep their working data on the stack, which is small by default in some C libraries. */
static const size_t STACK = (size_t)8 << 20;

static bool start_thread(pthread_t *thread, worker *self) {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    pthread_attr_setstacksize(&attributes, STACK);
    bool started = pthread_create(thread, &attributes, worker_main, self) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

static bool start_worker(mote_pool *pool, size_t index) {
    worker *self = malloc(sizeof *self);
    if (!self) {
        return false;
    }
    *self = (worker){.pool = pool, .index = index};
    if (!start_thread(&pool->threads[pool->started], self)) {
        free(self);
        return false;
    }
    pool->started++;
    return true;
}

mote_pool *mote_pool_create(size_t threads, mote_error *error) {
    threads = threads ? threads : mote_pool_cores();
    threads = threads < MAX_THREADS ? threads : MAX_THREADS;
    void *memory = NULL;
    if (posix_memalign(&memory, CACHE_LINE, sizeof(mote_pool)) != 0) {
        mote_fail(error, MOTE_MEMORY, "out of memory for a pool of %zu threads", threads);
        return NULL;
    }
    mote_pool *pool = memory;
    *pool = (mote_pool){.size = threads};
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    for (size_t i = 1; i < threads; i++) {
        if (!start_worker(pool, i)) {
            mote_fail(error, MOTE_MEMORY, "cannot start thread %zu of %zu; try fewer", i + 1,
                      threads);
            mote_pool_destroy(pool);
            return NULL;
        }
    }
    return pool;
}

void mote_pool_destroy(mote_pool *pool) {
    if (!pool) {
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->stopping, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->started; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->wake);
    free(pool);
}
