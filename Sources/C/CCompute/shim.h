#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

/// The number of processors that this thread may run on; 0 where the kernel does not tell. Swift's module of the C
/// library does not export sched_getaffinity.
static inline int compute_processors(void) {
    unsigned long mask[128];
    const long size = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int count = 0;
    for (long index = 0; index < size / (long)sizeof(unsigned long); index++)
        count += __builtin_popcountl(mask[index]);
    return count;
}

// OpenBLAS declares this in a header that not every cblas.h includes.
char *openblas_get_corename(void);

/// Treats denormal numbers of this thread as zero, as operands and as results: an operation with them takes a hundred
/// times as long. Returns the mode before, for `compute_restore_mode`.
static inline uint64_t compute_flush_denormals(void) {
#if defined(__x86_64__)
    const unsigned before = _mm_getcsr();
    // Bit 15 flushes results (FTZ), bit 6 reads operands as zero (DAZ).
    _mm_setcsr(before | 0x8040);
    return before;
#elif defined(__aarch64__)
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (UINT64_C(1) << 24)));
    return before;
#else
    return 0;
#endif
}

static inline void compute_restore_mode(uint64_t mode) {
#if defined(__x86_64__)
    _mm_setcsr((unsigned)mode);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#endif
}

/// The vector instructions that the processor has and the operating system keeps: 0 without AVX2 and FMA, 2 with them,
/// 512 with AVX-512 (F, CD, BW, DQ and VL) too.
static inline int compute_vector_level(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    // FMA, OSXSAVE and AVX.
    const unsigned needed = (1u << 12) | (1u << 27) | (1u << 28);
    if ((c & needed) != needed) return 0;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0x6) != 0x6) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & (1u << 5))) return 0;
    const unsigned wide = (1u << 16) | (1u << 17) | (1u << 28) | (1u << 30) | (1u << 31);
    return (b & wide) == wide && (low & 0xe6) == 0xe6 ? 512 : 2;
#else
    return 0;
#endif
}

/// The constants of a step of Adam.
typedef struct {
    float rate;
    float keep_mean;
    float keep_square;
    float epsilon;
} compute_adam_step;

static inline void compute_adam_scalar(
    float *parameters, const float *gradient, float *mean, float *square, size_t start, size_t count,
    compute_adam_step step) {
    const float new_mean = 1 - step.keep_mean, new_square = 1 - step.keep_square;
    for (size_t i = start; i < count; i++) {
        const float slope = gradient[i];
        const float m = step.keep_mean * mean[i] + new_mean * slope;
        const float v = step.keep_square * square[i] + new_square * slope * slope;
        mean[i] = m;
        square[i] = v;
        parameters[i] -= step.rate * m / (sqrtf(v) + step.epsilon);
    }
}

#if defined(__x86_64__)
/// Eight parameters at a time, by the operations of the scalar loop in the same order: the results are equal.
__attribute__((target("avx2"))) static inline size_t compute_adam_vector(
    float *parameters, const float *gradient, float *mean, float *square, size_t count, compute_adam_step step) {
    const __m256 keep_mean = _mm256_set1_ps(step.keep_mean), keep_square = _mm256_set1_ps(step.keep_square);
    const __m256 new_mean = _mm256_set1_ps(1 - step.keep_mean), new_square = _mm256_set1_ps(1 - step.keep_square);
    const __m256 rate = _mm256_set1_ps(step.rate), epsilon = _mm256_set1_ps(step.epsilon);
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const __m256 slope = _mm256_loadu_ps(gradient + i);
        const __m256 m = _mm256_add_ps(
            _mm256_mul_ps(keep_mean, _mm256_loadu_ps(mean + i)), _mm256_mul_ps(new_mean, slope));
        const __m256 v = _mm256_add_ps(
            _mm256_mul_ps(keep_square, _mm256_loadu_ps(square + i)),
            _mm256_mul_ps(_mm256_mul_ps(new_square, slope), slope));
        _mm256_storeu_ps(mean + i, m);
        _mm256_storeu_ps(square + i, v);
        const __m256 change = _mm256_div_ps(_mm256_mul_ps(rate, m), _mm256_add_ps(_mm256_sqrt_ps(v), epsilon));
        _mm256_storeu_ps(parameters + i, _mm256_sub_ps(_mm256_loadu_ps(parameters + i), change));
    }
    return i;
}
#endif

/// A step of Adam for `count` parameters and their means of the gradient and of its square.
static inline void compute_adam(
    float *parameters, const float *gradient, float *mean, float *square, size_t count, compute_adam_step step,
    int vector_level) {
    size_t start = 0;
#if defined(__x86_64__)
    if (vector_level > 0) start = compute_adam_vector(parameters, gradient, mean, square, count, step);
#endif
    compute_adam_scalar(parameters, gradient, mean, square, start, count, step);
}
