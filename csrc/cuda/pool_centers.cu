// A warp per center. It goes through the centers of its sample once per neighbor, each time for the
// next larger pair of distance and index: at most 31 passes over a list in the L1 cache. Lane k
// then keeps neighbor k.
#include "cuda/pooling.h"
#include "cuda/squared_distance.h"
#include "musc2/pool_centers.h"

namespace musc2::cuda {
namespace {

constexpr int warps = 4;

__device__ int lane() { return static_cast<int>(threadIdx.x) % warp_lanes; }

// The sample of item n: the last one that starts at n or before and is not empty.
__device__ int64_t sample_of(int64_t n, const int64_t* offsets, int64_t samples) {
  int64_t low = 0, high = samples;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (offsets[middle] <= n ? low : high) = middle;
  }
  return low;
}

// The key of the next nearest of `count` centers after `last`, in the order of distance and index.
// Every lane gets it.
__device__ Key next_nearest(const float* position, const float* centers, int64_t count, Key last,
                            bool is_first) {
  Key best = ~Key{0};
  for (int64_t i = lane(); i < count; i += warp_lanes) {
    const Key key = make_key(squared_distance(position, centers + 3 * i), static_cast<unsigned>(i));
    if ((is_first || key > last) && key < best) best = key;
  }
  return over_warp(best, Smallest{});
}

// |a - b|, in every lane.
__device__ float token_distance(const float* a, const float* b, int64_t channels) {
  float sum = 0;
  for (int64_t c = lane(); c < channels; c += warp_lanes) {
    const float difference = a[c] - b[c];
    sum = fmaf(difference, difference, sum);
  }
  return sqrtf(over_warp(sum, Sum{}));
}

// The neighbors of one center, and their weights for each degree.
struct Neighbors {
  const float* tokens;
  const int* index;      // (kept,), in shared memory
  const float* weights;  // (degrees, kept), in shared memory
  int kept, channels;

  // Element `i` of the concatenated averages of all degrees.
  __device__ float concatenated(const Degrees& degrees, int i) const {
    const int degree = i / channels, channel = i % channels;
    float sum = 0;
    for (int k = 0; k < min(degrees.size[degree], kept); ++k) {
      sum = fmaf(weights[degree * kept + k], tokens[int64_t{index[k]} * channels + channel], sum);
    }
    return sum;
  }
};

__global__ void __launch_bounds__(warps* warp_lanes)
    pool(const float* tokens, const float* centers, const float* curvature, const int64_t* offsets,
         int64_t samples, int64_t channels, Degrees degrees, int most, float threshold,
         float* pooled) {
  MUSC2_DYNAMIC_SHARED(float, all_weights);
  __shared__ int all_index[warps][warp_lanes];
  const int warp = static_cast<int>(threadIdx.x) / warp_lanes;
  const int64_t center = int64_t{blockIdx.x} * warps + warp;
  if (center >= offsets[samples]) return;
  const float* const token = tokens + center * channels;
  float* const result = pooled + center * channels;
  if (curvature[center] >= threshold) {
    for (int64_t c = lane(); c < channels; c += warp_lanes) result[c] = token[c];
    return;
  }
  const int64_t sample = sample_of(center, offsets, samples);
  const int64_t own = offsets[sample], count = offsets[sample + 1] - own;
  const auto kept = static_cast<int>(min(int64_t{most}, count));
  int* const index = all_index[warp];
  float* const weights = all_weights + warp * degrees.count * most;

  Key last = 0;
  float distance = infinity;  // to neighbor lane()
  for (int k = 0; k < kept; ++k) {
    last = next_nearest(centers + 3 * center, centers + 3 * own, count, last, k == 0);
    const auto neighbor = static_cast<int>(index_of(last));
    const float neighbor_distance =
        token_distance(token, tokens + (own + neighbor) * channels, channels);
    if (lane() == k) {
      index[k] = neighbor;
      distance = neighbor_distance;
    }
  }
  for (int r = 0; r < degrees.count; ++r) {
    const bool takes_part = lane() < min(degrees.size[r], kept);
    // Another center at the same position may come first, with a token so different that its weight
    // would vanish. Relative to the smallest distance no sum of weights vanishes.
    const float excess = distance - over_warp(takes_part ? distance : infinity, Smallest{});
    const float weight = takes_part ? neighbor_weight(excess) : 0.0f;
    const float total = over_warp(weight, Sum{});
    if (lane() < kept) weights[r * kept + lane()] = weight / total;
  }
  __syncwarp();
  const Neighbors neighbors{tokens + own * channels, index, weights, kept,
                            static_cast<int>(channels)};
  for (int c = lane(); c < channels; c += warp_lanes) {
    float sum = 0;
    for (int r = 0; r < degrees.count; ++r)
      sum += neighbors.concatenated(degrees, c * degrees.count + r);
    result[c] = sum * (1.0f / static_cast<float>(degrees.count));
  }
}

}  // namespace

void pool_centers(const float* tokens, const float* centers, const float* curvature,
                  const int64_t* offsets, int64_t samples, int64_t channels, const int64_t* degrees,
                  int64_t degree_count, float threshold, float* pooled, int64_t count,
                  void* stream) {
  if (count == 0 || channels == 0) return;
  const Degrees copied = copy_degrees("pool_centers", degrees, degree_count);
  const int most = widest(copied);
  MUSC2_LAUNCH(pool, blocks_for(count, warps), warps * warp_lanes,
               static_cast<int64_t>(sizeof(float)) * warps * copied.count * most, stream, tokens,
               centers, curvature, offsets, samples, channels, copied, most, threshold, pooled);
}

}  // namespace musc2::cuda
