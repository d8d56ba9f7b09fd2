// Rows of up to 2,048 values pass through a sorting network side by side, one row per vector lane:
// no branch depends on a value. Comparators that affect no selected value are left out.
#include "musc2/lowest_mean.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "common/parallel.h"
#include "cpu/isa/sort_columns.h"

namespace musc2::cpu {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

struct Interval {
  double low_fraction, high_fraction;
  int64_t low_count, high_count;

  static int64_t bound(double fraction, int64_t count, int64_t taking_part) {
    const int64_t rank =
        fraction >= 0 ? static_cast<int64_t>(fraction * static_cast<double>(taking_part)) : count;
    return std::min(rank, taking_part);
  }
  int64_t high(int64_t taking_part) const {
    return std::max<int64_t>(1, bound(high_fraction, high_count, taking_part));
  }
  int64_t low(int64_t taking_part) const {
    return std::min(high(taking_part) - 1, bound(low_fraction, low_count, taking_part));
  }
};

// Batcher's merge exchange sort (Knuth, volume 3, 5.2.2 M), as far as it affects the `selected`
// lowest of n values.
std::vector<uint16_t> sorting_network(int64_t n, int64_t selected) {
  std::vector<uint16_t> pairs;
  int64_t top = 1;
  while (2 * top < n) top *= 2;
  for (int64_t p = top; p > 0; p /= 2) {
    int64_t q = top, r = 0, d = p;
    for (;;) {
      for (int64_t i = 0; i < n - d; ++i) {
        if ((i & p) != r) continue;
        pairs.push_back(static_cast<uint16_t>(i));
        pairs.push_back(static_cast<uint16_t>(i + d));
      }
      if (q == p) break;
      d = q - p;
      q /= 2;
      r = p;
    }
  }
  std::vector<bool> used(static_cast<size_t>(n), false);
  std::fill(used.begin(), used.begin() + selected, true);
  std::vector<uint16_t> kept;  // from the back
  for (size_t i = pairs.size(); i > 0; i -= 2) {
    const uint16_t first = pairs[i - 2], second = pairs[i - 1];
    if (!used[first] && !used[second]) continue;
    used[first] = used[second] = true;
    kept.push_back(second);
    kept.push_back(first);
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

// Scratch memory for rows side by side.
struct Columns {
  explicit Columns(int64_t n) : memory(static_cast<size_t>((n + 1) * sort_lanes)) {
    constexpr uintptr_t line = sort_lanes * sizeof(float);  // a column in one cache line
    values = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(memory.data()) + line - 1) /
                                      line * line);
  }
  std::vector<float> memory;
  float* values;
  int32_t count[sort_lanes], low[sort_lanes], high[sort_lanes];
  double sums[sort_lanes];
};

// rows: sort_lanes of them.
void mean_side_by_side(const float* rows, int64_t n, const Interval& interval,
                       const std::vector<uint16_t>& network, Columns& columns, float* mean) {
  rows_to_columns()(rows, n, columns.values, columns.count);
  exchange_columns()(columns.values, network.data(), static_cast<int64_t>(network.size() / 2));
  for (int64_t lane = 0; lane < sort_lanes; ++lane) {
    columns.low[lane] = static_cast<int32_t>(interval.low(columns.count[lane]));
    columns.high[lane] = static_cast<int32_t>(interval.high(columns.count[lane]));
  }
  sum_columns()(columns.values, columns.low, columns.high, columns.sums);
  for (int64_t lane = 0; lane < sort_lanes; ++lane) {
    mean[lane] = static_cast<float>(columns.sums[lane] / (columns.high[lane] - columns.low[lane]));
  }
}

void mean_alone(const float* row, int64_t n, const Interval& interval, std::vector<float>& kept,
                float* mean) {
  kept.resize(static_cast<size_t>(n));
  const auto end = std::copy_if(row, row + n, kept.begin(), [](float v) { return v < infinity; });
  const int64_t taking_part = end - kept.begin();
  if (taking_part == 0) {
    *mean = infinity;
    return;
  }
  const int64_t high = interval.high(taking_part), low = interval.low(taking_part);
  std::nth_element(kept.begin(), kept.begin() + (high - 1), end);
  std::sort(kept.begin(), kept.begin() + high);
  double sum = 0;
  for (int64_t i = low; i < high; ++i) sum += static_cast<double>(kept[static_cast<size_t>(i)]);
  *mean = static_cast<float>(sum / static_cast<double>(high - low));
}

}  // namespace

void lowest_mean(const float* values, int64_t rows, int64_t columns, double low_fraction,
                 int64_t low_count, double high_fraction, int64_t high_count, float* mean) {
  constexpr int64_t chunk = 4 * sort_lanes, widest_network = 2048;
  const Interval interval{low_fraction, high_fraction, low_count, high_count};
  const bool by_network = columns <= widest_network && rows >= sort_lanes;
  const std::vector<uint16_t> network =
      by_network ? sorting_network(columns, interval.high(columns)) : std::vector<uint16_t>();
  parallel_for((rows + chunk - 1) / chunk, [&](int64_t c) {
    const int64_t end = std::min(rows, (c + 1) * chunk);
    int64_t row = c * chunk;
    if (by_network) {
      Columns side_by_side(columns);
      for (; row + sort_lanes <= end; row += sort_lanes) {
        mean_side_by_side(values + row * columns, columns, interval, network, side_by_side,
                          mean + row);
      }
    }
    std::vector<float> kept;
    for (; row < end; ++row)
      mean_alone(values + row * columns, columns, interval, kept, mean + row);
  });
}

}  // namespace musc2::cpu
