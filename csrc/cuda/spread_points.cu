// A thread per point, which keeps the nearest centers in registers, sorted, while all centers pass
// through shared memory in order. After the first few dozen centers hardly any is nearer than the
// last one kept, so one comparison per center is nearly all of the work.
#include "cuda/squared_distance.h"
#include "musc2/spread_points.h"

namespace musc2::cuda {
namespace {

constexpr int threads = 256;

// The `length` smallest of the values inserted, ascending; of equal ones the first.
template <int length>
struct Shortlist {
  float distance2[length];
  int index[length];

  __device__ Shortlist() {
#pragma unroll
    for (int k = 0; k < length; ++k) {
      distance2[k] = infinity;
      index[k] = 0;
    }
  }
  __device__ void insert(float candidate, int candidate_index) {
    if (!(candidate < distance2[length - 1])) return;
#pragma unroll
    for (int k = length - 1; k > 0; --k) {  // entries behind the new one move back
      const bool at_k = candidate < distance2[k], before_k = candidate < distance2[k - 1];
      distance2[k] = before_k ? distance2[k - 1] : at_k ? candidate : distance2[k];
      index[k] = before_k ? index[k - 1] : at_k ? candidate_index : index[k];
    }
    if (candidate < distance2[0]) {
      distance2[0] = candidate;
      index[0] = candidate_index;
    }
  }
};

template <int length>
__global__ void __launch_bounds__(threads)
    spread_each(const float* points, const int64_t* offsets, const float* centers,
                const int64_t* center_offsets, unsigned blocks_each, const float* values,
                int neighbors, float* spread) {
  __shared__ float staged[3 * threads];
  const int64_t sample = blockIdx.x / blocks_each;
  const int64_t point = offsets[sample] + int64_t{blockIdx.x % blocks_each} * threads + threadIdx.x;
  const bool in_bounds = point < offsets[sample + 1];
  const int64_t own = center_offsets[sample], count = center_offsets[sample + 1] - own;
  const float* coordinates = points + 3 * (in_bounds ? point : 0);
  const float position[3] = {coordinates[0], coordinates[1], coordinates[2]};
  Shortlist<length> nearest;
  for (int64_t first = 0; first < count; first += threads) {
    const auto batch = static_cast<int>(min(int64_t{threads}, count - first));
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < 3 * batch; i += threads)
      staged[i] = centers[3 * (own + first) + i];
    __syncthreads();
    for (int i = 0; i < batch; ++i) {
      nearest.insert(squared_distance(position, staged + 3 * i), static_cast<int>(first) + i);
    }
  }
  if (!in_bounds) return;
  double total = 0, weights = 0;
#pragma unroll
  for (int k = 0; k < length; ++k) {
    if (k >= neighbors || k >= count) break;
    const double weight = 1 / (static_cast<double>(nearest.distance2[k]) + 1e-8);
    total += weight * static_cast<double>(values[own + nearest.index[k]]);
    weights += weight;
  }
  spread[point] = static_cast<float>(total / weights);
}

}  // namespace

void spread_points(const float* points, const int64_t* offsets, const float* centers,
                   const int64_t* center_offsets, int64_t samples, const float* values,
                   int64_t neighbors, float* spread, int64_t largest, void* stream) {
  if (samples == 0 || largest == 0) return;
  const unsigned blocks_each = blocks_for(largest, threads);
  const auto kernel = neighbors <= 3 ? spread_each<3> : spread_each<8>;
  MUSC2_LAUNCH(kernel, blocks_for(samples * blocks_each, 1), threads, 0, stream, points, offsets,
               centers, center_offsets, blocks_each, values, static_cast<int>(neighbors), spread);
}

}  // namespace musc2::cuda
