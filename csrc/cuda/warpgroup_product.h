#pragma once
// The product of 128 rows with 256 rows by two warpgroups, each of which holds 64 x 256 of the sums, on Hopper GPUs.
// Blocks of a cluster multiply rows below each other with the same 256 rows, of which each loads its share for all. The
// packed rows lie in device memory as shared memory wants them (PackedTiles), so the rows of 64 channels are a few bulk
// copies; a warp that does nothing else starts them, up to 4 steps ahead of the multiplication.
#include "cuda/cluster.h"
#include "cuda/device.h"
#include "cuda/formats.h"
#include "cuda/patch_panel.h"

namespace musc2::cuda {

// Of the sums of 64 rows with 256 rows, those that a thread holds. Each warp has 16 whole rows.
struct WarpgroupSums {
  static constexpr int rows = hopper::left_rows, columns = hopper::right_rows, threads = 128;
  static constexpr int rows_held = 2, columns_held = 64;
  static constexpr int row_warps = 1, column_warps = 4,
                       rows_of_warp = rows / column_warps;  // warps share rows, columns
  hopper::Sums of[2];

  __device__ static int group() { return static_cast<int>(threadIdx.x) / threads; }
  __device__ static int thread() { return static_cast<int>(threadIdx.x) % threads; }
  __device__ static void barrier() { group_barrier<threads>(1 + group()); }

  __device__ static int row(int i) { return part_of_column() * 16 + TileShape::lane() / 4 + rows_after_first(i); }
  __device__ static int column(int j) { return TileShape::lane() % 4 * 2 + columns_after_first(j); }
  __host__ __device__ static constexpr int rows_after_first(int i) { return tile::sum_row(0, i * 2); }
  __host__ __device__ static constexpr int columns_after_first(int j) { return j / 2 * 8 + tile::sum_column(0, j % 2); }
  __device__ static int part_of_row() { return 0; }
  __device__ static int part_of_column() { return TileShape::warp() % column_warps; }
  __device__ static int held_row(int row) { return row % rows_of_warp / 8; }
  __device__ static int held_column(int column) { return column / 8 * 2 + column % 2; }
  __device__ float at(int i, int j) const { return of[j / 32][j % 32 / 2 * 4 + i * 2 + j % 2]; }
  __device__ float& at(int i, int j) { return of[j / 32][j % 32 / 2 * 4 + i * 2 + j % 2]; }
};

// The stages in shared memory that steps of 64 channels pass through, one after another, whatever tiles they belong to:
// 128 rows of the left side, then 256 of the right one.
struct Ring {
  static constexpr int stages = 4, groups = 2, left_bytes = PackedTiles::step_bytes;
  static constexpr int stage_bytes = left_bytes + hopper::right_rows * hopper::row_bytes;
  static constexpr int shared_bytes = stages * stage_bytes + hopper::alignment;

  // In shared memory. A stage is loaded, then freed by the warps of the cluster that multiply. The second warpgroup
  // begins a tile when the first has led by some steps of it: they reduce their sums at different times then, and the
  // matrix cores are kept busy by the other one.
  struct Shared {
    Arrival loaded[stages], freed[stages], led;

    __device__ void begin(int blocks) {
      for (int stage = 0; stage < stages; ++stage) {
        begin_arrivals(loaded[stage], 1);
        begin_arrivals(freed[stage], groups * WarpgroupSums::threads / warp_lanes * blocks);
      }
      begin_arrivals(led, 1);
    }
  };

  __device__ static unsigned char* stage(unsigned char* stages_at, int turn) {
    return stages_at + turn % stages * stage_bytes;
  }
};

// Loads the steps of a walk's tiles, by one thread of each of `blocks` blocks of a cluster.
template <int blocks>
class RingLoader {
 public:
  __device__ RingLoader(const Panel& panel, unsigned char* stages, Ring::Shared& shared)
      : left_(panel.left.searched), right_(panel.right.searched), stages_(stages), shared_(shared) {}

