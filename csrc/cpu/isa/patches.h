#pragma once
// The inner loops of nearest_patches: pack samples, search all pairs of two packed samples, measure the pairs found.
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

enum class Search : int { float32, bfloat16, int8 };

// A sample packed for the search. Rows are dealt into panels of patch_panel() rows; in a panel, step s holds one 4-byte
// cell per row: 1 float32, 2 bfloat16 or 4 int8 values of consecutive channels. The same form serves as either side of
// a product. Rows are padded to whole panels and channels to whole steps, with zeros.
struct PackedPatches {
  int32_t* cells;
  float* half_norms;    // -|x|^2 / 2 of the packed values; -infinity for padding, which therefore never wins
  float* scales;        // int8: value = scale * integer
  int32_t* row_starts;  // int8: -128 times the row's sum
  int64_t rows;
};

// The nearest patch of the other sample, for each patch of one: -distance^2 / 2 as the search sees it, and where.
struct NearestFound {
  float* value;
  int32_t* at;
};

// Rows per panel, cells per row, and whether this instruction set has the search.
MUSC2_LEAF(int64_t, patch_panel)
MUSC2_LEAF(int64_t, patch_cells, Search search, int64_t channels)
MUSC2_LEAF(bool, patch_search_exists, Search search)

// Packs patches minus a center, which changes no distance but takes what all patches share out of the rounding.
// scratch holds 2 * channels + 6 floats.
MUSC2_LEAF(void, pack_patches, Search search, const float* patches, int64_t channels, const float* center,
           float* scratch, PackedPatches packed)

// For every row of a its nearest row of b and the other way round, lowest index on ties. rows and columns hold whole
// panels.
MUSC2_LEAF(void, search_patches, Search search, const PackedPatches& a, const PackedPatches& b, int64_t channels,
           NearestFound rows, NearestFound columns)

// distance2[i] = |a[a_rows[i]] - b[b_rows[i]]|^2 for i < n, straight from the features; a and b may be exchanged.
MUSC2_LEAF(void, measure_patches, const float* a, const float* b, const int32_t* a_rows, const int32_t* b_rows,
           int64_t n, int64_t channels, float* distance2)

}  // namespace musc2::cpu
