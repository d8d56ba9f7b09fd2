#pragma once
// What all products of tiles share, whatever the GPU multiplies them with: 128 rows by 128 rows, of which both kinds of
// product take two side by side, and how rows are packed for it.
#include "cuda/device.h"

namespace musc2::cuda {

// Packed rows, in one of the two ways below, equally long. Of PackedRows what lies beyond them counts as zeros.
struct Matrix {
  const unsigned char* data;
  int row_bytes, rows;
};

struct TileShape {
  static constexpr int lines = 128;  // rows of one side, which are the rows or the columns of the product

  __device__ static int warp() { return static_cast<int>(threadIdx.x) / warp_lanes; }
  __device__ static int lane() { return static_cast<int>(threadIdx.x) % warp_lanes; }
};

// Rows one after another: a whole number of 16-byte chunks each, the first at a multiple of 16 bytes.
struct PackedRows {
  static constexpr int64_t lines = 1;

  static constexpr int64_t row_values(int64_t channels, int64_t value_bytes) {
    const int64_t chunk = 16 / value_bytes;
    return (channels + chunk - 1) / chunk * chunk;
  }
  __device__ static int64_t place(int64_t row, int channel, int64_t row_values) { return row * row_values + channel; }
};

// Values of 16 bits as hopper.h multiplies them: whole tiles, of each 64 channels after 64 channels of all its rows,
// 16 KiB, with their chunks in order for shared memory.
struct PackedTiles {
  static constexpr int64_t lines = TileShape::lines;
  static constexpr int step_bytes = TileShape::lines * hopper::row_bytes;

  static constexpr int64_t row_values(int64_t channels, int64_t) {
    return (channels + hopper::row_values - 1) / hopper::row_values * hopper::row_values;
  }
  __device__ static int64_t place(int64_t row, int channel, int64_t row_values) {
    const auto line = static_cast<int>(row % lines);
    const int chunk = hopper::chunk_place(line, channel % hopper::row_values / hopper::chunk_values);
    const int64_t step = channel / hopper::row_values * lines + line;  // rows of 128 bytes before it in its tile
    return (row - line) * row_values + step * hopper::row_values + chunk * hopper::chunk_values +
           channel % hopper::chunk_values;
  }
};

}  // namespace musc2::cuda
