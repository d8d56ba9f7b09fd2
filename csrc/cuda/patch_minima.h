#pragma once
// From sums to the nearest patches so far, without leaving registers until a warp's part is one key for each line (a
// row or a column of the product). The lines of one side form segments, one for each sample among them; every line of
// the other side has a minimum in each segment.
//
// Sums are what a thread holds of the product of Sums::rows with Sums::columns patches that a group of Sums::threads
// threads has multiplied; see tile_product.h and warpgroup_product.h.
#include "cuda/patch_panel.h"

namespace musc2::cuda {

// In shared memory, for each group: norms of the lines, then with infinity for those that lie in other samples than the
// one that is asked, and keys of the warps that share a line.
template <class Sums>
struct Minima {
  float row_norms[Sums::rows], column_norms[Sums::columns];
  float asked_rows[Sums::rows], asked_columns[Sums::columns];
  Key rows[Sums::row_warps][Sums::rows], columns[Sums::column_warps][Sums::columns];
};

// The norms of one side's lines, of which a thread holds every `threads`-th.
template <int lines, int threads>
struct Norms {
  static constexpr int each = (lines + threads - 1) / threads;
  float of[each];

  __device__ Norms(const Side& side, Range patches, int thread) {
#pragma unroll
    for (int k = 0; k < each; ++k) {
      const int patch = patches.first + thread + k * threads;
      of[k] = thread + k * threads < lines && patch < patches.end ? side.norms[patch] : infinity;
    }
  }

  // Writes those of the lines from `low` to before `high`, for the others infinity.
  __device__ void show(int low, int high, int thread, float (&norms)[lines]) const {
#pragma unroll
    for (int k = 0; k < each; ++k) {
      const int line = thread + k * threads;
      if (line < lines) norms[line] = line >= low && line < high ? of[k] : infinity;
    }
  }
};

// This thread's lines of the asking side, and those that the minimum is taken over: i-th row or column. A line of the
// others is the thread's own first one and so many after it.
template <class Sums, bool right_asks>
struct Lines {
  static constexpr int owns = right_asks ? Sums::columns_held : Sums::rows_held;
  static constexpr int others = right_asks ? Sums::rows_held : Sums::columns_held;

  __device__ static int own(int i) { return right_asks ? Sums::column(i) : Sums::row(i); }
  __device__ static int first_other() { return right_asks ? Sums::row(0) : Sums::column(0); }
  __device__ static constexpr int after_first(int j) {
    return right_asks ? Sums::rows_after_first(j) : Sums::columns_after_first(j);
  }
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

// The same of keys of 32 bits.
template <int count, int lanes, int last, int held>
__device__ int share_keys(int (&least)[held]) {
  constexpr int kept = count / 2;
  const bool second = (TileShape::lane() & lanes) != 0;
#pragma unroll
  for (int k = 0; k < kept; ++k) {
    const int low = least[k], high = least[k + kept];
    least[k] = min(second ? high : low, __shfl_xor_sync(whole_warp, second ? low : high, lanes));
  }
  const int first = second ? kept : 0;
  if constexpr (lanes > last) {
    return first + share_keys<kept, lanes / 2, last>(least);
  } else {
    return first;
  }
}

// The lines of a side that lie in the sample that is asked: from `low` to before `high`. Line 0 is its patch `number`.
struct Asked {
  int low, high, number;

