// search_patches on every instruction set: the nearest patch by the packed numbers themselves.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "checks.h"
#include "packed.h"

namespace musc2::instruction_sets {
namespace {

using cpu::Search;

bool is_of_integers(Search search) { return search != Search::float32; }

// Rows of integers whose scale is a power of two, many of them equal: a search by integers rounds
// nothing then but what its own formula rounds, fused or not.
std::vector<float> exact_rows(Random& random, Search search, int64_t rows, int64_t channels,
                              bool extreme) {
  const int64_t top = search == Search::int8 ? 127 : search == Search::int16 ? 32767 : 64;
  const int64_t most = search == Search::int16 ? 300 : top;
  std::vector<std::vector<float>> kinds(static_cast<size_t>(std::max<int64_t>(1, rows * 2 / 3)));
  for (std::vector<float>& kind : kinds) {
    const auto scale = static_cast<float>(std::ldexp(1.0, static_cast<int>(random.below(3)) - 1));
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t value = extreme && search == Search::int8 ? (random.below(9) < 4 ? -top : top)
                                                              : random.below(2 * most + 1) - most;
      kind.push_back(scale * static_cast<float>(value));
    }
    kind[static_cast<size_t>(random.below(channels))] =
        scale * static_cast<float>(random.below(2) == 0 ? top : -top);
  }
  std::vector<float> patches;
  for (int64_t row = 0; row < rows; ++row) {
    const auto& kind = kinds[static_cast<size_t>(random.below(static_cast<int64_t>(kinds.size())))];
    patches.insert(patches.end(), kind.begin(), kind.end());
  }
  return patches;
}

// -distance^2 / 2 of all pairs, and how far rounding may take a search from it.
struct Values {
  std::vector<double> value, error;
  int64_t columns;
  size_t at(int64_t row, int64_t column) const {
    return static_cast<size_t>(row * columns + column);
  }
};

Values values_of(Search search, const Packed& a, const Packed& b, bool exact) {
  std::vector<std::vector<double>> left, right;
  for (int64_t row = 0; row < a.rows(); ++row) left.push_back(a.numbers(row));
  for (int64_t row = 0; row < b.rows(); ++row) right.push_back(b.numbers(row));
  Values all{{}, {}, b.rows()};
  for (size_t r = 0; r < left.size(); ++r) {
    for (size_t c = 0; c < right.size(); ++c) {
      double product = 0;  // of integers: exact, below 2^53
      for (size_t i = 0; i < left[r].size(); ++i) product += left[r][i] * right[c][i];
      const float half_a = a.patches().half_norms[r], half_b = b.patches().half_norms[c];
      const float scale_a = a.patches().scales[r], scale_b = b.patches().scales[c];
      if (exact) {
        const float scaled = static_cast<float>(static_cast<int32_t>(product)) * scale_b * scale_a;
        all.value.push_back(static_cast<double>(scaled + (half_b + half_a)));
        all.error.push_back(0);
        continue;
      }
      const double share = is_of_integers(search) ? 1e-6 : 1e-5;
      if (is_of_integers(search))
        product *= static_cast<double>(scale_a) * static_cast<double>(scale_b);
      const double halves = static_cast<double>(half_a) + static_cast<double>(half_b);
      all.value.push_back(product + halves);
      all.error.push_back(share * (std::abs(product) + std::abs(halves)));
    }
  }
  return all;
}

// `position(i)` is that of the i-th candidate of a line in `all`.
template <class Position>
void check_line(const Values& all, int64_t count, Position position, float value, int32_t index) {
  if (index < 0 || index >= count) return check(false, "an index is that of a patch");
  int64_t best = 0;
  double error = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (all.value[position(i)] > all.value[position(best)]) best = i;
    error = std::max(error, all.error[position(i)]);
  }
  const double nearest = all.value[position(best)], reported = all.value[position(index)];
  if (error == 0) {
    check(index == best, "the index is the lowest of the nearest: " + std::to_string(best) +
                             ", got " + std::to_string(index));
    check(static_cast<double>(value) == nearest, "the value has the bits of plain integers");
  } else {
    check(reported >= nearest - 2 * error, "the index is one of the nearest");
    check(std::abs(static_cast<double>(value) - reported) <= error, "the value is its own");
  }
}

