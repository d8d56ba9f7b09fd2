#pragma once
// The product of 128 rows with 256 rows by 8 warps, each of which holds 64 x 64 of the sums. 64 bytes of channels at a
// time travel to shared memory by asynchronous copies, two such steps ahead of the multiplication.
#include "cuda/device.h"
#include "cuda/formats.h"
#include "cuda/patch_panel.h"

namespace musc2::cuda {

// Of the sums of 128 rows with 256 rows, those that a thread holds.
struct WarpSums {
  static constexpr int rows = TileShape::lines, columns = 2 * TileShape::lines, threads = 256;
  static constexpr int rows_held = 8, columns_held = 16;
  static constexpr int warp_rows = 64, warp_columns = 64, rows_of_warp = warp_rows;
  static constexpr int row_warps = columns / warp_columns,
                       column_warps = rows / warp_rows;  // that share a row, a column
  tile::Sums of[rows_held / 2][columns_held / 2];

  __device__ static int thread() { return static_cast<int>(threadIdx.x); }
  __device__ static void barrier() { group_barrier<threads>(1); }

  // Which row of the product is the i-th held one, and which column the j-th; both rise with their number.
  __device__ static int row(int i) {
    return part_of_column() * warp_rows + TileShape::lane() / 4 + rows_after_first(i);
  }
  __device__ static int column(int j) {
    return part_of_row() * warp_columns + TileShape::lane() % 4 * 2 + columns_after_first(j);
  }
  __host__ __device__ static constexpr int rows_after_first(int i) { return i / 2 * 16 + tile::sum_row(0, i % 2 * 2); }
  __host__ __device__ static constexpr int columns_after_first(int j) { return j / 2 * 8 + tile::sum_column(0, j % 2); }
  // The number of this warp's part.
  __device__ static int part_of_row() { return TileShape::warp() % row_warps; }
  __device__ static int part_of_column() { return TileShape::warp() / row_warps; }

  // The number, among those that a thread holds, of a row or column.
  __device__ static int held_row(int row) { return row % warp_rows / 16 * 2 + row % 16 / 8; }
  __device__ static int held_column(int column) { return column % warp_columns / 8 * 2 + column % 2; }

  // The sum of the i-th row and the j-th column held.
  __device__ float at(int i, int j) const { return of[i / 2][j / 2][i % 2 * 2 + j % 2]; }
  __device__ float& at(int i, int j) { return of[i / 2][j / 2][i % 2 * 2 + j % 2]; }
};

template <class SearchFormat>
class TileProduct {
 public:
  using Format = SearchFormat;
  using Sums = WarpSums;
  static constexpr int stages = 3;
  static constexpr int shared_bytes = stages * (Sums::rows + Sums::columns) * 64;

  // `shared`: shared_bytes, aligned to 16. The rows of both sides are equally long.
  __device__ TileProduct(const Matrix& left, const Matrix& right, unsigned char* shared)
      : left_(left), right_(right), shared_(shared) {}

  // Starts to load what the product of two tiles side by side, the first of them there, needs first.
  __device__ void begin(Place at) {
    first_left_ = at.left * TileShape::lines;
    first_right_ = at.right * TileShape::lines;
    for (int step = 0; step < stages - 1; ++step) load(step);
  }

  // Adds their product. All threads are done with shared memory when it returns.
  __device__ void finish(Sums& sums) {
    for (int step = 0; step < steps(); ++step) {
      tile::copies_wait<stages - 2>();
      Sums::barrier();
      load(step + stages - 1);
      multiply(stage(step), sums);
    }
    Sums::barrier();
  }

 private:
  static constexpr int step_bytes = 64, chunks = step_bytes / 16;
  static constexpr int lines_at_once = Sums::threads / chunks;
  static constexpr int left_copies = Sums::rows / lines_at_once, right_copies = Sums::columns / lines_at_once;

  __device__ int steps() const { return (left_.row_bytes + step_bytes - 1) / step_bytes; }

