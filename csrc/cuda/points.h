#pragma once
// Points and their distances, in the arithmetic of the CPU kernels. Built without fused
// multiply-adds it gives the same bits, and so the same indices.
#include "cuda/device.h"

namespace musc2::cuda {

struct Point {
  float x, y, z;
};

// Point `index` of an array xyz xyz ...
template <class Index>
__device__ inline Point load_point(const float* points, Index index) {
  const float* point = points + 3 * static_cast<int64_t>(index);
  return {point[0], point[1], point[2]};
}

__device__ inline float squared(float dx, float dy, float dz) {
  return (dx * dx + dy * dy) + dz * dz;
}

__device__ inline float squared_distance(Point a, Point b) {
  return squared(a.x - b.x, a.y - b.y, a.z - b.z);
}

// The bounding box of the points of a warp.
struct Box {
  Point low{infinity, infinity, infinity}, high{-infinity, -infinity, -infinity};

  __device__ void include(Point point) { include(point, point); }

  // Extends each lane's box to the union of all lanes' boxes.
  __device__ void join_lanes() {
    for (int step = warp_lanes / 2; step > 0; step /= 2)
      include(of_lane(low, step), of_lane(high, step));
  }

  // A lower bound of the computed squared distances to points in the box: rounding is monotone, and
  // the terms are summed in the order of squared(). Infinite for an empty box.
  __device__ float bound(Point from) const {
    return squared(outside(low.x, high.x, from.x), outside(low.y, high.y, from.y),
                   outside(low.z, high.z, from.z));
  }

 private:
  __device__ void include(Point other_low, Point other_high) {
    low = {fminf(low.x, other_low.x), fminf(low.y, other_low.y), fminf(low.z, other_low.z)};
    high = {fmaxf(high.x, other_high.x), fmaxf(high.y, other_high.y), fmaxf(high.z, other_high.z)};
  }
  __device__ static Point of_lane(Point own, int step) {
    return {__shfl_xor_sync(whole_warp, own.x, step), __shfl_xor_sync(whole_warp, own.y, step),
            __shfl_xor_sync(whole_warp, own.z, step)};
  }
  __device__ static float outside(float low, float high, float x) {
    return fmaxf(0.0f, fmaxf(low - x, x - high));
  }
};

}  // namespace musc2::cuda
