#pragma once
#include <cmath>

namespace musc2::cpu {

// exp(-distance), or 0 where that would be denormal, which is slow.
inline float neighbor_weight(float distance) {
  return distance < 87.0f ? std::exp(-distance) : 0.0f;
}

}  // namespace musc2::cpu
