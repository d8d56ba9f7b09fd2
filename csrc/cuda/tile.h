#pragma once
// A warp's tools for products of matrices, and the only place with matrix, ldmatrix and asynchronous copy instructions
// (compute capability 8.0 on). Its functions: ptx/tile.h.
//
// Both sides of a product are rows with their channels side by side, and every format advances 32 bytes of channels at
// a time: 16 of 16 bits or 8 of 32 bits, which is 2 chunks of 16 bytes, or 8 cells of 4 bytes. What ldmatrix reads are
// matrices of 8 rows of a chunk, of which lane `l` gets cell l % 4 of row l / 4. Of the left side of a product the
// instructions take 16 rows as four of them: rows 0-7, rows 8-15, rows 0-7 of the second chunk, rows 8-15 of it. Of the
// right side they take 8 rows as two: the first chunk, the second.
#include <cstdint>

#include "common/host_device.h"

namespace musc2::cuda::tile {

// This lane's cells of four matrices.
struct Matrices {
  uint32_t cells[4];
};

// Of the product of 16 rows with 8 rows, lane `l` holds in sums[i] that of row sum_row(l, i) with sum_column(l, i).
using Sums = float[4];

MUSC2_HOST_DEVICE constexpr int sum_row(int lane, int i) { return lane / 4 + i / 2 * 8; }
MUSC2_HOST_DEVICE constexpr int sum_column(int lane, int i) { return lane % 4 * 2 + i % 2; }

}  // namespace musc2::cuda::tile