  // Of two tiles side by side, the first of them there. Of tiles beyond the last nothing is loaded, and nothing is
  // asked of those sums.
  __device__ void load(Place at, int rank) {
    const int first_left = at.left * TileShape::lines, first_right = at.right * TileShape::lines;
    const int first_own = rank * share, right_rows = min(tiles_end(right_) - first_right, hopper::right_rows);
    const bool has_left = first_left < left_.rows;
    const int bytes = right_rows * hopper::row_bytes + (has_left ? Ring::left_bytes : 0);
    const unsigned char* left = row_at(left_, first_left);
    const unsigned char* right[copies];
#pragma unroll
    for (int i = 0; i < copies; ++i) right[i] = row_at(right_, first_right + first_own + i * rows_at_once);
    for (int step = 0; step < left_.row_bytes / hopper::row_bytes; ++step, ++turn_) {
      const int stage = turn_ % Ring::stages, round = turn_ / Ring::stages;
      if (round > 0) await(shared_.freed[stage], static_cast<unsigned>(round - 1));
      unsigned char* const to = Ring::stage(stages_, turn_);
      Arrival& loaded = shared_.loaded[stage];
      hopper::announce(loaded, bytes);
      if (has_left) hopper::copy(to, left, Ring::left_bytes, loaded);
      left += PackedTiles::step_bytes;
#pragma unroll
      for (int i = 0; i < copies; ++i) {
        const int row = first_own + i * rows_at_once;
        if (row < right_rows) copy_right(to + Ring::left_bytes + row * hopper::row_bytes, right[i], loaded);
        right[i] += PackedTiles::step_bytes;
      }
    }
  }

 private:
  static constexpr int share = hopper::right_rows / blocks;
  static constexpr int rows_at_once = share < TileShape::lines ? share : TileShape::lines;  // a copy lies in one tile
  static constexpr int copies = share / rows_at_once;

  __device__ static void copy_right(unsigned char* to, const unsigned char* from, Arrival& loaded) {
    constexpr int bytes = rows_at_once * hopper::row_bytes;
    if constexpr (blocks == 1) {
      hopper::copy(to, from, bytes, loaded);
    } else {
      hopper::copy_to_all(to, from, bytes, loaded, blocks);
    }
  }

  __device__ static int tiles_end(const Matrix& side) {
    return (side.rows + TileShape::lines - 1) / TileShape::lines * TileShape::lines;
  }

  // Its first 64 channels.
  __device__ static const unsigned char* row_at(const Matrix& side, int row) {
    const int64_t in_tile = row % TileShape::lines;
    return side.data + (row - in_tile) * side.row_bytes + in_tile * hopper::row_bytes;
  }

  const Matrix &left_, &right_;
  unsigned char* stages_;
  Ring::Shared& shared_;
  int turn_ = 0;  // steps loaded so far
};

// A warpgroup's half of the products, from the ring.
template <class Format, int blocks>
class WarpgroupProduct {
 public:
  __device__ WarpgroupProduct(const Panel& panel, unsigned char* stages, Ring::Shared& shared)
      : steps_(panel.left.searched.row_bytes / hopper::row_bytes), stages_(stages), shared_(shared) {}

  __device__ void begin(Place) {}  // another warp does

  // Adds the next product.
  __device__ void finish(WarpgroupSums& sums) {
    // With fewer steps than stages the first warpgroup might be tiles ahead, and there is little to keep apart.
    const bool leads = steps_ >= Ring::stages, is_first = WarpgroupSums::group() == 0;
    if (leads && !is_first) await(shared_.led, static_cast<unsigned>(products_));
    for (int step = 0; step < steps_; ++step) {
      const int turn = turn_ + step;
      await(shared_.loaded[turn % Ring::stages], static_cast<unsigned>(turn / Ring::stages));
      multiply(Ring::stage(stages_, turn), sums);
      if (step == 0) continue;
      hopper::wait_products<1>();
      free(turn - 1);
      if (step == 2 && leads && is_first && WarpgroupSums::thread() == 0) arrive(shared_.led);
    }
    hopper::wait_products<0>();
    for (auto& half : sums.of) hopper::touch(half);
    turn_ += steps_;
    free(turn_ - 1);
    ++products_;
  }

