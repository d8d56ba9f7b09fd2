// One vector lane per point, each with its own sorted list, while all centers pass by in order.
// After the first few dozen centers hardly any is nearer than the last of a list, so one comparison
// per center is nearly all of the work.
#include "cpu/isa/few_nearest.h"

#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

// `length` is a template argument so that a short list stays in registers.
template <int length>
void nearest(const float* x, const float* y, const float* z, int64_t points, const float* centers,
             int64_t count, int keep, float* distance2, int32_t* index) {
  for (int64_t p = 0; p < points; p += width) {
    const Floats px = load(x + p);
    const Floats py = load(y + p);
    const Floats pz = load(z + p);
    Floats best[length];
    Ints best_index[length];
    for (int k = 0; k < length; ++k) {
      best[k] = Floats{} + __builtin_inff();
      best_index[k] = Ints{} - 1;
    }
    for (int64_t c = 0; c < count; ++c) {
      const Floats dx = px - centers[3 * c], dy = py - centers[3 * c + 1],
                   dz = pz - centers[3 * c + 2];
      const Floats d = (dx * dx + dy * dy) + dz * dz;
      if (bits(d < best[length - 1]) == 0) continue;
      const Ints candidate = Ints{} + static_cast<int32_t>(c);
      for (int k = length - 1; k > 0; --k) {  // entries behind the new one move back
        const Ints at_k = d < best[k], before = d < best[k - 1];
        best[k] = before ? best[k - 1] : at_k ? d : best[k];
        best_index[k] = before ? best_index[k - 1] : at_k ? candidate : best_index[k];
      }
      const Ints first = d < best[0];
      best[0] = first ? d : best[0];
      best_index[0] = first ? candidate : best_index[0];
    }
    for (int k = 0; k < keep; ++k) {
      store(distance2 + k * points + p, best[k]);
      store(index + k * points + p, best_index[k]);
    }
  }
}

}  // namespace

void few_nearest(const float* x, const float* y, const float* z, int64_t points,
                 const float* centers, int64_t count, int keep, float* distance2, int32_t* index) {
  const auto run = keep <= 3 ? nearest<3> : keep <= 8 ? nearest<8> : nearest<most_few>;
  run(x, y, z, points, centers, count, keep, distance2, index);
}

}  // namespace musc2::cpu::MUSC2_ISA
