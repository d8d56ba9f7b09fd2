#pragma once
// What the two pooling kernels share.
#include <algorithm>
#include <string>

#include "cuda/device.h"

namespace musc2::cuda {

constexpr int most_degrees = 32;

// A kernel's own copy, because the addresses that launchers get are of the host.
struct Degrees {
  int count;
  int size[most_degrees];
};

inline Degrees copy_degrees(const char* op, const int64_t* degrees, int64_t count) {
  if (count > most_degrees) throw std::runtime_error(std::string(op) + ": more than 32 degrees on a GPU");
  Degrees copy{static_cast<int>(count), {}};
  std::transform(degrees, degrees + count, copy.size, [](int64_t degree) { return static_cast<int>(degree); });
  return copy;
}

inline int widest(const Degrees& degrees) { return *std::max_element(degrees.size, degrees.size + degrees.count); }

// exp(-distance), 0 where it would fall below the normal numbers.
__device__ inline float neighbour_weight(float distance) { return distance < 87.0f ? expf(-distance) : 0.0f; }

}  // namespace musc2::cuda
