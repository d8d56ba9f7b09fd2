#pragma once
// Points and their distances, in the arithmetic of the CPU kernels: built without fused multiply-adds it gives their
// bits, and so their indices.
#include "cuda/device.h"

namespace musc2::cuda {

struct Place {
  float x, y, z;
};

// Point number `index` of xyz xyz ...
template <class Index>
__device__ inline Place place(const float* points, Index index) {
  const float* at = points + 3 * static_cast<int64_t>(index);
  return {at[0], at[1], at[2]};
}

__device__ inline float squared(float dx, float dy, float dz) { return (dx * dx + dy * dy) + dz * dz; }

__device__ inline float squared_distance(Place a, Place b) { return squared(a.x - b.x, a.y - b.y, a.z - b.z); }

// The smallest box around the points of a warp.
struct Box {
  Place low{infinity, infinity, infinity}, high{-infinity, -infinity, -infinity};

  __device__ void include(Place at) { include(at, at); }

  // The boxes of all lanes become one.
  __device__ void join_lanes() {
    for (int step = warp_lanes / 2; step > 0; step /= 2) include(of_lane(low, step), of_lane(high, step));
  }

  // No computed distance to a point of the box is below this: rounding is monotone, and the terms are summed in the
  // order of squared(). Infinite when the box holds nothing.
  __device__ float bound(Place from) const {
    return squared(outside(low.x, high.x, from.x), outside(low.y, high.y, from.y), outside(low.z, high.z, from.z));
  }

 private:
  __device__ void include(Place other_low, Place other_high) {
    low = {fminf(low.x, other_low.x), fminf(low.y, other_low.y), fminf(low.z, other_low.z)};
    high = {fmaxf(high.x, other_high.x), fmaxf(high.y, other_high.y), fmaxf(high.z, other_high.z)};
  }
  __device__ static Place of_lane(Place own, int step) {
    return {__shfl_xor_sync(whole_warp, own.x, step), __shfl_xor_sync(whole_warp, own.y, step),
            __shfl_xor_sync(whole_warp, own.z, step)};
  }
  __device__ static float outside(float low, float high, float at) { return fmaxf(0.0f, fmaxf(low - at, at - high)); }
};

}  // namespace musc2::cuda