  __device__ Asked(const Side& side, Range patches, int sample, int lines)
      : number(patches.first - sample * side.length) {
    low = max(0, -number);
    high = min(lines, side.length - number);
  }
};

// Leaves in `minima` this warp's keys for its lines over those of the other side that are asked:
// |a - b|^2 = |a|^2 + (|b|^2 - 2 ab), of which the bracket is compared. NaN never wins, so a key always names a line
// that is asked, if need be the first.
template <bool right_asks, class Sums>
__device__ void warp_minima(const Sums& sums, const Asked& asked, Minima<Sums>& minima) {
  using Line = Lines<Sums, right_asks>;
  constexpr int at_once = Line::owns < 16 ? Line::owns : 16;  // more need more registers than there are
  // The lanes of a row differ in the lowest two bits, those of a column in the other three.
  constexpr int top = right_asks ? 16 : 2, last = right_asks ? 4 : 1, sharing = 2 * top / last;
  constexpr int kept = at_once > sharing ? at_once / sharing : 1;
  constexpr int same = at_once < sharing ? sharing / at_once : 1;  // lanes that have the same lines in the end
  const float* norms = right_asks ? minima.asked_rows : minima.asked_columns;
  const float* own_norms = right_asks ? minima.column_norms : minima.row_norms;
  const int first_other = Line::first_other();
#pragma unroll
  for (int from = 0; from < Line::owns; from += at_once) {
    Best best[at_once];
    for (Best& each : best) each = {infinity, asked.low - first_other};
#pragma unroll
    for (int j = 0; j < Line::others; ++j) {
      const float norm = norms[first_other + Line::after_first(j)];
#pragma unroll
      for (int i = 0; i < at_once; ++i) {
        const float value = fmaf(-2, Line::sum(sums, from + i, j), norm);
        if (value < best[i].value) best[i] = {value, Line::after_first(j)};
      }
    }
    for (Best& each : best) each.at += first_other;
    const int first_line = from + share_lines<at_once, top, last>(best);
    if (TileShape::lane() / last % same > 0) continue;
#pragma unroll
    for (int k = 0; k < kept; ++k) {
      const int line = Line::own(first_line + k);
      const float distance2 = fmaxf(best[k].value + own_norms[line], 0);
      const Key key = make_key(distance2, static_cast<unsigned>(best[k].at + asked.number));
      if (right_asks) {
        minima.columns[Sums::part_of_column()][line] = key;
      } else {
        minima.rows[Sums::part_of_row()][line] = key;
      }
    }
  }
}

// The same of the columns, where a warp has no more than 16 rows: which one it is takes the place of the last 4 bits of
// the distance, so the search is 2^-19 less precise, and exchanging a line takes 4 instructions instead of 13. Each
// lane has parts of 64 columns, which are exchanged three times.
template <class Sums>
__device__ void packed_column_minima(const Sums& sums, const Asked& asked, Minima<Sums>& minima) {
  constexpr int at_once = 16, kept = 2, row_bits = 15;
  const int first_row = Sums::row(0), warp_row = first_row - Sums::part_of_column() * (row_bits + 1);
  float norms[Sums::rows_held];
#pragma unroll
  for (int i = 0; i < Sums::rows_held; ++i) norms[i] = minima.asked_rows[first_row + Sums::rows_after_first(i)];
#pragma unroll
  for (int from = 0; from < Sums::columns_held; from += at_once) {
    int least[at_once];
#pragma unroll
    for (int j = 0; j < at_once; ++j) {
      const float norm = minima.column_norms[Sums::column(from + j)];
#pragma unroll
      for (int i = 0; i < Sums::rows_held; ++i) {
        const float distance2 = fmaf(-2, sums.at(i, from + j), norms[i] + norm);
        const int key = (__float_as_int(distance2) & ~row_bits) | (warp_row + Sums::rows_after_first(i));
        least[j] = i == 0 ? key : min(least[j], key);
      }
    }
    const int first_line = from + share_keys<at_once, 16, 4>(least);
#pragma unroll
    for (int k = 0; k < kept; ++k) {
      const int row = (least[k] & row_bits) + Sums::part_of_column() * (row_bits + 1);
      const int asked_row = min(max(row, asked.low), asked.high - 1);  // another one only if no number is finite
      const float distance2 = fmaxf(__int_as_float(least[k] & ~row_bits), 0);
      minima.columns[Sums::part_of_column()][Sums::column(first_line + k)] =
          make_key(distance2, static_cast<unsigned>(asked_row + asked.number));
    }
  }
}

template <class Sums>
__device__ void column_minima(const Sums& sums, const Asked& asked, Minima<Sums>& minima) {
  if constexpr (Sums::rows / Sums::column_warps == 16) {
    packed_column_minima(sums, asked, minima);
  } else {
    warp_minima<true>(sums, asked, minima);
  }
}

// Offers the group's minima for this thread's lines to the nearest so far.
template <bool right_asks, int threads, int warps, int lines>
__device__ void offer(const Panel& panel, const Side& own, Range patches, int sample, const Key (&minima)[warps][lines],
                      int thread) {
#pragma unroll
  for (int k = 0; k < (lines + threads - 1) / threads; ++k) {
    const int line = thread + k * threads, patch = patches.first + line;
    if (line >= lines || patch >= patches.end || !panel.asks<right_asks>(own, patch, sample)) continue;
    Key least = minima[0][line];
#pragma unroll
    for (int warp = 1; warp < warps; ++warp) least = min(least, minima[warp][line]);
    atomicMin(own.nearest + static_cast<int64_t>(sample) * own.patches() + patch, least);
  }
}

template <class Sums>
using RowNorms = Norms<Sums::rows, Sums::threads>;
template <class Sums>
using ColumnNorms = Norms<Sums::columns, Sums::threads>;

// The samples among some patches.
__device__ inline Range samples_among(const Side& side, Range patches) {
  return {patches.first / side.length, (patches.end - 1) / side.length + 1};
}

// All threads of the group together: updates the nearest so far of both sides.
template <class Sums>
__device__ void reduce_sums(const Panel& panel, Range rows, Range columns, const Sums& sums,
                            const RowNorms<Sums>& row_norms, const ColumnNorms<Sums>& column_norms,
                            Minima<Sums>& minima) {
  const Side &left = panel.left, &right = panel.right;
  const int thread = Sums::thread();
  const Range right_samples = samples_among(right, columns);
  Range left_samples = samples_among(left, rows);
  if (right.nearest == nullptr) left_samples.end = left_samples.first;
  row_norms.show(0, Sums::rows, thread, minima.row_norms);
  column_norms.show(0, Sums::columns, thread, minima.column_norms);
  for (int k = 0;; ++k) {
    const int to_right = right_samples.first + k, to_left = left_samples.first + k;
    const bool left_asks = to_right < right_samples.end, right_asks = to_left < left_samples.end;
    if (!left_asks && !right_asks) return;
    const Asked asked_columns(right, columns, to_right, Sums::columns), asked_rows(left, rows, to_left, Sums::rows);
    column_norms.show(asked_columns.low, asked_columns.high, thread, minima.asked_columns);
    row_norms.show(asked_rows.low, asked_rows.high, thread, minima.asked_rows);
    Sums::barrier();
    if (left_asks) warp_minima<false>(sums, asked_columns, minima);
    if (right_asks) column_minima(sums, asked_rows, minima);
    Sums::barrier();
    if (left_asks) offer<false, Sums::threads>(panel, left, rows, to_right, minima.rows, thread);
    if (right_asks) offer<true, Sums::threads>(panel, right, columns, to_left, minima.columns, thread);
  }
}

}  // namespace musc2::cuda
