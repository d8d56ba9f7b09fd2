#pragma once
#include "cuda/hopper.h"
#include "cuda/ptx/arrival.h"

namespace musc2::cuda::hopper {

// By the thread that began them, after the last begin_arrivals() and before a barrier of the cluster: other blocks may
// arrive, and copies report.
__device__ __forceinline__ void show_arrivals() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Arrives at `arrival` of the block with this rank in the cluster.
__device__ __forceinline__ void arrive(Arrival& arrival, int rank) {
  asm volatile(
      "{\n.reg .b32 there;\n"
      "mapa.shared::cluster.u32 there, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [there];\n}"
      :
      : "r"(shared_address(&arrival)), "r"(rank)
      : "memory");
}

// Arrives, and announces what will be copied in this phase.
__device__ __forceinline__ void announce(Arrival& arrival, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;"
               :
               : "r"(shared_address(&arrival)), "r"(bytes)
               : "memory");
}

// Starts to copy: multiples of 16 bytes, between addresses that are multiples of 16.
__device__ __forceinline__ void copy(void* shared, const void* global, int bytes, Arrival& arrival) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
               :
               : "r"(shared_address(shared)), "l"(global), "r"(bytes), "r"(shared_address(&arrival))
               : "memory");
}

// The same to the first `blocks` blocks of the cluster, to this place in each, reported to each one's `arrival`.
__device__ __forceinline__ void copy_to_all(void* shared, const void* global, int bytes, Arrival& arrival, int blocks) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1], %2, [%3], %4;"
      :
      : "r"(shared_address(shared)), "l"(global), "r"(bytes), "r"(shared_address(&arrival)),
        "h"(static_cast<uint16_t>((1 << blocks) - 1))
      : "memory");
}

// By all warps of a warpgroup: from here on its threads have this many registers, more or fewer than the kernel was
// launched with; all of the block together no more than there are.
template <int registers>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" : : "n"(registers));
}
template <int registers>
__device__ __forceinline__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" : : "n"(registers));
}

// Products between begin_products() and end_products() are a group. They happen at any time until wait_products<n>()
// returns, which leaves no more than the last n groups of the warpgroup: only then may the sums be touched, when n is
// 0, or the rows be written to.
__device__ __forceinline__ void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void end_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

template <int last>
__device__ __forceinline__ void wait_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(last) : "memory");
}

// After the last wait, before the sums are touched: the compiler, which does not see that the wait changes them, moves
// no use of them before it.
__device__ __forceinline__ void touch(Sums& sums) {
#pragma unroll
  for (float& sum : sums) asm volatile("" : "+f"(sum)::"memory");
}

// sums += left . right, of 16 channels. The registers of the sums are operands 0 to 127.
#define MUSC2_TEN(t) \
  "%" #t "0, %" #t "1, %" #t "2, %" #t "3, %" #t "4, %" #t "5, %" #t "6, %" #t "7, %" #t "8, %" #t "9, "
#define MUSC2_EIGHT(sums, i)                                                                                    \
  "+f"(sums[i]), "+f"(sums[i + 1]), "+f"(sums[i + 2]), "+f"(sums[i + 3]), "+f"(sums[i + 4]), "+f"(sums[i + 5]), \
      "+f"(sums[i + 6]), "+f"(sums[i + 7])
#define MUSC2_SIXTY_FOUR(sums)                                                                                     \
  MUSC2_EIGHT(sums, 0), MUSC2_EIGHT(sums, 8), MUSC2_EIGHT(sums, 16), MUSC2_EIGHT(sums, 24), MUSC2_EIGHT(sums, 32), \
      MUSC2_EIGHT(sums, 40), MUSC2_EIGHT(sums, 48), MUSC2_EIGHT(sums, 56)
#define MUSC2_WARPGROUP_INSTRUCTION(name, types)                                                                \
  __device__ __forceinline__ void name(Sums& first, Sums& second, Rows left, Rows right) {                      \
    asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, 1, 0;\nwgmma.mma_async.sync.aligned.m64n256k16." types   \
                 " {" MUSC2_TEN() MUSC2_TEN(1) MUSC2_TEN(2) MUSC2_TEN(3) MUSC2_TEN(4) MUSC2_TEN(5) MUSC2_TEN(6) \
                     MUSC2_TEN(7) MUSC2_TEN(8) MUSC2_TEN(9) MUSC2_TEN(10) MUSC2_TEN(                            \
                         11) "%120, %121, %122, %123, %124, %125, %126, %127}, %128, %129, add, 1, 1, 0, 0;\n}" \
                 : MUSC2_SIXTY_FOUR(first), MUSC2_SIXTY_FOUR(second)                                            \
                 : "l"(left), "l"(right)                                                                        \
                 : "memory");                                                                                   \
  }
MUSC2_WARPGROUP_INSTRUCTION(multiply_bfloat16, "f32.bf16.bf16")
MUSC2_WARPGROUP_INSTRUCTION(multiply_float16, "f32.f16.f16")
#undef MUSC2_WARPGROUP_INSTRUCTION
#undef MUSC2_SIXTY_FOUR
#undef MUSC2_EIGHT
#undef MUSC2_TEN

}  // namespace musc2::cuda::hopper
