// A window holds few patches, so every pair is measured from the features; nothing is packed or
// searched.
#include <algorithm>
#include <vector>

#include "common/parallel.h"
#include "cpu/isa/patches.h"
#include "cpu/patch_results.h"
#include "musc2/nearest_patches.h"

namespace musc2::cpu {

void nearest_patches_in_window(const float* z, int64_t samples, int64_t height, int64_t width,
                               int64_t channels, const float* references, int64_t others,
                               int64_t window, float* distance, int32_t* index) {
  const bool mutual = references == nullptr;
  if (mutual) {
    references = z;
    others = samples;
  }
  const int64_t patches = height * width;
  start_at_infinity(distance, index, samples * patches * others);
  parallel_for(samples * others, [&](int64_t pair) {
    const int64_t i = pair / others, j = pair % others;
    if (mutual && i == j) return;
    const float* a = z + i * patches * channels;
    const float* b = references + j * patches * channels;
    const int64_t first = i * patches * others + j;
    const ResultColumn out{distance + first, index == nullptr ? nullptr : index + first, others};
    std::vector<int32_t> own, near;
    std::vector<float> distance2;
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const int64_t p = y * width + x;
        near.clear();
        for (int64_t v = std::max<int64_t>(0, y - window); v < std::min(height, y + window + 1);
             ++v) {
          for (int64_t u = std::max<int64_t>(0, x - window); u < std::min(width, x + window + 1);
               ++u) {
            near.push_back(static_cast<int32_t>(v * width + u));
          }
        }
        own.assign(near.size(), static_cast<int32_t>(p));
        distance2.resize(near.size());
        measure_patches()(a, b, own.data(), near.data(), static_cast<int64_t>(near.size()),
                          channels, distance2.data());
        const auto best = std::min_element(distance2.begin(), distance2.end()) - distance2.begin();
        out.update(p, distance2[static_cast<size_t>(best)], near[static_cast<size_t>(best)]);
      }
    }
  });
}

}  // namespace musc2::cpu
