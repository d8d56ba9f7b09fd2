// What pack_patches writes, on every instruction set, from its contract in patches.h.
#include <algorithm>
#include <cmath>
#include <limits>

#include "checks.h"
#include "packed.h"

namespace musc2::instruction_sets {
namespace {

using cpu::Search;

bool near(double a, double b, double share) { return std::abs(a - b) <= share * std::abs(b); }

void check_row(Search search, const Packed& packed, int64_t row, const std::vector<float>& values) {
  const auto at = static_cast<size_t>(row);
  const double scale = static_cast<double>(packed.patches().scales[at]);
  double largest = 0, norm = 0, packed_norm = 0, total = 0, lost = 0;
  bool rounded = true;
  for (int64_t c = 0; c < packed.channels(); ++c) {
    const auto channel = static_cast<size_t>(c);
    const double value = channel < values.size() ? static_cast<double>(values[channel]) : 0;
    const double number = packed.number(row, c);
    largest = std::max(largest, std::abs(value));
    norm += value * value;
    packed_norm += number * number;
    total += number;
    const double difference = number * (scale > 0 ? scale : 1) - value;
    lost += difference * difference;
    if (search == Search::float32) rounded &= number == value;
    if (search != Search::float32)
      rounded &= std::abs(number * scale - value) <= 0.5005 * scale + 1e-30;
  }
  check(rounded, "packed numbers are the values, rounded");
  const bool scaled = search != Search::float32;
  check(near(static_cast<double>(packed.patches().half_norms[at]),
             -packed_norm * (scaled ? scale * scale : 1) / 2, 1e-5),
        "half norms are those of the packed numbers");
  check(static_cast<double>(packed.patches().errors[at]) >= std::sqrt(lost) * (1 - 1e-6),
        "errors are bounds");
  if (search == Search::int8) {
    check(near(scale, largest / 127, 1e-6), "127 is the largest magnitude");
    check(packed.patches().row_starts[at] == static_cast<int32_t>(-128 * total),
          "row starts are -128 times the sum");
  }
  if (search == Search::int16) {
    check(packed_norm < 2147483648.0, "products of two rows fit into 32 bits");
    const double least = std::max(largest / 32767, std::sqrt(norm) / 46340);
    check(scale >= least * (1 - 1e-6) && scale <= least * 1.05 + 1e-30, "steps are small");
  }
}

void check_padding(const Packed& packed) {
  bool empty = true;
  for (int64_t row = packed.rows(); row < packed.padded(); ++row) {
    const float half_norm = packed.patches().half_norms[static_cast<size_t>(row)];
    empty &= half_norm == -std::numeric_limits<float>::infinity();
    empty &= packed.patches().scales[static_cast<size_t>(row)] == 0;
    for (const double number : packed.numbers(row)) empty &= number == 0;
  }
  check(empty, "padding is zeros of an infinite norm");
}

}  // namespace

void check_packing() {
  for (const char* isa : isas()) {
    for (const Search search : {Search::float32, Search::int8, Search::int16}) {
      for (const int64_t channels : {1, 2, 5, 31, 64, 130, 389}) {
        begin(std::string("packing ") + name_of(search), isa);
        Random random(static_cast<uint32_t>(channels));
        constexpr int64_t rows = 53;
        std::vector<float> patches = random.normal(rows * channels);
        for (int64_t c = 0; c < channels; ++c) patches[static_cast<size_t>(7 * channels + c)] = 0;
        const std::vector<float> center = random.normal(channels, 0.3f);
        const Packed packed(search, patches, rows, channels, center);
        for (int64_t row = 0; row < rows; ++row) {
          std::vector<float> values(static_cast<size_t>(channels));
          for (size_t c = 0; c < values.size(); ++c)
            values[c] = patches[static_cast<size_t>(row * channels) + c] - center[c];
          check_row(search, packed, row, values);
        }
        check_padding(packed);
      }
    }
  }
}

}  // namespace musc2::instruction_sets
