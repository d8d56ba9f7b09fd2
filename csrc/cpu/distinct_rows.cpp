#include "cpu/distinct_rows.h"

#include <cstddef>
#include <cstring>
#include <vector>

namespace musc2::cpu {
namespace {

uint64_t hash(const float* row, int64_t channels) {
  constexpr int64_t chains = 4;  // independent products hide their latency
  uint64_t state[chains] = {1, 2, 3, 4};
  const auto mix = [](uint64_t& chain, uint64_t bits) {
    chain = (chain ^ bits) * 0x9e3779b97f4a7c15u;
    chain ^= chain >> 32;
  };
  int64_t c = 0;
  for (; c + 2 * chains <= channels; c += 2 * chains) {
    uint64_t bits[chains];
    std::memcpy(bits, row + c, sizeof bits);
    for (int64_t i = 0; i < chains; ++i) mix(state[i], bits[i]);
  }
  for (; c < channels; ++c) {
    uint32_t bits;
    std::memcpy(&bits, row + c, sizeof bits);
    mix(state[c % chains], bits);
  }
  for (int64_t i = 1; i < chains; ++i) mix(state[0], state[i]);
  return state[0];
}

}  // namespace

int64_t distinct_rows(const float* rows, int64_t count, int64_t channels, int32_t* first,
                      int32_t* kind) {
  size_t places = 1;
  while (places < 2 * static_cast<size_t>(count)) places *= 2;
  std::vector<int32_t> table(places, -1);  // kinds by their hash, with open addressing
  std::vector<uint64_t> hashes;
  hashes.reserve(static_cast<size_t>(count));
  const size_t row_bytes = static_cast<size_t>(channels) * sizeof(float);
  for (int64_t row = 0; row < count; ++row) {
    const float* values = rows + row * channels;
    const uint64_t own = hash(values, channels);
    size_t place = own & (places - 1);
    for (; table[place] >= 0; place = (place + 1) & (places - 1)) {
      const auto other = static_cast<size_t>(table[place]);
      if (hashes[other] == own &&
          std::memcmp(rows + first[other] * channels, values, row_bytes) == 0)
        break;
    }
    if (table[place] < 0) {
      table[place] = static_cast<int32_t>(hashes.size());
      first[hashes.size()] = static_cast<int32_t>(row);
      hashes.push_back(own);
    }
    kind[row] = table[place];
  }
  return static_cast<int64_t>(hashes.size());
}

}  // namespace musc2::cpu
