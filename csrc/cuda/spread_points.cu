// A thread per point, which keeps the nearest centers in registers, sorted, while the centers pass by in order through
// shared memory. After the first few dozen hardly any is nearer than the last one kept, so one comparison per center is
// nearly all of the work.
#include "cuda/squared_distance.h"
#include "musc2/spread_points.h"

namespace musc2::cuda {
namespace {

constexpr int threads = 256;

// The `most` smallest of the values offered, ascending; of equal ones those that came first.
template <int most>
struct Shortlist {
  float distance2[most];
  int index[most];

  __device__ Shortlist() {
#pragma unroll
    for (int k = 0; k < most; ++k) {
      distance2[k] = infinity;
      index[k] = 0;
    }
  }
  __device__ void offer(float candidate, int from) {
    if (!(candidate < distance2[most - 1])) return;
#pragma unroll
    for (int k = most - 1; k > 0; --k) {  // a place after the new one's takes its predecessor
      const bool here = candidate < distance2[k], before = candidate < distance2[k - 1];
      distance2[k] = before ? distance2[k - 1] : here ? candidate : distance2[k];
      index[k] = before ? index[k - 1] : here ? from : index[k];
    }
    if (candidate < distance2[0]) {
      distance2[0] = candidate;
      index[0] = from;
    }
  }
};

template <int most>
__global__ void __launch_bounds__(threads)
    spread_each(const float* points, const int64_t* offsets, const float* centers, const int64_t* center_offsets,
                unsigned blocks_each, const float* values, int neighbours, float* spread) {
  __shared__ float passing[3 * threads];
  const int64_t sample = blockIdx.x / blocks_each;
  const int64_t point = offsets[sample] + int64_t{blockIdx.x % blocks_each} * threads + threadIdx.x;
  const bool is_there = point < offsets[sample + 1];
  const int64_t own = center_offsets[sample], count = center_offsets[sample + 1] - own;
  const float* from = points + 3 * (is_there ? point : 0);
  const float place[3] = {from[0], from[1], from[2]};
  Shortlist<most> nearest;
  for (int64_t first = 0; first < count; first += threads) {
    const auto here = static_cast<int>(min(int64_t{threads}, count - first));
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < 3 * here; i += threads) passing[i] = centers[3 * (own + first) + i];
    __syncthreads();
    for (int i = 0; i < here; ++i) {
      nearest.offer(squared_distance(place, passing + 3 * i), static_cast<int>(first) + i);
    }
  }
  if (!is_there) return;
  double total = 0, weights = 0;
#pragma unroll
  for (int k = 0; k < most; ++k) {
    if (k >= neighbours || k >= count) break;
    const double weight = 1 / (static_cast<double>(nearest.distance2[k]) + 1e-8);
    total += weight * static_cast<double>(values[own + nearest.index[k]]);
    weights += weight;
  }
  spread[point] = static_cast<float>(total / weights);
}

}  // namespace

void spread_points(const float* points, const int64_t* offsets, const float* centers, const int64_t* center_offsets,
                   int64_t samples, const float* values, int64_t neighbours, float* spread, int64_t largest,
                   void* stream) {
  if (samples == 0 || largest == 0) return;
  const unsigned blocks_each = blocks_for(largest, threads);
  const auto kernel = neighbours <= 3 ? spread_each<3> : spread_each<8>;
  MUSC2_LAUNCH(kernel, blocks_for(samples * blocks_each, 1), threads, 0, stream, points, offsets, centers,
               center_offsets, blocks_each, values, static_cast<int>(neighbours), spread);
}

}  // namespace musc2::cuda
