#pragma once
// The search of one pair of slabs.
#include <cstdint>
#include <vector>

#include "cpu/patch_panel.h"
#include "cpu/patch_results.h"

namespace musc2::cpu {

// What the search finds for each kind of rows of a slab: its nearest of the other slab's kinds.
struct FoundPatches {
  std::vector<float> value, runner_up, distance2;
  std::vector<int32_t> index;

  void resize(size_t rows) {
    for (auto* values : {&value, &runner_up, &distance2}) values->resize(rows);
    index.resize(rows);
  }
  Nearest nearest() { return {value.data(), index.data(), runner_up.data()}; }
};

// Memory of one thread for the search of a pair of slabs.
struct PairScratch {
  // For slabs of at most `rows` rows.
  PairScratch(Search search, int64_t rows, int64_t channels)
      : cells(static_cast<size_t>(micropanel_rows()() * patch_cells()(search, channels))) {
    const auto padded = static_cast<size_t>(rows + micropanel_rows()());
    a.resize(padded);
    b.resize(padded);
  }

  FoundPatches a, b, open;
  std::vector<int32_t> kinds, from, to, cells;
  std::vector<float> distance2, reach;
};

// Writes from a to b and, with `backward`, from b to a.
void search_pair(Search search, const Slab& a, const PackedSlab& packed_a, const Slab& b,
                 const PackedSlab& packed_b, PairScratch& scratch, const ResultColumn& forward,
                 const ResultColumn* backward);

}  // namespace musc2::cpu
