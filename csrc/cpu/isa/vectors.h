#pragma once
// Vectors of the width that this copy of a leaf is compiled for, and the distances that the point leaves share.
#include <cstdint>

#include "cpu/isa/blocks.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
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
typedef int32_t Flags __attribute__((vector_size(4 * width)));  // -1 where a comparison holds, else 0

static inline Floats load(const float* from) {
  Floats values;
  __builtin_memcpy(&values, from, sizeof values);
  return values;
}

static inline void store(float* to, Floats values) { __builtin_memcpy(to, &values, sizeof values); }

// Where a is NaN the result is b.
static inline Floats smaller(Floats a, Floats b) { return a < b ? a : b; }
static inline Floats larger(Floats a, Floats b) { return a > b ? a : b; }

static inline float largest(Floats values) {
  float parts[width];
  store(parts, values);
  for (int half = width / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) parts[i] = parts[i] > parts[i + half] ? parts[i] : parts[i + half];
  }
  return parts[0];
}

// Bit i is set where the comparison of lane i holds.
static inline uint32_t bits(Flags flags) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(flags));
#elif defined(__AVX2__)
  return static_cast<uint32_t>(_mm256_movemask_ps(reinterpret_cast<__m256>(flags)));
#elif defined(__SSE2__)
  return static_cast<uint32_t>(_mm_movemask_ps(reinterpret_cast<__m128>(flags)));
#else
  uint32_t found = 0;
  for (int i = 0; i < width; ++i) found |= static_cast<uint32_t>(flags[i] & 1) << i;
  return found;
#endif
}

static inline Floats squared(Floats dx, Floats dy, Floats dz) { return (dx * dx + dy * dy) + dz * dz; }

// Squared distances of `width` points of a block, from lane on.
static inline Floats distances(const Block& block, int lane, const Place& from) {
  return squared(load(block.x + lane) - from.x, load(block.y + lane) - from.y, load(block.z + lane) - from.z);
}

// Lower bounds of the squared distances to `width` boxes. Rounding is monotone and the terms are summed in the order of
// distances(), so no computed distance to a point of the box is below its bound. NaN where there is no box.
static inline Floats bounds(const Boxes& boxes, int lane, const Place& from) {
  const Floats zero = {};
  const Floats dx = larger(load(boxes.low_x + lane) - from.x, from.x - load(boxes.high_x + lane));
  const Floats dy = larger(load(boxes.low_y + lane) - from.y, from.y - load(boxes.high_y + lane));
  const Floats dz = larger(load(boxes.low_z + lane) - from.z, from.z - load(boxes.high_z + lane));
  return squared(larger(zero, dx), larger(zero, dy), larger(zero, dz));
}

}  // namespace musc2::cpu::MUSC2_ISA
