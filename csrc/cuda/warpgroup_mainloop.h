#pragma once
// The mainloop for Hopper GPUs: the product of 128 by 256 rows by two warpgroups, each of which
// holds 64 x 256 of the sums. The blocks of a cluster multiply different rows by the same 256 rows,
// of which each block loads its share for all. The packed rows are laid out in device memory as in
// shared memory (PackedTiles), so 128 bytes of the rows take a few bulk copies. A producer warp
// starts them, up to 4 stages ahead of the consumers.
#include "cuda/cluster.h"
#include "cuda/formats.h"
#include "cuda/patch_panel.h"

namespace musc2::cuda {

// Which of the sums of 64 by 256 rows a thread holds. Each warp has 16 whole rows.
struct WarpgroupLayout {
  static constexpr int rows = hopper::left_rows, columns = hopper::right_rows, threads = 128;
  static constexpr int rows_held = 2, columns_held = 64;
  // Warps that share a row, and warps that share a column.
  static constexpr int row_warps = 1, column_warps = 4, rows_of_warp = rows / column_warps;

  __device__ static int group() { return static_cast<int>(threadIdx.x) / threads; }
  __device__ static int thread() { return static_cast<int>(threadIdx.x) % threads; }
  __device__ static void barrier() { named_barrier<threads>(1 + group()); }

  __device__ static int row(int i) {
    return warp_in_column() * 16 + TileShape::lane() / 4 + row_offset(i);
  }
  __device__ static int column(int j) { return TileShape::lane() % 4 * 2 + column_offset(j); }
  __host__ __device__ static constexpr int row_offset(int i) { return tile::sum_row(0, i * 2); }
  __host__ __device__ static constexpr int column_offset(int j) {
    return j / 2 * 8 + tile::sum_column(0, j % 2);
  }
  __device__ static int warp_in_row() { return 0; }
  __device__ static int warp_in_column() { return TileShape::warp() % column_warps; }
  __device__ static int held_row(int row) { return row % rows_of_warp / 8; }
  __device__ static int held_column(int column) { return column / 8 * 2 + column % 2; }
};

// Those sums, floats or integers.
template <class Sum>
struct HeldSums : WarpgroupLayout {
  Sum of[2][64];

  __device__ Sum at(int i, int j) const { return of[j / 32][j % 32 / 2 * 4 + i * 2 + j % 2]; }
  __device__ Sum& at(int i, int j) { return of[j / 32][j % 32 / 2 * 4 + i * 2 + j % 2]; }
};
using WarpgroupSums = HeldSums<float>;

// The ring buffer of stages in shared memory. The steps of all tiles pass through it one after
// another. A step is 128 bytes of channels: 128 rows of the left operand, then 256 of the right
// one.
struct Ring {
  static constexpr int stages = 4, groups = 2, lead = 2, left_bytes = PackedTiles::step_bytes;
  static constexpr int stage_bytes = left_bytes + hopper::right_rows * hopper::row_bytes;
  static constexpr int shared_bytes = stages * stage_bytes + hopper::alignment;

  // In shared memory. A stage is full when the producer's copies have landed, and empty when all
  // consumer warps of the cluster have used it. The second warpgroup starts a tile when the first
  // one is `lead` steps ahead in it: then they reduce their sums at different times, and one keeps
  // the matrix cores busy while the other reduces.
  struct Shared {
    Mbarrier full[stages], empty[stages], ahead;

    __device__ void init(int blocks) {
      for (int stage = 0; stage < stages; ++stage) {
        cuda::init(full[stage], 1);
        cuda::init(empty[stage], groups * WarpgroupLayout::threads / warp_lanes * blocks);
      }
      cuda::init(ahead, 1);
    }
  };

  __device__ static unsigned char* stage(unsigned char* ring, int step) {
    return ring + step % stages * stage_bytes;
  }
};

// Loads the steps of a block's tiles: one thread of each of the `blocks` blocks of a cluster.
template <int blocks>
class RingProducer {
 public:
  __device__ RingProducer(const SearchParams& params, unsigned char* stages, Ring::Shared& shared)
      : left_(params.left.searched),
        right_(params.right.searched),
        stages_(stages),
        shared_(shared) {}

