#pragma once
// The product of 128 rows with 256 rows by two warpgroups, each of which holds 64 x 256 of the sums, on Hopper GPUs.
// The packed rows lie in device memory as shared memory wants them (PackedTiles), so 64 channels of 128 rows are one
// bulk copy, and one thread starts those of a step, 4 steps ahead of the multiplication.
#include "cuda/formats.h"
#include "cuda/hopper.h"
#include "cuda/patch_tiles.h"

namespace musc2::cuda {

// Of the sums of 128 rows with 128 rows, those that a thread holds. The 8 warps have 16 whole rows each.
struct WarpgroupSums {
  static constexpr int rows_held = 2, columns_held = 32;
  static constexpr int row_warps = 1, column_warps = 8;  // that have parts of a row, of a column
  hopper::Sums of;

  __device__ static int row(int i) { return TileShape::warp() * 16 + tile::sum_row(TileShape::lane(), i * 2); }
  __device__ static int column(int j) { return j / 2 * 8 + tile::sum_column(TileShape::lane(), j % 2); }
  __device__ static int part_of_row() { return 0; }
  __device__ static int part_of_column() { return TileShape::warp(); }
  __device__ float at(int i, int j) const { return of[j / 2 * 4 + i * 2 + j % 2]; }
};

template <class SearchFormat>
class WarpgroupProduct {
 public:
  using Format = SearchFormat;
  using Sums = WarpgroupSums;
  static constexpr int across = 2, blocks_each = 1;
  static constexpr int stages = 4, stage_bytes = 3 * PackedTiles::step_bytes;
  static constexpr int shared_bytes = stages * stage_bytes + hopper::alignment;

  // `shared`: shared_bytes.
  __device__ WarpgroupProduct(const Matrix& left, const Matrix& right, unsigned char* shared)
      : left_(left), right_(right), shared_(shared + (-hopper::shared_address(shared) & (hopper::alignment - 1))) {
    __shared__ hopper::Arrival arrivals[stages];
    arrivals_ = arrivals;
    if (threadIdx.x == 0) {
      for (auto& arrival : arrivals) hopper::begin_arrivals(arrival);
    }
    __syncthreads();
  }

  // Starts to load what the product of the rows of either side from these on needs first.
  __device__ void begin(int first_left, int first_right) {
    first_left_ = first_left;
    first_right_ = first_right;
    for (int step = 0; step < stages; ++step) load(step);
  }

  // Their product, a tile in each of `sums`. All threads are done with shared memory when it returns.
  __device__ void finish(Sums (&sums)[across]) {
    for (int step = 0; step < steps(); ++step) {
      const int turn = turn_ + step;
      hopper::await(arrivals_[turn % stages], static_cast<unsigned>(turn / stages));
      multiply(stage(turn), sums, step > 0);
      if (step == 0) continue;
      hopper::wait_products<1>();
      __syncthreads();
      load(step - 1 + stages);
    }
    hopper::wait_products<0>();
    __syncthreads();
    turn_ += steps();
  }

 private:
  __device__ int steps() const { return left_.row_bytes / hopper::row_bytes; }
  __device__ unsigned char* stage(int turn) const { return shared_ + turn % stages * stage_bytes; }

  // Into the stage that the step `stages` before it has left. Beyond the last tile of the right side nothing is loaded,
  // and nothing is asked of those sums.
  __device__ void load(int step) {
    if (threadIdx.x > 0 || step >= steps()) return;
    const int turn = turn_ + step;
    unsigned char* to = stage(turn);
    hopper::Arrival& arrival = arrivals_[turn % stages];
    const bool both = first_right_ + TileShape::lines < right_.rows;
    hopper::announce(arrival, (both ? 3 : 2) * PackedTiles::step_bytes);
    copy(to, left_, first_left_, step, arrival);
    copy(to + PackedTiles::step_bytes, right_, first_right_, step, arrival);
    if (both) copy(to + 2 * PackedTiles::step_bytes, right_, first_right_ + TileShape::lines, step, arrival);
  }

  __device__ static void copy(unsigned char* to, const Matrix& side, int first, int step, hopper::Arrival& arrival) {
    const int64_t from = static_cast<int64_t>(first) * side.row_bytes + step * PackedTiles::step_bytes;
    hopper::copy(to, side.data + from, PackedTiles::step_bytes, arrival);
  }

  __device__ static void multiply(const unsigned char* stage, Sums (&sums)[across], bool add) {
    const int group_at = TileShape::warp() / 4 * hopper::left_rows * hopper::row_bytes;
    hopper::Rows left = hopper::describe_rows(hopper::shared_address(stage + group_at));
    hopper::Rows right = hopper::describe_rows(hopper::shared_address(stage + PackedTiles::step_bytes));
    hopper::begin_products();
#pragma unroll
    for (int channel = 0; channel < hopper::row_values; channel += hopper::channels_at_once) {
      Format::multiply(sums[0].of, sums[1].of, left, right, add || channel > 0);
      left += hopper::along;
      right += hopper::along;
    }
    hopper::end_products();
  }

  const Matrix &left_, &right_;
  unsigned char* shared_;
  hopper::Arrival* arrivals_;
  int first_left_ = 0, first_right_ = 0;
  int turn_ = 0;  // steps of earlier products
};

}  // namespace musc2::cuda
