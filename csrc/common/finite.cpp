#include "common/finite.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "common/parallel.h"

namespace musc2::cpu {
namespace {

uint32_t magnitude(const float* value) {
  uint32_t bits;
  std::memcpy(&bits, value, sizeof bits);
  return bits & 0x7fffffffu;
}

constexpr int64_t chunk = 1 << 16;

// The first value whose magnitude, as an integer, is at least `limit`.
void first_from(uint32_t limit, const float* values, int64_t count, int64_t* position) {
  const int64_t chunks = (count + chunk - 1) / chunk;
  std::vector<char> flagged(static_cast<size_t>(chunks), 0);
  parallel_for(chunks, [&](int64_t c) {
    const int64_t end = std::min(count, (c + 1) * chunk);
    bool any = false;
    for (int64_t i = c * chunk; i < end; ++i) any |= magnitude(values + i) >= limit;
    flagged[static_cast<size_t>(c)] = any;
  });
  const auto hit = std::find(flagged.begin(), flagged.end(), 1);
  *position = -1;
  if (hit == flagged.end()) return;
  const int64_t start = (hit - flagged.begin()) * chunk;
  for (*position = start; magnitude(values + *position) < limit;) ++*position;
}

constexpr uint32_t infinity = 0x7f800000u;

}  // namespace

void first_nonfinite(const float* values, int64_t count, int64_t* position) {
  first_from(infinity, values, count, position);
}

void first_nan(const float* values, int64_t count, int64_t* position) {
  first_from(infinity + 1, values, count, position);
}

void largest_magnitude(const float* values, int64_t count, float* largest) {
  const int64_t chunks = (count + chunk - 1) / chunk;
  std::vector<uint32_t> found(static_cast<size_t>(chunks), 0);
  parallel_for(chunks, [&](int64_t c) {
    const int64_t end = std::min(count, (c + 1) * chunk);
    uint32_t bits = 0;  // of floats that are not negative, which sort like integers
    for (int64_t i = c * chunk; i < end; ++i) bits = std::max(bits, magnitude(values + i));
    found[static_cast<size_t>(c)] = bits;
  });
  const uint32_t bits = found.empty() ? 0 : *std::max_element(found.begin(), found.end());
  std::memcpy(largest, &bits, sizeof bits);
}

}  // namespace musc2::cpu