  // Loads two tiles side by side. Nothing is loaded beyond the last tile, where sums are not used.
  __device__ void load(Tile first, int rank) {
    const int first_left = first.left * TileShape::lines;
    const int first_right = first.right * TileShape::lines;
    const int first_own = rank * share;
    const int right_rows = min(tiles_end(right_) - first_right, hopper::right_rows);
    const bool has_left = first_left < left_.rows;
    const int bytes = right_rows * hopper::row_bytes + (has_left ? Ring::left_bytes : 0);
    const unsigned char* left = row_at(left_, first_left);
    const unsigned char* right[copies];
#pragma unroll
    for (int i = 0; i < copies; ++i) {
      right[i] = row_at(right_, first_right + first_own + i * rows_at_once);
    }
    for (int step = 0; step < left_.row_bytes / hopper::row_bytes; ++step, ++step_) {
      const int stage = step_ % Ring::stages, round = step_ / Ring::stages;
      if (round > 0) wait(shared_.empty[stage], static_cast<unsigned>(round - 1));
      unsigned char* const to = Ring::stage(stages_, step_);
      Mbarrier& full = shared_.full[stage];
      hopper::arrive_expect_bytes(full, bytes);
      if (has_left) hopper::bulk_copy(to, left, Ring::left_bytes, full);
      left += PackedTiles::step_bytes;
#pragma unroll
      for (int i = 0; i < copies; ++i) {
        const int row = first_own + i * rows_at_once;
        if (row < right_rows) {
          copy_right(to + Ring::left_bytes + row * hopper::row_bytes, right[i], full);
        }
        right[i] += PackedTiles::step_bytes;
      }
    }
  }

 private:
  static constexpr int share = hopper::right_rows / blocks;
  // A copy stays in one tile.
  static constexpr int rows_at_once = share < TileShape::lines ? share : TileShape::lines;
  static constexpr int copies = share / rows_at_once;

  __device__ static void copy_right(unsigned char* to, const unsigned char* from, Mbarrier& full) {
    constexpr int bytes = rows_at_once * hopper::row_bytes;
    if constexpr (blocks == 1) {
      hopper::bulk_copy(to, from, bytes, full);
    } else {
      hopper::bulk_copy_multicast(to, from, bytes, full, blocks);
    }
  }

  __device__ static int tiles_end(const Matrix& operand) {
    return (operand.rows + TileShape::lines - 1) / TileShape::lines * TileShape::lines;
  }

  // The address of the first 128 bytes of a row.
  __device__ static const unsigned char* row_at(const Matrix& operand, int row) {
    const int64_t in_tile = row % TileShape::lines;
    return operand.data + (row - in_tile) * operand.row_bytes + in_tile * hopper::row_bytes;
  }

  const Matrix &left_, &right_;
  unsigned char* stages_;
  Ring::Shared& shared_;
  int step_ = 0;  // steps loaded so far
};

// A consumer warpgroup's half of the products, from the ring.
template <class Format, int blocks>
class WarpgroupMainloop {
 public:
  __device__ WarpgroupMainloop(const SearchParams& params, unsigned char* stages,
                               Ring::Shared& shared)
      : steps_(params.left.searched.row_bytes / hopper::row_bytes),
        stages_(stages),
        shared_(shared) {}

  __device__ void prefetch(Tile) {}  // the producer does

  // Adds the product of the next tile.
  __device__ void run(HeldSums<typename Format::Sum>& sums) {
    // Before the second warpgroup has begun a tile, the ring keeps the first from getting as far as
    // this in the next one.
    static_assert(2 * Ring::lead + 1 >= Ring::stages);
    const bool staggered = steps_ > Ring::lead, is_first = WarpgroupLayout::group() == 0;
    if (staggered && !is_first) wait(shared_.ahead, static_cast<unsigned>(tiles_));
    for (int step = 0; step < steps_; ++step) {
      const int number = first_step_ + step;
      wait(shared_.full[number % Ring::stages], static_cast<unsigned>(number / Ring::stages));
      multiply(Ring::stage(stages_, number), sums);
      if (step == 0) continue;
      hopper::wait_products<1>();
      release(number - 1);
      if (step == Ring::lead && staggered && is_first && WarpgroupLayout::thread() == 0) {
        arrive(shared_.ahead);
      }
    }
    hopper::wait_products<0>();
    for (auto& half : sums.of) hopper::fence_sums(half);
    first_step_ += steps_;
    release(first_step_ - 1);
    ++tiles_;
  }

