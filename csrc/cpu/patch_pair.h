#pragma once
// The search of one pair of slabs.
#include <cstdint>
#include <numeric>
#include <vector>

#include "cpu/patch_panel.h"
#include "cpu/patch_results.h"

namespace musc2::cpu {

// Memory of one thread for the search of a pair of slabs.
struct PairScratch {
  explicit PairScratch(int64_t rows)
      : value(static_cast<size_t>(2 * rows)),
        at(static_cast<size_t>(2 * rows)),
        distance2(at.size()),
        row(at.size()) {
    std::iota(row.begin(), row.end(), 0);
  }
  std::vector<float> value;
  std::vector<int32_t> at;
  std::vector<float> distance2;
  std::vector<int32_t> row, rest_a, rest_b, rest_at;
};

// Writes from a to b and, with `backward`, from b to a.
void search_pair(Search search, int64_t channels, const Slab& a, const PackedPatches& packed_a,
                 const Slab& b, const PackedPatches& packed_b, PairScratch& scratch,
                 const ResultColumn& forward, const ResultColumn* backward);

}  // namespace musc2::cpu
