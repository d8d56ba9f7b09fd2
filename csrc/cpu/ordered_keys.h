#pragma once
// Unsigned integers that sort like float values, and a sort of items with such a key in their high
// bits.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

namespace musc2::cpu {

constexpr uint32_t sign_bit = 0x80000000u;

// -0 and +0 have the same key.
inline uint32_t ordered_key(float value) {
  const float with_plain_zero = value + 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &with_plain_zero, sizeof bits);
  return bits & sign_bit ? ~bits : bits | sign_bit;
}

inline float value_of_key(uint32_t key) {
  const uint32_t bits = key & sign_bit ? key & ~sign_bit : ~key;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Sorts count < 2^32 items by the 32 bits from `low` on. Returns the buffer, of the two, that holds
// the result. Stable, except that the bits below `low` may count as well.
template <int low, class Item>
Item* sort_items(Item* items, Item* other, int64_t count) {
  constexpr int digit_bits = 11, digits = 3;
  constexpr size_t values = size_t{1} << digit_bits;
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
    if (starts[digit(items[0], d)] == count) continue;  // all have the same digit
    uint32_t total = 0;
    for (uint32_t& start : starts) total += std::exchange(start, total);
    for (int64_t i = 0; i < count; ++i) other[starts[digit(items[i], d)]++] = items[i];
    std::swap(items, other);
  }
  return items;
}

}  // namespace musc2::cpu
