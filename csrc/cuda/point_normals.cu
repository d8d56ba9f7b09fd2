// The neighbors of each point are found first (near_search.h); their indices are in scratch memory.
// Then a kernel has a thread per point, which sums up the covariance in the order of
// the neighbors, to match the bits of the CPU kernel, and keeps the matrix of the rotations in
// registers. The last averages the raw normals over the neighbors, in that order, too.
#include "common/normals.h"
#include "common/smallest_axis.h"
#include "cuda/device.h"
#include "cuda/near_search.h"
#include "musc2/point_normals.h"

namespace musc2::cuda {
namespace {

constexpr int threads = 128;

struct Root {
  __device__ float operator()(float value) const { return sqrtf(value); }
};

// All points of a batch, each with its neighbors: indices in its cloud, `room` apart.
struct Batch {
  const float* points;
  const int64_t* offsets;
  int64_t blocks_each;  // of `threads`, for a cloud
  const int32_t* index;
  int64_t room;
};

// The points as queries of a search.
struct Everywhere {
  const int64_t* offsets;

  __device__ int64_t first(int64_t cloud) const { return offsets[cloud]; }
  __device__ int64_t place(int64_t row, int64_t start, int64_t) const { return row - start; }
};

// The point of the calling thread.
struct Member {
  int64_t row, first;  // among all points, and the first point of its cloud
  int64_t neighbors;
  const int32_t* index;
  bool exists;

  __device__ explicit Member(const Batch& batch) {
    const int64_t cloud = blockIdx.x / batch.blocks_each, end = batch.offsets[cloud + 1];
    first = batch.offsets[cloud];
    row = first + blockIdx.x % batch.blocks_each * threads + threadIdx.x;
    neighbors = min(batch.room, end - first);
    index = batch.index + row * batch.room;
    exists = row < end;
  }
};

__global__ void __launch_bounds__(threads)
    find_axes(Batch batch, Point sensor, float* raw, float* variation) {
  const Member member(batch);
  if (!member.exists) return;
  Covariance sums;
  for (int64_t i = 0; i < member.neighbors; ++i)
    sums.add(batch.points + 3 * (member.first + member.index[i]), batch.points + 3 * member.row);
  float covariance[6];
  sums.write(member.neighbors, covariance, 1);
  const Axis<float> axis = smallest_axis(covariance, Root{});
  const float sign = (axis.x * sensor.x + axis.y * sensor.y) + axis.z * sensor.z < 0 ? -1.0f : 1.0f;
  float* const normal = raw + 3 * member.row;
  normal[0] = sign * axis.x, normal[1] = sign * axis.y, normal[2] = sign * axis.z;
  constexpr float largest = 1 / 3.0f;
  variation[member.row] = largest < axis.share ? largest : axis.share;
}

__global__ void __launch_bounds__(threads) smooth(Batch batch, const float* raw, float* normals) {
  const Member member(batch);
  if (!member.exists) return;
  float sum[3] = {};
  for (int64_t i = 0; i < member.neighbors; ++i) {
    const float* normal = raw + 3 * (member.first + member.index[i]);
    for (int d = 0; d < 3; ++d) sum[d] += normal[d];
  }
  write_direction(sum, raw + 3 * member.row, normals + 3 * member.row);
}

}  // namespace

int64_t point_normals_scratch(int64_t point_count, int64_t clouds, int64_t neighbors) {
  constexpr auto index_bytes = static_cast<int64_t>(sizeof(int32_t)),
                 normal_bytes = static_cast<int64_t>(3 * sizeof(float));
  return point_count * (neighbors * index_bytes + normal_bytes) + Boxes::bytes(point_count, clouds);
}

void point_normals(const float* points, const int64_t* offsets, int64_t clouds, const float* sensor,
                   int64_t neighbors, float* normals, float* variation, int64_t point_count,
                   int64_t largest_cloud, void* scratch, void* stream) {
  if (clouds == 0) return;
  auto* const raw = static_cast<float*>(scratch);
  auto* const index = reinterpret_cast<int32_t*>(raw + 3 * point_count);
  const Boxes boxes{reinterpret_cast<Box*>(index + point_count * neighbors)};
  search_near(__func__, points, offsets, clouds, Everywhere{offsets}, largest_cloud, neighbors,
              largest_cloud, boxes, index, nullptr, stream);
  const int64_t blocks_each = blocks_for(largest_cloud, threads);
  const unsigned blocks = blocks_for(clouds * blocks_each, 1);
  const Batch batch{points, offsets, blocks_each, index, neighbors};
  const Point direction{sensor[0], sensor[1], sensor[2]};
  MUSC2_LAUNCH(find_axes, blocks, threads, 0, stream, batch, direction, raw, variation);
  MUSC2_LAUNCH(smooth, blocks, threads, 0, stream, batch, raw, normals);
}

}  // namespace musc2::cuda
