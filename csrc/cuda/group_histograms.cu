// The search for the neighbors of all centers (search.h) comes first, because the radius of a scale
// is a median over them. Then, for one scale after the other, a block per cloud finds the radius,
// by radix selection, and a block per center describes its neighbors.
//
// All sums are in the order of the neighbors, to match the bits of the CPU kernel: six threads add
// up the frame's, and a thread per bin goes through all positions and adds up what is its own.
#include "common/surface_frame.h"
#include "common/variation_bins.h"
#include "cuda/centers.h"
#include "cuda/device.h"
#include "cuda/search.h"
#include "musc2/group_histograms.h"

namespace musc2::cuda {
namespace {

constexpr int radius_threads = 256, threads = 64, columns = 10;
static_assert(sine_bins + tilt_bins + height_bins + variation_bins == histogram_bins,
              "four histograms");
static_assert(histogram_bins <= threads, "a thread per bin");

struct Root {
  __device__ float operator()(float value) const { return sqrtf(value); }
};

// The neighbors of all centers: (clouds * centers.each, widest) indices and squared distances.
struct Found {
  const int64_t* offsets;
  Centers centers;
  const int32_t* index;
  const float* distance2;
  int64_t widest;

  // The number of neighbors of a scale in a cloud.
  __device__ int64_t neighbors(int64_t scale, int64_t cloud) const {
    return min(scale, offsets[cloud + 1] - offsets[cloud]);
  }
};

// The value of a rank, from 0 on, among values that are not negative, by radix selection. Called by
// a block. counts: shared memory for `digits` numbers, found: for the digits of the value.
__device__ float value_of_rank(const float* values, int64_t count, int64_t stride, uint32_t rank,
                               uint32_t* counts, unsigned* found) {
  uint32_t rest = rank + 1;  // how many values with the digits so far, up to this one
  unsigned prefix = 0;
  for (int unknown = 31; unknown > 0;) {
    const int shift = max(unknown - digit_bits, 0);
    for (int digit = static_cast<int>(threadIdx.x); digit < digits; digit += radius_threads)
      counts[digit] = 0;
    __syncthreads();
    for (int64_t i = threadIdx.x; i < count; i += radius_threads) {
      const unsigned differs = __float_as_uint(values[i * stride]) ^ prefix;
      if (differs >> unknown == 0) atomicAdd(&counts[differs >> shift], 1u);
    }
    __syncthreads();
    if (threadIdx.x < warp_lanes) {
      uint32_t before;
      const uint32_t digit = find_digit(counts, rest, &before);
      if (threadIdx.x == 0) found[0] = prefix | digit << shift, found[1] = rest - before;
    }
    __syncthreads();
    prefix = found[0], rest = found[1];
    unknown = shift;
  }
  return __uint_as_float(prefix);
}

// The median over the centers of a cloud of the distance to their last neighbor of a scale.
__global__ void __launch_bounds__(radius_threads)
    measure_radius(Found found, int64_t scale, float* radius) {
  __shared__ uint32_t counts[digits];
  __shared__ unsigned state[2];
  const int64_t cloud = blockIdx.x, count = found.centers.each;
  const float* const last = found.distance2 + found.centers.first(cloud) * found.widest +
                            found.neighbors(scale, cloud) - 1;
  float sum = 0;  // of the middle one, or of the middle two
#pragma unroll 1
  for (int64_t rank = (count - 1) / 2; rank <= count / 2; ++rank) {
    sum +=
        sqrtf(value_of_rank(last, count, found.widest, static_cast<uint32_t>(rank), counts, state));
  }
  if (threadIdx.x == 0) radius[cloud] = count % 2 == 1 ? sum : sum / 2;
}

// One of the four histograms: its column of positions, its bins, and which of them is the thread's.
struct OwnBin {
  int column, bin;

  __device__ explicit OwnBin(int number) : column(6), bin(number) {
    constexpr int sizes[] = {sine_bins, tilt_bins, height_bins};
    for (int size : sizes) {
      if (bin < size) return;
      bin -= size, ++column;
    }
  }
};

// The memory of a block: columns of a value per neighbor. They are offsets from the center (0 to 2),
// normals (3 to 5), and positions among the bins (6 to 9).
class Describer {
 public:
  static int64_t bytes(int64_t neighbors) {
    return columns * stride_for(neighbors) * static_cast<int64_t>(sizeof(float));
  }

  __device__ Describer(float* memory, int count)
      : memory_(memory), count_(count), stride_(static_cast<int>(stride_for(count))) {}

