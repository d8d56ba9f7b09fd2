#pragma once
// The scalar twin of csrc/cuda/ptx/tile.h. It defines by itself which lane holds which element;
// tests/ compares that with the tables of the PTX documentation. The target of a copy holds NaN
// until its thread waits for the copy; two copies in flight to one target are an error. The
// products of an instruction are summed exactly and cut off to float32, which is close to GPUs.
#include "cuda/tile.h"
#include "emulator/collectives.h"

namespace musc2::cuda::tile {

Matrices load_matrices(const void* row, MUSC2_CALL_SITE);
Matrices load_matrices(uint32_t row, MUSC2_CALL_SITE);

void copy_async(void* shared, const void* global, bool in_bounds);
void copy_async(uint32_t shared, const void* global, bool in_bounds);
void commit_copies();
void complete_copies(int last);

template <int last>
void wait_copies() {
  complete_copies(last);
}

void multiply_bfloat16(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], MUSC2_CALL_SITE);
void multiply_float16(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], MUSC2_CALL_SITE);
void multiply_tf32(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], MUSC2_CALL_SITE);

uint32_t round_tf32(float value);

}  // namespace musc2::cuda::tile
