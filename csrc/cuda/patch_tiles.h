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
  // In values.
  template <class Value>
  __device__ static int64_t offset(int64_t row, int channel, int64_t row_values) {
    return row * row_values + channel;
  }
};

// The layout that hopper.h multiplies: whole tiles, each of which holds 128 bytes of channels of
// all its rows, 16 KiB, then the next 128 bytes of them. The chunks of a row are swizzled.
struct PackedTiles {
  static constexpr int64_t lines = TileShape::lines;
  static constexpr int step_bytes = TileShape::lines * hopper::row_bytes;

  static constexpr int64_t row_values(int64_t channels, int64_t value_bytes) {
    const int64_t in_step = hopper::row_bytes / value_bytes;
    return (channels + in_step - 1) / in_step * in_step;
  }
  // In values.
  template <class Value>
  __device__ static int64_t offset(int64_t row, int channel, int64_t row_values) {
    constexpr int in_step = hopper::row_bytes / sizeof(Value);
    constexpr int in_chunk = hopper::chunk_bytes / sizeof(Value);
    const auto line = static_cast<int>(row % lines);
    const int chunk = hopper::swizzled_chunk(line, channel % in_step / in_chunk);
    // Rows of 128 bytes that come before it in its tile.
    const int64_t step = channel / in_step * lines + line;
    return (row - line) * row_values + step * in_step + chunk * in_chunk + channel % in_chunk;
  }
};

}  // namespace musc2::cuda
