#pragma once
// The mainloop for all GPUs: the product of 128 by 256 rows by 8 warps, each of which holds 64 x 64
// of the sums. Asynchronous copies bring 64 bytes of channels at a time to shared memory, two
// stages ahead of the multiplication.
#include "cuda/formats.h"
#include "cuda/patch_panel.h"

namespace musc2::cuda {

// The sums of 128 by 256 rows that a thread holds.
struct WarpSums {
  static constexpr int rows = TileShape::lines, columns = 2 * TileShape::lines, threads = 256;
  static constexpr int rows_held = 8, columns_held = 16;
  static constexpr int warp_rows = 64, warp_columns = 64, rows_of_warp = warp_rows;
  // Warps that share a row, and warps that share a column.
  static constexpr int row_warps = columns / warp_columns, column_warps = rows / warp_rows;
  tile::Sums of[rows_held / 2][columns_held / 2];

  __device__ static int thread() { return static_cast<int>(threadIdx.x); }
  __device__ static void barrier() { named_barrier<threads>(1); }

  // The row of the product that is the i-th held one, and the column that is the j-th. Both ascend.
  __device__ static int row(int i) {
    return warp_in_column() * warp_rows + TileShape::lane() / 4 + row_offset(i);
  }
  __device__ static int column(int j) {
    return warp_in_row() * warp_columns + TileShape::lane() % 4 * 2 + column_offset(j);
  }
  __host__ __device__ static constexpr int row_offset(int i) {
    return i / 2 * 16 + tile::sum_row(0, i % 2 * 2);
  }
  __host__ __device__ static constexpr int column_offset(int j) {
    return j / 2 * 8 + tile::sum_column(0, j % 2);
  }
  // The number of this warp among those that share its rows, and among those that share its
  // columns.
  __device__ static int warp_in_row() { return TileShape::warp() % row_warps; }
  __device__ static int warp_in_column() { return TileShape::warp() / row_warps; }

  // The number of a row or column among those that a thread holds.
  __device__ static int held_row(int row) { return row % warp_rows / 16 * 2 + row % 16 / 8; }
  __device__ static int held_column(int column) {
    return column % warp_columns / 8 * 2 + column % 2;
  }

  // The sum of the i-th row held and the j-th column held.
  __device__ float at(int i, int j) const { return of[i / 2][j / 2][i % 2 * 2 + j % 2]; }
  __device__ float& at(int i, int j) { return of[i / 2][j / 2][i % 2 * 2 + j % 2]; }
};

template <class SearchFormat>
class TileMainloop {
 public:
  using Format = SearchFormat;
  using Sums = WarpSums;
  static constexpr int stages = 3;
  static constexpr int shared_bytes = stages * (Sums::rows + Sums::columns) * 64;

  // `shared`: shared_bytes, aligned to 16. The rows of both operands are equally long.
  __device__ TileMainloop(const Matrix& left, const Matrix& right, unsigned char* shared)
      : left_(left), right_(right), stages_(shared_address(shared)) {}

  // Starts to load the first stages of two tiles side by side.
  __device__ void prefetch(Tile first) {
    first_left_ = first.left * TileShape::lines;
    first_right_ = first.right * TileShape::lines;
    for (int step = 0; step < stages - 1; ++step)
      load(step, static_cast<unsigned>(step) * stage_bytes);
  }

  // Adds the product of these tiles. No thread uses the shared memory any more when it returns.
  __device__ void run(Sums& sums) {
    constexpr unsigned last = (stages - 1) * stage_bytes;
    unsigned stage = 0;  // the offset of the one to multiply; that before it is free
    for (int step = 0; step < steps(); ++step) {
      tile::wait_copies<stages - 2>();
      Sums::barrier();
      load(step + stages - 1, stage == 0 ? last : stage - stage_bytes);
      multiply(stage, sums);
      stage = stage == last ? 0 : stage + stage_bytes;
    }
    Sums::barrier();
  }

 private:
  static constexpr int step_bytes = 64, chunks = step_bytes / 16;
  static constexpr unsigned stage_bytes = (Sums::rows + Sums::columns) * step_bytes;
  static constexpr int lines_at_once = Sums::threads / chunks;
  static constexpr int left_copies = Sums::rows / lines_at_once;
  static constexpr int right_copies = Sums::columns / lines_at_once;

  __device__ int steps() const { return (left_.row_bytes + step_bytes - 1) / step_bytes; }

  // The offset of a chunk in a stage. Two lines fill the 32 banks, so the chunks of a line are
  // swizzled, in an order that changes every two lines: one chunk of the 8 lines that ldmatrix
  // reads at once touches different banks. The order repeats after 8 lines, and two chunks further
  // along is ^ 32.
  __device__ static unsigned swizzled_offset(unsigned line, unsigned chunk) {
    return line * step_bytes + (chunk ^ (line / 2 % chunks)) * 16;
  }

