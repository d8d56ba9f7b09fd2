// Each pick depends on the one before it, so what counts is the latency of a step. The cloud stays
// in registers, each warp with a range of consecutive points, and a step has a single barrier.
// Between barriers a warp updates the distances of its points and reduces its best key with two
// `redux` instructions; then every warp reduces the keys of all warps by itself. The keys alternate
// between two arrays, so a warp that is ahead does not overwrite those being read.
//
// A warp whose bounding box is farther from the pick than all of its points are from the earlier
// picks has nothing to update and keeps its key. In scans, where consecutive points are neighbors,
// that is most warps in most steps; in clouds in random order it is none.
//
// 512 threads x 20 points x 4 registers fill an SM: 10,240 points. A larger cloud takes a cluster
// of 2, 4 or 8 blocks, which write their keys into each other's shared memory. Points that the
// cluster (or, on GPUs without clusters, the block) cannot hold stay in memory. So 64 clouds of
// 20,000 points run on 128 SMs at once. A step has 20 points x 12 instructions x 4 warps per
// scheduler, at most 960 cycles of arithmetic, beside some 700 of latency (docs/dev/gpu.md).
//
// MUSC2_FARTHEST=async has the blocks of a cluster send each other messages instead.
#include <cstdlib>
#include <string_view>

#include "cuda/cluster.h"
#include "cuda/device.h"
#include "cuda/points.h"
#include "musc2/farthest_points.h"

namespace musc2::cuda {
namespace {

constexpr int threads = 512, warps = threads / warp_lanes, max_held = 20, max_blocks = 8;
constexpr int64_t block_points = threads * max_held;
constexpr Key no_key = 0;  // below all others

// The key of the point of a warp that is farthest from the picks, with the lowest index among
// equals.
__device__ Key farthest_key(float distance, uint32_t index) {
  const int most = __reduce_max_sync(whole_warp, __float_as_int(distance));
  const uint32_t lowest =
      __reduce_min_sync(whole_warp, __float_as_int(distance) == most ? index : UINT32_MAX);
  return most < 0 ? no_key : static_cast<Key>(most) << 32 | static_cast<uint32_t>(~lowest);
}

__device__ uint32_t picked_index(Key key) {
  return key == no_key ? 0 : ~static_cast<uint32_t>(key);
}

// The largest of `count` keys. Called by a warp.
__device__ Key largest_key(const Key* keys, int count) {
  Key own = no_key;
  for (int i = static_cast<int>(threadIdx.x % warp_lanes); i < count; i += warp_lanes)
    own = max(own, keys[i]);
  const uint32_t high = static_cast<uint32_t>(own >> 32), low = static_cast<uint32_t>(own);
  const uint32_t most = __reduce_max_sync(whole_warp, high);
  return static_cast<Key>(most) << 32 | __reduce_max_sync(whole_warp, high == most ? low : 0);
}

// The range of a cloud's points that belongs to one warp. Each lane holds `held` of them in
// registers; the others stay in memory.
template <int held>
class WarpPoints {
 public:
  // nearest: a float per point of the cloud; may be null when all points are held.
  __device__ WarpPoints(const float* points, int64_t begin, int64_t end, double skip_norm2,
                        float* nearest)
      : points_(points),
        nearest_(nearest),
        first_(static_cast<uint32_t>(begin) + threadIdx.x % warp_lanes),
        end_(static_cast<uint32_t>(end)) {
#pragma unroll
    for (int i = 0; i < held; ++i) {
      const uint32_t index = first_ + warp_lanes * i;
      held_nearest_[i] = -1;
      if (index >= end_) continue;
      held_[i] = load_point(points_, index);
      held_nearest_[i] = initial_distance(held_[i], skip_norm2);
    }
    for (uint32_t index = first_ + warp_lanes * held; index < end_; index += warp_lanes) {
      nearest_[index] = initial_distance(load_point(points_, index), skip_norm2);
    }
    box_.join_lanes();
    key_ = find_key([](float distance, uint32_t) { return distance; });
  }

  __device__ Key key() const { return key_; }

