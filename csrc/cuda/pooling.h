#pragma once
// Shared by the two pooling kernels.
#include <algorithm>
#include <string>

#include "cuda/device.h"

namespace musc2::cuda {

constexpr int max_degrees = 32;

// A copy that is passed to kernels by value, because the addresses that launchers get are host
// addresses.
struct Degrees {
  int count;
  int size[max_degrees];
};

inline Degrees copy_degrees(const char* op, const int64_t* degrees, int64_t count) {
  if (count > max_degrees)
    throw std::runtime_error(std::string(op) + ": more than 32 degrees on a GPU");
  Degrees copy{static_cast<int>(count), {}};
  std::transform(degrees, degrees + count, copy.size,
                 [](int64_t degree) { return static_cast<int>(degree); });
  return copy;
}

inline int widest(const Degrees& degrees) {
  return *std::max_element(degrees.size, degrees.size + degrees.count);
}

// exp(-distance), or 0 where that would be denormal.
__device__ inline float neighbor_weight(float distance) {
  return distance < 87.0f ? expf(-distance) : 0.0f;
}

}  // namespace musc2::cuda
