// One step per pick, and a pick depends on the one before it: what counts is the latency of a step. So the cloud stays
// in registers, each warp with a run of consecutive points, and a step has one barrier. Between barriers a warp updates
// the distances of its points and reduces its best key by two `redux` instructions, and every warp reduces the warps'
// keys again by itself, from one of two arrays in turn: a warp that runs ahead writes to the other one.
//
// A warp whose box is farther from the pick than any of its points is from the picks so far has nothing to update, and
// its key stays. In scans, where consecutive points are neighbours, that is most warps in most steps; in clouds in
// random order it is none.
//
// 512 threads x 20 points x 4 registers fill an SM: 10,240 points. A larger cloud takes a cluster of 2, 4 or 8 blocks,
// which write their keys into each other's shared memory; what a cluster does not hold, or a block of a GPU without
// clusters, stays in memory. So 64 clouds of 20,000 points run on 128 SMs at once, and a step has 20 points x 12
// instructions x 4 warps of a scheduler, 960 cycles of arithmetic at most, beside some 700 of latency (docs/gpu.md).
#include "cuda/cluster.h"
#include "cuda/device.h"
#include "cuda/places.h"
#include "musc2/farthest_points.h"

namespace musc2::cuda {
namespace {

constexpr int threads = 512, warps = threads / warp_lanes, most_held = 20, most_blocks = 8;
constexpr int64_t block_holds = threads * most_held;
constexpr Key nothing = 0;  // a key below all others

// Of the lanes of a warp, the point that is farthest from the picks, the one with the lowest index among equals.
__device__ Key farthest_key(float distance, uint32_t index) {
  const int most = __reduce_max_sync(whole_warp, __float_as_int(distance));
  const uint32_t lowest = __reduce_min_sync(whole_warp, __float_as_int(distance) == most ? index : UINT32_MAX);
  return most < 0 ? nothing : static_cast<Key>(most) << 32 | static_cast<uint32_t>(~lowest);
}

// The largest of keys, found by a warp.
__device__ Key largest_key(const Key* keys, int count) {
  Key own = nothing;
  for (int i = static_cast<int>(threadIdx.x % warp_lanes); i < count; i += warp_lanes) own = max(own, keys[i]);
  const uint32_t high = static_cast<uint32_t>(own >> 32), low = static_cast<uint32_t>(own);
  const uint32_t most = __reduce_max_sync(whole_warp, high);
  return static_cast<Key>(most) << 32 | __reduce_max_sync(whole_warp, high == most ? low : 0);
}

// The run of a cloud's points that one warp looks after; of them each lane holds `held`, the others are in memory.
template <int held>
class Run {
 public:
  // `nearest` has room for a float for each point of the cloud, but only if some are not held.
  __device__ Run(const float* points, int64_t begin, int64_t end, double skip_norm2, float* nearest)
      : points_(points),
        nearest_(nearest),
        first_(static_cast<uint32_t>(begin) + threadIdx.x % warp_lanes),
        end_(static_cast<uint32_t>(end)) {
#pragma unroll
    for (int i = 0; i < held; ++i) {
      const uint32_t index = first_ + warp_lanes * i;
      held_nearest_[i] = -1;
      if (index >= end_) continue;
      held_[i] = place(points_, index);
      held_nearest_[i] = begin_with(held_[i], skip_norm2);
    }
    for (uint32_t index = first_ + warp_lanes * held; index < end_; index += warp_lanes) {
      nearest_[index] = begin_with(place(points_, index), skip_norm2);
    }
    box_.join_lanes();
    key_ = find_key([](float distance, uint32_t) { return distance; });
  }

  __device__ Key key() const { return key_; }

  __device__ void update(Place pick) {
    if (!(box_.bound(pick) < __uint_as_float(static_cast<uint32_t>(key_ >> 32)))) return;
#pragma unroll
    for (int i = 0; i < held; ++i) held_nearest_[i] = fminf(squared_distance(held_[i], pick), held_nearest_[i]);
    key_ = find_key([&](float distance, uint32_t index) {
      return nearest_[index] = fminf(squared_distance(place(points_, index), pick), distance);
    });
  }

