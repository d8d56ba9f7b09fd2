#include "cpu/isa/micropanels.h"

namespace musc2::cpu::MUSC2_ISA {
namespace {

constexpr int64_t rows_at_once = 8;  // share the features of some columns in the L1 or L2 cache

float largest_of(const float* values, int64_t count) {
  float largest = values[0];
  for (int64_t i = 1; i < count; ++i) largest = values[i] > largest ? values[i] : largest;
  return largest;
}

// The value of a pair at a distance, rounded down by more than what its users round off.
Floats value_at(Floats distance) { return -0.500001f * distance * distance; }

}  // namespace

void measure_within(PairValues pairs, const float* slack, const KnownNearest& a,
                    const KnownNearest& b, float* farthest) {
  // Most pairs are beyond what would be in reach with the largest errors and slack of any.
  const float error_a = largest_of(a.errors, a.rows), error_b = largest_of(b.errors, b.rows);
  const float most_slack = largest_of(slack, a.rows);
  for (int64_t column = 0; column < b.rows; column += width)
    store(farthest + column, value_at(load(b.reach + column) + error_a) - most_slack);

  const auto measure = [&](int64_t row, int64_t start, Floats values) {
    const Floats reach =
        larger(load(b.errors + start) + a.reach[row], load(b.reach + start) + a.errors[row]);
    for (uint32_t left = at_least(values, value_at(reach) - slack[row]); left != 0;
         left &= left - 1) {
      const int64_t column = start + __builtin_ctz(left);
      const float distance2 = squared_distance(
          feature_row(a.features, row), feature_row(b.features, column), a.features.channels);
      a.update(row, distance2, b.features.rows[column]);
      b.update(column, distance2, a.features.rows[row]);
    }
  };
  for (int64_t first = 0; first < a.rows; first += rows_at_once) {
    const int64_t end = first + rows_at_once < a.rows ? first + rows_at_once : a.rows;
    for (int64_t start = 0; start < b.rows; start += width) {
      const Floats of_columns = load(farthest + start);
      for (int64_t row = first; row < end; ++row) {
        const Floats values = load(pairs.values + row * pairs.stride + start);
        const Floats of_row = value_at(Floats{} + (a.reach[row] + error_b)) - most_slack;
        if (at_least(values, smaller(of_columns, of_row)) != 0) measure(row, start, values);
      }
    }
  }
}

}  // namespace musc2::cpu::MUSC2_ISA
