// Two sorts and a scatter per row. Both sorts are radix sorts of ordered integer keys: stable
// without comparisons, and the same work for any order of the values.
#include "musc2/rank_match.h"

#include <algorithm>
#include <memory>

#include "common/parallel.h"
#include "cpu/ordered_keys.h"

namespace musc2::cpu {
namespace {

// Uninitialized memory for the sorts of one row.
struct Scratch {
  explicit Scratch(int64_t columns)
      : keys(new uint32_t[2 * static_cast<size_t>(columns)]),
        order(new uint64_t[2 * static_cast<size_t>(columns)]) {}
  std::unique_ptr<uint32_t[]> keys;
  std::unique_ptr<uint64_t[]> order;
};

const uint32_t* sort_source(const float* source, int64_t columns, Scratch& scratch) {
  for (int64_t i = 0; i < columns; ++i)
    scratch.keys[static_cast<size_t>(i)] = ordered_key(source[i]);
  return sort_items<0>(scratch.keys.get(), scratch.keys.get() + columns, columns);
}

// An item has its index below the key, so any sort is stable.
const uint64_t* sort_target(const float* target, int64_t columns, Scratch& scratch) {
  for (int64_t i = 0; i < columns; ++i) {
    scratch.order[static_cast<size_t>(i)] =
        uint64_t{ordered_key(target[i])} << 32 | static_cast<uint64_t>(i);
  }
  return sort_items<32>(scratch.order.get(), scratch.order.get() + columns, columns);
}

void scatter(const uint32_t* sorted, const uint64_t* order, int64_t columns, float* matched) {
  for (int64_t i = 0; i < columns; ++i)
    matched[static_cast<uint32_t>(order[i])] = value_of_key(sorted[i]);
}

}  // namespace

void rank_match(const float* source, const float* target, int64_t rows, int64_t columns,
                float* matched) {
  if (rows == 0 || columns == 0) return;
  if (rows < num_threads() && columns > 2000) {  // a few long rows: sort source and target at once
    Scratch scratch(columns);
    for (int64_t row = 0; row < rows; ++row) {
      const uint32_t* sorted = nullptr;
      const uint64_t* order = nullptr;
      parallel_for(2, [&](int64_t task) {
        if (task == 0) order = sort_target(target + row * columns, columns, scratch);
        if (task == 1) sorted = sort_source(source + row * columns, columns, scratch);
      });
      scatter(sorted, order, columns, matched + row * columns);
    }
    return;
  }
  const int64_t chunk = std::max<int64_t>(1, 4000 / columns);
  parallel_for((rows + chunk - 1) / chunk, [&](int64_t c) {
    Scratch scratch(columns);
    for (int64_t row = c * chunk; row < std::min(rows, (c + 1) * chunk); ++row) {
      const uint32_t* sorted = sort_source(source + row * columns, columns, scratch);
      scatter(sorted, sort_target(target + row * columns, columns, scratch), columns,
              matched + row * columns);
    }
  });
}

}  // namespace musc2::cpu
