// Two sorts and a scatter per row. Both sorts are radix sorts of ordered integer keys: stable without a comparison, and
// the same work for any order of the values.
#include "musc2/rank_match.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "common/parallel.h"

namespace musc2::cpu {
namespace {

constexpr uint32_t sign = 0x80000000u;

// Unsigned integers in the order of the values.
uint32_t ordered_key(float value) {
  const float with_plain_zero = value + 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &with_plain_zero, sizeof bits);
  return bits & sign ? ~bits : bits | sign;
}

float value_of(uint32_t key) {
  const uint32_t bits = key & sign ? key & ~sign : ~key;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Sorts by the 32 bits of an item above `low`, stably; returns whichever of the two buffers holds the result.
template <int low, class Item>
Item* sort_items(Item* items, Item* other, int64_t count) {
  constexpr int digit_bits = 11, digits = 3;
  constexpr size_t values = size_t{1} << digit_bits;
  // A target item carries its index below the key, so here any sort is a stable one.
  if (count < 400) {
    std::sort(items, items + count);
    return items;
  }
  const auto digit = [](Item item, int d) {
    return static_cast<size_t>(item >> (low + d * digit_bits)) & (values - 1);
  };
  std::array<std::array<uint32_t, values>, digits> begin{};
  for (int64_t i = 0; i < count; ++i) {
    for (int d = 0; d < digits; ++d) ++begin[static_cast<size_t>(d)][digit(items[i], d)];
  }
  for (int d = 0; d < digits; ++d) {
    auto& starts = begin[static_cast<size_t>(d)];
    if (starts[digit(items[0], d)] == count) continue;  // all share this digit
    uint32_t total = 0;
    for (uint32_t& start : starts) total += std::exchange(start, total);
    for (int64_t i = 0; i < count; ++i) other[starts[digit(items[i], d)]++] = items[i];
    std::swap(items, other);
  }
  return items;
}

// The memory of one row's sorts, left uninitialised.
struct Scratch {
  explicit Scratch(int64_t columns)
      : keys(new uint32_t[2 * static_cast<size_t>(columns)]), order(new uint64_t[2 * static_cast<size_t>(columns)]) {}
  std::unique_ptr<uint32_t[]> keys;
  std::unique_ptr<uint64_t[]> order;
};

const uint32_t* sort_source(const float* source, int64_t columns, Scratch& scratch) {
  for (int64_t i = 0; i < columns; ++i) scratch.keys[static_cast<size_t>(i)] = ordered_key(source[i]);
  return sort_items<0>(scratch.keys.get(), scratch.keys.get() + columns, columns);
}

const uint64_t* sort_target(const float* target, int64_t columns, Scratch& scratch) {
  for (int64_t i = 0; i < columns; ++i) {
    scratch.order[static_cast<size_t>(i)] = uint64_t{ordered_key(target[i])} << 32 | static_cast<uint64_t>(i);
  }
  return sort_items<32>(scratch.order.get(), scratch.order.get() + columns, columns);
}

void place(const uint32_t* sorted, const uint64_t* order, int64_t columns, float* matched) {
  for (int64_t i = 0; i < columns; ++i) matched[static_cast<uint32_t>(order[i])] = value_of(sorted[i]);
}

}  // namespace

void rank_match(const float* source, const float* target, int64_t rows, int64_t columns, float* matched) {
  if (rows == 0 || columns == 0) return;
  if (rows < num_threads() && columns > 2000) {  // a few long rows: the two sorts of a row side by side
    Scratch scratch(columns);
    for (int64_t row = 0; row < rows; ++row) {
      const uint32_t* sorted = nullptr;
      const uint64_t* order = nullptr;
      parallel_for(2, [&](int64_t side, int) {
        if (side == 0) order = sort_target(target + row * columns, columns, scratch);
        if (side == 1) sorted = sort_source(source + row * columns, columns, scratch);
      });
      place(sorted, order, columns, matched + row * columns);
    }
    return;
  }
  const int64_t chunk = std::max<int64_t>(1, 4000 / columns);
  parallel_for((rows + chunk - 1) / chunk, [&](int64_t c, int) {
    Scratch scratch(columns);
    for (int64_t row = c * chunk; row < std::min(rows, (c + 1) * chunk); ++row) {
      const uint32_t* sorted = sort_source(source + row * columns, columns, scratch);
      place(sorted, sort_target(target + row * columns, columns, scratch), columns, matched + row * columns);
    }
  });
}

}  // namespace musc2::cpu
