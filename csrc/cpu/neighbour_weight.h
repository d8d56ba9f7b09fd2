#pragma once
#include <cmath>

namespace musc2::cpu {

// exp(-distance), 0 where it would fall below the normal numbers, which the kernels would crawl through.
inline float neighbour_weight(float distance) { return distance < 87.0f ? std::exp(-distance) : 0.0f; }

}  // namespace musc2::cpu
