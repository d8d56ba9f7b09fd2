#pragma once
// Single instructions of ptx/tile.h by one warp, to test which lane holds what and when copies
// land.
#include <cstdint>

namespace musc2::cuda {

// sums (32, 4) += the product of the operands a (32, 4) and b (32, 2) of all lanes. kind: 0 tf32, 1
// bfloat16, 2 float16.
void probe_multiply(int64_t kind, const uint32_t* a, const uint32_t* b, float* sums);

// The cells (32, 4) that the lanes read from matrices (4, 8, 4) in shared memory.
void probe_load_matrices(const uint32_t* matrices, uint32_t* cells);

// Each lane copies three chunks of four cells (32, 3, 4), each in a group of its own and the third
// as zeros. It waits until all but the `last` groups have landed, then writes what it sees.
void probe_copies(int64_t last, const uint32_t* cells, uint32_t* seen);

// A lane copies twice to one address without waiting in between.
void probe_copying_twice(const uint32_t* cells);

}  // namespace musc2::cuda
