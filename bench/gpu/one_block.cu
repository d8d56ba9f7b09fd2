// Farthest point sampling as the libraries of point networks do it, for comparison: a block per
// cloud, the distance to the nearest pick of every point in memory, and for each pick a tree of
// barriers over the threads' best points.
#include <cuda_runtime.h>

namespace {

constexpr int threads = 512;

__global__ void __launch_bounds__(threads)
    sample(const float* points, int size, int count, float* nearest, int* picks) {
  __shared__ float best_distance[threads];
  __shared__ int best_index[threads];
  points += static_cast<size_t>(blockIdx.x) * size * 3;
  nearest += static_cast<size_t>(blockIdx.x) * size;
  picks += static_cast<size_t>(blockIdx.x) * count;
  const int own = static_cast<int>(threadIdx.x);
  for (int i = own; i < size; i += threads) nearest[i] = __int_as_float(0x7f800000);
  int pick = 0;
  if (own == 0) picks[0] = pick;
  for (int step = 1; step < count; ++step) {
    const float x = points[3 * pick], y = points[3 * pick + 1], z = points[3 * pick + 2];
    float farthest = -1;
    int index = 0;
    for (int i = own; i < size; i += threads) {
      const float dx = points[3 * i] - x, dy = points[3 * i + 1] - y, dz = points[3 * i + 2] - z;
      const float distance = fminf((dx * dx + dy * dy) + dz * dz, nearest[i]);
      nearest[i] = distance;
      if (distance > farthest) farthest = distance, index = i;
    }
    best_distance[own] = farthest;
    best_index[own] = index;
    for (int half = threads / 2; half > 0; half /= 2) {
      __syncthreads();
      if (own >= half) continue;
      const float other = best_distance[own + half];
      if (other < best_distance[own]) continue;
      if (other == best_distance[own] && best_index[own + half] > best_index[own]) continue;
      best_distance[own] = other;
      best_index[own] = best_index[own + half];
    }
    __syncthreads();
    pick = best_index[0];
    __syncthreads();
    if (own == 0) picks[step] = pick;
  }
}

}  // namespace

extern "C" int one_block_farthest_points(const float* points, int clouds, int size, int count,
                                         float* nearest, int* picks, void* stream) {
  sample<<<clouds, threads, 0, static_cast<cudaStream_t>(stream)>>>(points, size, count, nearest,
                                                                    picks);
  return cudaGetLastError();
}
