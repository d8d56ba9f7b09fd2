#pragma once
// The epilogue: from the accumulators of a tile to the nearest patches so far. Sums stay in
// registers until a warp has one key per line (a row or a column of the product). The lines of one
// panel fall into segments, one per sample; each line of the other panel has a minimum in each
// segment.
//
// Sums are what a thread holds of the product of Sums::rows by Sums::columns patches that a group
// of Sums::threads threads multiplies; see tile_mainloop.h and warpgroup_mainloop.h. They start at
// minus half of both norms, so that they end at -|a - b|^2 / 2. Minus a margin they are negative,
// and their bits as unsigned numbers grow with the distance. The last bits are replaced by a mark,
// which tells apart the lines that a thread holds or, for rows on Hopper, the 16 rows of the warp.
// Making a key and comparing it takes three instructions. The search decides to 2^-19 of
// distance^2, and to 2^-17 over the 64 columns that a thread holds on Hopper.
//
// A line that looks for its nearest patch is a query; the lines that it is compared with are its
// candidates.
#include "cuda/patch_sums.h"

namespace musc2::cuda {

// Relative to the norm of the query, so that it is equal for all of its candidates. Matrix cores
// truncate sums towards zero, so sums of patches that coincide end above zero, by up to a quarter
// of this (simulated, 3072 channels); positive numbers would sort the other way round.
constexpr float margin = 0x1p-13f;

// This thread's query lines and candidate lines. Candidate line j is the thread's first one plus
// candidate_offset(j).
template <class Sums, bool from_right>
struct Lines {
  static constexpr int queries = from_right ? Sums::columns_held : Sums::rows_held;
  static constexpr int candidates = from_right ? Sums::rows_held : Sums::columns_held;
  // How many candidate lines the marks tell apart: those of the warp or, where they would take too
  // many bits, those of the thread.
  static constexpr bool by_warp = from_right && Sums::rows_of_warp <= 16;
  static constexpr int marks = by_warp ? Sums::rows_of_warp : candidates;

  __device__ static int query(int i) { return from_right ? Sums::column(i) : Sums::row(i); }
  __device__ static int first_candidate() { return from_right ? Sums::row(0) : Sums::column(0); }
  __device__ static constexpr int candidate_offset(int j) {
    return from_right ? Sums::row_offset(j) : Sums::column_offset(j);
  }
  __device__ static float sum(const Sums& sums, int i, int j) {
    return from_right ? sums.at(j, i) : sums.at(i, j);
  }

