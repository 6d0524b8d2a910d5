#include "CAllocations.h"
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

// A counter on a cache line of its own, so that threads do not wait for each other when they count.
typedef struct {
    _Alignas(64) _Atomic uint64_t count;
} counter;

// A thread has a counter of its own; beyond this number of threads since the start, two may share one.
#define COUNTERS 4096
static counter counters[COUNTERS];
static _Atomic uint32_t threads;
static __thread counter *own;
static __thread uint64_t inherited;

static counter *own_counter(void) {
    if (own == NULL) {
        own = &counters[atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % COUNTERS];
        inherited = atomic_load_explicit(&own->count, memory_order_relaxed);
    }
    return own;
}

uint64_t gatehouse_allocations(void) {
    return atomic_load_explicit(&own_counter()->count, memory_order_relaxed) - inherited;
}

uint64_t gatehouse_process_allocations(void) {
    uint64_t sum = 0;
    uint32_t used = atomic_load_explicit(&threads, memory_order_relaxed);
    for (uint32_t index = 0; index < used && index < COUNTERS; index++)
        sum += atomic_load_explicit(&counters[index].count, memory_order_relaxed);
    return sum;
}

#if defined(__GLIBC__)

// Without a locked instruction: only this thread writes its counter.
static inline void count_allocation(void) {
    _Atomic uint64_t *count = &own_counter()->count;
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_relaxed);
}

// These definitions precede those of glibc, whose __libc_ functions remain available.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t number, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
    count_allocation();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count_allocation();
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    count_allocation();
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count_allocation();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    count_allocation();
    void *memory = __libc_memalign(alignment, size);
    if (memory == NULL) return ENOMEM;
    *result = memory;
    return 0;
}

#endif
