#pragma once
// How a call of nearest_patches is cut into panels that fit into its scratch memory.
#include <type_traits>

#include "cuda/formats.h"
#include "cuda/patch_panel.h"

namespace musc2::cuda {

// The sizes of a call that its scratch memory depends on.
struct Problem {
  int64_t samples, patches, channels, others, other_patches;
  bool mutual;
  int64_t row_values, value_bytes;  // of a packed row; 0 values: features are searched unpacked
  int64_t lines;                    // rows are packed in whole multiples of this
  bool scaled;                      // packed rows have a scale each

  int64_t packed_rows(int64_t rows) const { return (rows + lines - 1) / lines * lines; }
};

template <class Format, class Feature, class Packed>
Problem make_problem(int64_t samples, int64_t patches, int64_t channels, bool mutual,
                     int64_t others, int64_t other_patches) {
  constexpr int64_t value_bytes = sizeof(typename Format::Stored);
  constexpr bool same =
      std::is_same_v<Format, Feature> && value_bytes == 2 && std::is_same_v<Packed, PackedRows>;
  const int64_t row_values = Packed::row_values(channels, value_bytes);
  const bool unpacked = same && row_values == channels;
  return {samples,
          patches,
          channels,
          others,
          other_patches,
          mutual,
          unpacked ? 0 : row_values,
          value_bytes,
          Packed::lines,
          is_scaled<Format>};
}

// How many samples make a left and a right panel, and the offsets of arrays in scratch memory.
struct Plan {
  int64_t left, right;
  int64_t center, packed_left, packed_right, norms_left, norms_right, scales_left, scales_right,
      keys_left, keys_right, counts_left, counts_right;
  int64_t bytes = 0;

  Plan(const Problem& problem, int64_t panels)
      : left((problem.samples + panels - 1) / panels),
        right((problem.others + panels - 1) / panels) {
    const int64_t left_patches = left * problem.patches;
    const int64_t right_patches = right * problem.other_patches;
    const int64_t row_bytes = problem.row_values * problem.value_bytes;
    const bool one = problem.mutual && panels == 1;  // the panel is searched against itself
    center = take(problem.channels * 4);
    packed_left = take(problem.packed_rows(left_patches) * row_bytes);
    packed_right = one ? packed_left : take(problem.packed_rows(right_patches) * row_bytes);
    norms_left = take(left_patches * 4);
    norms_right = one ? norms_left : take(right_patches * 4);
    scales_left = take(problem.scaled ? left_patches * 4 : 0);
    scales_right = one || !problem.scaled ? scales_left : take(right_patches * 4);
    keys_left = take(left_patches * right * 8);
    keys_right = one || !problem.mutual ? keys_left : take(right_patches * left * 8);
    counts_left = take(tiles(left_patches) * batches_of(right) * 4);
    counts_right = take(problem.mutual ? tiles(right_patches) * batches_of(left) * 4 : 0);
  }

  bool fits(const Problem& problem, int64_t memory) const {
    constexpr int64_t most = INT32_MAX - TileShape::lines;
    const bool countable = left * problem.patches <= most && right * problem.other_patches <= most;
    return countable && (bytes <= memory || (left == 1 && right == 1));
  }

 private:
  static int64_t tiles(int64_t lines) { return (lines + TileShape::lines - 1) / TileShape::lines; }

  int64_t take(int64_t size) {
    const int64_t first = bytes;
    bytes += (size + 255) / 256 * 256;
    return first;
  }
};

inline Plan make_plan(const Problem& problem, int64_t memory) {
  if (std::max(problem.patches, problem.other_patches) > INT32_MAX - TileShape::lines) {
    throw std::runtime_error("nearest_patches: a sample has too many patches");
  }
  for (int64_t panels = 1;; ++panels) {
    if (const Plan plan(problem, panels); plan.fits(problem, memory)) return plan;
  }
}

}  // namespace musc2::cuda
