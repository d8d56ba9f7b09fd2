#pragma once
// The language, runtime and instructions that kernels are written in: nvcc's for a GPU, or those of
// tests/emulator, which runs the same kernels on a CPU. This is the only file of csrc that knows of
// the emulator. Both provide
//   - CUDA C++ and the runtime calls of launch.h;
//   - MUSC2_DYNAMIC_SHARED(Type, name): a pointer `name` to the block's dynamic shared memory,
//     aligned to 16 bytes;
//   - replace_bits(a, mask, b): (a & mask) | b in one instruction, which the compiler does not
//     split up to compute one half of it elsewhere;
//   - the functions of ptx/tile.h, ptx/mbarrier.h, ptx/hopper.h and ptx/cluster.h, where their
//     contracts stand.
#ifdef MUSC2_EMULATE
#include "emulator/platform.h"
#else
#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "cuda/ptx/cluster.h"
#include "cuda/ptx/hopper.h"
#include "cuda/ptx/mbarrier.h"
#include "cuda/ptx/tile.h"

#define MUSC2_DYNAMIC_SHARED(Type, name)                          \
  extern __shared__ __align__(16) unsigned char dynamic_##name[]; \
  Type* const name = reinterpret_cast<Type*>(dynamic_##name)

namespace musc2::cuda {

__device__ inline unsigned replace_bits(unsigned a, unsigned mask, unsigned b) {
  unsigned result;
  asm("lop3.b32 %0, %1, %2, %3, 0xEA;" : "=r"(result) : "r"(a), "r"(mask), "r"(b));
  return result;
}

}  // namespace musc2::cuda
#endif
