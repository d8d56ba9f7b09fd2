#pragma once
// From sums to the nearest patches so far, without leaving registers until a warp's part is one key for each line (a
// row or a column of the product). The lines of one side form segments, one for each sample among them; every line of
// the other side has a minimum in each segment.
//
// Sums are what a thread holds of the product of Sums::rows with Sums::columns patches that a group of Sums::threads
// threads multiplies; see tile_product.h and warpgroup_product.h. They begin as minus half of both norms, so that
// -|a - b|^2 / 2 is what they end as. Less a margin they are negative, and as unsigned numbers the nearer the smaller.
// In place of its last bits such a number gets that of the line it belongs to, among those that a thread holds or, of
// rows on Hopper, among the warp's 16. A key is then made and compared with three instructions, and the search decides
// to 2^-19 of distance^2; 2^-17 over the 64 columns that a thread holds on Hopper.
#include "cuda/patch_panel.h"

namespace musc2::cuda {

constexpr unsigned not_asked = ~0u;  // farther than anything

// Of the norm of the line that asks, so that it is one for all that are compared. Matrix cores cut digits off, always
// towards zero, so that sums of patches that coincide end above zero by up to a quarter of this (simulated, 3072
// channels); positive numbers would sort the other way round.
constexpr float margin = 0x1p-13f;

// In shared memory, for each group: minus half of the norms; what lines put in place of the last bits, not_asked when
// they lie in other samples than the one that is asked; keys of the warps that share a line.
template <class Sums>
struct Minima {
  float row_norms[Sums::rows], column_norms[Sums::columns];
  unsigned row_marks[Sums::rows], column_marks[Sums::columns];
  Key rows[Sums::row_warps][Sums::rows], columns[Sums::column_warps][Sums::columns];
};

// Calls use(line, its number among these) for the lines of a thread, every `threads`-th.
template <int lines, int threads, class Use>
__device__ void each_line(int thread, const Use& use) {
#pragma unroll
  for (int k = 0; k < (lines + threads - 1) / threads; ++k) {
    const int line = thread + k * threads;
    if (line < lines) use(line, k);
  }
}

// The norms of one side's lines, of which a thread holds every `threads`-th.
template <int lines, int threads>
struct Norms {
  float of[(lines + threads - 1) / threads] = {};

  __device__ Norms(const Side& side, Range patches, int thread) {
    each_line<lines, threads>(thread, [&](int line, int k) {
      const int patch = patches.first + line;
      of[k] = patch < patches.end ? side.norms[patch] : infinity;
    });
  }

  __device__ void show(int thread, float (&norms)[lines]) const {
    each_line<lines, threads>(thread, [&](int line, int k) { norms[line] = -0.5f * of[k]; });
  }
};

// What a group multiplies at a time: the patches of its rows and columns.
struct Part {
  Range rows, columns;
};

// The norms of a group's next part, loaded before they are wanted.
template <class Sums>
struct PartNorms {
  Norms<Sums::rows, Sums::threads> rows;
  Norms<Sums::columns, Sums::threads> columns;

  __device__ PartNorms(const Panel& panel, Part part)
      : rows(panel.left, part.rows, Sums::thread()), columns(panel.right, part.columns, Sums::thread()) {}

  // All threads of the group together: what the sums begin as.
  __device__ void begin(Sums& sums, Minima<Sums>& minima) const {
    rows.show(Sums::thread(), minima.row_norms);
    columns.show(Sums::thread(), minima.column_norms);
    Sums::barrier();
    float row_norms[Sums::rows_held];
#pragma unroll
    for (int i = 0; i < Sums::rows_held; ++i) row_norms[i] = minima.row_norms[Sums::row(i)];
#pragma unroll
    for (int j = 0; j < Sums::columns_held; ++j) {
      const float norm = minima.column_norms[Sums::column(j)];
#pragma unroll
      for (int i = 0; i < Sums::rows_held; ++i) sums.at(i, j) = row_norms[i] + norm;
    }
  }
};

// This thread's lines of the asking side, and those that the minimum is taken over: i-th row or column. A line of the
// others is the thread's own first one and so many after it.
template <class Sums, bool right_asks>
struct Lines {
  static constexpr int owns = right_asks ? Sums::columns_held : Sums::rows_held;
  static constexpr int others = right_asks ? Sums::rows_held : Sums::columns_held;
  // So many of the others' lines are told apart by the last bits: those of the warp or, so that those are not too many,
  // of the thread.
  static constexpr bool by_warp = right_asks && Sums::rows_of_warp <= 16;
  static constexpr int marked = by_warp ? Sums::rows_of_warp : others;