 private:
  // By each warp, in every block that loads for it.
  __device__ void free(int turn) const {
    Arrival& freed = shared_.freed[turn % Ring::stages];
    if (TileShape::lane() >= blocks) return;
    if constexpr (blocks == 1) {
      arrive(freed);
    } else {
      hopper::arrive(freed, TileShape::lane());
    }
  }

  __device__ static void multiply(const unsigned char* stage, WarpgroupSums& sums) {
    const int group_at = WarpgroupSums::group() * hopper::left_rows * hopper::row_bytes;
    hopper::Rows left = hopper::describe_rows(shared_address(stage + group_at));
    hopper::Rows right = hopper::describe_rows(shared_address(stage + Ring::left_bytes));
    hopper::begin_products();
#pragma unroll
    for (int channel = 0; channel < hopper::row_values; channel += hopper::channels_at_once) {
      Format::multiply(sums.of[0], sums.of[1], left, right);
      left += hopper::along;
      right += hopper::along;
    }
    hopper::end_products();
  }

  int steps_;
  unsigned char* stages_;
  Ring::Shared& shared_;
  int turn_ = 0, products_ = 0;  // steps and products so far
};

// The way of searching on Hopper GPUs, see patch_search.h, by clusters of `blocks` blocks. Two warpgroups of a block
// multiply; of the third a warp loads and three measure.
template <class SearchFormat, int blocks>
class WarpgroupSearch {
 public:
  using Format = SearchFormat;
  using Sums = WarpgroupSums;
  using Shared = Ring::Shared;
  static constexpr unsigned blocks_together = blocks;
  static constexpr int threads = 384, groups = Ring::groups, down = blocks, across = 2;
  static constexpr int first_measuring = 9, measuring = 3;
  static constexpr int shared_bytes = Ring::shared_bytes;
  // Registers pass from one to the others, and there are those that the block was launched with: as many for each
  // thread as the compiler may use, a multiple of 8.
  static constexpr int multiplying_registers = 192, other_registers = 120;
  static constexpr int launched_registers = (64 << 10) / threads / 8 * 8;
  static_assert(groups * multiplying_registers + other_registers == (groups + 1) * launched_registers);

  __device__ WarpgroupSearch(const Panel& panel, unsigned char* stages, Shared& shared)
      : panel_(panel), stages_(stages + (-shared_address(stages) & (hopper::alignment - 1))), shared_(shared) {}

  __device__ static void begin(Shared& shared) {
    shared.begin(blocks);
    hopper::show_arrivals();
  }
  // Of the cluster: no block may reach into one that has not begun or has ended.
  __device__ static void barrier() { Cluster().barrier(); }
  __device__ static void begin_multiplying() { hopper::take_registers<multiplying_registers>(); }
  __device__ static void begin_others() { hopper::give_registers<other_registers>(); }

  __device__ Walk<down, across> walk() const { return {panel_, blockIdx.x / blocks, gridDim.x / blocks}; }
  __device__ Place own(Place first) const { return {first.left + rank_, first.right}; }
  __device__ WarpgroupProduct<Format, blocks> multiplier() const { return {panel_, stages_, shared_}; }

  __device__ void load() const {
    if (TileShape::lane() > 0) return;
    RingLoader<blocks> loader(panel_, stages_, shared_);
    for (auto tiles = walk(); !tiles.is_over(); tiles.advance()) loader.load(own(tiles.place()), rank_);
  }

 private:
  const Panel& panel_;
  unsigned char* stages_;
  Shared& shared_;
  int rank_ = Cluster().rank();
};

}  // namespace musc2::cuda
