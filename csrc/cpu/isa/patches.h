#pragma once
// The inner loops of nearest_patches: pack samples, search all pairs of patches of two samples,
// measure pairs, measure what the search cannot tell apart, search two rows of grids in a window.
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

enum class Search : int { float32, int8, int16 };

// A sample packed for the search, as micropanels of micropanel_rows() rows. In a micropanel, step s
// holds one 4-byte cell per row: 1 float32, 2 int16 or 4 int8 values of consecutive channels.
// The same layout serves as either operand of a product. Rows are padded to whole micropanels and
// channels to whole steps, with zeros. Channels beyond the steps are 0 in both samples: they add
// nothing to a product.
struct PackedPatches {
  int32_t* cells;
  float* half_norms;    // -|x|^2 / 2 of the packed values; -infinity for padding: it never wins
  float* scales;        // int8, int16: value = scale * integer
  float* errors;        // no less than |x - packed x|
  int32_t* row_starts;  // int8: -128 times the row's sum
  int64_t rows, steps;
};

// For each patch of a sample its nearest patch of the other one: -distance^2 / 2 in the precision
// of the search, and its number.
struct Nearest {
  float* value;
  int32_t* index;
};

// The values of all pairs of a search: row after row of a, `stride` apart.
struct PairValues {
  float* values;
  int64_t stride;
};

// The features of the packed patches of a sample.
struct Features {
  const float* patches;
  const int32_t* rows;
  int64_t channels;
};

// Packed patches of one sample of a pair, with the nearest known patch of each in the other one.
struct KnownNearest {
  Features features;
  int64_t rows;
  const float* reach;  // another is as near only if it is within this and its error in the search
  const float* errors;
  float* distance2;
  int32_t* index;  // of a row of the features

  // Of equal distances, which are roots, the first one counts, as between the slabs of a sample.
  void update(int64_t row, float other2, int32_t other) const {
    float& best2 = distance2[row];
    if (other2 > best2) return;
    const float best = __builtin_sqrtf(best2), distance = __builtin_sqrtf(other2);
    if (distance < best || (distance == best && other < index[row])) {
      best2 = other2;
      index[row] = other;
    }
  }
};

// Rows per micropanel, cells that hold `channels`, and whether this instruction set supports the
// search.
MUSC2_ISA_FUNCTION(int64_t, micropanel_rows)
MUSC2_ISA_FUNCTION(int64_t, patch_cells, Search search, int64_t channels)
MUSC2_ISA_FUNCTION(bool, patch_search_exists, Search search)

// Packs patches minus a center, which changes no distance and reduces rounding. scratch:
// 2 * channels + 6 floats.
MUSC2_ISA_FUNCTION(void, pack_patches, Search search, const Features& features, const float* center,
                   float* scratch, PackedPatches packed)

// Finds for every row of a its nearest row of b, and the other way round; the lowest index wins
// ties. All have room for whole micropanels of rows and columns.
MUSC2_ISA_FUNCTION(void, search_patches, Search search, const PackedPatches& a,
                   const PackedPatches& b, PairValues pairs, Nearest rows, Nearest columns)

// distance2[i] = |a[a_rows[i]] - b[b_rows[i]]|^2 for i < n, from the features. The same for (a, b)
// and (b, a).
MUSC2_ISA_FUNCTION(void, measure_patches, const float* a, const float* b, const int32_t* a_rows,
                   const int32_t* b_rows, int64_t n, int64_t channels, float* distance2)

// Measures the pairs that are within reach of either patch, as measure_patches() does, and updates
// what is known of both. slack[i]: how far rounding takes the values of row i.
MUSC2_ISA_FUNCTION(void, measure_within, PairValues pairs, const float* slack,
                   const KnownNearest& a, const KnownNearest& b, float* farthest)

// Row a_row of one grid of patches and row b_row of another, of equally many columns. A window is
// less than the columns.
struct GridRows {
  const float *a, *b;
  int64_t a_row, b_row, columns, channels, window;
};

// For each patch of a row the nearest so far, and its number in the other grid.
struct NearestInRow {
  float* distance2;
  int32_t* index;
};

// Measures all pairs of patches of two rows that are at most `window` columns apart, with the bits
// of measure_patches(), and updates the nearest of a's patches, and of b's unless b is null. The
// lowest index wins ties, if rows are searched in ascending order. scratch: search_rows_floats().
MUSC2_ISA_FUNCTION(int64_t, search_rows_floats, int64_t columns, int64_t window)
MUSC2_ISA_FUNCTION(void, search_rows, const GridRows& rows, float* scratch, NearestInRow a,
                   NearestInRow b)

}  // namespace musc2::cpu