 private:
  // Frees the stage of a step, in every block of the cluster. Called by each warp.
  __device__ void release(int step) const {
    Mbarrier& empty = shared_.empty[step % Ring::stages];
    if (TileShape::lane() >= blocks) return;
    if constexpr (blocks == 1) {
      arrive(empty);
    } else {
      hopper::arrive(empty, TileShape::lane());
    }
  }

  __device__ static void multiply(const unsigned char* stage,
                                  HeldSums<typename Format::Sum>& sums) {
    const int group_offset = WarpgroupLayout::group() * hopper::left_rows * hopper::row_bytes;
    auto left = hopper::make_descriptor(shared_address(stage + group_offset));
    auto right = hopper::make_descriptor(shared_address(stage + Ring::left_bytes));
    hopper::fence_products();
#pragma unroll
    for (int byte = 0; byte < hopper::row_bytes; byte += hopper::bytes_at_once) {
      Format::multiply(sums.of[0], sums.of[1], left, right);
      left += hopper::next_channels;
      right += hopper::next_channels;
    }
    hopper::commit_products();
  }

  int steps_;
  unsigned char* stages_;
  Ring::Shared& shared_;
  int first_step_ = 0, tiles_ = 0;  // steps and tiles multiplied so far
};

// The search policy for Hopper GPUs, see patch_search.h, with clusters of `blocks` blocks. Two
// warpgroups of a block are consumers; one warp of the third produces and three measure.
template <class SearchFormat, int blocks>
class WarpgroupSearch {
 public:
  using Format = SearchFormat;
  using Sums = WarpgroupSums;
  using Products = HeldSums<typename Format::Sum>;
  using Shared = Ring::Shared;
  static constexpr unsigned cluster_blocks = blocks;
  static constexpr int threads = 384, groups = Ring::groups, down = blocks, across = 2;
  static constexpr int first_measuring_warp = 9, measuring_warps = 3;
  static constexpr int shared_bytes = Ring::shared_bytes;
  // Consumers take registers from the third warpgroup. The block has those that it was launched
  // with: per thread as many as the compiler may use, a multiple of 8.
  static constexpr int consumer_registers = 192, other_registers = 120;
  static constexpr int launched_registers = (64 << 10) / threads / 8 * 8;
  static_assert(groups * consumer_registers + other_registers == (groups + 1) * launched_registers);

  __device__ WarpgroupSearch(const SearchParams& params, unsigned char* stages, Shared& shared)
      : params_(params),
        stages_(stages + (-shared_address(stages) & (hopper::alignment - 1))),
        shared_(shared) {}

  __device__ static void init(Shared& shared) {
    shared.init(blocks);
    hopper::fence_mbarrier_init();
  }
  // Of the cluster: no block may access the memory of one that has not started or has ended.
  __device__ static void barrier() { Cluster().barrier(); }
  __device__ static void begin_consumer() { hopper::increase_registers<consumer_registers>(); }
  __device__ static void begin_other() { hopper::decrease_registers<other_registers>(); }

  __device__ TileScheduler<down, across> scheduler() const {
    return {params_, blockIdx.x / blocks, gridDim.x / blocks};
  }
  __device__ Tile own(Tile first) const { return {first.left + rank_, first.right}; }
  __device__ WarpgroupMainloop<Format, blocks> mainloop() const {
    return {params_, stages_, shared_};
  }

  __device__ void produce() const {
    if (TileShape::lane() > 0) return;
    RingProducer<blocks> producer(params_, stages_, shared_);
    for (auto tiles = scheduler(); !tiles.is_over(); tiles.advance()) {
      producer.load(own(tiles.tile()), rank_);
    }
  }

 private:
  const SearchParams& params_;
  unsigned char* stages_;
  Shared& shared_;
  int rank_ = Cluster().rank();
};

}  // namespace musc2::cuda
