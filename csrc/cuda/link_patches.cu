// A counting sort by one block per sample: count, sum up, fill. start[q + 1] first counts patch q,
// then says where it begins, and filling moves it to where patch q ends. Groups are filled in as
// many at a time as the block has threads, each at its rank among those of its patch, so they come
// out in ascending order without a sort.
#include "cuda/device.h"
#include "musc2/link_patches.h"

namespace musc2::cuda {
namespace {

constexpr int threads = 256;

// The image and its grid of patches. Pixels outside the image are clamped.
struct Cells {
  int64_t height, width, rows, columns;

  __device__ int patch_of(int64_t pixel) const {
    const int64_t inside = max(int64_t{0}, min(pixel, height * width - 1));
    const int64_t row = inside / width, column = inside % width;
    return static_cast<int>(row * rows / height * columns + column * columns / width);
  }
};

// Exclusive prefix sum, in place. sums: shared memory for a number per thread.
__device__ void sum_before(int* values, int64_t count, int* sums) {
  const int64_t each = (count + threads - 1) / threads;
  const int64_t begin = min(count, threadIdx.x * each), end = min(count, begin + each);
  int own = 0;
  for (int64_t i = begin; i < end; ++i) own += values[i];
  sums[threadIdx.x] = own;
  __syncthreads();
  for (unsigned step = 1; step < threads; step *= 2) {
    const int earlier = threadIdx.x >= step ? sums[threadIdx.x - step] : 0;
    __syncthreads();
    sums[threadIdx.x] += earlier;
    __syncthreads();
  }
  int before = sums[threadIdx.x] - own;
  for (int64_t i = begin; i < end; ++i) {
    const int value = values[i];
    values[i] = before;
    before += value;
  }
}

__global__ void __launch_bounds__(threads) link(const int64_t* pixels, const int64_t* offsets,
                                                Cells cells, int* patch, int* start, int* groups) {
  __shared__ int shared[threads];
  const int64_t patches = cells.rows * cells.columns;
  const int64_t first = offsets[blockIdx.x], count = offsets[blockIdx.x + 1] - first;
  int* const starts = start + blockIdx.x * (patches + 1);
  for (int64_t q = threadIdx.x; q <= patches; q += threads) starts[q] = 0;
  __syncthreads();
  for (int64_t g = threadIdx.x; g < count; g += threads) {
    patch[first + g] = cells.patch_of(pixels[first + g]);
    atomicAdd(starts + patch[first + g] + 1, 1);
  }
  __syncthreads();
  sum_before(starts + 1, patches, shared);
  for (int64_t done = 0; done < count; done += threads) {
    const int64_t group = done + threadIdx.x;
    const bool in_bounds = group < count;
    const int own = in_bounds ? patch[first + group] : -1;
    __syncthreads();
    shared[threadIdx.x] = own;
    __syncthreads();
    int before = 0, after = 0;
    for (int t = 0; t < threads; ++t) {
      before += shared[t] == own && t < static_cast<int>(threadIdx.x);
      after += shared[t] == own && t > static_cast<int>(threadIdx.x);
    }
    if (in_bounds) groups[first + starts[own + 1] + before] = static_cast<int>(group);
    __syncthreads();
    if (in_bounds && after == 0) starts[own + 1] += before + 1;
  }
}

}  // namespace

void link_patches(const int64_t* pixels, const int64_t* offsets, int64_t samples, int64_t height,
                  int64_t width, int64_t grid_height, int64_t grid_width, int32_t* patch,
                  int32_t* start, int32_t* groups, void* stream) {
  if (samples == 0) return;
  const Cells cells{height, width, grid_height, grid_width};
  MUSC2_LAUNCH(link, blocks_for(samples, 1), threads, 0, stream, pixels, offsets, cells, patch,
               start, groups);
}

}  // namespace musc2::cuda
