#pragma once
// Sorts rows of keys in shared memory by a bitonic network.
#include "cuda/device.h"

namespace musc2::cuda {

// The first 2^bits keys of each row, numbered through all rows. Rows are `stride` keys apart.
struct KeyRows {
  Key* keys;
  uint32_t stride, bits;

  __device__ uint32_t column(uint32_t i) const { return i & ((1u << bits) - 1); }
  __device__ Key* at(uint32_t i) const { return keys + (i >> bits) * stride + column(i); }
};

// The smallest number of bits, at least 1, for rows of `count` keys.
__device__ inline uint32_t bits_for(uint32_t count) {
  uint32_t bits = 1;
  while (1u << bits < count) ++bits;
  return bits;
}

// Sorts each row in ascending order. Called by a block of `threads`. Within 64 keys a warp compares
// only its own pairs, so a barrier of the block is needed for longer distances only.
template <int threads>
__device__ void sort_rows(KeyRows rows, uint32_t count) {
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