  // points, normals, variation: of the cloud.
  __device__ void load(const float* points, const float* normals, const float* variation,
                       Point center, const int32_t* index) const {
    for (int i = thread(); i < count_; i += threads) {
      const Point point = load_point(points, index[i]), normal = load_point(normals, index[i]);
      at(0, i) = point.x - center.x, at(1, i) = point.y - center.y, at(2, i) = point.z - center.z;
      at(3, i) = normal.x, at(4, i) = normal.y, at(5, i) = normal.z;
      at(9, i) = variation_position(variation[index[i]]);
    }
    __syncthreads();
  }

  // sums: shared memory for six.
  __device__ Frame frame(const float* own_normal, float radius, float* sums) const {
    if (thread() < 6) {
      float sum = 0;
      for (int i = 0; i < count_; ++i) sum += at(thread(), i);
      sums[thread()] = sum;
    }
    __syncthreads();
    return surface_frame(sums, static_cast<float>(count_), own_normal, radius);
  }

  __device__ void place(const Frame& frame) const {
    for (int i = thread(); i < count_; i += threads) {
      const Surroundings<float> point{at(0, i), at(1, i), at(2, i), at(3, i), at(4, i), at(5, i)};
      const BinPositions<float> positions = bin_positions(point, frame, Root{});
      at(6, i) = positions.sine, at(7, i) = positions.tilt, at(8, i) = positions.height;
    }
    __syncthreads();
  }

  __device__ void count(float* histograms) const {
    if (thread() >= histogram_bins) return;
    const OwnBin own(thread());
    float sum = 0, total = 0;
    for (int i = 0; i < count_; ++i) {
      const float position = at(own.column, i);
      if (position < 0) continue;
      const int bin = static_cast<int>(position);
      const float beyond = position - static_cast<float>(bin);
      sum += bin == own.bin ? 1 - beyond : bin + 1 == own.bin ? beyond : 0.0f;
      total += 1;
    }
    histograms[thread()] = total > 0 ? sum / total : 0.0f;
  }

 private:
  // Odd, so that columns begin in different banks.
  __host__ __device__ static int64_t stride_for(int64_t neighbors) { return neighbors | 1; }
  __device__ static int thread() { return static_cast<int>(threadIdx.x); }
  __device__ float& at(int column, int i) const { return memory_[column * stride_ + i]; }

  float* memory_;
  int count_, stride_;
};

__global__ void __launch_bounds__(threads)
    describe(const float* points, const float* normals, const float* variation, Found found,
             int64_t scale, const float* radius, float* histograms, int64_t apart) {
  MUSC2_DYNAMIC_SHARED(float, memory);
  __shared__ float sums[6];
  const int64_t row = blockIdx.x, cloud = row / found.centers.each, first = found.offsets[cloud];
  const int64_t center = found.centers.place(row, found.offsets[cloud + 1] - first);
  points += 3 * first, normals += 3 * first;
  const Describer around(memory, static_cast<int>(found.neighbors(scale, cloud)));
  around.load(points, normals, variation + first, load_point(points, center),
              found.index + row * found.widest);
  around.place(around.frame(normals + 3 * center, radius[cloud], sums));
  around.count(histograms + row * apart);
}

}  // namespace

int64_t group_histograms_scratch(int64_t clouds, int64_t centers_each, int64_t widest,
                                 int64_t scale_count) {
  constexpr auto neighbor_bytes = static_cast<int64_t>(sizeof(int32_t) + sizeof(float)),
                 radius_bytes = static_cast<int64_t>(sizeof(float));
  return clouds * (centers_each * widest * neighbor_bytes + scale_count * radius_bytes);
}

void group_histograms(const float* points, const float* normals, const float* variation,
                      const int64_t* offsets, int64_t clouds, const int64_t* centers,
                      int64_t centers_each, const int64_t* scales, int64_t scale_count,
                      float* histograms, int64_t largest_cloud, void* scratch, void* stream) {
  const int64_t rows = clouds * centers_each;
  if (rows == 0) return;
  const int64_t widest = min(scales[scale_count - 1], largest_cloud);
  auto* const index = static_cast<int32_t*>(scratch);
  auto* const distance2 = reinterpret_cast<float*>(index + rows * widest);
  float* const radii = distance2 + rows * widest;
  const Centers all{centers, centers_each};
  search(__func__, points, offsets, clouds, all, centers_each, widest, index, distance2, stream);
  const Found found{offsets, all, index, distance2, widest};
  for (int64_t s = 0; s < scale_count; ++s) {
    float* const radius = radii + s * clouds;
    MUSC2_LAUNCH(measure_radius, blocks_for(clouds, 1), radius_threads, 0, stream, found, scales[s],
                 radius);
    MUSC2_LAUNCH(describe, blocks_for(rows, 1), threads,
                 Describer::bytes(min(scales[s], largest_cloud)), stream, points, normals,
                 variation, found, scales[s], radius, histograms + s * histogram_bins,
                 scale_count * histogram_bins);
  }
}

}  // namespace musc2::cuda
