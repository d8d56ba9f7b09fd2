#pragma once
// Messages between the blocks of a cluster: compute capability 9.0 and newer, CUDA 13 and newer.
#include "cuda/ptx/hopper.h"

namespace musc2::cuda {

// Stores 16 bytes at the same address in the shared memory of the block with this rank, and reports
// them to the same mbarrier of that block, where they have been announced. Does not wait for that.
__device__ __forceinline__ void send(float4 message, void* shared, Mbarrier& barrier, int rank) {
  asm volatile(
      "{\n.reg .b32 there, barrier;\n"
      "mapa.shared::cluster.u32 there, %0, %2;\n"
      "mapa.shared::cluster.u32 barrier, %1, %2;\n"
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [there], {%3, %4, %5, "
      "%6}, [barrier];\n}"
      :
      : "r"(shared_address(shared)), "r"(shared_address(&barrier)), "r"(rank), "f"(message.x),
        "f"(message.y), "f"(message.z), "f"(message.w)
      : "memory");
}

// Like wait(), where other blocks of the cluster send to the own one. The fence is about shared
// memory alone: one of everything else that others wrote would empty the L1 cache.
__device__ __forceinline__ void wait_for_messages(Mbarrier& barrier, unsigned phase) {
  unsigned is_over = 0;
  while (is_over == 0) {
    asm volatile(
        "{\n.reg .pred over;\n"
        "mbarrier.try_wait.parity.relaxed.cluster.shared::cta.b64 over, [%1], %2;\n"
        "selp.u32 %0, 1, 0, over;\n}"
        : "=r"(is_over)
        : "r"(shared_address(&barrier)), "r"(phase & 1)
        : "memory");
  }
  asm volatile("fence.acquire.sync_restrict::shared::cluster.cluster;" ::: "memory");
}

}  // namespace musc2::cuda
