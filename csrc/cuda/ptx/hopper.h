#pragma once
// These instructions need code for sm_90a.
#include "cuda/hopper.h"
#include "cuda/ptx/mbarrier.h"

namespace musc2::cuda::hopper {

// Makes initialized mbarriers visible to other blocks of the cluster and to bulk copies. Called by
// the thread that initialized them, after the last init() and before a barrier of the cluster.
__device__ __forceinline__ void fence_mbarrier_init() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Arrives at the same mbarrier of the block with this rank in the cluster.
__device__ __forceinline__ void arrive(Mbarrier& barrier, int rank) {
  asm volatile(
      "{\n.reg .b32 there;\n"
      "mapa.shared::cluster.u32 there, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [there];\n}"
      :
      : "r"(shared_address(&barrier)), "r"(rank)
      : "memory");
}

// Arrives, and announces how many bytes will be copied in this phase.
__device__ __forceinline__ void arrive_expect_bytes(Mbarrier& barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;"
               :
               : "r"(shared_address(&barrier)), "r"(bytes)
               : "memory");
}

// Starts to copy. The size and both addresses are multiples of 16 bytes.
__device__ __forceinline__ void bulk_copy(void* shared, const void* global, int bytes,
                                          Mbarrier& barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
      :
      : "r"(shared_address(shared)), "l"(global), "r"(bytes), "r"(shared_address(&barrier))
      : "memory");
}

// Likewise to the first `blocks` blocks of the cluster: to the same address in each, reported to
// the same mbarrier of each.
__device__ __forceinline__ void bulk_copy_multicast(void* shared, const void* global, int bytes,
                                                    Mbarrier& barrier, int blocks) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], "
      "[%1], %2, [%3], %4;"
      :
      : "r"(shared_address(shared)), "l"(global), "r"(bytes), "r"(shared_address(&barrier)),
        "h"(static_cast<uint16_t>((1 << blocks) - 1))
      : "memory");
}

// Changes the number of registers per thread, for all warps of a warpgroup. All threads of the
// block together may not have more than the kernel was launched with.
template <int registers>
__device__ __forceinline__ void increase_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" : : "n"(registers));
}
template <int registers>
__device__ __forceinline__ void decrease_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" : : "n"(registers));
}

// The products between fence_products() and commit_products() are a group. They run asynchronously:
// wait_products<n>() returns when no more than the last n groups of the warpgroup are in flight.
// The operands may be overwritten only then, and the sums may be used only when n is 0.
__device__ __forceinline__ void fence_products() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

template <int last>
__device__ __forceinline__ void wait_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(last) : "memory");
}

// Called after the last wait, before the sums are used. The compiler does not see that the wait
// changes them; this keeps it from moving a use of them before the wait.
__device__ __forceinline__ void fence_sums(Sums& sums) {
#pragma unroll
  for (float& sum : sums) asm volatile("" : "+f"(sum)::"memory");
}
__device__ __forceinline__ void fence_sums(IntegerSums& sums) {
#pragma unroll
  for (int32_t& sum : sums) asm volatile("" : "+r"(sum)::"memory");
}

// sums += left . right, over 32 bytes of channels. Integers wrap around. The registers of the sums
// are operands 0 to 127. The flags say that neither operand is negated or transposed, which those
// of integers cannot be.
// clang-format off
#define MUSC2_TEN(t)                                                                     \
  "%" #t "0, %" #t "1, %" #t "2, %" #t "3, %" #t "4, "                                   \
  "%" #t "5, %" #t "6, %" #t "7, %" #t "8, %" #t "9, "
#define MUSC2_OPERANDS                                                                   \
  MUSC2_TEN() MUSC2_TEN(1) MUSC2_TEN(2) MUSC2_TEN(3) MUSC2_TEN(4) MUSC2_TEN(5)           \
  MUSC2_TEN(6) MUSC2_TEN(7) MUSC2_TEN(8) MUSC2_TEN(9) MUSC2_TEN(10) MUSC2_TEN(11)        \
  "%120, %121, %122, %123, %124, %125, %126, %127"
#define MUSC2_EIGHT(kind, sums, i)                                                       \
  kind(sums[i]), kind(sums[i + 1]), kind(sums[i + 2]), kind(sums[i + 3]),                \
  kind(sums[i + 4]), kind(sums[i + 5]), kind(sums[i + 6]), kind(sums[i + 7])
#define MUSC2_SIXTY_FOUR(kind, sums)                                                     \
  MUSC2_EIGHT(kind, sums, 0), MUSC2_EIGHT(kind, sums, 8), MUSC2_EIGHT(kind, sums, 16),   \
  MUSC2_EIGHT(kind, sums, 24), MUSC2_EIGHT(kind, sums, 32), MUSC2_EIGHT(kind, sums, 40), \
  MUSC2_EIGHT(kind, sums, 48), MUSC2_EIGHT(kind, sums, 56)
#define MUSC2_WARPGROUP_INSTRUCTION(name, Sums, kind, shape_and_types, flags)            \
  __device__ __forceinline__ void name(Sums& first, Sums& second,                        \
                                       Descriptor left, Descriptor right) {              \
    asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, 1, 0;\n"                          \
                 "wgmma.mma_async.sync.aligned." shape_and_types                         \
                 " {" MUSC2_OPERANDS "}, %128, %129, add" flags ";\n}"                   \
                 : MUSC2_SIXTY_FOUR(kind, first), MUSC2_SIXTY_FOUR(kind, second)         \
                 : "l"(left), "l"(right)                                                 \
                 : "memory");                                                            \
  }
// clang-format on
MUSC2_WARPGROUP_INSTRUCTION(multiply_bfloat16, Sums, "+f", "m64n256k16.f32.bf16.bf16",
                            ", 1, 1, 0, 0")
MUSC2_WARPGROUP_INSTRUCTION(multiply_float16, Sums, "+f", "m64n256k16.f32.f16.f16", ", 1, 1, 0, 0")
MUSC2_WARPGROUP_INSTRUCTION(multiply_int8, IntegerSums, "+r", "m64n256k32.s32.s8.s8", "")
#undef MUSC2_WARPGROUP_INSTRUCTION
#undef MUSC2_SIXTY_FOUR
#undef MUSC2_EIGHT
#undef MUSC2_OPERANDS
#undef MUSC2_TEN

}  // namespace musc2::cuda::hopper
