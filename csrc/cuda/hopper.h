#pragma once
// Matrix products by one warpgroup, which is 4 warps from a multiple of 4 on: the layout of
// operands and accumulators on Hopper GPUs (compute capability 9.0). The instructions are in
// ptx/hopper.h.
//
// Both operands are in shared memory, as rows of 128 bytes: 64 channels of 16 bits, or 128 of 8.
// The 16-byte chunks of a row are swizzled, so that one chunk of 8 rows touches 8 different banks.
#include <cstdint>

#include "common/host_device.h"

namespace musc2::cuda::hopper {

constexpr int row_bytes = 128, chunk_bytes = 16;
constexpr int alignment = 1024;  // bytes, of the first row of either operand
constexpr int left_rows = 64, right_rows = 256;
constexpr int bytes_at_once = 32;  // of channels: 16 of 16 bits, or 32 of 8

// The position of chunk `chunk` in its row.
MUSC2_HOST_DEVICE constexpr int swizzled_chunk(int row, int chunk) { return chunk ^ row % 8; }

// Accumulators of a product of 64 by 256 rows: lane `l` of warp `w` holds in sums[i / 64][i % 64]
// the element at row 16 w + tile::sum_row(l, i % 4) and column 8 (i / 4) + tile::sum_column(l, i %
// 4).
using Sums = float[64];
using IntegerSums = int32_t[64];

// The matrix descriptor of an operand: its address in shared memory, a stride of 1024 bytes between
// groups of 8 rows, and (2^62) the swizzle. The next channels are 32 bytes further along, which
// count as 2.
using Descriptor = uint64_t;
constexpr Descriptor next_channels = bytes_at_once / 16;
MUSC2_HOST_DEVICE constexpr Descriptor make_descriptor(uint32_t shared) {
  return Descriptor{(shared & 0x3ffff) >> 4} | Descriptor{1} << 16 |
         Descriptor{8 * row_bytes >> 4} << 32 | Descriptor{1} << 62;
}

}  // namespace musc2::cuda::hopper
