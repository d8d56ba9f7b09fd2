#pragma once
// The shape of packed patches on this instruction set, see patches.h.
//
// A tile of the search is tile_rows rows of one sample by tile_columns rows, 3 vectors, of the
// other: enough independent sums to hide the latency of a fused multiply-add, few enough to stay in
// registers, of which AVX-512 and NEON have 32.
#include "cpu/isa/patches.h"
#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int tile_rows = 8;
#else
constexpr int tile_rows = 4;
#endif
constexpr int tile_columns = 3 * width;
constexpr int micropanel = tile_columns % tile_rows == 0 ? tile_columns : 2 * tile_columns;
static_assert(micropanel % tile_rows == 0, "a tile's rows are in one micropanel");

static inline int64_t cells_per_row(Search search, int64_t channels) {
  const int64_t per_cell = search == Search::float32 ? 1 : search == Search::int8 ? 4 : 2;
  return (channels + per_cell - 1) / per_cell;
}

// Of a row's first cell, in a sample whose rows have `steps` cells.
static inline int64_t cell_offset(int64_t row, int64_t steps) {
  return row / micropanel * micropanel * steps + row % micropanel;
}

static inline int64_t round_to_micropanels(int64_t rows) {
  return (rows + micropanel - 1) / micropanel * micropanel;
}

static inline const float* feature_row(const Features& features, int64_t patch) {
  return features.patches + features.rows[patch] * features.channels;
}

}  // namespace musc2::cpu::MUSC2_ISA
