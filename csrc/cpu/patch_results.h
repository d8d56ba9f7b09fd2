#pragma once
// Writes distance and index of musc2/nearest_patches.h.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace musc2::cpu {

// The results of one sample against another: every `stride`-th entry.
struct ResultColumn {
  float* distance;
  int32_t* index;
  int64_t stride;

  void update(int64_t row, float distance2, int64_t patch) const {
    const float candidate = std::sqrt(distance2);
    float& best = distance[row * stride];
    if (index == nullptr) {
      best = std::min(best, candidate);
    } else if (int32_t& best_patch = index[row * stride];
               candidate < best || (candidate == best && patch < best_patch)) {
      best = candidate;
      best_patch = static_cast<int32_t>(patch);
    }
  }
};

inline void start_at_infinity(float* distance, int32_t* index, int64_t count) {
  std::fill(distance, distance + count, std::numeric_limits<float>::infinity());
  if (index != nullptr) std::fill(index, index + count, -1);
}

}  // namespace musc2::cpu
