#pragma once
#include "cuda/mbarrier.h"

namespace musc2::cuda {

__device__ __forceinline__ uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

// Starts phase 0. Called by one thread, before a barrier of the block.
__device__ __forceinline__ void init(Mbarrier& barrier, int expected) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;"
               :
               : "r"(shared_address(&barrier)), "r"(expected)
               : "memory");
}

__device__ __forceinline__ void arrive(Mbarrier& barrier) {
  asm volatile("{\n.reg .b64 phase;\nmbarrier.arrive.shared.b64 phase, [%0];\n}"
               :
               : "r"(shared_address(&barrier))
               : "memory");
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define MUSC2_IS_OVER "mbarrier.try_wait.parity.shared.b64"  // lets the thread sleep meanwhile
#else
#define MUSC2_IS_OVER "mbarrier.test_wait.parity.shared.b64"
#endif
// Waits for the end of a phase, which must be the current one or the one before.
__device__ __forceinline__ void wait(Mbarrier& barrier, unsigned phase) {
  unsigned is_over = 0;
  while (is_over == 0) {
    asm volatile("{\n.reg .pred over;\n" MUSC2_IS_OVER
                 " over, [%1], %2;\nselp.u32 %0, 1, 0, over;\n}"
                 : "=r"(is_over)
                 : "r"(shared_address(&barrier)), "r"(phase & 1)
                 : "memory");
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
    if (is_over == 0) __nanosleep(64);
#endif
  }
}
#undef MUSC2_IS_OVER

// Fences at GPU scope: a thread releases before the atomic operation that tells others, who acquire
// after theirs. Cheaper than __threadfence(), which also puts all such fences into one total order.
// Where there are fences for one half, releasing leaves the L1 cache as it is, and acquiring waits
// for no stores.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900 && __CUDACC_VER_MAJOR__ >= 13
#define MUSC2_RELEASE "fence.release.gpu;"
#define MUSC2_ACQUIRE "fence.acquire.gpu;"
#else
#define MUSC2_RELEASE "fence.acq_rel.gpu;"
#define MUSC2_ACQUIRE "fence.acq_rel.gpu;"
#endif
__device__ __forceinline__ void release_on_device() { asm volatile(MUSC2_RELEASE ::: "memory"); }
__device__ __forceinline__ void acquire_on_device() { asm volatile(MUSC2_ACQUIRE ::: "memory"); }
#undef MUSC2_RELEASE
#undef MUSC2_ACQUIRE

// A barrier of `threads` threads, which are whole warps. They all pass the same number, 1 to 15.
template <int threads>
__device__ __forceinline__ void named_barrier(int number) {
  asm volatile("bar.sync %0, %1;" : : "r"(number), "n"(threads) : "memory");
}

}  // namespace musc2::cuda