 private:
  // The distance of a new point to no picks; below 0 when it may not be picked.
  __device__ float begin_with(Place at, double skip_norm2) {
    box_.include(at);
    return squared(at.x, at.y, at.z) <= skip_norm2 ? -1.0f : infinity;
  }

  // now(distance, index) is what becomes of the distance of a point in memory.
  template <class Now>
  __device__ Key find_key(const Now& now) {
    float farthest = -1;
    int number = 0;
#pragma unroll
    for (int i = 0; i < held; ++i) {
      if (held_nearest_[i] > farthest) farthest = held_nearest_[i], number = i;
    }
    uint32_t index = first_ + warp_lanes * static_cast<uint32_t>(number);
    for (uint32_t i = first_ + warp_lanes * held; i < end_; i += warp_lanes) {
      const float distance = now(nearest_[i], i);
      if (distance > farthest) farthest = distance, index = i;
    }
    return farthest_key(farthest, index);
  }

  const float* points_;
  float* nearest_;
  const uint32_t first_, end_;
  Place held_[held];
  float held_nearest_[held];
  Box box_;
  Key key_;
};

template <int held>
__global__ void __launch_bounds__(threads, 1) sample(const float* points, const int64_t* offsets, int64_t count,
                                                     int64_t start, double skip_norm2, int32_t* picks, float* nearest) {
  MUSC2_DYNAMIC_SHARED(Key, keys);  // (2, blocks, warps)
  const Cluster cluster;
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  const int blocks = cluster.blocks(), all_warps = blocks * warps;
  const int warp = cluster.rank() * warps + static_cast<int>(threadIdx.x / warp_lanes);
  const int64_t cloud = blockIdx.x / blocks;
  const int64_t first = offsets[cloud], size = offsets[cloud + 1] - first;
  const int64_t share = ((size + all_warps - 1) / all_warps + warp_lanes - 1) / warp_lanes * warp_lanes;
  const int64_t begin = min(size, warp * share), end = min(size, begin + share);
  points += 3 * first;
  picks += cloud * count;

  Run<held> run(points, begin, end, skip_norm2, nearest == nullptr ? nullptr : nearest + first);
  if (warp == 0 && lane == 0) picks[0] = static_cast<int32_t>(start);
  Place pick = place(points, start);
  cluster.barrier();  // all blocks of the cluster are there now, and may be written to
  for (int64_t i = 1; i < count; ++i) {
    run.update(pick);
    Key* step_keys = keys + (i % 2) * all_warps;
    if (lane < blocks) *cluster.in_block(step_keys + warp, lane) = run.key();
    cluster.barrier();
    const Key key = largest_key(step_keys, all_warps);
    const uint32_t index = key == nothing ? 0 : ~static_cast<uint32_t>(key);
    if (warp == 0 && lane == 0) picks[i] = static_cast<int32_t>(index);
    pick = place(points, index);
  }
}

}  // namespace

int64_t farthest_points_scratch(int64_t total, int64_t largest) { return largest > block_holds ? 4 * total : 0; }

void farthest_points(const float* points, const int64_t* offsets, int64_t clouds, int64_t count, int64_t start,
                     double skip_norm2, int32_t* picks, int64_t largest, void* scratch, void* stream) {
  if (clouds == 0 || count == 0) return;
  int64_t blocks = 1;
  while (blocks < largest_cluster(most_blocks) && blocks * block_holds < largest) blocks *= 2;
  const int64_t each = largest / (threads * blocks);
  const auto kernel = each < 5 ? sample<5> : each < 10 ? sample<10> : sample<most_held>;
  MUSC2_LAUNCH_CLUSTERS(kernel, static_cast<unsigned>(blocks), blocks_for(clouds * blocks, 1), threads,
                        2 * blocks * warps * static_cast<int64_t>(sizeof(Key)), stream, points, offsets, count, start,
                        skip_norm2, picks, static_cast<float*>(scratch));
}

}  // namespace musc2::cuda