  // The mark of a candidate line, and the line with that mark.
  __device__ static unsigned mark(int line) {
    if (by_warp) return static_cast<unsigned>(line % marks);
    return static_cast<unsigned>(from_right ? Sums::held_row(line) : Sums::held_column(line));
  }
  __device__ static int line(unsigned key) {
    const int mark = static_cast<int>(key % marks);
    return by_warp ? Sums::warp_in_column() * marks + mark
                   : first_candidate() + candidate_offset(mark);
  }
};

// The nearest candidate of a query so far: the key without its mark, and the candidate's line.
struct Nearest {
  unsigned bits;
  int line;
};

// Reduces over lanes that hold different candidates of the same queries: lanes whose numbers differ
// in bit `lanes`, then in the lower bits, down to `last`. In each step two lanes swap halves of
// their first `count` queries, and each continues with half of them: the lane without the bit with
// the first half, the other with the second. A single query remains in both. Returns the number of
// the query that ends in nearest[0].
template <int count, int lanes, int last, int held>
__device__ int reduce_lanes(Nearest (&nearest)[held]) {
  constexpr bool halves = count > 1;
  constexpr int kept = halves ? count / 2 : 1;
  const bool second = (TileShape::lane() & lanes) != 0;
#pragma unroll
  for (int k = 0; k < kept; ++k) {
    const Nearest low = nearest[k], high = nearest[halves ? k + kept : k];
    const Nearest own = second ? high : low, sent = second ? low : high;
    const Nearest received{__shfl_xor_sync(whole_warp, sent.bits, lanes),
                           __shfl_xor_sync(whole_warp, sent.line, lanes)};
    const bool better =
        received.bits < own.bits || (received.bits == own.bits && received.line < own.line);
    nearest[k] = better ? received : own;
  }
  const int first = halves && second ? kept : 0;
  if constexpr (lanes > last) {
    return first + reduce_lanes<kept, lanes / 2, last>(nearest);
  } else {
    return first;
  }
}

// Likewise for keys whose marks tell the candidates of the whole warp apart.
template <int count, int lanes, int last, int held>
__device__ int reduce_lanes(unsigned (&least)[held]) {
  constexpr int kept = count / 2;
  const bool second = (TileShape::lane() & lanes) != 0;
#pragma unroll
  for (int k = 0; k < kept; ++k) {
    const unsigned low = least[k], high = least[k + kept];
    least[k] = min(second ? high : low, __shfl_xor_sync(whole_warp, second ? low : high, lanes));
  }
  const int first = second ? kept : 0;
  if constexpr (lanes > last) {
    return first + reduce_lanes<kept, lanes / 2, last>(least);
  } else {
    return first;
  }
}

// The key of a patch: what remains of its sum, as a distance that is not negative, and its number.
// no_patch when there was no candidate.
__device__ inline Key key_of(unsigned bits, int patch) {
  if (bits == no_candidate) return no_patch;
  const float distance = -__uint_as_float(bits);
  return make_key(distance > 0 ? distance : 0, static_cast<unsigned>(patch));
}

// Writes this warp's keys for its queries to `minima`. The candidates are those of one sample; the
// candidate at line 0 is its patch `number`.
template <bool from_right, class Sums, bool are_scaled>
__device__ void warp_minima(const Sums& sums, int number, Minima<Sums, are_scaled>& minima) {
  using Line = Lines<Sums, from_right>;
  constexpr int at_once = Line::queries < 8 ? Line::queries : 8;  // more would spill registers
  // The lanes that share a row differ in the lowest two bits, those that share a column in the
  // others.
  constexpr int top = from_right ? 16 : 2, last = from_right ? 4 : 1, sharing = 2 * top / last;
  constexpr int kept = at_once > sharing ? at_once / sharing : 1;
  // Lanes that end with the same queries.
  constexpr int same = at_once < sharing ? sharing / at_once : 1;
  constexpr unsigned mark_bits = Line::marks - 1;
  const unsigned* marks = from_right ? minima.row_marks : minima.column_marks;
  const float* norms = from_right ? minima.column_norms : minima.row_norms;
  const int first_candidate = Line::first_candidate();
#pragma unroll
  for (int first = 0; first < Line::queries; first += at_once) {
    unsigned least[at_once];
    float margins[at_once];
#pragma unroll
    for (int i = 0; i < at_once; ++i) margins[i] = 2 * margin * norms[Line::query(first + i)];
#pragma unroll
    for (int j = 0; j < Line::candidates; ++j) {
      const unsigned mark = marks[first_candidate + Line::candidate_offset(j)];
#pragma unroll
      for (int i = 0; i < at_once; ++i) {
        const float sum = Line::sum(sums, first + i, j) + margins[i];
        const unsigned key = replace_bits(__float_as_uint(sum), ~mark_bits, mark);
        least[i] = j == 0 ? key : min(least[i], key);
      }
    }
    Nearest nearest[at_once];
    int own = first;
    if constexpr (Line::by_warp) own += reduce_lanes<at_once, top, last>(least);
#pragma unroll
    for (int i = 0; i < (Line::by_warp ? kept : at_once); ++i) {
      nearest[i] = {least[i] == no_candidate ? no_candidate : least[i] & ~mark_bits,
                    Line::line(least[i])};
    }
    if constexpr (!Line::by_warp) own += reduce_lanes<at_once, top, last>(nearest);
    if (TileShape::lane() / last % same > 0) continue;
#pragma unroll
    for (int k = 0; k < kept; ++k) {
      const int line = Line::query(own + k);
      const Key key = key_of(nearest[k].bits, nearest[k].line + number);
      if (from_right) {
        minima.columns[Sums::warp_in_column()][line] = key;
      } else {
        minima.rows[Sums::warp_in_row()][line] = key;
      }
    }
  }
}

// Writes the marks of the candidate lines, for the sample that starts at line -number.
template <class Lines, int threads, int lines>
__device__ void store_marks(int number, int length, int thread, unsigned (&marks)[lines]) {
  each_line<lines, threads>(thread, [&](int line, int) {
    marks[line] = line >= -number && line < length - number ? Lines::mark(line) : no_candidate;
  });
}

// Updates the nearest patches so far with the group's minima for this thread's lines.
template <bool from_right, int threads, int warps, int lines>
__device__ void update_nearest(const SearchParams& params, const Panel& own, Range patches,
                               int sample, const Key (&minima)[warps][lines], int thread) {
  each_line<lines, threads>(thread, [&](int line, int) {
    const int patch = patches.first + line;
    if (patch >= patches.end || !params.is_query<from_right>(own, patch, sample)) return;
    Key least = minima[0][line];
#pragma unroll
    for (int warp = 1; warp < warps; ++warp) least = min(least, minima[warp][line]);
    atomicMin(own.nearest + static_cast<int64_t>(sample) * own.patches() + patch, least);
  });
}

__device__ inline Range samples_of(const Panel& panel, Range patches) {
  return {patches.first / panel.length, (patches.end - 1) / panel.length + 1};
}

// Updates the nearest patches so far of both panels. Called by all threads of the group.
template <class Sums, bool are_scaled>
__device__ void epilogue(const SearchParams& params, GroupTile tile, const Sums& sums,
                         Minima<Sums, are_scaled>& minima) {
  const Panel &left = params.left, &right = params.right;
  const auto [rows, columns] = tile;
  const int thread = Sums::thread();
  const Range right_samples = samples_of(right, columns);
  Range left_samples = samples_of(left, rows);
  if (right.nearest == nullptr) left_samples.end = left_samples.first;
  for (int k = 0;; ++k) {
    const int in_right = right_samples.first + k, in_left = left_samples.first + k;
    const bool from_left = in_right < right_samples.end, from_right = in_left < left_samples.end;
    if (!from_left && !from_right) return;
    const int right_number = columns.first - in_right * right.length;
    const int left_number = rows.first - in_left * left.length;
    store_marks<Lines<Sums, false>, Sums::threads>(right_number, right.length, thread,
                                                   minima.column_marks);
    store_marks<Lines<Sums, true>, Sums::threads>(left_number, left.length, thread,
                                                  minima.row_marks);
    Sums::barrier();
    if (from_left) warp_minima<false>(sums, right_number, minima);
    if (from_right) warp_minima<true>(sums, left_number, minima);
    Sums::barrier();
    if (from_left) {
      update_nearest<false, Sums::threads>(params, left, rows, in_right, minima.rows, thread);
    }
    if (from_right) {
      update_nearest<true, Sums::threads>(params, right, columns, in_left, minima.columns, thread);
    }
  }
}

}  // namespace musc2::cuda
