// The eight orientations of a pixel are the lanes of one vector.
#include "cpu/isa/orient_gradients.h"

namespace musc2::cpu::MUSC2_ISA {

typedef float Orientations __attribute__((vector_size(4 * orientations)));

void orient_gradients(const float* above, const float* row, const float* below, int64_t columns,
                      float* means) {
  // A central difference divides by 2, and the mean of four pixels by 4.
  constexpr float one = 0.125f, diagonal = 0.125f * 0.70710678f;
  constexpr Orientations cosines = {one, diagonal, 0, -diagonal, -one, -diagonal, 0, diagonal};
  constexpr Orientations sines = {0, diagonal, one, diagonal, 0, -diagonal, -one, -diagonal};
  constexpr Orientations zero = {};
  for (int64_t x = 0; x < columns; x += 2) {
    Orientations total;
    __builtin_memcpy(&total, means + x / 2 * orientations, sizeof total);
    for (int64_t pixel = x; pixel < x + 2; ++pixel) {
      const float dx = row[pixel + 1] - row[pixel - 1];
      const float dy = below[pixel] - above[pixel];
      const Orientations along = dx * cosines + dy * sines;
      total += along > zero ? along : zero;
    }
    __builtin_memcpy(means + x / 2 * orientations, &total, sizeof total);
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
