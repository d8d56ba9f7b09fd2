#pragma once
#include "cuda/tile.h"

namespace musc2::cuda::tile {

// Reads four matrices from shared memory: lane `l` passes the address of row l % 8 of matrix l / 8.
__device__ __forceinline__ Matrices load_matrices(const void* row) {
  Matrices read;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(read.cells[0]), "=r"(read.cells[1]), "=r"(read.cells[2]), "=r"(read.cells[3])
               : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))
               : "memory");
  return read;
}

// Starts to copy 16 bytes to shared memory, or to fill them with zeros when `there` is false, in which case nothing is
// read. The copies that a thread starts before copies_end() are a group: when copies_wait<n>() returns, all but the
// last n groups of this thread have landed. Other threads see them after a barrier.
__device__ __forceinline__ void copy_chunk(void* shared, const void* global, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(shared))), "l"(global), "r"(there ? 16 : 0)
               : "memory");
}

__device__ __forceinline__ void copies_end() { asm volatile("cp.async.commit_group;" ::: "memory"); }

template <int last>
__device__ __forceinline__ void copies_wait() {
  asm volatile("cp.async.wait_group %0;" : : "n"(last) : "memory");
}

// sums += a . b, over the 16 rows of a and the 8 rows of b.
#define MUSC2_MATRIX_INSTRUCTION(name, shape_and_types)                                                        \
  __device__ __forceinline__ void name(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2]) {           \
    asm("mma.sync.aligned." shape_and_types " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])                                           \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                                   \
  }
MUSC2_MATRIX_INSTRUCTION(multiply_bfloat16, "m16n8k16.row.col.f32.bf16.bf16.f32")
MUSC2_MATRIX_INSTRUCTION(multiply_float16, "m16n8k16.row.col.f32.f16.f16.f32")
MUSC2_MATRIX_INSTRUCTION(multiply_tf32, "m16n8k8.row.col.f32.tf32.tf32.f32")
#undef MUSC2_MATRIX_INSTRUCTION

// The nearest number with 10 bits behind the point, ties away from zero; its other bits are zero.
__device__ __forceinline__ uint32_t round_tf32(float value) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}

}  // namespace musc2::cuda::tile
