#pragma once
// The shape of a tile, and how rows are packed for the instructions that multiply tiles.
#include "cuda/device.h"

namespace musc2::cuda {

// An operand: packed rows of equal length, in one of the two layouts below. With PackedRows,
// channels and rows beyond the end count as zeros.
struct Matrix {
  const unsigned char* data;
  int row_bytes, rows;
};

struct TileShape {
  static constexpr int lines = 128;  // rows of the product in a tile; as many columns

  __device__ static int warp() { return static_cast<int>(threadIdx.x) / warp_lanes; }
  __device__ static int lane() { return static_cast<int>(threadIdx.x) % warp_lanes; }
};

// Rows one after another: a whole number of 16-byte chunks each, the first at a multiple of 16
// bytes.
struct PackedRows {
  static constexpr int64_t lines = 1;

  static constexpr int64_t row_values(int64_t channels, int64_t value_bytes) {
    const int64_t chunk = 16 / value_bytes;
    return (channels + chunk - 1) / chunk * chunk;
  }
  __device__ static int64_t offset(int64_t row, int channel, int64_t row_values) {
    return row * row_values + channel;
  }
};

// Values of 16 bits in the layout that hopper.h multiplies: whole tiles, each of which holds 64
// channels of all its rows, 16 KiB, then the next 64 channels. The chunks of a row are swizzled.
struct PackedTiles {
  static constexpr int64_t lines = TileShape::lines;
  static constexpr int step_bytes = TileShape::lines * hopper::row_bytes;

  static constexpr int64_t row_values(int64_t channels, int64_t) {
    return (channels + hopper::row_values - 1) / hopper::row_values * hopper::row_values;
  }
  __device__ static int64_t offset(int64_t row, int channel, int64_t row_values) {
    const auto line = static_cast<int>(row % lines);
    const int chunk =
        hopper::swizzled_chunk(line, channel % hopper::row_values / hopper::chunk_values);
    // Rows of 128 bytes that come before it in its tile.
    const int64_t step = channel / hopper::row_values * lines + line;
    return (row - line) * row_values + step * hopper::row_values + chunk * hopper::chunk_values +
           channel % hopper::chunk_values;
  }
};

}  // namespace musc2::cuda
