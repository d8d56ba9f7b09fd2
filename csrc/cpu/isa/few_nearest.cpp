// One vector lane per point, each with its own sorted list; the centers pass by in order. After the first few dozen
// centers hardly any is nearer than the last of a list, so one comparison per center is nearly all of the work.
#include "cpu/isa/few_nearest.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace musc2::cpu::MUSC2_ISA {
namespace {

#if defined(__AVX512DQ__)
constexpr int lanes = 16;
#elif defined(__AVX2__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif
typedef float Floats __attribute__((vector_size(lanes * 4), aligned(4), may_alias));
typedef int32_t Whole __attribute__((vector_size(lanes * 4), aligned(4), may_alias));

bool any(Whole mask) {
#if defined(__AVX512DQ__)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(mask)) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_epi8(reinterpret_cast<__m256i>(mask)) != 0;
#elif defined(__SSE2__)
  return _mm_movemask_epi8(reinterpret_cast<__m128i>(mask)) != 0;
#else
  return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
#endif
}

// `most` is a template argument so that a short list stays in registers.
template <int most>
void nearest(const float* x, const float* y, const float* z, int64_t points, const float* centers, int64_t count,
             int keep, float* distance2, int32_t* index) {
  for (int64_t p = 0; p < points; p += lanes) {
    const Floats px = *reinterpret_cast<const Floats*>(x + p);
    const Floats py = *reinterpret_cast<const Floats*>(y + p);
    const Floats pz = *reinterpret_cast<const Floats*>(z + p);
    Floats best[most];
    Whole from[most];
    for (int k = 0; k < most; ++k) {
      best[k] = Floats{} + __builtin_inff();
      from[k] = Whole{} - 1;
    }
    for (int64_t c = 0; c < count; ++c) {
      const Floats dx = px - centers[3 * c], dy = py - centers[3 * c + 1], dz = pz - centers[3 * c + 2];
      const Floats d = (dx * dx + dy * dy) + dz * dz;
      if (!any(d < best[most - 1])) continue;
      const Whole candidate = Whole{} + static_cast<int32_t>(c);
      for (int k = most - 1; k > 0; --k) {  // a place after the new one's takes its predecessor
        const Whole here = d < best[k], before = d < best[k - 1];
        best[k] = before ? best[k - 1] : here ? d : best[k];
        from[k] = before ? from[k - 1] : here ? candidate : from[k];
      }
      const Whole first = d < best[0];
      best[0] = first ? d : best[0];
      from[0] = first ? candidate : from[0];
    }
    for (int k = 0; k < keep; ++k) {
      *reinterpret_cast<Floats*>(distance2 + k * points + p) = best[k];
      *reinterpret_cast<Whole*>(index + k * points + p) = from[k];
    }
  }
}

}  // namespace

void few_nearest(const float* x, const float* y, const float* z, int64_t points, const float* centers, int64_t count,
                 int keep, float* distance2, int32_t* index) {
  const auto run = keep <= 3 ? nearest<3> : keep <= 8 ? nearest<8> : nearest<most_few>;
  run(x, y, z, points, centers, count, keep, distance2, index);
}

}  // namespace musc2::cpu::MUSC2_ISA
