#pragma once
// Centers of a packed batch: as many in each cloud.
#include "cuda/points.h"

namespace musc2::cuda {

struct Centers {
  const int64_t* centers;
  int64_t each;

  __device__ int64_t first(int64_t cloud) const { return cloud * each; }
  // The point that a center is, in its cloud. An index out of range is clamped.
  __device__ int64_t place(int64_t row, int64_t size) const {
    return max(int64_t{0}, min(centers[row], size - 1));
  }
  __device__ Point at(int64_t row, const float* points, int64_t size) const {
    return load_point(points, place(row, size));
  }
};

}  // namespace musc2::cuda