  __device__ static int own(int i) { return right_asks ? Sums::column(i) : Sums::row(i); }
  __device__ static int first_other() { return right_asks ? Sums::row(0) : Sums::column(0); }
  __device__ static constexpr int after_first(int j) {
    return right_asks ? Sums::rows_after_first(j) : Sums::columns_after_first(j);
  }
  __device__ static float sum(const Sums& sums, int i, int j) { return right_asks ? sums.at(j, i) : sums.at(i, j); }

  // The mark of a line, and the line that has it.
  __device__ static unsigned mark(int line) {
    if (by_warp) return static_cast<unsigned>(line % marked);
    return static_cast<unsigned>(right_asks ? Sums::held_row(line) : Sums::held_column(line));
  }
  __device__ static int line(unsigned key) {
    const int number = static_cast<int>(key % marked);
    return by_warp ? Sums::part_of_column() * marked + number : first_other() + after_first(number);
  }
};

// The nearest of a line so far: a key without its mark, and which line of the other side gave it.
struct Best {
  unsigned far;
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
    const Best taken{__shfl_xor_sync(whole_warp, given.far, lanes), __shfl_xor_sync(whole_warp, given.at, lanes)};
    const bool better = taken.far < own.far || (taken.far == own.far && taken.at < own.at);
    best[k] = better ? taken : own;
  }
  const int first = halves && second ? kept : 0;
  if constexpr (lanes > last) {
    return first + share_lines<kept, lanes / 2, last>(best);
  } else {
    return first;
  }
}

// The same of keys whose marks tell the warp's lines apart.
template <int count, int lanes, int last, int held>
__device__ int share_keys(unsigned (&least)[held]) {
  constexpr int kept = count / 2;
  const bool second = (TileShape::lane() & lanes) != 0;
#pragma unroll
  for (int k = 0; k < kept; ++k) {
    const unsigned low = least[k], high = least[k + kept];
    least[k] = min(second ? high : low, __shfl_xor_sync(whole_warp, second ? low : high, lanes));
  }
  const int first = second ? kept : 0;
  if constexpr (lanes > last) {
    return first + share_keys<kept, lanes / 2, last>(least);
  } else {
    return first;
  }
}

// What is left of a sum, now as a number that is not negative, and a patch's number; nothing_found when no line was
// asked.
__device__ inline Key key_of(unsigned far, int patch) {
  if (far == not_asked) return nothing_found;
  const float distance = -__uint_as_float(far);
  return make_key(distance > 0 ? distance : 0, static_cast<unsigned>(patch));
}

