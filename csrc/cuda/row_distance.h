#pragma once
// Distances in float32 from features of any format.
#include "cuda/formats.h"

namespace musc2::cuda {

// |a - b|^2 by 8 consecutive lanes, each of which takes every 8th channel, so that they read 32
// bytes of a float32 row at a time. All lanes of the warp call it together, each 8 for their own
// rows, and pass 0 channels if they have none. All 8 get the sum. It is the same for (a, b) and (b,
// a).
template <class Feature>
__device__ float row_distance(const typename Feature::Stored* a, const typename Feature::Stored* b,
                              int channels) {
  float sum = 0;
#pragma unroll 8
  for (int c = static_cast<int>(threadIdx.x) % 8; c < channels; c += 8) {
    const float difference = Feature::widen(a[c]) - Feature::widen(b[c]);
    sum = fmaf(difference, difference, sum);
  }
  for (int lanes = 4; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(whole_warp, sum, lanes);
  return sum;
}

}  // namespace musc2::cuda
