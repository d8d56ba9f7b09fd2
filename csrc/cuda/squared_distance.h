#pragma once
#include "cuda/device.h"

namespace musc2::cuda {

// (dx*dx + dy*dy) + dz*dz as the CPU kernels compute it. Files that include this are built without
// contraction to fused multiply-adds.
__device__ inline float squared_distance(const float* a, const float* b) {
  const float dx = a[0] - b[0], dy = a[1] - b[1], dz = a[2] - b[2];
  return (dx * dx + dy * dy) + dz * dz;
}

}  // namespace musc2::cuda
