#pragma once
// What the kernels share. The same source is compiled by nvcc for GPUs and, with MUSC2_EMULATE, by the C++ compiler for
// tests without one (csrc/testing).
#ifdef MUSC2_EMULATE
#include "testing/emulation.h"
#else
#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#endif

#include "cuda/launch.h"

// A pointer `name` to the dynamic shared memory of the block, aligned to 16 bytes.
#ifdef MUSC2_EMULATE
#define MUSC2_DYNAMIC_SHARED(Type, name) \
  Type* const name = reinterpret_cast<Type*>(::musc2::emulation::running->block->memory.dynamic())
#else
#define MUSC2_DYNAMIC_SHARED(Type, name)                          \
  extern __shared__ __align__(16) unsigned char dynamic_##name[]; \
  Type* const name = reinterpret_cast<Type*>(dynamic_##name)
#endif

namespace musc2::cuda {

constexpr int warp_lanes = 32;
constexpr unsigned whole_warp = 0xffffffff;
constexpr float infinity = __builtin_huge_valf();

// A non-negative value and an index in one number that sorts by value, then by index.
using Key = unsigned long long;

__device__ inline Key make_key(float value, unsigned index) { return Key{__float_as_uint(value)} << 32 | index; }
__device__ inline unsigned index_of(Key key) { return static_cast<unsigned>(key); }
__device__ inline float value_of(Key key) { return __uint_as_float(static_cast<unsigned>(key >> 32)); }

// (a & mask) | b in one instruction, which the compiler does not take apart to do half of it elsewhere.
__device__ inline unsigned replace_bits(unsigned a, unsigned mask, unsigned b) {
#ifdef MUSC2_EMULATE
  return (a & mask) | b;
#else
  unsigned result;
  asm("lop3.b32 %0, %1, %2, %3, 0xEA;" : "=r"(result) : "r"(a), "r"(mask), "r"(b));
  return result;
#endif
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

// One value of all lanes of the warp, in every lane; in the same order, to the bit, each time.
template <class Value, class Combine>
__device__ inline Value over_warp(Value value, const Combine& combine) {
  for (int step = warp_lanes / 2; step > 0; step /= 2) {
    value = combine(value, __shfl_xor_sync(whole_warp, value, step));
  }
  return value;
}

// Likewise of all threads of a block of whole warps. parts: shared memory for a value per warp, which no thread may
// touch until the next barrier.
template <class Value, class Combine>
__device__ inline Value over_block(Value value, Value* parts, const Combine& combine) {
  const int lane = static_cast<int>(threadIdx.x) % warp_lanes, warps = static_cast<int>(blockDim.x) / warp_lanes;
  value = over_warp(value, combine);
  if (lane == 0) parts[threadIdx.x / warp_lanes] = value;
  __syncthreads();
  value = parts[lane < warps ? lane : 0];
  for (int step = warp_lanes / 2; step > 0; step /= 2) {
    const Value other = __shfl_down_sync(whole_warp, value, static_cast<unsigned>(step));
    if (lane + step < warps) value = combine(value, other);
  }
  return __shfl_sync(whole_warp, value, 0);
}

}  // namespace musc2::cuda
