#pragma once
// Gaussian means along an axis with mirrored borders that do not repeat the edge.
#include <cmath>
#include <cstdint>
#include <vector>

#include "common/host_device.h"

namespace musc2 {

// The position in [0, count) that position i is mirrored to.
MUSC2_HOST_DEVICE inline int64_t mirrored(int64_t i, int64_t count) {
  if (0 <= i && i < count) return i;
  if (count == 1) return 0;
  const int64_t period = 2 * (count - 1);
  const int64_t rest = ((i % period) + period) % period;
  return rest < count ? rest : period - rest;
}

// The weights of the offsets first, first + 1, ... from the middle. They sum to 1.
inline std::vector<float> gaussian_weights(double sigma, double first, int64_t count) {
  std::vector<double> exact;
  double total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double offset = first + static_cast<double>(i);
    exact.push_back(std::exp(-offset * offset / (2 * sigma * sigma)));
    total += exact.back();
  }
  std::vector<float> weights;
  for (const double weight : exact) weights.push_back(static_cast<float>(weight / total));
  return weights;
}

}  // namespace musc2
