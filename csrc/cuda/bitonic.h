#pragma once
// Sorts rows of keys in shared memory: a bitonic network, which takes the same steps whatever the keys are.
#include "cuda/device.h"

namespace musc2::cuda {

// The first 2^bits keys of each row, numbered through; a row takes `stride` keys of memory.
struct Rows {
  Key* keys;
  uint32_t stride, bits;

  __device__ uint32_t column(uint32_t i) const { return i & ((1u << bits) - 1); }
  __device__ Key* at(uint32_t i) const { return keys + (i >> bits) * stride + column(i); }
};

// Of rows that hold `count` keys, at least 1.
__device__ inline uint32_t bits_for(uint32_t count) {
  uint32_t bits = 1;
  while (1u << bits < count) ++bits;
  return bits;
}

// Each row ascending, by a block of `threads`. The pairs that a warp compares within 64 keys are its own, so only
// longer distances need the whole block to wait.
template <int threads>
__device__ void sort_rows(Rows rows, uint32_t count) {
  const uint32_t length = 1u << rows.bits;
  for (uint32_t size = 2; size <= length; size *= 2) {
    for (uint32_t distance = size / 2; distance > 0; distance /= 2) {
      for (uint32_t pair = threadIdx.x; pair < count * length / 2; pair += threads) {
        const uint32_t i = 2 * pair - (pair & (distance - 1));
        Key *const low = rows.at(i), *const high = low + distance;
        const bool ascending = (rows.column(i) & size) == 0;
        const Key a = *low, b = *high;
        if ((a > b) == ascending) *low = b, *high = a;
      }
      const uint32_t next = distance > 1 ? distance / 2 : size;
      if (max(distance, next) > warp_lanes) {
        __syncthreads();
      } else {
        __syncwarp();
      }
    }
  }
  __syncthreads();
}

}  // namespace musc2::cuda
