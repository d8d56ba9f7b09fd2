#pragma once
// From the sums of a tile to the nearest patches so far, without leaving registers until a warp's part is one key for
// each line (a row or a column). The lines of one side form segments, one for each sample in the tile; every line of
// the other side has a minimum in each segment.
#include "cuda/patch_panel.h"

namespace musc2::cuda {

// Keys of the warps that share a line.
template <class Sums>
struct WarpMinima {
  Key rows[Sums::row_warps][TileShape::lines];
  Key columns[Sums::column_warps][TileShape::lines];
};

// This thread's lines of the asking side, and those that the minimum is taken over: i-th row or column.
template <class Sums, bool right_asks>
struct Lines {
  static constexpr int owns = right_asks ? Sums::columns_held : Sums::rows_held;
  static constexpr int others = right_asks ? Sums::rows_held : Sums::columns_held;

  __device__ static int own(int i) { return right_asks ? Sums::column(i) : Sums::row(i); }
  __device__ static int other(int j) { return right_asks ? Sums::row(j) : Sums::column(j); }
  __device__ static float sum(const Sums& sums, int i, int j) { return right_asks ? sums.at(j, i) : sums.at(i, j); }
};

// Leaves in `minima` this warp's keys for its lines of side `own` over the patches of `sample` of side `other`.
// |a - b|^2 = |a|^2 + (|b|^2 - 2 ab): the bracket is compared. NaN never wins, so a key always names a patch of the
// sample, if need be the tile's first.
template <bool right_asks, class Sums>
__device__ void warp_minima(const Sums& sums, const Side& own, int own_tile, const Side& other, int other_tile,
                            int sample, WarpMinima<Sums>& minima) {
  using Line = Lines<Sums, right_asks>;
  const int first = other.first_patch(other_tile);
  const int low = max(0, sample * other.length - first),
            high = min(other.end_patch(other_tile), (sample + 1) * other.length) - first;
  float norms[Line::others];
#pragma unroll
  for (int j = 0; j < Line::others; ++j) {
    const int line = Line::other(j);
    norms[j] = line >= low && line < high ? other.norms[first + line] : infinity;
  }
#pragma unroll
  for (int i = 0; i < Line::owns; ++i) {
    float best = infinity;
    int at = low;
#pragma unroll
    for (int j = 0; j < Line::others; ++j) {
      const float value = fmaf(-2, Line::sum(sums, i, j), norms[j]);
      if (value < best) best = value, at = Line::other(j);
    }
    // The lanes of a row differ in the lowest two bits, those of a column in the other three.
    for (int lanes = right_asks ? 4 : 1; lanes < (right_asks ? 32 : 4); lanes *= 2) {
      const float their_best = __shfl_xor_sync(whole_warp, best, lanes);
      const int their_at = __shfl_xor_sync(whole_warp, at, lanes);
      if (their_best < best || (their_best == best && their_at < at)) best = their_best, at = their_at;
    }
    const int line = Line::own(i), patch = own.first_patch(own_tile) + line;
    if (right_asks ? TileShape::lane() < 4 : TileShape::lane() % 4 == 0) {
      const float distance2 = fmaxf(best + (patch < own.patches() ? own.norms[patch] : 0), 0);
      const Key key = make_key(distance2, static_cast<unsigned>(first + at - sample * other.length));
      if (right_asks) {
        minima.columns[Sums::part_of_column()][line] = key;
      } else {
        minima.rows[Sums::part_of_row()][line] = key;
      }
    }
  }
}

// Offers the block's minimum for one line to the nearest so far.
template <bool right_asks, class Sums>
__device__ void offer(const Panel& panel, const Side& own, int own_tile, int sample, int line,
                      const WarpMinima<Sums>& minima) {
  const int patch = own.first_patch(own_tile) + line;
  if (patch >= own.patches() || !panel.asks<right_asks>(patch / own.length, sample)) return;
  Key key = nothing_found;
  if (right_asks) {
    for (const auto& warp : minima.columns) key = min(key, warp[line]);
  } else {
    for (const auto& warp : minima.rows) key = min(key, warp[line]);
  }
  atomicMin(own.nearest + static_cast<int64_t>(sample) * own.patches() + patch, key);
}

// All threads of the block together: updates the nearest so far of both sides by a tile's sums.
template <class Sums>
__device__ void reduce_tile(const Panel& panel, Place at, const Sums& sums, WarpMinima<Sums>& minima) {
  const Side &left = panel.left, &right = panel.right;
  const int first_right = right.first_sample(at.right), first_left = left.first_sample(at.left);
  const int right_samples = right.last_sample(at.right) - first_right + 1;
  const int left_samples = right.nearest == nullptr ? 0 : left.last_sample(at.left) - first_left + 1;
  const int line = static_cast<int>(threadIdx.x) % TileShape::lines;
  for (int k = 0; k < max(left_samples, right_samples); ++k) {
    if (k > 0) __syncthreads();
    if (k < right_samples) warp_minima<false>(sums, left, at.left, right, at.right, first_right + k, minima);
    if (k < left_samples) warp_minima<true>(sums, right, at.right, left, at.left, first_left + k, minima);
    __syncthreads();
    if (threadIdx.x < TileShape::lines) {
      if (k < right_samples) offer<false>(panel, left, at.left, first_right + k, line, minima);
    } else if (k < left_samples) {
      offer<true>(panel, right, at.right, first_left + k, line, minima);
    }
  }
}

}  // namespace musc2::cuda
