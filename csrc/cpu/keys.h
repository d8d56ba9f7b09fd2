#pragma once
// A squared distance and an index in one number that sorts by distance, then by index: distances are not negative, so
// their bits rise with them.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace musc2::cpu {

inline uint64_t make_key(float distance, int32_t index) {
  uint32_t bits;
  std::memcpy(&bits, &distance, sizeof bits);
  return uint64_t{bits} << 32 | static_cast<uint32_t>(index);
}

inline int32_t index_of(uint64_t key) { return static_cast<int32_t>(key & 0xffffffffu); }

inline float distance_of(uint64_t key) {
  const uint32_t bits = static_cast<uint32_t>(key >> 32);
  float distance;
  std::memcpy(&distance, &bits, sizeof distance);
  return distance;
}

// Puts the `wanted` smallest of count >= wanted different keys in front, sorted. `limit` is no smaller than the largest
// distance, `aside` has room for count keys. Distances of neighbours are spread evenly enough that a sort by their
// share of the limit leaves little to do.
inline void sort_smallest(uint64_t* keys, int64_t count, int64_t wanted, float limit, uint64_t* aside) {
  constexpr int bins = 256;
  const float scale = static_cast<float>(bins) / limit;
  if (count <= 24 || !(scale > 0 && std::isfinite(scale))) {
    std::partial_sort(keys, keys + wanted, keys + count);
    return;
  }
  const auto bin_of = [scale](uint64_t key) { return std::min(bins - 1, static_cast<int>(distance_of(key) * scale)); };
  uint32_t starts[bins + 1] = {};
  for (int64_t i = 0; i < count; ++i) ++starts[bin_of(keys[i])];
  uint32_t sum = 0;
  for (uint32_t& start : starts) start = sum += start;
  for (int64_t i = count; i-- > 0;) aside[--starts[bin_of(keys[i])]] = keys[i];
  int bin = 0;
  for (; bin < bins && starts[bin] < wanted; ++bin) {
    if (starts[bin + 1] - starts[bin] > 40) std::sort(aside + starts[bin], aside + starts[bin + 1]);
  }
  for (int64_t i = 1; i < starts[bin]; ++i) {
    const uint64_t key = aside[i];
    int64_t place = i;
    for (; place > 0 && aside[place - 1] > key; --place) aside[place] = aside[place - 1];
    aside[place] = key;
  }
  std::copy_n(aside, wanted, keys);
}

}  // namespace musc2::cpu
