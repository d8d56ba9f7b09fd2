#pragma once
// A squared distance and an index in one number that sorts by distance, then by index. Distances
// are not negative, so their bits sort like they do.
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

// Moves the `selected` smallest of count >= selected different keys to the front, sorted. `limit`
// is at least the largest distance; `scratch` has room for count keys. Distances of neighbors are
// spread evenly enough that binning by distance leaves little to sort.
inline void sort_smallest(uint64_t* keys, int64_t count, int64_t selected, float limit,
                          uint64_t* scratch) {
  constexpr int bins = 256;
  const float scale = static_cast<float>(bins) / limit;
  if (count <= 24 || !(scale > 0 && std::isfinite(scale))) {
    std::partial_sort(keys, keys + selected, keys + count);
    return;
  }
  const auto bin_of = [scale](uint64_t key) {
    return std::min(bins - 1, static_cast<int>(distance_of(key) * scale));
  };
  uint32_t starts[bins + 1] = {};
  for (int64_t i = 0; i < count; ++i) ++starts[bin_of(keys[i])];
  uint32_t sum = 0;
  for (uint32_t& start : starts) start = sum += start;
  for (int64_t i = count; i-- > 0;) scratch[--starts[bin_of(keys[i])]] = keys[i];
  int bin = 0;
  for (; bin < bins && starts[bin] < selected; ++bin) {
    if (starts[bin + 1] - starts[bin] > 40)
      std::sort(scratch + starts[bin], scratch + starts[bin + 1]);
  }
  for (int64_t i = 1; i < starts[bin]; ++i) {
    const uint64_t key = scratch[i];
    int64_t position = i;
    for (; position > 0 && scratch[position - 1] > key; --position)
      scratch[position] = scratch[position - 1];
    scratch[position] = key;
  }
  std::copy_n(scratch, selected, keys);
}

}  // namespace musc2::cpu
