#pragma once
// Matrix products by one warp: the layout of operands and accumulators (compute capability 8.0 and
// newer). The instructions are in ptx/tile.h.
//
// Both operands are stored as rows, channels side by side. Every format advances 32 bytes of
// channels at a time: 16 values of 16 bits or 8 of 32 bits, which are 2 chunks of 16 bytes, or 8
// cells of 4 bytes. ldmatrix reads matrices of 8 rows by one chunk, of which lane `l` gets cell l %
// 4 of row
// l / 4. A product takes 16 rows of the left operand as four of them: rows 0-7, rows 8-15, rows 0-7
// of the second chunk, rows 8-15 of it. It takes 8 rows of the right operand as two: the first
// chunk, then the second.
#include <cstdint>

#include "common/host_device.h"

namespace musc2::cuda::tile {

// This lane's cells of four matrices.
struct Matrices {
  uint32_t cells[4];
};

// Accumulators of a product of 16 by 8 rows: lane `l` holds the element at row sum_row(l, i) and
// column sum_column(l, i) in sums[i].
using Sums = float[4];

MUSC2_HOST_DEVICE constexpr int sum_row(int lane, int i) { return lane / 4 + i / 2 * 8; }
MUSC2_HOST_DEVICE constexpr int sum_column(int lane, int i) { return lane % 4 * 2 + i % 2; }

}  // namespace musc2::cuda::tile
