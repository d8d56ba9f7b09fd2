#pragma once
// Unsigned integers that sort like float values.
#include "cuda/device.h"

namespace musc2::cuda {

// -0 and +0 have the same bits.
__device__ inline unsigned ascending_bits(float value) {
  const unsigned bits = __float_as_uint(value == 0 ? 0.0f : value);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

__device__ inline float from_ascending_bits(unsigned key) {
  return __uint_as_float((key & 0x80000000u) != 0 ? key ^ 0x80000000u : ~key);
}

}  // namespace musc2::cuda