  __device__ void update(Point pick) {
    if (!(box_.bound(pick) < __uint_as_float(static_cast<uint32_t>(key_ >> 32)))) return;
#pragma unroll
    for (int i = 0; i < held; ++i)
      held_nearest_[i] = fminf(squared_distance(held_[i], pick), held_nearest_[i]);
    key_ = find_key([&](float distance, uint32_t index) {
      return nearest_[index] = fminf(squared_distance(load_point(points_, index), pick), distance);
    });
  }

 private:
  // The distance before the first pick; below 0 if the point must not be picked.
  __device__ float initial_distance(Point point, double skip_norm2) {
    box_.include(point);
    return squared(point.x, point.y, point.z) <= skip_norm2 ? -1.0f : infinity;
  }

  // update(distance, index) returns the new distance of a point in memory.
  template <class Update>
  __device__ Key find_key(const Update& update) {
    float farthest = -1;
    int number = 0;
#pragma unroll
    for (int i = 0; i < held; ++i) {
      if (held_nearest_[i] > farthest) farthest = held_nearest_[i], number = i;
    }
    uint32_t index = first_ + warp_lanes * static_cast<uint32_t>(number);
    for (uint32_t i = first_ + warp_lanes * held; i < end_; i += warp_lanes) {
      const float distance = update(nearest_[i], i);
      if (distance > farthest) farthest = distance, index = i;
    }
    return farthest_key(farthest, index);
  }

  const float* points_;
  float* nearest_;
  const uint32_t first_, end_;
  Point held_[held];
  float held_nearest_[held];
  Box box_;
  Key key_;
};

// What a step ends with.
struct Pick {
  Point point;
  int warp;  // of the cluster: the one that writes the index
  uint32_t index;
};

// The exchange by a barrier: each warp writes its key to all blocks, and after a barrier of the
// cluster all warps look up the pick. On a GPU that barrier empties the L1 cache.
class BarrierExchange {
 public:
  static constexpr int64_t shared_bytes(int64_t blocks) {
    return 2 * blocks * warps * static_cast<int64_t>(sizeof(Key));
  }

  __device__ BarrierExchange(const Cluster& cluster, int warp, const float* points, void* shared)
      : cluster_(cluster), warp_(warp), points_(points), keys_(static_cast<Key*>(shared)) {}

  __device__ Pick exchange(Key own, int step) const {
    const int lane = static_cast<int>(threadIdx.x % warp_lanes);
    const int blocks = cluster_.blocks(), all_warps = blocks * warps;
    Key* const keys = keys_ + step % 2 * all_warps;
    if (lane < blocks) *cluster_.in_block(keys + warp_, lane) = own;
    cluster_.barrier();
    const uint32_t index = picked_index(largest_key(keys, all_warps));
    return {load_point(points_, index), 0, index};
  }

 private:
  const Cluster& cluster_;
  int warp_;
  const float* points_;
  Key* keys_;  // (2, blocks, warps)
};

// The exchange by messages: each warp sends the distance and the coordinates of its farthest point
// to all blocks. Warps have ascending indices, so of equals the lowest warp has the pick.
template <int blocks>
class MessageExchange {
  static constexpr int all_warps = blocks * warps;

 public:
  static constexpr int64_t shared_bytes(int64_t) { return Inbox<all_warps>::bytes; }

  __device__ MessageExchange(const Cluster&, int warp, const float* points, void* shared)
      : warp_(warp), points_(points), inbox_(static_cast<float4*>(shared)) {}

  __device__ Pick exchange(Key own, int step) const {
    const int lane = static_cast<int>(threadIdx.x % warp_lanes);
    const uint32_t index = picked_index(own);
    const Point point = load_point(points_, index);
    const float distance =
        own == no_key ? -1.0f : __uint_as_float(static_cast<uint32_t>(own >> 32));
    if (lane < blocks) inbox_.send({distance, point.x, point.y, point.z}, warp_, step, lane);

    const float4* const received = inbox_.receive(step);
    float farthest = received[lane].x;
    int warp = lane;
#pragma unroll
    for (int i = lane + warp_lanes; i < all_warps; i += warp_lanes) {
      if (received[i].x > farthest) farthest = received[i].x, warp = i;
    }
    const int most = __reduce_max_sync(whole_warp, __float_as_int(farthest));
    warp = __reduce_min_sync(whole_warp, __float_as_int(farthest) == most ? warp : all_warps);
    const float4 pick = received[warp];
    return {{pick.y, pick.z, pick.w}, warp, index};
  }

