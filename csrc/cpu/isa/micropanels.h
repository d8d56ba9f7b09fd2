#pragma once
// The shape of packed patches on this instruction set, see patches.h.
//
// A tile of the search is tile_rows rows of one sample by 3 vectors of rows of the other: enough
// independent sums to hide the latency of a fused multiply-add, few enough to stay in registers.
#include "cpu/isa/patches.h"
#include "cpu/isa/vectors.h"

namespace musc2::cpu::MUSC2_ISA {

constexpr int tile_rows = width == 16 ? 8 : 4;
constexpr int micropanel = 3 * width;
static_assert(micropanel % tile_rows == 0, "a tile's rows are in one micropanel");

static inline int64_t cells_per_row(Search search, int64_t channels) {
  const int64_t per_cell = search == Search::float32 ? 1 : search == Search::bfloat16 ? 2 : 4;
  return (channels + per_cell - 1) / per_cell;
}

static inline int64_t round_to_micropanels(int64_t rows) {
  return (rows + micropanel - 1) / micropanel * micropanel;
}

}  // namespace musc2::cpu::MUSC2_ISA