  // Loads into the stage at that offset. Commits a group of copies also beyond the last step, where
  // it is empty.
  __device__ void load(int step, unsigned stage) {
    if (step < steps()) copy(step, stage);
    tile::commit_copies();
  }

  __device__ void copy(int step, unsigned stage) {
    const unsigned line = threadIdx.x / chunks, chunk = threadIdx.x % chunks;
    const int offset = step * step_bytes + static_cast<int>(chunk) * 16;
    const uint32_t to = stages_ + stage + swizzled_offset(line, chunk);
    copy_lines<left_copies>(left_, first_left_ + static_cast<int>(line), offset, to);
    copy_lines<right_copies>(right_, first_right_ + static_cast<int>(line), offset,
                             to + Sums::rows * step_bytes);
  }

  // Copies a chunk of the row `first` and of every `lines_at_once`-th row below it.
  template <int count>
  __device__ static void copy_lines(const Matrix& operand, int first, int offset, uint32_t to) {
    const unsigned char* from =
        operand.data + static_cast<int64_t>(first) * operand.row_bytes + offset;
    const int lines_left = offset < operand.row_bytes ? operand.rows - first : 0;
#pragma unroll
    for (int i = 0; i < count; ++i, from += lines_at_once * operand.row_bytes) {
      tile::copy_async(to + i * lines_at_once * step_bytes, from, i * lines_at_once < lines_left);
    }
  }

  // Lane `l` passes the address of row l % 8 of matrix l / 8. For the left operand the second
  // matrix is 8 lines further down and the third a chunk further along; for the right one it is the
  // other way round.
  __device__ void multiply(unsigned stage, Sums& sums) const {
    // Of 8 columns each. A float32 cell is split into two numbers.
    constexpr int at_once = std::is_same_v<Format, Float32> ? 4 : 8;
    const unsigned lane = threadIdx.x % 32;
    const unsigned first_row = Sums::warp_in_column() * Sums::warp_rows;
    const unsigned first_column = Sums::rows + Sums::warp_in_row() * Sums::warp_columns;
    const unsigned row_offset = first_row * step_bytes + swizzled_offset(lane % 16, lane / 16);
    const unsigned column_offset =
        first_column * step_bytes + swizzled_offset(lane % 8 + lane / 16 * 8, lane / 8 % 2);
#pragma unroll 1  // more would spill registers
    for (unsigned offset = 0; offset < step_bytes; offset += 32) {
#pragma unroll
      for (int first = 0; first < Sums::columns_held / 2; first += at_once) {
        typename Format::Right columns[at_once];
#pragma unroll
        for (int n = 0; n < at_once; n += 2) {
          const auto matrices = tile::load_matrices(stages_ + stage + (column_offset ^ offset) +
                                                    (first + n) * 8 * step_bytes);
          columns[n] = Format::right(matrices.cells[0], matrices.cells[1]);
          columns[n + 1] = Format::right(matrices.cells[2], matrices.cells[3]);
        }
#pragma unroll
        for (int m = 0; m < Sums::rows_held / 2; ++m) {
          const auto rows = Format::left(
              tile::load_matrices(stages_ + stage + (row_offset ^ offset) + m * 16 * step_bytes));
#pragma unroll
          for (int n = 0; n < at_once; ++n) {
            Format::multiply(sums.of[m][first + n], rows, columns[n]);
          }
        }
      }
    }
  }

  const Matrix &left_, &right_;
  uint32_t stages_;
  int first_left_, first_right_;
};

// The search policy for all GPUs, see patch_search.h.
template <class SearchFormat>
class TileSearch {
 public:
  using Format = SearchFormat;
  using Sums = WarpSums;
  using Products = WarpSums;
  static constexpr int threads = 384, groups = 1, down = 1, across = 2;
  static constexpr int first_measuring_warp = Sums::threads / warp_lanes;
  static constexpr int measuring_warps = threads / warp_lanes - first_measuring_warp;
  static constexpr unsigned cluster_blocks = 1;
  static constexpr int shared_bytes = TileMainloop<Format>::shared_bytes;
  struct Shared {};

  __device__ TileSearch(const SearchParams& params, unsigned char* stages, Shared&)
      : params_(params), stages_(stages) {}

  __device__ static void init(Shared&) {}
  __device__ static void barrier() { __syncthreads(); }
  __device__ static void begin_consumer() {}
  __device__ static void begin_other() {}

  __device__ TileScheduler<down, across> scheduler() const {
    return {params_, blockIdx.x, gridDim.x};
  }
  __device__ static Tile own(Tile first) { return first; }
  __device__ TileMainloop<Format> mainloop() const {
    return {params_.left.searched, params_.right.searched, stages_};
  }
  __device__ static void produce() {}  // the consumers load their operands

 private:
  const SearchParams& params_;
  unsigned char* stages_;
};

}  // namespace musc2::cuda
