#pragma once
// The instructions that only Hopper GPUs have (compute capability 9.0, compiled for sm_90a), and the only place with
// them: bulk copies that report to an Arrival, to one block of a cluster or to all, and products by a warpgroup, which
// is 4 warps from a multiple of 4 on. Its functions: ptx/hopper.h.
//
// Both sides of a product lie in shared memory as rows of 128 bytes, 64 channels of 16 bits, whose 16-byte chunks are
// stored in an order that changes from row to row, so that 8 rows of one chunk lie in different banks.
#include <cstdint>

#include "common/host_device.h"

namespace musc2::cuda::hopper {

constexpr int row_bytes = 128, row_values = 64, chunk_values = 8;
constexpr int alignment = 1024;  // bytes, of the first row of either side
constexpr int left_rows = 64, right_rows = 256;
constexpr int channels_at_once = 16;

// Where in its row chunk `chunk` is stored.
MUSC2_HOST_DEVICE constexpr int chunk_place(int row, int chunk) { return chunk ^ row % 8; }

// Of the product of 64 rows with 256 rows, the warpgroup's lane `l` of warp `w` holds in sums[i / 64][i % 64] that of
// row 16 w + tile::sum_row(l, i % 4) with 8 (i / 4) + tile::sum_column(l, i % 4).
using Sums = float[64];

// What an instruction is told of a side: where it starts in shared memory, that 8 rows further on is 1024 bytes further
// on, and (2^62) the order of chunks. 16 channels further along is 32 bytes, 2, further on.
using Rows = uint64_t;
constexpr Rows along = channels_at_once * 2 / 16;
MUSC2_HOST_DEVICE constexpr Rows describe_rows(uint32_t shared) {
  return Rows{(shared & 0x3ffff) >> 4} | Rows{1} << 16 | Rows{8 * row_bytes >> 4} << 32 | Rows{1} << 62;
}

}  // namespace musc2::cuda::hopper
