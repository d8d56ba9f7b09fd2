#pragma once
#include "cuda/ptx/mbarrier.h"
#include "cuda/tile.h"

namespace musc2::cuda::tile {

// Reads four matrices from shared memory: lane `l` passes the shared_address() of row l % 8 of
// matrix l / 8.
__device__ __forceinline__ Matrices load_matrices(uint32_t row) {
  Matrices matrices;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(matrices.cells[0]), "=r"(matrices.cells[1]), "=r"(matrices.cells[2]),
                 "=r"(matrices.cells[3])
               : "r"(row)
               : "memory");
  return matrices;
}
__device__ __forceinline__ Matrices load_matrices(const void* row) {
  return load_matrices(shared_address(row));
}

// Starts to copy 16 bytes to shared memory. When `in_bounds` is false it fills them with zeros and
// reads nothing. The copies that a thread starts before commit_copies() are a group;
// wait_copies<n>() returns when all but the last n groups of this thread have landed. Other threads
// see them after a barrier.
__device__ __forceinline__ void copy_async(uint32_t shared, const void* global, bool in_bounds) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(shared), "l"(global), "r"(in_bounds ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void copy_async(void* shared, const void* global, bool in_bounds) {
  copy_async(shared_address(shared), global, in_bounds);
}

__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int last>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" : : "n"(last) : "memory");
}

// sums += a . b, over the 16 rows of a and the 8 rows of b.
#define MUSC2_MATRIX_INSTRUCTION(name, shape_and_types)                      \
  __device__ __forceinline__ void name(Sums& sums, const uint32_t (&a)[4],   \
                                       const uint32_t (&b)[2]) {             \
    asm("mma.sync.aligned." shape_and_types                                  \
        " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"   \
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])         \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])); \
  }
MUSC2_MATRIX_INSTRUCTION(multiply_bfloat16, "m16n8k16.row.col.f32.bf16.bf16.f32")
MUSC2_MATRIX_INSTRUCTION(multiply_float16, "m16n8k16.row.col.f32.f16.f16.f32")
MUSC2_MATRIX_INSTRUCTION(multiply_tf32, "m16n8k8.row.col.f32.tf32.tf32.f32")
#undef MUSC2_MATRIX_INSTRUCTION

// Rounds to 10 bits of mantissa, ties away from zero; the remaining bits are zero.
__device__ __forceinline__ uint32_t round_tf32(float value) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}

}  // namespace musc2::cuda::tile