 private:
  int warp_;
  const float* points_;
  Inbox<all_warps> inbox_;
};

template <int held, class Exchange>
__global__ void __launch_bounds__(threads, 1)
    sample(const float* points, const int64_t* offsets, int64_t count, int64_t start,
           double skip_norm2, int32_t* picks, float* nearest) {
  MUSC2_DYNAMIC_SHARED(unsigned char, shared);
  const Cluster cluster;
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  const int blocks = cluster.blocks(), all_warps = blocks * warps;
  const int warp = cluster.rank() * warps + static_cast<int>(threadIdx.x / warp_lanes);
  const int64_t cloud = blockIdx.x / blocks;
  const int64_t first = offsets[cloud], size = offsets[cloud + 1] - first;
  const int64_t share =
      ((size + all_warps - 1) / all_warps + warp_lanes - 1) / warp_lanes * warp_lanes;
  const int64_t begin = min(size, warp * share), end = min(size, begin + share);
  points += 3 * first;
  picks += cloud * count;

  WarpPoints<held> own(points, begin, end, skip_norm2,
                       nearest == nullptr ? nullptr : nearest + first);
  if (warp == 0 && lane == 0) picks[0] = static_cast<int32_t>(start);
  Point pick = load_point(points, start);
  const Exchange exchange(cluster, warp, points, shared);
  cluster.barrier();  // from here on all blocks of the cluster may be written to
  for (int step = 0; step < count - 1; ++step) {
    own.update(pick);
    const Pick next = exchange.exchange(own.key(), step);
    if (warp == next.warp && lane == 0) picks[step + 1] = static_cast<int32_t>(next.index);
    pick = next.point;
  }
}

struct Variant {
  decltype(&sample<max_held, BarrierExchange>) kernel;
  int64_t shared_bytes;
};

template <int held, class Exchange>
Variant variant(int64_t blocks) {
  return {sample<held, Exchange>, Exchange::shared_bytes(blocks)};
}

Variant with_barriers(int64_t blocks, int64_t largest) {
  const int64_t each = largest / (threads * blocks);
  return each < 5    ? variant<5, BarrierExchange>(blocks)
         : each < 10 ? variant<10, BarrierExchange>(blocks)
                     : variant<max_held, BarrierExchange>(blocks);
}

// For more than one block, which there are only where one has as many points as it can hold.
Variant with_messages(int64_t blocks) {
  return blocks == 2   ? variant<max_held, MessageExchange<2>>(blocks)
         : blocks == 4 ? variant<max_held, MessageExchange<4>>(blocks)
                       : variant<max_held, MessageExchange<max_blocks>>(blocks);
}

// Off by default until a GPU has confirmed the reading of the documentation.
bool messages_wanted() {
  const char* const setting = std::getenv("MUSC2_FARTHEST");
  return setting != nullptr && std::string_view(setting) == "async";
}

Variant chosen(int64_t blocks, int64_t largest) {
  if constexpr (has_inboxes) {
    if (blocks > 1 && messages_wanted()) return with_messages(blocks);
  }
  return with_barriers(blocks, largest);
}

}  // namespace

int64_t farthest_points_scratch(int64_t total, int64_t largest) {
  return largest > block_points ? 4 * total : 0;
}

void farthest_points(const float* points, const int64_t* offsets, int64_t clouds, int64_t count,
                     int64_t start, double skip_norm2, int32_t* picks, int64_t largest,
                     void* scratch, void* stream) {
  if (clouds == 0 || count == 0) return;
  int64_t blocks = 1;
  while (blocks < largest_cluster(max_blocks) && blocks * block_points < largest) blocks *= 2;
  const auto try_clusters_of = [&](int64_t blocks) {
    const Variant variant = chosen(blocks, largest);
    const Launch config{"farthest_points",
                        blocks_for(clouds * blocks, 1),
                        threads,
                        variant.shared_bytes,
                        stream,
                        static_cast<unsigned>(blocks)};
    if (blocks > 1 && clusters_that_fit(config, variant.kernel) == 0) return false;
    launch(config, variant.kernel, points, offsets, count, start, skip_norm2, picks,
           static_cast<float*>(scratch));
    return true;
  };
  while (!try_clusters_of(blocks)) blocks /= 2;  // more points stay in memory
}

}  // namespace musc2::cuda
