// A counting sort: count, sum up, fill. Filling moves start[q] to the end of patch q, which is the
// start of patch q + 1, so shifting the array by one restores the starts.
#include "musc2/link_patches.h"

#include <algorithm>

#include "common/parallel.h"

namespace musc2::cpu {

void link_patches(const int64_t* pixels, const int64_t* offsets, int64_t samples, int64_t height,
                  int64_t width, int64_t grid_height, int64_t grid_width, int32_t* patch,
                  int32_t* start, int32_t* groups) {
  const int64_t patches = grid_height * grid_width;
  parallel_for(samples, [&](int64_t b) {
    const int64_t first = offsets[b], count = offsets[b + 1] - first;
    int32_t* starts = start + b * (patches + 1);
    std::fill(starts, starts + patches + 1, 0);
    for (int64_t g = first; g < first + count; ++g) {
      const int64_t row = pixels[g] / width, column = pixels[g] % width;
      patch[g] = static_cast<int32_t>(row * grid_height / height * grid_width +
                                      column * grid_width / width);
      ++starts[patch[g] + 1];
    }
    for (int64_t q = 0; q < patches; ++q) starts[q + 1] += starts[q];
    for (int64_t g = 0; g < count; ++g)
      groups[first + starts[patch[first + g]]++] = static_cast<int32_t>(g);
    std::copy_backward(starts, starts + patches, starts + patches + 1);
    starts[0] = 0;
  });
}

}  // namespace musc2::cpu
