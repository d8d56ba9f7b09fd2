// Two kernels. The first finds the search sets (search.h) and writes them to scratch memory, 1 KB
// for a group of 256. The second has a block per center, which keeps the search set in shared
// memory and computes the offsets, the curvature, and for a curved center the growth, whose steps
// are selections (smallest.h).
//
// The curvature's sums are sums of doubles in the order of the neighbors, to match the bits of the
// CPU kernel. All threads compute the terms; then one lane each adds up the three means, and one
// each the nine covariances.
#include "common/curvature.h"
#include "cuda/centers.h"
#include "cuda/device.h"
#include "cuda/growth.h"
#include "cuda/search.h"
#include "musc2/group_points.h"

namespace musc2::cuda {
namespace {

// curvature() of common/curvature.h, by a block. terms: shared memory for 3 * count +
// GroupMemory::sums doubles.
__device__ float block_curvature(const float* offsets, int count, double* terms) {
  const int thread = static_cast<int>(threadIdx.x);
  double *const mean = terms + 3 * count, *const covariance = mean + 3;
  double largest = 0;
  for (int i = thread; i < count; i += group_threads)
    largest = max(largest, squared_length(offsets + 3 * i));
  largest = over_block(largest, mean, Largest{});
  if (!(largest > 0)) return 0;
  const double scale = 1 / sqrt(largest);
  for (int i = thread; i < 3 * count; i += group_threads)
    terms[i] = scaled(offsets, i / 3, i % 3, scale);
  __syncthreads();
  if (thread < 3) {
    double sum = 0;
    for (int i = 0; i < count; ++i) sum += terms[3 * i + thread];
    mean[thread] = sum / count;
  }
  __syncthreads();
  for (int i = thread; i < 3 * count; i += group_threads) terms[i] -= mean[i % 3];
  __syncthreads();
  if (thread < 9) {
    double sum = 0;
    for (int i = 0; i < count; ++i) sum += terms[3 * i + thread / 3] * terms[3 * i + thread % 3];
    covariance[thread] = sum;
  }
  __syncthreads();
  if (thread == 0) {
    double matrix[3][3];
    for (int i = 0; i < 9; ++i) matrix[i / 3][i % 3] = covariance[i];
    mean[0] = smallest_share_of_eigenvalues(matrix);
  }
  __syncthreads();
  return static_cast<float>(mean[0]);
}

// Of a cloud without points.
__device__ void write_no_group(int size, int32_t* index, float* neighborhood) {
  for (int i = static_cast<int>(threadIdx.x); i < size; i += group_threads) index[i] = -1;
  for (int i = static_cast<int>(threadIdx.x); i < 3 * size; i += group_threads) neighborhood[i] = 0;
}

__global__ void __launch_bounds__(group_threads, 8)
    form_groups(const float* points, const int64_t* offsets, Centers centers,
                const int32_t* search_sets, int size, int start, int search, float threshold,
                bool unique, int32_t* index, float* curvatures, float* neighborhood) {
  MUSC2_DYNAMIC_SHARED(double, memory);
  const GroupMemory group_memory(memory, search, size);
  const int64_t row = blockIdx.x, cloud = row / centers.each, first = offsets[cloud];
  const int64_t cloud_size = offsets[cloud + 1] - first;
  const int searched = static_cast<int>(min(int64_t{search}, cloud_size));
  const int nearest = min(size, searched);
  const int thread = static_cast<int>(threadIdx.x);
  if (cloud_size == 0) {
    if (thread == 0) curvatures[row] = 0;
    write_no_group(size, index + row * size, neighborhood + row * size * 3);
    return;
  }
  points += 3 * first;
  const Point center = centers.at(row, points, cloud_size);
  for (int i = thread; i < searched; i += group_threads) {
    const int32_t point = search_sets[row * search + i];
    const Point position = load_point(points, point);
    group_memory.points[i] = point;
    group_memory.positions[i] = position;
    group_memory.offsets[i] = {position.x - center.x, position.y - center.y, position.z - center.z};
  }
  __syncthreads();
  const float curvature =
      block_curvature(&group_memory.offsets[1].x, nearest - 1, group_memory.terms);
  if (thread == 0) curvatures[row] = curvature;
  Growth growth(group_memory, searched, size, start);
  const int members = curvature < threshold ? growth.begin(nearest) : growth.grow(unique);
  index += row * size;
  neighborhood += row * size * 3;
  const int32_t* const group = group_memory.members + size - members;
  for (int i = thread; i < size; i += group_threads)
    index[i] = group_memory.points[group[i % members]];
  for (int i = thread; i < 3 * size; i += group_threads) {
    neighborhood[i] = (&group_memory.offsets[group[i / 3 % members]].x)[i % 3];
  }
}

}  // namespace

int64_t group_points_scratch(int64_t clouds, int64_t centers_each, int64_t search) {
  return clouds * centers_each * search * static_cast<int64_t>(sizeof(int32_t));
}

void group_points(const float* points, const int64_t* offsets, int64_t clouds,
                  const int64_t* centers, int64_t centers_each, int64_t size, int64_t start,
                  int64_t search, float threshold, bool unique, int32_t* index, float* curvature,
                  float* neighborhood, void* scratch, void* stream) {
  if (clouds * centers_each == 0) return;
  auto* const search_sets = static_cast<int32_t*>(scratch);
  const Centers all{centers, centers_each};
  cuda::search(__func__, points, offsets, clouds, all, centers_each, search, search_sets, nullptr,
               stream);
  MUSC2_LAUNCH(form_groups, blocks_for(clouds * centers_each, 1), group_threads,
               GroupMemory::bytes(search, size), stream, points, offsets, all, search_sets,
               static_cast<int>(size), static_cast<int>(min(start, size)), static_cast<int>(search),
               threshold, unique, index, curvature, neighborhood);
}

}  // namespace musc2::cuda