void check_pair(Search search, const Packed& a, const Packed& b, bool exact) {
  std::vector<float> row_values(static_cast<size_t>(a.padded())),
      column_values(static_cast<size_t>(b.padded())),
      pairs(static_cast<size_t>(a.padded() * b.padded()));
  std::vector<int32_t> row_index(row_values.size()), column_index(column_values.size());
  cpu::search_patches()(search, a.patches(), b.patches(), {pairs.data(), b.padded()},
                        {row_values.data(), row_index.data()},
                        {column_values.data(), column_index.data()});
  const Values all = values_of(search, a, b, exact);
  for (int64_t row = 0; row < a.rows(); ++row) {
    const auto r = static_cast<size_t>(row);
    check_line(
        all, b.rows(), [&](int64_t column) { return all.at(row, column); }, row_values[r],
        row_index[r]);
  }
  for (int64_t column = 0; column < b.rows(); ++column) {
    const auto c = static_cast<size_t>(column);
    check_line(
        all, a.rows(), [&](int64_t row) { return all.at(row, column); }, column_values[c],
        column_index[c]);
  }
  bool kept = true;
  for (int64_t row = 0; row < a.rows(); ++row) {
    for (int64_t column = 0; column < b.rows(); ++column) {
      const auto value = static_cast<double>(pairs[static_cast<size_t>(row * b.padded() + column)]);
      const size_t at = all.at(row, column);
      kept &= std::abs(value - all.value[at]) <= all.error[at];
    }
  }
  check(kept, "the values of all pairs are kept");
}

struct Shape {
  int64_t rows, columns, channels;
};
// Tiles of one, two and three vectors on each instruction set, and several groups of micropanels.
constexpr Shape shapes[] = {{1, 1, 1},    {3, 5, 3},    {8, 17, 4},     {17, 16, 7},   {33, 48, 8},
                            {49, 47, 33}, {97, 33, 66}, {100, 31, 130}, {5, 350, 1301}};

}  // namespace

void check_searches() {
  for (const char* isa : isas()) {
    begin("searches", isa);
    const std::string name = isa;
    const bool has_int8 = name == "avx512vnni" || name == "avxvnni" || name == "dotprod";
    check(cpu::patch_search_exists()(Search::int8) == has_int8,
          "a search by int8 where it is fast");
    check(cpu::patch_search_exists()(Search::int16) == (name == "avx2"), "AVX2 searches by int16");
    for (const Search search : {Search::float32, Search::int8, Search::int16}) {
      if (!cpu::patch_search_exists()(search)) continue;
      for (const Shape& shape : shapes) {
        const int64_t rows = shape.rows, columns = shape.columns, channels = shape.channels;
        begin(std::string("search by ") + name_of(search) + " of " + std::to_string(rows) + " x " +
                  std::to_string(columns) + " x " + std::to_string(channels),
              isa);
        Random random(static_cast<uint32_t>(rows + columns + channels));
        const auto packed = [&](const std::vector<float>& patches, int64_t count) {
          return Packed(search, patches, count, channels,
                        std::vector<float>(static_cast<size_t>(channels)));
        };
        check_pair(search, packed(random.normal(rows * channels), rows),
                   packed(random.normal(columns * channels), columns), false);
        for (const bool extreme : {false, true}) {
          check_pair(search, packed(exact_rows(random, search, rows, channels, extreme), rows),
                     packed(exact_rows(random, search, columns, channels, extreme), columns),
                     is_of_integers(search));
        }
      }
    }
  }
}

}  // namespace musc2::instruction_sets
