#include "cpu/isa/patches.h"
#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {

void measure_patches(const float* a, const float* b, const int32_t* a_rows, const int32_t* b_rows,
                     int64_t n, int64_t channels, float* distance2) {
  for (int64_t i = 0; i < n; ++i) {
    distance2[i] = squared_distance(a + a_rows[i] * channels, b + b_rows[i] * channels, channels);
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
