#pragma once
// What all kernels share.
#include "cuda/launch.h"
#include "cuda/platform.h"

namespace musc2::cuda {

constexpr int warp_lanes = 32;
constexpr unsigned whole_warp = 0xffffffff;
constexpr float infinity = __builtin_huge_valf();

// A value that is not negative and an index, in one number that sorts by value, then by index.
using Key = unsigned long long;

__device__ inline Key make_key(float value, unsigned index) {
  return Key{__float_as_uint(value)} << 32 | index;
}
__device__ inline unsigned index_of(Key key) { return static_cast<unsigned>(key); }
__device__ inline float value_of(Key key) {
  return __uint_as_float(static_cast<unsigned>(key >> 32));
}

struct Sum {
  template <class Value>
  __device__ Value operator()(Value a, Value b) const {
    return a + b;
  }
};
struct Smallest {
  template <class Value>
  __device__ Value operator()(Value a, Value b) const {
    return b < a ? b : a;
  }
};
struct Largest {
  template <class Value>
  __device__ Value operator()(Value a, Value b) const {
    return a < b ? b : a;
  }
};

// Combines the values of all lanes, in a fixed order. Every lane gets the result.
template <class Value, class Combine>
__device__ inline Value over_warp(Value value, const Combine& combine) {
  for (int step = warp_lanes / 2; step > 0; step /= 2) {
    value = combine(value, __shfl_xor_sync(whole_warp, value, step));
  }
  return value;
}

// Combines the values of all threads of a block of whole warps. partials: shared memory for a value
// per warp, which no thread may use until the next barrier.
template <class Value, class Combine>
__device__ inline Value over_block(Value value, Value* partials, const Combine& combine) {
  const int lane = static_cast<int>(threadIdx.x) % warp_lanes,
            warps = static_cast<int>(blockDim.x) / warp_lanes;
  value = over_warp(value, combine);
  if (lane == 0) partials[threadIdx.x / warp_lanes] = value;
  __syncthreads();
  value = partials[lane < warps ? lane : 0];
  for (int step = warp_lanes / 2; step > 0; step /= 2) {
    const Value other = __shfl_down_sync(whole_warp, value, static_cast<unsigned>(step));
    if (lane + step < warps) value = combine(value, other);
  }
  return __shfl_sync(whole_warp, value, 0);
}

}  // namespace musc2::cuda