// Leaves in `minima` this warp's keys for its lines over those of the other side that are asked, of which line 0 is the
// patch `number` of their sample.
template <bool right_asks, class Sums>
__device__ void warp_minima(const Sums& sums, int number, Minima<Sums>& minima) {
  using Line = Lines<Sums, right_asks>;
  constexpr int at_once = Line::owns < 8 ? Line::owns : 8;  // more need more registers than there are
  // The lanes of a row differ in the lowest two bits, those of a column in the other three.
  constexpr int top = right_asks ? 16 : 2, last = right_asks ? 4 : 1, sharing = 2 * top / last;
  constexpr int kept = at_once > sharing ? at_once / sharing : 1;
  constexpr int same = at_once < sharing ? sharing / at_once : 1;  // lanes that have the same lines in the end
  constexpr unsigned mark_bits = Line::marked - 1;
  const unsigned* marks = right_asks ? minima.row_marks : minima.column_marks;
  const float* norms = right_asks ? minima.column_norms : minima.row_norms;
  const int first_other = Line::first_other();
#pragma unroll
  for (int from = 0; from < Line::owns; from += at_once) {
    unsigned least[at_once];
    float margins[at_once];
#pragma unroll
    for (int i = 0; i < at_once; ++i) margins[i] = 2 * margin * norms[Line::own(from + i)];
#pragma unroll
    for (int j = 0; j < Line::others; ++j) {
      const unsigned mark = marks[first_other + Line::after_first(j)];
#pragma unroll
      for (int i = 0; i < at_once; ++i) {
        const float sum = Line::sum(sums, from + i, j) + margins[i];
        const unsigned key = replace_bits(__float_as_uint(sum), ~mark_bits, mark);
        least[i] = j == 0 ? key : min(least[i], key);
      }
    }
    Best best[at_once];
    int first_line = from;
    if constexpr (Line::by_warp) first_line += share_keys<at_once, top, last>(least);
#pragma unroll
    for (int i = 0; i < (Line::by_warp ? kept : at_once); ++i) {
      best[i] = {least[i] == not_asked ? not_asked : least[i] & ~mark_bits, Line::line(least[i])};
    }
    if constexpr (!Line::by_warp) first_line += share_lines<at_once, top, last>(best);
    if (TileShape::lane() / last % same > 0) continue;
#pragma unroll
    for (int k = 0; k < kept; ++k) {
      const int line = Line::own(first_line + k);
      const Key key = key_of(best[k].far, best[k].at + number);
      if (right_asks) {
        minima.columns[Sums::part_of_column()][line] = key;
      } else {
        minima.rows[Sums::part_of_row()][line] = key;
      }
    }
  }
}

// Writes the marks of a side's lines. The sample that is asked begins at line -number.
template <class Lines, int threads, int lines>
__device__ void show_marks(int number, int length, int thread, unsigned (&marks)[lines]) {
  each_line<lines, threads>(thread, [&](int line, int) {
    marks[line] = line >= -number && line < length - number ? Lines::mark(line) : not_asked;
  });
}

// Offers the group's minima for this thread's lines to the nearest so far.
template <bool right_asks, int threads, int warps, int lines>
__device__ void offer(const Panel& panel, const Side& own, Range patches, int sample, const Key (&minima)[warps][lines],
                      int thread) {
  each_line<lines, threads>(thread, [&](int line, int) {
    const int patch = patches.first + line;
    if (patch >= patches.end || !panel.asks<right_asks>(own, patch, sample)) return;
    Key least = minima[0][line];
#pragma unroll
    for (int warp = 1; warp < warps; ++warp) least = min(least, minima[warp][line]);
    atomicMin(own.nearest + static_cast<int64_t>(sample) * own.patches() + patch, least);
  });
}

// The samples among some patches.
__device__ inline Range samples_among(const Side& side, Range patches) {
  return {patches.first / side.length, (patches.end - 1) / side.length + 1};
}

// All threads of the group together: updates the nearest so far of both sides.
template <class Sums>
__device__ void reduce_sums(const Panel& panel, Part part, const Sums& sums, Minima<Sums>& minima) {
  const Side &left = panel.left, &right = panel.right;
  const auto [rows, columns] = part;
  const int thread = Sums::thread();
  const Range right_samples = samples_among(right, columns);
  Range left_samples = samples_among(left, rows);
  if (right.nearest == nullptr) left_samples.end = left_samples.first;
  for (int k = 0;; ++k) {
    const int to_right = right_samples.first + k, to_left = left_samples.first + k;
    const bool left_asks = to_right < right_samples.end, right_asks = to_left < left_samples.end;
    if (!left_asks && !right_asks) return;
    const int right_number = columns.first - to_right * right.length, left_number = rows.first - to_left * left.length;
    show_marks<Lines<Sums, false>, Sums::threads>(right_number, right.length, thread, minima.column_marks);
    show_marks<Lines<Sums, true>, Sums::threads>(left_number, left.length, thread, minima.row_marks);
    Sums::barrier();
    if (left_asks) warp_minima<false>(sums, right_number, minima);
    if (right_asks) warp_minima<true>(sums, left_number, minima);
    Sums::barrier();
    if (left_asks) offer<false, Sums::threads>(panel, left, rows, to_right, minima.rows, thread);
    if (right_asks) offer<true, Sums::threads>(panel, right, columns, to_left, minima.columns, thread);
  }
}

}  // namespace musc2::cuda
