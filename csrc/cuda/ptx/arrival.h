#pragma once
#include "cuda/arrival.h"

namespace musc2::cuda {

__device__ __forceinline__ uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

// By one thread, before a barrier of the block: phase 0 of `arrival` begins.
__device__ __forceinline__ void begin_arrivals(Arrival& arrival, int expected) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" : : "r"(shared_address(&arrival)), "r"(expected) : "memory");
}

__device__ __forceinline__ void arrive(Arrival& arrival) {
  asm volatile("{\n.reg .b64 phase;\nmbarrier.arrive.shared.b64 phase, [%0];\n}"
               :
               : "r"(shared_address(&arrival))
               : "memory");
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define MUSC2_IS_OVER "mbarrier.try_wait.parity.shared.b64"  // lets the thread sleep meanwhile
#else
#define MUSC2_IS_OVER "mbarrier.test_wait.parity.shared.b64"
#endif
// Waits until the phase of that number, the current one or the one before, is over.
__device__ __forceinline__ void await(Arrival& arrival, unsigned phase) {
  unsigned is_over = 0;
  while (is_over == 0) {
    asm volatile("{\n.reg .pred over;\n" MUSC2_IS_OVER " over, [%1], %2;\nselp.u32 %0, 1, 0, over;\n}"
                 : "=r"(is_over)
                 : "r"(shared_address(&arrival)), "r"(phase & 1)
                 : "memory");
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
    if (is_over == 0) __nanosleep(64);
#endif
  }
}
#undef MUSC2_IS_OVER

// What this thread wrote, or saw, before it, whoever sees a write of this thread after it on this GPU sees too. As
// __threadfence(), for less: it puts no two such fences in one order for all.
__device__ __forceinline__ void fence_on_device() { asm volatile("fence.acq_rel.gpu;" ::: "memory"); }

// A barrier of `threads` threads, whole warps that all call it with the same number, 1 to 15.
template <int threads>
__device__ __forceinline__ void group_barrier(int number) {
  asm volatile("bar.sync %0, %1;" : : "r"(number), "n"(threads) : "memory");
}

}  // namespace musc2::cuda
