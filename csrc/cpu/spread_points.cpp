#include "musc2/spread_points.h"

#include <algorithm>
#include <vector>

#include "common/parallel.h"
#include "cpu/few_nearest.h"

namespace musc2::cpu {

void spread_points(const float* points, const int64_t* offsets, const float* centers,
                   const int64_t* center_offsets, int64_t samples, const float* values,
                   int64_t neighbors, float* spread) {
  const std::vector<PointChunk> chunks = point_chunks(offsets, samples);
  parallel_for(static_cast<int64_t>(chunks.size()), [&](int64_t i) {
    const auto [sample, first, last] = chunks[static_cast<size_t>(i)];
    const int64_t own = center_offsets[sample], count = center_offsets[sample + 1] - own;
    const int keep = static_cast<int>(std::min(neighbors, count));
    FewNearest nearest(keep);
    nearest.find(points + 3 * first, last - first, centers + 3 * own, count);
    for (int64_t p = 0; p < last - first; ++p) {
      double total = 0, weights = 0;
      for (int k = 0; k < keep; ++k) {
        const double weight = 1 / (static_cast<double>(nearest.distance2(p, k)) + 1e-8);
        total += weight * static_cast<double>(values[own + nearest.index(p, k)]);
        weights += weight;
      }
      spread[first + p] = static_cast<float>(total / weights);
    }
  });
}

}  // namespace musc2::cpu
