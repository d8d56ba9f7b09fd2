#pragma once
// The scalar twin of the instructions of cuda/tile.h, which includes this when kernels are emulated. It says by itself
// which lane holds which element; tests/ compares that with the tables of the PTX documentation. A chunk that
// is being copied holds NaN until its thread waits for it, and one that is copied to twice at a time is an error.
// The products of an instruction are added exactly, and the sum is cut off to float32, which is about what GPUs do.
#include "cuda/tile.h"
#include "emulator/collectives.h"

namespace musc2::cuda::tile {

Matrices load_matrices(const void* row, MUSC2_HERE);

void copy_chunk(void* shared, const void* global, bool there);
void copies_end();
void copies_land(int last);

template <int last>
void copies_wait() {
  copies_land(last);
}

void multiply_bfloat16(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], MUSC2_HERE);
void multiply_float16(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], MUSC2_HERE);
void multiply_tf32(Sums& sums, const uint32_t (&a)[4], const uint32_t (&b)[2], MUSC2_HERE);

uint32_t round_tf32(float value);

}  // namespace musc2::cuda::tile