  __device__ unsigned char* stage(int step) const {
    return shared_ + step % stages * ((Sums::rows + Sums::columns) * step_bytes);
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
    const int along = step * step_bytes + static_cast<int>(chunk) * 16;
    unsigned char* const to = stage(step) + place(line, chunk);
    copy_lines<left_copies>(left_, first_left_ + static_cast<int>(line), along, to);
    copy_lines<right_copies>(right_, first_right_ + static_cast<int>(line), along, to + Sums::rows * step_bytes);
  }

  // A chunk of the row `first`, and of those each `lines_at_once` further down.
  template <int count>
  __device__ static void copy_lines(const Matrix& side, int first, int along, unsigned char* to) {
    const unsigned char* from = side.data + static_cast<int64_t>(first) * side.row_bytes + along;
    const int lines_left = along < side.row_bytes ? side.rows - first : 0;
#pragma unroll
    for (int i = 0; i < count; ++i, from += lines_at_once * side.row_bytes) {
      tile::copy_chunk(to + i * lines_at_once * step_bytes, from, i * lines_at_once < lines_left);
    }
  }

  // Lane `l` passes the address of row l % 8 of matrix l / 8: on the left the second matrix is 8 lines further down and
  // the third a chunk further along, on the right the other way round.
  __device__ static void multiply(const unsigned char* stage, Sums& sums) {
    constexpr int at_once = std::is_same_v<Format, Float32> ? 4 : 8;  // 8 columns each; a float32 cell is two numbers
    const unsigned lane = threadIdx.x % 32;
    const unsigned first_row = Sums::part_of_column() * Sums::warp_rows;
    const unsigned first_column = Sums::rows + Sums::part_of_row() * Sums::warp_columns;
    const unsigned rows_at = first_row * step_bytes + place(lane % 16, lane / 16);
    const unsigned columns_at = first_column * step_bytes + place(lane % 8 + lane / 16 * 8, lane / 8 % 2);
#pragma unroll 1  // more at once needs more registers than there are
    for (unsigned along = 0; along < step_bytes; along += 32) {
#pragma unroll
      for (int from = 0; from < Sums::columns_held / 2; from += at_once) {
        typename Format::Right columns[at_once];
#pragma unroll
        for (int n = 0; n < at_once; n += 2) {
          const auto read = tile::load_matrices(stage + (columns_at ^ along) + (from + n) * 8 * step_bytes);
          columns[n] = Format::right(read.cells[0], read.cells[1]);
          columns[n + 1] = Format::right(read.cells[2], read.cells[3]);
        }
#pragma unroll
        for (int m = 0; m < Sums::rows_held / 2; ++m) {
          const auto rows = Format::left(tile::load_matrices(stage + (rows_at ^ along) + m * 16 * step_bytes));
#pragma unroll
          for (int n = 0; n < at_once; ++n) Format::multiply(sums.of[m][from + n], rows, columns[n]);
        }
      }
    }
  }

  const Matrix &left_, &right_;
  unsigned char* shared_;
  int first_left_, first_right_;
};

// The way of searching that every GPU has, see patch_search.h.
template <class SearchFormat>
class TileSearch {
 public:
  using Format = SearchFormat;
  using Sums = WarpSums;
  static constexpr int threads = 384, groups = 1, down = 1, across = 2;
  static constexpr int first_measuring = Sums::threads / warp_lanes, measuring = threads / warp_lanes - first_measuring;
  static constexpr unsigned blocks_together = 1;
  static constexpr int shared_bytes = TileProduct<Format>::shared_bytes;
  struct Shared {};

  __device__ TileSearch(const Panel& panel, unsigned char* stages, Shared&) : panel_(panel), stages_(stages) {}

  __device__ static void begin(Shared&) {}
  __device__ static void barrier() { __syncthreads(); }
  __device__ static void begin_multiplying() {}
  __device__ static void begin_others() {}

  __device__ Walk<down, across> walk() const { return {panel_, blockIdx.x, gridDim.x}; }
  __device__ static Place own(Place at) { return at; }
  __device__ TileProduct<Format> multiplier() const { return {panel_.left.searched, panel_.right.searched, stages_}; }
  __device__ static void load() {}  // those who multiply do

 private:
  const Panel& panel_;
  unsigned char* stages_;
};

}  // namespace musc2::cuda
