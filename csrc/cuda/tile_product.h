#pragma once
// The product of 128 rows with 128 rows by a block of 8 warps, each of which holds 64 x 32 of the sums. 64 bytes of
// channels at a time travel to shared memory by asynchronous copies, three such steps ahead of the multiplication.
#include "cuda/formats.h"

namespace musc2::cuda {

// Rows of a whole number of 16-byte chunks that start at multiples of 16 bytes. Beyond its rows and bytes are zeros.
struct Matrix {
  const unsigned char* data;
  int row_bytes, rows;
};

struct TileShape {
  static constexpr int lines = 128;  // rows of one side, which are the rows or the columns of the product
  static constexpr int threads = 256;
  static constexpr int lines_held = 8;  // of each side, in the 8 x 8 sums that a thread holds
  static constexpr int warp_rows = 64, warp_columns = 32;
  static constexpr int column_warps = lines / warp_columns, row_warps = lines / warp_rows;

  // Which row of the tile holds a thread's i-th row of sums, and which column its i-th column; both rise with i.
  __device__ static int row(int i) {
    return warp() / column_warps * warp_rows + i / 2 * 16 + tile::sum_row(lane(), i % 2 * 2);
  }
  __device__ static int column(int i) {
    return warp() % column_warps * warp_columns + i / 2 * 8 + tile::sum_column(lane(), i % 2);
  }
  __device__ static int warp() { return static_cast<int>(threadIdx.x) / 32; }
  __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
};

// The sum of a thread's i-th row and j-th column is of[i / 2][j / 2][i % 2 * 2 + j % 2].
struct TileSums {
  tile::Sums of[TileShape::lines_held / 2][TileShape::lines_held / 2];

  __device__ float at(int i, int j) const { return of[i / 2][j / 2][i % 2 * 2 + j % 2]; }
};

template <class Format>
class TileProduct {
 public:
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
  __device__ void finish(TileSums& sums) {
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
  __device__ static void multiply(const unsigned char* left, const unsigned char* right, TileSums& sums) {
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const unsigned first_row = warp / TileShape::column_warps * TileShape::warp_rows;
    const unsigned first_column = warp % TileShape::column_warps * TileShape::warp_columns;
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
