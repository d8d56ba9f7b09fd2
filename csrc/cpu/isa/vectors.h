#pragma once
// Vectors of the width of this copy's instruction set.
#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

namespace musc2::cpu::MUSC2_ISA {

#if defined(__AVX512F__)
constexpr int width = 16;
#elif defined(__AVX2__)
constexpr int width = 8;
#else
constexpr int width = 4;
#endif
typedef float Floats __attribute__((vector_size(4 * width)));
typedef int32_t Ints __attribute__((vector_size(4 * width)));  // comparisons give -1 or 0

static inline Floats load(const float* from) {
  Floats values;
  __builtin_memcpy(&values, from, sizeof values);
  return values;
}

static inline Ints load(const int32_t* from) {
  Ints values;
  __builtin_memcpy(&values, from, sizeof values);
  return values;
}

static inline void store(float* to, Floats values) { __builtin_memcpy(to, &values, sizeof values); }
static inline void store(int32_t* to, Ints values) { __builtin_memcpy(to, &values, sizeof values); }

// Where a is NaN the result is b.
static inline Floats smaller(Floats a, Floats b) { return a < b ? a : b; }
static inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }

static inline float sum(Floats values) {
  float total = 0;
  for (int lane = 0; lane < width; ++lane) total += values[lane];
  return total;
}

static inline float largest(Floats values) {
  float lanes[width];
  store(lanes, values);
  for (int half = width / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i)
      lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
  }
  return lanes[0];
}

// Bit i is set where the comparison of lane i holds.
static inline uint32_t bits(Ints flags) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(flags));
#elif defined(__AVX2__)
  return static_cast<uint32_t>(_mm256_movemask_ps(reinterpret_cast<__m256>(flags)));
#elif defined(__SSE2__)
  return static_cast<uint32_t>(_mm_movemask_ps(reinterpret_cast<__m128>(flags)));
#else
  uint32_t set = 0;
  for (int i = 0; i < width; ++i) set |= static_cast<uint32_t>(flags[i] & 1) << i;
  return set;
#endif
}

// Bit i is set where a[i] >= b[i]. Compilers make three instructions of the comparison otherwise.
static inline uint32_t at_least(Floats a, Floats b) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), _CMP_GE_OQ);
#else
  return bits(a >= b);
#endif
}

// a * b + c, fused wherever the instruction set can. Left to the compiler, clang fuses one loop and
// splits another, and equal sums get different bits.
static inline float multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

// |a - b|^2, or |a|^2. A branch inside the loop would keep clang from fusing its products and sums.
template <bool IS_NORM>
static inline float squared_length(const float* a, const float* b, int64_t n) {
  constexpr int64_t chains = 4;  // independent sums hide the latency of the multiply-add
  Floats sums[chains] = {};
  const auto add = [&](Floats& sum, int64_t at) {
    Floats difference = load(a + at);
    if constexpr (!IS_NORM) difference -= load(b + at);
    sum += difference * difference;
  };
  int64_t i = 0;
  for (; i + chains * width <= n; i += chains * width) {
    for (int64_t c = 0; c < chains; ++c) add(sums[c], i + c * width);
  }
  for (int64_t c = 0; i + width <= n; ++c, i += width) add(sums[c], i);
  float total = sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < n; ++i) {
    float difference = a[i];
    if constexpr (!IS_NORM) difference -= b[i];
    total = multiply_add(difference, difference, total);
  }
  return total;
}

static inline float squared_distance(const float* a, const float* b, int64_t n) {
  return squared_length<false>(a, b, n);
}

static inline float squared_norm(const float* a, int64_t n) {
  return squared_length<true>(a, nullptr, n);
}

}  // namespace musc2::cpu::MUSC2_ISA
