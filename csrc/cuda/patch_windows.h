#pragma once
// The search in a window. Each result measures (2 window + 1)^2 patches, too few for matrix cores
// to pay off, so a warp measures them in float32, 4 at a time. The windows of consecutive results
// overlap, so their features stay in the cache.
#include "cuda/row_distance.h"

namespace musc2::cuda {

struct Grid {
  int64_t height, width, window;
};

constexpr int window_threads = 256;

template <class Feature>
__global__ void search_windows(const typename Feature::Stored* z, int64_t results, Grid grid,
                               int channels, const typename Feature::Stored* references,
                               int64_t others, bool mutual, float* distance, int32_t* index) {
  const int64_t result = (static_cast<int64_t>(blockIdx.x) * window_threads + threadIdx.x) / 32;
  if (result >= results) return;
  const int64_t patches = grid.height * grid.width, other = result % others, row = result / others;
  const int64_t patch = row % patches, y = patch / grid.width, x = patch % grid.width;
  const int64_t top = max(int64_t{0}, y - grid.window), left = max(int64_t{0}, x - grid.window);
  const int64_t across = min(grid.width, x + grid.window + 1) - left;
  const int64_t count = (min(grid.height, y + grid.window + 1) - top) * across;
  const bool skipped = mutual && row / patches == other;

  float best = infinity;
  auto nearest = static_cast<int>(top * grid.width + left);
  for (int64_t first = 0; first < (skipped ? 0 : count); first += 4) {
    const int64_t number = first + threadIdx.x % 32 / 8;
    const bool in_window = number < count;
    const int64_t other_patch =
        in_window ? (top + number / across) * grid.width + left + number % across : 0;
    const float distance2 = row_distance<Feature>(
        z + row * channels, references + (other * patches + other_patch) * channels,
        in_window ? channels : 0);
    if (in_window && distance2 < best) best = distance2, nearest = static_cast<int>(other_patch);
  }
  for (int lanes = 8; lanes < 32; lanes *= 2) {
    const float their_best = __shfl_xor_sync(whole_warp, best, lanes);
    const int their_nearest = __shfl_xor_sync(whole_warp, nearest, lanes);
    if (their_best < best || (their_best == best && their_nearest < nearest)) {
      best = their_best;
      nearest = their_nearest;
    }
  }
  if (threadIdx.x % 32 > 0) return;
  distance[result] = sqrtf(best);
  if (index != nullptr) index[result] = skipped ? -1 : nearest;
}

template <class Feature>
void launch_windows(const void* z, int64_t samples, Grid grid, int64_t channels,
                    const void* references, int64_t others, float* distance, int32_t* index,
                    void* stream) {
  using Stored = typename Feature::Stored;
  const bool mutual = references == nullptr;
  const int64_t results = samples * grid.height * grid.width * others;
  launch({"nearest_patches", blocks_for(results, window_threads / warp_lanes), window_threads, 0,
          stream},
         search_windows<Feature>, static_cast<const Stored*>(z), results, grid,
         static_cast<int>(channels), static_cast<const Stored*>(mutual ? z : references), others,
         mutual, distance, index);
}

}  // namespace musc2::cuda
