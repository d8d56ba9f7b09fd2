#include "musc2/pool_centers.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/parallel.h"
#include "cpu/few_nearest.h"
#include "cpu/isa/pool_tokens.h"
#include "cpu/neighbor_weight.h"

namespace musc2::cpu {

void pool_centers(const float* tokens, const float* centers, const float* curvature,
                  const int64_t* offsets, int64_t samples, int64_t channels, const int64_t* degrees,
                  int64_t degree_count, float threshold, float* pooled) {
  const int64_t widest = *std::max_element(degrees, degrees + degree_count);
  const std::vector<PointChunk> chunks = point_chunks(offsets, samples);
  parallel_for(static_cast<int64_t>(chunks.size()), [&](int64_t i) {
    const auto [sample, first, last] = chunks[static_cast<size_t>(i)];
    const int64_t own = offsets[sample], count = offsets[sample + 1] - own;
    const int keep = static_cast<int>(std::min(widest, count));
    FewNearest nearest(keep);
    nearest.find(centers + 3 * first, last - first, centers + 3 * own, count);
    std::vector<float> concatenated(static_cast<size_t>(degree_count * channels));
    for (int64_t g = first; g < last; ++g) {
      const float* token = tokens + g * channels;
      if (curvature[g] >= threshold) {
        std::copy(token, token + channels, pooled + g * channels);
        continue;
      }
      const float* neighbors[most_few];
      float distances[most_few], weights[most_few];
      for (int k = 0; k < keep; ++k) {
        neighbors[k] = tokens + (own + nearest.index(g - first, k)) * channels;
        distances[k] = std::sqrt(token_distance2()(token, neighbors[k], channels));
      }
      for (int64_t r = 0; r < degree_count; ++r) {
        const int64_t taken = std::min<int64_t>(degrees[r], keep);
        // Another center at the same position may come first, with a token so different that its
        // weight would vanish. Relative to the smallest distance no sum of weights vanishes.
        const float closest = *std::min_element(distances, distances + taken);
        float total = 0;
        for (int64_t k = 0; k < taken; ++k)
          total += weights[k] = neighbor_weight(distances[k] - closest);
        for (int64_t k = 0; k < taken; ++k) weights[k] /= total;
        token_sum()(neighbors, weights, taken, channels, concatenated.data() + r * channels);
      }
      mean_of_consecutive()(concatenated.data(), degree_count, channels, pooled + g * channels);
    }
  });
}

}  // namespace musc2::cpu
