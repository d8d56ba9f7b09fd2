#pragma once
// The product of 128 rows with 128 rows by a block of 8 warps, each of which holds 64 x 32 of the sums. 64 bytes of
// channels at a time travel to shared memory by asynchronous copies, three such steps ahead of the multiplication.
#include "cuda/formats.h"
#include "cuda/patch_tiles.h"

namespace musc2::cuda {

// Of the sums of 128 rows with 128 rows, those that a thread holds.
struct WarpSums {
  static constexpr int rows_held = 8, columns_held = 8;
  static constexpr int warp_rows = 64, warp_columns = 32;
  // Warps that have parts of a row, and of a column.
  static constexpr int row_warps = TileShape::lines / warp_columns, column_warps = TileShape::lines / warp_rows;
  tile::Sums of[rows_held / 2][columns_held / 2];

  // Which row of the tile is the i-th held one, and which column the j-th; both rise with their number.
  __device__ static int row(int i) {
    return part_of_column() * warp_rows + i / 2 * 16 + tile::sum_row(TileShape::lane(), i % 2 * 2);
  }
  __device__ static int column(int j) {
    return part_of_row() * warp_columns + j / 2 * 8 + tile::sum_column(TileShape::lane(), j % 2);
  }
  // The number of this warp's part.
  __device__ static int part_of_row() { return TileShape::warp() % row_warps; }
  __device__ static int part_of_column() { return TileShape::warp() / row_warps; }

  // The sum of the i-th row and the j-th column held.
  __device__ float at(int i, int j) const { return of[i / 2][j / 2][i % 2 * 2 + j % 2]; }
};

template <class SearchFormat>
class TileProduct {
 public:
  using Format = SearchFormat;
  using Sums = WarpSums;
  static constexpr int across = 1;       // tiles side by side that are multiplied at once
  static constexpr int blocks_each = 2;  // blocks of this that a multiprocessor holds
  static constexpr int stages = 4;
  static constexpr int shared_bytes = stages * 2 * TileShape::lines * 64;

  // `shared`: shared_bytes, aligned to 16. The rows of both sides are equally long.
  __device__ TileProduct(const Matrix& left, const Matrix& right, unsigned char* shared)
      : left_(left), right_(right), shared_(shared) {}

  // Starts to load what the product of the 128 rows of either side from these on needs first.
  __device__ void begin(int first_left, int first_right) {
    const int line = static_cast<int>(threadIdx.x) / chunks, chunk = static_cast<int>(threadIdx.x) % chunks;
    from_[0] = left_.data + static_cast<int64_t>(first_left + line) * left_.row_bytes + chunk * 16;
    from_[1] = right_.data + static_cast<int64_t>(first_right + line) * left_.row_bytes + chunk * 16;
    lines_left_[0] = left_.rows - first_left - line;
    lines_left_[1] = right_.rows - first_right - line;
    for (int step = 0; step < stages - 1; ++step) load(step);
  }

  // Their product. All threads are done with shared memory when it returns.
  __device__ void finish(Sums (&all)[across]) {
    Sums& sums = all[0];
    for (auto& row : sums.of) {
      for (auto& held : row) {
        for (float& sum : held) sum = 0;
      }
    }
    for (int step = 0; step < steps(); ++step) {
      tile::copies_wait<stages - 2>();
      __syncthreads();
      load(step + stages - 1);
      const unsigned char* left = stage(step);
      multiply(left, left + TileShape::lines * step_bytes, sums);
    }
    __syncthreads();
  }

 private:
  static constexpr int step_bytes = 64, chunks = step_bytes / 16;
  static constexpr int lines_at_once = TileShape::threads / chunks, copies = TileShape::lines / lines_at_once;

  __device__ int steps() const { return (left_.row_bytes + step_bytes - 1) / step_bytes; }

  __device__ unsigned char* stage(int step) const {
    return shared_ + step % stages * (2 * TileShape::lines * step_bytes);
  }

  // Two lines fill the 32 banks. The chunks of a line are stored in an order that changes every two lines, so that the
  // 8 lines of which ldmatrix reads one chunk each lie in different banks. The order is the same 8 lines further down,
  // and two chunks further along is ^ 32.
  __device__ static unsigned place(unsigned line, unsigned chunk) {
    return line * step_bytes + (chunk ^ (line / 2 % chunks)) * 16;
  }

  // Ends a group of copies also beyond the last step, where there is nothing to copy.
  __device__ void load(int step) {
    if (step < steps()) copy(step);
    tile::copies_end();
  }

  __device__ void copy(int step) {
    const unsigned line = threadIdx.x / chunks, chunk = threadIdx.x % chunks;
    const int along = step * step_bytes;
    unsigned char* to = stage(step) + place(line, chunk);
    const bool inside = along + static_cast<int>(chunk) * 16 < left_.row_bytes;
#pragma unroll
    for (int i = 0; i < 2 * copies; ++i) {
      const int side = i / copies, down = i % copies * lines_at_once;
      const bool there = inside && down < lines_left_[side];
      const unsigned char* from = from_[side] + static_cast<int64_t>(down) * left_.row_bytes + along;
      tile::copy_chunk(to + i * lines_at_once * step_bytes, from, there);
    }
  }

  // Lane `l` passes the address of row l % 8 of matrix l / 8: on the left the second matrix is 8 lines further down and
  // the third a chunk further along, on the right the other way round.
  __device__ static void multiply(const unsigned char* left, const unsigned char* right, Sums& sums) {
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const unsigned first_row = warp / Sums::row_warps * Sums::warp_rows;
    const unsigned first_column = warp % Sums::row_warps * Sums::warp_columns;
    const unsigned rows_at = first_row * step_bytes + place(lane % 16, lane / 16);
    const unsigned columns_at = first_column * step_bytes + place(lane % 8 + lane / 16 * 8, lane / 8 % 2);
#pragma unroll
    for (unsigned along = 0; along < 64; along += 32) {
      typename Format::Right columns[4];
#pragma unroll
      for (int n = 0; n < 4; n += 2) {
        const auto read = tile::load_matrices(right + (columns_at ^ along) + n * 8 * step_bytes);
        columns[n] = Format::right(read.cells[0], read.cells[1]);
        columns[n + 1] = Format::right(read.cells[2], read.cells[3]);
      }
#pragma unroll
      for (int m = 0; m < 4; ++m) {
        const auto rows = Format::left(tile::load_matrices(left + (rows_at ^ along) + m * 16 * step_bytes));
#pragma unroll
        for (int n = 0; n < 4; ++n) Format::multiply(sums.of[m][n], rows, columns[n]);
      }
    }
  }

  const Matrix &left_, &right_;
  unsigned char* shared_;
  // Of either side: where this thread's first chunk comes from, and how many lines there are from its line on.
  const unsigned char* from_[2];
  int lines_left_[2];
};

}  // namespace musc2::cuda
