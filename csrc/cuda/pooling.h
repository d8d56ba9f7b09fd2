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

// exp(-distance), or 0 where that would be denormal; off by less than a step of float32. By
// operations that have one result on all GPUs and in emulation, which CUDA's expf does not promise.
__device__ inline float neighbor_weight(float distance) {
  if (!(distance < 87.0f)) return 0.0f;
  // exp(-distance) = exp(rest) / 2^halvings with |rest| <= log(2) / 2. log(2) is in two parts, of
  // which the first has few bits, so that its product is exact.
  const float halvings = rintf(distance * 1.44269504f);
  const float rest = fmaf(halvings, 1.42860677e-6f, fmaf(halvings, 0.693145752f, -distance));
  float series = fmaf(1.0f / 5040, rest, 1.0f / 720);
  series = fmaf(series, rest, 1.0f / 120);
  series = fmaf(series, rest, 1.0f / 24);
  series = fmaf(series, rest, 1.0f / 6);
  series = fmaf(series, rest, 0.5f);
  series = fmaf(series, rest, 1.0f);
  series = fmaf(series, rest, 1.0f);
  return series * __uint_as_float((127 - static_cast<unsigned>(halvings)) << 23);
}

}  // namespace musc2::cuda
