#pragma once
// The search of one pair of slabs.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "cpu/patch_panel.h"
#include "cpu/patch_results.h"

namespace musc2::cpu {

// For each kind of a slab the nearest known row of the other slab; for those of a section, what the
// search found.
struct KnownPatches {
  std::vector<float> distance2, value, reach;
  std::vector<int32_t> index, found;

  KnownPatches(int64_t rows, int64_t at_once)
      : distance2(static_cast<size_t>(rows)),
        value(static_cast<size_t>(at_once)),
        reach(static_cast<size_t>(at_once)),
        index(static_cast<size_t>(rows)),
        found(static_cast<size_t>(at_once)) {}

  void start(int64_t rows) {
    std::fill_n(distance2.begin(), rows, std::numeric_limits<float>::infinity());
    std::fill_n(index.begin(), rows, std::numeric_limits<int32_t>::max());
    std::fill(reach.begin(), reach.end(), 0.0f);
  }
  Nearest nearest() { return {value.data(), found.data()}; }
};

// Memory of one thread for the search of a pair of slabs of at most `rows` rows.
class PairScratch {
 public:
  explicit PairScratch(int64_t rows)
      : at_once(rows_at_once(rows)),
        stride(at_once + 16),
        values(at_once * stride),
        a(rows, at_once),
        b(rows, at_once),
        slack(static_cast<size_t>(at_once)),
        farthest(static_cast<size_t>(at_once)) {}

  int64_t at_once, stride;  // kinds of a section, and values in a row of it
  ScratchArray<float> values;
  KnownPatches a, b;
  std::vector<int32_t> rows, columns, a_rows, b_rows;
  std::vector<float> distance2, slack, farthest;

 private:
  static int64_t rows_at_once(int64_t rows) {
    const int64_t micropanel = micropanel_rows()();
    return std::min((rows + micropanel - 1) / micropanel, 1008 / micropanel) * micropanel;
  }
};

// Writes from a to b and, with `backward`, from b to a.
void search_pair(Search search, const Slab& a, const PackedSlab& packed_a, const Slab& b,
                 const PackedSlab& packed_b, PairScratch& scratch, const ResultColumn& forward,
                 const ResultColumn* backward);

}  // namespace musc2::cpu
