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

// The least value of a line so far, and which line of the other side gave it.
struct Best {
  float value;
  int at;
};

// Lanes whose numbers differ in bit `lanes` have parts of the same lines. Of the first `count` they exchange halves, so
// that each has whole lines, half as many: the lane without the bit the first half, the other the second. A single line
// both have. The same with the lower bits, down to `last`. Returns the number of the line that is best[0] in the end.
template <int count, int lanes, int last, int held>
__device__ int share_lines(Best (&best)[held]) {
  constexpr bool halves = count > 1;
  constexpr int kept = halves ? count / 2 : 1;
  const bool second = (TileShape::lane() & lanes) != 0;
#pragma unroll
  for (int k = 0; k < kept; ++k) {
    const Best low = best[k], high = best[halves ? k + kept : k];
    const Best own = second ? high : low, given = second ? low : high;
    const Best taken{__shfl_xor_sync(whole_warp, given.value, lanes), __shfl_xor_sync(whole_warp, given.at, lanes)};
    const bool better = taken.value < own.value || (taken.value == own.value && taken.at < own.at);
    best[k] = better ? taken : own;
  }
  const int first = halves && second ? kept : 0;
  if constexpr (lanes > last) {
    return first + share_lines<kept, lanes / 2, last>(best);
  } else {
    return first;
  }
}

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
  Best best[Line::owns];
#pragma unroll
  for (int i = 0; i < Line::owns; ++i) {
    best[i] = {infinity, low};
#pragma unroll
    for (int j = 0; j < Line::others; ++j) {
      const float value = fmaf(-2, Line::sum(sums, i, j), norms[j]);
      if (value < best[i].value) best[i] = {value, Line::other(j)};
    }
  }
  // The lanes of a row differ in the lowest two bits, those of a column in the other three.
  constexpr int top = right_asks ? 16 : 2, last = right_asks ? 4 : 1, sharing = 2 * top / last;
  constexpr int kept = Line::owns > sharing ? Line::owns / sharing : 1;
  constexpr int same = Line::owns < sharing ? sharing / Line::owns : 1;
  const int first_line = share_lines<Line::owns, top, last>(best);
  if (TileShape::lane() / last % same > 0) return;  // other lanes have the same lines
#pragma unroll
  for (int k = 0; k < kept; ++k) {
    const int line = Line::own(first_line + k), patch = own.first_patch(own_tile) + line;
    const float distance2 = fmaxf(best[k].value + (patch < own.patches() ? own.norms[patch] : 0), 0);
    const Key key = make_key(distance2, static_cast<unsigned>(first + best[k].at - sample * other.length));
    if (right_asks) {
      minima.columns[Sums::part_of_column()][line] = key;
    } else {
      minima.rows[Sums::part_of_row()][line] = key;
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
