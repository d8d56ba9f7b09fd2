#include "musc2/lowest_mean.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "common/parallel.h"

namespace musc2::cpu {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

int64_t bound(double fraction, int64_t count, int64_t taking_part) {
  const int64_t wanted = fraction >= 0 ? static_cast<int64_t>(fraction * static_cast<double>(taking_part)) : count;
  return std::min(wanted, taking_part);
}

}  // namespace

void lowest_mean(const float* values, int64_t rows, int64_t columns, double low_fraction, int64_t low_count,
                 double high_fraction, int64_t high_count, float* mean) {
  constexpr int64_t chunk = 64;
  parallel_for((rows + chunk - 1) / chunk, [&](int64_t c, int) {
    std::vector<float> kept(static_cast<size_t>(columns));
    for (int64_t row = c * chunk; row < std::min(rows, (c + 1) * chunk); ++row) {
      const float* source = values + row * columns;
      const auto end = std::copy_if(source, source + columns, kept.begin(), [](float v) { return v < infinity; });
      const int64_t taking_part = end - kept.begin();
      if (taking_part == 0) {
        mean[row] = infinity;
        continue;
      }
      const int64_t high = std::max<int64_t>(1, bound(high_fraction, high_count, taking_part));
      const int64_t low = std::min(high - 1, bound(low_fraction, low_count, taking_part));
      std::nth_element(kept.begin(), kept.begin() + (high - 1), end);
      std::sort(kept.begin(), kept.begin() + high);
      double sum = 0;
      for (int64_t i = low; i < high; ++i) sum += kept[static_cast<size_t>(i)];
      mean[row] = static_cast<float>(sum / static_cast<double>(high - low));
    }
  });
}

}  // namespace musc2::cpu
