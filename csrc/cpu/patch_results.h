#pragma once
// How a search for the nearest patches fills distance and index of musc2/nearest_patches.h.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace musc2::cpu {

// Where the results of one sample against another go: every `stride`-th entry.
struct Column {
  float* distance;
  int32_t* index;
  int64_t stride;

  void offer(int64_t row, float distance2, int64_t found) const {
    const float offered = std::sqrt(distance2);
    float& best = distance[row * stride];
    if (index == nullptr) {
      best = std::min(best, offered);
    } else if (int32_t& where = index[row * stride]; offered < best || (offered == best && found < where)) {
      best = offered;
      where = static_cast<int32_t>(found);
    }
  }
};

inline void start_at_infinity(float* distance, int32_t* index, int64_t count) {
  std::fill(distance, distance + count, std::numeric_limits<float>::infinity());
  if (index != nullptr) std::fill(index, index + count, -1);
}

}  // namespace musc2::cpu
